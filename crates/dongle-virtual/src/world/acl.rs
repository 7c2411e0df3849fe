//! ACL data: takes it from hosts as credits allow, moves it over links, delivers it to hosts.

use std::collections::BTreeMap;
use std::time::Duration;

use super::commands::{Answer, Outcome};
use super::controller::{Controller, ControllerId, OutgoingKind};
use super::link::{LinkId, Side};
use super::{Pacing, World};
use crate::hci::event;
use crate::hci::status::*;
use crate::hci::{Reader, indicator};

/// How many link layer packets each side sends in one connection event.
const PACKETS_PER_EVENT: usize = 6;

/// A packet from a host on its way over the air.
#[derive(Debug)]
pub(crate) struct AclPacket {
    data: Vec<u8>,
    /// How much of it has arrived.
    sent: usize,
    /// Whether it begins an L2CAP frame.
    first: bool,
    pub(crate) ready_at: Duration,
}

impl Controller {
    /// Whether another packet can be delivered to the host.
    fn takes_data(&mut self) -> bool {
        let flow = &self.host_flow;
        let by_host = !flow.enabled || flow.buffers == 0 || flow.outstanding < flow.buffers;
        let room = by_host && self.waiting_acl < self.config.receive_buffers;
        self.held_back |= !room;
        room
    }

    fn overflow(&mut self) {
        const LINK_TYPE_ACL: u8 = 1;
        self.event(event::DATA_BUFFER_OVERFLOW, &[LINK_TYPE_ACL]);
    }
}

impl World {
    /// Takes an ACL packet from a host: handle and flags, then data.
    pub(super) fn handle_acl(&mut self, id: ControllerId, word: u16, data: &[u8]) {
        let (handle, boundary, broadcast) = (word & 0x0FFF, word >> 12 & 0b11, word >> 14);
        let now = self.now;
        let Some(controller) = self.controllers.get_mut(&id) else {
            return;
        };
        let name = &controller.config.name;
        let Some(&link_id) = controller.handles.get(&handle) else {
            log::debug!("{name}: data for handle {handle:#05x}, which has no link");
            controller.stats.unknown_handle += 1;
            return;
        };
        if boundary == 0b11 || broadcast != 0 {
            log::warn!("{name}: flags {boundary:#b} and {broadcast:#b} are not allowed on LE");
            controller.stats.malformed += 1;
            return;
        }
        if data.len() > usize::from(controller.config.acl_length) {
            log::warn!(
                "{name}: {} octets for a buffer of {}",
                data.len(),
                controller.config.acl_length
            );
            controller.stats.oversized += 1;
            controller.overflow();
            return;
        }
        if controller.in_flight >= usize::from(controller.config.acl_buffers) {
            log::warn!(
                "{name}: more than {} packets outstanding",
                controller.config.acl_buffers
            );
            controller.stats.overflows += 1;
            controller.overflow();
            return;
        }
        controller.in_flight += 1;
        controller.stats.acl_from_host += 1;
        controller.stats.max_in_flight = controller.stats.max_in_flight.max(controller.in_flight);
        let packet = AclPacket {
            data: data.to_vec(),
            sent: 0,
            first: boundary != 0b01,
            ready_at: now + controller.faults.delay,
        };
        let Some(link) = self.links.get_mut(&link_id) else {
            return;
        };
        if let Some(end) = link.side_of(id).and_then(|side| link.end_mut(side)) {
            end.queue.push_back(packet);
        }
        self.schedule(link_id);
    }

    /// Moves what one connection event can carry, alternating between both sides. Returns true if
    /// anything moved.
    pub(super) fn move_data(&mut self, link_id: LinkId) -> bool {
        let mut completed = BTreeMap::new();
        let mut moved = false;
        let budget = match self.pacing {
            Pacing::Paced => PACKETS_PER_EVENT,
            Pacing::FreeRunning => 16,
        };
        for _ in 0..budget {
            let mut moved_now = false;
            for side in Side::BOTH {
                moved_now |= self.move_packet(link_id, side, &mut completed);
            }
            if !moved_now {
                break;
            }
            moved = true;
        }
        for (side, count) in completed {
            self.report_completed(link_id, side, count);
        }
        moved
    }

    /// Moves one link layer packet from `side` to the other.
    fn move_packet(
        &mut self,
        link_id: LinkId,
        side: Side,
        completed: &mut BTreeMap<Side, u16>,
    ) -> bool {
        let now = self.now;
        let Some(link) = self.links.get_mut(&link_id) else {
            return false;
        };
        if !link.encryption.data_flows() {
            return false;
        }
        let Some(to) = link
            .end(side.other())
            .map(|end| (end.controller, end.handle))
        else {
            return false;
        };
        let Some(end) = link.end_mut(side) else {
            return false;
        };
        let octets = usize::from(end.tx.0);
        let Some(packet) = end
            .queue
            .front_mut()
            .filter(|packet| packet.ready_at <= now)
        else {
            return false;
        };
        let Some(receiver) = self.controllers.get_mut(&to.0) else {
            return false;
        };
        if !receiver.takes_data() {
            return false;
        }
        let rest = packet.data.get(packet.sent..).unwrap_or_default();
        let piece = rest.get(..rest.len().min(octets)).unwrap_or_default();
        let first = packet.first && packet.sent == 0;
        // From controller to host, 0b10 begins an L2CAP frame and 0b01 continues one.
        let word = to.1 | if first { 0b10 << 12 } else { 0b01 << 12 };
        // An empty continuation tells the host nothing, so the link layer doesn't pass it on.
        if !piece.is_empty() {
            let mut bytes = Vec::with_capacity(5 + piece.len());
            bytes.push(indicator::ACL);
            bytes.extend_from_slice(&word.to_le_bytes());
            bytes.extend_from_slice(&(piece.len() as u16).to_le_bytes());
            bytes.extend_from_slice(piece);
            receiver.push(OutgoingKind::Acl, bytes);
            let counted = receiver.host_flow.enabled;
            let outstanding = &mut receiver.host_flow.outstanding;
            *outstanding = outstanding.saturating_add(u16::from(counted));
            packet.sent += piece.len();
            let done = packet.sent >= packet.data.len();
            if done {
                end.queue.pop_front();
                *completed.entry(side).or_default() += 1;
            }
            if counted && let Some(end) = link.end_mut(side.other()) {
                end.host_outstanding = end.host_outstanding.saturating_add(1);
            }
            return true;
        }
        end.queue.pop_front();
        *completed.entry(side).or_default() += 1;
        true
    }

    fn report_completed(&mut self, link_id: LinkId, side: Side, count: u16) {
        let handle = self
            .links
            .get(&link_id)
            .and_then(|link| link.end(side))
            .map(|e| e.handle);
        let (Some(handle), Some(controller)) = (handle, self.controller_at(link_id, side)) else {
            return;
        };
        controller.in_flight = controller.in_flight.saturating_sub(usize::from(count));
        let ([h0, h1], [c0, c1]) = (handle.to_le_bytes(), count.to_le_bytes());
        controller.event(event::NUMBER_OF_COMPLETED_PACKETS, &[1, h0, h1, c0, c1]);
    }

    /// Lets peers that were held back continue, after this host has read or one of its links has
    /// ended.
    pub(super) fn room_for_data(&mut self, id: ControllerId) {
        let Some(controller) = self.controllers.get_mut(&id) else {
            return;
        };
        if !controller.held_back {
            return;
        }
        controller.held_back = false;
        if !controller.takes_data() {
            return;
        }
        for link in self.links_of(id) {
            self.schedule(link);
        }
    }

    /// Host Number Of Completed Packets. It is answered only if it is invalid.
    pub(super) fn host_completed(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        for _ in 0..p.u8()? {
            let (handle, count) = (p.handle()?, p.u16()?);
            let (link_id, side) = self.link_of(id, handle)?;
            let end = self
                .links
                .get_mut(&link_id)
                .and_then(|link| link.end_mut(side));
            let Some(end) = end else { continue };
            if count > end.host_outstanding {
                return Err(INVALID_PARAMETERS);
            }
            end.host_outstanding -= count;
            if let Some(controller) = self.controllers.get_mut(&id) {
                let flow = &mut controller.host_flow;
                flow.outstanding = flow.outstanding.saturating_sub(count);
            }
        }
        self.room_for_data(id);
        Ok(Answer::Silent)
    }
}

//! Faults of controllers and links that tests can request.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::World;
use super::controller::{ControllerId, OutgoingKind};
use crate::hci::event;

#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// The probability that a packet to or from this device is lost, 0 to 1.
    pub(crate) loss: f32,
    /// By how much its ACL packets are delayed on the air.
    pub(crate) delay: Duration,
    pub(crate) frozen: bool,
    /// How many of the next connections will fail to be established.
    pub(crate) establishment_failures: u32,
    pub(crate) refusals: BTreeMap<u16, u8>,
    pub(crate) unanswered: BTreeSet<u16>,
}

impl World {
    /// The probability that a packet to or from this device is lost: 0 never, 1 always (its links then
    /// end by supervision timeout).
    pub fn set_loss(&mut self, now: Duration, id: ControllerId, probability: f32) {
        self.advance(now);
        if let Some(controller) = self.controllers.get_mut(&id) {
            controller.faults.loss = probability.clamp(0.0, 1.0);
        }
        self.silence_changed(id);
    }

    /// By how much this device's ACL packets are delayed on the air.
    pub fn set_delay(&mut self, now: Duration, id: ControllerId, delay: Duration) {
        /// Practically forever, but short enough that no clock overflows.
        const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
        self.advance(now);
        if let Some(controller) = self.controllers.get_mut(&id) {
            controller.faults.delay = delay.min(LONGEST);
        }
    }

    /// Freezes the controller: no answers, no events, no radio. What its host sends is ignored.
    pub fn freeze(&mut self, now: Duration, id: ControllerId) {
        self.advance(now);
        if let Some(controller) = self.controllers.get_mut(&id) {
            controller.faults.frozen = true;
        }
        self.silence_changed(id);
    }

    /// Lets a frozen controller continue where it was.
    pub fn thaw(&mut self, now: Duration, id: ControllerId) {
        self.advance(now);
        if let Some(controller) = self.controllers.get_mut(&id) {
            controller.faults.frozen = false;
        }
        self.silence_changed(id);
    }

    /// Makes the next `count` connections that this device initiates be reported as made, and then
    /// fail to be established (0x3E).
    pub fn fail_establishment(&mut self, now: Duration, id: ControllerId, count: u32) {
        self.advance(now);
        if let Some(controller) = self.controllers.get_mut(&id) {
            controller.faults.establishment_failures = count;
        }
    }

    /// Refuses the command with `status` from now on; `None` ends that.
    pub fn refuse(&mut self, now: Duration, id: ControllerId, opcode: u16, status: Option<u8>) {
        self.advance(now);
        if let Some(controller) = self.controllers.get_mut(&id) {
            match status {
                Some(status) => controller.faults.refusals.insert(opcode, status),
                None => controller.faults.refusals.remove(&opcode),
            };
        }
    }

    /// Ignores the command without an answer from now on, or no longer.
    pub fn leave_unanswered(&mut self, now: Duration, id: ControllerId, opcode: u16, on: bool) {
        self.advance(now);
        if let Some(controller) = self.controllers.get_mut(&id) {
            if on {
                controller.faults.unanswered.insert(opcode);
            } else {
                controller.faults.unanswered.remove(&opcode);
            }
        }
    }

    /// Sends the host exactly these bytes as a packet, for example an event that can't be decoded.
    pub fn inject(&mut self, now: Duration, id: ControllerId, packet: &[u8]) {
        self.advance(now);
        if let Some(controller) = self.controllers.get_mut(&id) {
            controller.push(OutgoingKind::Other, packet.to_vec());
        }
    }

    /// Sends the Hardware Error event with this code.
    pub fn hardware_error(&mut self, now: Duration, id: ControllerId, code: u8) {
        self.advance(now);
        if let Some(controller) = self.controllers.get_mut(&id) {
            controller.event(event::HARDWARE_ERROR, &[code]);
        }
    }

    /// Takes the link out of range: both sides notice by supervision timeout (0x08).
    pub fn drop_link(&mut self, now: Duration, id: ControllerId, handle: u16) {
        self.advance(now);
        let link = self
            .controllers
            .get(&id)
            .and_then(|c| c.handles.get(&handle))
            .copied();
        if let Some(link) = link {
            self.lose_link(link);
        }
    }

    /// Takes every link of this device out of range.
    pub fn drop_links(&mut self, now: Duration, id: ControllerId) {
        self.advance(now);
        for link in self.links_of(id) {
            self.lose_link(link);
        }
    }
}

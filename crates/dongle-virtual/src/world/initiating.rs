//! Creates connections: the commands, matching advertisers, and cancelling.

use std::time::Duration;

use super::World;
use super::commands::{Answer, DONE, Outcome};
use super::controller::{Controller, ControllerId};
use super::link::{End, Link, LinkId, Parameters, Side};
use super::radio::Advert;
use super::timers::Timer;
use crate::address::Address;
use crate::hci::event::le;
use crate::hci::status::*;
use crate::hci::{Reader, Status};

/// A connection being created.
#[derive(Debug)]
pub(crate) struct Initiator {
    /// The peer's address as the host gave it. `None` means any device in the accept list.
    pub(crate) target: Option<(u8, [u8; 6])>,
    own_kind: u8,
    extended: bool,
    parameters: Parameters,
    /// Bits of the primary PHYs it listens on: 0 LE 1M, 2 LE Coded.
    phys: u8,
}

impl Controller {
    /// Sends a connection complete event in the form that the host's mask selects.
    #[allow(clippy::too_many_arguments)]
    fn connection_complete(
        &mut self,
        status: Status,
        handle: u16,
        side: Side,
        (peer_kind, peer): (u8, [u8; 6]),
        private: ([u8; 6], [u8; 6]),
        parameters: Parameters,
    ) {
        // The enhanced event requires link layer privacy (Vol 4 Part E 3.1).
        let enhanced = self.config.resolving_list > 0
            && self.le_event_enabled(le::ENHANCED_CONNECTION_COMPLETE);
        let mut event = vec![status];
        event.extend_from_slice(&handle.to_le_bytes());
        event.push(side.role());
        event.push(if enhanced { peer_kind } else { peer_kind & 1 });
        event.extend_from_slice(&peer);
        if enhanced {
            event.extend_from_slice(&private.0);
            event.extend_from_slice(&private.1);
        }
        event.extend_from_slice(&parameters.interval.to_le_bytes());
        event.extend_from_slice(&parameters.latency.to_le_bytes());
        event.extend_from_slice(&parameters.timeout.to_le_bytes());
        event.push(0);
        let subevent = if enhanced {
            le::ENHANCED_CONNECTION_COMPLETE
        } else {
            le::CONNECTION_COMPLETE
        };
        self.le_event(subevent, &event);
    }

    /// Sends a connection complete event that reports a failure.
    pub(crate) fn connection_failed(&mut self, status: Status, role: u8, peer: Address) {
        let side = if role == 0 {
            Side::Central
        } else {
            Side::Peripheral
        };
        let peer = (peer.hci_kind(), peer.bytes);
        self.connection_complete(
            status,
            0,
            side,
            peer,
            Default::default(),
            Parameters {
                interval: 0,
                latency: 0,
                timeout: 0,
            },
        );
    }
}

impl World {
    pub(super) fn create_connection(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let (scan_interval, scan_window) = (p.u16()?, p.u16()?);
        let by_list = p.flag()?;
        let target = (p.u8()?, p.array()?);
        let own_kind = p.u8()?;
        let parameters = Parameters::read(p)?;
        let _event_lengths = (p.u16()?, p.u16()?);
        if !(4..=0x4000).contains(&scan_interval) || !(4..=scan_interval).contains(&scan_window) {
            return Err(INVALID_PARAMETERS);
        }
        let target = (!by_list).then_some(target);
        let initiator = Initiator {
            target,
            own_kind,
            extended: false,
            parameters,
            phys: 1,
        };
        self.initiate(id, initiator)
    }

    pub(super) fn extended_create_connection(
        &mut self,
        id: ControllerId,
        p: &mut Reader<'_>,
    ) -> Outcome {
        let by_list = p.flag()?;
        let own_kind = p.u8()?;
        let target = (p.u8()?, p.array()?);
        let phys = p.u8()?;
        // The primary channels can't be scanned on 2M.
        if phys & 0b101 == 0 || phys & !0b111 != 0 {
            return Err(INVALID_PARAMETERS);
        }
        let mut parameters = None;
        for phy in 0..3 {
            if phys & (1 << phy) == 0 {
                continue;
            }
            let (interval, window) = (p.u16()?, p.u16()?);
            let of_phy = Parameters::read(p)?;
            let _event_lengths = (p.u16()?, p.u16()?);
            if phy != 1 && !(4..=interval).contains(&window) {
                return Err(INVALID_PARAMETERS);
            }
            parameters.get_or_insert(of_phy);
        }
        let available = self.controllers.get(&id).map_or(1, |c| c.config.phys());
        if phys & !available != 0 {
            return Err(UNSUPPORTED_FEATURE);
        }
        let parameters = parameters.ok_or(INVALID_PARAMETERS)?;
        let target = (!by_list).then_some(target);
        self.initiate(
            id,
            Initiator {
                target,
                own_kind,
                extended: true,
                parameters,
                phys,
            },
        )
    }

    fn initiate(&mut self, id: ControllerId, initiator: Initiator) -> Outcome {
        let Some(controller) = self.controllers.get_mut(&id) else {
            return DONE;
        };
        if initiator.own_kind > controller.config.most_own_kind()
            || initiator.target.is_some_and(|(kind, _)| kind > 3)
        {
            return Err(INVALID_PARAMETERS);
        }
        if controller.initiator.is_some() {
            return Err(COMMAND_DISALLOWED);
        }
        if controller.plain_address(initiator.own_kind, None).is_none() {
            return Err(INVALID_PARAMETERS);
        }
        if controller.handles.len() >= controller.config.connections {
            return Err(CONNECTION_LIMIT_EXCEEDED);
        }
        if let Some(target) = initiator.target
            && self.connected_to(id, target)
        {
            return Err(CONNECTION_ALREADY_EXISTS);
        }
        if let Some(controller) = self.controllers.get_mut(&id) {
            controller.initiator = Some(initiator);
        }
        self.listeners_changed();
        Ok(Answer::Pending)
    }

    fn connected_to(&self, id: ControllerId, (kind, bytes): (u8, [u8; 6])) -> bool {
        let Some(controller) = self.controllers.get(&id) else {
            return false;
        };
        controller
            .handles
            .values()
            .filter_map(|link| self.links.get(link))
            .any(|link| {
                let end = link.side_of(id).and_then(|side| link.end(side));
                end.is_some_and(|end| end.peer.0 & 1 == kind & 1 && end.peer.1 == bytes)
            })
    }

    pub(super) fn create_connection_cancel(&mut self, id: ControllerId) -> Outcome {
        let Some(controller) = self.controllers.get_mut(&id) else {
            return DONE;
        };
        if controller.initiator.is_none() {
            return Err(COMMAND_DISALLOWED);
        }
        DONE
    }

    /// Reports, after the answer to the cancel command, that the connection attempt has ended.
    pub(super) fn report_cancelled(&mut self, id: ControllerId) {
        let Some(controller) = self.controllers.get_mut(&id) else {
            return;
        };
        let Some(initiator) = controller.initiator.take() else {
            return;
        };
        let (kind, bytes) = initiator.target.unwrap_or_default();
        controller.connection_failed(UNKNOWN_CONNECTION, 0, Address::from_hci(kind, bytes));
        self.listeners_changed();
    }

    /// Passes an advertising event to an initiator. Returns true if it connects.
    pub(super) fn initiator_hears(&mut self, id: ControllerId, advert: &Advert) -> bool {
        let now = self.now;
        let Some(advertiser) = advert.sender else {
            return false;
        };
        let Some(controller) = self.controllers.get_mut(&id) else {
            return false;
        };
        let Some(initiator) = &controller.initiator else {
            return false;
        };
        let heard = advert.properties.connectable
            && (advert.properties.legacy || initiator.extended)
            && initiator.phys & (1 << (advert.primary_phy - 1)) != 0;
        if !heard {
            return false;
        }
        let Some(reported) = controller.resolving.resolve(advert.address) else {
            return false;
        };
        let wanted = match initiator.target {
            Some((kind, bytes)) => kind & 1 == reported.0 & 1 && bytes == reported.1,
            None => controller.accepts(reported.0, reported.1),
        };
        let own_kind = initiator.own_kind;
        if !wanted || advert.properties.directed && !controller.is_directed_at(advert, own_kind) {
            return false;
        }
        let parameters = initiator.parameters;
        let own = controller.own_address(now, own_kind, None, reported, &mut self.rng);
        let Some(own) = own else { return false };
        if self.lost(advertiser, Some(id)) || self.connected_to(id, reported) {
            return false;
        }
        self.connect(id, advertiser, advert, parameters, own, reported)
    }

    /// CONNECT_IND: both sides report a link, unless a fault makes the establishment fail.
    fn connect(
        &mut self,
        central: ControllerId,
        advertiser: ControllerId,
        advert: &Advert,
        parameters: Parameters,
        own: Address,
        peer: (u8, [u8; 6]),
    ) -> bool {
        let Some(peripheral) = self.controllers.get_mut(&advertiser) else {
            return false;
        };
        let Some(seen) = peripheral.resolving.resolve(own) else {
            return false;
        };
        if advert.filter_policy & 2 != 0 && !peripheral.accepts(seen.0, seen.1)
            || peripheral.handles.len() >= peripheral.config.connections
        {
            return false;
        }
        let Some(controller) = self.controllers.get_mut(&central) else {
            return false;
        };
        let own_kind = controller.initiator.take().map_or(0, |i| i.own_kind);
        controller.stats.connections += 1;
        let fails = controller.faults.establishment_failures > 0;
        controller.faults.establishment_failures =
            controller.faults.establishment_failures.saturating_sub(1);

        let link_id = LinkId(self.next_link);
        self.next_link += 1;
        // Only addresses that the controllers have made or resolved (Vol 4 Part E 7.7.65.10).
        let private = |kind: u8, address: Address| match kind & 2 != 0 && address.is_resolvable() {
            true => address.bytes,
            false => [0; 6],
        };
        let privates = (private(own_kind, own), private(peer.0, advert.address));

        let handle = controller.free_handle();
        controller.handles.insert(handle, link_id);
        let central_end = End::new(central, handle, peer, controller);
        controller.connection_complete(SUCCESS, handle, Side::Central, peer, privates, parameters);
        algorithm_event(controller, handle);

        let mut link = Link::new(link_id, parameters, self.now, central_end);
        link.heard_at = advert.rssi;
        if fails {
            // Six intervals without an answer (Vol 6 Part B 4.5.2).
            let after = parameters.interval_duration() * 6;
            self.links.insert(link_id, link);
            self.timers
                .at(self.now + after, Timer::NotEstablished { link: link_id });
            return true;
        }
        if let Some(peripheral) = self.controllers.get_mut(&advertiser) {
            let handle = peripheral.free_handle();
            peripheral.handles.insert(handle, link_id);
            peripheral.stats.connections += 1;
            link.join(End::new(advertiser, handle, seen, peripheral));
            let set = peripheral.advertising.get(&advert.set);
            let own_kind = set.map_or(0, |set| set.own_kind);
            let privates = (private(own_kind, advert.address), private(seen.0, own));
            peripheral.connection_complete(
                SUCCESS,
                handle,
                Side::Peripheral,
                seen,
                privates,
                parameters,
            );
            if let Some(set) = peripheral.advertising.get_mut(&advert.set) {
                set.stop();
                let (legacy, events) = (set.legacy_commands(), set.events);
                if !legacy {
                    let [low, high] = handle.to_le_bytes();
                    peripheral.le_event(
                        le::ADVERTISING_SET_TERMINATED,
                        &[SUCCESS, advert.set, low, high, events],
                    );
                }
            }
            algorithm_event(peripheral, handle);
        }
        self.links.insert(link_id, link);
        self.offer_suggested_length(link_id);
        self.silence_changed(central);
        self.silence_changed(advertiser);
        true
    }

    /// The peer has never answered on the new link.
    pub(super) fn not_established(&mut self, link: LinkId) {
        self.close_link(link, FAILED_TO_BE_ESTABLISHED, FAILED_TO_BE_ESTABLISHED);
    }
}

fn algorithm_event(controller: &mut Controller, handle: u16) {
    if controller.config.extended_advertising {
        let [low, high] = handle.to_le_bytes();
        controller.le_event(le::CHANNEL_SELECTION_ALGORITHM, &[low, high, 1]);
    }
}

impl Parameters {
    /// Reads and checks the interval range, latency and supervision timeout of a command.
    pub(super) fn read(p: &mut Reader<'_>) -> Result<Self, Status> {
        let (min, max, latency, timeout) = (p.u16()?, p.u16()?, p.u16()?, p.u16()?);
        let parameters = Self {
            interval: max,
            latency,
            timeout,
        };
        let range = 6..=3200;
        let enough = parameters.timeout_duration()
            > parameters.interval_duration() * 2 * (u32::from(latency) + 1);
        if min > max
            || !range.contains(&min)
            || !range.contains(&max)
            || latency > 0x01F3
            || !(10..=3200).contains(&timeout)
            || !enough
        {
            return Err(INVALID_PARAMETERS);
        }
        Ok(parameters)
    }

    pub(crate) fn interval_duration(&self) -> Duration {
        Duration::from_micros(u64::from(self.interval) * 1250)
    }

    pub(crate) fn timeout_duration(&self) -> Duration {
        Duration::from_millis(u64::from(self.timeout) * 10)
    }
}

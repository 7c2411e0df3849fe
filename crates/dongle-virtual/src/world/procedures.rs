//! Link layer control procedures, and what each does when its connection event comes.

use std::time::Duration;

use super::World;
use super::commands::{Answer, Outcome};
use super::controller::ControllerId;
use super::encryption::Key;
use super::link::{LinkId, Parameters, Side};
use super::local::{COMPANY, TRANSMIT_POWER, VERSION, air_time};
use crate::hci::event::{self, le};
use crate::hci::status::*;
use crate::hci::{Reader, Status};

/// A control procedure that waits for its turn, which comes at `at` at the earliest.
#[derive(Debug)]
pub(crate) enum Procedure {
    Terminate {
        side: Side,
        reason: Status,
        at: Duration,
    },
    Features {
        side: Side,
        at: Duration,
    },
    Version {
        side: Side,
        at: Duration,
    },
    Length {
        at: Duration,
    },
    Phy {
        side: Side,
        at: Duration,
    },
    Update {
        parameters: Parameters,
        at: Duration,
    },
    ParameterRequest {
        parameters: Parameters,
        at: Duration,
    },
    ParameterReject {
        reason: Status,
        at: Duration,
    },
    EncryptionRequest {
        random: [u8; 8],
        diversifier: [u8; 2],
        at: Duration,
    },
    EncryptionAnswer {
        key: Option<Key>,
        at: Duration,
    },
}

impl Procedure {
    pub(crate) fn not_before(&self) -> Duration {
        match *self {
            Self::Terminate { at, .. }
            | Self::Features { at, .. }
            | Self::Version { at, .. }
            | Self::Length { at }
            | Self::Phy { at, .. }
            | Self::Update { at, .. }
            | Self::ParameterRequest { at, .. }
            | Self::ParameterReject { at, .. }
            | Self::EncryptionRequest { at, .. }
            | Self::EncryptionAnswer { at, .. } => at,
        }
    }
}

impl World {
    /// Executes the link's due procedures, in order.
    pub(super) fn run_procedures(&mut self, link_id: LinkId) {
        let now = self.now;
        while let Some(link) = self.links.get_mut(&link_id) {
            // A peer that was never there takes part in no procedure.
            let alone = link.end(Side::Peripheral).is_none();
            let due = link.procedures.iter().position(|p| {
                p.not_before() <= now && (!alone || matches!(p, Procedure::Terminate { .. }))
            });
            let Some(procedure) = due.and_then(|index| link.procedures.remove(index)) else {
                break;
            };
            match procedure {
                Procedure::Terminate {
                    side: Side::Central,
                    reason,
                    ..
                } => {
                    self.close_link(link_id, TERMINATED_BY_LOCAL_HOST, reason);
                }
                Procedure::Terminate {
                    side: Side::Peripheral,
                    reason,
                    ..
                } => {
                    self.close_link(link_id, reason, TERMINATED_BY_LOCAL_HOST);
                }
                Procedure::Features { side, .. } => self.features_exchanged(link_id, side),
                Procedure::Version { side, .. } => self.versions_exchanged(link_id, side),
                Procedure::Length { .. } => self.lengths_exchanged(link_id),
                Procedure::Phy { side, .. } => self.phys_exchanged(link_id, side),
                Procedure::Update { parameters, .. } => self.updated(link_id, parameters),
                Procedure::ParameterRequest { parameters, .. } => {
                    self.parameters_requested(link_id, parameters);
                }
                Procedure::ParameterReject { reason, .. } => {
                    self.update_refused(link_id, Side::Peripheral, reason);
                }
                Procedure::EncryptionRequest {
                    random,
                    diversifier,
                    ..
                } => {
                    self.encryption_request(link_id, random, diversifier);
                }
                Procedure::EncryptionAnswer { key, .. } => self.encryption_answer(link_id, key),
            }
        }
    }

    /// Queues a procedure for the link's next event.
    pub(super) fn begin(&mut self, link_id: LinkId, procedure: Procedure) {
        if let Some(link) = self.links.get_mut(&link_id) {
            link.procedures.push_back(procedure);
        }
        self.schedule(link_id);
    }

    /// The bytes of a side's handle for the link.
    pub(super) fn handle_bytes(&self, link_id: LinkId, side: Side) -> Option<[u8; 2]> {
        Some(self.links.get(&link_id)?.end(side)?.handle.to_le_bytes())
    }

    /// The LE features of a side's controller.
    fn features_at(&self, link_id: LinkId, side: Side) -> u64 {
        let controller = self.links.get(&link_id).and_then(|link| link.end(side));
        let controller = controller.and_then(|end| self.controllers.get(&end.controller));
        controller.map_or(0, |c| c.config.le_features())
    }

    pub(super) fn read_remote_features(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let (link_id, side) = self.link_of(id, p.handle()?)?;
        self.begin(link_id, Procedure::Features { side, at: self.now });
        Ok(Answer::Pending)
    }

    fn features_exchanged(&mut self, link_id: LinkId, side: Side) {
        let Some([low, high]) = self.handle_bytes(link_id, side) else {
            return;
        };
        let features = self.features_at(link_id, side.other());
        let mut parameters = vec![SUCCESS, low, high];
        parameters.extend_from_slice(&features.to_le_bytes());
        if let Some(controller) = self.controller_at(link_id, side) {
            controller.le_event(le::READ_REMOTE_FEATURES_COMPLETE, &parameters);
        }
    }

    pub(super) fn read_remote_version(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let (link_id, side) = self.link_of(id, p.handle()?)?;
        self.begin(link_id, Procedure::Version { side, at: self.now });
        Ok(Answer::Pending)
    }

    fn versions_exchanged(&mut self, link_id: LinkId, side: Side) {
        let Some([low, high]) = self.handle_bytes(link_id, side) else {
            return;
        };
        let [c0, c1] = COMPANY.to_le_bytes();
        if let Some(controller) = self.controller_at(link_id, side) {
            let parameters = [SUCCESS, low, high, VERSION, c0, c1, 0, 0];
            controller.event(event::READ_REMOTE_VERSION_COMPLETE, &parameters);
        }
    }

    pub(super) fn set_data_length(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let handle = p.handle()?;
        let (octets, time) = (p.u16()?, p.u16()?);
        if !(27..=251).contains(&octets) || !(328..=17040).contains(&time) {
            return Err(INVALID_PARAMETERS);
        }
        let (link_id, side) = self.link_of(id, handle)?;
        let longest = self
            .controllers
            .get(&id)
            .map_or(27, |c| c.config.data_length);
        if let Some(end) = self
            .links
            .get_mut(&link_id)
            .and_then(|link| link.end_mut(side))
        {
            end.want = (octets.min(longest), time);
        }
        self.begin(link_id, Procedure::Length { at: self.now });
        Ok(Answer::Complete(handle.to_le_bytes().to_vec()))
    }

    /// Requests the data length that the hosts have suggested for new links.
    pub(super) fn offer_suggested_length(&mut self, link_id: LinkId) {
        let Some(link) = self.links.get(&link_id) else {
            return;
        };
        let more = |side| link.end(side).is_some_and(|end| end.want.0 > 27);
        if Side::BOTH.into_iter().any(more) {
            self.begin(link_id, Procedure::Length { at: self.now });
        }
    }

    fn lengths_exchanged(&mut self, link_id: LinkId) {
        let supported = |side| self.features_at(link_id, side) & 1 << 5 != 0;
        if !Side::BOTH.into_iter().all(supported) {
            return;
        }
        let mut changed = Vec::new();
        let Some(link) = self.links.get_mut(&link_id) else {
            return;
        };
        for side in Side::BOTH {
            let Some(peer) = link
                .end(side.other())
                .map(|peer| (peer.want, peer.can_receive))
            else {
                return;
            };
            let Some(end) = link.end_mut(side) else {
                return;
            };
            let with_time =
                |octets: u16, limit: u16| (octets, air_time(octets).min(limit).max(328));
            let tx = with_time(end.want.0.min(peer.1), end.want.1);
            let rx = with_time(end.can_receive.min(peer.0.0), peer.0.1);
            if (end.tx, end.rx) != (tx, rx) {
                (end.tx, end.rx) = (tx, rx);
                let mut parameters = end.handle.to_le_bytes().to_vec();
                for field in [tx.0, tx.1, rx.0, rx.1] {
                    parameters.extend_from_slice(&field.to_le_bytes());
                }
                changed.push((end.controller, parameters));
            }
        }
        for (id, parameters) in changed {
            if let Some(controller) = self.controllers.get_mut(&id) {
                controller.le_event(le::DATA_LENGTH_CHANGE, &parameters);
            }
        }
    }

    pub(super) fn read_phy(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let handle = p.handle()?;
        let (link_id, side) = self.link_of(id, handle)?;
        let (tx, rx) = self.phys_of(link_id, side);
        let [low, high] = handle.to_le_bytes();
        Ok(Answer::Complete(vec![low, high, tx, rx]))
    }

    /// The PHYs that a side sends and receives on.
    fn phys_of(&self, link_id: LinkId, side: Side) -> (u8, u8) {
        let (central, peripheral) = self.links.get(&link_id).map_or((1, 1), |link| link.phys);
        match side {
            Side::Central => (central, peripheral),
            Side::Peripheral => (peripheral, central),
        }
    }

    pub(super) fn set_phy(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let handle = p.handle()?;
        let (link_id, side) = self.link_of(id, handle)?;
        let controller = self.controllers.get(&id).ok_or(UNKNOWN_CONNECTION)?;
        let preferences = controller.phy_preferences(p)?;
        let _coding = p.u16()?;
        if let Some(end) = self
            .links
            .get_mut(&link_id)
            .and_then(|link| link.end_mut(side))
        {
            end.phy_preferences = preferences;
        }
        self.begin(link_id, Procedure::Phy { side, at: self.now });
        Ok(Answer::Pending)
    }

    fn phys_exchanged(&mut self, link_id: LinkId, initiator: Side) {
        let preferences = |side| {
            self.links
                .get(&link_id)
                .and_then(|link| link.end(side))
                .map(|e| e.phy_preferences)
        };
        let (Some(central), Some(peripheral)) =
            (preferences(Side::Central), preferences(Side::Peripheral))
        else {
            return;
        };
        // The fastest PHY that both prefer, or the current one if there is none.
        let choose = |tx: u8, rx: u8, now: u8| match tx & rx {
            common if common & 0b010 != 0 => 2,
            common if common & 0b001 != 0 => 1,
            common if common & 0b100 != 0 => 3,
            _ => now,
        };
        let Some(link) = self.links.get_mut(&link_id) else {
            return;
        };
        let before = link.phys;
        link.phys = (
            choose(central.0, peripheral.1, before.0),
            choose(peripheral.0, central.1, before.1),
        );
        let changed = link.phys != before;
        for side in Side::BOTH {
            if side != initiator && !changed {
                continue;
            }
            let (tx, rx) = self.phys_of(link_id, side);
            let Some([low, high]) = self.handle_bytes(link_id, side) else {
                continue;
            };
            if let Some(controller) = self.controller_at(link_id, side) {
                controller.le_event(le::PHY_UPDATE_COMPLETE, &[SUCCESS, low, high, tx, rx]);
            }
        }
    }

    pub(super) fn read_rssi(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let handle = p.handle()?;
        let (link_id, side) = self.link_of(id, handle)?;
        let peer = self
            .links
            .get(&link_id)
            .and_then(|link| link.end(side.other()));
        let peer = peer.and_then(|end| self.controllers.get(&end.controller));
        let rssi = peer.map_or(-127, |peer| peer.config.rssi);
        let rssi = self.jittered(rssi);
        let ([low, high], [rssi]) = (handle.to_le_bytes(), rssi.to_le_bytes());
        Ok(Answer::Complete(vec![low, high, rssi]))
    }

    pub(super) fn read_transmit_power_level(
        &mut self,
        id: ControllerId,
        p: &mut Reader<'_>,
    ) -> Outcome {
        let (handle, _maximum) = (p.handle()?, p.flag()?);
        self.link_of(id, handle)?;
        let ([low, high], [power]) = (handle.to_le_bytes(), TRANSMIT_POWER.to_le_bytes());
        Ok(Answer::Complete(vec![low, high, power]))
    }

    pub(super) fn read_channel_map(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let handle = p.handle()?;
        self.link_of(id, handle)?;
        let [low, high] = handle.to_le_bytes();
        Ok(Answer::Complete(vec![
            low, high, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F,
        ]))
    }
}

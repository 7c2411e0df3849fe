//! Connection updates: the central's own, and those that a peripheral requests.

use super::commands::{Answer, Outcome};
use super::controller::ControllerId;
use super::encryption::PROCEDURE_RESPONSE_TIMEOUT;
use super::link::{LinkId, Parameters, Side};
use super::procedures::Procedure;
use super::timers::Timer;
use super::{Pacing, World};
use crate::hci::event::le;
use crate::hci::status::*;
use crate::hci::{Reader, Status};

impl World {
    pub(super) fn connection_update(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let handle = p.handle()?;
        let parameters = Parameters::read(p)?;
        let _event_lengths = (p.u16()?, p.u16()?);
        let (link_id, side) = self.link_of(id, handle)?;
        let Some(link) = self.links.get(&link_id) else {
            return Err(UNKNOWN_CONNECTION);
        };
        let update = |procedure: &Procedure| {
            matches!(
                procedure,
                Procedure::Update { .. } | Procedure::ParameterRequest { .. }
            )
        };
        if link.procedures.iter().any(update) || link.parameter_request.is_some() {
            return Err(if side == Side::Central {
                COMMAND_DISALLOWED
            } else {
                DIFFERENT_TRANSACTION_COLLISION
            });
        }
        match side {
            Side::Central => self.indicate_update(link_id, parameters),
            Side::Peripheral => {
                let able = |id: ControllerId| {
                    self.controllers
                        .get(&id)
                        .is_some_and(|c| c.config.connection_parameter_request)
                };
                let peer = link.end(Side::Central).map(|end| end.controller);
                if !able(id) {
                    return Err(COMMAND_DISALLOWED);
                }
                if !peer.is_some_and(able) {
                    return Err(UNSUPPORTED_REMOTE_FEATURE);
                }
                let at = self.now;
                self.begin(link_id, Procedure::ParameterRequest { parameters, at });
            }
        }
        Ok(Answer::Pending)
    }

    /// LL_CONNECTION_UPDATE_IND, which takes effect six events later.
    fn indicate_update(&mut self, link_id: LinkId, parameters: Parameters) {
        let Some(link) = self.links.get(&link_id) else {
            return;
        };
        let at = match self.pacing {
            Pacing::FreeRunning => self.now,
            Pacing::Paced => self.now + link.parameters.interval_duration() * 6,
        };
        self.begin(link_id, Procedure::Update { parameters, at });
    }

    pub(super) fn updated(&mut self, link_id: LinkId, parameters: Parameters) {
        if let Some(link) = self.links.get_mut(&link_id) {
            link.parameters = parameters;
        }
        for side in Side::BOTH {
            self.update_event(link_id, side, SUCCESS);
        }
    }

    pub(super) fn update_refused(&mut self, link_id: LinkId, side: Side, reason: Status) {
        self.update_event(link_id, side, reason);
    }

    fn update_event(&mut self, link_id: LinkId, side: Side, status: Status) {
        let Some(parameters) = self.links.get(&link_id).map(|link| link.parameters) else {
            return;
        };
        let Some([low, high]) = self.handle_bytes(link_id, side) else {
            return;
        };
        let mut event = vec![status, low, high];
        event.extend_from_slice(&parameters.interval.to_le_bytes());
        event.extend_from_slice(&parameters.latency.to_le_bytes());
        event.extend_from_slice(&parameters.timeout.to_le_bytes());
        if let Some(controller) = self.controller_at(link_id, side) {
            controller.le_event(le::CONNECTION_UPDATE_COMPLETE, &event);
        }
    }

    /// LL_CONNECTION_PARAM_REQ of the peripheral has arrived at the central.
    pub(super) fn parameters_requested(&mut self, link_id: LinkId, parameters: Parameters) {
        let Some(handle) = self.handle_bytes(link_id, Side::Central) else {
            return;
        };
        let Some(central) = self.controller_at(link_id, Side::Central) else {
            return;
        };
        if !central.le_event_enabled(le::REMOTE_PARAMETER_REQUEST) {
            // The host has not enabled the event that asks it (Vol 6 Part B 5.1.7.1).
            let reason = UNSUPPORTED_REMOTE_FEATURE;
            self.update_refused(link_id, Side::Peripheral, reason);
            return;
        }
        let mut event = handle.to_vec();
        let Parameters {
            interval,
            latency,
            timeout,
        } = parameters;
        for field in [interval, interval, latency, timeout] {
            event.extend_from_slice(&field.to_le_bytes());
        }
        central.le_event(le::REMOTE_PARAMETER_REQUEST, &event);
        let when = self.now + PROCEDURE_RESPONSE_TIMEOUT;
        let Some(link) = self.links.get_mut(&link_id) else {
            return;
        };
        link.parameter_request = Some(parameters);
        link.procedure_generation = link.procedure_generation.wrapping_add(1);
        let generation = link.procedure_generation;
        self.timers.at(
            when,
            Timer::ProcedureTimeout {
                link: link_id,
                generation,
            },
        );
    }

    pub(super) fn parameter_request_reply(
        &mut self,
        id: ControllerId,
        p: &mut Reader<'_>,
    ) -> Outcome {
        let handle = p.handle()?;
        let parameters = Parameters::read(p)?;
        let link_id = self.take_request(id, handle)?;
        self.indicate_update(link_id, parameters);
        Ok(Answer::Complete(handle.to_le_bytes().to_vec()))
    }

    pub(super) fn parameter_request_negative_reply(
        &mut self,
        id: ControllerId,
        p: &mut Reader<'_>,
    ) -> Outcome {
        let (handle, reason) = (p.handle()?, p.u8()?);
        let reason = if reason == SUCCESS {
            UNACCEPTABLE_PARAMETERS
        } else {
            reason
        };
        let link_id = self.take_request(id, handle)?;
        self.begin(
            link_id,
            Procedure::ParameterReject {
                reason,
                at: self.now,
            },
        );
        Ok(Answer::Complete(handle.to_le_bytes().to_vec()))
    }

    /// Takes the request that this host replies to.
    fn take_request(&mut self, id: ControllerId, handle: u16) -> Result<LinkId, Status> {
        let (link_id, side) = self.link_of(id, handle)?;
        let link = self.links.get_mut(&link_id).ok_or(UNKNOWN_CONNECTION)?;
        if side != Side::Central || link.parameter_request.take().is_none() {
            return Err(COMMAND_DISALLOWED);
        }
        Ok(link_id)
    }
}

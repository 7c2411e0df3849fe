//! Encryption of a link: both hosts supply a long term key, and it succeeds only if they are equal.

use std::fmt;
use std::time::Duration;

use super::World;
use super::commands::{Answer, Outcome};
use super::controller::ControllerId;
use super::link::{LinkId, Side};
use super::procedures::Procedure;
use super::timers::Timer;
use crate::hci::Reader;
use crate::hci::event::{self, le};
use crate::hci::status::*;

/// How long a control procedure waits for an answer (Vol 6 Part B 5.2).
pub(crate) const PROCEDURE_RESPONSE_TIMEOUT: Duration = Duration::from_secs(40);

/// A long term key, which is never shown in debug output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key([u8; 16]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[derive(Debug, Default)]
pub(crate) struct Encryption {
    on: bool,
    /// The central's key, while the procedure runs.
    central: Option<Key>,
    /// Whether the peripheral's host has been asked.
    asked: bool,
}

impl Encryption {
    /// Whether data may be sent: it waits while encryption is being started.
    pub(crate) fn data_flows(&self) -> bool {
        self.central.is_none()
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.central.is_some()
    }
}

impl World {
    pub(super) fn enable_encryption(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let handle = p.handle()?;
        let (random, diversifier) = (p.array::<8>()?, p.array::<2>()?);
        let key = Key(p.array()?);
        let (link_id, side) = self.link_of(id, handle)?;
        let now = self.now;
        let Some(link) = self.links.get_mut(&link_id) else {
            return Err(UNKNOWN_CONNECTION);
        };
        if side != Side::Central || link.encryption.is_waiting() {
            return Err(COMMAND_DISALLOWED);
        }
        link.encryption.central = Some(key);
        link.encryption.asked = false;
        let request = Procedure::EncryptionRequest {
            random,
            diversifier,
            at: now,
        };
        link.procedures.push_back(request);
        link.procedure_generation = link.procedure_generation.wrapping_add(1);
        let generation = link.procedure_generation;
        let timer = Timer::ProcedureTimeout {
            link: link_id,
            generation,
        };
        self.timers.at(now + PROCEDURE_RESPONSE_TIMEOUT, timer);
        self.schedule(link_id);
        Ok(Answer::Pending)
    }

    /// LL_ENC_REQ has arrived: asks the peripheral's host for the key.
    pub(super) fn encryption_request(
        &mut self,
        link_id: LinkId,
        random: [u8; 8],
        diversifier: [u8; 2],
    ) {
        let handle = self
            .links
            .get(&link_id)
            .and_then(|l| l.end(Side::Peripheral))
            .map(|e| e.handle);
        let (Some(handle), Some(peripheral)) =
            (handle, self.controller_at(link_id, Side::Peripheral))
        else {
            return;
        };
        if !peripheral.le_event_enabled(le::LTK_REQUEST) {
            self.encryption_answer(link_id, None);
            return;
        }
        let mut parameters = handle.to_le_bytes().to_vec();
        parameters.extend_from_slice(&random);
        parameters.extend_from_slice(&diversifier);
        peripheral.le_event(le::LTK_REQUEST, &parameters);
        if let Some(link) = self.links.get_mut(&link_id) {
            link.encryption.asked = true;
        }
    }

    /// LE Long Term Key Request Reply and Negative Reply.
    pub(super) fn ltk_reply(
        &mut self,
        id: ControllerId,
        p: &mut Reader<'_>,
        positive: bool,
    ) -> Outcome {
        let handle = p.handle()?;
        let key = if positive {
            Some(Key(p.array()?))
        } else {
            None
        };
        let (link_id, side) = self.link_of(id, handle)?;
        let now = self.now;
        let Some(link) = self.links.get_mut(&link_id) else {
            return Err(UNKNOWN_CONNECTION);
        };
        if side != Side::Peripheral || !link.encryption.asked {
            return Err(COMMAND_DISALLOWED);
        }
        link.encryption.asked = false;
        link.procedures
            .push_back(Procedure::EncryptionAnswer { key, at: now });
        self.schedule(link_id);
        Ok(Answer::Complete(handle.to_le_bytes().to_vec()))
    }

    /// Completes the procedure, with the peripheral's key or without one.
    pub(super) fn encryption_answer(&mut self, link_id: LinkId, peripheral: Option<Key>) {
        let Some(link) = self.links.get_mut(&link_id) else {
            return;
        };
        let Some(central) = link.encryption.central.take() else {
            return;
        };
        let refresh = link.encryption.on;
        match peripheral {
            Some(key) if key == central => {
                link.encryption.on = true;
                for side in Side::BOTH {
                    self.encryption_event(link_id, side, SUCCESS, refresh);
                }
                self.schedule(link_id);
            }
            // Each side receives packets with a wrong MIC (Vol 6 Part B 5.1.3.1).
            Some(_) => self.close_link(link_id, MIC_FAILURE, MIC_FAILURE),
            // While the key is being refreshed, the old one can no longer be used.
            None if refresh => self.close_link(link_id, PIN_OR_KEY_MISSING, PIN_OR_KEY_MISSING),
            None => {
                self.encryption_event(link_id, Side::Central, PIN_OR_KEY_MISSING, false);
                self.schedule(link_id);
            }
        }
    }

    fn encryption_event(&mut self, link_id: LinkId, side: Side, status: u8, refresh: bool) {
        let handle = self
            .links
            .get(&link_id)
            .and_then(|link| link.end(side))
            .map(|e| e.handle);
        let (Some(handle), Some(controller)) = (handle, self.controller_at(link_id, side)) else {
            return;
        };
        let [low, high] = handle.to_le_bytes();
        if refresh {
            controller.event(event::ENCRYPTION_KEY_REFRESH, &[status, low, high]);
        } else {
            let on = u8::from(status == SUCCESS);
            controller.event(event::ENCRYPTION_CHANGE, &[status, low, high, on]);
        }
    }
}

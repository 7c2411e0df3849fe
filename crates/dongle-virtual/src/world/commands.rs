//! Dispatches a host's commands and answers them.

use super::World;
use super::controller::ControllerId;
use super::link::{LinkId, Side};
use crate::hci::opcode::*;
use crate::hci::status::*;
use crate::hci::{Reader, Status};

/// How an accepted command is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Command Complete with these return parameters after the status.
    Complete(Vec<u8>),
    /// Command Status; an event of its own follows later.
    Pending,
    /// No answer, for Host Number Of Completed Packets.
    Silent,
}

pub(crate) type Outcome = Result<Answer, Status>;

/// Command Complete with only a status.
pub(crate) const DONE: Outcome = Ok(Answer::Complete(Vec::new()));

impl World {
    pub(super) fn handle_command(&mut self, id: ControllerId, opcode: u16, parameters: &[u8]) {
        let Some(controller) = self.controllers.get_mut(&id) else {
            return;
        };
        controller.stats.commands += 1;
        if controller.waiting_answers > 0
            && opcode != RESET
            && opcode != HOST_NUMBER_OF_COMPLETED_PACKETS
        {
            controller.stats.command_overlaps += 1;
        }
        if controller.faults.unanswered.contains(&opcode) {
            return;
        }
        if let Some(&status) = controller.faults.refusals.get(&opcode) {
            self.answer(id, opcode, Err(status));
            return;
        }
        if !controller.has_command(opcode) {
            log::debug!("{}: unknown command {opcode:#06x}", controller.config.name);
            controller.command_status(opcode, UNKNOWN_COMMAND);
            return;
        }
        // Only one family between two resets, if the controller has both (Vol 4 Part E 3.1.1).
        if let (Some(family), true) = (family(opcode), controller.config.extended_advertising)
            && *controller.family.get_or_insert(family) != family
        {
            self.answer(id, opcode, Err(COMMAND_DISALLOWED));
            return;
        }
        let knows_le = !controller.config.dual_mode || controller.le_host_support.0 == 1;
        if family(opcode).is_some() && !knows_le {
            self.answer(id, opcode, Err(COMMAND_DISALLOWED));
            return;
        }
        let outcome = self.execute(id, opcode, Reader::new(parameters));
        self.answer(id, opcode, outcome);
        // What a command causes comes after its answer.
        self.after_command(id, opcode);
    }

    fn answer(&mut self, id: ControllerId, opcode: u16, outcome: Outcome) {
        let Some(controller) = self.controllers.get_mut(&id) else {
            return;
        };
        match outcome {
            Ok(Answer::Complete(parameters)) => {
                controller.command_complete(opcode, SUCCESS, &parameters);
            }
            Ok(Answer::Pending) => controller.command_status(opcode, SUCCESS),
            Ok(Answer::Silent) => {}
            Err(status) if answered_by_status(opcode) => {
                controller.command_status(opcode, status);
            }
            Err(status) => controller.command_complete(opcode, status, &[]),
        }
    }

    fn execute(&mut self, id: ControllerId, opcode: u16, mut p: Reader<'_>) -> Outcome {
        let p = &mut p;
        match opcode {
            RESET => self.reset(id),
            HOST_NUMBER_OF_COMPLETED_PACKETS => self.host_completed(id, p),

            LE_SET_ADVERTISING_PARAMETERS => self.set_advertising_parameters(id, p),
            LE_SET_ADVERTISING_DATA => self.set_legacy_data(id, p, false),
            LE_SET_SCAN_RESPONSE_DATA => self.set_legacy_data(id, p, true),
            LE_SET_ADVERTISING_ENABLE => self.set_advertising_enable(id, p),
            LE_SET_ADVERTISING_SET_RANDOM_ADDRESS => self.set_set_random_address(id, p),
            LE_SET_EXTENDED_ADVERTISING_PARAMETERS => self.set_extended_parameters(id, p),
            LE_SET_EXTENDED_ADVERTISING_DATA => self.set_extended_data(id, p, false),
            LE_SET_EXTENDED_SCAN_RESPONSE_DATA => self.set_extended_data(id, p, true),
            LE_SET_EXTENDED_ADVERTISING_ENABLE => self.set_extended_enable(id, p),
            LE_REMOVE_ADVERTISING_SET => self.remove_set(id, p),
            LE_CLEAR_ADVERTISING_SETS => self.clear_sets(id),

            LE_SET_SCAN_PARAMETERS => self.set_scan_parameters(id, p),
            LE_SET_SCAN_ENABLE => self.set_scan_enable(id, p),
            LE_SET_EXTENDED_SCAN_PARAMETERS => self.set_extended_scan_parameters(id, p),
            LE_SET_EXTENDED_SCAN_ENABLE => self.set_extended_scan_enable(id, p),

            LE_CREATE_CONNECTION => self.create_connection(id, p),
            LE_EXTENDED_CREATE_CONNECTION => self.extended_create_connection(id, p),
            LE_CREATE_CONNECTION_CANCEL => self.create_connection_cancel(id),

            DISCONNECT => self.disconnect(id, p),
            READ_REMOTE_VERSION => self.read_remote_version(id, p),
            LE_READ_REMOTE_FEATURES => self.read_remote_features(id, p),
            LE_CONNECTION_UPDATE => self.connection_update(id, p),
            LE_REMOTE_PARAMETER_REQUEST_REPLY => self.parameter_request_reply(id, p),
            LE_REMOTE_PARAMETER_REQUEST_NEGATIVE_REPLY => {
                self.parameter_request_negative_reply(id, p)
            }
            LE_SET_DATA_LENGTH => self.set_data_length(id, p),
            LE_READ_PHY => self.read_phy(id, p),
            LE_SET_PHY => self.set_phy(id, p),
            LE_READ_CHANNEL_MAP => self.read_channel_map(id, p),
            READ_RSSI => self.read_rssi(id, p),
            READ_TRANSMIT_POWER_LEVEL => self.read_transmit_power_level(id, p),
            LE_ENABLE_ENCRYPTION => self.enable_encryption(id, p),
            LE_LTK_REQUEST_REPLY => self.ltk_reply(id, p, true),
            LE_LTK_REQUEST_NEGATIVE_REPLY => self.ltk_reply(id, p, false),

            LE_RAND => {
                let bytes = self.rng.u64(..).to_le_bytes();
                Ok(Answer::Complete(bytes.to_vec()))
            }
            _ => {
                let now = self.now;
                let Some(controller) = self.controllers.get_mut(&id) else {
                    return DONE;
                };
                controller.execute_local(now, opcode, p, &mut self.rng)
            }
        }
    }

    /// HCI Reset: links end silently, so peers notice by supervision timeout.
    fn reset(&mut self, id: ControllerId) -> Outcome {
        for link in self.links_of(id) {
            self.leave_link(link, id);
        }
        if let Some(controller) = self.controllers.get_mut(&id) {
            controller.reset();
        }
        self.listeners_changed();
        DONE
    }

    fn after_command(&mut self, id: ControllerId, opcode: u16) {
        if opcode == LE_CREATE_CONNECTION_CANCEL {
            self.report_cancelled(id);
        }
    }

    /// The link behind a handle, and which side of it this controller is.
    pub(super) fn link_of(&self, id: ControllerId, handle: u16) -> Result<(LinkId, Side), Status> {
        let controller = self.controllers.get(&id).ok_or(UNKNOWN_CONNECTION)?;
        let link_id = *controller.handles.get(&handle).ok_or(UNKNOWN_CONNECTION)?;
        let link = self.links.get(&link_id).ok_or(UNKNOWN_CONNECTION)?;
        let side = link.side_of(id).ok_or(UNKNOWN_CONNECTION)?;
        Ok((link_id, side))
    }
}

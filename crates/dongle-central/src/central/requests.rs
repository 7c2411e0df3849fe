//! The commands that answer a peer's request for connection parameters.

use bt_hci::param::RemoteConnectionParamsRejectReason;

use super::air;
use super::command::{Command, opcode};
use crate::mux::ParameterRequest;

impl ParameterRequest {
    /// Starts the update that was requested on the signalling channel (Core Vol 4 Part E, 7.8.18).
    pub(super) fn update(&self) -> Command {
        let parameters = air::parameters(&self.wish.for_host());
        let parameters = [&self.handle.to_le_bytes()[..], &parameters];
        Command::written(opcode::CONNECTION_UPDATE, &parameters)
    }

    /// Replies to the peer's Link Layer (7.8.31 and 7.8.32).
    pub(super) fn reply(&self, allowed: bool) -> Command {
        let handle = &self.handle.to_le_bytes()[..];
        if !allowed {
            let reason = RemoteConnectionParamsRejectReason::UnacceptableConnParameters as u8;
            return Command::written(opcode::REFUSE_PARAMETERS, &[handle, &[reason]]);
        }
        let parameters = air::parameters(&self.wish.for_host());
        Command::written(opcode::ALLOW_PARAMETERS, &[handle, &parameters])
    }
}

#[cfg(test)]
mod tests {
    use bt_hci::cmd::le::{
        LeConnUpdate, LeRemoteConnectionParameterRequestNegativeReply,
        LeRemoteConnectionParameterRequestReply,
    };
    use bt_hci::param::{ConnHandle, Duration};

    use super::*;
    use crate::mux::Wish;

    #[test]
    fn a_request_is_answered_as_bt_hci_writes_it() {
        let wish = Wish {
            interval: (6, 3200),
            latency: 7,
            timeout: 3200,
        };
        let request = ParameterRequest {
            handle: 0x0E01,
            identifier: None,
            wish,
        };
        let handle = ConnHandle::new(0x0E01);
        let (shortest, longest) = (Duration::from_u16(6), Duration::from_u16(3200));
        let (timeout, none) = (Duration::from_u16(3200), Duration::from_u16(0));
        let update = LeConnUpdate::new(handle, shortest, longest, 7, timeout, none, none);
        request.update().assert_is(&update);
        let allowed = LeRemoteConnectionParameterRequestReply::new(
            handle, shortest, longest, 7, timeout, none, none,
        );
        request.reply(true).assert_is(&allowed);
        let reason = RemoteConnectionParamsRejectReason::UnacceptableConnParameters;
        let refused = LeRemoteConnectionParameterRequestNegativeReply::new(handle, reason);
        request.reply(false).assert_is(&refused);
    }
}

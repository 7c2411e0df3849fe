//! Commands that answer a peer that asks for connection parameters.

use bt_hci::cmd::le::{
    LeConnUpdate, LeRemoteConnectionParameterRequestNegativeReply,
    LeRemoteConnectionParameterRequestReply,
};
use bt_hci::param::{ConnHandle, Duration as HciDuration, RemoteConnectionParamsRejectReason};

use super::command::Command;
use crate::mux::ParameterRequest;

impl ParameterRequest {
    /// Begins the update that was asked for on the signalling channel.
    pub(super) fn update(&self) -> Command {
        let wish = self.wish;
        Command::new(&LeConnUpdate::new(
            ConnHandle::new(self.handle),
            HciDuration::from_u16(wish.interval.0),
            HciDuration::from_u16(wish.interval.1),
            wish.latency,
            HciDuration::from_u16(wish.timeout),
            HciDuration::from_u16(0),
            HciDuration::from_u16(0),
        ))
    }

    /// Replies to the link layer (Core Vol 4 Part E, 7.8.31 and 7.8.32).
    pub(super) fn reply(&self, allowed: bool) -> Command {
        let handle = ConnHandle::new(self.handle);
        if !allowed {
            let reason = RemoteConnectionParamsRejectReason::UnacceptableConnParameters;
            let reply = LeRemoteConnectionParameterRequestNegativeReply::new(handle, reason);
            return Command::new(&reply);
        }
        let wish = self.wish;
        Command::new(&LeRemoteConnectionParameterRequestReply::new(
            handle,
            HciDuration::from_u16(wish.interval.0),
            HciDuration::from_u16(wish.interval.1),
            wish.latency,
            HciDuration::from_u16(wish.timeout),
            HciDuration::from_u16(0),
            HciDuration::from_u16(0),
        ))
    }
}

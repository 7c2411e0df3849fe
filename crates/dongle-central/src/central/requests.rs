//! Connection parameters that peers ask for, and a controller that has gone silent.

use bt_hci::cmd::info::ReadBdAddr;
use bt_hci::cmd::le::{
    LeConnUpdate, LeRemoteConnectionParameterRequestNegativeReply,
    LeRemoteConnectionParameterRequestReply,
};
use bt_hci::param::{ConnHandle, Duration as HciDuration, RemoteConnectionParamsRejectReason};
use bt_hci::transport::Transport;
use trouble_host::PacketPool;

use super::Central;
use crate::links::Links;
use crate::mux::{Lull, ParameterRequest, ReportHandler};

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Answers what a peer asks for.
    pub(super) async fn answer(&self, request: &ParameterRequest) {
        let allowed = self.bounds.get().allow(&request.wish.for_host());
        match request.identifier {
            Some(identifier) => {
                let accepted = allowed && self.update(request).await;
                self.mux
                    .answer_request(request.handle, identifier, accepted);
            }
            None => self.reply(request, allowed).await,
        }
    }

    /// Begins the update that was asked for on the signalling channel; whether it has begun.
    async fn update(&self, request: &ParameterRequest) -> bool {
        let wish = request.wish;
        let command = LeConnUpdate::new(
            ConnHandle::new(request.handle),
            HciDuration::from_u16(wish.interval.0),
            HciDuration::from_u16(wish.interval.1),
            wish.latency,
            HciDuration::from_u16(wish.timeout),
            HciDuration::from_u16(0),
            HciDuration::from_u16(0),
        );
        match self.tell(&command).await {
            Ok(()) => true,
            Err(e) => {
                debug!("the controller refuses the update a peer asks for: {:?}", e);
                false
            }
        }
    }

    /// Replies to the link layer (Core Vol 4 Part E, 7.8.31 and 7.8.32).
    async fn reply(&self, request: &ParameterRequest, allowed: bool) {
        let handle = ConnHandle::new(request.handle);
        let wish = request.wish;
        let replied = if allowed {
            let reply = LeRemoteConnectionParameterRequestReply::new(
                handle,
                HciDuration::from_u16(wish.interval.0),
                HciDuration::from_u16(wish.interval.1),
                wish.latency,
                HciDuration::from_u16(wish.timeout),
                HciDuration::from_u16(0),
                HciDuration::from_u16(0),
            );
            self.tell(&reply).await
        } else {
            let reason = RemoteConnectionParamsRejectReason::UnacceptableConnParameters;
            let reply = LeRemoteConnectionParameterRequestNegativeReply::new(handle, reason);
            self.tell(&reply).await
        };
        if let Err(e) = replied {
            debug!("a reply to a request for parameters was refused: {:?}", e);
        }
    }

    /// Asks something of a controller that has said nothing for a while, so that one that hangs is
    /// found out: soon if somebody waits for it, else some time.
    pub(super) async fn ask_for_life(&self, lull: Lull) {
        // A long one is only told while there are connections.
        let asks =
            lull == Lull::Long || self.radio.borrow().is_in_use() || self.mux.is_waited_for();
        if asks {
            // Whatever it answers: that it does is enough.
            let _ = self.tell(&ReadBdAddr::new()).await;
        }
    }
}

//! L2CAP channels that are read to their end, though the peer has closed them.

use core::future::poll_fn;
use core::task::Poll;

use bt_hci::transport::Transport;
use trouble_host::PacketPool;

use super::Central;
use crate::links::{Link, LinkId, LinkPhase, Links};
use crate::mux::{Opener, ReportHandler};

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Keeps the L2CAP channel that was opened last on a connection by that side: when the peer
    /// closes it, trouble-host is not told before all that came is read; and the peer gets credits
    /// for what was read, not for what came. For that, it has to be opened with
    /// `CreditFlowPolicy::Every(0)`, so that trouble-host has something to say at each unit, and with
    /// twice the credits of trouble-host's queue: the peer is told of no more than the queue, and
    /// trouble-host counts those on their way as not given. The name is for
    /// [`Central::channel_read`] and [`Central::let_channel_go`], one of which has to be called.
    pub fn keep_channel(&self, id: LinkId, opener: Opener) -> Option<u16> {
        self.mux
            .links()
            .with_link(id, |link| link.info.sdus.keep(opener))
            .flatten()
    }

    /// The request for a channel that was made last has failed: an answer that comes yet is dropped, since
    /// trouble-host would take it for one to the next request.
    pub fn give_up_channel(&self, id: LinkId) {
        let links = self.mux.links();
        links.with_link(id, |link| link.info.sdus.give_up());
    }

    /// What a peer refused the last channel with that it refused (Core Vol 3 Part A, 4.23). trouble-host tells
    /// the numbers that are defined, and *unacceptable parameters* in the place of any other.
    pub fn channel_refusal(&self, id: LinkId) -> Option<u16> {
        let links = self.mux.links();
        links.with_link(id, |link| link.info.sdus.refusal())
    }

    /// Waits until the peer has closed a channel and `read`, which counts the units read, has come
    /// to all of them, and has trouble-host hear of it. Ends with the connection, too.
    pub async fn channel_read(&self, id: LinkId, channel: u16, read: impl Fn() -> u32) {
        let closing = poll_fn(|cx| {
            let polled = self.mux.links().with_link(id, |link| {
                if link.info.phase() != LinkPhase::Open {
                    return Poll::Ready(None);
                }
                match link.info.sdus.release(channel, read()) {
                    Some(closing) => Poll::Ready(Some(closing)),
                    None => {
                        link.bearer.wait_for_change(cx.waker());
                        Poll::Pending
                    }
                }
            });
            polled.unwrap_or(Poll::Ready(None))
        })
        .await;
        if let Some(closing) = closing {
            self.mux.pass(&closing);
        }
    }

    /// Whether a channel that is kept is to be closed when all is read: the peer has closed it, or has sent more
    /// than it had credits for.
    pub fn channel_is_closing(&self, id: LinkId, channel: u16) -> bool {
        let links = self.mux.links();
        links
            .with_link(id, |link| link.info.sdus.is_closing(channel))
            .unwrap_or(false)
    }

    /// Whether more has come on a channel than the units that were read. A connection that ends takes
    /// that along, and so does trouble-host, which closes a channel on which it is sent what it can't take.
    pub fn channel_has_unread(&self, id: LinkId, channel: u16, read: u32) -> bool {
        let links = self.mux.links();
        links
            .with_link(id, |link| link.info.sdus.has_unread(channel, read))
            .unwrap_or(false)
    }

    /// A unit was read: [`Central::channel_read`] looks again.
    pub fn channel_progress(&self, id: LinkId) {
        self.mux.links().with_link(id, |link| link.bearer.changed());
    }

    /// Nobody reads a channel any more.
    pub fn let_channel_go(&self, id: LinkId, channel: u16) {
        let let_go = |link: &mut Link<'_>| link.info.sdus.let_go(channel);
        if let Some(closing) = self.mux.links().with_link(id, let_go).flatten() {
            self.mux.pass(&closing);
        }
    }
}

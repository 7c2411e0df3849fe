//! L2CAP channels that are read to their end, even if the peer has closed them.

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
    /// Keeps the L2CAP channel that was opened last by this side, or by the peer, until it is read to its
    /// end: if the peer closes it, trouble-host is told once everything that arrived was read, and
    /// the peer gets credits for what was read instead of what has arrived. This requires that the channel was
    /// opened with `CreditFlowPolicy::Every(0)`, so that trouble-host sends credits after each unit, and with
    /// twice as many credits as its queue holds: the peer is told only as many as that, and trouble-host
    /// does not count those that it is about to send. Returns the CID, for
    /// [`Central::channel_read`] and [`Central::let_channel_go`]; one of them has to be called.
    pub fn keep_channel(&self, id: LinkId, opener: Opener) -> Option<u16> {
        self.mux
            .links()
            .with_link(id, |link| link.info.sdus.keep(opener))
            .flatten()
    }

    /// Notes that the last channel request has failed. A late response to it is dropped: trouble-host
    /// would cancel the next request.
    pub fn give_up_channel(&self, id: LinkId) {
        let links = self.mux.links();
        links.with_link(id, |link| link.info.sdus.give_up());
    }

    /// The result that the peer sent with its last refusal of a channel (Core Vol 3 Part A, 4.23).
    /// trouble-host knows no reserved values, and reports *unacceptable parameters* instead.
    pub fn channel_refusal(&self, id: LinkId) -> Option<u16> {
        let links = self.mux.links();
        links.with_link(id, |link| link.info.sdus.refusal())
    }

    /// Waits until the peer has closed a channel and `read`, the number of units that were read, has
    /// reached the number that arrived; then trouble-host is told. Also ends with the connection.
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

    /// Whether a channel that is kept is to be closed once everything is read: the peer has closed
    /// it, or has sent more than its credits allow.
    pub fn channel_is_closing(&self, id: LinkId, channel: u16) -> bool {
        let links = self.mux.links();
        links
            .with_link(id, |link| link.info.sdus.is_closing(channel))
            .unwrap_or(false)
    }

    /// Whether more has arrived on a channel than the `read` units. It is lost when the connection
    /// ends, and when trouble-host closes the channel because the peer has broken a rule.
    pub fn channel_has_unread(&self, id: LinkId, channel: u16, read: u32) -> bool {
        let links = self.mux.links();
        links
            .with_link(id, |link| link.info.sdus.has_unread(channel, read))
            .unwrap_or(false)
    }

    /// A unit was read: [`Central::channel_read`] checks again.
    pub fn channel_progress(&self, id: LinkId) {
        self.mux.links().with_link(id, |link| link.bearer.changed());
    }

    /// The channel is no longer read.
    pub fn let_channel_go(&self, id: LinkId, channel: u16) {
        let let_go = |link: &mut Link<'_>| link.info.sdus.let_go(channel);
        if let Some(closing) = self.mux.links().with_link(id, let_go).flatten() {
            self.mux.pass(&closing);
        }
    }
}

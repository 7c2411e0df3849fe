//! Whose turn it is to pair on a link or encrypt it, and waiting for events on the link.

use core::future::poll_fn;
use core::task::{Context, Poll};

use bt_hci::transport::Transport;
use embassy_time::Instant;
use trouble_host::PacketPool;

use super::PATIENCE;
use crate::central::{Central, Connection};
use crate::links::{LinkPhase, Links};
use crate::mux::ReportHandler;
use crate::security::{PairingFailure, SecurityError};
use crate::smp::{Channel, Frame};

/// The exclusive right to pair on a link or encrypt it. Dropping it during a pairing aborts the pairing.
pub(super) struct Turn<'t, 'c, 's, 'a: 's, T, L, P, R, const BUFFER: usize>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    connection: &'t Connection<'c, 's, 'a, T, L, P, R, BUFFER>,
    /// Whether the peer knows of a pairing, and not yet of its end.
    pub(super) begun: bool,
}

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Drop for Turn<'_, '_, 's, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    fn drop(&mut self) {
        match self.begun {
            true => self.connection.give_up(PairingFailure::UNSPECIFIED),
            false => self.connection.on_channel(Channel::shut),
        }
        // A link that has ended may still hold keys.
        let links = self.connection.central.mux.links();
        links.with_link(self.connection.id, |link| {
            if link.info.phase() != LinkPhase::Open {
                link.info.smp.shut();
            }
        });
    }
}

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Connection<'_, 's, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Waits until nobody else pairs on the link, or encrypts it.
    pub(super) async fn turn(
        &self,
    ) -> Result<Turn<'_, '_, 's, 'a, T, L, P, R, BUFFER>, SecurityError> {
        let until = Instant::now() + PATIENCE;
        self.look_until(
            || match self.with_info(|info| (info.smp.take(), info.smp.is_spent())) {
                Ok((true, _)) => Some(Ok(())),
                Ok((_, true)) => Some(Err(SecurityError::Timeout)),
                _ => self.is_due(until).then_some(Err(SecurityError::Busy)),
            },
        )
        .await?;
        Ok(Turn {
            connection: self,
            begun: false,
        })
    }

    /// Tells the peer that the pairing has failed.
    pub(super) fn give_up(&self, why: PairingFailure) {
        self.on_channel(|channel| channel.give_up(why));
    }

    /// Sends a command, once the one before it was sent.
    pub(super) async fn send(&self, frame: Frame, until: Instant) -> Result<(), SecurityError> {
        self.look_until(|| match self.with_info(|info| info.smp.has_output()) {
            Ok(true) => self.is_due(until).then_some(Err(SecurityError::Timeout)),
            free => Some(free.map(drop)),
        })
        .await?;
        self.on_channel(|channel| channel.send(frame));
        Ok(())
    }

    /// Changes the security channel, and wakes all who wait for a change.
    pub(super) fn on_channel(&self, f: impl FnOnce(&mut Channel)) {
        let links = self.central.mux.links();
        links.with_link(self.id, |link| {
            if link.info.phase() == LinkPhase::Open {
                f(&mut link.info.smp);
                link.bearer.changed();
            }
        });
        links.doorbell().ring(self.id.index());
    }

    /// Calls `look` whenever something has happened on the link, until it returns a result or the link ends.
    pub(super) fn look_until<X>(
        &self,
        mut look: impl FnMut() -> Option<Result<X, SecurityError>>,
    ) -> impl Future<Output = Result<X, SecurityError>> {
        poll_fn(move |cx| look().map_or_else(|| self.poll_ended(cx).map(Err), Poll::Ready))
    }

    /// Whether `at` has passed; if not, all who wait are woken then.
    pub(super) fn is_due(&self, at: Instant) -> bool {
        if at <= Instant::now() {
            return true;
        }
        let alarm = &self.central.alarm;
        if alarm.get().is_none_or(|alarm| at < alarm) {
            alarm.set(Some(at));
        }
        false
    }

    /// Whether the link has ended; if not, registers for the next change on it. A function of its
    /// own, so that it is compiled only once.
    fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<SecurityError> {
        if let Some(at) = self.central.alarm.get() {
            self.central.mux.wake_at(at);
        }
        if let Some(ended) = self.ended() {
            return Poll::Ready(ended);
        }
        let links = self.central.mux.links();
        links.with_link(self.id, |link| link.bearer.wait_for_change(cx.waker()));
        Poll::Pending
    }
}

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Wakes those whose deadline in a pairing has passed. One deadline in the mux serves them all:
    /// on a desktop there is room for few timers.
    pub(in crate::central) fn look_after_pairing(&self) {
        let alarm = self.alarm.get();
        if alarm.is_some_and(|at| self.mux.is_time(at)) {
            self.alarm.set(None);
            let links = self.mux.links();
            for index in 0..links.capacity() {
                links.with(index, |link| link.bearer.changed());
            }
        }
    }
}

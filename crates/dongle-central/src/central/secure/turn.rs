//! Whose turn it is to pair: trouble-host knows one pairing, over all connections.

use core::future::poll_fn;
use core::task::Poll;

use bt_hci::transport::Transport;
use embassy_futures::select::{Either, select};
use embassy_time::{Instant, Timer};
use trouble_host::PacketPool;

use super::heard::{Answer, Question};
use crate::central::Connection;
use crate::links::Links;
use crate::mux::ReportHandler;
use crate::security::{PairingFailure, SecurityError};

/// The right to pair, as long as it lives. Dropped in the middle, it gives the pairing up.
pub(super) struct Turn<'t, 'c, 's, 'a: 's, T, L, P, R, const BUFFER: usize>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    pub(super) connection: &'t Connection<'c, 's, 'a, T, L, P, R, BUFFER>,
    pub(super) begun: bool,
    /// What is asked at the moment.
    pub(super) question: Option<Question>,
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
        let connection = self.connection;
        if self.begun {
            // trouble-host waits for the person, or for the peer.
            let _ = connection.with_info(|info| info.guard.abort(PairingFailure::UNSPECIFIED));
            match self.question {
                Some(Question::Compare(_)) => _ = connection.answer(Answer::Compared(false)),
                Some(Question::Enter) => _ = connection.answer(Answer::Entered(None)),
                Some(Question::OutOfBand) => _ = connection.answer(Answer::OutOfBand(None)),
                Some(Question::Display(_)) | None => {}
            }
        } else {
            let _ = connection.with_info(|info| info.guard.close());
        }
        let mut pairing = connection.central.pairing.borrow_mut();
        pairing.busy = false;
        pairing.handle = None;
        pairing.steps.clear();
        pairing.waiters.wake();
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
    /// Waits until nobody else pairs.
    pub(super) async fn turn(
        &self,
        deadline: Instant,
    ) -> Result<Turn<'_, '_, 's, 'a, T, L, P, R, BUFFER>, SecurityError> {
        let free = poll_fn(|cx| {
            if let Some(ended) = self.ended() {
                return Poll::Ready(Err(ended));
            }
            let mut pairing = self.central.pairing.borrow_mut();
            if pairing.busy {
                pairing.waiters.register(cx.waker());
                let links = self.central.mux.links();
                links.with_link(self.id, |link| link.bearer.wait_for_change(cx.waker()));
                return Poll::Pending;
            }
            pairing.busy = true;
            pairing.handle = Some(self.host.handle().raw());
            pairing.steps.clear();
            Poll::Ready(Ok(()))
        });
        match select(free, Timer::at(deadline)).await {
            Either::First(result) => result?,
            Either::Second(()) => return Err(SecurityError::Timeout),
        }
        Ok(Turn {
            connection: self,
            begun: false,
            question: None,
        })
    }
}

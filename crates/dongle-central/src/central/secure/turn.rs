//! Whose turn it is to pair: trouble-host knows one pairing, over all connections.

use core::future::poll_fn;
use core::task::{Context, Poll};

use bt_hci::transport::Transport;
use embassy_time::Instant;
use trouble_host::PacketPool;

use super::{PATIENCE, Pairing};
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
    /// trouble-host is in the middle.
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
        let connection = self.connection;
        if self.begun {
            connection.give_up(PairingFailure::UNSPECIFIED);
        } else {
            let _ = connection.with_info(|info| info.guard.close());
        }
        let mut pairing = connection.central.pairing.borrow_mut();
        pairing.handle = None;
        pairing.steps.clear();
        connection.central.wake_links();
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
    ) -> Result<Turn<'_, '_, 's, 'a, T, L, P, R, BUFFER>, SecurityError> {
        let until = Instant::now() + PATIENCE;
        self.look_until(|pairing| {
            if pairing.handle.is_none() {
                pairing.handle = Some(self.handle());
                pairing.steps.clear();
                return Some(Ok(()));
            }
            pairing.is_due(until).then_some(Err(SecurityError::Busy))
        })
        .await?;
        Ok(Turn {
            connection: self,
            begun: false,
        })
    }

    /// Looks whenever something has happened on the link, or to the pairing, until there is an
    /// answer or the link has ended.
    pub(super) fn look_until<X>(
        &self,
        mut look: impl FnMut(&mut Pairing) -> Option<Result<X, SecurityError>>,
    ) -> impl Future<Output = Result<X, SecurityError>> {
        poll_fn(move |cx| {
            let found = look(&mut self.central.pairing.borrow_mut());
            found.map_or_else(|| self.poll_ended(cx).map(Err), Poll::Ready)
        })
    }

    /// Whether the link has ended; if not, looks again when something has happened. Apart, so that
    /// it is there once for all who look.
    fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<SecurityError> {
        if let Some(at) = self.central.pairing.borrow().alarm {
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

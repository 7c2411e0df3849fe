//! One request, from its caller to the bearer and back.

use core::future::poll_fn;
use core::task::Poll;

use embassy_time::Instant;

use super::{Client, Error};
use crate::att::Mtu;
use crate::bearer::{CallError, CallId, StartError};
use crate::gatt::ProcedureError;
use crate::links::{Link, Links, Reason};

/// A request that is queued or in flight; dropped before its end, it is abandoned.
pub(super) struct Pending<L: Links + Clone> {
    client: Client<L>,
    id: CallId,
    over: bool,
}

impl<L: Links + Clone> Client<L> {
    /// Queues the request that `write` writes, when there is room for it. `write` is called once.
    pub(super) async fn begin<E>(
        &self,
        deadline: Option<Instant>,
        mut write: impl FnMut(Mtu, &mut [u8]) -> Result<usize, E>,
    ) -> Result<Result<Pending<L>, E>, Error> {
        let started = self.attempt(deadline, |link| {
            match link.bearer.start(deadline, &mut write) {
                Err(StartError::Full | StartError::MtuAsked) => Poll::Pending,
                started => Poll::Ready(started),
            }
        });
        let id = match started.await? {
            Ok(Ok(id)) => id,
            Ok(Err(e)) => return Ok(Err(e)),
            Err(StartError::TooLong) => {
                let limit = self.mtu().size();
                return Err(ProcedureError::ValueTooLong {
                    length: limit + 1,
                    limit,
                }
                .into());
            }
            Err(_) => return Err(self.gone()),
        };
        self.ring();
        Ok(Ok(Pending {
            client: self.clone(),
            id,
            over: false,
        }))
    }

    /// Calls `f` with the link until it is ready: now, and at each change on the link.
    pub(super) async fn attempt<R>(
        &self,
        deadline: Option<Instant>,
        mut f: impl FnMut(&mut Link<'_>) -> Poll<R>,
    ) -> Result<R, Error> {
        poll_fn(|cx| {
            let outcome = self.with(|link| match f(link) {
                Poll::Ready(result) => Some(Ok(result)),
                Poll::Pending if !link.bearer.is_open() => Some(Err(None)),
                Poll::Pending if deadline.is_some_and(|d| d <= Instant::now()) => {
                    Some(Err(Some(Error::Timeout)))
                }
                Poll::Pending => {
                    link.bearer.wait_for_change(cx.waker());
                    if let Some(at) = deadline
                        && link.bearer.set_alarm(at)
                    {
                        self.ring();
                    }
                    None
                }
            });
            match outcome {
                Ok(Some(Ok(result))) => Poll::Ready(Ok(result)),
                Ok(Some(Err(error))) => Poll::Ready(Err(error.unwrap_or_else(|| self.gone()))),
                Ok(None) => Poll::Pending,
                Err(gone) => Poll::Ready(Err(gone)),
            }
        })
        .await
    }

    /// Has the bearer of this link served.
    pub(super) fn ring(&self) {
        self.links.doorbell().ring(self.id.index());
    }
}

impl<L: Links + Clone> Pending<L> {
    /// Waits for the response; its length in `response`.
    pub(super) async fn response(mut self, response: &mut [u8]) -> Result<usize, Error> {
        let result = poll_fn(|cx| {
            match self
                .client
                .with(|link| link.bearer.poll_call(self.id, cx, response))
            {
                Ok(poll) => poll.map(Ok),
                Err(gone) => Poll::Ready(Err(gone)),
            }
        })
        .await;
        self.over = true;
        let needed = match result? {
            Ok(len) => len,
            Err(CallError::Timeout) => return Err(Error::Timeout),
            Err(CallError::TransactionTimeout) => {
                return Err(Error::Disconnected(Reason::TransactionTimeout));
            }
            Err(CallError::Closed) => return Err(self.client.gone()),
        };
        let available = response.len();
        if needed > available {
            return Err(ProcedureError::BufferTooSmall { needed, available }.into());
        }
        Ok(needed)
    }
}

impl<L: Links + Clone> Drop for Pending<L> {
    fn drop(&mut self) {
        if !self.over {
            let _ = self.client.with(|link| link.bearer.abandon(self.id));
        }
    }
}

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
struct Pending<L: Links + Clone> {
    client: Client<L>,
    id: CallId,
    over: bool,
}

/// Writes a request into the buffer it is given and returns its length; `None`: there is none to be
/// made. Not a type of its own for each procedure, so that what follows is there once.
pub(super) type Write<'w> =
    dyn FnMut(Mtu, &mut [u8]) -> Result<Option<usize>, ProcedureError> + Send + 'w;

impl<L: Links + Clone> Client<L> {
    /// Makes the request that `write` writes, and waits for the response: its length in `response`.
    /// `None`: there was no request.
    pub(super) async fn exchange(
        &self,
        deadline: Option<Instant>,
        write: &mut Write<'_>,
        response: &mut [u8],
    ) -> Result<Option<usize>, Error> {
        match self.begin(deadline, write).await? {
            Some(pending) => pending.response(response).await.map(Some),
            None => Ok(None),
        }
    }

    /// Queues the request that `write` writes, when there is room for it.
    async fn begin(
        &self,
        deadline: Option<Instant>,
        write: &mut Write<'_>,
    ) -> Result<Option<Pending<L>>, Error> {
        let started = self.attempt(deadline, |link| {
            let request =
                |mtu, out: &mut [u8]| write(mtu, out).map_err(Some)?.ok_or(None::<ProcedureError>);
            match link.bearer.start(deadline, request) {
                Err(StartError::Full | StartError::MtuAsked) => Poll::Pending,
                started => Poll::Ready(started),
            }
        });
        let id = match started.await? {
            Ok(Ok(id)) => id,
            Ok(Err(None)) => return Ok(None),
            Ok(Err(Some(e))) => return Err(e.into()),
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
        Ok(Some(Pending {
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
    async fn response(mut self, response: &mut [u8]) -> Result<usize, Error> {
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

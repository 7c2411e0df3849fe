//! One request, from its caller to the bearer and back.

use core::future::poll_fn;
use core::task::{Context, Poll, ready};

use embassy_time::Instant;

use super::{Client, Error, now};
use crate::att::Mtu;
use crate::bearer::{CallError, CallId, StartError};
use crate::gatt::{Procedure, ProcedureError};
use crate::links::{Link, Links, Reason};

/// A procedure without its results, used as a trait object so that the code that makes its requests
/// is compiled only once.
pub(super) trait Steps: Send {
    fn request(&mut self, mtu: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError>;
    fn mtu_grew(&mut self, mtu: Mtu);
    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError>;
}

impl<P: Procedure> Steps for P {
    fn request(&mut self, mtu: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError> {
        Procedure::request(self, mtu, out)
    }

    fn mtu_grew(&mut self, mtu: Mtu) {
        Procedure::mtu_grew(self, mtu);
    }

    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        Procedure::response(self, pdu)
    }
}

/// A request that waits for a slot, is queued, or is in flight. Dropping it early abandons the request.
struct Pending<'c, L: Links + Clone> {
    client: &'c Client<L>,
    id: Option<CallId>,
}

impl<L: Links + Clone> Client<L> {
    /// Makes a procedure's next request and passes it the response; returns the response's length,
    /// or `None` if there was no request.
    pub(super) async fn exchange(
        &self,
        deadline: Option<Instant>,
        steps: &mut dyn Steps,
        response: &mut [u8],
    ) -> Result<Option<usize>, Error> {
        let mut made_for = Mtu::DEFAULT;
        let mut pending = Pending {
            client: self,
            id: None,
        };
        // One future, which starts under one lock: moving values between futures, and more locks,
        // would cost as much as all the rest.
        let exchanged = poll_fn(|cx| {
            let queued = pending.id.is_some();
            let polled = self.with(|link| {
                let id = match pending.id {
                    Some(id) => id,
                    None => match ready!(self.begin(link, deadline, steps, &mut made_for, cx)) {
                        Ok(Some(id)) => *pending.id.insert(id),
                        Ok(None) => return Poll::Ready(Ok(None)),
                        Err(e) => return Poll::Ready(Err(e)),
                    },
                };
                let result = ready!(link.bearer.poll_call(id, cx, response));
                pending.id = None;
                Poll::Ready(match result {
                    Ok(len) => Ok(Some(len)),
                    Err(CallError::Timeout) => Err(Error::Timeout),
                    Err(CallError::TransactionTimeout) => {
                        Err(Error::Disconnected(Reason::TransactionTimeout))
                    }
                    Err(CallError::Closed) => Err(ended(link)),
                })
            });
            if !queued && pending.id.is_some() {
                self.ring();
            }
            polled.unwrap_or_else(|gone| Poll::Ready(Err(gone)))
        });
        let Some(needed) = exchanged.await? else {
            return Ok(None);
        };
        let available = response.len();
        let Some(pdu) = response.get(..needed) else {
            return Err(ProcedureError::BufferTooSmall { needed, available }.into());
        };
        if needed > made_for.size() {
            steps.mtu_grew(self.mtu());
        }
        steps.response(pdu)?;
        Ok(Some(needed))
    }

    /// Queues a procedure's next request when there is a slot for it; `None` if there is no
    /// request. Stores in `made_for` the MTU it was made for.
    fn begin(
        &self,
        link: &mut Link<'_>,
        deadline: Option<Instant>,
        steps: &mut dyn Steps,
        made_for: &mut Mtu,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<CallId>, Error>> {
        let request = |mtu, out: &mut [u8]| {
            *made_for = mtu;
            let len = steps.request(mtu, out).map_err(Some)?;
            len.ok_or(None::<ProcedureError>)
        };
        Poll::Ready(match link.bearer.start(deadline, request) {
            Ok(Ok(id)) => Ok(Some(id)),
            Ok(Err(None)) => Ok(None),
            Ok(Err(Some(e))) => Err(e.into()),
            Err(StartError::Full | StartError::MtuAsked) => {
                return self.wait(link, deadline, cx).map(Err);
            }
            Err(StartError::TooLong) => {
                let limit = link.bearer.mtu().size();
                let length = limit + 1;
                Err(ProcedureError::ValueTooLong { length, limit }.into())
            }
            Err(StartError::Closed) => Err(ended(link)),
        })
    }

    /// Calls `f` with the link, now and at each change on the link, until it is ready.
    pub(super) async fn attempt<R>(
        &self,
        deadline: Option<Instant>,
        mut f: impl FnMut(&mut Link<'_>) -> Poll<R>,
    ) -> Result<R, Error> {
        poll_fn(|cx| {
            let polled = self.with(|link| match f(link) {
                Poll::Ready(result) => Poll::Ready(Ok(result)),
                Poll::Pending => self.wait(link, deadline, cx).map(Err),
            });
            polled.unwrap_or_else(|gone| Poll::Ready(Err(gone)))
        })
        .await
    }

    /// Registers the task for the next change on the link and for the deadline; ready if the link has ended
    /// or the deadline passed.
    fn wait(
        &self,
        link: &mut Link<'_>,
        deadline: Option<Instant>,
        cx: &mut Context<'_>,
    ) -> Poll<Error> {
        if !link.bearer.is_open() {
            return Poll::Ready(ended(link));
        }
        if deadline.is_some_and(|d| d <= now()) {
            return Poll::Ready(Error::Timeout);
        }
        link.bearer.wait_for_change(cx.waker());
        if let Some(at) = deadline
            && link.bearer.set_alarm(at)
        {
            self.ring();
        }
        Poll::Pending
    }

    /// Notifies the mux that this link has something to send or to wait for.
    pub(super) fn ring(&self) {
        self.links.doorbell().ring(self.id.index());
    }
}

/// The error of a link that has ended.
pub(super) fn ended(link: &Link<'_>) -> Error {
    Error::Disconnected(link.info.reason().unwrap_or(Reason::Unknown))
}

impl<L: Links + Clone> Drop for Pending<'_, L> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let _ = self.client.with(|link| link.bearer.abandon(id));
        }
    }
}

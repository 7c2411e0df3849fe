//! Subscriptions to values that the server sends.

use core::future::poll_fn;
use core::task::{Context, Poll};

use embassy_time::Instant;

use super::call::ended;
use super::{Client, Error, now};
use crate::bearer::{Received, SubscriptionId};
use crate::links::Links;

/// The values of one characteristic, as they arrive. Dropping it drops them; the server keeps sending.
#[derive(Debug)]
pub struct Subscription<L: Links + Clone> {
    client: Client<L>,
    id: SubscriptionId,
}

/// What a subscription receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notified {
    /// A value, of this length.
    Value(usize),
    /// This many values before the next one were lost, because they were not read in time.
    Missed(u32),
}

impl<L: Links + Clone> Subscription<L> {
    pub(super) fn new(client: Client<L>, id: SubscriptionId) -> Self {
        Self { client, id }
    }

    /// The next value, copied to `out`, or how many were missed before it.
    ///
    /// Values received before the link ended are still returned; then the error is [`Error::Disconnected`].
    pub async fn notified(&mut self, out: &mut [u8]) -> Result<Notified, Error> {
        let deadline = self.client.deadline();
        poll_fn(|cx| self.poll_notified(cx, deadline, out)).await
    }

    /// Like [`notified`](Self::notified), for hand-written futures: each call checks `deadline`.
    pub fn poll_notified(
        &mut self,
        cx: &mut Context<'_>,
        deadline: Option<Instant>,
        out: &mut [u8],
    ) -> Poll<Result<Notified, Error>> {
        let polled = self.client.with(|link| {
            let owed = link.bearer.owes_confirmation();
            let polled = link.bearer.poll_value(self.id, cx, out);
            let polled = polled.map_err(|_| ended(link));
            let alarm = polled.is_pending()
                && deadline.is_some_and(|at| at > now() && link.bearer.set_alarm(at));
            // Reading may have made room for the next indication, so that the last one can be confirmed.
            (polled, alarm || link.bearer.owes_confirmation() && !owed)
        });
        let (polled, rings) = match polled {
            Ok(polled) => polled,
            Err(gone) => return Poll::Ready(Err(gone)),
        };
        if rings {
            self.client.ring();
        }
        match polled {
            Poll::Ready(Ok(Received::Value(needed))) if needed > out.len() => {
                let available = out.len();
                Poll::Ready(Err(crate::att::BufferTooSmall { needed, available }.into()))
            }
            Poll::Ready(Ok(Received::Value(len))) => Poll::Ready(Ok(Notified::Value(len))),
            Poll::Ready(Ok(Received::Missed(n))) => Poll::Ready(Ok(Notified::Missed(n))),
            Poll::Ready(Err(ended)) => Poll::Ready(Err(ended)),
            Poll::Pending if deadline.is_some_and(|at| at <= now()) => {
                Poll::Ready(Err(Error::Timeout))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// How many values wait to be read.
    pub fn pending(&self) -> u32 {
        self.client
            .with(|link| link.bearer.pending(self.id))
            .unwrap_or(0)
    }
}

impl<L: Links + Clone> Drop for Subscription<L> {
    fn drop(&mut self) {
        let rung = self.client.with(|link| {
            link.bearer.unsubscribe(self.id);
            link.bearer.has_output()
        });
        if rung == Ok(true) {
            self.client.ring();
        }
    }
}

//! A call that can be given a timeout before it is awaited.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use dongle_central::att::Uuid;
use embassy_time::Instant;

use crate::error::Error;
use crate::host;

/// A future that may be sent between threads.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Starts a call, once its timeout is known.
type Start<'a, T> = Box<dyn FnOnce(Option<Duration>) -> Boxed<'a, Result<T, Error>> + Send + 'a>;

/// A call to the device. Nothing happens until it is awaited.
///
/// Without a timeout, each request that it makes ends after at most 30 s (Core Vol 3 Part F,
/// 3.3.3). Calls that wait for the device to act wait until the connection ends:
/// [`notified`](crate::Subscription::notified),
/// [`l2cap_accept`](crate::DeviceConnection::l2cap_accept), and on a channel
/// [`receive`](crate::L2capChannel::receive) and, without credits,
/// [`send`](crate::L2capChannel::send). Give these a timeout if that may be too long.
#[must_use = "nothing is asked before this is awaited"]
pub struct Call<'a, T> {
    timeout: Option<Duration>,
    start: Start<'a, T>,
}

/// The UUID that was passed to a call. An invalid one is an error only when the call is made.
pub(crate) fn uuid_of(uuid: impl TryInto<Uuid, Error: Into<Error>>) -> Result<Uuid, Error> {
    uuid.try_into().map_err(Into::into)
}

/// The deadline of a call that consists of several.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience(Option<Instant>);

impl Patience {
    /// Ends `timeout` from now, or never without one.
    pub(crate) fn new(timeout: Option<Duration>) -> Self {
        Self(host::deadline(timeout))
    }

    pub(crate) fn left(self) -> Option<Duration> {
        let until = self.0?;
        Some(until.saturating_duration_since(Instant::now()).into())
    }
}

impl<'a, T> Call<'a, T> {
    pub(crate) fn new<F>(start: impl FnOnce(Option<Duration>) -> F + Send + 'a) -> Self
    where
        F: Future<Output = Result<T, Error>> + Send + 'a,
    {
        Self {
            timeout: None,
            start: Box::new(|timeout| Box::pin(start(timeout))),
        }
    }

    /// Gives up after this time with [`Error::Timeout`]. The connection stays up, and a late
    /// response isn't taken for that of another request.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the timeout of the call that this one is part of.
    pub(crate) fn maybe(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<T> fmt::Debug for Call<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl<'a, T> IntoFuture for Call<'a, T> {
    type Output = Result<T, Error>;
    type IntoFuture = Boxed<'a, Result<T, Error>>;

    fn into_future(self) -> Self::IntoFuture {
        (self.start)(self.timeout)
    }
}

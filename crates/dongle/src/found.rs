//! Results of a discovery that arrive one by one.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_lite::{StreamExt, stream};

use crate::error::Error;

/// Results that arrive one by one, as the device sends them. Other calls may be made between two of
/// them. Dropping this ends the discovery.
#[must_use = "nothing is asked before results are taken"]
pub struct Found<T> {
    timeout: Option<Duration>,
    state: State<T>,
}

type Results<T> = Pin<Box<dyn Stream<Item = Result<T, Error>> + Send>>;

enum State<T> {
    /// The device has not been asked yet.
    Waiting(Box<dyn FnOnce(Option<Duration>) -> Results<T> + Send>),
    Running(Results<T>),
    /// It could not be started, because starting it panicked.
    Lost,
}

impl<T> Found<T> {
    pub(crate) fn new<S>(start: impl FnOnce(Option<Duration>) -> S + Send + 'static) -> Self
    where
        S: Stream<Item = Result<T, Error>> + Send + 'static,
    {
        let start = Box::new(|timeout| -> Results<T> { Box::pin(start(timeout)) });
        Self {
            timeout: None,
            state: State::Waiting(start),
        }
    }

    /// Returns only an error, because the question was invalid.
    pub(crate) fn failed(error: Error) -> Self
    where
        T: Send + 'static,
    {
        Self::new(|_| stream::once(Err(error)))
    }

    /// Keeps only the results that `wanted` accepts.
    pub(crate) fn only(mut self, wanted: impl Fn(&T) -> bool + Send + 'static) -> Self
    where
        T: Send + 'static,
    {
        Self::new(move |timeout| {
            self.timeout = timeout;
            self.filter(move |found| found.as_ref().map_or(true, &wanted))
        })
    }

    /// Gives up this long after the first result is requested, with [`Error::Timeout`]. The
    /// connection stays up. Has no effect once the first result has been requested.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The next result; `None` when there are no more.
    pub async fn next(&mut self) -> Result<Option<T>, Error> {
        StreamExt::next(self).await.transpose()
    }

    /// All results.
    pub async fn all(mut self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        while let Some(result) = self.next().await? {
            all.push(result);
        }
        Ok(all)
    }
}

impl<T> Stream for Found<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let timeout = self.timeout;
        if let State::Waiting(_) = self.state
            && let State::Waiting(start) = mem::replace(&mut self.state, State::Lost)
        {
            self.state = State::Running(start(timeout));
        }
        match &mut self.state {
            State::Running(results) => results.as_mut().poll_next(cx),
            _ => Poll::Ready(None),
        }
    }
}

impl<T> fmt::Debug for Found<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

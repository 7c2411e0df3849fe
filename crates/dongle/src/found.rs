//! Results that come one by one.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_lite::StreamExt as _;

use crate::error::Error;

/// Results that come one by one, as the device gives them. Between two of them anything else may
/// be asked of it; dropped, it just stops.
#[must_use = "nothing is asked before results are taken"]
pub struct Found<T> {
    stream: Pin<Box<dyn Stream<Item = Result<T, Error>> + Send>>,
}

impl<T> Found<T> {
    pub(crate) fn new(stream: impl Stream<Item = Result<T, Error>> + Send + 'static) -> Self {
        Self { stream: Box::pin(stream) }
    }

    /// The next result; None: that was all.
    pub async fn next(&mut self) -> Result<Option<T>, Error> {
        self.stream.next().await.transpose()
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
        self.stream.as_mut().poll_next(cx)
    }
}

impl<T> fmt::Debug for Found<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").finish_non_exhaustive()
    }
}

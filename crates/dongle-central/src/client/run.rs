//! Runs a GATT procedure: request by request, result by result.

use embassy_time::Instant;

use super::call::Steps;
use super::{Client, Error};
use crate::gatt::Procedure;
use crate::links::Links;

/// A running procedure. Its results come one by one; in between, other requests may be made.
/// Dropping it early stops it.
#[derive(Debug)]
pub struct Run<L: Links + Clone, P: Procedure, B> {
    progress: Progress<L>,
    procedure: P,
    buffer: B,
    /// Whether it holds the server's prepare queue.
    queued_write: bool,
}

/// The part that does not depend on the procedure's type, so that its code is compiled only once.
#[derive(Debug)]
struct Progress<L> {
    client: Client<L>,
    deadline: Option<Instant>,
    /// Length of the response from which results are taken.
    len: usize,
    over: bool,
}

impl<L: Links + Clone, P: Procedure, B> Run<L, P, B> {
    pub(super) fn new(client: &Client<L>, procedure: P, buffer: B) -> Self {
        Self {
            progress: Progress::new(client),
            procedure,
            buffer,
            queued_write: false,
        }
    }

    /// A run that holds the server's prepare queue; `deadline` includes its wait for that.
    pub(super) fn queued_write(mut self, deadline: Option<Instant>) -> Self {
        self.queued_write = true;
        self.progress.deadline = deadline;
        self
    }
}

impl<L: Links + Clone, P: Procedure, B: AsRef<[u8]> + AsMut<[u8]>> Run<L, P, B> {
    /// Calls `f` with each result until there are no more.
    pub async fn each(&mut self, mut f: impl FnMut(P::Item<'_>)) -> Result<(), Error> {
        while self.advance().await? {
            let response = self
                .buffer
                .as_ref()
                .get(..self.progress.len)
                .unwrap_or_default();
            while let Some(item) = self.procedure.next_item(response) {
                f(item);
            }
        }
        Ok(())
    }

    /// The next result; `None` if there are no more. After an error there are none either.
    pub async fn next<T: 'static>(&mut self) -> Result<Option<T>, Error>
    where
        P: for<'p> Procedure<Item<'p> = T>,
    {
        loop {
            let response = self
                .buffer
                .as_ref()
                .get(..self.progress.len)
                .unwrap_or_default();
            if !response.is_empty()
                && let Some(item) = self.procedure.next_item(response)
            {
                return Ok(Some(item));
            }
            if !self.advance().await? {
                return Ok(None);
            }
        }
    }

    /// Makes the next request and takes its response; false at the end of the procedure.
    fn advance(&mut self) -> impl Future<Output = Result<bool, Error>> {
        let progress = &mut self.progress;
        if P::QUEUES && self.queued_write {
            // If the link is gone, the request will fail.
            let _ = progress
                .client
                .with(|link| link.bearer.go_on_queued_write());
        }
        progress.over |= self.procedure.is_over();
        progress.advance(&mut self.procedure, self.buffer.as_mut())
    }
}

impl<L: Links + Clone> Progress<L> {
    fn new(client: &Client<L>) -> Self {
        Self {
            client: client.clone(),
            deadline: client.deadline(),
            len: 0,
            over: false,
        }
    }

    async fn advance(&mut self, steps: &mut dyn Steps, buffer: &mut [u8]) -> Result<bool, Error> {
        self.len = 0;
        if self.over {
            return Ok(false);
        }
        let result = self.client.exchange(self.deadline, steps, buffer).await;
        match result {
            Ok(Some(len)) => self.len = len,
            Ok(None) | Err(_) => self.over = true,
        }
        result.map(|len| len.is_some())
    }
}

impl<L: Links + Clone, P: Procedure, B> Drop for Run<L, P, B> {
    fn drop(&mut self) {
        if P::QUEUES && self.queued_write {
            let client = &self.progress.client;
            let cancel = self.procedure.cancel().is_some();
            let _ = client.with(|link| link.bearer.end_queued_write(cancel));
            client.ring();
        }
    }
}

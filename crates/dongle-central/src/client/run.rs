//! Drives a GATT procedure: request by request, result by result.

use embassy_time::Instant;

use super::{Client, Error};
use crate::gatt::Procedure;
use crate::links::Links;

/// A procedure at work. Its results come one by one; between two of them anything else may be
/// asked of the server. Dropped before its end, it just stops.
#[derive(Debug)]
pub struct Run<L: Links + Clone, P: Procedure, B> {
    client: Client<L>,
    procedure: P,
    buffer: B,
    /// Length of the response in `buffer` that results are taken from.
    len: usize,
    deadline: Option<Instant>,
    over: bool,
    /// Whether it holds the server's queue of prepared writes.
    queued_write: bool,
}

impl<L: Links + Clone, P: Procedure, B> Run<L, P, B> {
    pub(super) fn new(
        client: Client<L>,
        procedure: P,
        buffer: B,
        deadline: Option<Instant>,
    ) -> Self {
        Self {
            client,
            procedure,
            buffer,
            len: 0,
            deadline,
            over: false,
            queued_write: false,
        }
    }

    pub(super) fn queued_write(mut self) -> Self {
        self.queued_write = true;
        self
    }
}

impl<L: Links + Clone, P: Procedure, B: AsRef<[u8]> + AsMut<[u8]>> Run<L, P, B> {
    /// Calls `f` with each result, to the end.
    pub async fn each(&mut self, mut f: impl FnMut(P::Item<'_>)) -> Result<(), Error> {
        while self.advance().await? {
            let response = self.buffer.as_ref().get(..self.len).unwrap_or_default();
            while let Some(item) = self.procedure.next_item(response) {
                f(item);
            }
        }
        Ok(())
    }

    /// The next result; None: there are no more. After an error there are none either.
    pub async fn next<T: 'static>(&mut self) -> Result<Option<T>, Error>
    where
        P: for<'p> Procedure<Item<'p> = T>,
    {
        loop {
            let response = self.buffer.as_ref().get(..self.len).unwrap_or_default();
            if self.len > 0
                && let Some(item) = self.procedure.next_item(response)
            {
                return Ok(Some(item));
            }
            if !self.advance().await? {
                return Ok(None);
            }
        }
    }

    /// Makes the next request and judges its response; false: the procedure is at its end.
    async fn advance(&mut self) -> Result<bool, Error> {
        self.len = 0;
        if self.over || self.procedure.is_over() {
            return Ok(false);
        }
        if P::QUEUES && self.queued_write {
            self.client.with(|link| link.bearer.go_on_queued_write())?;
        }
        let (steps, buffer) = (&mut self.procedure, self.buffer.as_mut());
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
            let cancel = self.procedure.cancel().is_some();
            let _ = self
                .client
                .with(|link| link.bearer.end_queued_write(cancel));
            self.client.ring();
        }
    }
}

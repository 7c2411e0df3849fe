//! A walk over a range of handles that only goes forward, and the entries of one answer.

use super::Misbehaviour;
use crate::att::{AttributeHandle, HandleRange};

/// What of a range no answer has covered yet. Whatever the server says, it shrinks.
#[derive(Debug)]
pub(super) struct Sweep {
    rest: Option<HandleRange>,
}

impl Sweep {
    pub(super) fn new(range: impl Into<Option<HandleRange>>) -> Self {
        Self { rest: range.into() }
    }

    /// What to ask about next; `None` at the end.
    pub(super) fn rest(&self) -> Option<HandleRange> {
        self.rest
    }

    /// Checks that what the server found lies in what was asked, in order, nothing within
    /// another, and gives the last of it.
    pub(super) fn check(
        &self,
        found: impl Iterator<Item = HandleRange>,
    ) -> Result<Option<HandleRange>, Misbehaviour> {
        let Some(asked) = self.rest else {
            return Err(Misbehaviour::UnexpectedResponse);
        };
        let mut last: Option<HandleRange> = None;
        for range in found {
            if range.start() < asked.start() || last.is_some_and(|last| range.start() <= last.end())
            {
                return Err(Misbehaviour::OutOfOrder(range.start()));
            }
            if !asked.contains(range.end()) {
                return Err(Misbehaviour::OutOfRange(range.end()));
            }
            last = Some(range);
        }
        Ok(last)
    }

    /// Goes on after this handle.
    pub(super) fn resume_after(&mut self, handle: AttributeHandle) {
        self.rest = self.rest.and_then(|rest| rest.after(handle));
    }

    /// Asks nothing more.
    pub(super) fn finish(&mut self) {
        self.rest = None;
    }
}

/// Where the next entry is in an answer that was found to be in order.
#[derive(Debug, Default)]
pub(super) struct Entries {
    position: usize,
    length: usize,
}

impl Entries {
    /// Entries of one length that follow a header.
    pub(super) fn after_header(header: usize, length: usize) -> Self {
        Self {
            position: header,
            length,
        }
    }

    /// The next entry; `None` when there are no more.
    pub(super) fn take<'p>(&mut self, pdu: &'p [u8]) -> Option<&'p [u8]> {
        let end = self
            .position
            .checked_add(self.length)
            .filter(|&end| end > self.position)?;
        let entry = pdu.get(self.position..end)?;
        self.position = end;
        Some(entry)
    }
}

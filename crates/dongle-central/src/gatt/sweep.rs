//! A walk over a range of handles that only goes forward, and the entries of one answer.

use super::Misbehaviour;
use crate::att::{AttributeHandle, HandleRange};

/// What of a range no answer has covered yet. Whatever the server says, it shrinks.
#[derive(Debug)]
pub(super) struct Sweep {
    /// The first handle of it; `None` at the end.
    next: Option<AttributeHandle>,
    /// The last.
    end: AttributeHandle,
}

impl Sweep {
    pub(super) fn new(range: impl Into<Option<HandleRange>>) -> Self {
        let range = range.into();
        Self {
            next: range.map(HandleRange::start),
            end: range.map_or(AttributeHandle::MIN, HandleRange::end),
        }
    }

    /// What to ask about next; `None` at the end.
    pub(super) fn rest(&self) -> Option<HandleRange> {
        HandleRange::new(self.next?, self.end)
    }

    /// Takes what the server found, and goes on behind it. It has to lie in what was asked, and behind
    /// all that was found before, not within it.
    pub(super) fn accept(&mut self, found: HandleRange) -> Result<(), Misbehaviour> {
        if self.next.is_none_or(|next| found.start() < next) {
            return Err(Misbehaviour::OutOfOrder(found.start()));
        }
        if found.end() > self.end {
            return Err(Misbehaviour::OutOfRange(found.end()));
        }
        self.next = found.end().next();
        Ok(())
    }

    /// Asks nothing more.
    pub(super) fn finish(&mut self) {
        self.next = None;
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

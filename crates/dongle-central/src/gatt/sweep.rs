//! Tracks a forward-only search over a range of handles, and the entries of one response.

use super::Misbehaviour;
use crate::att::{AttributeHandle, HandleRange};

/// The part of a range that no response has covered yet. It shrinks whatever the server sends.
#[derive(Debug)]
pub(super) struct Sweep {
    /// Its first handle; `None` at the end.
    next: Option<AttributeHandle>,
    /// Its last handle.
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

    /// The range to request next; `None` at the end.
    pub(super) fn rest(&self) -> Option<HandleRange> {
        HandleRange::new(self.next?, self.end)
    }

    /// Takes a range that the server found, and continues after it. It must lie within the
    /// requested range, and after everything found before.
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

    /// Ends the search.
    pub(super) fn finish(&mut self) {
        self.next = None;
    }
}

/// The position of the next entry in a response that was checked.
#[derive(Debug, Default)]
pub(super) struct Entries {
    position: usize,
    length: usize,
}

impl Entries {
    /// Entries of this length, after a header.
    pub(super) fn after_header(header: usize, length: usize) -> Self {
        Self {
            position: header,
            length,
        }
    }

    /// The next entry; `None` if there are no more.
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

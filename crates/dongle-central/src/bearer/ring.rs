//! A queue of variable-length records in a byte slice that belongs to the caller.

/// Bytes that a record takes besides its data: its length and its tag.
pub const RECORD_OVERHEAD: usize = 4;
/// In place of a length: the rest of the slice is padding, and the next record is at its start.
const PADDING: u16 = u16::MAX;

/// The positions of a [`Ring`]; its bytes are lent at each use.
#[derive(Debug, Default, Clone, Copy)]
pub struct RingState {
    /// Offset of the oldest record.
    read: usize,
    /// Offset after the newest record.
    write: usize,
    /// Number of the oldest record, and of the next record to be added.
    first: u32,
    next: u32,
}

impl RingState {
    /// An empty ring.
    pub const fn new() -> Self {
        Self {
            read: 0,
            write: 0,
            first: 0,
            next: 0,
        }
    }

    /// Whether there is no record.
    pub const fn is_empty(&self) -> bool {
        self.first == self.next
    }
}

/// The position of a record, which stays comparable after the record is gone.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    number: u32,
    at: usize,
}

impl Cursor {
    /// The first record of a new ring.
    pub const START: Self = Self { number: 0, at: 0 };

    /// Whether `self` comes before `other`, as long as they are less than 2^31 records apart.
    pub fn is_before(self, other: Cursor) -> bool {
        (self.number.wrapping_sub(other.number) as i32) < 0
    }
}

/// The tag of the oldest record, for a ring that is borrowed immutably.
pub fn front_tag(state: &RingState, bytes: &[u8]) -> Option<u16> {
    let at = |offset: usize| -> Option<u16> {
        let (length, rest) = bytes.get(offset..)?.split_first_chunk::<2>()?;
        let (tag, _) = rest.split_first_chunk::<2>()?;
        (u16::from_le_bytes(*length) != PADDING).then_some(u16::from_le_bytes(*tag))
    };
    (state.first != state.next).then(|| at(state.read).or_else(|| at(0)))?
}

/// One record in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'r> {
    /// Its position.
    pub cursor: Cursor,
    /// A value that the ring's owner stored with the data: an attribute handle, or a sequence number.
    pub tag: u16,
    /// The data.
    pub data: &'r [u8],
}

/// A ring: its state and its bytes.
#[derive(Debug)]
pub struct Ring<'a> {
    /// The state.
    pub state: &'a mut RingState,
    /// The bytes.
    pub bytes: &'a mut [u8],
}

impl Ring<'_> {
    /// Whether a record of `len` bytes fits without removing any.
    pub fn fits(&self, len: usize) -> bool {
        self.place(len).is_some()
    }

    /// Whether a record of `len` bytes would fit in the empty ring.
    pub fn could_ever_fit(&self, len: usize) -> bool {
        len < usize::from(PADDING) && len + RECORD_OVERHEAD <= self.bytes.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.state.is_empty()
    }

    /// Appends a record made of `head` and `tail`; false if it does not fit.
    #[must_use]
    pub fn push(&mut self, tag: u16, head: &[u8], tail: &[u8]) -> bool {
        let len = head.len() + tail.len();
        let Some(at) = self.place(len) else {
            return false;
        };
        if self.is_empty() {
            *self.state = RingState {
                read: at,
                write: at,
                ..*self.state
            };
        } else if at < self.state.write
            && let Some(mark) = self
                .bytes
                .get_mut(self.state.write..)
                .and_then(|b| b.get_mut(..2))
        {
            mark.copy_from_slice(&PADDING.to_le_bytes());
        }
        let Some(room) = self.bytes.get_mut(at..at + RECORD_OVERHEAD + len) else {
            return false;
        };
        let (length, room) = room.split_at_mut(2);
        let (tag_room, room) = room.split_at_mut(2);
        let (head_room, tail_room) = room.split_at_mut(head.len());
        length.copy_from_slice(&(len as u16).to_le_bytes());
        tag_room.copy_from_slice(&tag.to_le_bytes());
        head_room.copy_from_slice(head);
        tail_room.copy_from_slice(tail);
        self.state.write = at + RECORD_OVERHEAD + len;
        self.state.next = self.state.next.wrapping_add(1);
        true
    }

    /// The oldest record.
    pub fn front(&self) -> Option<Record<'_>> {
        self.get(self.start())
    }

    /// Removes the oldest record.
    pub fn pop(&mut self) {
        let _ = self.take_front();
    }

    /// Removes the oldest record; returns its data.
    pub fn take_front(&mut self) -> Option<&[u8]> {
        let Record { cursor, data, .. } = self.front()?;
        let (from, len) = (cursor.at + RECORD_OVERHEAD, data.len());
        self.state.read = from + len;
        self.state.first = self.state.first.wrapping_add(1);
        self.bytes.get(from..from + len)
    }

    /// Removes all records; the next one goes to the start of the slice.
    pub fn clear(&mut self) {
        self.state.first = self.state.next;
    }

    /// Whether at most half of the slice is in use.
    pub fn has_much_room(&self) -> bool {
        let (read, write) = (self.state.read, self.state.write);
        let taken = match write.checked_sub(read) {
            _ if self.is_empty() => 0,
            Some(taken) if taken > 0 => taken,
            // It continues at the start of the slice.
            _ => (self.bytes.len() - read) + write,
        };
        taken <= self.bytes.len() / 2
    }

    /// The position of the oldest record.
    pub fn start(&self) -> Cursor {
        Cursor {
            number: self.state.first,
            at: self.state.read,
        }
    }

    /// The position of the next record to be added.
    pub fn end(&self) -> Cursor {
        Cursor {
            number: self.state.next,
            at: self.state.write,
        }
    }

    /// The record at `cursor`, or the oldest if that one is gone; `None` if there is none yet.
    pub fn get(&self, cursor: Cursor) -> Option<Record<'_>> {
        let cursor = if self.start().is_before(cursor) {
            cursor
        } else {
            self.start()
        };
        if !cursor.is_before(self.end()) {
            return None;
        }
        self.read(cursor.at, cursor.number)
            .or_else(|| self.read(0, cursor.number))
    }

    /// The position after a record.
    pub fn after(record: &Record<'_>) -> Cursor {
        Cursor {
            number: record.cursor.number.wrapping_add(1),
            at: record.cursor.at + RECORD_OVERHEAD + record.data.len(),
        }
    }

    fn read(&self, at: usize, number: u32) -> Option<Record<'_>> {
        let (length, rest) = self.bytes.get(at..)?.split_first_chunk::<2>()?;
        let length = u16::from_le_bytes(*length);
        if length == PADDING {
            return None;
        }
        let (tag, rest) = rest.split_first_chunk::<2>()?;
        Some(Record {
            cursor: Cursor { number, at },
            tag: u16::from_le_bytes(*tag),
            data: rest.get(..usize::from(length))?,
        })
    }

    /// Offset for a record of `len` bytes.
    fn place(&self, len: usize) -> Option<usize> {
        if !self.could_ever_fit(len) {
            return None;
        }
        let need = len + RECORD_OVERHEAD;
        let (read, write) = (self.state.read, self.state.write);
        if self.is_empty() {
            Some(0)
        } else if write <= read {
            // Wrapped; if both are equal, it is full.
            (write + need <= read).then_some(write)
        } else if write + need <= self.bytes.len() {
            Some(write)
        } else {
            (need <= read).then_some(0)
        }
    }
}

#[cfg(test)]
impl Cursor {
    /// How many records it is after another.
    pub(super) fn after_how_many(self, other: Cursor) -> u32 {
        self.number.wrapping_sub(other.number)
    }
}

#[cfg(test)]
impl RingState {
    /// An empty ring through which this many records have passed.
    pub(super) fn empty_at(number: u32) -> Self {
        Self {
            first: number,
            next: number,
            ..Self::new()
        }
    }
}

//! Reads a whole value, however long it is (Part G 4.8.1, 4.8.3, 4.12.1, 4.12.2).

use super::{Misbehaviour, Procedure, ProcedureError, accepted};
use crate::att::{AttributeHandle, ErrorCode, MAX_VALUE_LENGTH, Mtu, Opcode, Request};

/// The value of a characteristic or a descriptor: one Read Request, then Read Blob Requests as long
/// as responses are full.
///
/// Items are the pieces in order; [`ValueBuffer`] joins them. If the attribute changes between two requests,
/// the result is partly old and partly new: the protocol has no way to notice, and the procedure succeeds.
#[derive(Debug)]
pub struct ReadLong {
    handle: AttributeHandle,
    offset: usize,
    step: Step,
    /// The length of a full response to the last request.
    full: usize,
    fresh: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Read,
    FirstBlob,
    NextBlob,
    Done,
}

impl ReadLong {
    /// The whole value.
    pub fn new(handle: AttributeHandle) -> Self {
        Self {
            handle,
            offset: 0,
            step: Step::Read,
            full: 0,
            fresh: false,
        }
    }

    /// The value starting at an offset. Unlike a whole value, this can fail with Invalid Offset.
    pub fn starting_at(handle: AttributeHandle, offset: u16) -> Self {
        Self {
            offset: usize::from(offset),
            step: Step::FirstBlob,
            ..Self::new(handle)
        }
    }
}

impl Procedure for ReadLong {
    type Item<'p> = &'p [u8];

    fn request(&mut self, mtu: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError> {
        self.full = mtu.max_read();
        let handle = self.handle;
        let request = match self.step {
            Step::Read => Request::Read { handle },
            Step::FirstBlob | Step::NextBlob => {
                let offset = u16::try_from(self.offset).unwrap_or(u16::MAX);
                Request::ReadBlob { handle, offset }
            }
            Step::Done => return Ok(None),
        };
        Ok(Some(request.emit(out)?))
    }

    fn is_over(&self) -> bool {
        self.step == Step::Done
    }

    fn mtu_grew(&mut self, mtu: Mtu) {
        self.full = mtu.max_read();
    }

    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        self.fresh = false;
        let expected = match self.step {
            Step::Read => Opcode::READ_RESPONSE,
            _ => Opcode::READ_BLOB_RESPONSE,
        };
        let value = match (accepted(pdu, expected, Ok), self.step) {
            (_, Step::Done) => return Err(Misbehaviour::UnexpectedResponse.into()),
            (Ok(value), _) => value,
            // The previous response was full and yet the last: there is nothing at this offset, or
            // the value fits one PDU, and then Read Blob is not allowed at all (Part F 3.4.4.5).
            (Err(ProcedureError::Att(error)), Step::NextBlob)
                if matches!(
                    error.code,
                    ErrorCode::INVALID_OFFSET | ErrorCode::ATTRIBUTE_NOT_LONG
                ) =>
            {
                self.step = Step::Done;
                return Ok(());
            }
            (Err(error), _) => return Err(error),
        };
        self.offset += value.len();
        if value.len() > self.full || (self.offset > MAX_VALUE_LENGTH && !value.is_empty()) {
            return Err(Misbehaviour::ValueTooLong(self.offset).into());
        }
        let ended = value.len() < self.full || self.offset >= MAX_VALUE_LENGTH;
        self.step = if ended { Step::Done } else { Step::NextBlob };
        self.fresh = !value.is_empty();
        Ok(())
    }

    fn next_item<'p>(&mut self, pdu: &'p [u8]) -> Option<&'p [u8]> {
        if core::mem::take(&mut self.fresh) {
            Some(pdu.split_first()?.1)
        } else {
            None
        }
    }
}

/// Joins the pieces of a value in a buffer that the caller supplies.
///
/// It never truncates a value silently: what does not fit is counted, and [`finish`](Self::finish)
/// returns how long the buffer should have been.
///
/// ```
/// use dongle_central::gatt::{ProcedureError, ValueBuffer};
///
/// let mut room = [0; 3];
/// let mut value = ValueBuffer::new(&mut room);
/// value.push(&[1, 2]);
/// value.push(&[3, 4]);
/// assert_eq!(value.finish(), Err(ProcedureError::BufferTooSmall { needed: 4, available: 3 }));
/// ```
#[derive(Debug)]
pub struct ValueBuffer<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl<'b> ValueBuffer<'b> {
    /// An empty value; 512 octets are enough for any.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    /// Appends a piece.
    pub fn push(&mut self, piece: &[u8]) {
        let end = self.length.saturating_add(piece.len());
        if let Some(room) = self.buffer.get_mut(self.length..end) {
            room.copy_from_slice(piece);
        }
        self.length = end;
    }

    /// The whole value.
    ///
    /// # Errors
    /// [`ProcedureError::BufferTooSmall`] with the length of the value if it did not fit.
    pub fn finish(self) -> Result<&'b mut [u8], ProcedureError> {
        let available = self.buffer.len();
        self.buffer
            .get_mut(..self.length)
            .ok_or(ProcedureError::BufferTooSmall {
                needed: self.length,
                available,
            })
    }
}

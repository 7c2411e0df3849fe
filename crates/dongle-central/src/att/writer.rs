//! A cursor that writes one PDU, and continues to count when there is no more room.

use core::fmt;

use super::{AttributeHandle, HandleRange, Opcode, Uuid};

pub(super) struct Writer<'a> {
    out: &'a mut [u8],
    length: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut [u8], opcode: Opcode) -> Self {
        Self { out, length: 0 }.u8(opcode.0)
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        let end = self.length.saturating_add(bytes.len());
        if let Some(room) = self.out.get_mut(self.length..end) {
            for (to, from) in room.iter_mut().zip(bytes) {
                *to = *from;
            }
        }
        self.length = end;
        self
    }

    pub(super) fn u8(self, value: u8) -> Self {
        self.bytes(&[value])
    }

    pub(super) fn u16(self, value: u16) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(super) fn handle(self, handle: AttributeHandle) -> Self {
        self.u16(handle.get())
    }

    pub(super) fn range(self, range: HandleRange) -> Self {
        self.handle(range.start()).handle(range.end())
    }

    pub(super) fn uuid(self, uuid: Uuid) -> Self {
        self.bytes(uuid.write_le(&mut [0; 16]))
    }

    pub(super) fn finish(self) -> Result<usize, BufferTooSmall> {
        if self.length <= self.out.len() {
            Ok(self.length)
        } else {
            Err(BufferTooSmall {
                needed: self.length,
                available: self.out.len(),
            })
        }
    }
}

/// A PDU did not fit into the buffer, whose contents are then meaningless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BufferTooSmall {
    /// The length of the PDU in octets.
    pub needed: usize,
    /// The length of the buffer in octets.
    pub available: usize,
}

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a PDU of {} octets in a buffer of {}",
            self.needed, self.available
        )
    }
}

impl core::error::Error for BufferTooSmall {}

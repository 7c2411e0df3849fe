//! A cursor over the parameters of one PDU, whose every step can fail and none can panic.

use super::{AttributeHandle, HandleRange, Malformed, MalformedReason, Opcode};

pub(super) struct Reader<'a> {
    opcode: Opcode,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Splits a PDU into its opcode and a cursor over what follows.
    pub(super) fn new(pdu: &'a [u8]) -> Result<(Opcode, Self), Malformed> {
        let Some((&opcode, rest)) = pdu.split_first() else {
            return Err(Malformed {
                opcode: None,
                reason: MalformedReason::Empty,
            });
        };
        let opcode = Opcode(opcode);
        Ok((opcode, Self { opcode, rest }))
    }

    pub(super) fn fail<T>(&self, reason: MalformedReason) -> Result<T, Malformed> {
        Err(Malformed::new(self.opcode, reason))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        match self.rest.split_first_chunk() {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(*head)
            }
            None => self.fail(MalformedReason::Length),
        }
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn handle(&mut self) -> Result<AttributeHandle, Malformed> {
        match AttributeHandle::new(self.u16()?) {
            Some(handle) => Ok(handle),
            None => self.fail(MalformedReason::ZeroHandle),
        }
    }

    pub(super) fn range(&mut self) -> Result<HandleRange, Malformed> {
        let (start, end) = (self.u16()?, self.u16()?);
        range(start, end).or_else(|reason| self.fail(reason))
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    /// Checks that nothing is left, and gives `value`.
    pub(super) fn end<T>(self, value: T) -> Result<T, Malformed> {
        if self.rest.is_empty() {
            Ok(value)
        } else {
            self.fail(MalformedReason::Length)
        }
    }
}

/// What was parsed, if the opcode was known to who did.
pub(super) fn parsed<T>(
    opcode: Opcode,
    parsed: Option<Result<T, Malformed>>,
) -> Result<T, Malformed> {
    parsed.unwrap_or(Err(Malformed::new(opcode, MalformedReason::UnknownOpcode)))
}

/// Judges a range of handles as it was on the wire.
pub(super) fn range(start: u16, end: u16) -> Result<HandleRange, MalformedReason> {
    let start = AttributeHandle::new(start).ok_or(MalformedReason::ZeroHandle)?;
    AttributeHandle::new(end)
        .and_then(|end| HandleRange::new(start, end))
        .ok_or(MalformedReason::InvertedRange { start, end })
}

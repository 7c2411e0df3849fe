//! A cursor over the parameters of one PDU: every step can fail, and none can panic.

use super::{AttributeHandle, HandleRange, Malformed, MalformedReason, Opcode};

pub(super) struct Reader<'a> {
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
        Ok((Opcode(opcode), Self { rest }))
    }

    /// A cursor over the parameters of a PDU whose opcode is known.
    pub(super) fn over(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], MalformedReason> {
        let (head, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(MalformedReason::Length)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, MalformedReason> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, MalformedReason> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn handle(&mut self) -> Result<AttributeHandle, MalformedReason> {
        AttributeHandle::new(self.u16()?).ok_or(MalformedReason::ZeroHandle)
    }

    pub(super) fn range(&mut self) -> Result<HandleRange, MalformedReason> {
        range(self.u16()?, self.u16()?)
    }

    /// The remaining octets.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    /// Checks that nothing remains, and returns `value`.
    pub(super) fn end<T>(self, value: T) -> Result<T, MalformedReason> {
        if self.rest.is_empty() {
            Ok(value)
        } else {
            Err(MalformedReason::Length)
        }
    }
}

/// Checks an encoded range of handles.
pub(super) fn range(start: u16, end: u16) -> Result<HandleRange, MalformedReason> {
    let start = AttributeHandle::new(start).ok_or(MalformedReason::ZeroHandle)?;
    AttributeHandle::new(end)
        .and_then(|end| HandleRange::new(start, end))
        .ok_or(MalformedReason::InvertedRange { start, end })
}

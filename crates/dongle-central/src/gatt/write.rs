//! Writes a value that fits one PDU, with or without a response (Part G 4.9.1, 4.9.3, 4.12.3).

use core::convert::Infallible;

use super::{Procedure, ProcedureError, Properties, acknowledged};
use crate::att::{AttributeHandle, Command, Mtu, Opcode, Request};

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteMode {
    /// The server responds: see [`Write`].
    WithResponse,
    /// The server does not respond: see [`write_command`].
    WithoutResponse,
}

impl WriteMode {
    /// How to write to a characteristic with these properties; `None` if it cannot be written that way.
    ///
    /// With a `response` of `Some(true)` there always is one, if only the server's error that it supports
    /// none; without a choice, only if the characteristic requires it, or if the value does not fit one PDU
    /// (`fits`) and takes a long write (Part G 4.9.4). That is aioble's rule, except that `Some(false)` fails
    /// for a characteristic that can only be written with a response (Part G 3.3.1.1): the server would
    /// silently drop the value.
    pub fn choose(properties: Properties, response: Option<bool>, fits: bool) -> Option<Self> {
        let with = properties.contains(Properties::WRITE);
        let without = properties.contains(Properties::WRITE_WITHOUT_RESPONSE);
        match response.unwrap_or(!without || (with && !fits)) {
            _ if !with && !without => None,
            true => Some(Self::WithResponse),
            false => without.then_some(Self::WithoutResponse),
        }
    }
}

/// Write Characteristic Value, or a descriptor's: one request.
#[derive(Debug)]
pub struct Write<'v> {
    handle: AttributeHandle,
    value: &'v [u8],
    asked: bool,
}

impl<'v> Write<'v> {
    /// Writes this value, at most ATT_MTU - 3 octets.
    pub fn new(handle: AttributeHandle, value: &'v [u8]) -> Self {
        Self {
            handle,
            value,
            asked: false,
        }
    }
}

impl Procedure for Write<'_> {
    type Item<'p> = Infallible;

    fn request(&mut self, mtu: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError> {
        if self.asked {
            return Ok(None);
        }
        fits(self.value, mtu.max_write())?;
        self.asked = true;
        Ok(Some(
            Request::Write {
                handle: self.handle,
                value: self.value,
            }
            .emit(out)?,
        ))
    }

    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        acknowledged(pdu, Opcode::WRITE_RESPONSE)
    }

    fn next_item(&mut self, _: &[u8]) -> Option<Infallible> {
        None
    }
}

/// Write Without Response: writes the PDU to the beginning of `out` and returns its length. The
/// server does not respond.
///
/// # Errors
/// [`ProcedureError::ValueTooLong`] if the value is longer than ATT_MTU - 3 octets.
pub fn write_command(
    handle: AttributeHandle,
    value: &[u8],
    mtu: Mtu,
    out: &mut [u8],
) -> Result<usize, ProcedureError> {
    fits(value, mtu.max_write())?;
    Ok(Command::Write { handle, value }.emit(out)?)
}

pub(super) fn fits(value: &[u8], limit: usize) -> Result<(), ProcedureError> {
    let length = value.len();
    if length <= limit {
        Ok(())
    } else {
        Err(ProcedureError::ValueTooLong { length, limit })
    }
}

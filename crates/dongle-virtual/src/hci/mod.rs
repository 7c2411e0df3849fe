//! The formats of HCI: packet indicators, opcodes, error codes, events, and a checked reader.

pub(crate) mod event;
pub(crate) mod opcode;
mod reader;
pub(crate) mod status;
mod supported;

pub(crate) use reader::Reader;
pub(crate) use status::Status;
pub(crate) use supported::{is_known, supported_commands};

/// Packet indicators of the UART transport (Core Vol 4 Part A 2).
pub(crate) mod indicator {
    pub(crate) const COMMAND: u8 = 1;
    pub(crate) const ACL: u8 = 2;
    pub(crate) const EVENT: u8 = 4;
}

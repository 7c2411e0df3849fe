//! Why a PDU is malformed, and how a server answers it.

use core::fmt;

use super::{AttError, AttributeHandle, ErrorCode, Opcode};

/// A PDU that does not match its opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Malformed {
    /// Its first octet; `None` if it is empty.
    pub opcode: Option<Opcode>,
    /// What is wrong with it.
    pub reason: MalformedReason,
}

/// What is wrong with a PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MalformedReason {
    /// It is empty.
    Empty,
    /// No PDU has this opcode.
    UnknownOpcode,
    /// It is longer or shorter than a PDU with its opcode can be.
    Length,
    /// Its list has no entry.
    NoEntries,
    /// Its list has too few entries: a Read Multiple Request needs at least two.
    TooFewEntries,
    /// Its entries are too short.
    EntryLength(u8),
    /// Its list ends in the middle of an entry.
    PartialEntry,
    /// A handle is zero.
    ZeroHandle,
    /// A range ends before it starts.
    InvertedRange {
        /// Where it starts.
        start: AttributeHandle,
        /// Where it ends; may be zero, which is not a handle.
        end: u16,
    },
    /// A Find Information Response in an unknown format.
    Format(u8),
    /// An Execute Write Request that neither cancels nor writes.
    ExecuteFlags(u8),
}

impl Malformed {
    pub(crate) const fn new(opcode: Opcode, reason: MalformedReason) -> Self {
        Self {
            opcode: Some(opcode),
            reason,
        }
    }

    /// The Error Response that a server sends to this; `None` if it sends none, because the PDU is
    /// a command, a response, or empty.
    ///
    /// It is Request Not Supported for an unknown opcode (Part F 3.4.1.1), Invalid Handle with the starting
    /// handle for a zero handle or an inverted range (3.4.3.1), and Invalid PDU for all else.
    pub fn answer(&self) -> Option<AttError> {
        let request = self.opcode.filter(|opcode| opcode.wants_response())?;
        let (handle, code) = match self.reason {
            MalformedReason::UnknownOpcode => (None, ErrorCode::REQUEST_NOT_SUPPORTED),
            MalformedReason::ZeroHandle => (None, ErrorCode::INVALID_HANDLE),
            MalformedReason::InvertedRange { start, .. } => {
                (Some(start), ErrorCode::INVALID_HANDLE)
            }
            _ => (None, ErrorCode::INVALID_PDU),
        };
        Some(AttError {
            request,
            handle,
            code,
        })
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.opcode {
            Some(opcode) => write!(f, "malformed {opcode}: {}", self.reason),
            None => write!(f, "malformed PDU: {}", self.reason),
        }
    }
}

impl fmt::Display for MalformedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::UnknownOpcode => f.write_str("there is no such PDU"),
            Self::Length => f.write_str("it has the wrong length"),
            Self::NoEntries => f.write_str("its list is empty"),
            Self::TooFewEntries => f.write_str("its list has fewer than two entries"),
            Self::EntryLength(length) => {
                write!(f, "its entries cannot be {length} octets long")
            }
            Self::PartialEntry => f.write_str("its list ends amid an entry"),
            Self::ZeroHandle => f.write_str("a handle is zero"),
            Self::InvertedRange { start, end } => {
                write!(f, "a range starts at {start} and ends at 0x{end:04X}")
            }
            Self::Format(format) => write!(f, "its format is 0x{format:02X}"),
            Self::ExecuteFlags(flags) => write!(f, "its flags are 0x{flags:02X}"),
        }
    }
}

impl core::error::Error for Malformed {}

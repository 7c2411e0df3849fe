//! Why a PDU is none, and what a server answers to it.

use core::fmt;

use super::{AttError, AttributeHandle, ErrorCode, Opcode};

/// A PDU that does not say what its opcode promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Malformed {
    /// Its first octet; `None` if it had none.
    pub opcode: Option<Opcode>,
    /// What is wrong.
    pub reason: MalformedReason,
}

/// What is wrong with a PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MalformedReason {
    /// It has no octet at all.
    Empty,
    /// No PDU has this opcode.
    UnknownOpcode,
    /// Longer or shorter than such a PDU is.
    Length,
    /// Its list has no entry.
    NoEntries,
    /// Its list has too few entries: a Read Multiple Request asks for two or more.
    TooFewEntries,
    /// Its entries are shorter than such entries are.
    EntryLength(u8),
    /// Its list ends amid an entry.
    PartialEntry,
    /// A handle is zero.
    ZeroHandle,
    /// A range ends before it starts.
    InvertedRange {
        /// Where it starts.
        start: AttributeHandle,
        /// Where it ends; zero is no handle, but can stand here.
        end: u16,
    },
    /// A Find Information Response in a format that is neither of the two.
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

    /// What a server owes a client that sent this; `None` if it owes nothing, for what it got was
    /// a command, a response or nothing at all.
    ///
    /// An opcode that is not known is Request Not Supported (Part F 3.4.1.1); a handle of zero or
    /// an inverted range is Invalid Handle, of the starting handle (3.4.3.1); the rest is Invalid
    /// PDU.
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

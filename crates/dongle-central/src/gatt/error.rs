//! How a procedure can fail: the server refused, or broke the rules, or the caller asked too much.

use core::fmt;

use crate::att::{AttError, AttributeHandle, BufferTooSmall, Malformed};

/// Why a procedure ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcedureError {
    /// The server refused.
    Att(AttError),
    /// The server's answer does not parse.
    Malformed(Malformed),
    /// The server's answer parses, but is none to what was asked.
    Misbehaved(Misbehaviour),
    /// The value to be written is longer than this way of writing carries. Nothing was sent.
    ValueTooLong {
        /// How long the value is, in octets.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// More handles than one request carries. Nothing was sent.
    TooManyHandles {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Fewer handles than the two that a Read Multiple Request needs. Nothing was sent.
    TooFewHandles,
    /// The value or the request is longer than the buffer meant for it.
    BufferTooSmall {
        /// How long it is, in octets.
        needed: usize,
        /// How long the buffer is.
        available: usize,
    },
}

/// What a server may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// It sent the response to another request.
    UnexpectedResponse,
    /// It named attributes that were not asked for.
    OutOfRange(AttributeHandle),
    /// It did not go forward: handles that run backwards, repeat or lie within one another.
    OutOfOrder(AttributeHandle),
    /// It gave a declaration of a length that no declaration has.
    DeclarationLength(usize),
    /// It gave a value longer than the 512 octets an attribute holds, or than its PDU carries.
    ValueTooLong(usize),
    /// It gave more or fewer values than were asked for.
    ValueCount {
        /// How many were asked for.
        asked: usize,
        /// How many came.
        came: usize,
    },
    /// It did not repeat a part of a value as it was sent; nothing has been written.
    EchoDiffers(AttributeHandle),
}

impl fmt::Display for ProcedureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Att(error) => write!(f, "{error}"),
            Self::Malformed(malformed) => write!(f, "{malformed}"),
            Self::Misbehaved(misbehaviour) => write!(f, "{misbehaviour}"),
            Self::ValueTooLong { length, limit } => {
                write!(f, "a value of {length} octets where {limit} can be written")
            }
            Self::TooManyHandles { count, limit } => {
                write!(f, "{count} handles where one request carries {limit}")
            }
            Self::TooFewHandles => f.write_str("fewer than two handles to read together"),
            Self::BufferTooSmall { needed, available } => {
                write!(f, "{needed} octets do not fit in a buffer of {available}")
            }
        }
    }
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedResponse => f.write_str("the server answered another request"),
            Self::OutOfRange(handle) => {
                write!(f, "the server named {handle}, which was not asked for")
            }
            Self::OutOfOrder(handle) => {
                write!(
                    f,
                    "the server named {handle} after a handle as high or higher"
                )
            }
            Self::DeclarationLength(length) => {
                write!(f, "the server gave a declaration of {length} octets")
            }
            Self::ValueTooLong(length) => {
                write!(f, "the server gave a value of {length} octets or more")
            }
            Self::ValueCount { asked, came } => {
                write!(
                    f,
                    "the server gave {came} values where {asked} were asked for"
                )
            }
            Self::EchoDiffers(handle) => {
                write!(f, "the server misheard what was to be written to {handle}")
            }
        }
    }
}

impl core::error::Error for ProcedureError {}
impl core::error::Error for Misbehaviour {}

impl From<AttError> for ProcedureError {
    fn from(error: AttError) -> Self {
        Self::Att(error)
    }
}

impl From<Malformed> for ProcedureError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Misbehaviour> for ProcedureError {
    fn from(misbehaviour: Misbehaviour) -> Self {
        Self::Misbehaved(misbehaviour)
    }
}

impl From<BufferTooSmall> for ProcedureError {
    fn from(BufferTooSmall { needed, available }: BufferTooSmall) -> Self {
        Self::BufferTooSmall { needed, available }
    }
}

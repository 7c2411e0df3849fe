//! How a procedure can fail: the server refused or misbehaved, or the caller asked too much.

use core::fmt;

use crate::att::{AttError, AttributeHandle, BufferTooSmall, Malformed};

/// Why a procedure ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcedureError {
    /// The server refused.
    Att(AttError),
    /// The server's answer does not parse.
    Malformed(Malformed),
    /// The server's answer parses, but does not answer the request.
    Misbehaved(Misbehaviour),
    /// The value is longer than this way of writing allows. Nothing was sent.
    ValueTooLong {
        /// The length of the value in octets.
        length: usize,
        /// The longest possible value.
        limit: usize,
    },
    /// There are more handles than one request carries. Nothing was sent.
    TooManyHandles {
        /// The number of handles.
        count: usize,
        /// The largest possible number.
        limit: usize,
    },
    /// There are fewer than the two handles that a Read Multiple Request needs. Nothing was sent.
    TooFewHandles,
    /// The value or the request does not fit the buffer.
    BufferTooSmall {
        /// Its length in octets.
        needed: usize,
        /// The length of the buffer.
        available: usize,
    },
}

/// A server's violation of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// It sent the response to another request.
    UnexpectedResponse,
    /// It returned attributes outside the requested range.
    OutOfRange(AttributeHandle),
    /// Its handles did not increase: they go backwards, repeat, or overlap.
    OutOfOrder(AttributeHandle),
    /// It returned a declaration of an impossible length.
    DeclarationLength(usize),
    /// It returned a value longer than the 512 octets an attribute holds, or than its PDU carries.
    ValueTooLong(usize),
    /// It returned more or fewer values than requested.
    ValueCount {
        /// How many were requested.
        asked: usize,
        /// How many it returned.
        came: usize,
    },
    /// It did not echo a part of a value correctly; nothing was written.
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

//! How a call of the client can fail.

use core::fmt;

use crate::att::AttError;
use crate::gatt::ProcedureError;
use crate::links::Reason;

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The call's own timeout passed. The link stays up; a late response is not taken for another's.
    Timeout,
    /// The link has ended.
    Disconnected(Reason),
    /// The server refused or misbehaved, or the request was not possible.
    Procedure(ProcedureError),
    /// The memory of the link has no room for another subscription.
    NoRoom,
    /// Another queued write on this link has made no progress for 30 s, and neither ended nor was
    /// dropped: the server has only one queue.
    QueueHeld,
}

impl Error {
    /// The server's error response, if it is one.
    pub fn att(&self) -> Option<AttError> {
        match self {
            Self::Procedure(ProcedureError::Att(error)) => Some(*error),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("timed out"),
            Self::Disconnected(reason) => write!(f, "disconnected: {reason}"),
            Self::Procedure(error) => fmt::Display::fmt(error, f),
            Self::NoRoom => f.write_str("no room for another subscription"),
            Self::QueueHeld => f.write_str("another queued write does not go on"),
        }
    }
}

impl core::error::Error for Error {}

impl<E: Into<ProcedureError>> From<E> for Error {
    fn from(error: E) -> Self {
        Self::Procedure(error.into())
    }
}

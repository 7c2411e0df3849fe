//! How a call of the client can end besides success.

use core::fmt;

use crate::att::AttError;
use crate::gatt::ProcedureError;
use crate::links::Reason;

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The call's own timeout passed. The link stays; a late response answers nobody else.
    Timeout,
    /// The link has ended.
    Disconnected(Reason),
    /// The server refused, broke the rules, or was asked too much.
    Procedure(ProcedureError),
    /// The memory given to the link holds no more subscriptions.
    NoRoom,
    /// Another queued write of this link has not gone on for 30 s, and neither ended nor was dropped: the
    /// server has one queue.
    QueueHeld,
}

impl Error {
    /// The server's refusal, if it is one.
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

//! How scanning and connecting can fail, and why the host can end.

use core::fmt;

use bt_hci::cmd;
use bt_hci::param::Error as HciError;
use trouble_host::BleHostError;

use crate::mux::{Failure, MuxError};

/// Why a call failed, or why the host ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error<E> {
    /// The transport failed.
    Transport(E),
    /// The controller failed.
    Controller(Failure),
    /// The controller refused, with this status (Core Vol 1 Part F).
    Hci(u8),
    /// trouble-host failed, or an answer of the controller's did not decode.
    Host(trouble_host::Error),
    /// The deadline passed.
    Timeout,
    /// There is no room for another connection, here or in the controller.
    ConnectionLimit,
    /// A parameter that the specification does not allow, with its bounds.
    InvalidParameter(&'static str),
    /// The connection has ended.
    Disconnected,
    /// The stack no longer runs.
    Ended,
}

impl<E> Error<E> {
    /// Whether this error ends the whole host. The caller of [`Central::run`] gets its cause; other
    /// callers may only get [`Error::Ended`].
    ///
    /// [`Central::run`]: super::Central::run
    pub fn is_the_end(&self) -> bool {
        matches!(self, Self::Transport(_) | Self::Controller(_) | Self::Ended)
    }
}

impl<E> Error<E> {
    /// The controller's status, if there is one; else Unspecified Error (Core Vol 1 Part F, 2.31).
    pub(super) fn status(&self) -> u8 {
        match self {
            Self::Hci(status) => *status,
            Self::ConnectionLimit => HciError::CONN_LIMIT_EXCEEDED.to_status().into_inner(),
            _ => HciError::UNSPECIFIED.to_status().into_inner(),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(e) => fmt::Display::fmt(e, f),
            Self::Controller(failure) => fmt::Display::fmt(failure, f),
            Self::Hci(status) => write!(f, "the controller refused (0x{status:02X})"),
            Self::Host(e) => write!(f, "{e:?}"),
            Self::Timeout => f.write_str("timed out"),
            Self::ConnectionLimit => f.write_str("no more connections are possible"),
            Self::InvalidParameter(what) => write!(f, "invalid parameter: {what}"),
            Self::Disconnected => f.write_str("the connection has ended"),
            Self::Ended => f.write_str("the host stack has ended"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Transport(e) => Some(e),
            Self::Controller(failure) => Some(failure),
            _ => None,
        }
    }
}

impl<E> From<MuxError> for Error<E> {
    fn from(error: MuxError) -> Self {
        match error {
            MuxError::Controller(failure) => Self::Controller(failure),
            MuxError::Decode(_) => Self::Host(trouble_host::Error::InvalidValue),
        }
    }
}

impl<E> From<BleHostError<MuxError>> for Error<E> {
    fn from(error: BleHostError<MuxError>) -> Self {
        match error {
            BleHostError::Controller(error) => error.into(),
            BleHostError::BleHost(trouble_host::Error::Hci(e)) => cmd::Error::Hci(e).into(),
            BleHostError::BleHost(trouble_host::Error::ConnectionLimitReached) => {
                Self::ConnectionLimit
            }
            BleHostError::BleHost(trouble_host::Error::Disconnected) => Self::Disconnected,
            BleHostError::BleHost(e) => Self::Host(e),
        }
    }
}

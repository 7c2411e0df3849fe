//! The one error of the facade: what went wrong, in a line a user can act on.

use std::fmt;

use dongle_central::att::{AttError, AttributeHandle, Uuid};
use dongle_central::gatt::ProcedureError;
use dongle_central::links::Reason;
use dongle_central::security::SecurityError;

use crate::l2cap::L2capRefusal;

/// Why a call failed. Cheap to clone: one fault can end many calls.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// The dongle could not be opened, or was lost.
    Transport(hci_transport::Error),
    /// The controller failed: it did not answer a command, or reported a hardware error.
    ControllerFailed(String),
    /// The controller refused, with this HCI status (Core Vol 1 Part F).
    Refused(u8),
    /// The time given for the call was up. The connection, if there is one, stays.
    Timeout,
    /// The connection has ended.
    Disconnected(Reason),
    /// The server refused, broke the rules, or was asked too much.
    Gatt(ProcedureError),
    /// The device does not have it.
    NotFound(Wanted),
    /// The device's services have changed since this handle was discovered: discover them again.
    ServiceChanged(AttributeHandle),
    /// The characteristic's properties do not allow it.
    NotPermitted(&'static str),
    /// The device refuses an L2CAP channel.
    L2cap(L2capRefusal),
    /// The L2CAP channel is closed.
    ChannelClosed,
    /// The L2CAP channel is closed, and not all that the device sent on it has come.
    ChannelDataLost,
    /// The connection was not made as safe as it has to be.
    Security(SecurityError),
    /// The connection is safe, but the bond could not be kept for the next one.
    BondStore(String),
    /// No more connections are possible, here or in the controller.
    ConnectionLimit,
    /// No more subscriptions are possible on this connection.
    SubscriptionLimit,
    /// A parameter is outside of what the specification allows.
    InvalidParameter(&'static str),
    /// The dongle was closed.
    Closed,
}

/// What was looked for on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wanted {
    /// A primary service.
    Service(Uuid),
    /// A characteristic of a service.
    Characteristic(Uuid),
    /// A descriptor of a characteristic.
    Descriptor(Uuid),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(uuid) => write!(f, "service {uuid}"),
            Self::Characteristic(uuid) => write!(f, "characteristic {uuid}"),
            Self::Descriptor(uuid) => write!(f, "descriptor {uuid}"),
        }
    }
}

impl Error {
    /// Whether the time was up.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout)
    }

    /// Whether the connection, or the whole dongle, is gone.
    pub fn is_disconnected(&self) -> bool {
        matches!(
            self,
            Self::Disconnected(_) | Self::Transport(_) | Self::ControllerFailed(_) | Self::Closed
        )
    }

    /// The server's refusal, if it is one.
    pub fn att(&self) -> Option<AttError> {
        match self {
            Self::Gatt(ProcedureError::Att(error)) => Some(*error),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => fmt::Display::fmt(error, f),
            Self::ControllerFailed(why) => write!(f, "{why}; reset the dongle and open it again"),
            Self::Refused(status) => write!(f, "the controller refused: {}", Reason::Hci(*status)),
            Self::Timeout => f.write_str("timed out"),
            Self::Disconnected(reason) => write!(f, "disconnected: {reason}"),
            Self::Gatt(error) => fmt::Display::fmt(error, f),
            Self::NotFound(wanted) => write!(f, "the device has no {wanted}"),
            Self::ServiceChanged(handle) => {
                write!(
                    f,
                    "the device's services have changed at {handle}; discover them again"
                )
            }
            Self::NotPermitted(what) => f.write_str(what),
            Self::Security(error @ SecurityError::BondLost) => {
                write!(
                    f,
                    "{error}; forget the bond and pair again if it is still the same device"
                )
            }
            Self::Security(error) => fmt::Display::fmt(error, f),
            Self::L2cap(refusal) => fmt::Display::fmt(refusal, f),
            Self::ChannelClosed => f.write_str("the L2CAP channel is closed"),
            Self::ChannelDataLost => {
                f.write_str("the L2CAP channel is closed, and a part of what was sent is lost")
            }
            Self::BondStore(why) => write!(f, "the bond could not be kept: {why}"),
            Self::ConnectionLimit => f.write_str("no more connections are possible; end one first"),
            Self::SubscriptionLimit => {
                f.write_str("no more subscriptions are possible on this connection; drop one first")
            }
            Self::InvalidParameter(what) => write!(f, "invalid parameter: {what}"),
            Self::Closed => f.write_str("the dongle was closed"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::Gatt(error) => Some(error),
            Self::Security(error) => Some(error),
            _ => None,
        }
    }
}

impl From<SecurityError> for Error {
    fn from(error: SecurityError) -> Self {
        match error {
            SecurityError::Disconnected(reason) => Self::Disconnected(reason),
            SecurityError::Hci(status) => Self::Refused(status),
            error => Self::Security(error),
        }
    }
}

impl From<hci_transport::Error> for Error {
    fn from(error: hci_transport::Error) -> Self {
        Self::Transport(error)
    }
}

impl From<ProcedureError> for Error {
    fn from(error: ProcedureError) -> Self {
        Self::Gatt(error)
    }
}

impl From<dongle_central::central::Error<hci_transport::Error>> for Error {
    fn from(error: dongle_central::central::Error<hci_transport::Error>) -> Self {
        use dongle_central::central::Error as Central;
        use dongle_central::mux::Failure;
        use hci_transport::ErrorKind;
        match error {
            Central::Transport(error) => Self::Transport(error),
            Central::Controller(failure @ (Failure::NotLe | Failure::SharedBuffers)) => {
                let line = format!("{failure}; use another dongle (docs/dongles.md names some)");
                Self::Transport(hci_transport::Error::new(ErrorKind::Unsupported, line))
            }
            Central::Controller(failure) => Self::ControllerFailed(failure.to_string()),
            Central::Hci(status) => Self::Refused(status),
            Central::Timeout => Self::Timeout,
            Central::ConnectionLimit => Self::ConnectionLimit,
            Central::InvalidParameter(what) => Self::InvalidParameter(what),
            Central::Disconnected => Self::Disconnected(Reason::Unknown),
            Central::Host(error) => Self::ControllerFailed(format!("the host stack: {error:?}")),
            _ => Self::Closed,
        }
    }
}

//! The error type of this crate: what went wrong, in one line that tells a user what to do.

use std::convert::Infallible;
use std::fmt;

use dongle_central::att::{AttError, AttributeHandle, ParseUuidError, Uuid};
use dongle_central::gatt::ProcedureError;
use dongle_central::links::Reason;
use dongle_central::security::SecurityError;

use crate::l2cap::L2capRefusal;
use crate::values::InvalidValue;

/// Why a call failed. Cheap to clone, because one failure can end many calls.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// The dongle could not be opened, or was lost.
    Transport(hci_transport::Error),
    /// The controller failed: it did not answer a command, or reported a hardware error.
    ControllerFailed(String),
    /// The controller refused with this HCI status (Core Vol 1 Part F).
    Hci(u8),
    /// The call's timeout has passed. The connection, if there is one, stays up.
    Timeout,
    /// The connection has ended.
    Disconnected(Reason),
    /// The server refused or violated the protocol, or the request can't be made.
    Gatt(ProcedureError),
    /// The device does not have this.
    NotFound(Wanted),
    /// The device's services have changed since this handle was discovered: discover them again.
    ServiceChanged(AttributeHandle),
    /// The characteristic's properties do not allow it.
    NotPermitted(&'static str),
    /// The device refuses an L2CAP channel.
    L2cap(L2capRefusal),
    /// The L2CAP channel is closed.
    ChannelClosed,
    /// The L2CAP channel closed before all data from the device was received.
    ChannelDataLost,
    /// The connection can't be made as secure as it needs to be.
    Security(SecurityError),
    /// The connection is secure, but its bond could not be stored; or the key of our own private
    /// addresses could not be stored.
    BondStore(String),
    /// A value is not of the type that it was read as.
    InvalidValue(InvalidValue),
    /// A string is not a UUID.
    InvalidUuid(ParseUuidError),
    /// No more connections are possible, here or in the controller.
    ConnectionLimit,
    /// No more subscriptions are possible on this connection.
    SubscriptionLimit,
    /// Another long or reliable write on this connection has been neither polled nor dropped for 30
    /// s. The device accepts only one at a time.
    WriteHeldUp,
    /// A parameter is out of range, or the call is not possible now.
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

/// The kind of an [`Error`], for a program that only needs to know what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something is missing: the dongle, what was looked for on the device, or what a handle
    /// referred to before the device's services changed.
    NotFound,
    /// The timeout has passed, or there was no answer.
    Timeout,
    /// The connection, or the whole dongle, is gone.
    Disconnected,
    /// The device, the controller or the operating system refused, or a limit of this side is
    /// reached.
    Refused,
    /// The request is impossible: an invalid parameter or string, or a value that is too long.
    InvalidInput,
    /// The other side violated the protocol, or sent something that makes no sense.
    Protocol,
    /// Only the L2CAP channel is closed.
    ChannelClosed,
    /// This build, this system or this dongle can't do it.
    Unsupported,
    /// Anything else.
    Other,
}

impl Error {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Transport(error) => kind_of_transport(error.kind()),
            Self::ControllerFailed(_)
            | Self::Disconnected(_)
            | Self::Security(SecurityError::KeyUnconfirmed)
            | Self::Closed => ErrorKind::Disconnected,
            Self::Timeout | Self::WriteHeldUp | Self::Security(SecurityError::Timeout) => {
                ErrorKind::Timeout
            }
            Self::NotFound(_) | Self::ServiceChanged(_) => ErrorKind::NotFound,
            Self::Hci(_)
            | Self::Gatt(ProcedureError::Att(_))
            | Self::NotPermitted(_)
            | Self::L2cap(_)
            | Self::Security(_)
            | Self::ConnectionLimit
            | Self::SubscriptionLimit => ErrorKind::Refused,
            Self::Gatt(ProcedureError::Malformed(_) | ProcedureError::Misbehaved(_))
            | Self::InvalidValue(_) => ErrorKind::Protocol,
            Self::Gatt(_) | Self::InvalidUuid(_) | Self::InvalidParameter(_) => {
                ErrorKind::InvalidInput
            }
            Self::ChannelClosed | Self::ChannelDataLost => ErrorKind::ChannelClosed,
            Self::BondStore(_) => ErrorKind::Other,
        }
    }

    /// Whether the timeout has passed.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Whether the connection, or the whole dongle, is gone.
    pub fn is_disconnected(&self) -> bool {
        self.kind() == ErrorKind::Disconnected
    }

    /// Whether something that was looked for is missing.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Whether the device, the controller or the operating system refused.
    pub fn is_refused(&self) -> bool {
        self.kind() == ErrorKind::Refused
    }

    /// The server's refusal, if it is one.
    pub fn att(&self) -> Option<AttError> {
        match self {
            Self::Gatt(ProcedureError::Att(error)) => Some(*error),
            _ => None,
        }
    }
}

fn kind_of_transport(kind: hci_transport::ErrorKind) -> ErrorKind {
    use hci_transport::ErrorKind as Transport;
    match kind {
        Transport::NotFound => ErrorKind::NotFound,
        Transport::PermissionDenied | Transport::Busy => ErrorKind::Refused,
        Transport::NoAnswer => ErrorKind::Timeout,
        Transport::InvalidSpec => ErrorKind::InvalidInput,
        Transport::Unsupported => ErrorKind::Unsupported,
        // Whatever else goes wrong with the wire, the dongle is out of reach.
        _ => ErrorKind::Disconnected,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => fmt::Display::fmt(error, f),
            Self::ControllerFailed(why) => write!(f, "{why}; reset the dongle and open it again"),
            Self::Hci(status) => write!(f, "the controller refused: {}", Reason::Hci(*status)),
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
                f.write_str("the L2CAP channel closed before all data from the device was received")
            }
            Self::InvalidValue(error) => fmt::Display::fmt(error, f),
            Self::InvalidUuid(error) => fmt::Display::fmt(error, f),
            Self::BondStore(why) => write!(f, "bonds could not be kept: {why}"),
            Self::ConnectionLimit => f.write_str("no more connections are possible; end one first"),
            Self::WriteHeldUp => f.write_str(
                "another long or reliable write on this connection has stood still for 30 s: poll it, or drop it",
            ),
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
            Self::L2cap(refusal) => Some(refusal),
            Self::InvalidValue(error) => Some(error),
            Self::InvalidUuid(error) => Some(error),
            _ => None,
        }
    }
}

impl From<SecurityError> for Error {
    fn from(error: SecurityError) -> Self {
        match error {
            SecurityError::Disconnected(reason) => Self::Disconnected(reason),
            SecurityError::Hci(status) => Self::Hci(status),
            error => Self::Security(error),
        }
    }
}

impl From<InvalidValue> for Error {
    fn from(error: InvalidValue) -> Self {
        Self::InvalidValue(error)
    }
}

impl From<ParseUuidError> for Error {
    fn from(error: ParseUuidError) -> Self {
        Self::InvalidUuid(error)
    }
}

// Converting a UUID to itself can't fail.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
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
            Central::Controller(failure @ (Failure::NotLe | Failure::NoBuffers)) => {
                let line = format!("{failure}; use another dongle (docs/dongles.md names some)");
                Self::Transport(hci_transport::Error::new(ErrorKind::Unsupported, line))
            }
            Central::Controller(failure) => Self::ControllerFailed(failure.to_string()),
            Central::Hci(status) => Self::Hci(status),
            Central::Timeout => Self::Timeout,
            Central::ConnectionLimit => Self::ConnectionLimit,
            Central::InvalidParameter(what) => Self::InvalidParameter(what),
            Central::Disconnected => Self::Disconnected(Reason::Unknown),
            Central::Host(error) => Self::ControllerFailed(format!("the host stack: {error:?}")),
            _ => Self::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn transport(kind: hci_transport::ErrorKind) -> Error {
        hci_transport::Error::new(kind, "…").into()
    }

    #[test]
    fn an_error_tells_what_to_do_next() {
        use hci_transport::ErrorKind as Transport;
        let handle = AttributeHandle::MIN;
        for (error, kind) in [
            (Error::Timeout, ErrorKind::Timeout),
            (transport(Transport::NoAnswer), ErrorKind::Timeout),
            (Error::Security(SecurityError::Timeout), ErrorKind::Timeout),
            (
                Error::Disconnected(Reason::Hci(0x13)),
                ErrorKind::Disconnected,
            ),
            (Error::ControllerFailed("…".into()), ErrorKind::Disconnected),
            (transport(Transport::Disconnected), ErrorKind::Disconnected),
            (transport(Transport::Protocol), ErrorKind::Disconnected),
            (transport(Transport::Io), ErrorKind::Disconnected),
            (Error::Closed, ErrorKind::Disconnected),
            (
                Error::Security(SecurityError::KeyUnconfirmed),
                ErrorKind::Disconnected,
            ),
            (
                Error::NotFound(Wanted::Service(Uuid::from_u16(0x180D))),
                ErrorKind::NotFound,
            ),
            (Error::ServiceChanged(handle), ErrorKind::NotFound),
            (transport(Transport::NotFound), ErrorKind::NotFound),
            (Error::Hci(0x0D), ErrorKind::Refused),
            (transport(Transport::Busy), ErrorKind::Refused),
            (transport(Transport::PermissionDenied), ErrorKind::Refused),
            (Error::Security(SecurityError::BondLost), ErrorKind::Refused),
            (Error::ConnectionLimit, ErrorKind::Refused),
            (transport(Transport::InvalidSpec), ErrorKind::InvalidInput),
            (
                Error::Gatt(ProcedureError::TooFewHandles),
                ErrorKind::InvalidInput,
            ),
            (Error::ChannelClosed, ErrorKind::ChannelClosed),
        ] {
            assert_eq!(error.kind(), kind, "{error:?}");
            assert_eq!(error.is_timeout(), kind == ErrorKind::Timeout);
            assert_eq!(error.is_disconnected(), kind == ErrorKind::Disconnected);
            assert_eq!(error.is_not_found(), kind == ErrorKind::NotFound);
            assert_eq!(error.is_refused(), kind == ErrorKind::Refused);
        }
    }

    #[test]
    fn what_an_error_came_from_is_kept() {
        let io = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let wire = hci_transport::Error::new(hci_transport::ErrorKind::Io, "…").with_source(io);
        let error = Error::from(wire);
        let source = error.source().and_then(|wire| wire.source());
        assert!(source.is_some_and(|io| io.is::<std::io::Error>()));
        for error in [
            Error::Gatt(ProcedureError::TooFewHandles),
            Error::Security(SecurityError::BondLost),
            Error::L2cap(L2capRefusal(2)),
            Error::InvalidUuid(ParseUuidError),
        ] {
            assert!(error.source().is_some(), "{error:?}");
        }
    }
}

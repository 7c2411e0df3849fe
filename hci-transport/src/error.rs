//! The error type of this crate: a kind for the program, one line of text for its user.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use bt_hci::ReadHciError;

/// What went wrong, for a program to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No such device, host or socket.
    NotFound,
    /// The operating system denies access.
    PermissionDenied,
    /// Another program holds the device.
    Busy,
    /// The wire is gone: unplugged, closed by the other side, or closed by this one.
    Disconnected,
    /// This build or this platform can't do it.
    Unsupported,
    /// The controller was reached, but never answered.
    NoAnswer,
    /// The other side doesn't speak HCI as it should.
    Protocol,
    /// Any other failure of the operating system.
    Io,
    /// The spec can't be parsed, or the capture that it names can't be made.
    InvalidSpec,
}

/// An error of a transport: [`kind`](Error::kind) says what to do about it, and the text is one
/// line that says what failed, why, and what its reader can do.
///
/// It is `Clone` because every caller that waits on a broken channel gets the same error.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    message: Arc<str>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with a kind and the line to show.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into().into(),
            source: None,
        }
    }

    /// The same error, naming what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What went wrong, for a program to act on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The same error with `name` in front of its text.
    #[cfg(feature = "usb")]
    pub(crate) fn in_front(mut self, name: &str) -> Self {
        self.message = format!("{name}: {}", self.message).into();
        self
    }

    /// The wire of `name` is gone, for the reason `why`.
    pub(crate) fn disconnected(name: &str, why: &str) -> Self {
        Self::new(ErrorKind::Disconnected, format!("{name}: {why}"))
    }

    /// Reading or writing `name` failed while it was in use.
    pub(crate) fn from_wire(name: &str, doing: &str, error: std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        // A serial port that is pulled out answers EIO or ENXIO, which have no kind of their own:
        // once a wire has worked, failing to use it means that it is gone.
        let kind = match error.kind() {
            Kind::PermissionDenied => ErrorKind::PermissionDenied,
            Kind::OutOfMemory | Kind::InvalidInput => ErrorKind::Io,
            _ => ErrorKind::Disconnected,
        };
        let message = match kind {
            ErrorKind::Disconnected => {
                format!(
                    "{name}: disconnected while {doing} ({error}); plug it back in and open it again"
                )
            }
            _ => format!("{name}: {doing} failed: {error}"),
        };
        Self::new(kind, message).with_source(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}

impl embedded_io::Error for Error {
    fn kind(&self) -> embedded_io::ErrorKind {
        use embedded_io::ErrorKind as Kind;
        match self.kind {
            ErrorKind::NotFound => Kind::NotFound,
            ErrorKind::PermissionDenied => Kind::PermissionDenied,
            ErrorKind::Disconnected => Kind::BrokenPipe,
            ErrorKind::Unsupported => Kind::Unsupported,
            ErrorKind::NoAnswer => Kind::TimedOut,
            ErrorKind::Protocol => Kind::InvalidData,
            ErrorKind::InvalidSpec => Kind::InvalidInput,
            ErrorKind::Busy | ErrorKind::Io => Kind::Other,
        }
    }
}

impl From<ReadHciError<Infallible>> for Error {
    fn from(error: ReadHciError<Infallible>) -> Self {
        Self::new(
            ErrorKind::Protocol,
            format!("the controller sent a packet that does not decode ({error})"),
        )
        .with_source(error)
    }
}

//! How a command can fail, and with which exit code.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use dongle::security::{PairingFailure, SecurityError};
use dongle::{Address, Error, ErrorKind, Wanted};

use crate::clock::time;
use crate::{find, person};

/// The command line is wrong; clap's own code for it.
pub const USAGE: u8 = 2;
const OTHER: u8 = 1;
const NOT_FOUND: u8 = 3;
const TIMEOUT: u8 = 4;
const DISCONNECTED: u8 = 5;
const REFUSED: u8 = 6;
const INTERRUPTED: u8 = 130;

/// What the exit codes mean, for `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
    0  done
    1  anything not below
    2  the command line is wrong, or names a capture that can't be written
    3  not found: the dongle, or a service, characteristic or descriptor of the device
    4  timed out: the device is not there, or did not answer
    5  disconnected: the device or the dongle was lost, or the dongle failed
    6  refused: a request, by the device or by the controller; access, by the operating system
  130  interrupted by Ctrl-C before it was done";

/// Why a command ended before it was done.
#[derive(Debug)]
pub enum Failure {
    /// The dongle or the device failed or refused.
    Dongle(Error),
    /// The device pairs without the passkey or the out of band data that was given.
    Unproven(Error),
    /// A step timed out: which, and after how long.
    Late(String, Duration),
    /// The device did not appear within this time.
    NotThere(Address, Duration),
    /// No value came within the time.
    Silence(String),
    /// What was asked for does not exist.
    NotFound(String),
    /// A value does not fit the format asked for.
    Misfit(String),
    /// The command line is wrong in a way that the parser could not see.
    Usage(String),
    /// There is no bond to forget.
    NoBond(Address),
    /// Reading or writing something here failed.
    Io(String, io::Error),
    /// The reader of our output has gone.
    BrokenPipe,
    /// Ctrl-C.
    Interrupted,
    /// This build can't do it.
    Unsupported(String),
}

impl Failure {
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Dongle(error) | Self::Unproven(error) => code_of(error),
            Self::Late(..) | Self::NotThere(..) | Self::Silence(_) => TIMEOUT,
            Self::NotFound(_) | Self::NoBond(_) => NOT_FOUND,
            Self::Usage(_) => USAGE,
            Self::Io(_, error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::AddrNotAvailable => NOT_FOUND,
                io::ErrorKind::InvalidInput => USAGE,
                io::ErrorKind::PermissionDenied | io::ErrorKind::AddrInUse => REFUSED,
                _ => OTHER,
            },
            Self::BrokenPipe => 0,
            Self::Interrupted => INTERRUPTED,
            Self::Unsupported(_) | Self::Misfit(_) => OTHER,
        }
    }

    /// What the user can do, where the error itself does not say it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotThere(address, _) if address.is_random() => Some(
                "Is it awake, in range, and not connected to something else? \
                 `dongle scan` shows what is there.",
            ),
            // An address copied from another program does not say whether it is random.
            Self::NotThere(..) => Some(
                "Is it awake, in range, and not connected to something else? It was looked for as \
                 a public address; a random one needs /random behind it, as `dongle scan` shows it.",
            ),
            Self::NotFound(_) | Self::Dongle(Error::NotFound(_)) => {
                Some("`dongle inspect ADDRESS` shows what the device has.")
            }
            Self::NoBond(_) => Some("`dongle bonds` lists them."),
            Self::Misfit(_) => Some("`--as hex` shows it as it is."),
            Self::Dongle(Error::BondStore(_)) => {
                Some("Keep them elsewhere with --folder FOLDER or the variable DONGLE_FOLDER.")
            }
            Self::Dongle(Error::Security(SecurityError::BondLost)) => {
                Some("If you are sure that this is the same device: `dongle pair --again`.")
            }
            Self::Unproven(_) => Some(
                "The device asked for neither a passkey nor out of band data. Without --passkey \
                 (or DONGLE_PASSKEY) and --oob it can be paired with, but nothing would rule out \
                 a man in the middle.",
            ),
            Self::Dongle(Error::Security(SecurityError::RejectedByUs(why)))
                if *why == PairingFailure::AUTHENTICATION_REQUIREMENTS && !person::is_there() =>
            {
                Some("There is no terminal to ask in: give --passkey, --oob or --yes.")
            }
            Self::Dongle(error) if error.att().is_some_and(|e| e.code.is_security()) => Some(
                "Pair first: `dongle pair ADDRESS` (in a terminal, or with --passkey, --oob or \
                 --yes).",
            ),
            _ => None,
        }
    }

    /// Names the step that timed out. One that is named already keeps its name.
    pub fn in_step(self, step: &str, began: Instant) -> Self {
        match self {
            Self::Dongle(Error::Timeout) => {
                let mut letters = step.chars();
                let first = letters.next().map(|first| first.to_ascii_lowercase());
                let step = first.into_iter().chain(letters).collect();
                Self::Late(step, began.elapsed())
            }
            other => other,
        }
    }

    /// Marks a refused pairing for which the command line gave a passkey or out of band data.
    pub fn with_what_proves(self) -> Self {
        match self {
            Self::Dongle(
                error @ Error::Security(SecurityError::RejectedByUs(
                    PairingFailure::AUTHENTICATION_REQUIREMENTS,
                )),
            ) => Self::Unproven(error),
            other => other,
        }
    }

    /// An error of standard output, or of a file.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Io(what, error),
        }
    }
}

fn code_of(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::NotFound => NOT_FOUND,
        ErrorKind::Timeout => TIMEOUT,
        ErrorKind::Disconnected => DISCONNECTED,
        ErrorKind::Refused => REFUSED,
        ErrorKind::InvalidInput => USAGE,
        _ => OTHER,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dongle(Error::NotFound(wanted)) => {
                let (what, uuid) = match *wanted {
                    Wanted::Service(uuid) => ("service", uuid),
                    Wanted::Characteristic(uuid) => ("characteristic", uuid),
                    Wanted::Descriptor(uuid) => ("descriptor", uuid),
                    other => return write!(f, "the device has no {other}"),
                };
                write!(f, "the device has no {what} {}", find::titled(uuid))
            }
            Self::Dongle(error) | Self::Unproven(error) => fmt::Display::fmt(error, f),
            Self::Late(step, after) => write!(f, "{step} timed out after {}", time(*after)),
            Self::NotThere(address, limit) => {
                write!(f, "{address} did not appear within {}", time(*limit))
            }
            Self::NoBond(address) => write!(f, "there is no bond with {address}"),
            Self::Silence(what)
            | Self::NotFound(what)
            | Self::Misfit(what)
            | Self::Usage(what)
            | Self::Unsupported(what) => f.write_str(what),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
            Self::BrokenPipe => f.write_str("nobody reads the output"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Dongle(error) | Self::Unproven(error) => Some(error),
            Self::Io(_, error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Dongle(error)
    }
}

impl From<hci_transport::Error> for Failure {
    fn from(error: hci_transport::Error) -> Self {
        Self::Dongle(error.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::io("standard output")(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::from(io::Error::from(error))
    }
}

//! Records the traffic of a channel in a file that Wireshark opens.

mod format;
mod redact;

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use crate::{Error, ErrorKind};
use redact::Redaction;

/// The environment variable that names a capture file for every channel that is opened.
pub const SNOOP_VARIABLE: &str = "DONGLE_SNOOP";

/// A capture to be made: a btsnoop file with every packet of a channel, in both directions, with
/// the time it crossed.
///
/// Wireshark, tshark, btmon and Android's tools open it. Each packet is written to the file before it
/// is passed on, so the recording stays readable whatever happens to the program. Pairing keys
/// (link keys, LTK, IRK, CSRK, the Diffie-Hellman key) are overwritten with zeros unless requested:
/// anyone who has them can decrypt the links and impersonate the devices. Everything else is recorded
/// unchanged.
///
/// ```no_run
/// use hci_transport::{OpenOptions, Snoop};
///
/// let channel = OpenOptions::default()
///     .snoop(Snoop::to("trace.btsnoop"))
///     .open(&"serial:/dev/ttyACM0".parse()?)?;
/// # Ok::<(), hci_transport::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Snoop {
    path: PathBuf,
    keys: bool,
    /// The environment asks for it. Errors mention that, because the user may have forgotten.
    from_env: bool,
}

impl Snoop {
    /// A capture in the file at `path`.
    ///
    /// An existing capture is replaced, but one that this program began is continued: a controller
    /// that is opened again continues in the same file, and several controllers share it. A file of
    /// another kind is left alone, and is an error.
    pub fn to(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            keys: false,
            from_env: false,
        }
    }

    /// Whether keys are recorded. By default they are not.
    #[must_use]
    pub fn keys(mut self, keys: bool) -> Self {
        self.keys = keys;
        self
    }

    /// The capture that the environment asks for: `DONGLE_SNOOP=FILE`, or `FILE,snoop-keys`.
    pub fn from_env() -> Option<Self> {
        let value = std::env::var(SNOOP_VARIABLE).ok()?;
        let (path, keys) = match value.strip_suffix(",snoop-keys") {
            Some(path) => (path, true),
            None => (value.as_str(), false),
        };
        (!path.is_empty()).then(|| Self {
            from_env: true,
            ..Self::to(path).keys(keys)
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether keys are recorded.
    pub fn records_keys(&self) -> bool {
        self.keys
    }

    /// Opens the file.
    pub(crate) fn start(&self) -> Result<Recorder, Error> {
        let file = self.open()?;
        Ok(Recorder {
            path: self.path.clone(),
            redaction: (!self.keys).then(Redaction::default),
            file: Some(file),
            record: Vec::new(),
        })
    }
}

/// Captures that this program has started.
static BEGUN: LazyLock<Mutex<HashSet<PathBuf>>> = LazyLock::new(Mutex::default);

impl Snoop {
    fn open(&self) -> Result<File, Error> {
        let path = self.path.as_path();
        let failed = |error: std::io::Error| {
            let why =
                format!("can't be written: {error}; name a file in a folder that you may write to");
            let kind = match error.kind() {
                std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
                _ => ErrorKind::InvalidSpec,
            };
            self.error(kind, &why).with_source(error)
        };
        let mut begun = BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(failed)?;
        let place = path.canonicalize().map_err(failed)?;
        let mut head = [0; format::HEADER.len()];
        let length = file.metadata().map_err(failed)?.len();
        // A pipe has no length and can't be read back, which is fine.
        let is_capture = length > 0 && file.read_exact(&mut head).is_ok() && head == format::HEADER;
        if length > 0 && !is_capture {
            let why = "is a file of another kind already; name another, or remove it";
            return Err(self.error(ErrorKind::InvalidSpec, why));
        }
        if !begun.contains(&place) || !is_capture {
            if length > 0 {
                file.set_len(0).map_err(failed)?;
            }
            file.write_all(&format::HEADER).map_err(failed)?;
            begun.insert(place);
        }
        Ok(file)
    }

    /// An error about the capture file, which must not look like one about the controller.
    fn error(&self, kind: ErrorKind, why: &str) -> Error {
        let file = self.path.display();
        let wish = match self.from_env {
            true => format!(" of {SNOOP_VARIABLE}"),
            false => String::new(),
        };
        Error::new(kind, format!("the capture {file}{wish} {why}"))
    }
}

/// A capture that is being made.
#[derive(Debug)]
pub(crate) struct Recorder {
    path: PathBuf,
    redaction: Option<Redaction>,
    /// `None` once writing has failed.
    file: Option<File>,
    record: Vec<u8>,
}

/// Shared by both directions of a channel.
pub(crate) type SharedRecorder = Arc<Mutex<Recorder>>;

/// Records a packet in H4 form.
pub(crate) fn record(recorder: &SharedRecorder, from_controller: bool, packet: &[u8]) {
    let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
    recorder.record(from_controller, packet);
}

impl Recorder {
    fn record(&mut self, from_controller: bool, packet: &[u8]) {
        let Some(file) = &mut self.file else {
            return;
        };
        format::record(&mut self.record, SystemTime::now(), from_controller, packet);
        if let Some(redaction) = &mut self.redaction
            && let Some(packet) = self.record.get_mut(format::RECORD_HEADER..)
        {
            redaction.apply(from_controller, packet);
        }
        // One call, so that even a program that ends here leaves only whole records.
        if let Err(error) = file.write_all(&self.record) {
            log::error!(
                "the capture {} ends here: {error}; make room for it",
                self.path.display()
            );
            self.file = None;
        }
    }
}

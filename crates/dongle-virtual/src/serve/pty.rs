//! A controller behind a pseudo-terminal, for hosts that open a serial port.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use hci_transport::HciChannel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{self, Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::air::Air;
use crate::world::ControllerConfig;

/// How soon a waiting read or write notices that the server has been dropped.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// Serves one controller until it is dropped, which also removes the link at its path.
#[derive(Debug)]
pub struct PtyServer {
    path: PathBuf,
    terminal: PathBuf,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    // A terminal that nothing holds open loses its settings and its bytes.
    _slave: OwnedFd,
}

/// Serves a controller like `config`, in H4 form, at a pseudo-terminal that `path` links to.
///
/// The terminal is in raw mode, and ignores the baud rate. Every host that opens it gets the same
/// controller, and begins by resetting it. A link to a terminal that a killed server left at `path` is
/// replaced; anything else there is an error.
///
/// # Errors
///
/// If no pseudo-terminal is available, or the link can't be made.
pub fn serve_pty(
    path: impl AsRef<Path>,
    air: &Air,
    config: ControllerConfig,
) -> io::Result<PtyServer> {
    let path = path.as_ref().to_path_buf();
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let terminal = PathBuf::from(name.to_string_lossy().into_owned());
    let slave = fs::open(
        &terminal,
        OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let mut settings = tcgetattr(&slave)?;
    settings.make_raw();
    tcsetattr(&slave, OptionalActions::Now, &settings)?;
    let flags = fs::fcntl_getfl(&master)?;
    fs::fcntl_setfl(&master, flags | OFlags::NONBLOCK)?;

    // A link left by a killed server points to a terminal, or to one that no longer exists.
    if let Ok(target) = std::fs::read_link(&path)
        && (target.starts_with("/dev/pts") || !path.exists())
    {
        std::fs::remove_file(&path)?;
    }
    std::os::unix::fs::symlink(&terminal, &path)?;

    let channel = air.controller(config);
    let stopped = Arc::<AtomicBool>::default();
    let thread = {
        let end = End {
            master: Arc::new(master),
            stopped: Arc::clone(&stopped),
        };
        let body = move || serve(end, &channel);
        thread::Builder::new().name("hci-pty".into()).spawn(body)
    };
    let thread = thread.inspect_err(|_| drop(std::fs::remove_file(&path)))?;
    Ok(PtyServer {
        path,
        terminal,
        stopped,
        thread: Some(thread),
        _slave: slave,
    })
}

fn serve(end: End, channel: &HciChannel) {
    let stopped = Arc::clone(&end.stopped);
    let hang_up = move || stopped.store(true, Ordering::SeqCst);
    if let Err(error) = hci_transport::bridge_controller(end.clone(), end, hang_up, channel) {
        log::warn!("pseudo-terminal: {error}");
    }
}

/// Our side of the terminal. Reads and writes return at least every now and then.
#[derive(Clone)]
struct End {
    master: Arc<OwnedFd>,
    stopped: Arc<AtomicBool>,
}

impl End {
    fn ready(&self, wanted: PollFlags) -> io::Result<()> {
        let mut fds = [PollFd::new(&*self.master, wanted)];
        match poll(&mut fds, Some(&TICK))? {
            0 => Err(ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }
}

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stopped.load(Ordering::SeqCst) {
            return Ok(0);
        }
        self.ready(PollFlags::IN)?;
        Ok(rustix::io::read(&*self.master, buffer)?)
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stopped.load(Ordering::SeqCst) {
            return Ok(0);
        }
        self.ready(PollFlags::OUT)?;
        Ok(rustix::io::write(&*self.master, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PtyServer {
    /// The link that hosts open.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The terminal behind the link.
    pub fn terminal(&self) -> &Path {
        &self.terminal
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for PtyServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // Another server may have taken the path over.
        if std::fs::read_link(&self.path).is_ok_and(|target| target == self.terminal) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

//! H4 on a serial port: a UART, a USB CDC port, or a pseudo-terminal.

use std::io::{self, ErrorKind as IoErrorKind, Write};
use std::time::{Duration, Instant};

use serialport::{ClearBuffer, ErrorKind as SerialErrorKind, FlowControl, SerialPort};

use crate::open::{CONNECT, within};
use crate::pump::Wire;
use crate::{Error, ErrorKind};

/// How often a read checks whether it is still wanted, since it can't be interrupted.
const READ_TICK: Duration = Duration::from_millis(50);
/// How often a write that flow control holds back checks whether it is still wanted.
const WRITE_TICK: Duration = Duration::from_millis(100);
/// A driver that reports room has room for this much: a larger write could block in the driver,
/// where it can't be interrupted.
const WRITE_MOST: usize = 256;
/// How long written bytes may take to leave the driver when the port is closed.
const DRAIN: Duration = Duration::from_millis(200);

pub(crate) fn open(name: &str, path: &str, baud: u32, rtscts: bool) -> Result<Wire, Error> {
    let flow = if rtscts {
        FlowControl::Hardware
    } else {
        FlowControl::None
    };
    let builder = serialport::new(path, baud)
        .flow_control(flow)
        .timeout(READ_TICK)
        // The firmware of CDC ports often waits for DTR. Pseudo-terminals have no such line and
        // return ENOTTY, which is ignored.
        .dtr_on_open(true);
    let opened = within(CONNECT, move || {
        let reader = builder.open()?;
        let mut writer = reader.try_clone()?;
        writer.set_timeout(WRITE_TICK)?;
        let handle = reader.try_clone()?;
        Ok((reader, writer, handle))
    });
    match opened {
        Some(Ok((reader, writer, handle))) => Ok(Wire::new(reader, Portions(writer), move || {
            hang_up(&*handle)
        })),
        Some(Err(error)) => Err(explain(name, path, baud, error)),
        None => Err(Error::new(
            ErrorKind::Busy,
            format!(
                "{name}: the driver does not open it within {} s; unplug it and plug it back in",
                CONNECT.as_secs_f32()
            ),
        )),
    }
}

/// Never writes more at once than the driver accepts without blocking.
struct Portions(Box<dyn SerialPort>);

impl Write for Portions {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes.get(..WRITE_MOST).unwrap_or(bytes))
    }

    /// Nothing is buffered here, and waiting for the driver could take forever.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets written bytes go out, then discards what flow control still holds back: closing a port
/// would wait up to half a minute for it.
fn hang_up(port: &dyn SerialPort) {
    let deadline = Instant::now() + DRAIN;
    while port.bytes_to_write().is_ok_and(|count| count > 0) {
        if Instant::now() >= deadline {
            let _ = port.clear(ClearBuffer::Output);
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn explain(name: &str, path: &str, baud: u32, error: serialport::Error) -> Error {
    let description = error.to_string();
    let is_known = || port_names().iter().any(|known| known == path);
    let (kind, line) = match error.kind() {
        SerialErrorKind::Io(IoErrorKind::NotFound) => not_found(name),
        // On Unix this means that another program holds the port; on Windows a missing port is
        // reported so, too.
        SerialErrorKind::NoDevice if cfg!(unix) || is_known() => (
            ErrorKind::Busy,
            if cfg!(unix) {
                format!("{name}: held by another program; close it (lsof {path} shows it)")
            } else {
                format!("{name}: held by another program; close it")
            },
        ),
        SerialErrorKind::NoDevice => not_found(name),
        SerialErrorKind::Io(IoErrorKind::PermissionDenied) => {
            (ErrorKind::PermissionDenied, permission_denied(name))
        }
        SerialErrorKind::InvalidInput => (
            ErrorKind::Unsupported,
            format!("{name}: the port can't do {baud} baud ({description}); try 115200 or 1000000"),
        ),
        // ENXIO and ENODEV: the name exists, but no device is behind it. ENOTTY and EISDIR: it is
        // something other than a serial port.
        _ if description.starts_with("No such device") => not_found(name),
        _ if ["Inappropriate ioctl", "typewriter", "Is a directory"]
            .iter()
            .any(|other| description.contains(other)) =>
        {
            (
                ErrorKind::NotFound,
                format!("{name}: not a serial port; {}", the_ports_there_are()),
            )
        }
        _ => (
            ErrorKind::Io,
            format!(
                "{name}: the port can't be opened: {description}; unplug it and plug it back in"
            ),
        ),
    };
    Error::new(kind, line).with_source(error)
}

fn not_found(name: &str) -> (ErrorKind, String) {
    (
        ErrorKind::NotFound,
        format!(
            "{name}: no such device; plug it in, or {}",
            the_ports_there_are()
        ),
    )
}

fn permission_denied(name: &str) -> String {
    if cfg!(target_os = "linux") {
        format!(
            "{name}: permission denied; add yourself to the group 'dialout' (sudo usermod -aG \
             dialout $USER; on Arch the group is 'uucp') and log in again"
        )
    } else {
        format!("{name}: permission denied; give your user access to the port")
    }
}

fn port_names() -> Vec<String> {
    let ports = serialport::available_ports().unwrap_or_default();
    ports.into_iter().map(|port| port.port_name).collect()
}

fn the_ports_there_are() -> String {
    const SHOWN: usize = 6;
    let mut names = port_names();
    if names.is_empty() {
        return "check the cable: this machine has no serial port now".to_owned();
    }
    // The user more likely means a port that was plugged in than one of the machine's own.
    names.sort_by_key(|name| {
        !(name.contains("ACM") || name.contains("USB") || name.contains("usb"))
    });
    let more = if names.len() > SHOWN { ", …" } else { "" };
    names.truncate(SHOWN);
    format!("use one of the ports there are: {}{more}", names.join(", "))
}

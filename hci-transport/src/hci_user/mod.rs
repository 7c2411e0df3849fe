//! The kernel's HCI user channel (Linux): a controller that the operating system has a driver for,
//! handed over to one program.
//!
//! The tests here cover only its errors, because using it takes a real controller.

// Binding a socket of the kernel's Bluetooth family takes unsafe calls.
#[allow(unsafe_code)]
mod socket;

use std::io::{self, Write};

use crate::packet;
use crate::pump::Wire;
use crate::{Error, ErrorKind};

pub(crate) fn open(name: &str, index: u16) -> Result<Wire, Error> {
    let socket = socket::bind(index).map_err(|error| explain(name, index, error))?;
    let reader = socket
        .try_clone()
        .map_err(|error| explain(name, index, error))?;
    // A read returns by itself every now and then, so it needn't be interrupted.
    Ok(Wire::new(reader, Packets(socket), || ()))
}

/// Writes one packet per call, as the kernel requires.
struct Packets(std::fs::File);

impl Write for Packets {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = packet::total_length(bytes).unwrap_or(bytes.len());
        self.0.write(bytes.get(..length).unwrap_or(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn explain(name: &str, index: u16, error: io::Error) -> Error {
    let (kind, line) = match error.raw_os_error() {
        Some(libc::ENODEV) => (
            ErrorKind::NotFound,
            format!("the kernel has no hci{index}; hciconfig or btmgmt info shows those there are"),
        ),
        Some(libc::EPERM | libc::EACCES) => (
            ErrorKind::PermissionDenied,
            "permission denied; it takes CAP_NET_ADMIN: sudo setcap cap_net_admin+ep YOUR_PROGRAM, \
             or run as root"
                .to_owned(),
        ),
        Some(libc::EBUSY | libc::EALREADY) => (
            ErrorKind::Busy,
            format!(
                "hci{index} is in use; turn it off first: sudo systemctl stop bluetooth && sudo \
                 hciconfig hci{index} down"
            ),
        ),
        Some(libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT | libc::ESOCKTNOSUPPORT) => (
            ErrorKind::Unsupported,
            "this kernel has no Bluetooth; load it (sudo modprobe bluetooth), or use usb:0 or \
             serial:PATH"
                .to_owned(),
        ),
        _ => (ErrorKind::Io, format!("it can't be opened: {error}")),
    };
    Error::new(kind, format!("{name}: {line}")).with_source(error)
}

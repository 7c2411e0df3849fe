//! A raw socket bound to a controller's user channel: the system calls that have no safe wrapper.

use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};

/// `BTPROTO_HCI` and `HCI_CHANNEL_USER` of the kernel's `hci_sock.h`.
const PROTOCOL: libc::c_int = 1;
const CHANNEL_USER: u16 = 1;
/// How often a read returns so that its thread can check whether it is still wanted.
const TICK: libc::timeval = libc::timeval {
    tv_sec: 0,
    tv_usec: 50_000,
};

/// `struct sockaddr_hci`.
#[repr(C)]
struct Address {
    family: u16,
    device: u16,
    channel: u16,
}

/// Each read returns one packet in H4 form, and each write takes one.
pub(super) fn bind(device: u16) -> io::Result<File> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: takes no pointer.
    let fd = unsafe { libc::socket(libc::AF_BLUETOOTH, kind, PROTOCOL) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made, and nothing else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let address = Address {
        family: libc::AF_BLUETOOTH as u16,
        device,
        channel: CHANNEL_USER,
    };
    let length = size_of::<Address>() as libc::socklen_t;
    // SAFETY: `address` is laid out as this family's addresses are, and has the given length.
    if unsafe { libc::bind(fd, (&raw const address).cast(), length) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let tick = TICK;
    let length = size_of_val(&tick) as libc::socklen_t;
    // SAFETY: the option's value is a `timeval`, and has the given length.
    let set = unsafe {
        let value = (&raw const tick).cast();
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVTIMEO, value, length)
    };
    if set < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(File::from(socket))
}

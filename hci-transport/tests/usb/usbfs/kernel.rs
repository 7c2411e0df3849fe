//! What the kernel does with requests on an open device.

use std::collections::VecDeque;
use std::ffi::{c_int, c_uint, c_void};

use super::{DATA_OUT, DATA_PACKET, EVENT_PACKET, EVENTS, Out, State};

pub(super) struct Opened {
    /// The reading end of its pipe; -1 once closed.
    pub(super) drain: c_int,
    pub(super) claimed: bool,
    /// Addresses of requests that wait, by endpoint, and of those that are over.
    pub(super) pending: Vec<usize>,
    pub(super) done: VecDeque<usize>,
}

impl State {
    /// Gives what waits to the requests that wait for it.
    pub(super) fn settle(&mut self) {
        for opened in self.opened.values_mut() {
            for (endpoint, waiting) in &mut self.waiting {
                while !waiting.is_empty() && opened.fill(*endpoint, waiting) {}
            }
        }
    }
}

impl Opened {
    /// Fills the first request at an endpoint, as far as one packet after the other does.
    fn fill(&mut self, endpoint: u8, waiting: &mut VecDeque<Vec<u8>>) -> bool {
        // SAFETY: libusb keeps a request and its buffer in place from its submission until it is
        // reaped, and touches neither; `pending` has only such.
        unsafe {
            let urb_at = |urb: &usize| &mut *(*urb as *mut Urb);
            let first = |urb: &usize| urb_at(urb).endpoint == endpoint;
            let Some(at) = self.pending.iter().position(first) else {
                return false;
            };
            let urb = urb_at(&self.pending[at]);
            let most = if endpoint == EVENTS {
                EVENT_PACKET
            } else {
                DATA_PACKET
            };
            let room = urb.buffer_length as usize;
            let mut count = urb.actual_length as usize;
            let mut over = false;
            while !over && let Some(packet) = waiting.pop_front() {
                let fits = packet.len().min(room - count);
                std::ptr::copy_nonoverlapping(packet.as_ptr(), urb.buffer.add(count), fits);
                count += fits;
                over = packet.len() < most || count == room;
            }
            // A real one is over when it is full or when a packet was short.
            urb.actual_length = count as c_int;
            if over {
                let urb = self.pending.remove(at);
                self.end(urb, 0, count as c_int);
            }
            over
        }
    }

    /// A request is over: it can be reaped, and libusb is told.
    pub(super) fn end(&mut self, urb: usize, status: c_int, count: c_int) {
        // SAFETY: as in `fill`; it wasn't reaped yet.
        unsafe {
            (*(urb as *mut Urb)).status = status;
            (*(urb as *mut Urb)).actual_length = count;
        }
        self.done.push_back(urb);
        let mut page = [0_u8; 4096];
        if self.drain >= 0 {
            // SAFETY: reads into `page`, which is as long as it says.
            unsafe { libc::read(self.drain, page.as_mut_ptr().cast(), page.len()) };
        }
    }
}

/// `struct usbdevfs_urb` of `linux/usbdevice_fs.h`.
#[repr(C)]
pub(super) struct Urb {
    kind: u8,
    pub(super) endpoint: u8,
    status: c_int,
    flags: c_uint,
    buffer: *mut u8,
    buffer_length: c_int,
    actual_length: c_int,
    start_frame: c_int,
    packets: c_int,
    errors: c_int,
    signal: c_uint,
    context: *mut c_void,
}

#[repr(C)]
struct GetDriver {
    interface: c_uint,
    name: [u8; 256],
}

#[repr(C)]
struct Nested {
    interface: c_int,
    code: c_int,
    data: *mut c_void,
}

const SUBMIT: u8 = 10;
const DISCARD: u8 = 11;
const REAP: u8 = 13;
const CLAIM: u8 = 15;
const RELEASE: u8 = 16;
const GET_DRIVER: u8 = 8;
const NESTED: u8 = 18;
const DISCONNECT: u8 = 22;
const CONNECT: u8 = 23;
const CAPABILITIES: u8 = 26;
const DISCONNECT_CLAIM: u8 = 27;

/// Zero packet, no limit on sizes, scatter-gather, reaping after a disconnection.
const ALL_WE_CAN: u32 = 0x01 | 0x04 | 0x08 | 0x10;

/// The kernel's answer to an ioctl on an open device.
///
/// # Safety
///
/// `argument` is what `request` asks for.
pub(super) unsafe fn answer(
    state: &mut State,
    fd: c_int,
    request: u8,
    argument: *mut c_void,
) -> Result<c_int, c_int> {
    let unplugged = state.unplugged;
    let State {
        config,
        opened,
        driver_attached,
        log,
        ..
    } = state;
    let Some(this) = opened.get_mut(&fd) else {
        return Err(libc::EBADF);
    };
    if request == REAP {
        let Some(urb) = this.done.pop_front() else {
            if unplugged {
                return Err(libc::ENODEV);
            }
            fill_pipe(fd);
            return Err(libc::EAGAIN);
        };
        // SAFETY: the argument is the place for a request's address.
        unsafe { *argument.cast::<usize>() = urb };
        return Ok(0);
    }
    if unplugged {
        return Err(libc::ENODEV);
    }
    match request {
        CAPABILITIES => {
            // SAFETY: the argument is the place for a `u32`.
            unsafe { *argument.cast::<u32>() = ALL_WE_CAN };
            Ok(0)
        }
        CLAIM | DISCONNECT_CLAIM => {
            // SAFETY: both arguments begin with the interface's number.
            let interface = unsafe { *argument.cast::<c_uint>() };
            if config.claimed || (request == CLAIM && *driver_attached) {
                return Err(libc::EBUSY);
            }
            if std::mem::take(driver_attached) {
                log.push(format!("detached {}", config.driver.unwrap_or_default()));
            }
            this.claimed = true;
            log.push(format!("claimed {interface}"));
            Ok(0)
        }
        RELEASE => {
            // SAFETY: as above.
            let interface = unsafe { *argument.cast::<c_uint>() };
            this.claimed = false;
            log.push(format!("released {interface}"));
            Ok(0)
        }
        GET_DRIVER => {
            let name = if this.claimed {
                "usbfs"
            } else if *driver_attached {
                config.driver.unwrap_or_default()
            } else {
                return Err(libc::ENODATA);
            };
            // SAFETY: the argument is a `GetDriver`.
            let driver = unsafe { &mut *argument.cast::<GetDriver>() };
            driver.name[..name.len()].copy_from_slice(name.as_bytes());
            driver.name[name.len()] = 0;
            Ok(0)
        }
        NESTED => {
            // SAFETY: the argument is a `Nested`.
            let nested = unsafe { &*argument.cast::<Nested>() };
            match (nested.code & 0xff) as u8 {
                CONNECT if this.claimed => Err(libc::EBUSY),
                CONNECT => match config.driver {
                    Some(driver) if !*driver_attached => {
                        *driver_attached = true;
                        log.push(format!("attached {driver}"));
                        Ok(1)
                    }
                    _ => Ok(0),
                },
                DISCONNECT if std::mem::take(driver_attached) => Ok(0),
                DISCONNECT => Err(libc::ENODATA),
                _ => Err(libc::ENOTTY),
            }
        }
        SUBMIT => {
            // SAFETY: the argument is a request, with a buffer of the length that it says.
            let urb = unsafe { &mut *argument.cast::<Urb>() };
            state.submitted += 1;
            if urb.endpoint & 0x80 != 0 {
                if !this.claimed {
                    return Err(libc::EINVAL);
                }
                urb.actual_length = 0;
                this.pending.push(argument as usize);
                state.settle();
                return Ok(0);
            }
            // SAFETY: as above.
            let bytes = unsafe {
                std::slice::from_raw_parts(urb.buffer, urb.buffer_length as usize).to_vec()
            };
            let length = bytes.len() as c_int;
            let status = match (urb.endpoint, bytes.as_slice()) {
                (DATA_OUT, data) => {
                    state.out.push_back(Out::Data(data.to_vec()));
                    0
                }
                (0, [0x20, 0x00, 0, 0, 0, 0, _, _, command @ ..]) => {
                    state.out.push_back(Out::Command(command.to_vec()));
                    0
                }
                _ => -libc::EPIPE,
            };
            this.end(argument as usize, status, length);
            Ok(0)
        }
        DISCARD => {
            let Some(at) = this
                .pending
                .iter()
                .position(|urb| *urb == argument as usize)
            else {
                return Err(libc::EINVAL);
            };
            let urb = this.pending.remove(at);
            state.cancelled += 1;
            this.end(urb, -libc::ENOENT, 0);
            Ok(0)
        }
        // Clearing a halt, choosing a setting, resetting.
        4 | 20 | 21 => Ok(0),
        _ => Err(libc::ENOTTY),
    }
}

/// Makes the pipe of a device full again: nothing can be reaped.
pub(super) fn fill_pipe(fd: c_int) {
    let page = [0_u8; 4096];
    // SAFETY: writes from `page`, which is as long as it says; the pipe doesn't block.
    unsafe { libc::write(fd, page.as_ptr().cast(), page.len()) };
}

pub(super) fn close_raw(fd: c_int) {
    // SAFETY: takes no pointer. The descriptor is the caller's.
    unsafe { libc::syscall(libc::SYS_close, fd) };
}

pub(super) fn fail(error: c_int) -> c_int {
    // SAFETY: the address of this thread's own `errno`.
    unsafe { *libc::__errno_location() = error };
    -1
}

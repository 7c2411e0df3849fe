//! The C library's functions that libusb reaches a device with, in place of the real ones.

use std::collections::VecDeque;

use super::kernel::{Opened, answer, close_raw, fail, fill_pipe};
use super::*;

/// `/dev/bus/usb/001/002`, opened to be used.
fn open_device(at: usize) -> c_int {
    let mut bus = bus();
    let state = &mut bus.devices[at];
    if state.unplugged {
        return fail(libc::ENOENT);
    }
    if let Some(error) = state.config.open_error {
        return fail(error);
    }
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two descriptors; the rest takes no pointer.
    unsafe {
        assert_eq!(
            libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK),
            0
        );
        libc::fcntl(ends[1], libc::F_SETPIPE_SZ, 4096);
    }
    let [drain, fd] = ends;
    fill_pipe(fd);
    let opened = Opened {
        drain,
        claimed: false,
        pending: Vec::new(),
        done: VecDeque::new(),
    };
    state.opened.insert(fd, opened);
    let free = DESCRIPTORS
        .iter()
        .find(|slot| slot.load(Ordering::SeqCst) == -1);
    free.expect("room for a descriptor")
        .store(fd, Ordering::SeqCst);
    fd
}

enum Target {
    Device(usize),
    File(CString),
    Elsewhere,
}

fn target(path: &CStr) -> Target {
    let Some(bus) = BUS.get() else {
        return Target::Elsewhere;
    };
    let path = Path::new(std::ffi::OsStr::from_bytes(path.to_bytes()));
    if !path.starts_with(NODE) && !path.starts_with(SYSFS) {
        return Target::Elsewhere;
    }
    if let Ok(number) = path.strip_prefix("/dev/bus/usb/001") {
        let number = number
            .to_str()
            .and_then(|number| number.parse::<usize>().ok());
        if let Some(number) = number {
            return Target::Device(number - 2);
        }
    }
    let file = bus
        .lock()
        .unwrap()
        .root
        .join(path.strip_prefix("/").unwrap());
    Target::File(CString::new(file.as_os_str().as_bytes()).unwrap())
}

/// # Safety
///
/// As C's `open`.
unsafe fn open_any(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller passes a string that ends with a zero byte.
    let path = unsafe { CStr::from_ptr(path) };
    let redirected;
    let path = match target(path) {
        Target::Device(at) => return open_device(at),
        Target::File(file) => {
            redirected = file;
            redirected.as_c_str()
        }
        Target::Elsewhere => path,
    };
    // SAFETY: `path` is a string that ends with a zero byte.
    unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, mode) as c_int }
}

/// C's `open`, whose third argument is only there with some flags; a caller that leaves it out
/// leaves something else in its register, which the kernel doesn't look at then.
#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: as the caller's.
    unsafe { open_any(path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: as the caller's.
    unsafe { open_any(path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn opendir(path: *const c_char) -> *mut libc::DIR {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: as the caller's.
    let fd = unsafe { open_any(path, flags, 0) };
    if fd < 0 {
        return std::ptr::null_mut();
    }
    // SAFETY: a descriptor of a folder, which becomes the stream's.
    unsafe { libc::fdopendir(fd) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn statfs(path: *const c_char, out: *mut libc::statfs) -> c_int {
    // SAFETY: the caller passes a string that ends with a zero byte.
    if BUS.get().is_some() && unsafe { CStr::from_ptr(path) } == c"/sys" {
        // SAFETY: the caller passes a place for the answer.
        unsafe {
            out.write_bytes(0, 1);
            (*out).f_type = 0x6265_6572;
        }
        return 0;
    }
    // SAFETY: as the caller's.
    unsafe { libc::syscall(libc::SYS_statfs, path, out) as c_int }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn close(fd: c_int) -> c_int {
    let slot = DESCRIPTORS
        .iter()
        .find(|slot| slot.load(Ordering::SeqCst) == fd);
    if let Some(slot) = slot.filter(|_| fd >= 0) {
        let mut bus = bus();
        for state in &mut bus.devices {
            if let Some(opened) = state.opened.remove(&fd) {
                if opened.drain >= 0 {
                    close_raw(opened.drain);
                }
                state.log.push("closed".to_owned());
            }
        }
        slot.store(-1, Ordering::SeqCst);
        CHANGED.notify_all();
    }
    // SAFETY: takes no pointer.
    unsafe { libc::syscall(libc::SYS_close, fd) as c_int }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ioctl(fd: c_int, request: c_ulong, argument: *mut c_void) -> c_int {
    if fd >= 0
        && DESCRIPTORS
            .iter()
            .any(|slot| slot.load(Ordering::SeqCst) == fd)
    {
        let mut bus = bus();
        let state = bus
            .devices
            .iter_mut()
            .find(|state| state.opened.contains_key(&fd));
        let Some(state) = state else {
            return fail(libc::EBADF);
        };
        // SAFETY: libusb passes what the request asks for.
        let result = unsafe { answer(state, fd, (request & 0xff) as u8, argument) };
        drop(bus);
        CHANGED.notify_all();
        return result.unwrap_or_else(fail);
    }
    // SAFETY: as the caller's.
    unsafe { libc::syscall(libc::SYS_ioctl, fd, request, argument) as c_int }
}

/// The kernel's messages about what is plugged in: a socket on which none ever comes. That a device
/// is gone libusb learns from the device itself.
#[unsafe(no_mangle)]
unsafe extern "C" fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int {
    if BUS.get().is_some() && domain == libc::AF_NETLINK {
        let mut ends = [0; 2];
        // SAFETY: `ends` has room for the two descriptors.
        let made = unsafe {
            libc::socketpair(
                libc::AF_UNIX,
                libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
                0,
                ends.as_mut_ptr(),
            )
        };
        assert_eq!(made, 0);
        NETLINK.store(ends[0], Ordering::SeqCst);
        return ends[0];
    }
    // SAFETY: takes no pointer.
    unsafe { libc::syscall(libc::SYS_socket, domain, kind, protocol) as c_int }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bind(
    fd: c_int,
    address: *const libc::sockaddr,
    length: libc::socklen_t,
) -> c_int {
    if fd >= 0 && NETLINK.load(Ordering::SeqCst) == fd {
        return 0;
    }
    // SAFETY: as the caller's.
    unsafe { libc::syscall(libc::SYS_bind, fd, address, c_long::from(length)) as c_int }
}

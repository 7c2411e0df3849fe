//! A USB bus with a Bluetooth dongle on it that exists only in this process: Linux's usbfs and the
//! parts of sysfs that libusb looks at, in place of the C library's functions it reaches them with.
//!
//! The functions at the end of this file are exported under the names that libusb (and Rust's
//! standard library) call: `open`, `close`, `ioctl` and a few more. What isn't about `/dev/bus/usb`
//! or `/sys/bus/usb` they pass on to the kernel. Files of sysfs come from a temporary folder. An
//! open device is the writing end of a pipe that holds one page and is kept full: libusb polls it
//! for room, which there is as soon as a transfer can be reaped, and an error, which there is once
//! the reading end is closed: the device is unplugged.
//!
//! There is one bus in a process, so a test of it has a process of its own.
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use std::collections::{HashMap, VecDeque};
use std::ffi::{CStr, CString, c_char, c_int, c_long, c_uint, c_ulong, c_void};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use hci_transport::HciChannel;

/// The interrupt endpoint of events, the bulk endpoints of data, and what fits into their packets.
pub const EVENTS: u8 = 0x81;
pub const DATA_IN: u8 = 0x82;
pub const DATA_OUT: u8 = 0x02;
pub const EVENT_PACKET: usize = 16;
pub const DATA_PACKET: usize = 64;

const NODE: &str = "/dev/bus/usb";
const SYSFS: &str = "/sys/bus/usb";

/// What a device is.
#[derive(Debug, Clone)]
pub struct Config {
    pub vendor: u16,
    pub product: u16,
    pub device_class: [u8; 3],
    pub interface_class: [u8; 3],
    pub manufacturer: &'static str,
    pub name: &'static str,
    pub serial: &'static str,
    /// The kernel's driver that has its interface.
    pub driver: Option<&'static str>,
    /// What opening it gives instead of success.
    pub open_error: Option<c_int>,
    /// Another program has claimed its interface.
    pub claimed: bool,
    /// An empty packet follows data that ends with a full one.
    pub zero_length: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            vendor: 0x0a12,
            product: 0x0001,
            device_class: [0xe0, 0x01, 0x01],
            interface_class: [0xe0, 0x01, 0x01],
            manufacturer: "Emulated",
            name: "Dongle",
            serial: "0001",
            driver: Some("btusb"),
            open_error: None,
            claimed: false,
            zero_length: true,
        }
    }
}

/// What a host sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    Command(Vec<u8>),
    /// What one transfer brought.
    Data(Vec<u8>),
}

/// A device on the bus. Clones are the same one.
#[derive(Clone)]
pub struct Device {
    at: usize,
}

struct Bus {
    root: PathBuf,
    devices: Vec<State>,
}

struct State {
    config: Config,
    /// By the descriptor that the host holds.
    opened: HashMap<c_int, Opened>,
    unplugged: bool,
    /// Packets of the bus that the host hasn't asked for yet, by endpoint.
    waiting: HashMap<u8, VecDeque<Vec<u8>>>,
    out: VecDeque<Out>,
    driver_attached: bool,
    log: Vec<String>,
    /// Transfers cancelled so far.
    pub cancelled: usize,
    submitted: usize,
}

struct Opened {
    /// The reading end of its pipe; -1 once closed.
    drain: c_int,
    claimed: bool,
    /// Addresses of requests that wait, by endpoint, and of those that are over.
    pending: Vec<usize>,
    done: VecDeque<usize>,
}

static BUS: OnceLock<Mutex<Bus>> = OnceLock::new();
static CHANGED: Condvar = Condvar::new();
/// Descriptors of open devices, so that any other one isn't held up.
static DESCRIPTORS: [AtomicI32; 16] = [const { AtomicI32::new(-1) }; 16];
static NETLINK: AtomicI32 = AtomicI32::new(-1);

fn bus() -> MutexGuard<'static, Bus> {
    BUS.get().expect("a bus").lock().unwrap()
}

/// Puts a bus in place of the machine's; nothing is on it. Without [`plug_in`] there is none.
pub fn install() {
    let root = std::env::temp_dir().join(format!("usbfs-{}", std::process::id()));
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).unwrap();
    let bus = Bus {
        root,
        devices: Vec::new(),
    };
    assert!(BUS.set(Mutex::new(bus)).is_ok(), "one bus in a process");
}

/// Puts a device on the bus, at port 1, 2, 3, …
pub fn plug_in(config: Config) -> Device {
    let (root, at) = {
        let bus = bus();
        (bus.root.clone(), bus.devices.len())
    };
    let (port, address) = (at + 1, at + 2);
    let node = root.join(format!("dev/bus/usb/001/{address:03}"));
    fs::create_dir_all(node.parent().unwrap()).unwrap();
    fs::write(node, "").unwrap();
    let folder = root.join(format!("sys/bus/usb/devices/1-{port}"));
    let interface = root.join(format!("sys/bus/usb/devices/1-{port}:1.0"));
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(&interface).unwrap();
    let write = |name: &str, text: &[u8]| fs::write(folder.join(name), text).unwrap();
    write("busnum", b"1\n");
    write("devnum", format!("{address}\n").as_bytes());
    write("speed", b"12\n");
    write("bConfigurationValue", b"1\n");
    write("manufacturer", format!("{}\n", config.manufacturer).as_bytes());
    write("product", format!("{}\n", config.name).as_bytes());
    write("serial", format!("{}\n", config.serial).as_bytes());
    write("descriptors", &descriptors(&config));
    let driver = config.driver.map(|driver| format!("DRIVER={driver}\n"));
    fs::write(interface.join("uevent"), driver.unwrap_or_default()).unwrap();
    bus().devices.push(State {
        driver_attached: config.driver.is_some(),
        config,
        opened: HashMap::new(),
        unplugged: false,
        waiting: HashMap::new(),
        out: VecDeque::new(),
        log: Vec::new(),
        cancelled: 0,
        submitted: 0,
    });
    Device { at }
}

fn descriptors(config: &Config) -> Vec<u8> {
    let [vendor_low, vendor_high] = config.vendor.to_le_bytes();
    let [product_low, product_high] = config.product.to_le_bytes();
    let [class, subclass, protocol] = config.device_class;
    let mut bytes = vec![
        18, 1, 0x00, 0x02, class, subclass, protocol, 64, vendor_low, vendor_high, product_low,
        product_high, 0x00, 0x01, 1, 2, 3, 1,
    ];
    let endpoint = |address: u8, kind: u8, size: usize, interval: u8| {
        [7, 5, address, kind, size as u8, 0, interval]
    };
    let [class, subclass, protocol] = config.interface_class;
    let interfaces = [
        &[9, 4, 0, 0, 3, class, subclass, protocol, 0][..],
        &endpoint(EVENTS, 3, EVENT_PACKET, 1),
        &endpoint(DATA_OUT, 2, DATA_PACKET, 0),
        &endpoint(DATA_IN, 2, DATA_PACKET, 0),
        // The interface of voice, which nobody is to touch.
        &[9, 4, 1, 0, 2, 0xe0, 0x01, 0x01, 0],
        &endpoint(0x03, 1, 0, 1),
        &endpoint(0x83, 1, 0, 1),
    ]
    .concat();
    bytes.extend([9, 2, 9 + interfaces.len() as u8, 0, 2, 1, 0, 0xe0, 50]);
    bytes.extend(interfaces);
    bytes
}

impl Device {
    fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let result = act(&mut bus().devices[self.at]);
        CHANGED.notify_all();
        result
    }

    /// One packet of the bus to the host.
    pub fn send(&self, endpoint: u8, packet: &[u8]) {
        self.with(|state| {
            state.waiting.entry(endpoint).or_default().push_back(packet.to_vec());
            state.settle();
        });
    }

    /// An HCI packet in H4 form to the host, in packets of the bus as large as they may be.
    pub fn send_hci(&self, packet: &[u8]) {
        let (endpoint, most) = match packet[0] {
            0x04 => (EVENTS, EVENT_PACKET),
            _ => (DATA_IN, DATA_PACKET),
        };
        self.with(|state| {
            let waiting = state.waiting.entry(endpoint).or_default();
            waiting.extend(packet[1..].chunks(most).map(<[u8]>::to_vec));
            if state.config.zero_length && packet[1..].len().is_multiple_of(most) {
                waiting.push_back(Vec::new());
            }
            state.settle();
        });
    }

    /// How many packets of the bus wait for the host to ask for them.
    pub fn waiting(&self) -> usize {
        self.with(|state| state.waiting.values().map(VecDeque::len).sum())
    }

    /// What the host sends next.
    pub fn next_out(&self, patience: Duration) -> Option<Out> {
        let deadline = Instant::now() + patience;
        let mut bus = bus();
        loop {
            let state = &mut bus.devices[self.at];
            if let Some(out) = state.out.pop_front() {
                return Some(out);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.unplugged {
                return None;
            }
            bus = CHANGED.wait_timeout(bus, left).unwrap().0;
        }
    }

    /// Pulls it out.
    pub fn unplug(&self) {
        let (root, at) = (bus().root.clone(), self.at);
        let _ = fs::remove_dir_all(root.join(format!("sys/bus/usb/devices/1-{}", at + 1)));
        let _ = fs::remove_dir_all(root.join(format!("sys/bus/usb/devices/1-{}:1.0", at + 1)));
        let _ = fs::remove_file(root.join(format!("dev/bus/usb/001/{:03}", at + 2)));
        self.with(|state| {
            state.unplugged = true;
            for opened in state.opened.values_mut() {
                for urb in std::mem::take(&mut opened.pending) {
                    opened.end(urb, -libc::ESHUTDOWN, 0);
                }
                close_raw(opened.drain);
                opened.drain = -1;
            }
        });
    }

    /// What was done to its interface and its driver, and clears the list.
    pub fn take_log(&self) -> Vec<String> {
        self.with(|state| std::mem::take(&mut state.log))
    }

    /// Whether the kernel's driver has it.
    pub fn has_driver(&self) -> bool {
        self.with(|state| state.driver_attached)
    }

    /// Whether a program has it open.
    pub fn is_open(&self) -> bool {
        self.with(|state| !state.opened.is_empty())
    }

    /// How many transfers wait at an endpoint.
    pub fn pending(&self, endpoint: u8) -> usize {
        self.with(|state| {
            let opened = state.opened.values();
            opened
                .flat_map(|opened| &opened.pending)
                // SAFETY: a request that waits is the host's, and stays where it is.
                .filter(|urb| unsafe { (*(**urb as *const Urb)).endpoint } == endpoint)
                .count()
        })
    }

    /// How many transfers the host has submitted so far.
    pub fn submitted(&self) -> usize {
        self.with(|state| state.submitted)
    }

    /// Puts a controller behind the device, until it is unplugged.
    pub fn attach(&self, channel: HciChannel) {
        let channel = std::sync::Arc::new(channel);
        let (device, from) = (self.clone(), channel.clone());
        thread::spawn(move || {
            let mut packet = Vec::new();
            while from.read_packet_timeout(&mut packet, Duration::from_secs(600)).is_ok() {
                device.send_hci(&packet);
            }
        });
        let device = self.clone();
        thread::spawn(move || {
            let mut data: Vec<u8> = Vec::new();
            while let Some(out) = device.next_out(Duration::from_secs(600)) {
                let sent = match out {
                    Out::Command(command) => {
                        channel.write_packet_blocking(&[&[0x01], command.as_slice()].concat())
                    }
                    Out::Data(bytes) => {
                        data.extend(bytes);
                        let mut sent = Ok(());
                        while let [_, _, low, high, ..] = data[..] {
                            let length = 4 + usize::from(u16::from_le_bytes([low, high]));
                            if data.len() < length {
                                break;
                            }
                            let packet = [&[0x02], &data[..length]].concat();
                            data.drain(..length);
                            sent = channel.write_packet_blocking(&packet);
                        }
                        sent
                    }
                };
                if sent.is_err() {
                    break;
                }
            }
            // Unplugged: the controller goes too.
            channel.close();
        });
    }
}

impl State {
    /// Gives what waits to the requests that wait for it.
    fn settle(&mut self) {
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
            let most = if endpoint == EVENTS { EVENT_PACKET } else { DATA_PACKET };
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
    fn end(&mut self, urb: usize, status: c_int, count: c_int) {
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
struct Urb {
    kind: u8,
    endpoint: u8,
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
unsafe fn answer(state: &mut State, fd: c_int, request: u8, argument: *mut c_void) -> Result<c_int, c_int> {
    let unplugged = state.unplugged;
    let State { config, opened, driver_attached, log, .. } = state;
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
            let Some(at) = this.pending.iter().position(|urb| *urb == argument as usize) else {
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
fn fill_pipe(fd: c_int) {
    let page = [0_u8; 4096];
    // SAFETY: writes from `page`, which is as long as it says; the pipe doesn't block.
    unsafe { libc::write(fd, page.as_ptr().cast(), page.len()) };
}

fn close_raw(fd: c_int) {
    // SAFETY: takes no pointer. The descriptor is the caller's.
    unsafe { libc::syscall(libc::SYS_close, fd) };
}

fn fail(error: c_int) -> c_int {
    // SAFETY: the address of this thread's own `errno`.
    unsafe { *libc::__errno_location() = error };
    -1
}

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
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK), 0);
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
    let free = DESCRIPTORS.iter().find(|slot| slot.load(Ordering::SeqCst) == -1);
    free.expect("room for a descriptor").store(fd, Ordering::SeqCst);
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
        let number = number.to_str().and_then(|number| number.parse::<usize>().ok());
        if let Some(number) = number {
            return Target::Device(number - 2);
        }
    }
    let file = bus.lock().unwrap().root.join(path.strip_prefix("/").unwrap());
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
    let slot = DESCRIPTORS.iter().find(|slot| slot.load(Ordering::SeqCst) == fd);
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
    if fd >= 0 && DESCRIPTORS.iter().any(|slot| slot.load(Ordering::SeqCst) == fd) {
        let mut bus = bus();
        let state = bus.devices.iter_mut().find(|state| state.opened.contains_key(&fd));
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
            libc::socketpair(libc::AF_UNIX, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0, ends.as_mut_ptr())
        };
        assert_eq!(made, 0);
        NETLINK.store(ends[0], Ordering::SeqCst);
        return ends[0];
    }
    // SAFETY: takes no pointer.
    unsafe { libc::syscall(libc::SYS_socket, domain, kind, protocol) as c_int }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bind(fd: c_int, address: *const libc::sockaddr, length: libc::socklen_t) -> c_int {
    if fd >= 0 && NETLINK.load(Ordering::SeqCst) == fd {
        return 0;
    }
    // SAFETY: as the caller's.
    unsafe { libc::syscall(libc::SYS_bind, fd, address, c_long::from(length)) as c_int }
}

//! A USB bus with a Bluetooth dongle on it that exists only in this process: Linux's usbfs and the
//! parts of sysfs that libusb looks at, in place of the C library's functions it reaches them with.
//!
//! The functions in `interpose` are exported under the names that libusb (and Rust's
//! standard library) call: `open`, `close`, `ioctl` and a few more. What isn't about `/dev/bus/usb`
//! or `/sys/bus/usb` they pass on to the kernel. Files of sysfs come from a temporary folder. An
//! open device is the writing end of a pipe that holds one page and is kept full: libusb polls it
//! for room, which there is as soon as a transfer can be reaped, and an error, which there is once
//! the reading end is closed: the device is unplugged.
//!
//! There is one bus in a process, so a test of it has a process of its own.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code
)]

mod interpose;
mod kernel;

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
use kernel::{Opened, Urb, close_raw};

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
    write(
        "manufacturer",
        format!("{}\n", config.manufacturer).as_bytes(),
    );
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
        18,
        1,
        0x00,
        0x02,
        class,
        subclass,
        protocol,
        64,
        vendor_low,
        vendor_high,
        product_low,
        product_high,
        0x00,
        0x01,
        1,
        2,
        3,
        1,
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
            state
                .waiting
                .entry(endpoint)
                .or_default()
                .push_back(packet.to_vec());
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
            while from
                .read_packet_timeout(&mut packet, Duration::from_secs(600))
                .is_ok()
            {
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

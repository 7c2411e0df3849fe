//! Whole HCI packets to and from a Bluetooth controller: on USB, a serial port, a TCP or Unix socket,
//! or in the same process.
//!
//! [`open`] takes a line that names the controller, resets the controller, and returns an
//! [`HciChannel`]: a [`Transport`](bt_hci::transport::Transport) for host stacks, and raw packets for
//! tools.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! let channel = hci_transport::open(&"serial:/dev/ttyACM0,1000000,rtscts".parse()?)?;
//!
//! // HCI_Read_BD_ADDR
//! channel.write_packet_blocking(&[0x01, 0x09, 0x10, 0x00])?;
//! let mut answer = Vec::new();
//! if channel.read_packet_timeout(&mut answer, Duration::from_secs(1))? {
//!     println!("{answer:02x?}");
//! }
//! # Ok::<(), hci_transport::Error>(())
//! ```
//!
//! | line | controller |
//! |---|---|
//! | `serial:PATH[,BAUD][,rtscts]` | H4 on a UART, a USB CDC port or a pseudo-terminal; by default 1,000,000 baud without flow control |
//! | `serial:PATH[,BAUD],h5` | H5, the three-wire UART: for lines without flow control, or that lose bytes |
//! | `usb:INDEX`, `usb:VENDOR:PRODUCT[/SERIAL]` | a USB adapter: by its position among the USB adapters, or by its IDs in hexadecimal (feature `usb`) |
//! | `tcp-client:HOST:PORT` | H4 on a TCP connection; an IPv6 address goes in brackets |
//! | `unix-client:PATH` | H4 on a Unix socket |
//! | `hci-user:INDEX` | Linux: a controller that the kernel has a driver for, lent to this program |
//! | `virtual` | a simulated controller (opened by the crate that has one) |
//!
//! Append `,snoop=FILE` to any of them to record the traffic ([`Snoop`]), without keys unless
//! `,snoop-keys` is appended, too. The environment variable `DONGLE_SNOOP=FILE` does so for all
//! controllers. [`list`] finds controllers to open.
//!
//! # Permissions and drivers
//!
//! *Linux*: serial ports belong to the group `dialout` (`uucp` on Arch): `sudo usermod -aG dialout
//! $USER`, then log in again. USB adapters need a udev rule; the error says which. The kernel's
//! driver is detached while an adapter is open and given back afterwards. *macOS*: use
//! `/dev/cu.…`, not `/dev/tty.…`, which waits for a carrier; USB adapters stay with the system.
//! *Windows*: `serial:COM3`; a USB adapter needs the WinUSB driver, which Zadig installs.
//!
//! # How it is made
//!
//! There is one kind of packet [`channel`], and one pump for each kind of wire, which only moves bytes.
//! Anything that can be read and written ([`Wire`]) becomes a channel with [`OpenOptions::open_wire`]; a
//! simulated controller holds the other end of a channel itself ([`HciPort`]). Packets cross whole, in
//! H4 form, through bounded queues: a slow reader slows the controller down, a slow controller slows
//! the writer down, the two directions are independent, and nothing is lost. Framing is a state
//! machine without I/O ([`H4Deframer`]) that resynchronises after garbage; so are the H5 link
//! ([`H5Link`]) and the reassembly of USB transfers. [`bridge_controller`] is the other side: it
//! serves a controller to another program's host.
//!
//! One thread waits for a socket and moves its bytes. Within [`HciChannel::block_on`], the thread that
//! uses the packets does so itself, which saves a wake-up between the wire and the host stack. Every
//! other wire has one thread that reads and one that writes.
//!
//! `unsafe` is confined to two small modules: one lends memory to libusb while a transfer is in flight,
//! the other binds the socket of the HCI user channel.
#![deny(unsafe_code)]

mod block_on;
mod channel;
mod deframer;
mod error;
mod h5;
#[cfg(target_os = "linux")]
mod hci_user;
#[cfg(unix)]
mod helm;
mod list;
mod open;
pub mod packet;
mod patience;
mod plausible;
mod port;
mod pump;
mod queue;
mod ring;
mod serial;
mod serve;
mod signal;
mod snoop;
mod spec;
mod tcp;
mod transport;
#[cfg(unix)]
mod unix;
#[cfg(feature = "usb")]
mod usb;
mod waiters;

pub use channel::{Closed, Counters, HciChannel, Statistics, channel};
pub use deframer::H4Deframer;
pub use error::{Error, ErrorKind};
pub use h5::{H5Event, H5Link, H5Statistics};
pub use list::{Candidate, list};
pub use open::{OpenOptions, open};
pub use plausible::{Direction, Limits};
pub use port::{HciPort, TryDeliverError};
pub use pump::Wire;
pub use serve::bridge_controller;
pub use snoop::{SNOOP_VARIABLE, Snoop};
pub use spec::{DEFAULT_BAUD, Spec, UsbAddress};

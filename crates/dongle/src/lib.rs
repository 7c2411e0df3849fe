//! Dongle: the Bluetooth LE central for programs that own their radio.
//!
//! Plug any HCI controller in (a Zephyr board on a UART, a USB stick, one across TCP, a simulated
//! one), and scan, connect, discover, read, write and subscribe. No OS stack, no daemon; any async
//! runtime, or none.
//!
//! ```
//! use dongle::Dongle;
//! # futures_lite::future::block_on(async {
//! let dongle = Dongle::open("virtual").await?; // or "serial:/dev/ttyACM0,1000000"
//! let mut scan = dongle.scan().service(0x180D).start()?;
//! let sensor = scan.next().await?.ok_or("no sensor")?;
//! let connection = sensor.device().connect().await?;
//! connection.exchange_mtu(247).await?;
//! let service = connection.service(0x180D).await?; // or a text, or services::HEART_RATE
//! let measurement = service.characteristic(0x2A37).await?;
//! let mut values = measurement.subscribe().await?;
//! println!("{:?}", values.notified().await?);
//! connection.disconnect().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Where to look
//!
//! | to | start at |
//! | --- | --- |
//! | open a dongle, or wait for one to be plugged in | [`Dongle::open`], [`Open`], [`list`](fn@list) |
//! | find devices | [`Dongle::scan`], [`ScanBuilder`], [`Advertisement`] |
//! | connect, and stay connected | [`Device`], [`DeviceConnection`], [`StayConnected`] |
//! | discover, read, write | [`Service`], [`Characteristic`], [`Descriptor`] |
//! | get values as they come | [`Subscription`], [`Notified`] |
//! | convert a value to a type | [`values`] |
//! | name a service | [`assigned`], [`Uuid`] |
//! | pair, and keep bonds | [`security`] |
//! | send streams of bytes | [`L2capChannel`] |
//! | tell errors apart | [`Error`], [`ErrorKind`] |
//! | do without async | [`Wait`] |
//!
//! The [guide](https://github.com/dongle-rs/dongle/blob/main/docs/guide.md) goes from `cargo add` to
//! a gateway that does not lose its devices.
//!
//! # What every call has in common
//!
//! A call is built, then awaited: `device.connect().timeout(patience).await`. Nothing is sent
//! before. Each call ends by itself, with its answer, its timeout or the end of the connection
//! ([`Call`] says when). Calls to a connected device have a `timeout`; `disconnect`, and calls that
//! wait for the next event ([`Scan::next`], [`DeviceConnection::disconnected`]), do not. Any future
//! may be dropped at any point. Handles are cheap to clone and can be sent to any thread; a
//! connection ends when its last handle is dropped. Anything that arrives one by one is a `Stream`,
//! and also has `next()` for programs that don't use streams.
//!
//! The crate works with any executor, or none, and needs nothing from the caller's threads: each
//! dongle has a host thread of its own, and one to three more for the I/O of a serial port, a USB
//! adapter, a socket or an HCI user channel.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `usb` | yes | USB adapters (`usb:0`), through libusb, which is built from source and takes a C compiler |
//! | `virtual` | yes | `Dongle::open("virtual")`: a simulated controller with a heart-rate sensor and a lock in range |
//! | `names` | no | the module `names`: names of services, characteristics, companies and appearances |
//!
//! # Logging
//!
//! It logs through [`log`](https://docs.rs/log), to which `tracing` can listen as well. *Warnings*
//! need someone's attention: a controller that failed, values that make no sense. *Info* has one
//! line for each dongle that is opened or waited for. *Debug* has scans, connections and their
//! ends, pairing and retries: a few lines each, and none for a read or a value. Keys are never
//! logged.
#![forbid(unsafe_code)]

mod address;
mod advertisement;
mod call;
mod connection;
mod device;
mod dongle;
mod error;
mod files;
mod found;
mod gatt;
mod holding;
mod host;
mod l2cap;
mod links;
mod open;
mod range;
mod scan;
pub mod security;
mod stay;
pub mod values;
mod wait;
#[cfg(feature = "virtual")]
mod world;

// With `std`, this crate provides the critical sections for embassy's locks.
use critical_section as _;

pub use dongle_central::att::{
    AttError, AttributeHandle, ErrorCode, HandleRange, ParseUuidError, Uuid,
};
pub use dongle_central::central::{ControllerInfo, Feature, Phys};
pub use dongle_central::gatt::{ProcedureError, Properties};
pub use dongle_central::links::{ConnectionParameters, Reason, RemoteVersion};
pub use dongle_central::{adv, assigned};
#[cfg(feature = "names")]
pub use dongle_names as names;
pub use hci_transport;
/// The dongles that are plugged in, each with the spec that opens it.
pub use hci_transport::list;

pub use crate::address::{Address, AddressKind, ParseAddressError};
pub use crate::advertisement::Advertisement;
pub use crate::call::Call;
pub use crate::connection::DeviceConnection;
pub use crate::device::{Connect, Device};
pub use crate::dongle::Dongle;
pub use crate::error::{Error, ErrorKind, Wanted};
pub use crate::found::Found;
pub use crate::gatt::{
    Characteristic, Descriptor, Notified, Service, ServiceChanges, Subscribe, Subscription, Write,
};
pub use crate::holding::{Farewell, Phy};
pub use crate::l2cap::{L2capChannel, L2capOpen, L2capRefusal};
pub use crate::open::Open;
pub use crate::scan::{Scan, ScanBuilder, ScanResult};
pub use crate::stay::StayConnected;
pub use crate::wait::Wait;

/// Runs the programs in the guide as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide.md")]
mod guide {}

/// Runs the programs in the README as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

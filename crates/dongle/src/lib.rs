//! Dongle: the Bluetooth LE central for programs that own their radio.
//!
//! Plug any HCI controller in (a Zephyr board on a UART, a USB stick, one across TCP, a simulated
//! one), and scan, connect, discover, read, write and subscribe. No OS stack, no daemon; any async runtime,
//! or none.
//!
//! ```
//! use dongle::{Dongle, Uuid};
//! # futures_lite::future::block_on(async {
//! let dongle = Dongle::open("virtual").await?; // or "serial:/dev/ttyACM0,1000000"
//! let mut scan = dongle.scan().service(Uuid::from_u16(0x180D)).start()?;
//! let sensor = scan.next().await?.ok_or("no sensor")?;
//! let connection = sensor.device().connect().await?;
//! connection.exchange_mtu(247).await?;
//! let service = connection.service(Uuid::from_u16(0x180D)).await?;
//! let measurement = service.characteristic(Uuid::from_u16(0x2A37)).await?;
//! let mut values = measurement.subscribe().await?;
//! println!("{:?}", values.notified().await?);
//! connection.disconnect().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
#![forbid(unsafe_code)]

mod address;
mod advertisement;
mod call;
mod connection;
mod device;
mod dongle;
mod error;
mod found;
mod gatt;
mod holding;
mod host;
mod l2cap;
mod links;
mod open;
mod scan;
pub mod security;
mod stay;
pub mod values;
mod wait;
#[cfg(feature = "virtual")]
mod world;

// With `std`, it gives embassy's locks something to stand on.
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

/// The programs in the guide, to be run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide.md")]
mod guide {}

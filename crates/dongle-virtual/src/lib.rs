//! A small simulated Bluetooth LE radio world: for examples without hardware, and for tests.
//!
//! An [`Air`] holds controllers that speak HCI to their hosts, as a dongle does, and hear each
//! other: they advertise, scan, connect, carry data and encrypt. It holds peripherals too: on
//! trouble-host's peripheral role a [`HeartRateSensor`], an [`Echo`] on an L2CAP channel and, with
//! the feature `security`, a `Lock` that wants to be paired with; a [`ScriptedPeripheral`] whose
//! every PDU a test decides, and a [`Meter`] to measure against; and beacons by the ten thousand.
//! What goes wrong with real radios goes wrong here on request ([`AirController`]). [`serve`] gives
//! a controller to a host outside of this process, over TCP or at a pseudo-terminal.
//!
//! ```
//! use dongle_virtual::{Air, ControllerConfig, HeartRateConfig, HeartRateSensor};
//!
//! let air = Air::new();
//! let _sensor = HeartRateSensor::start(&air, HeartRateConfig::named("My heart"));
//! // The host end of a controller in the same air: a transport for any host stack.
//! let channel = air.controller(ControllerConfig::default());
//! # drop(channel);
//! ```
//!
//! Underneath is a [`World`], a state machine without I/O, threads or clock, for tests that want
//! time to pass when they say so.
#![forbid(unsafe_code)]

mod address;
pub mod air;
mod hci;
pub mod peripheral;
pub mod serve;
pub mod world;

pub use address::{Address, AddressKind};
pub use air::{Air, AirConfig, AirController};
pub use peripheral::{
    Echo, HeartRateConfig, HeartRateSensor, Meter, PeerEvent, ScriptedConfig, ScriptedPeripheral,
};
#[cfg(feature = "security")]
pub use peripheral::{Lock, LockConfig, LockPairing};
pub use world::{BeaconConfig, ControllerConfig, ControllerId, ControllerStats, Pacing, World};

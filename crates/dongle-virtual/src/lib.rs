//! A small simulated Bluetooth LE radio world: for examples without hardware, and for tests.
//!
//! An [`Air`] holds controllers that speak HCI to their hosts, as a dongle does, and hear each
//! other: they advertise, scan, connect, carry data and encrypt. It also holds peripherals. Built on
//! trouble-host are a [`HeartRateSensor`], an [`Echo`] on an L2CAP channel and, with the feature
//! `security`, a `Lock` that demands pairing. There are a [`ScriptedPeripheral`] whose every PDU a
//! test decides, a [`Meter`] to benchmark against, and beacons by the ten thousand. Faults of real
//! radios happen on request ([`AirController`]). [`serve`] offers a controller to a host outside this
//! process, over TCP or at a pseudo-terminal.
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
//! Underneath is a [`World`], a state machine without I/O, threads or clock, for tests that control
//! the passing of time.
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

//! A small simulated Bluetooth LE radio world: for examples without hardware, and for tests.
#![forbid(unsafe_code)]

mod address;
pub mod air;
mod hci;
pub mod peripheral;
pub mod world;

pub use address::{Address, AddressKind};
pub use air::{Air, AirConfig, AirController};
pub use peripheral::{HeartRateConfig, HeartRateSensor, PeerEvent, ScriptedConfig, ScriptedPeripheral};
pub use world::{BeaconConfig, ControllerConfig, ControllerId, ControllerStats, Pacing, World};

//! The surroundings of a simulated dongle: a heart-rate sensor and, further away, a lock.

use dongle_virtual::{
    Air, AirConfig, ControllerConfig, HeartRateConfig, HeartRateSensor, Lock, LockConfig,
};
use hci_transport::HciChannel;

/// A simulated controller, and the world that it is in.
pub(crate) fn simulated() -> (Box<dyn Send + Sync>, HciChannel) {
    let air = Air::with(AirConfig::paced());
    let sensor = HeartRateSensor::start(&air, HeartRateConfig::default());
    let lock = Lock::start(&air, LockConfig::default());
    let channel = air.controller(ControllerConfig::default());
    (Box::new((air, sensor, lock)), channel)
}

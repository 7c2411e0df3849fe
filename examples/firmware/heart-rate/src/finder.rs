//! Finds heart-rate sensors by what they advertise.

use crate::sensor::HEART_RATE;
use dongle_central::adv::AdvertisingData;
use dongle_central::links::Address;
use dongle_central::mux::{Report, ReportHandler};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::{Mutex, MutexGuard};
use embassy_sync::signal::Signal;

/// Receives all reports and remembers the last sensor.
pub struct Finder {
    found: Signal<NoopRawMutex, Address>,
    turn: Mutex<NoopRawMutex, ()>,
    /// The bonds with sensors that were found before.
    #[cfg(feature = "security")]
    pub bonds: crate::bonds::Bonds,
}

impl Finder {
    pub const fn new() -> Self {
        Self {
            found: Signal::new(),
            turn: Mutex::new(()),
            #[cfg(feature = "security")]
            bonds: crate::bonds::Bonds::new(),
        }
    }

    /// Waits for the right to look for a sensor and connect to it, which one task has at a time.
    pub async fn turn(&self) -> MutexGuard<'_, NoopRawMutex, ()> {
        self.turn.lock().await
    }

    /// Waits for the next sensor that is heard.
    pub async fn next(&self) -> Address {
        self.found.reset();
        self.found.wait().await
    }
}

impl ReportHandler for Finder {
    fn report(&self, report: &Report<'_>) {
        if let Some(address) = report.address
            && report.connectable
            && AdvertisingData::new(report.data).has_service(HEART_RATE)
        {
            self.found.signal(address);
        }
    }
}

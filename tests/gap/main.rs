//! Finding devices and holding on to them, on the simulated air.

#[cfg(unix)]
mod bumble;
mod channels;
mod connect;
mod controllers;
mod faults;
mod hold;
mod identity;
mod raw;
mod scan;
mod stay;
mod stress;

use std::time::Instant;

use dongle::{Address, Dongle, Error, Scan, ScanResult};
use dongle_tests::bench::{STALL, soon, until};
use dongle_tests::peer::Server;
use dongle_virtual::{
    Air, AirConfig, AirController, BeaconConfig, ControllerConfig, ScriptedConfig,
    ScriptedPeripheral,
};

/// A dongle on an air of its own.
pub struct World {
    pub air: Air,
    pub dongle: Dongle,
    pub controller: AirController,
}

impl World {
    fn new() -> Self {
        Self::with(ControllerConfig::default())
    }

    pub fn with(config: ControllerConfig) -> Self {
        Self::on(AirConfig::free_running(), config)
    }

    pub fn on(air: AirConfig, config: ControllerConfig) -> Self {
        let _ = env_logger::builder().is_test(true).try_init();
        let air = Air::with(air);
        let (controller, channel) = air.attach(config);
        let dongle = soon(Dongle::on(channel)).expect("the dongle opens");
        Self {
            air,
            dongle,
            controller,
        }
    }

    /// A peripheral with a heart-rate service, and its address.
    pub fn peer(&self, number: u32) -> (ScriptedPeripheral, Address) {
        self.peer_on(number, ControllerConfig::legacy())
    }

    pub fn peer_on(&self, number: u32, config: ControllerConfig) -> (ScriptedPeripheral, Address) {
        let (server, _) = Server::heart_rate(247);
        let address = dongle_virtual::Address::numbered(number);
        let config = ScriptedConfig::default()
            .with_address(address)
            .with_controller(config);
        let peer = ScriptedPeripheral::start(&self.air, config, move |pdu| server.handle(pdu));
        (peer, of(address))
    }

    /// Results until one is as wanted.
    pub async fn find(&self, scan: &mut Scan, want: impl Fn(&ScanResult) -> bool) -> ScanResult {
        loop {
            let found = scan
                .next()
                .await
                .expect("the scan runs")
                .expect("it goes on");
            if want(&found) {
                return found;
            }
        }
    }

    /// Waits until the controller looks for a device to connect to.
    pub async fn initiating(&self) {
        until("it is looked for", || self.controller.is_initiating()).await;
    }

    /// Waits until the controller has given so many advertising reports more.
    pub async fn reports(&self, count: u64) {
        let reports = || self.controller.stats().map_or(0, |stats| stats.reports);
        let before = reports();
        until("as many reports", || reports() >= before + count).await;
    }

    /// Waits until the peer, which has a thread of its own, knows of its link too, or of its end.
    pub async fn knows(&self, peer: &ScriptedPeripheral, connected: bool) {
        until("the other side", || peer.is_connected() == connected).await;
    }

    /// Waits until there are so many links in the controller.
    pub async fn links(&self, count: usize) {
        until("as many links", || self.controller.links().len() == count).await;
    }
}

/// The same address as the dongle knows it.
pub fn of(address: dongle_virtual::Address) -> Address {
    let mut bytes = address.bytes;
    bytes.reverse();
    match address.kind {
        dongle_virtual::AddressKind::Public => Address::public(bytes),
        dongle_virtual::AddressKind::Random => Address::random(bytes),
    }
}

/// A device that nobody is.
pub fn nobody(number: u32) -> Address {
    of(dongle_virtual::Address::numbered(0xFFFF_0000 + number))
}

/// A beacon that advertises a name.
pub fn named(number: u32, name: &str) -> BeaconConfig {
    BeaconConfig::new(dongle_virtual::Address::numbered(number), name_data(name))
}

pub fn name_data(name: &str) -> Vec<u8> {
    let mut data = vec![name.len() as u8 + 1, 0x09];
    data.extend_from_slice(name.as_bytes());
    data
}

/// What a controller does not answer comes to this, soon.
pub fn assert_failed(begun: Instant, error: &Error) {
    assert!(matches!(error, Error::ControllerFailed(_)), "{error}");
    let took = begun.elapsed();
    assert!(took < STALL, "{took:?}");
}

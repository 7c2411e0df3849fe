//! A dongle on a simulated air, opposite a peripheral that a test scripts.

use std::future::IntoFuture;
use std::time::Duration;

use dongle::{Characteristic, DeviceConnection, Dongle, Open};
use dongle_virtual::{
    Air, AirConfig, AirController, ControllerConfig, PeerEvent, ScriptedConfig, ScriptedPeripheral,
};
use futures_lite::future::{block_on, or};

use crate::peer::Server;

/// No wait in a test takes longer: what has not happened by then has failed. It tells a wait from a
/// hang and nothing else, so that it suits a machine that is ten times as slow as any.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// What comes at once, or within the few seconds that are said, comes within this where others have the
/// processor meanwhile. What takes its time though it should not comes later: the shortest limit that
/// would end it in its stead is that of an ATT transaction, 30 s.
pub const STALL: Duration = Duration::from_secs(20);

/// A dongle, its controller, and the peer.
pub struct Bench {
    /// The air.
    pub air: Air,
    /// The dongle under test.
    pub dongle: Dongle,
    /// Its controller, to look into and to break.
    pub controller: AirController,
    /// The other side.
    pub peer: ScriptedPeripheral,
    /// The database of the other side.
    pub server: Server,
    /// Where the peer's measurement is.
    pub measurement: u16,
}

impl Bench {
    /// With a default controller and an MTU of 247 on the other side.
    pub fn new() -> Self {
        Self::with(ControllerConfig::default(), ScriptedConfig::default())
    }

    /// With this controller and this peer.
    pub fn with(config: ControllerConfig, peer: ScriptedConfig) -> Self {
        Self::opened(config, peer, |open| open)
    }

    /// With this controller and this peer, and a dongle that is opened in a way of its own.
    pub fn opened(
        config: ControllerConfig,
        peer: ScriptedConfig,
        how: impl FnOnce(Open) -> Open,
    ) -> Self {
        let _ = env_logger::builder().is_test(true).try_init();
        let air = Air::with(AirConfig::free_running());
        let (server, measurement) = Server::heart_rate(247);
        let answering = server.clone();
        let peer = ScriptedPeripheral::start(&air, peer, move |pdu: &[u8]| answering.handle(pdu));
        let (controller, channel) = air.attach(config);
        let dongle = soon(how(Dongle::on(channel))).expect("the dongle opens");
        Self {
            air,
            dongle,
            controller,
            peer,
            server,
            measurement,
        }
    }

    /// Connects to the peer, which knows of the connection by then.
    pub async fn connect(&self) -> DeviceConnection {
        let mut bytes = self.peer.address().bytes;
        bytes.reverse();
        let device = self.dongle.device(dongle::Address::random(bytes));
        let connection = device.connect().await.expect("the peer is there");
        // The peer has a thread of its own.
        loop {
            match self.peer.event().await.expect("the peer is there") {
                PeerEvent::Connected { .. } => return connection,
                PeerEvent::Disconnected { .. } | PeerEvent::Encrypted => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Connects, and finds the peer's measurement.
    pub async fn measurement(&self) -> (DeviceConnection, Characteristic) {
        let connection = self.connect().await;
        connection.exchange_mtu(247).await.expect("an MTU");
        let measurement = connection.characteristic(0x180D, 0x2A37).await;
        (connection, measurement.expect("a characteristic"))
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits for something that has to happen.
pub fn soon<F: IntoFuture>(future: F) -> F::Output {
    block_on(in_time(future))
}

/// The same within a future.
pub async fn in_time<F: IntoFuture>(future: F) -> F::Output {
    or(async { future.into_future().await }, async {
        embassy_time::Timer::after(PATIENCE.try_into().expect("short enough")).await;
        panic!("nothing happened for {PATIENCE:?}");
    })
    .await
}

/// Waits until a condition holds that nothing announces.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !condition() {
        assert!(
            begun.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {what}"
        );
        embassy_time::Timer::after_millis(1).await;
    }
}

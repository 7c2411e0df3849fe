//! A controller and a peer that send whatever comes to a generator's mind, in everything a central
//! does: nothing panics, nothing hangs, and the dongle goes on or says why it does not.

mod forge;
mod relay;

use std::time::{Duration, Instant};

use dongle::{Address, DeviceConnection, Dongle, Error};
use dongle_tests::bench::{in_time, soon, until};
use dongle_tests::peer::Server;
use dongle_virtual::{
    Air, AirConfig, AirController, ControllerConfig, Echo, Lock, LockConfig, LockPairing,
    ScriptedConfig, ScriptedPeripheral,
};
use futures_lite::future::or;

use relay::Weather;

/// Storms of each kind.
const ROUNDS: u64 = 9;
/// Packets that are forged in each.
const PACKETS: u32 = 400;
/// How long whoever talks to a peer in a storm waits for it.
const SOON: Duration = Duration::from_millis(500);

/// How long whoever does so when it is over.
const PATIENT: Duration = Duration::from_secs(5);
/// The longest supervision timeout (Core Vol 6 Part B, 4.5.2), and as long as a controller may take to
/// answer, twice.
const SUPERVISION: Duration = Duration::from_secs(32 + 2 * 2);

/// A dongle whose controller is heard through a storm, and devices.
struct World {
    weather: Weather,
    dongle: Dongle,
    controller: AirController,
    sensor: ScriptedPeripheral,
    lock: Lock,
    echo: Echo,
    _air: Air,
}

impl World {
    fn new(seed: u64) -> Self {
        let _ = env_logger::builder().is_test(true).try_init();
        let air = Air::with(AirConfig::free_running());
        // Both families of commands, in turn.
        let config = match seed % 2 {
            0 => ControllerConfig::default(),
            _ => ControllerConfig::legacy(),
        };
        let (controller, wire) = air.attach(config);
        let (channel, weather) = relay::storm(wire, seed);
        let dongle = soon(Dongle::on(channel)).expect("the dongle opens");
        let (server, _) = Server::heart_rate(247);
        let sensor = ScriptedPeripheral::start(&air, ScriptedConfig::default(), move |pdu| {
            server.handle(pdu)
        });
        let lock = LockConfig::default().with_pairing(LockPairing::JustWorks);
        Self {
            weather,
            dongle,
            controller,
            sensor,
            lock: Lock::start(&air, lock),
            echo: Echo::start(&air, dongle_virtual::Address::numbered(7)),
            _air: air,
        }
    }

    async fn connect(&self, address: dongle_virtual::Address) -> Result<DeviceConnection, Error> {
        self.dongle
            .device(of(address))
            .connect()
            .timeout(SOON)
            .await
    }

    /// Does something again and again until the storm is over, or the dongle has failed.
    async fn go_on(&self, again: impl AsyncFn() -> Result<(), Error>) {
        let doing = async {
            loop {
                // What the storm makes of it is nobody's fault.
                let _ = again().await;
                futures_lite::future::yield_now().await;
            }
        };
        let end = or(self.weather.calm(), async {
            self.dongle.failed().await;
        });
        in_time(or(doing, end)).await;
    }

    /// Whether the dongle serves a device once the storm is over; if not, why it has failed, or why
    /// it can't. A connection whose end the controller was made to conceal is believed in until its
    /// supervision timeout is over.
    async fn serves(&self, conceals: bool) -> Result<(), Error> {
        let served = async {
            let begun = Instant::now();
            // What the storm has told of connections may not be so.
            for number in 1.. {
                let read = self.read().await;
                let is_last = match conceals {
                    true => begun.elapsed() > SUPERVISION || self.dongle.failure().is_some(),
                    false => number == 4,
                };
                if read.is_ok() || is_last {
                    return read;
                }
                embassy_time::Timer::after_millis(50).await;
            }
            Ok(())
        };
        in_time(served).await
    }

    async fn read(&self) -> Result<(), Error> {
        let sensor = self.dongle.device(of(self.sensor.address()));
        let connection = sensor.connect().timeout(PATIENT).await?;
        let location = connection.characteristic(0x180D, 0x2A38).timeout(PATIENT);
        let location = location.await?;
        location.read().timeout(PATIENT).await?;
        connection.disconnect().await;
        Ok(())
    }
}

fn of(address: dongle_virtual::Address) -> Address {
    let mut bytes = address.bytes;
    bytes.reverse();
    match address.kind {
        dongle_virtual::AddressKind::Public => Address::public(bytes),
        dongle_virtual::AddressKind::Random => Address::random(bytes),
    }
}

/// Storms of forged packets while `doing` goes on: afterwards the dongle serves, or says why it does not.
/// Where what the controller itself says came through unchanged, it has not failed.
fn assert_weathers(doing: impl AsyncFn(&World) -> Result<(), Error>) {
    let mut served = 0;
    for seed in 1..=ROUNDS {
        let world = World::new(seed);
        let tampers = seed % 3 == 0;
        world.weather.begin(PACKETS, tampers, &world.controller);
        soon(world.go_on(async || doing(&world).await));
        // What the host was told to be over is over in the controller, too.
        world.controller.drop_links();
        soon(until("no link", || world.controller.links().is_empty()));
        let ended = soon(world.serves(tampers));
        let failure = world.dongle.failure().map(|failure| failure.to_string());
        let told = format!("seed {seed}: {ended:?}, {failure:?}");
        match ended {
            Ok(()) => served += 1,
            Err(_) => assert!(tampers && failure.is_some(), "{told}"),
        }
        // Of a panic, the host thread says that it is a defect.
        assert!(!told.contains("defect"), "{told}");
        soon(world.dongle.close());
    }
    assert!(served * 2 >= ROUNDS, "{served} of {ROUNDS}");
}

#[test]
fn at_rest() {
    assert_weathers(async |_| std::future::pending().await);
}

#[test]
fn while_it_scans() {
    assert_weathers(async |world| {
        let mut scan = world.dongle.scan().every_report().start()?;
        for _ in 0..20 {
            scan.next().await?;
        }
        Ok(())
    });
}

#[test]
fn while_it_looks_for_a_device() {
    assert_weathers(async |world| {
        let nobody = dongle_virtual::Address::numbered(99);
        world.connect(nobody).await.map(drop)
    });
}

#[test]
fn while_it_is_connected() {
    assert_weathers(async |world| {
        let connection = world.connect(world.sensor.address()).await?;
        let location = connection
            .characteristic(0x180D, 0x2A38)
            .timeout(SOON)
            .await?;
        let measurement = connection
            .characteristic(0x180D, 0x2A37)
            .timeout(SOON)
            .await?;
        let _values = measurement.subscribe().timeout(SOON).await?;
        loop {
            location.read().timeout(SOON).await?;
            connection.rssi().await?;
        }
    });
}

#[test]
fn while_it_discovers() {
    assert_weathers(async |world| {
        let connection = world.connect(world.sensor.address()).await?;
        connection.exchange_mtu(247).timeout(SOON).await?;
        let mut services = connection.services().timeout(SOON);
        while let Some(service) = services.next().await? {
            let mut characteristics = service.characteristics().timeout(SOON);
            while let Some(characteristic) = characteristics.next().await? {
                let mut descriptors = characteristic.descriptors().timeout(SOON);
                while descriptors.next().await?.is_some() {}
            }
        }
        connection.disconnect().await;
        Ok(())
    });
}

#[test]
fn while_it_pairs() {
    assert_weathers(async |world| {
        let connection = world.connect(world.lock.address()).await?;
        connection.pair().timeout(SOON).await?;
        world.dongle.forget(of(world.lock.address()))?;
        connection.disconnect().await;
        Ok(())
    });
}

#[test]
fn while_it_has_a_channel() {
    assert_weathers(async |world| {
        let connection = world.connect(world.echo.address()).await?;
        let opened = connection.l2cap_connect(Echo::SPSM).timeout(SOON);
        let mut channel = opened.await?;
        let echoed = async {
            loop {
                channel.send(&[7; 300]).await?;
                channel.receive().await?;
            }
        };
        // It has no limit of its own: the peer may not give credits, or not answer.
        or(echoed, async {
            embassy_time::Timer::after_millis(500).await;
            Ok(())
        })
        .await
    });
}

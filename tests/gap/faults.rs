//! Disconnections in every phase.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use dongle::{Dongle, Error, Uuid};
use dongle_tests::bench::{PATIENCE, STALL, soon};
use dongle_tests::between::between;
use dongle_virtual::{Air, AirConfig, AirController, ControllerConfig, PeerEvent};
use futures_lite::future::{or, poll_once};
use hci_transport::{HciChannel, HciPort};

use crate::{World, nobody};

/// Whatever a program does when the device goes away, it ends, and says so.
#[test]
fn a_disconnection_ends_whatever_is_going_on() {
    for after in [0_u64, 300, 1000, 3000, 10_000, 30_000] {
        let world = World::new();
        let (peer, address) = world.peer(1);
        let device = world.dongle.device(address);
        for by_peer in [true, false] {
            let work = async {
                let connection = device.connect().timeout(STALL).await?;
                loop {
                    connection.exchange_mtu(247).await?;
                    let service = connection.service(Uuid::from_u16(0x180D)).await?;
                    service
                        .characteristic(Uuid::from_u16(0x2A37))
                        .await?
                        .subscribe()
                        .await?;
                    connection.rssi().await?;
                    let interval = Duration::from_millis(30)..=Duration::from_millis(30);
                    connection
                        .update_parameters(interval, 0, Duration::from_secs(3))
                        .await?;
                }
            };
            // One that is lost before it has answered is made again, and may be there again before
            // anybody looks: the next has a little longer.
            let end = async {
                let mut attempt = 0;
                while let Some(event) = peer.event().await {
                    if !matches!(event, PeerEvent::Connected { .. }) {
                        continue;
                    }
                    let after = after + attempt * 20_000;
                    embassy_time::Timer::after_micros(after).await;
                    if by_peer {
                        let _ = peer.disconnect(0x13);
                    } else {
                        world.controller.drop_links();
                    }
                    attempt += 1;
                }
                std::future::pending::<Result<(), Error>>().await
            };
            let error = soon(or(work, end)).unwrap_err();
            assert!(error.is_disconnected(), "after {after} us: {error}");
            soon(world.links(0));
            soon(world.knows(&peer, false));
        }
        assert!(soon(device.connect()).unwrap().is_connected());
    }
}

#[test]
fn an_unplugged_controller_ends_everything() {
    let world = World::on(AirConfig::paced(), Default::default());
    let (_peer, address) = world.peer(1);
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    let mut scan = world.dongle.scan().start().unwrap();
    world.controller.unplug();
    soon(connection.disconnected());
    let end = loop {
        match soon(scan.next()) {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert!(matches!(end, Err(Error::Transport(_))), "{end:?}");
    let error = soon(world.dongle.device(address).connect()).unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error}");
    assert!(matches!(
        soon(connection.rssi()).unwrap_err(),
        Error::Transport(_)
    ));
}

/// The command that meets the failure first tells the same as what only waits.
#[test]
fn whatever_was_under_way_says_that_the_controller_was_unplugged() {
    for _ in 0..20 {
        let world = World::new();
        let (_peer, address) = world.peer(1);
        let connection = soon(world.dongle.device(address).connect()).unwrap();
        std::thread::scope(|scope| {
            let rssi = scope.spawn(|| {
                loop {
                    if let Err(error) = soon(connection.rssi()) {
                        break error;
                    }
                }
            });
            let find = scope.spawn(|| {
                loop {
                    if let Err(error) = soon(connection.service(Uuid::from_u16(0x1800))) {
                        break error;
                    }
                }
            });
            world.controller.unplug();
            for error in [rssi.join().unwrap(), find.join().unwrap()] {
                assert!(matches!(error, Error::Transport(_)), "{error:?}");
            }
        });
    }
}

/// What the controller tells of a connection and of its end comes in one go: the host has read both
/// before anything else has its turn.
#[test]
fn a_connection_that_is_over_before_it_was_looked_at_is_made_again() {
    let air = Air::with(AirConfig::free_running());
    let (controller, wire) = air.attach(ControllerConfig::legacy());
    let (channel, wire, port) = between(wire, |_| {});
    std::thread::spawn({
        let controller = controller.clone();
        move || hold_back(&wire, &port, &controller)
    });
    let world = World {
        dongle: soon(Dongle::on(channel)).expect("the dongle opens"),
        air,
        controller,
    };
    let (_peer, address) = world.peer(1);
    let connect = world.dongle.device(address).connect();
    assert!(soon(connect.timeout(STALL)).unwrap().is_connected());
    assert_eq!(world.controller.stats().unwrap().connections, 2);
}

#[test]
fn features_that_a_device_does_not_tell_are_not_known() {
    let air = Air::with(AirConfig::free_running());
    let (controller, wire) = air.attach(ControllerConfig::default());
    let (channel, wire, port) = between(wire, |_| {});
    std::thread::spawn(move || {
        let mut packet = Vec::new();
        while let Ok(true) = wire.read_packet_timeout(&mut packet, PATIENCE) {
            // LE Read Remote Features Complete (7.7.65.4).
            if let [0x04, 0x3E, _, 0x04, status, ..] = packet.as_mut_slice() {
                const UNSUPPORTED_REMOTE_FEATURE: u8 = 0x1A;
                *status = UNSUPPORTED_REMOTE_FEATURE;
            }
            let _ = port.deliver_blocking(&packet);
        }
    });
    let world = World {
        dongle: soon(Dongle::on(channel)).expect("the dongle opens"),
        air,
        controller,
    };
    let (_peer, address) = world.peer(1);
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    assert_eq!(connection.remote_features(), None);
    soon(connection.disconnect());
}

/// Carries packets to the host. The first connection is lost as soon as it is made, and the host hears
/// of it when it hears of its end.
fn hold_back(wire: &HciChannel, port: &HciPort, controller: &AirController) {
    let mut packet = Vec::new();
    let mut connected = None;
    let mut lost = false;
    while let Ok(true) = wire.read_packet_timeout(&mut packet, PATIENCE) {
        match packet.as_slice() {
            // LE Connection Complete, or its enhanced kind (Core Vol 4 Part E, 7.7.65).
            [0x04, 0x3E, _, 0x01 | 0x0A, ..] if !lost => {
                lost = true;
                connected = Some(std::mem::take(&mut packet));
                controller.drop_links();
                continue;
            }
            // Disconnection Complete (7.7.5).
            [0x04, 0x05, ..] => {
                let both: Vec<_> = connected
                    .take()
                    .into_iter()
                    .chain([packet.clone()])
                    .collect();
                let both = || both.iter().map(Vec::as_slice);
                let _ = soon(poll_fn(|cx| port.poll_deliver_each(cx, both()).1));
            }
            _ => _ = port.deliver_blocking(&packet),
        }
    }
}

/// The end of the connection takes a connection event, and these are far apart.
#[test]
fn what_is_asked_while_the_dongle_closes_ends_too() {
    let world = World::on(AirConfig::paced(), ControllerConfig::default());
    let (_peer, address) = world.peer(1);
    let second = Duration::from_secs(1);
    let connect = world.dongle.device(address).connect();
    let connection = soon(connect.interval(second..=second)).unwrap();
    let mut close = pin!(world.dongle.close());
    assert!(soon(poll_once(close.as_mut())).is_none());
    let scan = world.dongle.scan().start();
    let connecting = world.dongle.device(nobody(1)).connect().no_timeout();
    let rssi = connection.rssi();
    if let Ok(mut scan) = scan {
        let end = soon(scan.next());
        assert!(matches!(end, Err(Error::Closed)), "{end:?}");
        assert!(matches!(soon(scan.next()), Ok(None)));
    }
    let refused = soon(connecting).map(|_| ());
    assert!(matches!(refused, Err(Error::Closed)), "{refused:?}");
    assert!(soon(rssi).unwrap_err().is_disconnected());
    soon(close);
}

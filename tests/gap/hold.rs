//! Holding connections.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use dongle::{Error, Farewell, Phy, Reason, Uuid};
use dongle_tests::bench::{PATIENCE, STALL, soon, until};
use dongle_virtual::{AirConfig, ControllerConfig, PeerEvent};
use futures_lite::future::poll_once;

use crate::raw::Raw;
use crate::{World, assert_failed};

const MILLI: Duration = Duration::from_millis(1);

#[test]
fn an_update_of_the_parameters_is_in_force_when_it_returns() {
    for air in [AirConfig::paced(), AirConfig::free_running()] {
        let world = World::on(air, ControllerConfig::default());
        let (_peer, address) = world.peer(1);
        let connection = soon(world.dongle.device(address).connect()).unwrap();
        for interval in [20 * MILLI, 100 * MILLI, 15 * MILLI] {
            let timeout = Duration::from_secs(3);
            let update = connection.update_parameters(interval..=interval, 1, timeout);
            let parameters = soon(update).unwrap();
            assert_eq!(Duration::from(parameters.interval), interval);
            assert_eq!(connection.parameters(), Some(parameters));
            assert_eq!(connection.interval(), Some(interval));
        }
    }
}

#[test]
fn an_update_that_is_refused_leaves_things_as_they_are() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    let before = connection.parameters();
    let timeout = Duration::from_secs(3);
    let update = connection.update_parameters(MILLI..=MILLI, 0, timeout);
    assert!(matches!(
        soon(update).unwrap_err(),
        Error::InvalidParameter(_)
    ));
    world.controller.refuse(0x2013, Some(0x3A));
    let update = connection.update_parameters(20 * MILLI..=20 * MILLI, 0, timeout);
    assert!(matches!(soon(update).unwrap_err(), Error::Hci(0x3A)));
    assert_eq!(connection.parameters(), before);
}

#[test]
fn the_device_may_ask_for_parameters_and_is_always_answered() {
    let world = World::new();
    let raw = Raw::new(&world, 1);
    raw.advertise(0, None, &[2, 1, 6]);
    let connection = soon(world.dongle.device(raw.address).connect()).unwrap();
    let handle = raw.connected();
    for round in 1..=20_u8 {
        // 22.5 to 45 ms, and what the specification does not allow.
        raw.send(
            handle,
            5,
            &[0x12, round, 8, 0, 18, 0, 36, 0, round, 0, 200, 0],
        );
        assert_eq!(raw.received(5), [0x13, round, 2, 0, 0, 0], "accepted");
        soon(until("the new parameters", || {
            connection
                .parameters()
                .is_some_and(|p| p.latency == u16::from(round))
        }));
        raw.send(handle, 5, &[0x12, round, 8, 0, 1, 0, 1, 0, 0, 0, 200, 0]);
        assert_eq!(raw.received(5), [0x13, round, 2, 0, 1, 0], "rejected");
    }
    assert_eq!(world.air.violations(), 0);
}

#[test]
fn the_link_layer_may_ask_for_parameters_too() {
    let world = World::new();
    let raw = Raw::new(&world, 1);
    raw.advertise(0, None, &[2, 1, 6]);
    let connection = soon(world.dongle.device(raw.address).connect()).unwrap();
    let [low, high] = raw.connected().to_le_bytes();
    raw.command(0x2013, &[low, high, 32, 0, 32, 0, 2, 0, 200, 0, 0, 0, 0, 0]);
    let status = raw.wait(|packet| match *packet {
        [0x04, 0x3E, _, 0x03, status, ..] => Some(status),
        _ => None,
    });
    assert_eq!(status, 0);
    soon(until("the new parameters", || {
        connection.interval() == Some(40 * MILLI)
    }));
}

#[test]
fn longer_packets_and_2m_are_asked_for_where_both_sides_can() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    soon(until("2M", || {
        connection.phy() == Some((Phy::TwoM, Phy::TwoM))
    }));
    soon(until("251", || {
        connection
            .data_length()
            .is_some_and(|(ours, _)| ours == 251)
    }));
    soon(connection.disconnect());
    let connection = soon(world.dongle.device(address).connect().tune(false)).unwrap();
    // Time to ask, if it did.
    sleep(100 * MILLI);
    assert_eq!(connection.phy(), Some((Phy::OneM, Phy::OneM)));
    assert_eq!(connection.data_length(), Some((27, 27)));
    let (_peer, address) = world.peer_on(2, ControllerConfig::zephyr_uart());
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    sleep(100 * MILLI);
    assert_eq!(
        connection.phy(),
        Some((Phy::OneM, Phy::OneM)),
        "the device can't"
    );
}

#[test]
fn a_phy_and_a_data_length_are_set_by_hand() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    let connect = || soon(world.dongle.device(address).connect().tune(false)).unwrap();
    let connection = connect();
    for phy in [Phy::TwoM, Phy::Coded, Phy::OneM] {
        soon(connection.set_phy(phy)).unwrap();
        soon(until("the PHY", || connection.phy() == Some((phy, phy))));
    }
    for octets in [100, 251, 27] {
        soon(connection.set_data_length(octets)).unwrap();
        soon(until("the data length", || {
            connection
                .data_length()
                .is_some_and(|(ours, _)| ours == octets)
        }));
    }
    for octets in [26, 252] {
        let error = soon(connection.set_data_length(octets)).unwrap_err();
        assert!(matches!(error, Error::InvalidParameter(_)), "{error:?}");
    }
    for opcode in [0x2022, 0x2032] {
        world.controller.refuse(opcode, Some(0x11));
    }
    let errors = [
        soon(connection.set_phy(Phy::TwoM)).unwrap_err(),
        soon(connection.set_data_length(251)).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Hci(0x11)), "{error:?}");
    }
    soon(connection.disconnect());
    let error = soon(connection.set_phy(Phy::TwoM)).unwrap_err();
    assert!(matches!(error, Error::Disconnected(_)), "{error:?}");
    assert_eq!(world.air.violations(), 0);
}

#[test]
fn what_is_asked_of_the_controller_can_be_given_up() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    world.controller.freeze();
    // Long before the controller counts as failed.
    let error = soon(connection.rssi().timeout(100 * MILLI)).unwrap_err();
    assert!(matches!(error, Error::Timeout), "{error:?}");
}

#[test]
fn the_controller_tells_about_the_link() {
    let world = World::new();
    let (_peer, address) = world.peer_on(1, ControllerConfig::legacy().with_rssi(-63));
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    assert!((-66..=-60).contains(&soon(connection.rssi()).unwrap()));
    soon(connection.tx_power()).unwrap();
    let version = soon(connection.remote_version()).unwrap();
    assert!(version.version > 0, "{version:?}");
    assert_eq!(soon(connection.remote_version()).unwrap(), version);
    assert!(connection.remote_features().unwrap() & 1 != 0, "encryption");
    soon(connection.disconnect());
    assert!(matches!(
        soon(connection.rssi()).unwrap_err(),
        Error::Disconnected(_)
    ));
    assert_eq!(
        soon(connection.remote_version()).unwrap(),
        version,
        "known for good"
    );
    assert!(matches!(
        soon(connection.tx_power()).unwrap_err(),
        Error::Disconnected(_)
    ));
}

#[test]
fn many_ask_at_once_and_each_has_its_own_answer() {
    let world = World::new();
    let peers: Vec<_> = (0..6)
        .map(|n| world.peer_on(n, ControllerConfig::legacy().with_rssi(-40 - 10 * n as i8)))
        .collect();
    thread::scope(|scope| {
        for (number, (_, address)) in peers.iter().enumerate() {
            let world = &world;
            scope.spawn(move || {
                let connection = soon(world.dongle.device(*address).connect()).unwrap();
                for _ in 0..50 {
                    let off = soon(connection.rssi()).unwrap() + 40 + 10 * number as i8;
                    assert!((-4..=4).contains(&off), "another's: off by {off}");
                }
            });
        }
    });
}

#[test]
fn both_sides_learn_why_it_ended() {
    let world = World::new();
    let (peer, address) = world.peer(1);
    let device = world.dongle.device(address);
    let event = || loop {
        match peer.next_event(PATIENCE) {
            Some(PeerEvent::Disconnected { reason }) => return reason,
            Some(_) => {}
            None => panic!("no event"),
        }
    };
    let connection = soon(device.connect()).unwrap();
    assert_eq!(
        soon(connection.disconnect_for(Farewell::PowerOff)),
        Reason::Hci(0x16)
    );
    assert_eq!(event(), 0x15);
    let connection = soon(device.connect()).unwrap();
    soon(world.knows(&peer, true));
    peer.disconnect(0x13).unwrap();
    assert_eq!(soon(connection.disconnected()), Reason::Hci(0x13));
    event();
    let connection = soon(device.connect()).unwrap();
    world.controller.drop_links();
    assert_eq!(soon(connection.disconnected()), Reason::Hci(0x08));
    assert_eq!(
        soon(connection.disconnected()),
        Reason::Hci(0x08),
        "as often as it is asked"
    );
    for _ in 0..20 {
        soon(soon(device.connect()).unwrap().disconnect());
    }
    assert_eq!(
        soon(connection.disconnected()),
        Reason::Hci(0x08),
        "long after"
    );
}

#[test]
fn work_ends_at_its_budget_and_the_connection_stays() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    let begun = Instant::now();
    let never = std::future::pending::<Result<(), Error>>();
    let error = soon(connection.timeout(Some(100 * MILLI), never)).unwrap_err();
    assert!(matches!(error, Error::Timeout));
    let took = begun.elapsed();
    assert!((100 * MILLI..STALL).contains(&took), "{took:?}");
    let work = async { connection.service(Uuid::from_u16(0x180D)).await };
    assert!(soon(connection.timeout(Some(Duration::from_secs(5)), work)).is_ok());
    let work = async { Ok(7) };
    assert_eq!(
        soon(connection.timeout(Some(Duration::ZERO), work)).unwrap(),
        7
    );
    assert!(connection.is_connected());
}

#[test]
fn work_ends_with_the_connection_whatever_it_waits_for() {
    let world = World::new();
    let (peer, address) = world.peer(1);
    for budget in [None, Some(Duration::from_secs(60))] {
        let connection = soon(world.dongle.device(address).connect()).unwrap();
        soon(world.knows(&peer, true));
        let never = std::future::pending::<Result<(), Error>>();
        thread::scope(|scope| {
            let work = scope.spawn(|| soon(connection.timeout(budget, never)));
            // Time to begin; what begins later ends in the same way.
            sleep(50 * MILLI);
            peer.disconnect(0x13).unwrap();
            let error = work.join().unwrap().unwrap_err();
            assert!(
                matches!(error, Error::Disconnected(Reason::Hci(0x13))),
                "{error}"
            );
        });
        let error = soon(connection.timeout(None, std::future::pending::<Result<(), _>>()));
        assert!(matches!(
            error.unwrap_err(),
            Error::Disconnected(Reason::Hci(0x13))
        ));
        soon(world.knows(&peer, false));
    }
}

#[test]
fn a_frozen_controller_ends_every_wait_in_time() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    let mut scan = world.dongle.scan().start().unwrap();
    world.controller.freeze();
    let begun = Instant::now();
    let timeout = Duration::from_secs(3);
    // In front of the version, whose question alone would be answered in the controller's place.
    let mut rssi = connection.rssi().into_future();
    assert!(soon(poll_once(&mut rssi)).is_none());
    thread::scope(|scope| {
        let wait =
            scope.spawn(|| soon(connection.timeout(None, std::future::pending::<Result<(), _>>())));
        let rssi = scope.spawn(|| soon(rssi));
        let version = scope.spawn(|| soon(connection.remote_version()));
        let update =
            scope.spawn(|| soon(connection.update_parameters(20 * MILLI..=20 * MILLI, 0, timeout)));
        let ended = scope.spawn(|| soon(connection.disconnected()));
        let service = scope.spawn(|| soon(connection.service(Uuid::from_u16(0x180D))).map(|_| ()));
        let scan = scope.spawn(move || {
            loop {
                if let Err(error) = soon(scan.next()) {
                    return error;
                }
            }
        });
        assert_failed(begun, &wait.join().unwrap().unwrap_err());
        assert_failed(begun, &rssi.join().unwrap().unwrap_err());
        assert_failed(begun, &version.join().unwrap().unwrap_err());
        assert_failed(begun, &update.join().unwrap().unwrap_err());
        assert_failed(begun, &service.join().unwrap().unwrap_err());
        assert_failed(begun, &scan.join().unwrap());
        assert_eq!(ended.join().unwrap(), Reason::ControllerFailed);
    });
}

#[test]
fn an_idle_connection_notices_a_frozen_controller() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    // Nothing is under way any more that would notice.
    sleep(300 * MILLI);
    world.controller.freeze();
    let begun = Instant::now();
    assert_eq!(soon(connection.disconnected()), Reason::ControllerFailed);
    assert!(begun.elapsed() < STALL);
}

#[test]
fn an_update_that_a_device_does_not_answer_holds_up_no_other_device() {
    let world = World::on(AirConfig::paced(), ControllerConfig::default());
    let (deaf, deaf_address) = world.peer(1);
    let (_other, other_address) = world.peer(2);
    let long = Duration::from_secs(32);
    let connect = world.dongle.device(deaf_address).connect();
    let lost = soon(connect.supervision_timeout(long)).unwrap();
    let connection = soon(world.dongle.device(other_address).connect()).unwrap();
    deaf.controller().set_loss(1.0);
    let begun = Instant::now();
    let update = lost.update_parameters(20 * MILLI..=20 * MILLI, 0, long);
    let mut waiting = update.into_future();
    assert!(soon(poll_once(&mut waiting)).is_none());
    let timeout = Duration::from_secs(3);
    let update = connection.update_parameters(20 * MILLI..=20 * MILLI, 0, timeout);
    assert_eq!(Duration::from(soon(update).unwrap().interval), 20 * MILLI);
    assert!(begun.elapsed() < STALL, "{:?}", begun.elapsed());
    assert!(soon(poll_once(&mut waiting)).is_none());
}

#[test]
fn a_dongle_knows_its_connections_while_they_are_up_and_held() {
    let world = World::new();
    let addresses = || {
        let connections = world.dongle.connections();
        let devices = connections.iter().map(|c| c.device().address());
        devices.collect::<Vec<_>>()
    };
    assert!(addresses().is_empty());
    let (_first, one) = world.peer(1);
    let (second, two) = world.peer(2);
    let first = soon(world.dongle.device(one).connect()).unwrap();
    let _second = soon(world.dongle.device(two).connect()).unwrap();
    assert_eq!(addresses(), [one, two]);
    // What it gives is the same connection.
    let same = world.dongle.connections().swap_remove(0);
    drop(first);
    assert!(same.is_connected());
    soon(same.disconnect());
    assert_eq!(addresses(), [two]);
    drop(second);
    soon(until("the other is over", || addresses().is_empty()));
}

//! Connecting.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use dongle::{Dongle, Error, Farewell, Phys, Reason};
use dongle_tests::bench::{STALL, soon};
use dongle_virtual::{Air, AirConfig, ControllerConfig};
use futures_lite::future::{self, or, poll_once, zip};

use crate::raw::Raw;
use crate::{World, assert_failed, named, nobody};

const SHORT: Duration = Duration::from_millis(200);

#[test]
fn a_stored_address_is_enough() {
    for config in [
        ControllerConfig::default(),
        ControllerConfig::legacy(),
        ControllerConfig::zephyr_uart(),
    ] {
        let world = World::with(config);
        let (_peer, address) = world.peer(1);
        let connection = soon(world.dongle.device(address).connect()).unwrap();
        assert!(connection.is_connected());
        assert_eq!(connection.device().address(), address);
        assert_eq!(soon(connection.disconnect()), Reason::Hci(0x16));
    }
}

#[test]
fn a_scan_result_can_be_connected_to() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    let mut scan = world.dongle.scan().start().unwrap();
    let found = soon(scan.next()).unwrap().unwrap();
    assert_eq!(found.address(), address);
    assert!(soon(found.device().connect()).unwrap().is_connected());
}

#[test]
fn a_device_that_is_not_there_is_given_up_in_time_and_the_next_connects() {
    for config in [ControllerConfig::default(), ControllerConfig::legacy()] {
        let world = World::with(config);
        let (_peer, address) = world.peer(1);
        for _ in 0..5 {
            let begun = Instant::now();
            let error = soon(world.dongle.device(nobody(1)).connect().timeout(SHORT)).unwrap_err();
            assert!(matches!(error, Error::Timeout), "{error}");
            let took = begun.elapsed();
            assert!((SHORT..SHORT + STALL).contains(&took), "{took:?}");
            let connection = soon(world.dongle.device(address).connect()).unwrap();
            soon(connection.disconnect());
        }
        assert_eq!(world.air.violations(), 0);
    }
}

#[test]
fn when_the_timeout_is_told_the_controller_has_stopped_looking() {
    let world = World::new();
    let connect = world
        .dongle
        .device(dongle_address(5))
        .connect()
        .timeout(SHORT);
    assert!(soon(connect).is_err());
    assert!(!world.controller.is_initiating());
    let (_peer, address) = world.peer(5);
    assert!(soon(world.dongle.device(address).connect()).is_ok());
    assert_eq!(world.controller.stats().unwrap().connections, 1);
}

fn dongle_address(number: u32) -> dongle::Address {
    crate::of(dongle_virtual::Address::numbered(number))
}

#[test]
fn a_device_that_appears_late_is_caught() {
    let world = World::new();
    let connect = world.dongle.device(dongle_address(7)).connect();
    thread::scope(|scope| {
        let connecting = scope.spawn(|| soon(connect));
        soon(world.initiating());
        let (_peer, _) = world.peer(7);
        assert!(connecting.join().unwrap().unwrap().is_connected());
    });
}

#[test]
fn connecting_to_a_connected_device_gives_the_same_connection() {
    let world = World::new();
    let (peer, address) = world.peer(1);
    let device = world.dongle.device(address);
    let one = soon(device.connect()).unwrap();
    let two = soon(device.connect()).unwrap();
    assert_eq!(world.controller.stats().unwrap().connections, 1);
    drop(one);
    assert!(soon(two.rssi()).is_ok(), "one handle is left");
    assert!(two.is_connected());
    soon(world.knows(&peer, true));
    drop(two);
    soon(world.links(0));
}

#[test]
fn two_callers_share_an_attempt_and_each_has_its_own_timeout() {
    let world = World::new();
    let device = world.dongle.device(dongle_address(9));
    let begun = Instant::now();
    let impatient = device.connect().timeout(SHORT);
    let patient = device.connect().timeout(2 * STALL);
    let (told, telling) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let error = soon(impatient).unwrap_err();
            told.send((error, begun.elapsed())).unwrap();
        });
        let patient = scope.spawn(|| soon(patient));
        let (error, took) = telling.recv().unwrap();
        assert!(matches!(error, Error::Timeout));
        assert!(took < SHORT + STALL, "{took:?}");
        let (_peer, _) = world.peer(9);
        assert!(patient.join().unwrap().unwrap().is_connected());
    });
    assert_eq!(world.controller.stats().unwrap().connections, 1);
}

#[test]
fn a_connection_that_fails_to_be_established_is_tried_again() {
    for config in [ControllerConfig::default(), ControllerConfig::legacy()] {
        let world = World::with(config);
        let (_peer, address) = world.peer(1);
        world.controller.fail_establishment(3);
        let connection = soon(world.dongle.device(address).connect()).unwrap();
        assert!(connection.is_connected());
        assert_eq!(world.controller.stats().unwrap().connections, 4);
    }
}

#[test]
fn trying_again_ends_with_the_timeout() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    world.controller.fail_establishment(u32::MAX);
    let begun = Instant::now();
    let connect = world
        .dongle
        .device(address)
        .connect()
        .timeout(Duration::from_secs(1));
    assert!(matches!(soon(connect).unwrap_err(), Error::Timeout));
    assert!(begun.elapsed() < STALL);
    world.controller.fail_establishment(0);
    assert!(
        soon(world.dongle.device(address).connect())
            .unwrap()
            .is_connected()
    );
}

#[test]
fn those_who_are_not_there_do_not_hold_up_those_who_are() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    let absent: Vec<_> = (0..5)
        .map(|n| world.dongle.device(nobody(n)).connect().no_timeout())
        .collect();
    let mut absent: Vec<_> = absent.into_iter().map(IntoFuture::into_future).collect();
    soon(async {
        for connect in &mut absent {
            assert!(poll_once(connect).await.is_none());
        }
    });
    soon(world.initiating());
    assert!(
        soon(world.dongle.device(address).connect())
            .unwrap()
            .is_connected()
    );
    // In another way than the others, it takes its turn.
    let (_peer, address) = world.peer(2);
    let connect = world
        .dongle
        .device(address)
        .connect()
        .latency(4)
        .supervision_timeout(Duration::from_secs(6));
    assert!(soon(connect).unwrap().is_connected());
}

#[test]
fn a_controller_without_room_for_a_list_looks_for_one_after_another() {
    let world = World::new();
    world.controller.refuse(0x2011, Some(0x07));
    let (_peer, address) = world.peer(1);
    let mut absent = world.dongle.device(nobody(1)).connect().into_future();
    assert!(soon(poll_once(&mut absent)).is_none());
    soon(world.initiating());
    assert!(
        soon(world.dongle.device(address).connect())
            .unwrap()
            .is_connected()
    );
}

#[test]
fn eight_devices_connect_at_once_and_past_the_limit_the_error_is_clear() {
    let mut config = ControllerConfig::default();
    config.connections = 8;
    let world = World::with(config);
    let peers: Vec<_> = (0..9).map(|number| world.peer(number)).collect();
    let connections = thread::scope(|scope| {
        let threads: Vec<_> = peers[..8]
            .iter()
            .map(|(_, address)| scope.spawn(|| soon(world.dongle.device(*address).connect())))
            .collect();
        threads
            .into_iter()
            .map(|t| t.join().unwrap().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(world.controller.links().len(), 8);
    let ninth = world.dongle.device(peers[8].1);
    let error = soon(ninth.connect()).unwrap_err();
    assert!(matches!(error, Error::ConnectionLimit), "{error}");
    soon(connections[3].disconnect());
    assert!(
        soon(ninth.connect()).unwrap().is_connected(),
        "there is room again"
    );
}

#[test]
fn what_fits_here_is_a_limit_too() {
    let mut config = ControllerConfig::default();
    config.connections = 40;
    let world = World::with(config);
    let peers: Vec<_> = (0..17).map(|number| world.peer(number)).collect();
    let mut connections = Vec::new();
    for (_, address) in &peers[..16] {
        connections.push(soon(world.dongle.device(*address).connect()).unwrap());
    }
    let last = world.dongle.device(peers[16].1);
    assert!(matches!(
        soon(last.connect()).unwrap_err(),
        Error::ConnectionLimit
    ));
    connections.pop();
    assert!(
        soon(last.connect()).unwrap().is_connected(),
        "it waits for the one that is ending"
    );
}

#[test]
fn a_connect_that_is_dropped_is_cancelled_and_the_next_one_works() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    for round in 0..40_u64 {
        // At any point: before the controller knows, while it looks, when it has found, after.
        let connect = world.dongle.device(address).connect();
        let _ = soon(or(async { Some(connect.await) }, async {
            embassy_time::Timer::after_micros(round * round * 20).await;
            None
        }));
    }
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    soon(connection.disconnect());
    soon(world.links(0));
    assert_eq!(world.air.violations(), 0);
}

#[test]
fn a_scan_pauses_for_a_connect_and_goes_on_after() {
    for config in [ControllerConfig::default(), ControllerConfig::legacy()] {
        let world = World::with(config);
        world.air.add_beacon(named(99, "beacon"));
        let (_peer, address) = world.peer(1);
        let mut scan = world
            .dongle
            .scan()
            .name("beacon")
            .every_report()
            .start()
            .unwrap();
        assert!(soon(scan.next()).unwrap().is_some());
        let connection = soon(world.dongle.device(address).connect()).unwrap();
        let before = world.controller.stats().unwrap().reports;
        soon(dongle_tests::bench::until("reports again", || {
            world.controller.stats().unwrap().reports > before + 20
        }));
        assert!(connection.is_connected());
        soon(connection.disconnect());
        assert_eq!(world.air.violations(), 0);
    }
}

#[test]
fn a_scan_has_its_share_while_a_device_is_waited_for() {
    let world = World::new();
    world.air.add_beacon(named(99, "beacon"));
    let mut absent = world
        .dongle
        .device(nobody(1))
        .connect()
        .no_timeout()
        .into_future();
    assert!(soon(poll_once(&mut absent)).is_none());
    soon(world.initiating());
    let mut scan = world.dongle.scan().start().unwrap();
    assert!(
        soon(scan.next()).unwrap().is_some(),
        "within the patience of a test"
    );
}

#[test]
fn a_scan_that_can_not_go_on_after_a_connect_says_so() {
    let world = World::new();
    world.air.add_beacon(named(99, "beacon"));
    let (_peer, address) = world.peer(1);
    let mut scan = world.dongle.scan().start().unwrap();
    assert!(soon(scan.next()).unwrap().is_some());
    world.controller.refuse(0x2041, Some(0x0C));
    let _connection = soon(world.dongle.device(address).connect()).unwrap();
    let error = loop {
        match soon(scan.next()) {
            Ok(found) => assert!(found.is_some()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Hci(0x0C)), "{error}");
}

#[test]
fn what_is_out_of_range_is_an_error_that_names_it() {
    fn refused<T: std::fmt::Debug>(result: Result<T, Error>, what: &str) {
        match result {
            Err(Error::InvalidParameter(why)) => assert!(why.contains(what), "{why}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    let world = World::new();
    let (_peer, address) = world.peer(1);
    let connect = || world.dongle.device(address).connect();
    for mtu in [0, 22, 518] {
        refused(soon(connect().mtu(mtu)), "ATT MTU: 23 to 517");
    }
    refused(soon(connect().latency(500)), "latency: 0 to 499");
    let short = connect().supervision_timeout(Duration::from_millis(90));
    refused(soon(short), "supervision timeout: 100 ms");
    let slow = Duration::from_secs(3)..=Duration::from_secs(3);
    refused(
        soon(connect().interval(slow)),
        "supervision timeout: more than",
    );
    assert_eq!(world.controller.stats().unwrap().connections, 0);

    let connection = soon(connect()).unwrap();
    for mtu in [22, 518] {
        refused(soon(connection.exchange_mtu(mtu)), "ATT MTU: 23 to 517");
    }
    assert_eq!(connection.requests(), 0);
    for mtu in [22, 1019] {
        let open = connection.l2cap_connect(0x80).mtu(mtu);
        refused(soon(open), "L2CAP MTU: 23 to 1018");
    }
    for octets in [6, 17] {
        refused(
            soon(connection.pair().min_key_size(octets)),
            "key size: 7 to 16",
        );
    }
    for seconds in [0, 3601] {
        let open = Dongle::on(Air::new().controller(ControllerConfig::default()));
        let open = open.private_address_interval(Duration::from_secs(seconds));
        refused(soon(open), "private addresses: 1 s to 1 h");
    }
}

#[test]
fn options_are_what_the_connection_begins_with() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    let connect = world.dongle.device(address).connect();
    let connect = connect
        .interval(Duration::from_millis(100)..=Duration::from_millis(100))
        .latency(3)
        .supervision_timeout(Duration::from_secs(4))
        .mtu(100);
    let connection = soon(connect).unwrap();
    let parameters = connection.parameters().unwrap();
    assert_eq!(
        Duration::from(parameters.interval),
        Duration::from_millis(100)
    );
    assert_eq!(parameters.latency, 3);
    assert_eq!(
        Duration::from(parameters.supervision_timeout),
        Duration::from_secs(4)
    );
    assert_eq!(connection.mtu(), 100);
}

#[test]
fn what_the_specification_does_not_allow_is_refused_here() {
    let world = World::new();
    let device = world.dongle.device(nobody(1));
    let millis = Duration::from_millis;
    for connect in [
        device.connect().interval(millis(5)..=millis(10)),
        device.connect().interval(millis(50)..=millis(20)),
        device.connect().latency(500),
        device.connect().supervision_timeout(millis(50)),
        device
            .connect()
            .latency(100)
            .supervision_timeout(millis(1000)),
    ] {
        assert!(matches!(
            soon(connect).unwrap_err(),
            Error::InvalidParameter(_)
        ));
    }
    let world = World::with(ControllerConfig::legacy());
    let connect = world.dongle.device(nobody(1)).connect().phys(Phys::Coded);
    assert!(matches!(soon(connect).unwrap_err(), Error::Hci(0x11)));
}

#[test]
fn a_device_on_coded_phy_is_found_and_connected_to() {
    let world = World::new();
    let raw = Raw::with(&world, 1, ControllerConfig::default());
    raw.advertise_coded(3, &[2, 1, 6]);
    let mut scan = world.dongle.scan().phys(Phys::Both).start().unwrap();
    let found = soon(scan.next()).unwrap().unwrap();
    assert!(found.is_coded() && found.is_extended() && found.is_connectable());
    assert_eq!(found.advertising_set(), Some(3));
    let on_1m = world.dongle.device(raw.address).connect().timeout(SHORT);
    assert!(
        matches!(soon(on_1m).unwrap_err(), Error::Timeout),
        "it is not there"
    );
    let connection = soon(found.device().connect().phys(Phys::Coded)).unwrap();
    assert!(connection.is_connected());
}

#[test]
fn a_connection_that_is_ending_is_not_given_to_anyone() {
    let world = World::on(AirConfig::paced(), ControllerConfig::default());
    let (_peer, address) = world.peer(1);
    let device = world.dongle.device(address);
    for farewell in [Farewell::Done, Farewell::PowerOff, Farewell::LowResources] {
        let old = soon(device.connect()).unwrap();
        let (reason, new) = soon(zip(
            old.disconnect_for(farewell),
            device.connect().into_future(),
        ));
        assert_eq!(reason, Reason::Hci(0x16));
        let new = new.unwrap();
        assert!(new.is_connected() && !old.is_connected());
        assert_eq!(
            soon(old.disconnected()),
            Reason::Hci(0x16),
            "each has its own end"
        );
    }
}

#[test]
fn a_frozen_controller_ends_a_connect_in_time() {
    let world = World::new();
    let connect = world.dongle.device(nobody(1)).connect().no_timeout();
    thread::scope(|scope| {
        let connecting = scope.spawn(|| soon(connect));
        soon(world.initiating());
        world.controller.freeze();
        let begun = Instant::now();
        assert_failed(begun, &connecting.join().unwrap().unwrap_err());
    });
}

#[test]
fn a_controller_that_refuses_to_connect_says_why() {
    for (config, opcode) in [
        (ControllerConfig::default(), 0x2043),
        (ControllerConfig::legacy(), 0x200D),
    ] {
        let world = World::with(config);
        let (_peer, address) = world.peer(1);
        world.controller.refuse(opcode, Some(0x0D));
        let error = soon(world.dongle.device(address).connect()).unwrap_err();
        assert!(matches!(error, Error::Hci(0x0D)), "{error}");
        world.controller.refuse(opcode, None);
        assert!(
            soon(world.dongle.device(address).connect())
                .unwrap()
                .is_connected()
        );
    }
}

#[test]
fn a_link_that_drops_in_the_middle_is_tried_again_or_told() {
    let world = World::on(AirConfig::paced(), ControllerConfig::default());
    let (peer, address) = world.peer(1);
    for _ in 0..5 {
        let connect = world
            .dongle
            .device(address)
            .connect()
            .timeout(Duration::from_secs(8));
        let drop_it = async {
            dongle_tests::bench::until("a link", || !world.controller.links().is_empty()).await;
            world.controller.drop_links();
            future::pending().await
        };
        match soon(or(async { Some(connect.await) }, drop_it)) {
            Some(Ok(connection)) => _ = soon(connection.disconnected()),
            Some(Err(error)) => assert!(error.is_disconnected() || error.is_timeout(), "{error}"),
            None => unreachable!(),
        }
        soon(world.links(0));
    }
    drop(peer);
}

#[test]
fn lost_packets_are_survived() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    world.controller.set_loss(0.3);
    for _ in 0..10 {
        let connection = soon(world.dongle.device(address).connect().mtu(247)).unwrap();
        soon(connection.disconnect());
    }
}

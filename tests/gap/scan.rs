//! Scanning.

use std::collections::{BTreeSet, HashSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use dongle::{Error, Phys, Uuid};
use dongle_tests::bench::{STALL, soon, until};
use dongle_virtual::{Address, AirConfig, BeaconConfig, ControllerConfig};
use futures_lite::future::poll_once;

use crate::raw::Raw;
use crate::{World, assert_failed, name_data, named, nobody, of};

#[test]
fn a_scan_response_is_merged_with_its_advertisement() {
    for config in [ControllerConfig::default(), ControllerConfig::legacy()] {
        let world = World::with(config);
        let beacon = BeaconConfig::new(Address::numbered(1), vec![2, 1, 6]);
        world
            .air
            .add_beacon(beacon.with_scan_response(name_data("late")));
        let mut scan = world.dongle.scan().name("late").start().unwrap();
        let found = soon(scan.next()).unwrap().unwrap();
        assert!(found.data().flags().is_some());
        assert_eq!(found.scan_response().local_name().unwrap(), "late");
        assert!(found.is_scannable() && !found.is_connectable() && !found.is_extended());
    }
}

#[test]
fn a_scan_for_a_text_that_is_no_uuid_does_not_start() {
    let world = World::new();
    let scan = world.dongle.scan().service("180D").start();
    assert!(scan.is_ok());
    let scan = world.dongle.scan().service("180D").service("heart rate");
    assert!(matches!(scan.start(), Err(Error::InvalidUuid(_))));
}

#[test]
fn a_passive_scan_asks_for_nothing() {
    let world = World::new();
    let beacon = BeaconConfig::new(Address::numbered(1), vec![2, 1, 6]);
    world
        .air
        .add_beacon(beacon.with_scan_response(name_data("late")));
    let scan = world.dongle.scan().passive().every_report();
    let mut scan = scan.start().unwrap();
    for _ in 0..20 {
        let found = soon(scan.next()).unwrap().unwrap();
        assert_eq!(found.name(), None);
    }
}

#[test]
fn legacy_and_extended_come_in_one_stream_and_fragments_are_put_together() {
    let world = World::new();
    let mut long = Vec::new();
    for _ in 0..6 {
        long.extend_from_slice(&[251, 0xFF, 0xFF, 0xFF]);
        long.extend_from_slice(&[0x42; 248]);
    }
    world
        .air
        .add_beacon(BeaconConfig::new(Address::numbered(1), long.clone()));
    world.air.add_beacon(named(2, "short"));
    let mut scan = world.dongle.scan().once().start().unwrap();
    let mut seen = HashSet::new();
    while seen.len() < 2 {
        let found = soon(scan.next()).unwrap().unwrap();
        if found.is_extended() {
            assert_eq!(found.data().as_bytes(), long, "all 1512 bytes");
            assert!(!found.is_truncated());
        } else {
            assert_eq!(found.name().as_deref(), Some("short"));
        }
        seen.insert(found.address());
    }
}

#[test]
fn the_kinds_of_advertisements_are_told_apart() {
    let world = World::new();
    let me = world.dongle.address().unwrap();
    let kinds: Vec<Raw> = (0..5).map(|number| Raw::new(&world, number)).collect();
    for (kind, raw) in kinds.iter().enumerate().skip(2) {
        raw.advertise(kind as u8, (kind == 4).then_some(me), &[2, 1, 6]);
    }
    kinds[0].advertise(0, None, &[2, 1, 6]);
    let mut scan = world.dongle.scan().start().unwrap();
    let mut told = |kind: usize| {
        let address = kinds[kind].address;
        let found = soon(world.find(&mut scan, |found| found.address() == address));
        (
            found.is_connectable(),
            found.is_scannable(),
            found.is_directed(),
        )
    };
    assert_eq!(told(0), (true, true, false));
    assert_eq!(told(2), (false, true, false));
    assert_eq!(told(3), (false, false, false));
    assert_eq!(told(4), (true, false, true));
    kinds[1].advertise(1, Some(me), &[]);
    assert_eq!(told(1), (true, false, true), "for 1.28 s, so it comes last");
}

#[test]
fn filters_choose_by_what_is_advertised() {
    let world = World::new();
    world.air.add_beacon(named(1, "kitchen lamp"));
    world.air.add_beacon(named(2, "kitchen fan").with_rssi(-90));
    let heart = BeaconConfig::new(Address::numbered(3), vec![3, 0x03, 0x0D, 0x18]);
    world
        .air
        .add_beacon(heart.with_scan_response(name_data("heart")));
    world.air.add_beacon(BeaconConfig::new(
        Address::numbered(4),
        vec![4, 0xFF, 0x4C, 0x00, 7],
    ));
    let number = |found: &dongle::ScanResult| found.address().octets()[5];
    let scan = || world.dongle.scan().once();
    let all = |scan: dongle::ScanBuilder| {
        let mut scan = scan.start().unwrap();
        // What a scan has heard, the one in front of it has.
        let mut behind = world.dongle.scan().every_report().start().unwrap();
        let mut heard = BTreeSet::new();
        while heard.len() < 4 {
            let found = soon(behind.next()).unwrap().unwrap();
            if number(&found) != 3 || found.name().is_some() {
                heard.insert(number(&found));
            }
        }
        let mut told = BTreeSet::new();
        while let Some(found) = soon(poll_once(scan.next())) {
            assert!(told.insert(number(&found.unwrap().unwrap())), "once");
        }
        Vec::from_iter(told)
    };
    assert_eq!(all(scan()), [1, 2, 3, 4]);
    assert_eq!(all(scan().name("kitchen lamp")), [1]);
    assert!(all(scan().name("kitchen")).is_empty());
    assert_eq!(all(scan().name_prefix("kitchen ")), [1, 2]);
    assert_eq!(all(scan().name_prefix("kitchen ").min_rssi(-80)), [1]);
    assert_eq!(all(scan().service(Uuid::from_u16(0x180D))), [3]);
    assert_eq!(
        all(scan().service(Uuid::from_u16(0x180D)).name("heart")),
        [3]
    );
    assert_eq!(all(scan().manufacturer(0x004C)), [4]);
    assert_eq!(
        all(scan().filter(|found| found.name().is_some_and(|n| n.ends_with('n')))),
        [2]
    );
    let two = scan()
        .address(of(Address::numbered(2)))
        .address(of(Address::numbered(4)));
    assert_eq!(all(two), [2, 4]);
}

#[test]
fn the_controller_itself_leaves_out_whom_nobody_asked_for() {
    for config in [ControllerConfig::default(), ControllerConfig::legacy()] {
        let world = World::with(config);
        world
            .air
            .add_beacons((0..200).map(|number| named(number, "crowd")));
        let wanted = of(Address::numbered(7));
        let scan = world.dongle.scan().address(wanted).every_report();
        let mut scan = scan.start().unwrap();
        for _ in 0..50 {
            assert_eq!(soon(scan.next()).unwrap().unwrap().address(), wanted);
        }
        // Of all of them there would be near 10,000.
        let reports = world.controller.stats().unwrap().reports;
        assert!(reports < 2000, "{reports} reports for 50 results");
    }
}

#[test]
fn a_controller_without_room_for_the_list_reports_all_and_the_host_chooses() {
    let world = World::new();
    world
        .air
        .add_beacons((0..20).map(|number| named(number, "crowd")));
    world.controller.refuse(0x2011, Some(0x07));
    let wanted = of(Address::numbered(7));
    let mut scan = world.dongle.scan().address(wanted).start().unwrap();
    assert_eq!(soon(scan.next()).unwrap().unwrap().address(), wanted);
    assert!(world.controller.stats().unwrap().reports > 1);
}

#[test]
fn a_device_is_told_again_only_when_something_changed() {
    let world = World::new();
    world.air.add_beacon(named(1, "still"));
    let mut scan = world.dongle.scan().start().unwrap();
    assert_eq!(
        soon(scan.next()).unwrap().unwrap().name().as_deref(),
        Some("still")
    );
    soon(world.reports(10));
    world.air.clear_beacons();
    world.air.add_beacon(named(1, "moved"));
    soon(world.find(&mut scan, |found| found.name().as_deref() == Some("moved")));
    world.air.clear_beacons();
    world.air.add_beacon(named(1, "moved").with_rssi(-40));
    soon(world.find(&mut scan, |found| {
        found.rssi().is_some_and(|rssi| rssi > -50)
    }));
}

#[test]
fn once_is_once_and_every_report_is_every_one() {
    let world = World::new();
    world
        .air
        .add_beacon(named(1, "a").with_interval(Duration::from_millis(20)));
    let mut once = world.dongle.scan().once().start().unwrap();
    let mut every = world.dongle.scan().every_report().start().unwrap();
    for _ in 0..10 {
        assert!(soon(every.next()).unwrap().is_some());
    }
    // What a scan has heard, the one in front of it has.
    assert!(soon(once.next()).unwrap().is_some());
    assert!(soon(poll_once(once.next())).is_none());
}

#[test]
fn what_only_a_scan_response_says_is_there_when_a_device_is_told_once() {
    for config in [ControllerConfig::default(), ControllerConfig::legacy()] {
        let world = World::with(config);
        world.air.add_beacons((0..100).map(|number| {
            BeaconConfig::new(Address::numbered(number), vec![2, 1, 6])
                .with_scan_response(name_data("late"))
        }));
        let mut scan = world.dongle.scan().once().start().unwrap();
        for _ in 0..100 {
            let found = soon(scan.next()).unwrap().unwrap();
            assert_eq!(found.name().as_deref(), Some("late"));
        }
    }
}

#[test]
fn a_scan_without_end_goes_on_and_one_with_ends_in_time() {
    let world = World::on(AirConfig::paced(), ControllerConfig::default());
    world.air.add_beacon(named(1, "a"));
    let begun = Instant::now();
    let mut endless = world
        .dongle
        .scan()
        .every_report()
        .duration(Duration::ZERO)
        .start()
        .unwrap();
    let mut short = world
        .dongle
        .scan()
        .duration(Duration::from_millis(300))
        .start()
        .unwrap();
    while soon(short.next()).unwrap().is_some() {}
    let took = begun.elapsed();
    let limit = Duration::from_millis(300);
    assert!((limit..limit + STALL).contains(&took), "{took:?}");
    for _ in 0..100 {
        assert!(soon(endless.next()).unwrap().is_some());
        if begun.elapsed() > Duration::from_millis(800) {
            return;
        }
    }
}

#[test]
fn a_reader_who_is_too_slow_is_told_how_many_it_missed() {
    const BEACONS: u64 = 5000;
    let world = World::new();
    let beacon = |number| named(number, "city").with_interval(Duration::from_millis(20));
    world.air.add_beacons((0..BEACONS as u32).map(beacon));
    let mut scan = world.dongle.scan().once().passive().start().unwrap();
    let (mut told, mut missed) = (0, 0);
    let begun = Instant::now();
    soon(world.reports(BEACONS));
    while told + missed < BEACONS {
        let found = soon(scan.next()).unwrap().unwrap();
        if told == 0 {
            assert!(found.missed() > 0, "in front of the first that is left");
        }
        told += 1;
        missed += found.missed();
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{told} told, {missed} missed"
        );
    }
    assert_eq!(told + missed, BEACONS);
}

#[test]
fn a_scan_that_can_not_start_says_so_first() {
    for (config, opcode) in [
        (ControllerConfig::default(), 0x2042),
        (ControllerConfig::legacy(), 0x200C),
    ] {
        let world = World::with(config);
        world.air.add_beacon(named(1, "a"));
        world.controller.refuse(opcode, Some(0x0C));
        let mut scan = world.dongle.scan().start().unwrap();
        let error = soon(scan.next()).unwrap_err();
        assert!(matches!(error, Error::Hci(0x0C)), "{error}");
        assert!(soon(scan.next()).unwrap().is_none(), "then it is over");
        world.controller.refuse(opcode, None);
        let mut scan = world.dongle.scan().start().unwrap();
        assert!(soon(scan.next()).unwrap().is_some(), "the next one works");
    }
}

#[test]
fn what_one_scan_asks_in_vain_does_not_end_another() {
    let world = World::with(ControllerConfig::legacy());
    world.air.add_beacon(named(1, "a"));
    let mut good = world.dongle.scan().every_report().start().unwrap();
    assert!(soon(good.next()).unwrap().is_some());
    let mut bad = world.dongle.scan().phys(Phys::Coded).start().unwrap();
    assert!(matches!(soon(bad.next()).unwrap_err(), Error::Hci(0x11)));
    for _ in 0..1500 {
        assert!(soon(good.next()).unwrap().is_some(), "more than was queued");
        if good_enough(&world) {
            break;
        }
    }
    let mut bad = world
        .dongle
        .scan()
        .window(Duration::from_millis(1))
        .start()
        .unwrap();
    assert!(matches!(
        soon(bad.next()).unwrap_err(),
        Error::InvalidParameter(_)
    ));
    assert!(soon(good.next()).unwrap().is_some());
}

fn good_enough(world: &World) -> bool {
    world.controller.stats().unwrap().reports > 100
}

#[test]
fn two_scans_share_the_radio_and_each_has_its_filter() {
    let world = World::new();
    world.air.add_beacon(named(1, "a"));
    world.air.add_beacon(named(2, "b"));
    let mut one = world
        .dongle
        .scan()
        .name("a")
        .every_report()
        .start()
        .unwrap();
    let mut two = world
        .dongle
        .scan()
        .name("b")
        .every_report()
        .passive()
        .start()
        .unwrap();
    for _ in 0..5 {
        assert_eq!(
            soon(one.next()).unwrap().unwrap().name().as_deref(),
            Some("a")
        );
        assert_eq!(
            soon(two.next()).unwrap().unwrap().name().as_deref(),
            Some("b")
        );
    }
    drop(one);
    // The radio is set anew for the one that is left, if that comes at all.
    sleep(Duration::from_millis(50));
    for _ in 0..100 {
        assert_eq!(
            soon(two.next()).unwrap().unwrap().name().as_deref(),
            Some("b")
        );
    }
}

#[test]
fn coded_phy_is_listened_to_when_asked() {
    let world = World::new();
    world.air.add_beacon(named(1, "a"));
    let scan = world.dongle.scan().phys(Phys::Both).start();
    let found = soon(scan.unwrap().next()).unwrap().unwrap();
    assert!(!found.is_coded());
    let scan = world
        .dongle
        .scan()
        .phys(Phys::Coded)
        .duration(Duration::from_millis(200));
    assert!(
        soon(scan.start().unwrap().next()).unwrap().is_none(),
        "the beacon is on 1M"
    );
}

#[test]
fn a_frozen_controller_ends_a_scan_in_time() {
    for beacons in [0, 3] {
        let world = World::new();
        world
            .air
            .add_beacons((0..beacons).map(|number| named(number, "a")));
        let mut scan = world.dongle.scan().every_report().start().unwrap();
        soon(until("it scans", || world.controller.is_scanning()));
        if beacons > 0 {
            soon(world.reports(10));
        }
        world.controller.freeze();
        let begun = Instant::now();
        let error = loop {
            if let Err(error) = soon(scan.next()) {
                break error;
            }
        };
        assert_failed(begun, &error);
        assert!(soon(world.dongle.device(nobody(1)).connect()).is_err());
    }
}

#[test]
fn packets_that_are_lost_cost_time_and_nothing_else() {
    let world = World::new();
    world
        .air
        .add_beacons((0..50).map(|number| named(number, "a")));
    world.controller.set_loss(0.5);
    let mut scan = world.dongle.scan().once().start().unwrap();
    for _ in 0..50 {
        assert!(soon(scan.next()).unwrap().is_some());
    }
}

#[test]
fn the_eldest_are_forgotten_and_told_again() {
    let world = World::new();
    world
        .air
        .add_beacons((0..20).map(|number| named(number, "a")));
    let mut scan = world.dongle.scan().once().max_devices(5).start().unwrap();
    for _ in 0..100 {
        assert!(
            soon(scan.next()).unwrap().is_some(),
            "20 devices do not fit 5 places"
        );
    }
}

#[test]
fn a_filter_that_panics_is_told_to_everybody() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    let mut other = world.dongle.scan().name("nobody").start().unwrap();
    let scan = world.dongle.scan().filter(|_| panic!("on purpose"));
    let mut scan = scan.start().unwrap();
    world.air.add_beacon(named(1, "beacon"));
    for scan in [&mut scan, &mut other] {
        let error = soon(scan.next()).unwrap_err();
        assert!(matches!(error, Error::ControllerFailed(_)), "{error:?}");
        assert!(error.to_string().contains("filter"), "{error}");
    }
    soon(connection.disconnected());
    assert!(soon(connection.rssi()).is_err());
    assert!(world.dongle.scan().start().is_err());
}

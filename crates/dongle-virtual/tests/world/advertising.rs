//! Advertising and scanning, legacy and extended.

use std::time::Duration;

use dongle_virtual::{Address, BeaconConfig, ControllerConfig, ControllerId, Pacing};

use super::rig::{CENTRAL, PERIPHERAL, Rig};

fn scan(rig: &mut Rig, id: ControllerId, active: bool, filter: bool) {
    rig.ok(id, 0x200B, &[u8::from(active), 0x10, 0, 0x10, 0, 1, 0]);
    rig.ok(id, 0x200C, &[1, u8::from(filter)]);
}

fn scan_extended(rig: &mut Rig, id: ControllerId, active: bool, filter: u8, duration: u16) {
    rig.ok(id, 0x2041, &[1, 0, 1, u8::from(active), 0x10, 0, 0x10, 0]);
    let [low, high] = duration.to_le_bytes();
    rig.ok(id, 0x2042, &[1, filter, low, high, 0, 0]);
}

/// Parameters of an extended set: handle, properties, PHYs; everything else usual.
fn set_parameters(handle: u8, properties: u16, primary: u8, secondary: u8) -> Vec<u8> {
    let [p0, p1] = properties.to_le_bytes();
    let mut parameters = vec![handle, p0, p1, 0x20, 0, 0, 0x20, 0, 0, 7, 1];
    parameters.extend_from_slice(&[0; 7]);
    parameters.extend_from_slice(&[0, 127, primary, 0, secondary, 5, 0]);
    parameters
}

fn set_data(rig: &mut Rig, id: ControllerId, opcode: u16, handle: u8, data: &[u8]) {
    let chunks: Vec<_> = data.chunks(251).collect();
    for (index, chunk) in chunks.iter().enumerate() {
        let operation = match (index, chunks.len()) {
            (_, 1) => 3,
            (0, _) => 1,
            (index, len) if index + 1 == len => 2,
            _ => 0,
        };
        rig.ok(
            id,
            opcode,
            &[&[handle, operation, 0, chunk.len() as u8], *chunk].concat(),
        );
    }
}

/// Type, address, data of a legacy report.
fn legacy(report: &[u8]) -> (u8, [u8; 6], Vec<u8>) {
    let len = usize::from(report[9]);
    assert_eq!(report.len(), 11 + len);
    (
        report[1],
        report[3..9].try_into().unwrap(),
        report[10..10 + len].to_vec(),
    )
}

/// Type, address, data of an extended report.
fn extended(report: &[u8]) -> (u16, [u8; 6], Vec<u8>) {
    let len = usize::from(report[24]);
    assert_eq!(report.len(), 25 + len);
    let event_type = u16::from_le_bytes([report[1], report[2]]);
    (
        event_type,
        report[4..10].try_into().unwrap(),
        report[25..].to_vec(),
    )
}

#[test]
fn a_passive_scanner_hears_an_advertiser_at_its_interval() {
    let mut rig = Rig::new(Pacing::Paced);
    let peripheral = rig.host(ControllerConfig::legacy().with_rssi(-60), PERIPHERAL);
    let central = rig.host(ControllerConfig::legacy(), CENTRAL);
    rig.advertise(peripheral, &[2, 1, 6], &[3, 9, b'h', b'i']);
    scan(&mut rig, central, false, false);
    rig.run_ms(1000);
    let reports = rig.le(central, 0x02);
    assert!(
        (35..=50).contains(&reports.len()),
        "every 20 to 30 ms: {}",
        reports.len()
    );
    for report in &reports {
        assert_eq!(legacy(report), (0, PERIPHERAL, vec![2, 1, 6]));
        let rssi = i8::from_le_bytes([report[report.len() - 1]]);
        assert!((-63..=-57).contains(&rssi));
    }
    rig.ok(central, 0x200C, &[0, 0]);
    rig.run_ms(1000);
    assert_eq!(rig.le(central, 0x02), Vec::<Vec<u8>>::new());
}

#[test]
fn an_active_scanner_gets_the_scan_response_as_well() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let peripheral = rig.host(ControllerConfig::legacy(), PERIPHERAL);
    let central = rig.host(ControllerConfig::legacy(), CENTRAL);
    rig.advertise(peripheral, &[2, 1, 6], &[3, 9, b'h', b'i']);
    scan(&mut rig, central, true, true);
    rig.run_ms(200);
    let reports: Vec<_> = rig
        .le(central, 0x02)
        .iter()
        .map(|report| legacy(report))
        .collect();
    assert_eq!(
        reports,
        [
            (0, PERIPHERAL, vec![2, 1, 6]),
            (4, PERIPHERAL, vec![3, 9, b'h', b'i'])
        ],
        "once each, as duplicates are filtered"
    );
}

#[test]
fn the_kinds_of_legacy_advertising_are_told_apart() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let peripheral = rig.host(ControllerConfig::legacy(), PERIPHERAL);
    let central = rig.host(ControllerConfig::legacy(), CENTRAL);
    for (kind, reported) in [(0, 0), (4, 1), (2, 2), (3, 3)] {
        let mut parameters = vec![0x20, 0, 0x20, 0, kind, 1, 1];
        parameters.extend_from_slice(&CENTRAL);
        parameters.extend_from_slice(&[7, 0]);
        rig.ok(peripheral, 0x2006, &parameters);
        rig.ok(peripheral, 0x200A, &[1]);
        scan(&mut rig, central, false, true);
        rig.run_ms(50);
        let reports = rig.le(central, 0x02);
        assert_eq!(legacy(&reports[0]).0, reported);
        rig.ok(central, 0x200C, &[0, 0]);
        rig.ok(peripheral, 0x200A, &[0]);
    }
    // Directed at somebody else.
    rig.ok(
        peripheral,
        0x2006,
        &[0x20, 0, 0x20, 0, 4, 1, 1, 9, 9, 9, 9, 9, 9, 7, 0],
    );
    rig.ok(peripheral, 0x200A, &[1]);
    scan(&mut rig, central, false, true);
    rig.run_ms(50);
    assert!(rig.le(central, 0x02).is_empty());
}

#[test]
fn the_accept_list_holds_others_back() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let peripheral = rig.host(ControllerConfig::legacy(), PERIPHERAL);
    let central = rig.host(ControllerConfig::legacy(), CENTRAL);
    rig.world
        .add_beacon(rig.now, BeaconConfig::new(Address::numbered(1), [2, 1, 4]));
    rig.advertise(peripheral, &[2, 1, 6], &[]);
    rig.ok(central, 0x2011, &[&[1][..], &PERIPHERAL].concat());
    rig.ok(central, 0x200B, &[0, 0x10, 0, 0x10, 0, 1, 1]);
    rig.ok(central, 0x200C, &[1, 0]);
    rig.run_ms(500);
    let reports = rig.le(central, 0x02);
    assert!(reports.len() > 10);
    assert!(reports.iter().all(|report| legacy(report).1 == PERIPHERAL));
}

#[test]
fn an_extended_scanner_hears_legacy_advertising_as_such() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let peripheral = rig.host(ControllerConfig::legacy(), PERIPHERAL);
    let central = rig.host(ControllerConfig::default(), CENTRAL);
    rig.advertise(peripheral, &[2, 1, 6], &[1, 9]);
    scan_extended(&mut rig, central, true, 1, 0);
    rig.run_ms(100);
    let reports: Vec<_> = rig
        .le(central, 0x0D)
        .iter()
        .map(|report| extended(report))
        .collect();
    assert_eq!(
        reports,
        [
            (0x13, PERIPHERAL, vec![2, 1, 6]),
            (0x1B, PERIPHERAL, vec![1, 9])
        ]
    );
}

#[test]
fn long_extended_data_comes_in_fragments() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let peripheral = rig.host(ControllerConfig::default(), PERIPHERAL);
    let central = rig.host(ControllerConfig::default(), CENTRAL);
    let old = rig.host(ControllerConfig::legacy(), [3; 6]);
    assert_eq!(rig.ok(peripheral, 0x203A, &[]), 1650_u16.to_le_bytes());
    assert_eq!(rig.ok(peripheral, 0x203B, &[]), [4]);
    let data: Vec<u8> = (0..600_u16).map(|n| n as u8).collect();
    rig.ok(peripheral, 0x2036, &set_parameters(2, 0, 1, 2));
    set_data(&mut rig, peripheral, 0x2037, 2, &data);
    rig.ok(peripheral, 0x2039, &[1, 1, 2, 0, 0, 0]);
    scan_extended(&mut rig, central, false, 1, 0);
    scan(&mut rig, old, false, false);
    rig.run_ms(100);
    let reports = rig.le(central, 0x0D);
    let types: Vec<_> = reports.iter().map(|report| extended(report).0).collect();
    assert_eq!(
        types,
        [0x20, 0x20, 0x00],
        "more to come, more to come, complete"
    );
    let whole: Vec<u8> = reports
        .iter()
        .flat_map(|report| extended(report).2)
        .collect();
    assert_eq!(whole, data);
    assert_eq!(&reports[0][10..13], &[1, 2, 5], "PHYs and set identifier");
    assert!(
        rig.le(old, 0x02).is_empty(),
        "a legacy scanner hears none of it"
    );
}

#[test]
fn a_set_ends_by_duration_or_by_count_and_says_so() {
    let mut rig = Rig::new(Pacing::Paced);
    let peripheral = rig.host(ControllerConfig::default(), PERIPHERAL);
    rig.ok(peripheral, 0x2036, &set_parameters(0, 0x13, 1, 1));
    rig.ok(peripheral, 0x2036, &set_parameters(1, 0x10, 1, 1));
    rig.ok(peripheral, 0x2039, &[1, 2, 0, 10, 0, 0, 1, 0, 0, 3]);
    rig.run_ms(500);
    let mut ended = rig.le(peripheral, 0x12);
    ended.sort();
    assert_eq!(ended, [[0x3C, 0, 0, 0, 0], [0x43, 1, 0, 0, 3]]);
}

#[test]
fn sets_are_known_by_handle_and_limited_in_number() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let peripheral = rig.host(ControllerConfig::default(), PERIPHERAL);
    for handle in 0..4 {
        rig.ok(peripheral, 0x2036, &set_parameters(handle, 0x13, 1, 1));
    }
    assert_eq!(
        rig.status(peripheral, 0x2036, &set_parameters(4, 0x13, 1, 1)),
        0x07
    );
    assert_eq!(rig.status(peripheral, 0x2039, &[1, 1, 9, 0, 0, 0]), 0x42);
    assert_eq!(rig.status(peripheral, 0x2037, &[9, 3, 0, 0]), 0x42);
    rig.ok(peripheral, 0x2039, &[1, 1, 0, 0, 0, 0]);
    assert_eq!(
        rig.status(peripheral, 0x2036, &set_parameters(0, 0x13, 1, 1)),
        0x0C
    );
    assert_eq!(rig.status(peripheral, 0x203C, &[0]), 0x0C);
    assert_eq!(rig.status(peripheral, 0x203D, &[]), 0x0C);
    rig.ok(peripheral, 0x2039, &[0, 0]);
    rig.ok(peripheral, 0x203C, &[0]);
    rig.ok(peripheral, 0x203D, &[]);
    // Extended PDUs are not both connectable and scannable.
    assert_eq!(
        rig.status(peripheral, 0x2036, &set_parameters(0, 0x03, 1, 1)),
        0x12
    );
}

#[test]
fn an_extended_scan_ends_after_its_duration() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let peripheral = rig.host(ControllerConfig::legacy(), PERIPHERAL);
    let central = rig.host(ControllerConfig::default(), CENTRAL);
    rig.advertise(peripheral, &[2, 1, 6], &[]);
    scan_extended(&mut rig, central, false, 0, 20);
    rig.run_ms(190);
    assert!(rig.le(central, 0x11).is_empty());
    rig.run_ms(20);
    assert_eq!(rig.le(central, 0x11).len(), 1);
    rig.all(central);
    rig.run_ms(100);
    assert!(rig.all(central).is_empty());
}

#[test]
fn coded_and_1m_are_heard_where_they_are_scanned() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let peripheral = rig.host(ControllerConfig::default(), PERIPHERAL);
    let central = rig.host(ControllerConfig::default(), CENTRAL);
    rig.ok(peripheral, 0x2036, &set_parameters(0, 0, 3, 3));
    rig.ok(peripheral, 0x2039, &[1, 1, 0, 0, 0, 0]);
    scan_extended(&mut rig, central, false, 0, 0);
    rig.run_ms(100);
    assert!(rig.le(central, 0x0D).is_empty());
    rig.ok(central, 0x2042, &[0, 0, 0, 0, 0, 0]);
    rig.ok(
        central,
        0x2041,
        &[1, 0, 0b101, 0, 0x10, 0, 0x10, 0, 0, 0x10, 0, 0x10, 0],
    );
    rig.ok(central, 0x2042, &[1, 0, 0, 0, 0, 0]);
    rig.run_ms(100);
    assert!(!rig.le(central, 0x0D).is_empty());
}

#[test]
fn a_resolvable_address_is_reported_as_its_identity() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let peripheral = rig.host(ControllerConfig::legacy(), PERIPHERAL);
    let central = rig.host(ControllerConfig::legacy(), CENTRAL);
    let irk = [7; 16];
    // The peripheral uses a private address towards the central's identity.
    rig.ok(
        peripheral,
        0x2027,
        &[&[1][..], &CENTRAL, &[0; 16], &irk].concat(),
    );
    rig.ok(peripheral, 0x202D, &[1]);
    let mut parameters = vec![0x20, 0, 0x20, 0, 0, 3, 1];
    parameters.extend_from_slice(&CENTRAL);
    parameters.extend_from_slice(&[7, 0]);
    rig.ok(peripheral, 0x2006, &parameters);
    rig.ok(peripheral, 0x200A, &[1]);
    scan(&mut rig, central, false, true);
    rig.run_ms(50);
    let report = rig.le(central, 0x02).remove(0);
    assert_eq!(report[2], 1);
    assert_eq!(
        legacy(&report).1[5] & 0xC0,
        0x40,
        "a resolvable private address"
    );
    rig.ok(central, 0x200C, &[0, 0]);
    rig.ok(
        central,
        0x2027,
        &[&[1][..], &PERIPHERAL, &irk, &[0; 16]].concat(),
    );
    rig.ok(central, 0x202D, &[1]);
    scan(&mut rig, central, false, true);
    rig.run_ms(50);
    let report = rig.le(central, 0x02).remove(0);
    assert_eq!((report[2], legacy(&report).1), (3, PERIPHERAL));
    // And connecting by the identity finds it.
    rig.ok(central, 0x200C, &[0, 0]);
    rig.create_connection(central, PERIPHERAL);
    rig.run_ms(50);
    let event = rig.le(central, 0x0A).remove(0);
    assert_eq!((event[0], event[4], &event[5..11]), (0, 3, &PERIPHERAL[..]));
    assert_eq!(
        event[22] & 0xC0,
        0x40,
        "the private address it was found under"
    );
}

#[test]
fn many_beacons_cost_nothing_while_nobody_listens() {
    let mut rig = Rig::new(Pacing::Paced);
    let central = rig.host(ControllerConfig::legacy(), CENTRAL);
    for number in 0..1000 {
        let beacon = BeaconConfig::new(Address::numbered(number), [2, 1, 4]);
        rig.world
            .add_beacon(rig.now, beacon.with_interval(Duration::from_millis(500)));
    }
    assert_eq!(rig.world.poll_timeout(), None);
    scan(&mut rig, central, false, true);
    rig.run_ms(600);
    assert_eq!(rig.le(central, 0x02).len(), 1000);
    rig.ok(central, 0x200C, &[0, 0]);
    rig.run_ms(1000);
    assert_eq!(rig.world.poll_timeout(), None);
}

#[test]
fn beacons_that_fell_behind_leave_out_what_they_missed() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let central = rig.host(ControllerConfig::legacy(), CENTRAL);
    for number in 0..50 {
        let beacon = BeaconConfig::new(Address::numbered(number), [2, 1, 4]);
        let beacon = beacon.with_interval(Duration::from_millis(20));
        rig.world.add_beacon(rig.now, beacon);
    }
    scan(&mut rig, central, false, false);
    let heard = |rig: &Rig| {
        let stats = rig.world.stats(central).unwrap();
        let waiting = rig.world.pending_output(central) as u64;
        stats.reports + stats.reports_discarded + waiting
    };
    let before = heard(&rig);
    // The machine stood still for ten seconds.
    rig.world.handle_timeout(rig.now + Duration::from_secs(10));
    let at_once = heard(&rig) - before;
    assert!((50..=100).contains(&at_once), "{at_once} at once");
}

#[test]
fn eager_beacons_fill_a_scanner_that_reads_and_wait_for_one_that_does_not() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let central = rig.host(ControllerConfig::legacy(), CENTRAL);
    for number in 0..10 {
        let beacon = BeaconConfig::new(Address::numbered(number), [2, 1, 4]);
        rig.world
            .add_beacon(rig.now, beacon.with_interval(Duration::ZERO));
    }
    rig.ok(central, 0x200B, &[0, 0x10, 0, 0x10, 0, 1, 0]);
    let now = rig.now;
    rig.world
        .handle_packet(now, central, &[1, 0x0C, 0x20, 2, 1, 0]);
    let waiting = rig.world.pending_output(central);
    assert!((5..=65).contains(&waiting), "{waiting} wait");
    for _ in 0..10_000 {
        assert!(rig.world.pop_output(central).is_some());
    }
    assert_eq!(rig.world.stats(central).unwrap().reports_discarded, 0);
}

#[test]
fn a_set_is_not_ended_by_the_limit_of_another_that_had_its_handle_before() {
    for by_reset in [false, true] {
        let mut rig = Rig::new(Pacing::Paced);
        let peripheral = rig.host(ControllerConfig::default(), PERIPHERAL);
        let central = rig.host(ControllerConfig::default(), CENTRAL);
        scan_extended(&mut rig, central, false, 0, 0);
        // For half a second, and without end.
        for limit in [50, 0] {
            rig.ok(peripheral, 0x2036, &set_parameters(0, 0x13, 1, 1));
            rig.ok(peripheral, 0x2039, &[1, 1, 0, limit, 0, 0]);
            if limit > 0 {
                rig.run_ms(10);
                if by_reset {
                    rig.reset(peripheral, PERIPHERAL);
                } else {
                    rig.ok(peripheral, 0x2039, &[0, 1, 0, 0, 0, 0]);
                    rig.ok(peripheral, 0x203C, &[0]);
                }
            }
        }
        rig.run_ms(1000);
        assert_eq!(rig.le(peripheral, 0x12), Vec::<Vec<u8>>::new());
        rig.le(central, 0x0D);
        rig.run_ms(1000);
        let heard = rig.le(central, 0x0D).len();
        assert!((30..=50).contains(&heard), "every 20 to 30 ms: {heard}");
    }
}

#[test]
fn duplicates_are_filtered_by_the_period_only_where_there_is_one() {
    let mut rig = Rig::new(Pacing::Paced);
    let id = rig.host(ControllerConfig::default(), CENTRAL);
    let mut enable =
        |filter, duration, period| rig.status(id, 0x2042, &[1, filter, duration, 0, period, 0]);
    assert_eq!(enable(2, 0, 1), 0x12, "no duration");
    assert_eq!(enable(2, 10, 0), 0x12, "no period");
    assert_eq!(enable(2, 10, 1), 0);
    // What else is said does not count where scanning ends.
    assert_eq!(rig.status(id, 0x2042, &[0, 3, 0, 0, 0, 0]), 0);
}

#[test]
fn a_controller_without_privacy_advertises_from_no_private_address() {
    let mut config = ControllerConfig::default();
    config.resolving_list = 0;
    for own in [2, 3] {
        let mut rig = Rig::new(Pacing::Paced);
        let id = rig.host(config.clone(), PERIPHERAL);
        let legacy = [0x20, 0, 0x20, 0, 0, own, 0, 0, 0, 0, 0, 0, 0, 7, 0];
        assert_eq!(rig.status(id, 0x2006, &legacy), 0x12);
        rig.ok(id, 0x0C03, &[]);
        let mut extended = set_parameters(0, 0x13, 1, 1);
        extended[10] = own;
        assert_eq!(rig.status(id, 0x2036, &extended), 0x12);
    }
}

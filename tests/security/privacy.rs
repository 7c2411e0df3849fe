//! A bonded device that goes by changing addresses is the same device: in a scan, in its filters,
//! and to whoever connects to it. On controllers with a resolving list and without.

use std::future::IntoFuture as _;
use std::time::{Duration, Instant};

use dongle::security::{BondStore as _, Key, Level, MemoryStore};
use dongle::{Address, Dongle, Error, Scan, ScanResult};
use dongle_central::security::make_resolvable;
use dongle_tests::bench::{STALL, soon};
use dongle_virtual::{Air, AirConfig, BeaconConfig, ControllerConfig};
use futures_lite::future::{poll_once, zip};
use serde_json::json;

use crate::lock::{ADDRESS, Bench, connect, device};
use crate::private::rotate;

pub const OURS: Address = Address::random([0xC0, 1, 2, 3, 4, 5]);
const BEACON: Address = Address::random([0xC6, 5, 4, 3, 2, 1]);
const IRK: [u8; 16] = [0x5A; 16];

/// With the resolving list of a controller of today, and without.
pub fn controllers() -> [ControllerConfig; 2] {
    let with = ControllerConfig::default();
    let mut without = ControllerConfig::default();
    without.resolving_list = 0;
    [with, without]
}

/// A Bumble device that is bonded with the dongle, and not connected.
fn bonded(config: ControllerConfig) -> Option<(Bench, Dongle)> {
    let mut bench = Bench::with(&["--private"])?;
    let channel = bench.air.controller(config);
    let dongle = soon(Dongle::on(channel).address(OURS)).expect("the dongle opens");
    bench.configure(json!({}));
    let first = rotate(&mut bench.lock);
    let connection = soon(dongle.device(first).connect()).expect("the device is there");
    soon(connection.pair()).expect("it pairs");
    bench.lock.event("paired");
    soon(connection.disconnect());
    bench.lock.event("disconnected");
    Some((bench, dongle))
}

/// The next result that this is true of.
fn heard(scan: &mut Scan, wanted: impl Fn(&ScanResult) -> bool) -> ScanResult {
    soon(async {
        loop {
            let found = scan.next().await.expect("it scans").expect("no end");
            if wanted(&found) {
                return found;
            }
        }
    })
}

#[test]
fn a_device_is_itself_in_a_scan_whatever_address_it_goes_by() {
    for config in controllers() {
        let Some((mut bench, dongle)) = bonded(config) else {
            return;
        };
        let mut all = dongle.scan().start().expect("it scans");
        let mut once = dongle.scan().once().start().expect("it scans");
        let mut its = dongle.scan().address(ADDRESS).start().expect("it scans");
        for round in 0..2 {
            let now = rotate(&mut bench.lock);
            for scan in [&mut all, &mut its] {
                let found = heard(scan, |found| found.address() == now);
                assert_eq!(found.identity(), Some(ADDRESS));
                assert_eq!(found.device().address(), ADDRESS);
            }
            match round {
                0 => {
                    let found = soon(once.next()).expect("it scans").expect("no end");
                    assert_eq!(found.identity(), Some(ADDRESS));
                }
                // It has heard what the ones behind it have.
                _ => {
                    let told = soon(poll_once(once.next()));
                    assert!(told.is_none(), "{told:?}");
                }
            }
        }
    }
}

#[test]
fn however_it_is_called_a_device_has_one_connection() {
    let Some((mut bench, dongle)) = bonded(ControllerConfig::default()) else {
        return;
    };
    bench.lock.event("connected");
    let now = rotate(&mut bench.lock);
    let mut scan = dongle.scan().address(ADDRESS).start().expect("it scans");
    let found = soon(scan.next()).expect("it scans").expect("no end");
    drop(scan);
    let (first, second) = soon(zip(
        found.device().connect().into_future(),
        dongle.device(now).connect().into_future(),
    ));
    let first = first.expect("the device is there");
    let again = [device(&dongle), dongle.device(now), first.device()]
        .map(|device| soon(device.connect()).expect("it is shared"));
    let others = again.into_iter().chain(second.ok());
    let others: Vec<_> = others.collect();
    assert_eq!(others.len(), 4);
    for connection in [&first].into_iter().chain(&others) {
        assert_eq!(connection.device().address(), ADDRESS);
        assert_eq!(connection.to_string(), ADDRESS.to_string());
    }
    soon(first.disconnect());
    assert!(others.iter().all(|connection| !connection.is_connected()));
    bench.lock.event("disconnected");
    bench.lock.event("connected");
    let more = bench.lock.pending();
    assert!(more.iter().all(|event| event["event"] != "connected"));
}

#[test]
fn a_device_that_changes_its_address_right_after_it_was_heard_is_connected_to_all_the_same() {
    for config in controllers() {
        let Some((mut bench, dongle)) = bonded(config) else {
            return;
        };
        rotate(&mut bench.lock);
        let mut scan = dongle.scan().address(ADDRESS).start().expect("it scans");
        let found = soon(scan.next()).expect("it scans").expect("no end");
        drop(scan);
        bench.tell("hide");
        let connecting = std::thread::spawn(move || soon(found.device().connect()));
        let now = rotate(&mut bench.lock);
        let connection = connecting.join().expect("no panic");
        let connection = connection.expect("the device is there");
        assert_eq!(connection.security().level(), Level::Encrypted);
        assert_eq!(dongle.identity(now), Some(ADDRESS));
        soon(connection.disconnect());
    }
}

#[test]
fn staying_connected_lasts_when_the_device_changes_its_address() {
    let Some((mut bench, dongle)) = bonded(ControllerConfig::default()) else {
        return;
    };
    let mut connections = device(&dongle).stay_connected();
    let mut before = None;
    for _ in 0..3 {
        let connection = soon(connections.next()).expect("the device is there");
        assert_eq!(connection.security().level(), Level::Encrypted);
        // It goes by another address by the time the connection ends.
        let now = rotate(&mut bench.lock);
        assert_ne!(before.replace(now), Some(now));
        soon(connection.disconnect());
        bench.lock.event("disconnected");
    }
}

#[test]
fn a_device_that_is_not_there_is_a_timeout_in_time() {
    let Some((mut bench, dongle)) = bonded(ControllerConfig::default()) else {
        return;
    };
    bench.tell("hide");
    for _ in 0..2 {
        let limit = Duration::from_millis(600);
        let begun = Instant::now();
        let late = soon(device(&dongle).connect().timeout(limit));
        assert!(matches!(late, Err(Error::Timeout)), "{late:?}");
        assert!((limit..limit + STALL).contains(&begun.elapsed()));
    }
    rotate(&mut bench.lock);
    connect(&dongle);
}

#[test]
fn a_stranger_is_never_taken_for_a_bonded_device() {
    for config in controllers() {
        let air = Air::with(AirConfig::free_running());
        let dongle = open_bonded_with_beacon(&air, config);
        let mut all = dongle.scan().start().expect("it scans");
        let mut its = dongle.scan().address(BEACON).start().expect("it scans");
        // Addresses of a key that differs in one bit, and one whose hash is wrong in one.
        let mut other = IRK;
        other[15] ^= 1;
        let strangers: Vec<Address> = (0..50)
            .map(|number| made(other, number))
            .chain([flipped(made(IRK, 1))])
            .collect();
        for stranger in &strangers {
            add(&air, *stranger);
        }
        for stranger in &strangers {
            let found = heard(&mut all, |found| found.address() == *stranger);
            assert_eq!(found.identity(), None);
            assert_eq!(found.device().address(), *stranger);
            assert_eq!(dongle.identity(*stranger), None);
        }
        for number in 0..3 {
            let own = made(IRK, number);
            add(&air, own);
            let found = heard(&mut its, |found| found.address() == own);
            assert_eq!(found.identity(), Some(BEACON));
        }
    }
}

/// A dongle that has a bond with a beacon: its key makes the beacon's addresses.
fn open_bonded_with_beacon(air: &Air, config: ControllerConfig) -> Dongle {
    let hex = |octets: [u8; 16]| -> String { octets.iter().map(|o| format!("{o:02x}")).collect() };
    let text = json!({"version": 1, "bonds": [{
        "address": format!("{BEACON:#}"),
        "ltk": hex([7; 16]), "irk": hex(IRK), "key_size": 16,
    }]});
    let store = MemoryStore::default();
    let kept = store.save(OURS, text.to_string().as_bytes());
    kept.expect("it is kept");
    let open = Dongle::on(air.controller(config)).address(OURS);
    soon(open.bond_store(store)).expect("the dongle opens")
}

fn add(air: &Air, address: Address) {
    let mut octets = address.octets();
    octets.reverse();
    let address = dongle_virtual::Address::random(octets);
    air.add_beacon(BeaconConfig::new(address, [2, 1, 6]));
}

/// One of the addresses that a key makes.
pub fn made(irk: [u8; 16], number: u8) -> Address {
    let mut octets = make_resolvable(&Key::new(irk), [number, 0x55, 0xAA]);
    octets.reverse();
    Address::random(octets)
}

fn flipped(address: Address) -> Address {
    let mut octets = address.octets();
    octets[5] ^= 1;
    Address::random(octets)
}

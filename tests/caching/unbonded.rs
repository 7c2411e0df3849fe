//! Devices without a bond: only a Database Hash tells that they are what they were.

use dongle::Uuid;
use dongle_tests::bench::soon;

use crate::scripted::{
    Bench, FIND_BY_TYPE_VALUE, Kind, OTHER, READ, READ_BY_TYPE, SERVICE, database, value,
};

const HAS_HASH: Kind = Kind {
    service_changed: true,
    hash: Some(1),
    shift: 0,
};

#[test]
fn one_with_the_same_hash_is_read_in_two_requests() {
    let bench = Bench::unbonded(HAS_HASH);
    let dongle = bench.dongle();
    let first = bench.reads(&dongle);
    let discovery = [FIND_BY_TYPE_VALUE, READ_BY_TYPE, READ];
    assert_eq!(first[0], READ_BY_TYPE, "the hash comes first");
    assert_eq!(first[1..], discovery);
    for _ in 0..2 {
        assert_eq!(bench.reads(&dongle), [READ_BY_TYPE, READ]);
    }
    // Nothing was written that would have to be written each time.
    assert_eq!(bench.server.value(bench.handles.features), [0]);
    assert_eq!(bench.server.value(bench.handles.changed + 1), [0, 0]);
}

#[test]
fn one_with_another_hash_is_discovered_again() {
    let bench = Bench::unbonded(HAS_HASH);
    let dongle = bench.dongle();
    bench.reads(&dongle);
    let (updated, handles) = database(Kind {
        hash: Some(2),
        shift: 3,
        ..HAS_HASH
    });
    bench.server.update(&updated);
    let connection = bench.connect(&dongle);
    assert_eq!(value(&connection).value_handle().get(), handles.value);
    soon(connection.disconnect());
    assert_eq!(bench.reads(&dongle), [READ_BY_TYPE, READ]);
}

#[test]
fn one_without_a_hash_is_asked_each_time_and_for_the_hash_once() {
    let bench = Bench::unbonded(Kind::default());
    let dongle = bench.dongle();
    let first = bench.reads(&dongle);
    let second = bench.reads(&dongle);
    assert_eq!((first.len(), second.len()), (4, 3));
    // In one connection, too.
    let connection = bench.connect(&dongle);
    for count in 1..4 {
        soon(connection.service(Uuid::from_u16(SERVICE))).expect("a service");
        assert_eq!(connection.requests(), count);
    }
}

#[test]
fn what_is_not_there_is_asked_for_again() {
    let bench = Bench::unbonded(HAS_HASH);
    let dongle = bench.dongle();
    let connection = bench.connect(&dongle);
    for _ in 0..2 {
        let before = connection.requests();
        assert!(soon(connection.service(Uuid::from_u16(0x1234))).is_err());
        assert!(connection.requests() > before);
    }
}

#[test]
fn another_device_with_the_same_hash_is_another_device() {
    let bench = Bench::unbonded(HAS_HASH);
    let dongle = bench.dongle();
    bench.reads(&dongle);
    let (alike, _) = database(HAS_HASH);
    let (other, _peer) = (alike.clone(), bench.peer_at(OTHER, alike));
    let connection = soon(dongle.device(OTHER).connect()).expect("the device is there");
    assert_eq!(
        soon(value(&connection).read()).expect("it is read"),
        b"value"
    );
    assert!(other.requests().len() > 2);
}

#[test]
fn one_with_more_attributes_than_are_kept_is_asked_each_time() {
    let bench = Bench::unbonded(HAS_HASH);
    bench.server.service(0xFFF5);
    for _ in 0..2100 {
        bench.server.characteristic(0xFFF6, 0x02, b"one of many");
    }
    let dongle = bench.dongle();
    let connection = bench.connect(&dongle);
    let many = soon(connection.service(0xFFF5)).expect("a service");
    for _ in 0..2 {
        let before = connection.requests();
        let all = soon(many.characteristics().all()).expect("they are discovered");
        assert_eq!(all.len(), 2100);
        assert!(connection.requests() >= before + 700);
    }
    soon(connection.disconnect());
    assert!(bench.reads(&dongle).len() > 2);
}

#[test]
fn it_can_be_cleared() {
    let bench = Bench::unbonded(HAS_HASH);
    let dongle = bench.dongle();
    bench.reads(&dongle);
    assert!(
        dongle
            .clear_attribute_cache(bench.address())
            .expect("it is kept")
    );
    assert!(bench.reads(&dongle).len() > 2);
    dongle.forget(bench.address()).expect("it is kept");
    assert!(bench.reads(&dongle).len() > 2);
    assert_eq!(bench.reads(&dongle), [READ_BY_TYPE, READ]);
}

#[test]
fn switched_off_nothing_is_asked_that_is_not_needed() {
    let bench = Bench::unbonded(HAS_HASH);
    let dongle = bench.dongle_with(false);
    let first = bench.reads(&dongle);
    assert_eq!(bench.reads(&dongle), first);
    let caching = bench.reads(&bench.dongle());
    assert_eq!(caching.len(), first.len() + 1, "the hash");
}

//! What a Bumble device is not asked again. It has Service Changed and a Database Hash.

use dongle::{Characteristic, DeviceConnection, Dongle};
use dongle_tests::bench::soon;
use serde_json::json;

use crate::lock::{Bench, connect};

fn open_value(connection: &DeviceConnection) -> Characteristic {
    soon(connection.characteristic(0xFF00, 0xFF01)).expect("the value is there")
}

/// Finds and reads a value on a new connection; how many requests that took.
fn reads(bench: &mut Bench, dongle: &Dongle) -> u32 {
    let connection = connect(dongle);
    let value = soon(open_value(&connection).read());
    assert_eq!(value.expect("it is read"), b"open");
    let requests = connection.requests();
    soon(connection.disconnect());
    bench.lock.event("disconnected");
    requests
}

/// A dongle that has paired with the device and read its value.
fn acquainted(bench: &mut Bench, how: serde_json::Value) -> Dongle {
    bench.configure(how);
    let dongle = soon(bench.dongle()).expect("the dongle opens");
    let connection = connect(&dongle);
    soon(connection.pair()).expect("it pairs");
    bench.lock.event("paired");
    soon(open_value(&connection).read()).expect("it is read");
    soon(connection.disconnect());
    bench.lock.event("disconnected");
    dongle
}

#[test]
fn a_bonded_device_is_read_in_one_request() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    for sc in [true, false] {
        let dongle = acquainted(&mut bench, json!({"sc": sc}));
        for _ in 0..3 {
            assert_eq!(reads(&mut bench, &dongle), 1, "sc: {sc}");
        }
        soon(dongle.close());
        bench.tell("forget");
    }
}

#[test]
fn a_device_without_a_bond_is_read_in_two_requests_if_its_hash_is_the_same() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    let dongle = soon(bench.dongle()).expect("the dongle opens");
    assert!(reads(&mut bench, &dongle) > 2);
    assert_eq!(reads(&mut bench, &dongle), 2);
    bench
        .lock
        .command(&json!({"do": "update", "announce": false}));
    assert!(reads(&mut bench, &dongle) > 2);
    assert_eq!(reads(&mut bench, &dongle), 2);
}

#[test]
fn what_was_learnt_before_the_bond_is_taken_over() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({}));
    let dongle = soon(bench.dongle()).expect("the dongle opens");
    let connection = connect(&dongle);
    soon(open_value(&connection).read()).expect("it is read");
    soon(connection.pair()).expect("it pairs");
    bench.lock.event("paired");
    soon(connection.disconnect());
    bench.lock.event("disconnected");
    // It is asked how it tells of changes, and not for what is known by its hash.
    assert!(reads(&mut bench, &dongle) > 2);
    assert_eq!(reads(&mut bench, &dongle), 1);
}

#[test]
fn a_device_that_was_updated_while_we_were_away_is_discovered_again() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    let dongle = acquainted(&mut bench, json!({}));
    let connection = connect(&dongle);
    let before = open_value(&connection).value_handle();
    soon(connection.disconnect());
    bench.lock.event("disconnected");
    bench
        .lock
        .command(&json!({"do": "update", "announce": true}));
    let connection = connect(&dongle);
    bench.lock.event("told");
    let value = open_value(&connection);
    assert_ne!(value.value_handle(), before);
    assert_eq!(soon(value.read()).expect("it is read"), b"open");
    soon(connection.disconnect());
    bench.lock.event("disconnected");
    assert_eq!(reads(&mut bench, &dongle), 1);
}

#[test]
fn a_device_that_is_paired_anew_is_met_anew() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    let dongle = acquainted(&mut bench, json!({}));
    assert_eq!(reads(&mut bench, &dongle), 1);
    dongle.forget(crate::lock::ADDRESS).expect("it is kept");
    bench.tell("forget");
    let connection = connect(&dongle);
    soon(connection.pair()).expect("it pairs");
    bench.lock.event("paired");
    soon(open_value(&connection).read()).expect("it is read");
    assert!(connection.requests() > 2);
}

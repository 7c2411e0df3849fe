//! A device that goes by changing addresses.

use dongle::Address;
use dongle::security::Level;
use dongle_tests::bench::soon;
use dongle_tests::bumble::Script;
use serde_json::json;

use crate::lock::{ADDRESS, Bench, connect};

#[test]
fn a_bonded_device_is_found_under_whatever_address_it_goes_by() {
    let Some(mut bench) = Bench::with(&["--private"]) else {
        return;
    };
    bench.configure(json!({}));
    let dongle = soon(bench.dongle()).expect("the dongle opens");
    let first = rotate(&mut bench.lock);
    assert_ne!(first, ADDRESS);
    let connection = soon(dongle.device(first).connect()).expect("the device is there");
    assert_eq!(connection.device().address(), first);
    soon(connection.pair()).expect("it pairs");
    assert_eq!(dongle.bonds()[0].address, ADDRESS);
    assert_eq!(connection.device().address(), ADDRESS);
    assert!(dongle.bonds()[0].private);
    bench.lock.event("paired");
    soon(connection.disconnect());
    bench.lock.event("disconnected");

    for _ in 0..2 {
        let now = rotate(&mut bench.lock);
        assert_ne!(now, first);
        assert_eq!(dongle.identity(now), Some(ADDRESS));
        // By its identity, and encrypted with the bond of another address.
        let connection = connect(&dongle);
        assert_eq!(connection.device().address(), ADDRESS);
        assert_eq!(connection.security().level(), Level::Encrypted);
        // It is connected already.
        assert!(connect(&dongle).is_connected());
        soon(connection.disconnect());
        bench.lock.event("disconnected");
    }
    let stranger = Address::random([0x5A, 1, 2, 3, 4, 5]);
    assert_eq!(dongle.identity(stranger), None);
}

/// Has the device go by another address; which.
pub fn rotate(lock: &mut Script) -> Address {
    let told = lock.command(&json!({"do": "rotate"}));
    let address = told["address"].as_str().expect("an address");
    let address = address.split('/').next().unwrap_or_default();
    format!("{address}/random").parse().expect("an address")
}

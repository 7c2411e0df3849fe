//! Devices that there is a bond with.

use dongle::Error;
use dongle_tests::bench::soon;
use dongle_tests::peer::{Server, indication};
use serde_json::json;

use crate::scripted::{
    Bench, FIND_BY_TYPE_VALUE, FIND_INFORMATION, Kind, OTHER, READ, READ_BY_TYPE, database,
    is_stale, try_value, value,
};

const CONFIRMATION: u8 = 0x1E;
const WHOLE: [u8; 4] = [1, 0, 0xFF, 0xFF];

const TELLS: Kind = Kind {
    service_changed: true,
    hash: Some(1),
    shift: 0,
};
const HAS_HASH: Kind = Kind {
    service_changed: false,
    ..TELLS
};
const HAS_NEITHER: Kind = Kind {
    hash: None,
    ..HAS_HASH
};

/// The database with the value elsewhere.
fn moved(kind: Kind) -> Server {
    let (hash, shift) = (kind.hash.map(|_| 2), 1);
    let (server, _) = database(Kind {
        hash,
        shift,
        ..kind
    });
    server
}

#[test]
fn one_that_tells_of_changes_is_read_in_one_request() {
    let bench = Bench::bonded(TELLS);
    let dongle = bench.dongle();
    assert_eq!(bench.reads(&dongle).len(), 10);
    // It was told to tell, and to refuse what is out of date.
    assert_eq!(bench.server.value(bench.handles.changed + 1), [2, 0]);
    assert_eq!(bench.server.value(bench.handles.features), [1]);
    for _ in 0..2 {
        assert_eq!(bench.reads(&dongle), [READ]);
    }
    soon(dongle.close());
    // And by the next program.
    assert_eq!(bench.reads(&bench.dongle()), [READ]);
}

#[test]
fn one_that_has_only_a_hash_is_read_in_two_requests() {
    let bench = Bench::bonded(HAS_HASH);
    assert_eq!(bench.reads(&bench.dongle()).len(), 6);
    assert_eq!(bench.reads(&bench.dongle()), [READ_BY_TYPE, READ]);
    bench.server.update(&moved(HAS_HASH));
    assert!(bench.reads(&bench.dongle()).len() > 2);
    assert_eq!(bench.reads(&bench.dongle()), [READ_BY_TYPE, READ]);
}

#[test]
fn one_that_has_neither_is_read_in_two_requests_and_looked_at_first() {
    let bench = Bench::bonded(HAS_NEITHER);
    assert_eq!(bench.reads(&bench.dongle()).len(), 4);
    assert_eq!(bench.reads(&bench.dongle()), [FIND_INFORMATION, READ]);
    // It is not to change, and does.
    bench.server.update(&moved(HAS_NEITHER));
    let dongle = bench.dongle();
    let connection = bench.connect(&dongle);
    let old = value(&connection);
    assert!(is_stale(soon(old.read())));
    assert!(is_stale(soon(old.write(b"another").response(false))));
    let new = value(&connection);
    assert_ne!(new.value_handle(), old.value_handle());
    assert_eq!(soon(new.read()).expect("it is read"), b"value");
    soon(connection.disconnect());
    assert_eq!(bench.reads(&dongle), [FIND_INFORMATION, READ]);
}

#[test]
fn a_change_while_we_were_away_is_heard_before_the_cache_is_used() {
    let bench = Bench::bonded(TELLS);
    bench.reads(&bench.dongle());
    let dongle = bench.dongle();
    bench.server.update(&moved(TELLS));
    let before = bench.server.requests().len();
    while bench.peer.next_event(std::time::Duration::ZERO).is_some() {}
    let connecting = std::thread::spawn({
        let device = dongle.device(bench.address());
        move || soon(device.connect()).expect("the device is there")
    });
    bench.encrypted();
    let told = indication(bench.handles.changed, &WHOLE);
    bench.peer.send(&told).expect("it is connected");
    bench.came(before, CONFIRMATION, 1);
    let connection = connecting.join().expect("no panic");
    let value = value(&connection);
    assert_eq!(soon(value.read()).expect("it is read"), b"value");
    assert_ne!(value.value_handle().get(), bench.handles.value);
    soon(connection.disconnect());
    assert_eq!(bench.reads(&dongle), [READ], "it goes on telling");
}

#[test]
fn a_change_that_is_told_late_makes_handles_of_the_cache_be_looked_at() {
    for stays in [true, false] {
        let bench = Bench::bonded(TELLS);
        bench.reads(&bench.dongle());
        let dongle = bench.dongle();
        let connection = bench.connect(&dongle);
        let old = value(&connection);
        if !stays {
            bench.server.update(&moved(TELLS));
        }
        let before = bench.server.requests().len();
        let told = indication(bench.handles.changed, &WHOLE);
        bench.peer.send(&told).expect("it is connected");
        bench.came(before, CONFIRMATION, 1);
        if stays {
            assert_eq!(soon(old.read()).expect("it is read"), b"value");
            assert_eq!(bench.asked(before), [FIND_INFORMATION, READ]);
        } else {
            assert!(is_stale(soon(old.read())));
            let new = value(&connection);
            assert_eq!(soon(new.read()).expect("it is read"), b"value");
        }
    }
}

#[test]
fn what_was_read_while_the_database_changed_is_no_result() {
    let bench = Bench::bonded(TELLS);
    bench.reads(&bench.dongle());
    let dongle = bench.dongle();
    let connection = bench.connect(&dongle);
    let old = value(&connection);
    bench.server.update(&moved(TELLS));
    bench
        .server
        .interject(indication(bench.handles.changed, &WHOLE));
    assert!(is_stale(soon(old.read())));
}

#[test]
fn a_change_nobody_asks_about_is_not_forgotten() {
    let bench = Bench::bonded(TELLS);
    bench.reads(&bench.dongle());
    let dongle = bench.dongle();
    let before = bench.server.requests().len();
    let connection = bench.connect(&dongle);
    bench.server.update(&moved(TELLS));
    let told = indication(bench.handles.changed, &WHOLE);
    bench.peer.send(&told).expect("it is connected");
    bench.came(before, CONFIRMATION, 1);
    bench.peer.disconnect(0x13).expect("it is connected");
    soon(connection.disconnected());
    soon(dongle.close());
    assert_eq!(bench.shelf.attributes()["attributes"], json!([]));
    assert!(bench.reads(&bench.dongle()).len() > 1);
}

#[test]
fn a_call_that_is_out_of_sync_is_repeated_where_its_attribute_still_is() {
    for kind in [TELLS, HAS_HASH, HAS_NEITHER] {
        let bench = Bench::bonded(kind);
        bench.reads(&bench.dongle());
        let dongle = bench.dongle();
        let connection = bench.connect(&dongle);
        let value = value(&connection);
        bench.server.be_out_of_sync();
        assert_eq!(soon(value.read()).expect("it is read"), b"value");
        bench.server.be_out_of_sync();
        soon(value.write(b"value").response(true)).expect("it is written");
        // Nothing that was known before is used.
        let before = bench.server.requests().len();
        assert!(try_value(&connection).is_ok());
        assert!(bench.asked(before).len() > 1);
        soon(connection.disconnect());
        assert!(bench.reads(&dongle).len() <= 2, "it is known again");
    }
}

#[test]
fn a_call_that_is_out_of_sync_ends_where_its_attribute_is_another() {
    for kind in [TELLS, HAS_HASH, HAS_NEITHER] {
        let bench = Bench::bonded(kind);
        bench.reads(&bench.dongle());
        let dongle = bench.dongle();
        let connection = bench.connect(&dongle);
        let old = value(&connection);
        assert_eq!(soon(old.read()).expect("it is read"), b"value");
        bench.server.update(&moved(kind));
        bench.server.be_out_of_sync();
        assert!(is_stale(soon(old.read())));
        assert!(is_stale(soon(old.write(b"another").response(true))));
        let new = value(&connection);
        assert_eq!(soon(new.read()).expect("it is read"), b"value");
    }
}

#[test]
fn a_device_that_changed_without_a_word_is_found_out_by_what_it_refuses() {
    let bench = Bench::bonded(TELLS);
    bench.reads(&bench.dongle());
    // Nothing is where the value was.
    let smaller = Server::new(23);
    smaller.service(0x180F);
    bench.server.update(&smaller);
    let dongle = bench.dongle();
    let connection = bench.connect(&dongle);
    assert!(is_stale(soon(value(&connection).read())));
    let gone = try_value(&connection);
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
}

#[test]
fn a_damaged_cache_is_dropped_and_the_bond_stays() {
    let bench = Bench::bonded(TELLS);
    bench.reads(&bench.dongle());
    let good = bench.shelf.text();
    for (field, damage) in [
        ("hash", json!("0")),
        ("service_changed", json!(1)),
        ("format", json!(2)),
        ("attributes", json!(["primary 0001-0002 0xFFF0"])),
        ("check", json!("0")),
    ] {
        let mut text = good.clone();
        text["bonds"][0]["gatt"][field] = damage;
        bench.shelf.set(&text);
        let dongle = bench.dongle();
        assert_eq!(dongle.bonds().len(), 1);
        assert_eq!(dongle.bond_store_problem(), None);
        assert!(bench.reads(&dongle).len() > 2, "{field}");
        assert_eq!(bench.reads(&dongle), [READ]);
    }
}

#[test]
fn the_cache_of_another_device_is_not_used() {
    let bench = Bench::bonded(TELLS);
    bench.reads(&bench.dongle());
    let (alike, _) = database(TELLS);
    let other = Bench::bonded_at(OTHER, alike);
    // As if the entries of two devices had been mixed up.
    let mut text = other.shelf.text();
    text["bonds"][0]["gatt"] = bench.shelf.attributes();
    other.shelf.set(&text);
    assert!(other.reads(&other.dongle()).len() > 2);
    assert_eq!(other.reads(&other.dongle()), [READ]);
    assert_ne!(other.shelf.attributes(), bench.shelf.attributes());
}

#[test]
fn it_can_be_cleared_and_is_gone_with_the_bond() {
    let bench = Bench::bonded(TELLS);
    let dongle = bench.dongle();
    bench.reads(&dongle);
    assert!(
        dongle
            .clear_attribute_cache(bench.address())
            .expect("it is kept")
    );
    assert!(
        !dongle
            .clear_attribute_cache(bench.address())
            .expect("it is kept")
    );
    assert_eq!(bench.shelf.attributes(), json!(null));
    assert!(bench.reads(&dongle).len() > 1);
    assert_eq!(bench.reads(&dongle), [READ]);
    // On a connection that is up.
    let connection = bench.connect(&dongle);
    value(&connection);
    assert_eq!(connection.requests(), 0);
    dongle
        .clear_attribute_cache(bench.address())
        .expect("it is kept");
    value(&connection);
    assert!(connection.requests() > 1);
    soon(connection.disconnect());
    assert!(dongle.forget(bench.address()).expect("it is kept"));
    assert_eq!(bench.shelf.text()["bonds"], json!([]));
}

#[test]
fn switched_off_it_is_neither_used_nor_left_to_grow_old() {
    for kind in [TELLS, HAS_HASH, HAS_NEITHER] {
        let bench = Bench::bonded(kind);
        bench.reads(&bench.dongle());
        let dongle = bench.dongle_with(false);
        for _ in 0..2 {
            let asked = bench.reads(&dongle);
            assert_eq!(asked, [FIND_BY_TYPE_VALUE, READ_BY_TYPE, READ]);
        }
        // We would not have heard of a change.
        assert_eq!(bench.shelf.attributes(), json!(null));
    }
}

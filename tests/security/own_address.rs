//! Our own address where it is private: it changes, a bonded device knows us all the same, and
//! nobody else learns who we are.

use std::time::{Duration, Instant};

use dongle::security::{Level, MemoryStore};
use dongle::{Address, AddressKind, Dongle, Open};
use dongle_tests::bench::{PATIENCE, soon, until};
use dongle_tests::bumble::Script;
use dongle_virtual::ControllerConfig;
use serde_json::json;

use crate::bonds::Folder;
use crate::lock::{ADDRESS, Bench, connect, device};
use crate::privacy::{OURS, controllers};
use crate::smp::{Pairing, Peer, World};

/// The shortest there is.
pub const INTERVAL: Duration = Duration::from_secs(1);

fn private(bench: &Bench, config: ControllerConfig) -> Open {
    Dongle::on(bench.air.controller(config)).privacy(true)
}

/// Whom the device sees: the address that a connection came from, and whose it knows that to be.
#[derive(Debug)]
pub struct Seen {
    pub from: Address,
    pub known_as: Option<Address>,
}

/// Connects and disconnects; whom the device has seen.
pub fn visit(lock: &mut Script, dongle: &Dongle, level: Level) -> Seen {
    let connection = connect(dongle);
    let seen = seen(lock);
    assert_eq!(connection.security().level(), level);
    soon(connection.disconnect());
    lock.event("disconnected");
    seen
}

/// Visits until that is from another address.
pub fn another(lock: &mut Script, dongle: &Dongle, level: Level, before: Address) -> Seen {
    let begun = Instant::now();
    loop {
        let seen = visit(lock, dongle, level);
        if seen.from != before {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "it stays the same");
    }
}

pub fn seen(lock: &mut Script) -> Seen {
    let event = lock.event("connected");
    let address = |field: &str| -> Option<Address> {
        let text = event[field].as_str()?;
        let address = match text.strip_suffix("/P") {
            Some(public) => format!("{public}/public"),
            None => format!("{text}/random"),
        };
        Some(address.parse().expect("an address"))
    };
    let peer = address("peer").expect("an address");
    match address("private") {
        Some(from) => Seen {
            from,
            known_as: Some(peer),
        },
        None => Seen {
            from: peer,
            known_as: None,
        },
    }
}

pub fn pair(lock: &mut Script, dongle: &Dongle) {
    let connection = connect(dongle);
    assert_eq!(seen(lock).known_as, None, "a stranger");
    soon(connection.pair()).expect("it pairs");
    lock.event("paired");
    soon(connection.disconnect());
    lock.event("disconnected");
}

#[test]
fn only_a_bonded_device_knows_who_we_are() {
    let with_public = |mut config: ControllerConfig| {
        config.public_address = [1, 2, 3, 4, 5, 6];
        config
    };
    let [with, without] = controllers();
    for config in [with, without.clone(), with_public(without)] {
        for secure in [true, false] {
            let Some(mut bench) = Bench::start() else {
                return;
            };
            bench.configure(json!({"sc": secure}));
            let open = private(&bench, config.clone()).private_address_interval(INTERVAL);
            let open = match config.public_address {
                [0, ..] => open.address(OURS),
                _ => open,
            };
            let dongle = soon(open).expect("the dongle opens");
            let ours = dongle.address().expect("an address");

            // Each side counts with the address that the connection was made from, so that it must
            // not be the first.
            let stranger = visit(&mut bench.lock, &dongle, Level::None);
            let other = another(&mut bench.lock, &dongle, Level::None, stranger.from);
            for stranger in [stranger, other] {
                assert_eq!(stranger.from.kind(), AddressKind::ResolvablePrivate);
                assert_eq!(stranger.known_as, None);
            }
            pair(&mut bench.lock, &dongle);
            let friend = visit(&mut bench.lock, &dongle, Level::Encrypted);
            assert_eq!(friend.known_as, Some(ours));
        }
    }
}

#[test]
fn our_address_changes_though_the_radio_is_never_free_and_a_bonded_device_knows_each() {
    for config in controllers() {
        let Some(mut bench) = Bench::start() else {
            return;
        };
        let (controller, channel) = bench.air.attach(config);
        let open = Dongle::on(channel).address(OURS).privacy(true);
        let dongle = soon(open.private_address_interval(INTERVAL)).expect("the dongle opens");
        pair(&mut bench.lock, &dongle);
        let absent = Address::random([0xC1, 9, 9, 9, 9, 9]);
        let _scan = dongle.scan().start().expect("it scans");
        let _waiting = dongle.device(absent).stay_connected();
        let mut before = visit(&mut bench.lock, &dongle, Level::Encrypted).from;
        for _ in 0..2 {
            let now = another(&mut bench.lock, &dongle, Level::Encrypted, before);
            assert_eq!(now.from.kind(), AddressKind::ResolvablePrivate);
            assert_eq!(now.known_as, Some(OURS));
            before = now.from;
        }
        assert_eq!(controller.violations(), 0);
    }
}

#[test]
fn an_attempt_to_connect_goes_on_from_another_address() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    let (controller, channel) = bench.air.attach(ControllerConfig::default());
    let open = Dongle::on(channel).privacy(true);
    let dongle = soon(open.private_address_interval(INTERVAL)).expect("the dongle opens");
    bench.tell("hide");
    let device = device(&dongle);
    let connecting = std::thread::spawn(move || soon(device.connect().no_timeout()));
    soon(until("it looks for it", || controller.is_initiating()));
    let before = controller.random_address().map(of);
    soon(until("it looks for it from another address", || {
        controller.is_initiating() && controller.random_address().map(of) != before
    }));
    bench.tell("show");
    let connection = connecting.join().expect("no panic");
    let connection = connection.expect("the device is there");
    assert_ne!(Some(seen(&mut bench.lock).from), before);
    assert_eq!(connection.device().address(), ADDRESS);
}

/// The same address as the dongle knows it.
fn of(address: dongle_virtual::Address) -> Address {
    let mut octets = address.bytes;
    octets.reverse();
    Address::random(octets)
}

#[test]
fn the_key_lasts_as_long_as_the_bonds() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    let folder = Folder::new();
    let open = |bench: &Bench| {
        let open = private(bench, ControllerConfig::default()).address(OURS);
        soon(open.bond_store(folder.store())).expect("the dongle opens")
    };
    let dongle = open(&bench);
    pair(&mut bench.lock, &dongle);
    let before = visit(&mut bench.lock, &dongle, Level::Encrypted);
    soon(dongle.close());

    let dongle = open(&bench);
    let now = visit(&mut bench.lock, &dongle, Level::Encrypted);
    assert_eq!(now.known_as, Some(OURS));
    assert_ne!(now.from, before.from);
    assert!(!format!("{dongle:?}").contains("irk"));
}

#[test]
fn a_key_that_can_not_be_kept_is_told_before_anybody_gets_it() {
    let Some(bench) = Bench::start() else {
        return;
    };
    let folder = Folder::new();
    let file = folder.path().join("a file, not a folder");
    std::fs::create_dir_all(folder.path()).expect("a folder");
    std::fs::write(&file, "").expect("a file");
    let open = private(&bench, ControllerConfig::default()).address(OURS);
    let store = dongle::security::FileStore::in_folder(file);
    let opened = soon(open.bond_store(store));
    assert!(
        matches!(opened, Err(dongle::Error::BondStore(_))),
        "{opened:?}"
    );
}

/// It would look for the key of a stranger at our next address.
#[test]
fn a_device_that_does_not_take_what_tells_our_addresses_is_not_bonded() {
    let world = World::new();
    let open = world.dongle().0.privacy(true);
    let dongle = soon(open.bond_store(MemoryStore::default())).expect("the dongle opens");
    let mut peer = Peer::new(&world);
    let connection = crate::smp::connect(&dongle, &mut peer);
    let pairing = crate::smp::pair(&connection);
    Pairing::just_works(&mut peer);
    let security = pairing.join().expect("no panic").expect("it pairs");
    assert_eq!(security.level(), Level::Encrypted);
    assert!(!security.bonded);
    assert!(dongle.bonds().is_empty());
}

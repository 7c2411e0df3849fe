//! Peers that pair as they should not. Each is refused with a reason, and whoever pairs by the book
//! afterwards can.

mod bonds;
mod keys;
pub mod order;
mod people;

use dongle::security::{IoCapabilities, Level, PairingFailure, Security, SecurityError};
use dongle::{DeviceConnection, Dongle, Error};
use dongle_tests::bench::soon;

use crate::lock::{Asked, Person, person};
use crate::smp::pairing::LEGACY;
use crate::smp::{Attempt, Pairing, Peer, World, connect, pair};

fn nobody() -> Person {
    person(IoCapabilities::NoInputNoOutput).0
}

/// A dongle, the peer, and a connection between them.
fn connected(person: Person) -> (World, Dongle, Peer, DeviceConnection) {
    let world = World::new();
    let dongle = soon(world.dongle().0.agent(person)).expect("the dongle opens");
    let mut peer = Peer::new(&world);
    let connection = connect(&dongle, &mut peer);
    (world, dongle, peer, connection)
}

#[track_caller]
fn done(pairing: Attempt) -> Result<Security, Error> {
    pairing.join().expect("no panic")
}

#[track_caller]
fn refused(pairing: Attempt, why: PairingFailure) {
    match done(pairing) {
        Err(Error::Security(SecurityError::RejectedByUs(reason))) => assert_eq!(reason, why),
        other => panic!("{other:?}"),
    }
}

/// The next attempt on the same connection works.
#[track_caller]
fn and_the_next_works(connection: &DeviceConnection, peer: &mut Peer) {
    assert_eq!(connection.security().level(), Level::None);
    let pairing = pair(connection);
    Pairing::just_works(peer);
    assert_eq!(done(pairing).expect("it pairs").level(), Level::Encrypted);
}

#[test]
fn by_the_book_it_pairs() {
    for legacy in [false, true] {
        let (_world, _dongle, mut peer, connection) = connected(nobody());
        let pairing = pair(&connection);
        if legacy {
            let mut book = Pairing::begin(&mut peer, LEGACY);
            book.finish_legacy(0);
        } else {
            Pairing::just_works(&mut peer);
        }
        let security = done(pairing).expect("it pairs");
        assert_eq!(security.level(), Level::Encrypted);
        assert_eq!(security.secure_connections, !legacy);
        assert!(security.bonded);
    }
}

#[test]
fn by_the_book_with_a_passkey_or_numbers_it_is_authenticated_but_not_by_legacy_pairing() {
    for legacy in [false, true] {
        let (agent, mut us) = person(IoCapabilities::KeyboardOnly);
        let (_world, _dongle, mut peer, connection) = connected(agent);
        let pairing = pair(&connection);
        let display = if legacy {
            [0, 0, 5, 16, 0, 1]
        } else {
            [0, 0, 13, 16, 0, 0]
        };
        let mut book = Pairing::begin(&mut peer, display);
        us.answer(Some(123_456));
        if legacy {
            book.finish_legacy(123_456);
        } else {
            book = book.exchange_keys();
            book.passkey(123_456);
            assert!(book.check(123_456));
            book.encrypt();
        }
        assert_eq!(us.next(), Asked::Enter);
        assert_eq!(done(pairing).expect("it pairs").authenticated, !legacy);
    }
    let (agent, mut us) = person(IoCapabilities::DisplayYesNo);
    let (_world, _dongle, mut peer, connection) = connected(agent);
    let pairing = pair(&connection);
    let mut book = Pairing::begin(&mut peer, [1, 0, 13, 16, 0, 0]).exchange_keys();
    let number = book.compare();
    assert_eq!(us.next(), Asked::Compare(number));
    us.answer(Some(1));
    assert!(book.check(0));
    book.encrypt();
    let level = done(pairing).expect("it pairs").level();
    assert_eq!(level, Level::SecureConnections);
}

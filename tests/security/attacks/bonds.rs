//! Peers that pair for less than there was, uninvited, or under the name of another.

use std::future::IntoFuture as _;
use std::thread;
use std::time::Duration;

use dongle::security::{IoCapabilities, Key, Level, OutOfBand, PairingFailure, SecurityError};
use dongle::{Address, Error};
use dongle_tests::bench::soon;
use futures_lite::future::poll_once;

use super::{and_the_next_works, connected, done, nobody, refused};
use crate::lock::person;
use crate::smp::pairing::{IRK, code, resolvable};
use crate::smp::{
    PEER, Pairing, Peer, World, connect, connect_bonded, crypto, device_address, pair, pair_safely,
};

/// BIAS and BLURtooth on LE: whoever says that the key is lost is paired anew, with less.
#[test]
fn a_bonded_device_is_not_paired_with_less() {
    let (agent, us) = person(IoCapabilities::KeyboardOnly);
    let (_world, dongle, mut peer, connection) = connected(agent);
    let pairing = pair(&connection);
    us.answer(Some(123_456));
    let key = Pairing::by_passkey(&mut peer, 123_456);
    let before = done(pairing).expect("it pairs");
    assert_eq!(before.level(), Level::SecureConnections);
    soon(connection.disconnect());
    peer.disconnected();

    // Another, at the same address, without the key: no word of pairing goes out.
    peer.advertise();
    let connecting = thread::spawn({
        let device = dongle.device(PEER);
        move || soon(device.connect()).map(|_| ())
    });
    peer.connected();
    peer.refuse_key();
    let lost = connecting.join().expect("no panic");
    assert!(
        matches!(lost, Err(Error::Security(SecurityError::BondLost))),
        "{lost:?}"
    );
    assert!(!peer.hears_within(Duration::from_millis(100)));
    peer.disconnected();

    // With the key it is as safe as ever.
    let connection = connect_bonded(&dongle, &mut peer, &key);
    assert_eq!(connection.security(), before);
}

/// Who stays connected to a device is told that it has lost its key, as who connects once is.
#[test]
fn who_stays_connected_learns_that_the_bond_is_lost() {
    let (_world, dongle, mut peer, connection) = connected(nobody());
    let pairing = pair(&connection);
    Pairing::just_works(&mut peer);
    done(pairing).expect("it pairs");
    soon(connection.disconnect());
    peer.disconnected();

    peer.advertise();
    let mut connections = dongle.device(PEER).stay_connected();
    let connecting = thread::spawn(move || {
        let lost = soon(connections.next()).map(|_| ());
        (lost, soon(connections.next()).map(|_| ()))
    });
    peer.connected();
    peer.refuse_key();
    let (lost, again) = connecting.join().expect("no panic");
    for told in [lost, again] {
        assert!(
            matches!(told, Err(Error::Security(SecurityError::BondLost))),
            "{told:?}"
        );
    }

    // The way on, where a person says that it is the same device.
    peer.disconnected();
    assert!(dongle.forget(PEER).expect("it is kept"));
    peer.advertise();
    let connection = soon(dongle.device(PEER).stay_connected().next()).expect("it connects");
    peer.connected();
    assert_eq!(connection.security().level(), Level::None);
}

/// A device that was paired by nobody's help is paired again for more, and offers less.
#[test]
fn what_is_paired_again_for_more_does_not_become_less() {
    let (_world, dongle, mut peer, connection) = connected(nobody());
    let pairing = pair(&connection);
    let key = Pairing::just_works(&mut peer);
    done(pairing).expect("it pairs");
    soon(connection.disconnect());
    peer.disconnected();

    let connection = connect_bonded(&dongle, &mut peer, &key);
    let (agent, _) = person(IoCapabilities::KeyboardOnly);
    let pairing = pair_safely(&connection, agent);
    // It was by LE Secure Connections, and legacy is less.
    Pairing::begin(&mut peer, [0, 0, 5, 16, 0, 1]);
    assert_eq!(
        peer.refused(),
        PairingFailure::AUTHENTICATION_REQUIREMENTS.0
    );
    refused(pairing, PairingFailure::AUTHENTICATION_REQUIREMENTS);
    assert_eq!(connection.security().level(), Level::Encrypted);

    let (agent, _) = person(IoCapabilities::KeyboardOnly);
    let pairing = pair_safely(&connection, agent);
    let _ = Pairing::begin(&mut peer, [3, 0, 9, 16, 0, 0]);
    assert_eq!(
        peer.refused(),
        PairingFailure::AUTHENTICATION_REQUIREMENTS.0
    );
    refused(pairing, PairingFailure::AUTHENTICATION_REQUIREMENTS);

    let (agent, us) = person(IoCapabilities::KeyboardOnly);
    let pairing = pair_safely(&connection, agent);
    us.answer(Some(123_456));
    Pairing::by_passkey(&mut peer, 123_456);
    let level = done(pairing).expect("it pairs").level();
    assert_eq!(level, Level::SecureConnections);
}

#[test]
fn nobody_is_paired_uninvited() {
    let (_world, _dongle, mut peer, connection) = connected(nobody());
    peer.send(code::SECURITY_REQUEST, &[0x0D]);
    peer.send(code::REQUEST, &[3, 0, 9, 16, 0, 0]);
    peer.send(code::RESPONSE, &[3, 0, 9, 16, 0, 0]);
    peer.send(
        code::PUBLIC_KEY,
        &crypto::Pair::numbered(7).public.to_wire(),
    );
    peer.send(code::CONFIRM, &[1; 16]);
    assert!(!peer.hears_within(Duration::from_millis(200)));
    and_the_next_works(&connection, &mut peer);
}

/// A device that pairs and says that it is another, which there is a bond with.
#[test]
fn nobody_takes_the_bond_of_another() {
    const OTHER: Address = Address::random([0xF1, 1, 1, 1, 1, 1]);
    let (world, dongle, mut peer, connection) = connected(nobody());
    let pairing = pair(&connection);
    Pairing::just_works(&mut peer);
    done(pairing).expect("it pairs");
    let before = dongle.bonds();
    assert_eq!(before.len(), 1);

    let with_identity = [3, 0, 9, 16, 0, 2];
    // From an address that changes, which its key resolves.
    let private = Address::random(resolvable(&IRK, [1, 2, 3]));
    // From one that its key does not resolve, and from a lasting one.
    let stranger = Address::random(resolvable(&[1; 16], [1, 2, 3]));
    for (from, pairs) in [(private, false), (stranger, true), (OTHER, true)] {
        let mut thief = Peer::at(&world, from);
        let connection = connect(&dongle, &mut thief);
        let pairing = pair(&connection);
        let mut book = Pairing::begin(&mut thief, with_identity).exchange_keys();
        book.compare();
        assert!(book.check(0));
        book.encrypt();
        book.give_identity(IRK, device_address(PEER));
        match (pairs, done(pairing)) {
            (false, Err(Error::Security(SecurityError::IdentityTaken))) => {
                assert_eq!(connection.security().level(), Level::None);
            }
            (true, Ok(_)) => {}
            other => panic!("{from}: {other:?}"),
        }
        soon(connection.disconnect());
        thief.disconnected();
        assert_eq!(dongle.identity(private), None, "{from}");
    }
    // The last is known by the address it was paired under, the one before not at all.
    let addresses: Vec<Address> = dongle.bonds().iter().map(|bond| bond.address).collect();
    assert_eq!(addresses, [PEER, OTHER]);
    assert_eq!(dongle.bonds()[0], before[0]);

    // And the first is still itself.
    soon(connection.disconnect());
}

#[test]
fn a_private_device_is_known_by_its_identity() {
    const IDENTITY: Address = Address::random([0xF2, 2, 2, 2, 2, 2]);
    let world = World::new();
    let dongle = soon(world.dongle().0).expect("the dongle opens");
    let mut peer = Peer::at(&world, Address::random(resolvable(&IRK, [1, 2, 3])));
    let connection = connect(&dongle, &mut peer);
    let pairing = pair(&connection);
    let mut book = Pairing::begin(&mut peer, [3, 0, 9, 16, 0, 2]).exchange_keys();
    book.compare();
    assert!(book.check(0));
    book.encrypt();
    book.give_identity(IRK, device_address(IDENTITY));
    assert!(done(pairing).expect("it pairs").bonded);
    assert_eq!(dongle.bonds()[0].address, IDENTITY);
    let later = Address::random(resolvable(&IRK, [4, 5, 6]));
    assert_eq!(dongle.identity(later), Some(IDENTITY));
}

/// It is connected under one address still when it is wanted again, and comes back under another.
#[test]
fn a_private_device_is_found_again_though_its_last_connection_is_just_ending() {
    const IDENTITY: Address = Address::random([0xF2, 2, 2, 2, 2, 2]);
    let world = World::new();
    let dongle = soon(world.dongle().0).expect("the dongle opens");
    let private = |number| Address::random(resolvable(&IRK, [number, 2, 3]));
    let mut peer = Peer::at(&world, private(1));
    let connection = connect(&dongle, &mut peer);
    let pairing = pair(&connection);
    let mut book = Pairing::begin(&mut peer, [3, 0, 9, 16, 0, 2]).exchange_keys();
    book.compare();
    assert!(book.check(0));
    book.encrypt();
    let key = book.key;
    book.give_identity(IRK, device_address(IDENTITY));
    done(pairing).expect("it pairs");

    let mut ending = Box::pin(connection.disconnect());
    let mut again = Box::pin(dongle.device(IDENTITY).connect().no_timeout().into_future());
    assert!(soon(poll_once(&mut ending)).is_none());
    assert!(soon(poll_once(&mut again)).is_none());
    let again = thread::spawn(move || soon(again));
    soon(ending);
    peer.disconnected();
    peer.go_by(private(9));
    peer.connected();
    assert!(peer.encrypt(&key));
    let connection = again.join().expect("no panic").expect("it connects");
    assert_eq!(connection.device().address(), IDENTITY);
}

#[test]
fn a_key_that_is_not_kept_is_no_bond() {
    // Legacy pairing of a peer that wants a bond and gives no key to keep.
    let (_world, dongle, mut peer, connection) = connected(nobody());
    let pairing = pair(&connection);
    let mut book = Pairing::begin(&mut peer, [3, 0, 1, 16, 0, 0]);
    book.legacy(0);
    book.encrypt();
    let security = done(pairing).expect("it pairs");
    assert!(!security.bonded);
    assert_eq!(dongle.bonds(), []);
}

/// Each central that a device is bonded with has the key that tells its addresses, and could give it as its
/// own.
#[test]
fn nobody_takes_the_changing_addresses_of_another() {
    const IDENTITY: Address = Address::random([0xF2, 2, 2, 2, 2, 2]);
    let world = World::new();
    let dongle = soon(world.dongle().0).expect("the dongle opens");
    let private = |number| Address::random(resolvable(&IRK, [number, 2, 3]));
    let bond = |at: Address, identity: Address| {
        let mut peer = Peer::at(&world, at);
        let connection = connect(&dongle, &mut peer);
        let pairing = pair(&connection);
        let mut book = Pairing::begin(&mut peer, [3, 0, 9, 16, 0, 2]).exchange_keys();
        book.compare();
        assert!(book.check(0));
        book.encrypt();
        book.give_identity(IRK, device_address(identity));
        done(pairing).expect("it pairs");
        soon(connection.disconnect());
        peer.disconnected();
    };
    bond(private(1), IDENTITY);
    for number in 0..4 {
        let thief = Address::random([0xF4, 0, 0, 0, 0, number]);
        bond(thief, thief);
    }
    assert_eq!(dongle.bonds().len(), 5);
    for number in 2..6 {
        assert_eq!(dongle.identity(private(number)), Some(IDENTITY));
    }
}

/// Without a bond, too.
#[test]
fn what_is_authenticated_without_a_bond_does_not_become_less() {
    let data = OutOfBand::Legacy(Key::new([7; 16]));
    let (_world, _dongle, mut peer, connection) = connected(nobody().with_oob(Some(data)));
    let pairing = thread::spawn({
        let connection = connection.clone();
        move || soon(connection.pair().bond(false).authenticated())
    });
    let mut book = Pairing::begin(&mut peer, [3, 1, 4, 16, 0, 0]);
    book.legacy_with([7; 16]);
    book.encrypt();
    let before = done(pairing).expect("it pairs");
    assert_eq!(before.level(), Level::Authenticated);
    let more = thread::spawn({
        let connection = connection.clone();
        move || soon(connection.pair().secure_connections().agent(nobody()))
    });
    Pairing::begin(&mut peer, [3, 0, 8, 16, 0, 0]);
    assert_eq!(
        peer.refused(),
        PairingFailure::AUTHENTICATION_REQUIREMENTS.0
    );
    refused(more, PairingFailure::AUTHENTICATION_REQUIREMENTS);
    assert_eq!(connection.security(), before);
}

/// A pairing goes on though nobody waits for it; the next demands more, and waits for its turn.
#[test]
fn who_demands_more_after_a_pairing_that_nobody_waited_for_has_it() {
    let world = World::new();
    let dongle = soon(world.dongle().0).expect("the dongle opens");
    let mut peer = Peer::new(&world);
    let connection = connect(&dongle, &mut peer);
    let given_up = soon(connection.pair().timeout(Duration::from_millis(100)));
    assert!(matches!(given_up, Err(Error::Timeout)), "{given_up:?}");
    let (agent, us) = person(IoCapabilities::KeyboardOnly);
    us.answer(Some(123_456));
    let more = pair_safely(&connection, agent);
    Pairing::just_works(&mut peer);
    let key = Pairing::by_passkey(&mut peer, 123_456);
    let security = done(more).expect("it pairs");
    assert_eq!(security.level(), Level::SecureConnections);
    soon(connection.disconnect());
    peer.disconnected();
    // The key that is kept is the one that the peer has.
    let connection = connect_bonded(&dongle, &mut peer, &key);
    assert_eq!(connection.security(), security);
}

//! Peers that pair as they should not. Each is refused with a reason, and whoever pairs by the book
//! afterwards can.

use std::future::IntoFuture as _;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dongle::security::{
    IoCapabilities, Key, Level, OobData, OutOfBand, PairingFailure, Security, SecurityError,
};
use dongle::{Address, DeviceConnection, Dongle, Error};
use dongle_tests::bench::soon;

use crate::lock::{Asked, Person, person};
use crate::smp::pairing::{IRK, LEGACY, SECURE, code, resolvable};
use crate::smp::{PEER, Pairing, Peer, World, crypto, device_address};

type Pairs = JoinHandle<Result<Security, Error>>;

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

fn connect(dongle: &Dongle, peer: &mut Peer) -> DeviceConnection {
    let connection = soon(dongle.device(peer.address).connect()).expect("the peer is there");
    peer.connected();
    connection
}

fn pair(connection: &DeviceConnection) -> Pairs {
    let connection = connection.clone();
    thread::spawn(move || soon(connection.pair()))
}

#[track_caller]
fn done(pairing: Pairs) -> Result<Security, Error> {
    pairing.join().expect("no panic")
}

#[track_caller]
fn refused(pairing: Pairs, why: PairingFailure) {
    match done(pairing) {
        Err(Error::Security(SecurityError::Refused(reason))) => assert_eq!(reason, why),
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
            book.legacy(0);
            book.encrypt();
            book.give_key([9; 16], 0x1234, [8; 8]);
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
fn by_the_book_with_a_passkey_or_numbers_it_is_authenticated() {
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
            book.legacy(123_456);
            book.encrypt();
            book.give_key([9; 16], 0x1234, [8; 8]);
        } else {
            book = book.exchange_keys();
            book.passkey(123_456);
            assert!(book.check(123_456));
            book.encrypt();
        }
        assert_eq!(us.next(), Asked::Enter);
        assert!(done(pairing).expect("it pairs").authenticated);
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

/// CVE-2018-5383: the coordinates of a public key that are not checked lead to another curve.
#[test]
fn a_point_that_is_not_on_the_curve_is_refused() {
    let (_world, _dongle, mut peer, connection) = connected(nobody());
    let good = crypto::Pair::numbered(7).public.to_wire();
    let mut no_y = good;
    no_y[32..].fill(0);
    let mut beside = good;
    beside[32] ^= 1;
    for point in [no_y, beside, [0; 64], [0xFF; 64]] {
        let pairing = pair(&connection);
        let book = Pairing::begin(&mut peer, SECURE).their_key();
        book.peer.send(code::PUBLIC_KEY, &point);
        assert_eq!(peer.refused(), PairingFailure::DHKEY_CHECK_FAILED.0);
        refused(pairing, PairingFailure::DHKEY_CHECK_FAILED);
    }
    and_the_next_works(&connection, &mut peer);
}

/// CVE-2020-26558: with our own key sent back, our own confirm values give the passkey away. Only
/// X counts, and each X has two points.
#[test]
fn our_own_public_key_is_refused_with_either_sign() {
    let (agent, _us) = person(IoCapabilities::KeyboardOnly);
    let (_world, _dongle, mut peer, connection) = connected(agent);
    for negated in [false, true] {
        let pairing = pair(&connection);
        let book = Pairing::begin(&mut peer, [0, 0, 13, 16, 0, 0]).their_key();
        let point = match negated {
            false => book.theirs,
            true => book.theirs.negated(),
        };
        book.peer.send(code::PUBLIC_KEY, &point.to_wire());
        assert_eq!(peer.refused(), PairingFailure::INVALID_PARAMETERS.0);
        refused(pairing, PairingFailure::INVALID_PARAMETERS);
    }
    and_the_next_works(&connection, &mut peer);
}

#[test]
fn a_public_key_in_crumbs_is_refused() {
    let (_world, _dongle, mut peer, connection) = connected(nobody());
    for crumb in [1, 2, 5, 10] {
        let pairing = pair(&connection);
        let book = Pairing::begin(&mut peer, SECURE).their_key();
        let reflected = book.theirs.to_wire();
        let frame = [&[65, 0, 6, 0, code::PUBLIC_KEY], reflected.as_slice()].concat();
        for (number, part) in frame.chunks(4 + crumb).enumerate() {
            peer.send_fragment(number == 0, part);
        }
        assert_eq!(peer.refused(), PairingFailure::INVALID_PARAMETERS.0);
        refused(pairing, PairingFailure::INVALID_PARAMETERS);
    }
    and_the_next_works(&connection, &mut peer);
}

#[test]
fn our_own_confirm_value_is_refused() {
    for legacy in [true, false] {
        let (agent, us) = person(IoCapabilities::KeyboardOnly);
        let (_world, _dongle, mut peer, connection) = connected(agent);
        let pairing = pair(&connection);
        us.answer(Some(123_456));
        let book = match legacy {
            true => Pairing::begin(&mut peer, [0, 0, 5, 16, 0, 1]),
            false => Pairing::begin(&mut peer, [0, 0, 13, 16, 0, 0]).exchange_keys(),
        };
        let theirs = book.peer.expect(code::CONFIRM);
        peer.send(code::CONFIRM, &theirs);
        assert_eq!(peer.refused(), PairingFailure::CONFIRM_VALUE_FAILED.0);
        refused(pairing, PairingFailure::CONFIRM_VALUE_FAILED);
        and_the_next_works(&connection, &mut peer);
    }
}

/// KNOB on LE: a key made so short that it can be guessed.
#[test]
fn a_key_shorter_than_demanded_is_refused() {
    let (_world, _dongle, mut peer, connection) = connected(nobody());
    for (auth, size) in [(9, 7), (9, 15), (1, 7), (1, 15)] {
        let pairing = pair(&connection);
        Pairing::begin(&mut peer, [3, 0, auth, size, 0, 1]);
        assert_eq!(peer.refused(), PairingFailure::ENCRYPTION_KEY_SIZE.0);
        refused(pairing, PairingFailure::ENCRYPTION_KEY_SIZE);
    }
    for size in [0, 6, 17, 0xFF] {
        let pairing = pair(&connection);
        Pairing::begin(&mut peer, [3, 0, 9, size, 0, 0]);
        assert_eq!(peer.refused(), PairingFailure::INVALID_PARAMETERS.0);
        refused(pairing, PairingFailure::INVALID_PARAMETERS);
    }
    and_the_next_works(&connection, &mut peer);
}

#[test]
fn a_short_key_that_is_allowed_is_told() {
    let (_world, _dongle, mut peer, connection) = connected(nobody());
    let pairing = thread::spawn({
        let connection = connection.clone();
        move || soon(connection.pair().min_key_size(7))
    });
    let mut book = Pairing::begin(&mut peer, [3, 0, 1, 7, 0, 1]);
    book.legacy(0);
    // The nine most significant octets are zeros.
    book.key[..9].fill(0);
    book.encrypt();
    book.give_key([9; 16], 1, [8; 8]);
    let security = done(pairing).expect("it pairs");
    assert_eq!(security.key_size, 7);
    assert_eq!(security.level(), Level::Encrypted);
}

/// BIAS and BLURtooth on LE: whoever says that the key is lost is paired anew, with less.
#[test]
fn a_bonded_device_is_not_paired_with_less() {
    let (agent, us) = person(IoCapabilities::KeyboardOnly);
    let (_world, dongle, mut peer, connection) = connected(agent);
    let pairing = pair(&connection);
    us.answer(Some(123_456));
    let mut book = Pairing::begin(&mut peer, [0, 0, 13, 16, 0, 0]).exchange_keys();
    book.passkey(123_456);
    assert!(book.check(123_456));
    book.encrypt();
    let key = book.key;
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
    peer.advertise();
    let connecting = thread::spawn({
        let device = dongle.device(PEER);
        move || soon(device.connect())
    });
    peer.connected();
    assert!(peer.encrypt(&key));
    let connection = connecting.join().expect("no panic").expect("it connects");
    assert_eq!(connection.security(), before);
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

    peer.advertise();
    let connecting = thread::spawn({
        let device = dongle.device(PEER);
        move || soon(device.connect())
    });
    peer.connected();
    assert!(peer.encrypt(&key));
    let connection = connecting.join().expect("no panic").expect("it connects");
    let (agent, _) = person(IoCapabilities::KeyboardOnly);
    let pairing = thread::spawn({
        let connection = connection.clone();
        move || soon(connection.pair().authenticated().agent(agent))
    });
    // It was by LE Secure Connections, and legacy is less.
    Pairing::begin(&mut peer, [0, 0, 5, 16, 0, 1]);
    assert_eq!(
        peer.refused(),
        PairingFailure::AUTHENTICATION_REQUIREMENTS.0
    );
    refused(pairing, PairingFailure::AUTHENTICATION_REQUIREMENTS);
    assert_eq!(connection.security().level(), Level::Encrypted);

    let (agent, _) = person(IoCapabilities::KeyboardOnly);
    let pairing = thread::spawn({
        let connection = connection.clone();
        move || soon(connection.pair().authenticated().agent(agent))
    });
    let _ = Pairing::begin(&mut peer, [3, 0, 9, 16, 0, 0]);
    assert_eq!(
        peer.refused(),
        PairingFailure::AUTHENTICATION_REQUIREMENTS.0
    );
    refused(pairing, PairingFailure::AUTHENTICATION_REQUIREMENTS);

    let (agent, us) = person(IoCapabilities::KeyboardOnly);
    let pairing = thread::spawn({
        let connection = connection.clone();
        move || soon(connection.pair().authenticated().agent(agent))
    });
    us.answer(Some(123_456));
    let mut book = Pairing::begin(&mut peer, [0, 0, 13, 16, 0, 0]).exchange_keys();
    book.passkey(123_456);
    assert!(book.check(123_456));
    book.encrypt();
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

/// Who does not enter a passkey pairs with nobody: not with one who knows what is entered then in
/// its place, if anything is.
#[test]
fn a_passkey_that_was_not_entered_pairs_with_nobody() {
    for legacy in [false, true] {
        let (agent, us) = person(IoCapabilities::KeyboardOnly);
        let (_world, _dongle, mut peer, connection) = connected(agent);
        let pairing = pair(&connection);
        us.answer(None);
        match legacy {
            true => _ = Pairing::begin(&mut peer, [0, 0, 5, 16, 0, 1]),
            false => _ = Pairing::begin(&mut peer, [0, 0, 13, 16, 0, 0]).exchange_keys(),
        }
        // No confirm value came before it.
        assert_eq!(peer.refused(), PairingFailure::PASSKEY_ENTRY_FAILED.0);
        refused(pairing, PairingFailure::PASSKEY_ENTRY_FAILED);
        and_the_next_works(&connection, &mut peer);
    }
}

/// What is not there is zeros to trouble-host, and who is in between can have zeros, too.
#[test]
fn data_that_did_not_go_by_another_way_pairs_with_nobody() {
    let secure = |peer: bool, local: bool| {
        let data = |octet| OobData {
            random: Key::new([octet; 16]),
            confirm: Key::new([octet; 16]),
        };
        OutOfBand::SecureConnections {
            peer: peer.then(|| data(5)),
            local: local.then(|| data(6)),
        }
    };
    let legacy = || OutOfBand::Legacy(Key::new([7; 16]));
    // What the application has; the peer's OOB flag, and its AuthReq: 1 legacy, 9 Secure Connections.
    for (data, flag, auth) in [
        (None, 1, 1),
        (None, 0, 9),
        (None, 1, 9),
        // The key for one version, and the peer takes the other.
        (Some(secure(true, true)), 1, 1),
        (Some(secure(true, false)), 1, 1),
        (Some(legacy()), 0, 9),
        (Some(legacy()), 1, 9),
        // The peer was given ours, and somebody in between says that it was not.
        (Some(secure(false, true)), 0, 9),
        (Some(secure(false, false)), 1, 9),
    ] {
        let shown = format!("{data:?}, flag {flag}, AuthReq {auth}");
        let (_world, _dongle, mut peer, connection) = connected(nobody().with_oob(data));
        let pairing = pair(&connection);
        let book = Pairing::begin(&mut peer, [3, flag, auth, 16, 0, 1]);
        if auth == 9 {
            let _ = book.exchange_keys();
        }
        // No confirm value, and no random one.
        assert_eq!(
            peer.refused(),
            PairingFailure::OOB_NOT_AVAILABLE.0,
            "{shown}"
        );
        refused(pairing, PairingFailure::OOB_NOT_AVAILABLE);
    }
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

#[test]
fn each_pairing_has_a_passkey_of_its_own() {
    let (agent, mut us) = person(IoCapabilities::DisplayOnly);
    let (_world, _dongle, mut peer, connection) = connected(agent);
    let mut shown = Vec::new();
    for _ in 0..3 {
        let pairing = pair(&connection);
        let book = Pairing::begin(&mut peer, [2, 0, 13, 16, 0, 0]).exchange_keys();
        book.peer.expect(code::CONFIRM);
        peer.send(code::FAILED, &[PairingFailure::CONFIRM_VALUE_FAILED.0]);
        let Asked::Display(passkey) = us.next() else {
            panic!("nothing to show")
        };
        shown.push(passkey);
        match done(pairing) {
            Err(Error::Security(SecurityError::Peer(PairingFailure::CONFIRM_VALUE_FAILED))) => {}
            other => panic!("{other:?}"),
        }
        // Its own answer to ours.
        peer.expect(code::FAILED);
    }
    // One in a million that two are the same.
    assert!(shown[0] != shown[1] || shown[1] != shown[2], "{shown:?}");
}

/// Only what we send gives a pairing another 30 s (Core Vol 3 Part H, 3.4).
#[test]
fn a_peer_can_not_keep_a_pairing_from_ending() {
    let (_world, _dongle, mut peer, connection) = connected(nobody());
    let begun = Instant::now();
    let pairing = thread::spawn({
        let connection = connection.clone();
        // Longer than `soon` waits.
        move || futures_lite::future::block_on(connection.pair().into_future())
    });
    let book = Pairing::begin(&mut peer, SECURE).exchange_keys();
    while !pairing.is_finished() && begun.elapsed() < Duration::from_secs(40) {
        book.peer.send(code::KEYPRESS, &[1]);
        book.peer.send(code::SECURITY_REQUEST, &[1]);
        book.peer.hears_within(Duration::from_secs(2));
    }
    let result = done(pairing);
    assert!(
        matches!(result, Err(Error::Security(SecurityError::Timeout))),
        "{result:?}"
    );
    assert!((30..35).contains(&begun.elapsed().as_secs()));
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let (_world, _dongle, mut peer, connection) = connected(nobody());
    // A confirm value that is not of the random that follows.
    let pairing = pair(&connection);
    let book = Pairing::begin(&mut peer, SECURE).exchange_keys();
    book.peer.send(code::CONFIRM, &[1; 16]);
    book.peer.expect(code::RANDOM);
    peer.send(code::RANDOM, &[2; 16]);
    let why = peer.refused();
    refused(pairing, PairingFailure(why));
    // A check of another key.
    let pairing = pair(&connection);
    let mut book = Pairing::begin(&mut peer, SECURE).exchange_keys();
    book.compare();
    book.peer.expect(code::DHKEY_CHECK);
    peer.send(code::DHKEY_CHECK, &[3; 16]);
    assert_eq!(peer.refused(), PairingFailure::DHKEY_CHECK_FAILED.0);
    refused(pairing, PairingFailure::DHKEY_CHECK_FAILED);
    and_the_next_works(&connection, &mut peer);
}

#[test]
fn what_makes_no_sense_ends_the_pairing_and_nothing_else() {
    let (_world, dongle, mut peer, connection) = connected(nobody());
    for (code, parameters) in [
        // Out of turn.
        (code::DHKEY_CHECK, vec![0; 16]),
        (code::IDENTITY_INFORMATION, vec![1; 16]),
        (code::RANDOM, vec![1; 16]),
        // Of another length.
        (code::RESPONSE, vec![3, 0, 9, 16, 0]),
        (code::RESPONSE, vec![3, 0, 9, 16, 0, 0, 0]),
        (code::CONFIRM, vec![1; 15]),
        (code::PUBLIC_KEY, vec![1; 63]),
        (code::FAILED, vec![]),
    ] {
        let pairing = pair(&connection);
        peer.expect(code::REQUEST);
        peer.send(code, &parameters);
        peer.refused();
        let result = done(pairing);
        assert!(
            matches!(
                result,
                Err(Error::Security(
                    SecurityError::Refused(_) | SecurityError::Host
                ))
            ),
            "{code:02X}: {result:?}"
        );
        assert!(connection.is_connected());
    }
    // Out of turn later on, trouble-host ends the connection, too.
    let pairing = pair(&connection);
    let book = Pairing::begin(&mut peer, SECURE).exchange_keys();
    book.peer.send(code::DHKEY_CHECK, &[0; 16]);
    let result = done(pairing);
    assert!(
        matches!(
            result,
            Err(Error::Disconnected(_)
                | Error::Security(SecurityError::Refused(PairingFailure::UNSPECIFIED)))
        ),
        "{result:?}"
    );
    peer.disconnected();
    peer.advertise();
    let connection = connect(&dongle, &mut peer);

    // What nobody knows yet is to be ignored (Core Vol 3 Part H, 3.3).
    let pairing = pair(&connection);
    let mut book = Pairing::begin(&mut peer, SECURE).exchange_keys();
    book.peer.send(0x0F, &[0]);
    book.peer.send(0xFF, &[0; 20]);
    book.compare();
    assert!(book.check(0));
    book.encrypt();
    done(pairing).expect("it pairs");
    assert!(dongle.failure().is_none());
}

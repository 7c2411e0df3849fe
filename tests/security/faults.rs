//! Pairings that do not come to their end, at each of their steps, and controllers that can't
//! encrypt.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use dongle::security::{IoCapabilities, Level, PairingFailure, SecurityError};
use dongle::{Address, DeviceConnection, Dongle, Error, Reason};
use dongle_tests::bench::soon;
use dongle_virtual::AirController;

use crate::lock::person;
use crate::smp::pairing::{LEGACY, SECURE, code};
use crate::smp::{Pairing, Peer, World, connect, connect_bonded, pair, pair_safely};

const ENABLE_ENCRYPTION: u16 = 0x2019;

struct Two {
    world: World,
    dongle: Dongle,
    controller: AirController,
    peer: Peer,
}

fn two() -> Two {
    let world = World::new();
    let (open, controller) = world.dongle();
    let dongle = soon(open).expect("the dongle opens");
    let peer = Peer::new(&world);
    Two {
        world,
        dongle,
        controller,
        peer,
    }
}

fn connecting(dongle: &Dongle, peer: &Peer) -> JoinHandle<Result<DeviceConnection, Error>> {
    let device = dongle.device(peer.address);
    thread::spawn(move || soon(device.connect().no_timeout()))
}

/// Takes a pairing by LE Secure Connections so many steps far.
pub fn secure(peer: &mut Peer, steps: usize) {
    if steps == 0 {
        return;
    }
    let mut book = Pairing::asked(peer);
    if steps > 1 {
        book = book.respond(SECURE);
    }
    if steps > 2 {
        book = book.exchange_keys();
    }
    if steps > 3 {
        book.compare();
    }
    if steps > 4 {
        assert!(book.check(0));
    }
}

/// The same by legacy pairing.
fn legacy(peer: &mut Peer, steps: usize) {
    let mut book = Pairing::begin(peer, LEGACY);
    if steps > 0 {
        book.legacy(0);
    }
    if steps > 1 {
        book.encrypt();
    }
}

#[test]
fn whichever_step_the_link_ends_at_it_is_told_and_the_next_connection_can_pair() {
    let Two {
        world: _world,
        dongle,
        mut peer,
        ..
    } = two();
    for steps in 0..8 {
        let connection = connect(&dongle, &mut peer);
        let pairing = pair(&connection);
        match steps {
            0..=5 => secure(&mut peer, steps),
            _ => legacy(&mut peer, steps - 5),
        }
        peer.disconnect(0x15);
        let result = pairing.join().expect("no panic");
        assert!(
            matches!(result, Err(Error::Disconnected(_))),
            "{steps}: {result:?}"
        );
        peer.disconnected();
        peer.advertise();
    }
    let connection = connect(&dongle, &mut peer);
    let pairing = pair(&connection);
    Pairing::just_works(&mut peer);
    pairing.join().expect("no panic").expect("it pairs");
}

#[test]
fn whichever_step_the_peer_gives_up_at_its_reason_is_told_and_the_next_attempt_works() {
    let Two {
        world: _world,
        dongle,
        mut peer,
        ..
    } = two();
    let connection = connect(&dongle, &mut peer);
    for (steps, reason) in [
        (1, PairingFailure::PAIRING_NOT_SUPPORTED),
        (1, PairingFailure::REPEATED_ATTEMPTS),
        (1, PairingFailure(0x10)),
        (2, PairingFailure::AUTHENTICATION_REQUIREMENTS),
        (3, PairingFailure::UNSPECIFIED),
        (4, PairingFailure::NUMERIC_COMPARISON_FAILED),
        (4, PairingFailure(0xEE)),
    ] {
        let pairing = pair(&connection);
        secure(&mut peer, steps);
        if steps > 1 {
            // What it has sent before comes first.
            while steps == 2 && peer.received().0 != code::PUBLIC_KEY {}
            while steps == 4 && peer.received().0 != code::DHKEY_CHECK {}
        }
        peer.send(code::FAILED, &[reason.0]);
        match pairing.join().expect("no panic") {
            Err(Error::Security(SecurityError::RejectedByPeer(why))) => assert_eq!(why, reason),
            other => panic!("{steps}: {other:?}"),
        }
    }
    let pairing = pair(&connection);
    Pairing::just_works(&mut peer);
    pairing.join().expect("no panic").expect("it pairs");
}

#[test]
fn two_devices_are_paired_at_the_same_time() {
    const OTHER: Address = Address::random([0xF3, 3, 3, 3, 3, 3]);
    let Two {
        world,
        dongle,
        mut peer,
        ..
    } = two();
    let mut other = Peer::at(&world, OTHER);
    let first = connect(&dongle, &mut peer);
    let second = connect(&dongle, &mut other);
    let pairings = [pair(&first), pair(&second)];
    let one = thread::spawn(move || {
        Pairing::just_works(&mut peer);
        peer
    });
    let two = thread::spawn(move || {
        Pairing::just_works(&mut other);
        other
    });
    for pairing in pairings {
        pairing.join().expect("no panic").expect("it pairs");
    }
    let mut peers = [one, two].map(|peer| peer.join().expect("no panic"));
    assert_eq!(dongle.bonds().len(), 2);

    // The other is paired while one is in the middle, and stays there.
    for peer in [&first, &second] {
        soon(peer.disconnect());
    }
    for bond in dongle.bonds() {
        dongle.forget(bond.address).expect("it is kept");
    }
    let [one, two] = &mut peers;
    for peer in [&mut *one, &mut *two] {
        peer.disconnected();
        peer.advertise();
    }
    let first = connect(&dongle, one);
    let second = connect(&dongle, two);
    let gone = pair(&first);
    secure(one, 3);
    let other = pair(&second);
    Pairing::just_works(two);
    other.join().expect("no panic").expect("it pairs");
    assert!(!gone.is_finished());
    one.disconnect(0x13);
    let gone = gone.join().expect("no panic");
    assert!(matches!(gone, Err(Error::Disconnected(_))), "{gone:?}");
}

#[test]
fn a_device_that_was_paired_is_paired_again_for_more_on_the_same_connection() {
    let Two {
        world: _world,
        dongle,
        mut peer,
        ..
    } = two();
    let connection = connect(&dongle, &mut peer);
    let pairing = pair(&connection);
    Pairing::just_works(&mut peer);
    let level = pairing.join().expect("no panic").expect("it pairs").level();
    assert_eq!(level, Level::Encrypted);

    let (agent, us) = person(IoCapabilities::KeyboardOnly);
    let pairing = pair_safely(&connection, agent);
    us.answer(Some(123_456));
    Pairing::by_passkey(&mut peer, 123_456);
    let level = pairing.join().expect("no panic").expect("it pairs").level();
    assert_eq!(level, Level::SecureConnections);
    assert_eq!(dongle.bonds().len(), 1);
}

#[test]
fn many_who_pair_at_once_all_pair() {
    let Two { world, dongle, .. } = two();
    let mut served = Vec::new();
    let mut pairings = Vec::new();
    for number in 0..12 {
        let mut peer = Peer::at(&world, Address::random([0xF8, 0, 0, 0, 0, number]));
        let connection = connect(&dongle, &mut peer);
        pairings.push(pair(&connection));
        served.push(thread::spawn(move || {
            Pairing::just_works(&mut peer);
            peer
        }));
    }
    for pairing in pairings {
        pairing.join().expect("no panic").expect("it pairs");
    }
    assert_eq!(dongle.bonds().len(), 12);
    let served: Vec<_> = served.into_iter().map(|peer| peer.join()).collect();
    assert!(served.iter().all(Result::is_ok));
}

#[test]
fn a_controller_that_refuses_to_encrypt_says_so_and_the_next_attempt_works() {
    let Two {
        world: _world,
        dongle,
        controller,
        mut peer,
    } = two();
    // Unknown command; unsupported feature; busy.
    for status in [0x01, 0x11, 0x3A] {
        let connection = connect(&dongle, &mut peer);
        controller.refuse(ENABLE_ENCRYPTION, Some(status));
        let pairing = pair(&connection);
        secure(&mut peer, 5);
        match pairing.join().expect("no panic") {
            Err(Error::Hci(told)) => assert_eq!(told, status),
            other => panic!("{other:?}"),
        }
        assert_eq!(connection.security().level(), Level::None);
        controller.refuse(ENABLE_ENCRYPTION, None);
        soon(connection.disconnect());
        peer.disconnected();
        peer.advertise();
    }
    let connection = connect(&dongle, &mut peer);
    let pairing = pair(&connection);
    let key = Pairing::just_works(&mut peer);
    pairing.join().expect("no panic").expect("it pairs");
    soon(connection.disconnect());
    peer.disconnected();

    // With a bond, too.
    controller.refuse(ENABLE_ENCRYPTION, Some(0x3A));
    peer.advertise();
    let refused = soon(dongle.device(peer.address).connect()).map(|_| ());
    assert!(matches!(refused, Err(Error::Hci(0x3A))), "{refused:?}");
    peer.connected();
    peer.disconnected();
    controller.refuse(ENABLE_ENCRYPTION, None);
    let connection = connect_bonded(&dongle, &mut peer, &key);
    assert_eq!(connection.security().level(), Level::Encrypted);
}

/// A device that has the key and does not say so: the link layer gives it 40 s.
pub fn a_device_that_never_answers_an_encryption_holds_nobody_up() {
    let Two {
        world: _world,
        dongle,
        mut peer,
        ..
    } = two();
    let connection = connect(&dongle, &mut peer);
    let pairing = pair(&connection);
    Pairing::just_works(&mut peer);
    pairing.join().expect("no panic").expect("it pairs");
    soon(connection.disconnect());
    peer.disconnected();

    // Who does not want to wait for that does not have to.
    peer.advertise();
    let impatient = dongle.device(peer.address).connect();
    let error = soon(impatient.timeout(Duration::from_secs(1))).expect_err("not encrypted");
    assert!(error.is_timeout(), "{error}");
    peer.disconnected();

    peer.advertise();
    let patient = dongle.device(peer.address).connect().no_timeout();
    match soon(patient).map(|_| ()) {
        // LMP Response Timeout / LL Response Timeout.
        Err(Error::Disconnected(Reason::Hci(0x22))) => {}
        other => panic!("{other:?}"),
    }
}

/// The link layer has its own limit, and ends the link (Core Vol 6 Part B, 5.2); this is about a
/// controller that has none.
pub fn a_controller_that_never_ends_an_encryption_holds_nobody_up() {
    let Two {
        world: _world,
        dongle,
        controller,
        mut peer,
    } = two();
    let connection = connect(&dongle, &mut peer);
    let pairing = pair(&connection);
    let key = Pairing::just_works(&mut peer);
    pairing.join().expect("no panic").expect("it pairs");
    soon(connection.disconnect());
    peer.disconnected();

    // The next LE Enable Encryption has a Command Status, success, and nothing else.
    controller.leave_unanswered(ENABLE_ENCRYPTION, true);
    peer.advertise();
    let attempt = connecting(&dongle, &peer);
    peer.connected();
    let [low, high] = ENABLE_ENCRYPTION.to_le_bytes();
    while !attempt.is_finished() {
        // Nothing here tells when the command has come; before it, this is not heard, so it comes
        // again and again.
        controller.inject(&[0x04, 0x0F, 4, 0, 1, low, high]);
        thread::sleep(Duration::from_millis(100));
    }
    peer.disconnected();
    match attempt.join().expect("no panic").map(|_| ()) {
        Err(Error::Security(SecurityError::Timeout)) => {}
        other => panic!("{other:?}"),
    }

    controller.leave_unanswered(ENABLE_ENCRYPTION, false);
    let connection = connect_bonded(&dongle, &mut peer, &key);
    assert_eq!(connection.security().level(), Level::Encrypted);
}

#[test]
fn bonded_devices_that_connect_at_once_are_all_encrypted() {
    let Two { world, dongle, .. } = two();
    let peers: Vec<_> = (0..6)
        .map(|number| {
            let mut peer = Peer::at(&world, Address::random([0xF9, 0, 0, 0, 0, number]));
            let connection = connect(&dongle, &mut peer);
            let pairing = pair(&connection);
            let key = Pairing::just_works(&mut peer);
            pairing.join().expect("no panic").expect("it pairs");
            soon(connection.disconnect());
            peer.disconnected();
            (peer, key)
        })
        .collect();
    let mut running = Vec::new();
    for (mut peer, key) in peers {
        peer.advertise();
        let device = dongle.device(peer.address);
        let connecting = thread::spawn(move || soon(device.connect()));
        let serving = thread::spawn(move || {
            peer.connected();
            assert!(peer.encrypt(&key));
            peer
        });
        running.push((connecting, serving));
    }
    for (connecting, serving) in running {
        let connection = connecting.join().expect("no panic").expect("it connects");
        assert_eq!(connection.security().level(), Level::Encrypted);
        serving.join().expect("the key is right");
    }
}

/// What a person does not answer while the pairing ends is asked no more.
#[test]
fn a_question_ends_with_its_pairing() {
    let Two {
        world: _world,
        dongle,
        mut peer,
        ..
    } = two();
    let connection = connect(&dongle, &mut peer);
    let (agent, mut us) = person(IoCapabilities::KeyboardOnly);
    let pairing = thread::spawn({
        let connection = connection.clone();
        move || soon(connection.pair().agent(agent))
    });
    let book = Pairing::begin(&mut peer, [0, 0, 13, 16, 0, 0]).exchange_keys();
    us.next();
    book.peer
        .send(code::FAILED, &[PairingFailure::UNSPECIFIED.0]);
    match pairing.join().expect("no panic") {
        Err(Error::Security(SecurityError::RejectedByPeer(PairingFailure::UNSPECIFIED))) => {}
        other => panic!("{other:?}"),
    }
    let pairing = pair(&connection);
    Pairing::just_works(&mut peer);
    pairing.join().expect("no panic").expect("it pairs");
}

//! Calls that a device refuses for lack of security.

use std::thread;
use std::time::Duration;

use dongle::security::{IoCapabilities, Level, SecurityError};
use dongle::{Characteristic, DeviceConnection, Error, ErrorCode, Uuid};
use dongle_tests::bench::soon;
use dongle_tests::peer::Server;
use futures_lite::future::zip;
use serde_json::json;
use std::future::IntoFuture as _;

use crate::lock::{Asked, Bench, connect, person};
use crate::smp::pairing::LEGACY;
use crate::smp::{Pairing, Peer, World};

const ENCRYPTED: u16 = 0xFF02;
const AUTHENTICATED: u16 = 0xFF03;
const NEVER: u16 = 0xFF04;

fn secret(connection: &DeviceConnection, uuid: u16) -> Characteristic {
    let service = soon(connection.service(Uuid::from_u16(0xFF00))).expect("a service");
    soon(service.characteristic(Uuid::from_u16(uuid))).expect("a characteristic")
}

#[test]
fn a_refused_read_pairs_once_and_is_repeated() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({}));
    let dongle = soon(bench.dongle()).expect("the dongle opens");
    let connection = connect(&dongle);
    let secret = secret(&connection, ENCRYPTED);
    let (one, two) = soon(zip(
        secret.read().into_future(),
        secret.read().into_future(),
    ));
    assert_eq!(one.expect("it is read"), b"encrypted");
    assert_eq!(two.expect("it is read"), b"encrypted");
    assert_eq!(connection.security().level(), Level::Encrypted);
    bench.lock.event("paired");
    assert!(
        bench
            .lock
            .event_within("paired", Duration::from_millis(200))
            .is_none()
    );

    soon(connection.disconnect());
    let connection = connect(&dongle);
    let requests = connection.requests();
    let secret = self::secret(&connection, ENCRYPTED);
    soon(secret.write(b"new")).expect("it is written");
    assert_eq!(soon(secret.read()).expect("it is read"), b"new");
    assert!(connection.requests() > requests);
}

#[test]
fn a_refused_write_pairs_as_the_person_helps() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({"io": "display", "mitm": true}));
    let (agent, mut us) = person(IoCapabilities::KeyboardOnly);
    let dongle = soon(bench.dongle().agent(agent)).expect("the dongle opens");
    let connection = connect(&dongle);
    let secret = secret(&connection, AUTHENTICATED);
    let reading = thread::spawn(move || soon(secret.read()));
    assert_eq!(us.next(), Asked::Enter);
    let passkey = bench.lock.event("display")["number"]
        .as_u64()
        .expect("a number");
    us.answer(Some(passkey as u32));
    assert_eq!(
        reading.join().expect("no panic").expect("it is read"),
        b"authenticated"
    );
    assert_eq!(connection.security().level(), Level::SecureConnections);
}

#[test]
fn what_pairing_can_not_help_stays_refused() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({}));
    let dongle = soon(bench.dongle()).expect("the dongle opens");
    let connection = connect(&dongle);
    // Nobody is there to authenticate: pairing is Just Works, and that is not enough.
    let refused = soon(secret(&connection, NEVER).read()).expect_err("it is refused");
    let code = refused.att().map(|error| error.code);
    assert_eq!(
        code,
        Some(ErrorCode::INSUFFICIENT_AUTHENTICATION),
        "{refused}"
    );
    bench.lock.event("paired");
}

#[test]
fn two_calls_share_the_failure_of_the_pairing_they_caused() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({"accept": false}));
    let dongle = soon(bench.dongle()).expect("the dongle opens");
    let connection = connect(&dongle);
    let secret = secret(&connection, ENCRYPTED);
    let (one, two) = soon(zip(
        secret.read().into_future(),
        secret.read().into_future(),
    ));
    for result in [one, two] {
        let peer = matches!(
            result,
            Err(Error::Security(SecurityError::RejectedByPeer(_)))
        );
        assert!(peer, "{result:?}");
    }
    bench.lock.event("pairing_failed");
    assert!(
        bench
            .lock
            .event_within("pairing_failed", Duration::from_millis(200))
            .is_none()
    );
}

#[test]
fn it_can_be_switched_off() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({}));
    let dongle = soon(bench.dongle().pair_on_demand(false)).expect("the dongle opens");
    let connection = connect(&dongle);
    let secret = secret(&connection, ENCRYPTED);
    let refused = soon(secret.read()).expect_err("it is refused");
    assert!(refused.att().is_some(), "{refused}");
    soon(connection.pair()).expect("it pairs");
    assert_eq!(soon(secret.read()).expect("it is read"), b"encrypted");
}

/// A connection to a scripted peer, its heart-rate service, and a characteristic to be read.
fn scripted(
    person: crate::lock::Person,
) -> (World, Peer, DeviceConnection, Server, Characteristic) {
    let world = World::new();
    let dongle = soon(world.dongle().0.agent(person)).expect("the dongle opens");
    let mut peer = Peer::new(&world);
    let connection = soon(dongle.device(peer.address).connect()).expect("the peer is there");
    peer.connected();
    let (server, _) = Server::heart_rate(247);
    let finding = thread::spawn({
        let connection = connection.clone();
        move || {
            let service = soon(connection.service(Uuid::from_u16(0x180D))).expect("a service");
            soon(service.characteristic(Uuid::from_u16(0x2A38))).expect("a characteristic")
        }
    });
    peer.serve(&server, None, || finding.is_finished());
    let characteristic = finding.join().expect("no panic");
    (world, peer, connection, server, characteristic)
}

/// A device that knows legacy pairing alone, which has been paired with without its passkey.
#[test]
fn a_device_that_wants_its_passkey_after_all_is_given_it_by_legacy_pairing_too() {
    let (agent, us) = person(IoCapabilities::KeyboardOnly);
    let (_world, mut peer, connection, server, secret) = scripted(agent);
    for display in [false, true] {
        us.answer(Some(123_456));
        let reading = thread::spawn({
            let secret = secret.clone();
            move || soon(secret.read())
        });
        peer.serve(&server, Some(0x05), || false);
        let mut response = LEGACY;
        if display {
            response[0] = 0;
        }
        let mut book = Pairing::begin(&mut peer, response);
        book.finish_legacy(if display { 123_456 } else { 0 });
        peer.serve(&server, None, || reading.is_finished());
        assert_eq!(reading.join().expect("no panic").expect("it is read"), [1]);
        assert_eq!(connection.security().level(), Level::Encrypted);
    }
}

#[test]
fn each_refusal_for_lack_of_security_pairs_once() {
    // Insufficient Authentication, Encryption Key Size Too Short, Insufficient Encryption.
    for code in [0x05, 0x0C, 0x0F] {
        let (agent, _) = person(IoCapabilities::NoInputNoOutput);
        let (_world, mut peer, connection, server, secret) = scripted(agent);
        let reading = thread::spawn(move || soon(secret.read()));
        peer.serve(&server, Some(code), || false);
        Pairing::just_works(&mut peer);
        peer.serve(&server, None, || reading.is_finished());
        assert_eq!(
            reading.join().expect("no panic").expect("it is read"),
            [1],
            "{code:02X}"
        );
        assert_eq!(connection.security().level(), Level::Encrypted);
    }
}

#[test]
fn a_refusal_that_pairing_does_not_help_against_is_told_after_one() {
    for code in [0x05, 0x0C, 0x0F] {
        let (agent, _) = person(IoCapabilities::NoInputNoOutput);
        let (_world, mut peer, _connection, server, secret) = scripted(agent);
        let reading = thread::spawn(move || soon(secret.read()));
        peer.serve(&server, Some(code), || false);
        Pairing::just_works(&mut peer);
        peer.serve(&server, Some(code), || reading.is_finished());
        let refused = reading
            .join()
            .expect("no panic")
            .expect_err("it is refused");
        assert_eq!(refused.att().map(|error| error.code), Some(ErrorCode(code)));
    }
    // And others do not pair at all: Read Not Permitted, Insufficient Authorization.
    for code in [0x02, 0x08] {
        let (agent, _) = person(IoCapabilities::NoInputNoOutput);
        let (_world, mut peer, connection, server, secret) = scripted(agent);
        let reading = thread::spawn(move || soon(secret.read()));
        peer.serve(&server, Some(code), || reading.is_finished());
        let refused = reading
            .join()
            .expect("no panic")
            .expect_err("it is refused");
        assert_eq!(refused.att().map(|error| error.code), Some(ErrorCode(code)));
        assert_eq!(connection.security().level(), Level::None);
    }
}

/// What the person of a peer could make sure of, if there is one, is made sure of at once; and a device of
/// legacy pairing has its passkey, which it takes for enough.
#[test]
fn with_a_person_there_the_first_pairing_asks_for_the_passkey() {
    for (legacy, level) in [(true, Level::Encrypted), (false, Level::SecureConnections)] {
        let (agent, us) = person(IoCapabilities::KeyboardOnly);
        let (_world, mut peer, connection, server, secret) = scripted(agent);
        us.answer(Some(123_456));
        let reading = thread::spawn(move || soon(secret.read()));
        peer.serve(&server, Some(0x05), || false);
        if legacy {
            let mut display = LEGACY;
            display[0] = 0;
            let mut book = Pairing::begin(&mut peer, display);
            book.finish_legacy(123_456);
        } else {
            Pairing::by_passkey(&mut peer, 123_456);
        }
        peer.serve(&server, None, || reading.is_finished());
        assert_eq!(reading.join().expect("no panic").expect("it is read"), [1]);
        assert_eq!(connection.security().level(), level);
    }
}

//! Every way to pair, in both versions, and the ways it fails.

use std::future::IntoFuture as _;
use std::thread;
use std::time::{Duration, Instant};

use dongle::Error;
use dongle::security::{
    IoCapabilities, Key, Level, OobData, OutOfBand, PairingFailure, Security, SecurityError,
};
use dongle_tests::bench::{STALL, soon};
use serde_json::json;

use crate::lock::{Asked, Bench, Person, connect, person};
use crate::smp::{self, Pairing, Peer, World, connect_bonded};

/// Pairs while the test plays both persons; what came of it, and what Bumble says.
fn pair(
    bench: &mut Bench,
    person: Person,
    play: impl FnOnce(&mut Bench),
) -> (Result<Security, Error>, bool) {
    let dongle = soon(bench.dongle().agent(person)).expect("the dongle opens");
    let connection = connect(&dongle);
    let pairing = thread::spawn({
        let connection = connection.clone();
        move || soon(connection.pair())
    });
    play(bench);
    let result = pairing.join().expect("no panic");
    let paired = match &result {
        Ok(security) => {
            assert_eq!(connection.security(), *security);
            bench.lock.event("paired");
            true
        }
        Err(_) => bench
            .lock
            .event_within("paired", Duration::from_millis(100))
            .is_some(),
    };
    soon(connection.disconnect());
    bench.lock.event("disconnected");
    soon(dongle.close());
    (result, paired)
}

fn nobody() -> Person {
    person(IoCapabilities::NoInputNoOutput).0
}

#[test]
fn just_works_in_both_versions() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    for (sc, level) in [(true, Level::Encrypted), (false, Level::Encrypted)] {
        bench.configure(json!({"io": "none", "sc": sc}));
        let (result, _) = pair(&mut bench, nobody(), |_| ());
        let security = result.expect("it pairs");
        assert_eq!(security.level(), level);
        assert_eq!(security.secure_connections, sc);
        assert_eq!(security.key_size, 16);
        assert!(security.bonded);
        bench.tell("forget");
    }
}

#[test]
fn a_passkey_that_the_device_shows_is_entered_here() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    for (sc, level) in [(true, Level::SecureConnections), (false, Level::Encrypted)] {
        bench.configure(json!({"io": "display", "sc": sc, "mitm": true}));
        let (agent, mut us) = person(IoCapabilities::KeyboardOnly);
        let (result, _) = pair(&mut bench, agent, |bench| {
            assert_eq!(us.next(), Asked::Enter);
            us.answer(Some(shown(bench)));
        });
        assert_eq!(result.expect("it pairs").level(), level, "sc: {sc}");
        bench.tell("forget");
    }
}

#[test]
fn a_passkey_that_is_shown_here_is_entered_on_the_device() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    for (sc, level) in [(true, Level::SecureConnections), (false, Level::Encrypted)] {
        bench.configure(json!({"io": "keyboard", "sc": sc, "mitm": true}));
        let (agent, mut us) = person(IoCapabilities::DisplayOnly);
        let (result, _) = pair(&mut bench, agent, |bench| {
            let Asked::Display(passkey) = us.next() else {
                panic!("nothing to show")
            };
            bench.lock.event("enter");
            bench.answer(passkey);
        });
        assert_eq!(result.expect("it pairs").level(), level, "sc: {sc}");
        bench.tell("forget");
    }
}

#[test]
fn numbers_are_compared_by_secure_connections() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({"io": "yes_no", "mitm": true}));
    let (agent, mut us) = person(IoCapabilities::DisplayYesNo);
    let (result, _) = pair(&mut bench, agent, |bench| {
        let number = bench.lock.event("compare")["number"]
            .as_u64()
            .expect("a number");
        assert_eq!(us.next(), Asked::Compare(number as u32));
        us.answer(Some(1));
        bench.answer(true);
    });
    assert_eq!(result.expect("it pairs").level(), Level::SecureConnections);
}

/// Core Vol 3 Part H, table 2.8: a row for each capability of the device, a letter in it for each of ours. J:
/// Just Works, D: we display, E: we enter, B: both enter, C: both compare.
const METHODS: [(bool, [(&str, &str); 5]); 2] = [
    (
        false,
        [
            ("display", "JJEJE"),
            ("yes_no", "JJEJE"),
            ("keyboard", "DDBJD"),
            ("none", "JJJJJ"),
            ("keyboard_display", "DDEJD"),
        ],
    ),
    (
        true,
        [
            ("display", "JJEJE"),
            ("yes_no", "JCEJC"),
            ("keyboard", "DDBJD"),
            ("none", "JJJJJ"),
            ("keyboard_display", "DCEJC"),
        ],
    ),
];

#[test]
fn whatever_the_two_sides_can_do_they_agree_on_how() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    let ours = [
        IoCapabilities::DisplayOnly,
        IoCapabilities::DisplayYesNo,
        IoCapabilities::KeyboardOnly,
        IoCapabilities::NoInputNoOutput,
        IoCapabilities::KeyboardDisplay,
    ];
    for (sc, rows) in METHODS {
        for (device, row) in rows {
            for (io, method) in ours.into_iter().zip(row.chars()) {
                bench.configure(json!({"io": device, "sc": sc, "mitm": true}));
                let (agent, mut us) = person(io);
                let (result, _) = pair(&mut bench, agent, |bench| match method {
                    'D' => {
                        let Asked::Display(passkey) = us.next() else {
                            panic!("nothing to show")
                        };
                        bench.lock.event("enter");
                        bench.answer(passkey);
                    }
                    'E' => {
                        assert_eq!(us.next(), Asked::Enter);
                        us.answer(Some(shown(bench)));
                    }
                    'B' => {
                        assert_eq!(us.next(), Asked::Enter);
                        us.answer(Some(271_828));
                        bench.lock.event("enter");
                        bench.answer(271_828);
                    }
                    'C' => {
                        let Asked::Compare(number) = us.next() else {
                            panic!("nothing to compare")
                        };
                        assert_eq!(bench.lock.event("compare")["number"], number);
                        us.answer(Some(1));
                        bench.answer(true);
                    }
                    _ => {}
                });
                let level = match (method, sc) {
                    // A passkey of legacy pairing makes sure of nobody.
                    ('J', _) | (_, false) => Level::Encrypted,
                    (_, true) => Level::SecureConnections,
                };
                let security = result.expect("it pairs");
                assert_eq!(security.level(), level, "{sc} {device} {io:?}");
                assert_eq!(security.secure_connections, sc);
                bench.tell("forget");
            }
        }
    }
}

#[test]
fn data_that_went_by_another_way_authenticates() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    let tk = [7; 16];
    bench
        .lock
        .command(&json!({"do": "oob_legacy", "tk": "07".repeat(16)}));
    bench.configure(json!({"io": "none", "sc": false, "mitm": true}));
    let agent = nobody().with_oob(Some(OutOfBand::Legacy(Key::new(tk))));
    let (result, _) = pair(&mut bench, agent, |_| ());
    assert_eq!(result.expect("it pairs").level(), Level::Authenticated);
    bench.tell("forget");

    let shared = bench.tell("oob_secure");
    bench.configure(json!({"io": "none", "mitm": true}));
    let key = |name: &str| Key::new(octets(shared[name].as_str().expect("hexadecimal")));
    let peer = OobData {
        random: key("random"),
        confirm: key("confirm"),
    };
    let data = OutOfBand::SecureConnections {
        peer: Some(peer),
        local: None,
    };
    let (result, _) = pair(&mut bench, nobody().with_oob(Some(data)), |_| ());
    assert_eq!(result.expect("it pairs").level(), Level::SecureConnections);
}

/// Data may go one way or both ways, and each authenticates.
#[test]
fn data_of_ours_that_the_device_has_authenticates() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    for both in [false, true] {
        let dongle = soon(bench.dongle()).expect("the dongle opens");
        let ours = soon(dongle.local_oob()).expect("it is open");
        let told = bench.lock.command(&json!({
            "do": "oob_secure",
            "random": hex(ours.random.reveal()),
            "confirm": hex(ours.confirm.reveal()),
        }));
        bench.configure(json!({"io": "none", "mitm": true}));
        let key = |name: &str| Key::new(octets(told[name].as_str().expect("hexadecimal")));
        let data = OutOfBand::SecureConnections {
            peer: both.then(|| OobData {
                random: key("random"),
                confirm: key("confirm"),
            }),
            local: Some(ours),
        };
        let agent = match both {
            true => nobody().with_oob(Some(data)),
            false => nobody().with_local_oob(data),
        };
        let connection = connect(&dongle);
        let security = soon(connection.pair().agent(agent)).expect("it pairs");
        assert_eq!(security.level(), Level::SecureConnections);
        bench.lock.event("paired");
        soon(connection.disconnect());
        bench.lock.event("disconnected");
        soon(dongle.close());
        bench.tell("forget");
    }
}

#[test]
fn a_wrong_passkey_fails_and_the_right_one_works_afterwards() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    for sc in [true, false] {
        bench.configure(json!({"io": "display", "sc": sc, "mitm": true}));
        for offset in [1, 0] {
            let (agent, mut us) = person(IoCapabilities::KeyboardOnly);
            let (result, paired) = pair(&mut bench, agent, |bench| {
                us.next();
                us.answer(Some((shown(bench) + offset) % 1_000_000));
            });
            if offset == 0 {
                result.expect("it pairs");
            } else {
                failed(result, PairingFailure::CONFIRM_VALUE_FAILED);
                assert!(!paired);
            }
        }
        bench.tell("forget");
    }
}

#[test]
fn who_refuses_is_told_apart() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    // The device.
    bench.configure(json!({"accept": false}));
    let (result, _) = pair(&mut bench, nobody(), |_| ());
    match result {
        Err(Error::Security(SecurityError::RejectedByPeer(
            PairingFailure::PAIRING_NOT_SUPPORTED,
        ))) => {}
        other => panic!("{other:?}"),
    }
    // Our person, asked for a passkey, in both versions.
    for sc in [true, false] {
        bench.configure(json!({"io": "display", "sc": sc, "mitm": true}));
        let (agent, mut us) = person(IoCapabilities::KeyboardOnly);
        let (result, _) = pair(&mut bench, agent, |_| {
            us.next();
            us.answer(None);
        });
        refused(result, PairingFailure::PASSKEY_ENTRY_FAILED);
    }
    // Our person, asked to compare.
    bench.configure(json!({"io": "yes_no", "mitm": true}));
    let (agent, mut us) = person(IoCapabilities::DisplayYesNo);
    let (result, _) = pair(&mut bench, agent, |_| {
        us.next();
        us.answer(Some(0));
    });
    refused(result, PairingFailure::NUMERIC_COMPARISON_FAILED);
    // The device's person, asked to compare.
    let (agent, mut us) = person(IoCapabilities::DisplayYesNo);
    let (result, _) = pair(&mut bench, agent, |bench| {
        bench.lock.event("compare");
        us.next();
        us.answer(Some(1));
        bench.answer(false);
    });
    assert!(
        matches!(
            result,
            Err(Error::Security(SecurityError::RejectedByPeer(_)))
        ),
        "{result:?}"
    );
}

#[test]
fn what_is_demanded_is_not_given_up() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    let dongle = soon(bench.dongle().agent(nobody())).expect("the dongle opens");
    bench.configure(json!({"sc": false, "key_size": 7}));
    let connection = connect(&dongle);
    refused(soon(connection.pair()), PairingFailure::ENCRYPTION_KEY_SIZE);
    let legacy = soon(connection.pair().min_key_size(7).secure_connections());
    refused(legacy, PairingFailure::AUTHENTICATION_REQUIREMENTS);
    let authenticated = soon(connection.pair().min_key_size(7).authenticated());
    refused(authenticated, PairingFailure::AUTHENTICATION_REQUIREMENTS);
    soon(connection.disconnect());
    bench.configure(json!({}));
    let connection = connect(&dongle);
    let security = soon(connection.pair().secure_connections()).expect("it pairs");
    assert_eq!(security.key_size, 16);
}

/// Core Vol 3 Part H, 2.3.4: what is too much of a key is zeros. Not with Bumble, which leaves it as it is.
#[test]
fn a_short_key_that_is_allowed_is_the_same_on_both_sides_now_and_the_next_time() {
    for secure in [true, false] {
        for size in [7, 10, 15] {
            let world = World::new();
            let dongle = soon(world.dongle().0.agent(nobody())).expect("the dongle opens");
            let mut peer = Peer::new(&world);
            let connection = smp::connect(&dongle, &mut peer);
            let pairing = thread::spawn({
                let connection = connection.clone();
                move || soon(connection.pair().min_key_size(7))
            });
            // Most significant octet first.
            let short = |mut key: [u8; 16]| {
                key[..16 - usize::from(size)].fill(0);
                key
            };
            let kept = short([7; 16]);
            let kept = match secure {
                true => {
                    let mut book = Pairing::begin(&mut peer, [3, 0, 9, size, 0, 0]).exchange_keys();
                    book.compare();
                    assert!(book.check(0));
                    book.key = short(book.key);
                    book.encrypt();
                    book.key
                }
                false => {
                    let mut book = Pairing::begin(&mut peer, [3, 0, 1, size, 0, 1]);
                    book.legacy(0);
                    book.key = short(book.key);
                    book.encrypt();
                    book.give_key(kept, 0x1234, [8; 8]);
                    kept
                }
            };
            let security = pairing.join().expect("no panic").expect("it pairs");
            assert_eq!(security.key_size, size);
            assert_eq!(security.secure_connections, secure);
            soon(connection.disconnect());
            peer.disconnected();
            let connection = connect_bonded(&dongle, &mut peer, &kept);
            assert_eq!(connection.security(), security);
        }
    }
}

#[test]
fn a_device_that_disconnects_in_the_middle_is_told_and_the_next_attempt_works() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({"io": "display", "mitm": true}));
    let (agent, mut us) = person(IoCapabilities::KeyboardOnly);
    let dongle = soon(bench.dongle().agent(agent)).expect("the dongle opens");
    let connection = connect(&dongle);
    let pairing = thread::spawn(move || soon(connection.pair()));
    us.next();
    bench.tell("disconnect");
    let result = pairing.join().expect("no panic");
    assert!(matches!(result, Err(Error::Disconnected(_))), "{result:?}");
    bench.lock.event("display");

    let connection = connect(&dongle);
    let pairing = thread::spawn(move || soon(connection.pair()));
    us.next();
    us.answer(Some(shown(&mut bench)));
    pairing.join().expect("no panic").expect("it pairs");
}

#[test]
fn a_pairing_that_nobody_waits_for_does_not_stand_in_the_way() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({"io": "display", "mitm": true}));
    let (agent, mut us) = person(IoCapabilities::KeyboardOnly);
    let dongle = soon(bench.dongle().agent(agent)).expect("the dongle opens");
    let connection = connect(&dongle);
    let result = soon(connection.pair().timeout(Duration::from_millis(300)));
    assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
    us.next();
    us.answer(Some(shown(&mut bench)));
    // It goes on to its end, and this is the same one.
    soon(connection.pair()).expect("it pairs");
}

pub fn a_person_who_does_not_answer_ends_the_pairing_and_the_next_connection_can_pair() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({"io": "keyboard", "mitm": true}));
    let (agent, mut us) = person(IoCapabilities::DisplayOnly);
    let dongle = soon(bench.dongle().agent(agent)).expect("the dongle opens");
    let connection = connect(&dongle);
    let begun = Instant::now();
    let result = soon(connection.pair());
    assert!(
        matches!(result, Err(Error::Security(SecurityError::Timeout))),
        "{result:?}"
    );
    // Core Vol 3 Part H, 3.4.
    let (limit, took) = (Duration::from_secs(30), begun.elapsed());
    assert!((limit..limit + STALL).contains(&took), "{took:?}");
    let again = soon(connection.pair());
    assert!(
        matches!(again, Err(Error::Security(SecurityError::Timeout))),
        "{again:?}"
    );
    soon(connection.disconnect());
    us.next();
    bench.lock.event("enter");

    let connection = connect(&dongle);
    let pairing = thread::spawn(move || soon(connection.pair()));
    let Asked::Display(passkey) = us.next() else {
        panic!("nothing to show")
    };
    bench.lock.event("enter");
    bench.answer(passkey);
    pairing.join().expect("no panic").expect("it pairs");
}

#[test]
fn two_who_pair_at_once_pair_once() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({}));
    let dongle = soon(bench.dongle()).expect("the dongle opens");
    let connection = connect(&dongle);
    let (one, two) = soon(async {
        let (one, two) = (connection.pair(), connection.pair());
        futures_lite::future::zip(one.into_future(), two.into_future()).await
    });
    assert_eq!(one.expect("it pairs"), two.expect("it pairs, too"));
    bench.lock.event("paired");
    assert!(
        bench
            .lock
            .event_within("paired", Duration::from_millis(200))
            .is_none()
    );
}

#[test]
fn a_device_that_asks_for_security_is_not_paired_uninvited() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    let dongle = soon(bench.dongle()).expect("the dongle opens");
    let connection = connect(&dongle);
    // The device may learn of it later than we do.
    bench.lock.event("connected");
    bench.tell("request");
    assert!(
        bench
            .lock
            .event_within("paired", Duration::from_millis(300))
            .is_none()
    );
    assert_eq!(connection.security().level(), Level::None);
    soon(connection.pair()).expect("it pairs when it is wanted");
}

/// The passkey that the device shows.
fn shown(bench: &mut Bench) -> u32 {
    bench.lock.event("display")["number"]
        .as_u64()
        .expect("a number") as u32
}

fn refused(result: Result<Security, Error>, why: PairingFailure) {
    match result {
        Err(Error::Security(SecurityError::RejectedByUs(reason))) => assert_eq!(reason, why),
        other => panic!("{other:?}"),
    }
}

/// Whichever side saw it first.
fn failed(result: Result<Security, Error>, why: PairingFailure) {
    match result {
        Err(Error::Security(SecurityError::RejectedByUs(r) | SecurityError::RejectedByPeer(r))) => {
            assert_eq!(r, why);
        }
        other => panic!("{other:?}"),
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn octets(text: &str) -> [u8; 16] {
    let mut octets = [0; 16];
    for (octet, digits) in octets.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).expect("ASCII");
        *octet = u8::from_str_radix(digits, 16).expect("hexadecimal");
    }
    octets
}

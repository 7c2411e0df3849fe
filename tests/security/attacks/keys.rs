//! Keys and confirm values that are not what they should be.

use std::thread;

use dongle::security::{IoCapabilities, Level, PairingFailure};
use dongle_tests::bench::soon;

use super::{and_the_next_works, connected, done, nobody, refused};
use crate::lock::{Asked, person};
use crate::smp::pairing::{SECURE, code};
use crate::smp::{Pairing, crypto, pair};

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
    for crumb in [5, 10, 20] {
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

/// Whoever listens has the key of a pairing in which one side is in debug mode.
#[test]
fn a_key_that_everybody_has_is_neither_kept_nor_enough() {
    let (agent, mut us) = person(IoCapabilities::DisplayYesNo);
    let (_world, dongle, mut peer, connection) = connected(agent);
    let demands = thread::spawn({
        let connection = connection.clone();
        move || soon(connection.pair().secure_connections())
    });
    Pairing::begin(&mut peer, [1, 0, 13, 16, 0, 0])
        .in_debug_mode()
        .exchange_keys();
    assert_eq!(
        peer.refused(),
        PairingFailure::AUTHENTICATION_REQUIREMENTS.0
    );
    refused(demands, PairingFailure::AUTHENTICATION_REQUIREMENTS);

    let pairing = pair(&connection);
    let begun = Pairing::begin(&mut peer, [1, 0, 13, 16, 0, 0]);
    let mut book = begun.in_debug_mode().exchange_keys();
    let number = book.compare();
    assert_eq!(us.next(), Asked::Compare(number));
    us.answer(Some(1));
    assert!(book.check(0));
    book.encrypt();
    let security = done(pairing).expect("it pairs");
    assert_eq!(security.level(), Level::Encrypted);
    assert!(!security.secure_connections && !security.bonded);
    assert!(dongle.bonds().is_empty());
}

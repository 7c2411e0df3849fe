//! Commands that come for ever, do not fit, or make no sense.

use std::time::{Duration, Instant};

use dongle::Error;
use dongle::security::{PairingFailure, SecurityError};
use dongle_tests::bench::STALL;
use dongle_tests::bench::soon;

use super::{and_the_next_works, connected, done, nobody, refused};
use crate::smp::pairing::{SECURE, code};
use crate::smp::{Pairing, connect, pair};

/// Only what we send gives a pairing another 30 s (Core Vol 3 Part H, 3.4).
pub fn a_peer_can_not_keep_a_pairing_from_ending() {
    let (_world, _dongle, mut peer, connection) = connected(nobody());
    let begun = Instant::now();
    let pairing = pair(&connection);
    let book = Pairing::begin(&mut peer, SECURE).exchange_keys();
    while !pairing.is_finished() {
        book.peer.send(code::KEYPRESS, &[1]);
        book.peer.send(code::SECURITY_REQUEST, &[1]);
        book.peer.hears_within(Duration::from_secs(2));
    }
    let result = done(pairing);
    assert!(
        matches!(result, Err(Error::Security(SecurityError::Timeout))),
        "{result:?}"
    );
    let limit = Duration::from_secs(30);
    assert!((limit..limit + STALL).contains(&begun.elapsed()));
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
    let (_world, dongle, mut peer, mut connection) = connected(nobody());
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
                    SecurityError::RejectedByUs(_) | SecurityError::Host
                ))
            ),
            "{code:02X}: {result:?}"
        );
        assert!(connection.is_connected());
        // On a connection on which one was given up, it would be taken for what is left of that.
        soon(connection.disconnect());
        peer.disconnected();
        peer.advertise();
        connection = connect(&dongle, &mut peer);
    }
    // Out of turn later on.
    let pairing = pair(&connection);
    let book = Pairing::begin(&mut peer, SECURE).exchange_keys();
    book.peer.send(code::DHKEY_CHECK, &[0; 16]);
    let result = done(pairing);
    assert!(
        matches!(
            result,
            Err(Error::Security(SecurityError::RejectedByUs(
                PairingFailure::UNSPECIFIED
            )))
        ),
        "{result:?}"
    );
    assert_eq!(peer.refused(), PairingFailure::UNSPECIFIED.0);

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

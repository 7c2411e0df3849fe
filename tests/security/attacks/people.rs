//! What a person did not do, or did for another pairing.

use dongle::Error;
use dongle::security::{IoCapabilities, Key, OobData, OutOfBand, PairingFailure, SecurityError};
use dongle_tests::bench::soon;

use super::{and_the_next_works, connected, done, nobody, refused};
use crate::lock::{Asked, person};
use crate::smp::pairing::code;
use crate::smp::{Pairing, pair, pair_safely};

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

/// Who takes zeros for what is not there pairs with whoever is in between, and has zeros, too.
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
        let _ = Pairing::begin(&mut peer, [3, flag, auth, 16, 0, 1]);
        // No public key, no confirm value, and no random one.
        assert_eq!(
            peer.refused(),
            PairingFailure::OOB_NOT_AVAILABLE.0,
            "{shown}"
        );
        refused(pairing, PairingFailure::OOB_NOT_AVAILABLE);
    }
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
            Err(Error::Security(SecurityError::RejectedByPeer(
                PairingFailure::CONFIRM_VALUE_FAILED,
            ))) => {}
            other => panic!("{other:?}"),
        }
    }
    // One in a million that two are the same.
    assert!(shown[0] != shown[1] || shown[1] != shown[2], "{shown:?}");
}

/// T. Rosa, 2013: who is in between finds the passkey of a legacy pairing from the first confirm value, and a
/// random value that fits what it has committed to. So nothing is committed where it is to make sure.
#[test]
fn a_passkey_of_legacy_pairing_makes_sure_of_nobody() {
    for io in [IoCapabilities::KeyboardOnly, IoCapabilities::DisplayOnly] {
        let (agent, us) = person(io);
        let (_world, _dongle, mut peer, connection) = connected(nobody());
        us.answer(Some(271_828));
        let pairing = pair_safely(&connection, agent);
        let theirs = if io == IoCapabilities::KeyboardOnly {
            0
        } else {
            2
        };
        Pairing::begin(&mut peer, [theirs, 0, 5, 16, 0, 1]);
        assert_eq!(
            peer.refused(),
            PairingFailure::AUTHENTICATION_REQUIREMENTS.0
        );
        refused(pairing, PairingFailure::AUTHENTICATION_REQUIREMENTS);
        and_the_next_works(&connection, &mut peer);
    }
}

/// Where a passkey is demanded, that of legacy pairing will do, and none at all will not.
#[test]
fn who_demands_more_than_just_works_has_it_by_legacy_pairing_too() {
    let (agent, us) = person(IoCapabilities::KeyboardOnly);
    let (_world, _dongle, mut peer, connection) = connected(agent);
    for display in [false, true] {
        let pairing = std::thread::spawn({
            let connection = connection.clone();
            move || soon(connection.pair().not_just_works())
        });
        let io = if display { 0 } else { 3 };
        let mut book = Pairing::begin(&mut peer, [io, 0, 5, 16, 0, 1]);
        if !display {
            assert_eq!(
                peer.refused(),
                PairingFailure::AUTHENTICATION_REQUIREMENTS.0
            );
            refused(pairing, PairingFailure::AUTHENTICATION_REQUIREMENTS);
            continue;
        }
        us.answer(Some(123_456));
        book.finish_legacy(123_456);
        let security = done(pairing).expect("it pairs");
        assert!(security.encrypted && !security.authenticated);
    }
}

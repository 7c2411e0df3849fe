//! What a peer may send, and what it may not. Whole pairings, with a peer that was written independently
//! from the specification, are in `tests/security`.

use std::vec::Vec;

use super::*;
use crate::links::Address;
use crate::security::Key;

/// No input, no output, LE Secure Connections, 16-octet key.
const SECURE: [u8; 7] = [0x02, 3, 0, 0x09, 16, 0, 3];
const LEGACY: [u8; 7] = [0x02, 3, 0, 0x01, 16, 0, 3];

fn address(octet: u8) -> Address {
    Address::random([octet, 2, 3, 4, 5, 0xC6])
}

fn with(wanted: Requirements, io: IoCapabilities, identity: Option<(Key, Address)>) -> Initiator {
    let parties = Parties {
        ours: address(1),
        peers: address(2),
        identity,
    };
    let random = Generator::new(Zeroizing::new([7; 16]));
    Initiator::new(random, wanted, parties, io, false)
}

/// The next command sent.
fn sent(pairing: &mut Initiator) -> Vec<u8> {
    match pairing.next() {
        Next::Send(frame) => frame.to_vec(),
        other => panic!("{other:?}"),
    }
}

/// A pairing whose request was sent.
fn asked(wanted: Requirements, io: IoCapabilities) -> Initiator {
    let mut pairing = with(wanted, io, None);
    assert_eq!(sent(&mut pairing)[0], 0x01);
    pairing
}

fn anything() -> Requirements {
    Requirements {
        min_key_size: 7,
        ..Default::default()
    }
}

/// A pairing with the peer's answer.
fn agreed(response: [u8; 7]) -> Initiator {
    let mut pairing = asked(anything(), IoCapabilities::KeyboardDisplay);
    pairing.received(&response).unwrap();
    pairing
}

fn numbered(code: u8) -> Vec<u8> {
    let mut pdu: Vec<u8> = (0..length(code).unwrap() as u8).collect();
    pdu[0] = code;
    pdu
}

fn refused(why: PairingFailure) -> Result<(), SecurityError> {
    Err(SecurityError::RejectedByUs(why))
}

#[test]
fn the_request_says_what_there_is_and_what_is_wished() {
    let wanted = Requirements::default;
    let identity = || Some((Key::new([1; 16]), address(9)));
    let no_bond = Requirements {
        bond: false,
        ..wanted()
    };
    let sure = Requirements {
        authenticated: true,
        ..wanted()
    };
    let blind = IoCapabilities::NoInputNoOutput;
    for (wanted, io, identity, request) in [
        (wanted(), blind, None, [0x01, 3, 0, 0x09, 16, 0, 3]),
        (sure, blind, None, [0x01, 3, 0, 0x0D, 16, 0, 3]),
        (no_bond, blind, identity(), [0x01, 3, 0, 0x08, 16, 0, 0]),
        (
            wanted(),
            IoCapabilities::KeyboardOnly,
            identity(),
            [0x01, 2, 0, 0x0D, 16, 2, 3],
        ),
    ] {
        assert_eq!(sent(&mut with(wanted, io, identity)), request);
    }
}

#[test]
fn a_short_key_is_refused() {
    let short = [0x02, 3, 0, 0x09, 7, 0, 0];
    let mut pairing = asked(Requirements::default(), IoCapabilities::NoInputNoOutput);
    assert_eq!(
        pairing.received(&short),
        refused(PairingFailure::ENCRYPTION_KEY_SIZE)
    );
    assert_eq!(agreed(short).outcome().key_size, 7);
    for senseless in [0, 6, 17, 255] {
        let mut pairing = asked(anything(), IoCapabilities::NoInputNoOutput);
        assert_eq!(
            pairing.received(&[0x02, 3, 0, 0x09, senseless, 0, 0]),
            refused(PairingFailure::INVALID_PARAMETERS)
        );
    }
}

#[test]
fn a_short_key_is_short() {
    let mut pairing = agreed([0x02, 3, 0, 0x09, 7, 0, 0]);
    pairing.secrets.key = [0xFF; 16];
    pairing.encrypt();
    while let Next::Send(_) = pairing.next() {}
    let key = pairing.outcome().key.map(|key| *key.key.reveal());
    let mut expected = [0xFF; 16];
    expected[7..].fill(0);
    assert_eq!(key, Some(expected));
}

#[test]
fn legacy_pairing_is_refused_where_it_is_not_wanted() {
    let wanted = Requirements {
        secure_connections: true,
        ..Default::default()
    };
    let mut pairing = asked(wanted, IoCapabilities::NoInputNoOutput);
    let refused = refused(PairingFailure::AUTHENTICATION_REQUIREMENTS);
    assert_eq!(pairing.received(&LEGACY), refused);
    let mut pairing = asked(Requirements::default(), IoCapabilities::NoInputNoOutput);
    match cfg!(feature = "legacy-pairing") {
        true => assert_eq!(pairing.received(&LEGACY), Ok(())),
        false => assert_eq!(pairing.received(&LEGACY), refused),
    }
}

#[test]
fn just_works_is_refused_where_a_person_is_wanted() {
    let wanted = Requirements {
        authenticated: true,
        ..Default::default()
    };
    for (response, passes) in [
        ([0x02, 3, 0, 0x0D, 16, 0, 3], false),
        ([0x02, 0, 0, 0x09, 16, 0, 3], true),
        ([0x02, 1, 0, 0x09, 16, 0, 3], true),
        ([0x02, 2, 0, 0x09, 16, 0, 3], true),
        ([0x02, 3, 1, 0x09, 16, 0, 3], true),
        ([0x02, 3, 1, 0x01, 16, 0, 3], false),
    ] {
        let mut pairing = asked(wanted, IoCapabilities::KeyboardDisplay);
        let expected = match passes {
            true => Ok(()),
            false => refused(PairingFailure::AUTHENTICATION_REQUIREMENTS),
        };
        assert_eq!(pairing.received(&response), expected, "{response:?}");
    }
}

#[test]
fn nothing_comes_before_the_answer_and_no_second_one_counts() {
    for code in [0x03, 0x04, 0x06, 0x07, 0x08, 0x09, 0x0C, 0x0D] {
        let mut pairing = asked(anything(), IoCapabilities::NoInputNoOutput);
        assert_eq!(
            pairing.received(&numbered(code)),
            refused(PairingFailure::UNSPECIFIED),
            "{code}"
        );
    }
    let mut pairing = agreed(SECURE);
    assert_eq!(pairing.received(&LEGACY), Ok(()));
    assert!(pairing.outcome().secure_connections);
}

#[test]
fn our_own_public_key_is_refused_with_either_sign() {
    for sign in [0, 1] {
        let mut pairing = agreed(SECURE);
        let mut key = sent(&mut pairing);
        assert_eq!(key[0], 0x0C);
        key[64] ^= sign;
        assert_eq!(
            pairing.received(&key),
            refused(PairingFailure::INVALID_PARAMETERS)
        );
    }
}

#[test]
fn our_own_confirm_value_is_refused() {
    // We enter what the peer shows.
    let mut pairing = agreed([0x02, 0, 0, 0x0D, 16, 0, 0]);
    assert_eq!(sent(&mut pairing)[0], 0x0C);
    let peer = KeyPair::generate(&mut Generator::new(Zeroizing::new([8; 16])));
    let key = Frame::new(code::PAIRING_PUBLIC_KEY, peer.public());
    pairing.received(&key).unwrap();
    assert!(matches!(pairing.next(), Next::Ask(Question::Enter)));
    assert!(matches!(pairing.next(), Next::Wait));
    pairing
        .answered(Answer::Passkey(Passkey::new(123_456)))
        .unwrap();
    let confirm = sent(&mut pairing);
    assert_eq!(confirm[0], 0x03);
    assert_eq!(
        pairing.received(&confirm),
        refused(PairingFailure::CONFIRM_VALUE_FAILED)
    );
}

#[test]
fn what_is_not_answered_ends_the_pairing_with_its_reason() {
    let enter = || {
        let mut pairing = agreed([0x02, 0, 0, 0x0D, 16, 0, 0]);
        pairing.phase = Phase::Person;
        pairing
    };
    for (answer, why) in [
        (Answer::Passkey(None), PairingFailure::PASSKEY_ENTRY_FAILED),
        (
            Answer::Same(false),
            PairingFailure::NUMERIC_COMPARISON_FAILED,
        ),
        (
            Answer::OutOfBand(None, None),
            PairingFailure::OOB_NOT_AVAILABLE,
        ),
    ] {
        assert_eq!(enter().answered(answer), refused(why));
    }
}

#[test]
fn the_peer_may_end_it_at_any_time() {
    let failed = [0x05, 0x08];
    let ended = Err(SecurityError::RejectedByPeer(PairingFailure::UNSPECIFIED));
    for phase in [
        Phase::Response,
        Phase::Person,
        Phase::PublicKey,
        Phase::Confirm,
        Phase::Random,
        Phase::Check,
        Phase::Encryption,
        Phase::Keys,
    ] {
        let mut pairing = agreed(SECURE);
        pairing.phase = phase;
        assert_eq!(pairing.received(&failed), ended, "{phase:?}");
    }
}

#[test]
fn keys_are_waited_for_as_promised_and_taken_in_any_order() {
    let encrypted = |response| {
        let mut pairing = agreed(response);
        pairing.todo.clear();
        pairing.phase = Phase::Encryption;
        pairing.encrypted();
        pairing
    };
    // No keys were agreed on.
    let mut pairing = encrypted([0x02, 3, 0, 0x09, 16, 0, 0]);
    assert!(matches!(pairing.next(), Next::Complete));
    // Keys that LE Secure Connections do not use were agreed on, too.
    let mut pairing = encrypted([0x02, 3, 0, 0x09, 16, 0, 7]);
    pairing.received(&numbered(0x0A)).unwrap();
    pairing.received(&numbered(0x08)).unwrap();
    assert!(matches!(pairing.next(), Next::Wait));
    pairing.received(&numbered(0x09)).unwrap();
    assert!(matches!(pairing.next(), Next::Complete));
    let outcome = pairing.outcome();
    assert!(outcome.irk.is_some() && outcome.identity.is_some());
    // In the reverse order.
    let mut pairing = encrypted(SECURE);
    pairing.received(&numbered(0x09)).unwrap();
    assert!(matches!(pairing.next(), Next::Wait));
    pairing.received(&numbered(0x08)).unwrap();
    assert!(matches!(pairing.next(), Next::Complete));
    // A peer that does not bond still distributes the agreed keys, which are not kept.
    let mut pairing = encrypted([0x02, 3, 0, 0x08, 16, 0, 3]);
    pairing.received(&numbered(0x08)).unwrap();
    assert!(matches!(pairing.next(), Next::Wait));
    pairing.received(&numbered(0x09)).unwrap();
    assert!(matches!(pairing.next(), Next::Complete));
    assert!(pairing.outcome().key.is_none());
}

#[cfg(feature = "legacy-pairing")]
#[test]
fn the_key_of_legacy_pairing_comes_in_two_and_is_as_short_as_agreed() {
    let asked = |order: [u8; 2]| {
        let mut pairing = agreed([0x02, 3, 0, 0x01, 7, 0, 1]);
        pairing.todo.clear();
        pairing.phase = Phase::Encryption;
        pairing.encrypted();
        let [first, second] = order.map(numbered);
        pairing.received(&first).unwrap();
        assert!(matches!(pairing.next(), Next::Wait));
        pairing.received(&second).unwrap();
        assert!(matches!(pairing.next(), Next::Complete));
        pairing.outcome().key.unwrap()
    };
    for order in [[0x06, 0x07], [0x07, 0x06]] {
        let key = asked(order);
        assert_eq!(
            key.key.reveal(),
            &[1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!((key.ediv, key.rand), (0x0201, [3, 4, 5, 6, 7, 8, 9, 10]));
    }
}

#[test]
fn keys_that_mean_nothing_are_none() {
    let mut pairing = agreed(SECURE);
    pairing.phase = Phase::Keys;
    pairing.received(&[&[0x08][..], &[0; 16]].concat()).unwrap();
    // Only legacy pairing uses these.
    pairing.received(&numbered(0x06)).unwrap();
    pairing.received(&numbered(0x07)).unwrap();
    pairing.received(&numbered(0x09)).unwrap();
    let outcome = pairing.outcome();
    assert!(outcome.irk.is_none());
    let key = outcome.key.unwrap();
    assert_eq!((key.ediv, key.rand), (0, [0; 8]));
    // A command out of turn is no key either.
    let mut pairing = agreed(SECURE);
    pairing.phase = Phase::Keys;
    assert_eq!(
        pairing.received(&numbered(0x03)),
        refused(PairingFailure::UNSPECIFIED)
    );
}

#[test]
fn nothing_a_peer_sends_panics() {
    for code in 0..=0x20_u8 {
        for len in 0..70_usize {
            for response in [SECURE, LEGACY, [0x02, 4, 1, 0xFF, 16, 0xFF, 0xFF]] {
                let mut pairing = asked(anything(), IoCapabilities::KeyboardDisplay);
                let _ = pairing.received(&response);
                let mut pdu = std::vec![1; len];
                if let Some(first) = pdu.first_mut() {
                    *first = code;
                }
                for phase in [Phase::Random, Phase::Check, Phase::Keys, Phase::Nothing] {
                    let _ = pairing.received(&pdu);
                    pairing.phase = phase;
                }
            }
        }
    }
}

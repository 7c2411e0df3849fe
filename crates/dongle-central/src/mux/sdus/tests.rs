use super::signals::{NOBODYS, UNACCEPTABLE_PARAMETERS};
use super::*;

const REQUEST: [u8; 18] = [
    14, 0, 5, 0, 0x14, 1, 10, 0, 0x80, 0, 0x40, 0, 0, 1, 0, 1, 1, 0,
];
const CLOSE: [u8; CLOSING] = [1, 0x20, 12, 0, 8, 0, 5, 0, 6, 9, 4, 0, 0x40, 0, 0x41, 0];

/// With channel 0x40 asked for.
fn asked() -> Sdus {
    let mut sdus = Sdus::NONE;
    assert_eq!(sdus.outbound(&mut REQUEST.clone()), Some(0x40));
    sdus
}

/// LE Credit Based Connection Response (Core Vol 3 Part A, 4.23).
fn response(identifier: u8, cid: u16, result: u16) -> [u8; 18] {
    let ([c0, c1], [r0, r1]) = (cid.to_le_bytes(), result.to_le_bytes());
    #[rustfmt::skip]
    let response = [14, 0, 5, 0, 0x15, identifier, 10, 0, c0, c1, 0, 1, 0, 1, 1, 0, r0, r1];
    response
}

/// The request with this identifier is accepted; whether trouble-host hears of it.
fn answer(sdus: &mut Sdus, identifier: u8) -> bool {
    sdus.correct(&mut response(identifier, 0x41, 0))
}

/// With channel 0x40 open.
fn opened() -> Sdus {
    let mut sdus = asked();
    assert!(answer(&mut sdus, 1));
    sdus
}

#[test]
fn nobody_is_heard_on_a_channel_that_is_not_his() {
    let mut sdus = Sdus::NONE;
    assert!(!sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
    let mut sdus = opened();
    assert!(sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
    assert!(!sdus.may_pass(&[2, 0, 0x41, 0, 0, 0]));
    // It was closed, and given to another connection.
    sdus.forget(0x40);
    assert!(!sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
}

#[test]
fn nobody_closes_a_channel_that_is_not_his() {
    let request = |cid| [8, 0, 5, 0, 0x06, 1, 4, 0, cid, 0, 0x41, 0];
    let response = |cid| [8, 0, 5, 0, 0x07, 1, 4, 0, 0x41, 0, cid, 0];
    let mut sdus = opened();
    for cid in [0, 0x40, 0x41] {
        for (frame, at) in [(request(cid), 8), (response(cid), 10)] {
            let (mut corrected, mut expected) = (frame, frame);
            sdus.correct(&mut corrected);
            if cid != 0x40 {
                expected[at..at + 2].copy_from_slice(&NOBODYS);
            }
            assert_eq!(corrected, expected);
        }
    }
}

#[test]
fn nobody_closes_a_channel_that_is_not_open_yet() {
    let request = [8, 0, 5, 0, 0x06, 1, 4, 0, 0x40, 0, 0x41, 0];
    let mut sdus = asked();
    // An answer to something else opens nothing.
    assert!(!answer(&mut sdus, 2));
    let mut corrected = request;
    sdus.correct(&mut corrected);
    assert_eq!(corrected[8..10], NOBODYS);
    answer(&mut sdus, 1);
    let mut corrected = request;
    sdus.correct(&mut corrected);
    assert_eq!(corrected, request);
}

#[test]
fn a_signalling_frame_is_one_command_and_whole() {
    let mut sdus = Sdus::NONE;
    let one = [8, 0, 5, 0, 0x06, 1, 4, 0, 0, 0, 0, 0];
    assert!(sdus.may_pass(&one));
    for len in 0..one.len() {
        assert!(!sdus.may_pass(&one[..len]), "cut at {len}");
    }
    let empty = [4, 0, 5, 0, 0x01, 1, 0, 0];
    assert!(sdus.may_pass(&empty));
    let mut two = [&[12, 0, 5, 0], &empty[4..], &one[4..]].concat();
    assert!(!sdus.may_pass(&two));
    two[0] = 4;
    assert!(!sdus.may_pass(&two), "longer than it says");
}

#[test]
fn only_a_whole_answer_to_a_request_opens_a_channel() {
    let mut sdus = asked();
    // Two octets of parameters.
    assert!(!sdus.correct(&mut [6, 0, 5, 0, 0x15, 1, 2, 0, 0x41, 0]));
    let mut close = [8, 0, 5, 0, 0x06, 1, 4, 0, 0x40, 0, 0x41, 0];
    assert!(sdus.correct(&mut close));
    assert_eq!(close[8..10], NOBODYS);
    assert!(answer(&mut sdus, 1));
    assert!(!answer(&mut sdus, 1), "it is answered already");
}

#[test]
fn a_refused_channel_is_none_and_the_number_of_any_refusal_is_kept() {
    for (result, told) in [
        (2, 2),
        (4, 4),
        (0xB, 0xB),
        (1, 0xB),
        (3, 0xB),
        (0xC, 0xB),
        (0xFFFF, 0xB),
    ] {
        let mut sdus = asked();
        let mut refused = response(1, 0x41, result);
        assert!(sdus.correct(&mut refused));
        assert_eq!(refused, response(1, 0x41, told));
        assert_eq!(sdus.refusal(), result);
        assert!(!sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
        assert!(!answer(&mut sdus, 1), "it is answered already");
    }
}

#[test]
fn an_answer_to_a_request_that_was_given_up_is_not_heard() {
    let mut sdus = asked();
    sdus.give_up();
    assert!(!answer(&mut sdus, 1));
    let mut sdus = opened();
    sdus.give_up();
    assert!(sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]), "it is open");
}

#[test]
fn a_request_that_is_not_understood_is_refused() {
    let sdus = asked();
    let reject = |identifier| [7, 0x20, 10, 0, 6, 0, 5, 0, 0x01, identifier, 2, 0, 0, 0];
    assert_eq!(sdus.rejected(&reject(2)), None);
    let refusal = [
        &[7, 0x20, 18, 0][..],
        &[14, 0, 5, 0, 0x15, 1, 10],
        &[0; 9],
        &[2, 0],
    ]
    .concat();
    assert_eq!(sdus.rejected(&reject(1)).map(|r| r.to_vec()), Some(refusal));
    assert_eq!(opened().rejected(&reject(1)), None);
}

#[test]
fn a_channel_that_is_a_fixed_one_for_the_peer_is_refused() {
    let mut accepted = response(1, 5, 0);
    assert!(asked().correct(&mut accepted));
    assert_eq!(accepted, response(1, 5, UNACCEPTABLE_PARAMETERS));
    let request = |scid| {
        [
            14, 0, 5, 0, 0x14, 1, 10, 0, 0x80, 0, scid, 0, 0, 1, 0, 1, 1, 0,
        ]
    };
    for (scid, spsm) in [(5, 0), (0x3F, 0), (0x40, 0x80)] {
        let (mut corrected, mut expected) = (request(scid), request(scid));
        expected[8] = spsm;
        assert!(Sdus::default().correct(&mut corrected));
        assert_eq!(corrected, expected);
    }
}

#[test]
fn a_channel_that_is_another_one_for_the_peer_is_refused() {
    let mut sdus = opened();
    let mut request = REQUEST;
    (request[5], request[10]) = (2, 0x42);
    assert_eq!(sdus.outbound(&mut request), Some(0x42));
    let mut accepted = response(2, 0x41, 0);
    assert!(sdus.correct(&mut accepted));
    assert_eq!(accepted, response(2, 0x41, UNACCEPTABLE_PARAMETERS));
}

#[test]
fn a_unit_to_the_peer_is_no_command() {
    // On a channel that is the peer's number 5, and as long as a request for a channel.
    let unit = [
        14, 0, 5, 0, 0x14, 1, 9, 0, 0x80, 0, 0x40, 0, 9, 9, 9, 9, 9, 9,
    ];
    let mut frame = unit;
    assert_eq!(Sdus::default().outbound(&mut frame), None);
    assert_eq!(frame, unit);
}

#[test]
fn nothing_is_heard_on_a_channel_before_it_is_open_and_after_it_is_closed() {
    let data = [2, 0, 0x40, 0, 0, 0];
    let mut sdus = asked();
    assert!(!sdus.may_pass(&data));
    assert!(answer(&mut sdus, 1));
    assert!(sdus.may_pass(&data));
    // By us, and by the peer.
    for mut closed in [
        [8, 0, 5, 0, 0x06, 2, 4, 0, 0x41, 0, 0x40, 0],
        [8, 0, 5, 0, 0x07, 2, 4, 0, 0x40, 0, 0x41, 0],
    ] {
        let mut sdus = opened();
        assert!(sdus.may_pass(&data));
        assert_eq!(sdus.outbound(&mut closed), None);
        assert!(!sdus.may_pass(&data));
        let mut close = [8, 0, 5, 0, 0x06, 1, 4, 0, 0x40, 0, 0x41, 0];
        assert!(sdus.correct(&mut close));
        assert_eq!(close[8..10], NOBODYS);
        // What had come before is not forgotten.
        assert!(sdus.has_unread(0x40, 0));
    }
}

#[test]
fn a_frame_has_no_more_than_its_length() {
    let mut sdus = opened();
    assert!(!sdus.may_pass(&[4, 0, 0x40, 0, 100, 0, 1, 2, 3, 4]));
    // What follows begins a unit.
    assert!(!sdus.may_pass(&[1, 0, 0x40, 0, 9]));
    assert!(sdus.may_pass(&[4, 0, 0x40, 0, 100, 0, 1, 2]));
}

#[test]
fn where_the_rest_of_a_frame_does_not_come_no_channel_is_heard_any_more() {
    let mut sdus = opened();
    assert!(sdus.may_pass(&[4, 0, 0x40, 0, 100, 0]));
    assert!(sdus.cut_off());
    assert!(!sdus.cut_off(), "it is no news");
    assert!(!sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
    assert!(sdus.may_pass(&[4, 0, 5, 0, 0x01, 1, 0, 0]));
}

#[test]
fn of_fixed_channels_there_are_two() {
    // 0x3A, on which Apple's devices look for something, in the first of two fragments.
    assert!(!Sdus::default().may_pass(&[10, 0, 0x3A, 0, 1, 2]));
    assert!(!Sdus::default().may_pass(&[2, 0, 0x3A, 0, 1, 2]));
    assert!(Sdus::default().may_pass(&[10, 0, 6, 0, 1, 2]));
}

#[test]
fn a_channel_that_the_peer_overruns_is_closed_and_its_end_is_not_that_of_the_data() {
    let mut sdus = opened();
    assert_eq!(sdus.keep(Opener::Us), Some(0x40));
    for _ in 0..WINDOW {
        assert!(sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
    }
    assert!(!sdus.is_closing(0x40));
    assert!(!sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
    assert!(sdus.is_closing(0x40));
    assert_eq!(given(&mut sdus, WINDOW), 1);
    assert!(!sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]), "it is closed");
    let read = u32::from(WINDOW);
    assert!(sdus.has_unread(0x40, read));
    // Though the peer closes it, too.
    assert!(sdus.holds(&CLOSE));
    assert_eq!(sdus.release(0x40, read), None);
    assert_eq!(sdus.let_go(0x40), Some(CLOSE));
}

#[test]
fn a_unit_that_all_credits_are_not_enough_for_closes_the_channel() {
    let mut sdus = opened();
    assert_eq!(sdus.keep(Opener::Us), Some(0x40));
    assert!(sdus.may_pass(&[2, 0, 0x40, 0, 0xFF, 0]));
    for _ in 2..WINDOW {
        assert!(sdus.may_pass(&[1, 0, 0x40, 0, 0]));
    }
    assert!(!sdus.is_closing(0x40));
    assert!(!sdus.may_pass(&[1, 0, 0x40, 0, 0]));
    assert!(sdus.is_closing(0x40));
    assert!(sdus.has_unread(0x40, 0));
}

#[test]
fn a_channel_that_was_accepted_is_kept_apart_from_one_that_was_asked_for() {
    let mut sdus = Sdus::NONE;
    assert_eq!(sdus.keep(Opener::Peer), None);
    assert_eq!(sdus.outbound(&mut response(9, 0x41, 0)), Some(0x41));
    assert_eq!(sdus.outbound(&mut REQUEST.clone()), Some(0x40));
    assert_eq!(sdus.keep(Opener::Peer), Some(0x41));
    assert_eq!(sdus.keep(Opener::Us), Some(0x40));
}

#[test]
fn the_frames_that_a_peer_takes_are_bounded() {
    const RESPONSE: [u8; 18] = [14, 0, 5, 0, 0x15, 1, 10, 0, 0x41, 0, 9, 9, 0, 1, 1, 0, 0, 0];
    for (asked, longest, taken) in [
        (0_u16, 1000, 23_u16),
        (22, 1000, 23),
        (256, 1000, 256),
        (0xFFFF, 1000, 1000),
        (0xFFFF, 0, 23),
    ] {
        for (mut frame, at) in [(RESPONSE, 12), (REQUEST, 14)] {
            let mut bounded = frame;
            bounded[at..at + 2].copy_from_slice(&asked.to_le_bytes());
            bound_frames(&mut bounded, longest);
            frame[at..at + 2].copy_from_slice(&taken.to_le_bytes());
            assert_eq!(bounded, frame);
        }
    }
    for len in 0..18 {
        let mut response = RESPONSE;
        bound_frames(&mut response[..len], 1000);
    }
}

#[test]
fn a_first_frame_has_to_tell_its_length() {
    let mut sdus = opened();
    assert!(!sdus.may_pass(&[0, 0, 0x40, 0]));
    assert!(!sdus.may_pass(&[1, 0, 0x40, 0, 9]));
    assert!(!sdus.may_pass(&[5, 0, 0x40, 0, 9]));
    assert!(sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
    assert!(sdus.may_pass(&[1, 0, 6, 0, 9]));
}

#[test]
fn one_octet_may_end_a_unit() {
    let mut sdus = opened();
    assert!(sdus.may_pass(&[4, 0, 0x40, 0, 3, 0, 1, 2]));
    assert!(!sdus.may_pass(&[1, 0, 0x41, 0, 3]));
    assert!(sdus.may_pass(&[1, 0, 0x40, 0, 3]));
    assert!(!sdus.may_pass(&[1, 0, 0x40, 0, 3]));
}

#[test]
fn a_channel_that_ended_in_the_middle_leaves_nothing_behind() {
    let mut sdus = opened();
    assert!(sdus.may_pass(&[4, 0, 0x40, 0, 30, 0, 1, 2]));
    sdus.outbound(&mut REQUEST.clone());
    assert!(!sdus.may_pass(&[1, 0, 0x40, 0, 3]));
}

#[test]
fn a_closing_waits_until_all_is_read() {
    assert!(!Sdus::default().holds(&CLOSE));
    let mut sdus = opened();
    assert!(!sdus.holds(&CLOSE), "nobody reads it");
    assert!(sdus.may_pass(&[4, 0, 0x40, 0, 2, 0, 1, 2]));
    assert_eq!(sdus.keep(Opener::Us), Some(0x40));
    let mut odd = CLOSE;
    odd[10] = 6;
    assert!(!sdus.holds(&odd), "it is longer than it says");
    assert!(sdus.holds(&CLOSE));
    assert_eq!(sdus.release(0x40, 0), None);
    assert_eq!(sdus.release(0x40, 1), Some(CLOSE));
    assert_eq!(sdus.release(0x40, 1), None);
    assert!(sdus.holds(&CLOSE));
    assert_eq!(sdus.let_go(0x40), Some(CLOSE));
    assert!(!sdus.holds(&CLOSE));
}

fn indication(credits: u16) -> [u8; 12] {
    let [c0, c1] = credits.to_le_bytes();
    [8, 0, 5, 0, 0x16, 1, 4, 0, 0x40, 0, c0, c1]
}

/// What goes out in the place of trouble-host's indication of so many credits.
fn given(sdus: &mut Sdus, credits: u16) -> u16 {
    let mut frame = indication(credits);
    sdus.outbound(&mut frame);
    u16::from_le_bytes([frame[10], frame[11]])
}

#[test]
fn a_channel_begins_with_no_more_credits_than_frames_have_room() {
    const RESPONSE: [u8; 18] = [14, 0, 5, 0, 0x15, 1, 10, 0, 0x41, 0, 9, 9, 9, 9, 0, 0, 0, 0];
    for (asked, told) in [(0x7FFF, WINDOW), (WINDOW, WINDOW), (1, 1)] {
        for (frame, at) in [(REQUEST, 16), (RESPONSE, 14)] {
            let (mut out, mut expected) = (frame, frame);
            out[at..at + 2].copy_from_slice(&asked.to_le_bytes());
            expected[at..at + 2].copy_from_slice(&told.to_le_bytes());
            Sdus::default().outbound(&mut out);
            assert_eq!(out, expected);
        }
    }
}

#[test]
fn credits_are_given_for_what_was_read_and_not_for_what_came() {
    let mut sdus = opened();
    // A unit of two frames, one of one, and the beginning of a third.
    assert!(sdus.may_pass(&[4, 0, 0x40, 0, 4, 0, 1, 2]));
    assert_eq!(sdus.keep(Opener::Us), Some(0x40));
    assert!(sdus.may_pass(&[2, 0, 0x40, 0, 3, 4]));
    assert!(sdus.may_pass(&[3, 0, 0x40, 0, 1, 0, 1]));
    assert!(sdus.may_pass(&[4, 0, 0x40, 0, 4, 0, 1, 2]));
    assert_eq!(given(&mut sdus, 4), 2);
    assert_eq!(given(&mut sdus, 0), 1);
    assert!(sdus.may_pass(&[2, 0, 0x40, 0, 3, 4]));
    assert_eq!(given(&mut sdus, 1), 2);
}

#[test]
fn what_was_read_makes_room_for_as_much() {
    let mut sdus = opened();
    assert!(sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
    assert_eq!(sdus.keep(Opener::Us), Some(0x40));
    for _ in 1..WINDOW {
        assert!(sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
    }
    assert_eq!(given(&mut sdus, WINDOW), 1);
    assert!(sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
    assert!(!sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
}

#[test]
fn the_credits_of_a_channel_that_is_not_kept_are_left_as_they_are() {
    let mut sdus = opened();
    for _ in 0..200 {
        assert!(sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
    }
    assert_eq!(given(&mut sdus, 200), 200);
}

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

/// The answer to the request with this identifier.
fn answer(sdus: &mut Sdus, identifier: u8) {
    sdus.correct(&mut [
        14, 0, 5, 0, 0x15, identifier, 10, 0, 0x41, 0, 0, 1, 0, 1, 1, 0, 0, 0,
    ]);
}

/// With channel 0x40 open.
fn opened() -> Sdus {
    let mut sdus = asked();
    answer(&mut sdus, 1);
    sdus
}

#[test]
fn nobody_is_heard_on_a_channel_that_is_not_his() {
    let mut sdus = Sdus::NONE;
    assert!(!sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
    let mut sdus = opened();
    assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
    assert!(!sdus.may_pass(1, &[2, 0, 0x41, 0, 0, 0]));
    // It was closed, and given to another connection.
    sdus.forget(0x40);
    assert!(!sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
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
    answer(&mut sdus, 2);
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
    assert!(sdus.may_pass(1, &one));
    for len in 0..one.len() {
        assert!(!sdus.may_pass(1, &one[..len]), "cut at {len}");
    }
    let empty = [4, 0, 5, 0, 0x01, 1, 0, 0];
    assert!(sdus.may_pass(1, &empty));
    let mut two = [&[12, 0, 5, 0], &empty[4..], &one[4..]].concat();
    assert!(!sdus.may_pass(1, &two));
    two[0] = 4;
    assert!(!sdus.may_pass(1, &two), "longer than it says");
}

#[test]
fn a_channel_that_the_peer_overruns_is_closed_and_its_end_is_not_that_of_the_data() {
    let mut sdus = opened();
    assert_eq!(sdus.keep(), Some(0x40));
    for _ in 0..WINDOW {
        assert!(sdus.may_pass(7, &[2, 0, 0x40, 0, 0, 0]));
    }
    assert!(!sdus.is_closing(0x40));
    assert!(!sdus.may_pass(7, &[2, 0, 0x40, 0, 0, 0]));
    assert!(sdus.is_closing(0x40));
    assert_eq!(sdus.release(0x40, u32::from(WINDOW)), None);
    let closing = sdus.let_go(0x40);
    let request = [7, 0x20, 12, 0, 8, 0, 5, 0, 6, 0xFF, 4, 0, 0x40, 0, 0, 0];
    assert_eq!(closing, Some(request));
    // trouble-host answers what the peer never asked.
    let mut frame = [8, 0, 5, 0, 7, 0xFF, 4, 0, 0x40, 0, 0x41, 0];
    assert_eq!(sdus.outbound(&mut frame), None);
    assert_eq!(frame, [8, 0, 5, 0, 6, 0xFF, 4, 0, 0x41, 0, 0x40, 0]);
    // Any other answer is the peer's to have.
    let answer = [8, 0, 5, 0, 7, 9, 4, 0, 0x40, 0, 0x41, 0];
    let mut frame = answer;
    assert_eq!(sdus.outbound(&mut frame), None);
    assert_eq!(frame, answer);
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
    assert!(!sdus.may_pass(1, &[0, 0, 0x40, 0]));
    assert!(!sdus.may_pass(1, &[1, 0, 0x40, 0, 9]));
    assert!(!sdus.may_pass(1, &[5, 0, 0x40, 0, 9]));
    assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
    assert!(sdus.may_pass(1, &[1, 0, 4, 0, 9]));
}

#[test]
fn one_octet_may_end_a_unit() {
    let mut sdus = opened();
    assert!(sdus.may_pass(1, &[4, 0, 0x40, 0, 3, 0, 1, 2]));
    assert!(!sdus.may_pass(1, &[1, 0, 0x41, 0, 3]));
    assert!(sdus.may_pass(1, &[1, 0, 0x40, 0, 3]));
    assert!(!sdus.may_pass(1, &[1, 0, 0x40, 0, 3]));
}

#[test]
fn a_channel_that_ended_in_the_middle_leaves_nothing_behind() {
    let mut sdus = opened();
    assert!(sdus.may_pass(1, &[4, 0, 0x40, 0, 30, 0, 1, 2]));
    sdus.outbound(&mut REQUEST.clone());
    assert!(!sdus.may_pass(1, &[1, 0, 0x40, 0, 3]));
}

#[test]
fn a_closing_waits_until_all_is_read() {
    let mut sdus = Sdus::NONE;
    assert!(!sdus.holds(&CLOSE));
    sdus.outbound(&mut REQUEST.clone());
    assert!(sdus.may_pass(1, &[4, 0, 0x40, 0, 2, 0, 1, 2]));
    assert_eq!(sdus.keep(), Some(0x40));
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
    [8, 0, 5, 0, FLOW_CONTROL_CREDIT, 1, 4, 0, 0x40, 0, c0, c1]
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
    let mut sdus = Sdus::NONE;
    sdus.outbound(&mut REQUEST.clone());
    // A unit of two frames, one of one, and the beginning of a third.
    assert!(sdus.may_pass(1, &[4, 0, 0x40, 0, 4, 0, 1, 2]));
    assert_eq!(sdus.keep(), Some(0x40));
    assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 3, 4]));
    assert!(sdus.may_pass(1, &[3, 0, 0x40, 0, 1, 0, 1]));
    assert!(sdus.may_pass(1, &[4, 0, 0x40, 0, 4, 0, 1, 2]));
    assert_eq!(given(&mut sdus, 4), 2);
    assert_eq!(given(&mut sdus, 0), 1);
    assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 3, 4]));
    assert_eq!(given(&mut sdus, 1), 2);
}

#[test]
fn a_peer_that_has_no_credit_is_not_heard() {
    let mut sdus = Sdus::NONE;
    sdus.outbound(&mut REQUEST.clone());
    assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
    assert_eq!(sdus.keep(), Some(0x40));
    for _ in 1..WINDOW {
        assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
    }
    assert!(!sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
    assert_eq!(given(&mut sdus, WINDOW), 1);
    assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
    assert!(!sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
}

#[test]
fn the_credits_of_a_channel_that_is_not_kept_are_left_as_they_are() {
    let mut sdus = Sdus::NONE;
    sdus.outbound(&mut REQUEST.clone());
    for _ in 0..200 {
        assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
    }
    assert_eq!(given(&mut sdus, 200), 200);
}

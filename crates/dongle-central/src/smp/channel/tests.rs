use std::vec::Vec;

use super::*;

fn frame(pdu: &[u8]) -> Vec<u8> {
    let mut frame = std::vec![pdu.len() as u8, 0, 6, 0];
    frame.extend(pdu);
    frame
}

/// Sends our request.
fn begin(channel: &mut Channel) {
    assert!(channel.take());
    channel.send(Frame::new(code::PAIRING_REQUEST, &[0; 6]));
    assert_eq!(channel.transmit(&mut [0; 10]), 7);
}

fn open() -> Channel {
    let mut channel = Channel::SHUT;
    begin(&mut channel);
    channel
}

/// All unread commands.
fn read(channel: &mut Channel) -> Vec<Vec<u8>> {
    core::iter::from_fn(|| channel.next().unwrap())
        .map(|frame| frame.to_vec())
        .collect()
}

fn numbered(code: u8) -> Vec<u8> {
    let mut pdu: Vec<u8> = (0..length(code).unwrap() as u8).collect();
    pdu[0] = code;
    pdu
}

#[test]
fn nobody_pairs_uninvited() {
    let mut channel = Channel::SHUT;
    for code in 0..0x10 {
        assert!(channel.takes(true, &frame(&[code, 0])));
    }
    begin(&mut channel);
    assert_eq!(read(&mut channel), Vec::<Vec<u8>>::new());
}

#[test]
fn an_answer_that_comes_before_the_request_is_none() {
    let mut channel = Channel::SHUT;
    assert!(channel.take());
    assert!(channel.takes(true, &frame(&numbered(0x02))));
    // Sending the Pairing Failed of an earlier pairing does not open the channel.
    channel.send(Frame::new(code::PAIRING_FAILED, &[8]));
    channel.transmit(&mut [0; 10]);
    assert!(channel.takes(true, &frame(&numbered(0x02))));
    channel.send(Frame::new(code::PAIRING_REQUEST, &[0; 6]));
    assert!(channel.takes(true, &frame(&numbered(0x02))));
    channel.transmit(&mut [0; 10]);
    assert_eq!(read(&mut channel), Vec::<Vec<u8>>::new());
    assert!(channel.takes(true, &frame(&numbered(0x02))));
    assert_eq!(read(&mut channel), [numbered(0x02)]);
}

#[test]
fn commands_are_read_in_the_order_they_came() {
    let mut channel = open();
    let commands = [0x06, 0x07, 0x08, 0x09, 0x0A].map(numbered);
    for command in &commands {
        assert!(channel.takes(true, &frame(command)));
    }
    assert_eq!(read(&mut channel), commands);
    assert!(channel.takes(true, &frame(&commands[0])));
    assert_eq!(read(&mut channel), commands[..1]);
}

#[test]
fn a_command_in_crumbs_is_put_together() {
    for crumb in 0..70 {
        let mut channel = open();
        let (key, confirm) = (numbered(0x0C), numbered(0x03));
        for command in [&key, &confirm] {
            let frame = frame(command);
            let first = frame.len().min(4 + crumb);
            assert!(channel.takes(true, &frame[..first]));
            for part in frame[first..].chunks(crumb.max(1)) {
                assert!(channel.takes(false, part), "{crumb}");
            }
        }
        assert_eq!(read(&mut channel), [key, confirm], "{crumb}");
    }
}

#[test]
fn what_is_begun_and_not_gone_on_with_is_forgotten() {
    let mut channel = open();
    let (key, confirm) = (numbered(0x0C), numbered(0x03));
    assert!(channel.takes(true, &frame(&key)[..20]));
    assert!(channel.takes(true, &frame(&confirm)));
    assert_eq!(read(&mut channel), core::slice::from_ref(&confirm));
    // The same if a frame of another channel interrupts.
    assert!(channel.takes(true, &frame(&key)[..20]));
    assert!(!channel.takes(true, &[3, 0, 4, 0, 1, 2, 3]));
    assert!(!channel.takes(false, &[1, 2, 3]));
    assert!(channel.takes(true, &frame(&confirm)));
    assert_eq!(read(&mut channel), [confirm]);
}

#[test]
fn what_is_left_of_a_pairing_that_was_given_up_is_not_of_the_next() {
    let given_up = || {
        let mut channel = open();
        channel.give_up(PairingFailure::UNSPECIFIED);
        channel.transmit(&mut [0; 10]);
        begin(&mut channel);
        for code in [0x0C, 0x03, 0x04] {
            assert!(channel.takes(true, &frame(&numbered(code))));
        }
        assert_eq!(read(&mut channel), Vec::<Vec<u8>>::new());
        channel
    };
    let mut channel = given_up();
    for code in [0x02, 0x0C] {
        assert!(channel.takes(true, &frame(&numbered(code))));
    }
    assert_eq!(read(&mut channel), [numbered(0x02), numbered(0x0C)]);
    // A Pairing Failed counts as an answer.
    let mut channel = given_up();
    assert!(channel.takes(true, &frame(&[0x05, 0x09])));
    assert_eq!(read(&mut channel), [[0x05, 0x09]]);
}

#[test]
fn no_key_is_in_a_debug_output() {
    let mut channel = open();
    assert!(channel.takes(true, &frame(&[&[0x08][..], &[0xAB; 16]].concat())));
    channel.send(Frame::new(0x08, &[0xAB; 16]));
    let shown = std::format!("{channel:?}");
    assert!(!shown.contains("171") && !shown.contains("AB"), "{shown}");
}

#[test]
fn what_has_another_length_is_told_and_what_is_not_known_ignored() {
    for wrong in [
        &[0x03; 16][..],
        &[0x03; 18],
        &[0x0D; 2],
        &[0x05],
        &[0x0C; 64],
    ] {
        let mut channel = open();
        assert!(channel.takes(true, &frame(wrong)));
        assert_eq!(read(&mut channel), [[wrong[0]]]);
    }
    for code in [0x00, 0x0F, 0xFF, 0x01, 0x0B, 0x0E] {
        let mut channel = open();
        for len in [1, 2, 7] {
            let mut pdu = std::vec![0; len];
            pdu[0] = code;
            assert!(channel.takes(true, &frame(&pdu)));
        }
        assert_eq!(read(&mut channel), Vec::<Vec<u8>>::new());
    }
}

#[test]
fn more_than_a_peer_would_send_is_an_error() {
    let mut channel = open();
    for _ in 0..6 {
        assert!(channel.takes(true, &frame(&numbered(0x08))));
    }
    assert_eq!(channel.next().err(), Some(PairingFailure::UNSPECIFIED));
    channel.shut();
    begin(&mut channel);
    assert!(matches!(channel.next(), Ok(None)));
}

#[test]
fn nothing_is_kept_between_the_last_check_and_the_encryption() {
    let mut channel = open();
    assert!(channel.takes(true, &frame(&numbered(0x08))));
    channel.seal();
    assert!(channel.takes(true, &frame(&numbered(0x09))));
    assert_eq!(read(&mut channel), Vec::<Vec<u8>>::new());
    channel.unseal();
    assert!(channel.takes(true, &frame(&numbered(0x0A))));
    assert_eq!(read(&mut channel), [numbered(0x0A)]);
}

#[test]
fn a_command_that_was_begun_before_the_encryption_is_not_kept_either() {
    let mut channel = open();
    let identity = frame(&numbered(0x08));
    assert!(channel.takes(true, &identity[..10]));
    channel.seal();
    channel.unseal();
    assert!(channel.takes(false, &identity[10..]));
    assert_eq!(read(&mut channel), Vec::<Vec<u8>>::new());
}

#[test]
fn one_pairs_at_a_time_and_nobody_after_one_that_was_not_answered() {
    let mut channel = open();
    assert!(!channel.take());
    channel.shut();
    assert!(channel.take());
    channel.spend();
    assert!(!channel.take());
    assert!(channel.is_spent());
    channel.shut();
    assert!(!channel.take());
}

#[test]
fn the_end_of_a_pairing_takes_the_place_of_what_was_to_be_sent() {
    let mut channel = open();
    channel.send(Frame::new(0x03, &[7; 16]));
    channel.give_up(PairingFailure::UNSPECIFIED);
    let mut out = [0xEE; 20];
    assert_eq!(channel.transmit(&mut out), 2);
    assert_eq!(out[..3], [0x05, 0x08, 0xEE]);
    assert!(!channel.has_output());
    assert!(channel.out.is_empty());
}

#[test]
fn nothing_a_peer_sends_panics() {
    for code in 0..=0x20_u8 {
        for len in 0..80_usize {
            let mut frame = std::vec![len as u8, 0, 6, 0, code];
            frame.resize(4 + len + 2, 1);
            for cut in 0..=frame.len() {
                let mut channel = open();
                channel.takes(true, &frame[..cut]);
                channel.takes(false, &frame[cut..]);
                channel.takes(false, &frame);
                while let Ok(Some(_)) = channel.next() {}
            }
        }
    }
}

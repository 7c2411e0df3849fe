//! The peer's own requests: each gets one answer.

use super::*;

fn ask(request: &[u8]) -> Vec<u8> {
    let mut rig = Rig::new();
    rig.receive(request);
    let answer = rig.sent();
    assert_eq!(rig.sent(), [], "one answer");
    answer
}

#[test]
fn a_peer_finds_generic_access_and_its_values() {
    for (request, answer) in [
        // All primary services, then the rest.
        (
            &[0x10, 1, 0, 0xFF, 0xFF, 0x00, 0x28][..],
            &[0x11, 6, 1, 0, 5, 0, 0x00, 0x18][..],
        ),
        (
            &[0x10, 6, 0, 0xFF, 0xFF, 0x00, 0x28],
            &[0x01, 0x10, 6, 0, 0x0A],
        ),
        (
            &[0x10, 1, 0, 0xFF, 0xFF, 0x01, 0x28],
            &[0x01, 0x10, 1, 0, 0x0A],
        ),
        (
            &[0x10, 1, 0, 0xFF, 0xFF, 0x03, 0x28],
            &[0x01, 0x10, 1, 0, 0x10],
        ),
        // By UUID.
        (
            &[0x06, 1, 0, 0xFF, 0xFF, 0x00, 0x28, 0x00, 0x18],
            &[0x07, 1, 0, 5, 0],
        ),
        (
            &[0x06, 1, 0, 0xFF, 0xFF, 0x00, 0x28, 0x01, 0x18],
            &[0x01, 0x06, 1, 0, 0x0A],
        ),
        (
            &[0x06, 6, 0, 0xFF, 0xFF, 0x00, 0x28, 0x00, 0x18],
            &[0x01, 0x06, 6, 0, 0x0A],
        ),
        // Included services, characteristics, descriptors.
        (&[0x08, 1, 0, 5, 0, 0x02, 0x28], &[0x01, 0x08, 1, 0, 0x0A]),
        (
            &[0x08, 1, 0, 5, 0, 0x03, 0x28],
            &[
                0x09, 7, 2, 0, 0x02, 3, 0, 0x00, 0x2A, 4, 0, 0x02, 5, 0, 0x01, 0x2A,
            ],
        ),
        (
            &[0x08, 3, 0, 5, 0, 0x03, 0x28],
            &[0x09, 7, 4, 0, 0x02, 5, 0, 0x01, 0x2A],
        ),
        (&[0x08, 5, 0, 5, 0, 0x03, 0x28], &[0x01, 0x08, 5, 0, 0x0A]),
        (
            &[0x04, 1, 0, 0xFF, 0xFF],
            &[
                0x05, 1, 1, 0, 0x00, 0x28, 2, 0, 0x03, 0x28, 3, 0, 0x00, 0x2A, 4, 0, 0x03, 0x28, 5,
                0, 0x01, 0x2A,
            ],
        ),
        (&[0x04, 6, 0, 0xFF, 0xFF], &[0x01, 0x04, 6, 0, 0x0A]),
        // Values.
        (
            &[0x08, 1, 0, 0xFF, 0xFF, 0x00, 0x2A],
            b"\x09\x08\x03\0Dongle",
        ),
        (&[0x0A, 3, 0], b"\x0BDongle"),
        (&[0x0A, 5, 0], &[0x0B, 0, 0]),
        (&[0x0A, 6, 0], &[0x01, 0x0A, 6, 0, 0x01]),
        (&[0x0C, 3, 0, 4, 0], b"\x0Dle"),
        (&[0x0C, 3, 0, 6, 0], &[0x0D]),
        (&[0x0C, 3, 0, 7, 0], &[0x01, 0x0C, 3, 0, 0x07]),
        (&[0x12, 3, 0, 1], &[0x01, 0x12, 3, 0, 0x03]),
        (&[0x16, 9, 0, 0, 0, 1], &[0x01, 0x16, 9, 0, 0x01]),
    ] {
        assert_eq!(ask(request), answer, "{request:02X?}");
    }
}

#[test]
fn the_full_form_of_a_uuid_finds_the_same() {
    let mut request = vec![0x08, 1, 0, 5, 0];
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&0x0000_2803_0000_1000_8000_0080_5F9B_34FBu128.to_le_bytes());
    request.extend_from_slice(&uuid);
    assert_eq!(ask(&request)[..4], [0x09, 7, 2, 0]);
}

#[test]
fn every_request_gets_one_answer() {
    for opcode in (0..=255).map(Opcode) {
        for length in 0..24 {
            let mut request = vec![opcode.0];
            request.resize(1 + length, 1);
            let answer = ask(&request);
            if !opcode.wants_response() {
                let indication = opcode == Opcode::HANDLE_VALUE_INDICATION;
                let expected: &[u8] = if indication { &[0x1E] } else { &[] };
                assert_eq!(answer, expected, "{request:02X?}");
                continue;
            }
            let refused = answer[0] == 0x01 && answer[1] == opcode.0 && answer.len() == 5;
            assert!(
                refused || Some(Opcode(answer[0])) == opcode.response(),
                "{request:02X?}: {answer:02X?}"
            );
            if opcode.name().is_none() {
                assert_eq!(
                    answer,
                    [0x01, opcode.0, 0, 0, 0x06],
                    "Request Not Supported"
                );
            }
        }
    }
}

#[test]
fn requests_that_make_no_sense_are_refused_by_name() {
    for (request, answer) in [
        (
            &[0x08, 0, 0, 5, 0, 0x03, 0x28][..],
            [0x01, 0x08, 0, 0, 0x01],
        ),
        (&[0x08, 5, 0, 4, 0, 0x03, 0x28], [0x01, 0x08, 5, 0, 0x01]),
        (&[0x08, 1, 0, 5, 0, 0x03], [0x01, 0x08, 0, 0, 0x04]),
        (&[0x08, 1, 0, 5, 0, 0x03, 0x28, 0], [0x01, 0x08, 0, 0, 0x04]),
        (&[0x0A, 3], [0x01, 0x0A, 0, 0, 0x04]),
        (&[0x0A, 0, 0], [0x01, 0x0A, 0, 0, 0x01]),
        (&[0x02, 65], [0x01, 0x02, 0, 0, 0x04]),
        (&[0x04, 1, 0, 5, 0, 0], [0x01, 0x04, 0, 0, 0x04]),
        (&[0x06, 1, 0, 5, 0, 0x00], [0x01, 0x06, 0, 0, 0x04]),
        (
            &[0x08, 1, 0, 5, 0, 0x03, 0x28, 0, 0],
            [0x01, 0x08, 0, 0, 0x04],
        ),
        (&[0x0C, 3, 0, 4], [0x01, 0x0C, 0, 0, 0x04]),
        (&[0x16, 3, 0, 4], [0x01, 0x16, 0, 0, 0x04]),
        // An unsupported request is refused as such whatever it contains.
        (&[0x0E, 1], [0x01, 0x0E, 0, 0, 0x06]),
        (&[0x18, 1], [0x01, 0x18, 0, 0, 0x06]),
        (&[0x20, 0, 0], [0x01, 0x20, 0, 0, 0x06]),
    ] {
        assert_eq!(ask(request), answer, "{request:02X?}");
    }
}

#[test]
fn answers_go_out_before_everything_else() {
    let mut rig = Rig::new();
    rig.command(1, &[]).unwrap();
    rig.read(2);
    rig.receive(&[0x1D, 9, 0, 1]);
    rig.receive(&[0x0A, 5, 0]);
    assert_eq!(rig.sent(), [0x0B, 0, 0]);
    assert_eq!(rig.sent(), [0x1E]);
    assert_eq!(rig.sent(), [0x52, 1, 0]);
    assert_eq!(rig.sent(), [0x0A, 2, 0]);
    rig.receive(&[0x0A, 6, 0]);
    assert_eq!(
        rig.sent(),
        [0x01, 0x0A, 6, 0, 0x01],
        "also while we wait ourselves"
    );
    assert_eq!(rig.counters().peer_requests, 2);
}

#[test]
fn a_peer_that_does_not_wait_for_its_answer_gets_one() {
    let mut rig = Rig::new();
    rig.receive(&[0x0A, 5, 0]);
    rig.receive(&[0x0A, 3, 0]);
    assert_eq!(rig.sent(), [0x0B, 0, 0]);
    assert_eq!(rig.sent(), []);
    assert_eq!(rig.counters().violations, 1);
}

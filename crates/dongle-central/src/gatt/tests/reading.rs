//! Reading values of every length, and from servers that change or misstate them.

use super::*;
use Misbehaviour::*;

/// A server with one value, at handle 3, that answers as the specification says.
fn serve(value: &[u8], request: &[u8], mtu: Mtu) -> Vec<u8> {
    let (response, offset) = match *request {
        [0x0A, 3, 0] => (0x0B, 0),
        [0x0C, 3, 0, low, high] => (0x0D, usize::from(u16::from_le_bytes([low, high]))),
        _ => panic!("unexpected {request:02X?}"),
    };
    let Some(rest) = value.get(offset..) else {
        return vec![1, request[0], 3, 0, 0x07];
    };
    let mut answer = vec![response];
    answer.extend_from_slice(&rest[..rest.len().min(mtu.max_read())]);
    answer
}

/// Reads handle 3 from a server; returns also how many requests that took.
fn read(
    mut procedure: ReadLong,
    mtu: Mtu,
    mut server: impl FnMut(&[u8]) -> Vec<u8>,
) -> Result<(Vec<u8>, usize), ProcedureError> {
    let mut room = [0; 512];
    let mut value = ValueBuffer::new(&mut room);
    let mut out = [0; 23];
    let mut requests = 0;
    while let Some(length) = procedure.request(mtu, &mut out)? {
        let answer = server(&out[..length]);
        procedure.response(&answer)?;
        while let Some(piece) = procedure.next_item(&answer) {
            value.push(piece);
        }
        requests += 1;
    }
    Ok((value.finish()?.to_vec(), requests))
}

fn whole() -> ReadLong {
    ReadLong::new(handle(3))
}

#[test]
fn values_of_every_length_are_read_whole() {
    let stored: Vec<u8> = (0..512u16).map(|octet| octet as u8).collect();
    for (octets, lengths) in [
        (23, vec![0, 1, 21, 22, 23, 43, 44, 45, 500, 506, 511, 512]),
        (65, vec![63, 64, 65, 128, 448, 512]),
        (257, vec![255, 256, 257, 511, 512]),
        (517, vec![0, 511, 512]),
    ] {
        for length in lengths {
            let (value, mtu) = (&stored[..length], mtu(octets));
            let (got, requests) = read(whole(), mtu, |request| serve(value, request, mtu)).unwrap();
            assert_eq!(got, value);
            // A full answer is followed by another request, unless no value is longer.
            let needless = usize::from(length == 512 && length % mtu.max_read() == 0);
            assert_eq!(
                requests,
                length / mtu.max_read() + 1 - needless,
                "{length} at {octets}"
            );
        }
    }
}

#[test]
fn a_full_answer_followed_by_invalid_offset_or_not_long_is_the_end() {
    for code in [0x07, 0x0B] {
        let script: &[Exchange<'_>] = &[
            (&[0x0A, 3, 0], &[0x0B; 23]),
            (&[0x0C, 3, 0, 22, 0], &[1, 0x0C, 3, 0, code]),
        ];
        let pieces = run(&mut whole(), Mtu::DEFAULT, script, <[u8]>::to_vec);
        assert_eq!(pieces, Ok(vec![vec![0x0B; 22]]));
    }
}

#[test]
fn a_full_answer_followed_by_another_refusal_is_an_error() {
    let script: &[Exchange<'_>] = &[
        (&[0x0A, 3, 0], &[0x0B; 23]),
        (&[0x0C, 3, 0, 22, 0], &[1, 0x0C, 3, 0, 0x0F]),
    ];
    let error = refused(
        Opcode::READ_BLOB_REQUEST,
        3,
        ErrorCode::INSUFFICIENT_ENCRYPTION,
    );
    assert_eq!(
        run(&mut whole(), Mtu::DEFAULT, script, <[u8]>::to_vec),
        Err(error)
    );
}

#[test]
fn a_value_that_changes_its_length_meanwhile_comes_to_an_end() {
    let mtu = Mtu::DEFAULT;
    for (lengths, read_length) in [
        ([100, 30, 30], 30),
        ([100, 100, 30], 44),
        ([44, 100, 100], 100),
        ([22, 10, 10], 22),
    ] {
        let mut request_number = 0;
        let (got, _) = read(whole(), mtu, |request| {
            let length: usize = *lengths.get(request_number).unwrap_or(&lengths[2]);
            request_number += 1;
            serve(&vec![7; length], request, mtu)
        })
        .unwrap();
        assert_eq!(got.len(), read_length, "{lengths:?}");
    }
}

#[test]
fn an_endless_value_is_stopped_at_512_octets() {
    let endless = |request: &[u8]| vec![request[0] + 1; 23];
    assert_eq!(
        read(whole(), Mtu::DEFAULT, endless),
        misbehaved(ValueTooLong(528))
    );
    let endless = |request: &[u8]| vec![request[0] + 1; 517];
    assert_eq!(
        read(whole(), Mtu::MAX, endless),
        misbehaved(ValueTooLong(516))
    );
}

#[test]
fn an_answer_longer_than_the_mtu_is_refused() {
    let long = |_: &[u8]| vec![0x0B; 24];
    assert_eq!(
        read(whole(), Mtu::DEFAULT, long),
        misbehaved(ValueTooLong(23))
    );
}

#[test]
fn a_read_from_an_offset_says_when_there_is_nothing() {
    let stored = [7; 50];
    let from = |offset| {
        let procedure = ReadLong::starting_at(handle(3), offset);
        read(procedure, Mtu::DEFAULT, |request| {
            serve(&stored, request, Mtu::DEFAULT)
        })
    };
    assert_eq!(from(10), Ok((vec![7; 40], 2)));
    assert_eq!(from(50), Ok((vec![], 1)));
    let error = refused(Opcode::READ_BLOB_REQUEST, 3, ErrorCode::INVALID_OFFSET);
    assert_eq!(from(51), Err(error));
}

#[test]
fn a_read_that_is_refused_says_so() {
    let script: &[Exchange<'_>] = &[(&[0x0A, 3, 0], &[1, 0x0A, 3, 0, 0x02])];
    let error = refused(Opcode::READ_REQUEST, 3, ErrorCode::READ_NOT_PERMITTED);
    assert_eq!(
        run(&mut whole(), Mtu::DEFAULT, script, <[u8]>::to_vec),
        Err(error)
    );
    let script: &[Exchange<'_>] = &[(&[0x0A, 3, 0], &[0x0D, 1])];
    let items = run(&mut whole(), Mtu::DEFAULT, script, <[u8]>::to_vec);
    assert_eq!(items, misbehaved(UnexpectedResponse));
}

#[test]
fn a_buffer_too_small_is_told_how_long_the_value_is() {
    let mut room = [0; 30];
    let mut value = ValueBuffer::new(&mut room);
    value.push(&[1; 22]);
    value.push(&[2; 22]);
    value.push(&[3; 1]);
    let error = ProcedureError::BufferTooSmall {
        needed: 45,
        available: 30,
    };
    assert_eq!(value.finish(), Err(error));
}

fn by_uuid(script: &[Exchange<'_>]) -> Result<Vec<(u16, Vec<u8>, bool)>, ProcedureError> {
    let mut procedure = ReadByUuid::new(range(1, 9), Uuid::from_u16(0x2A19));
    run(&mut procedure, Mtu::DEFAULT, script, |item| {
        (item.handle.get(), item.value.to_vec(), item.may_be_longer)
    })
}

#[test]
fn values_are_read_by_uuid_though_their_lengths_differ() {
    let mut long = vec![0x09, 21, 7, 0];
    long.extend_from_slice(&[5; 19]);
    let script: &[Exchange<'_>] = &[
        (&[8, 1, 0, 9, 0, 0x19, 0x2A], &[9, 3, 2, 0, 90, 5, 0, 91]),
        (&[8, 6, 0, 9, 0, 0x19, 0x2A], &long),
        (&[8, 8, 0, 9, 0, 0x19, 0x2A], &[9, 2, 9, 0]),
    ];
    let expected = vec![
        (2, vec![90], false),
        (5, vec![91], false),
        (7, vec![5; 19], true),
        (9, vec![], false),
    ];
    assert_eq!(by_uuid(script), Ok(expected));
}

#[test]
fn a_read_by_uuid_that_finds_nothing_is_refused_and_one_that_found_something_is_done() {
    let first: Exchange<'_> = (&[8, 1, 0, 9, 0, 0x19, 0x2A], &[1, 8, 1, 0, NOT_FOUND]);
    let error = refused(
        Opcode::READ_BY_TYPE_REQUEST,
        1,
        ErrorCode::ATTRIBUTE_NOT_FOUND,
    );
    assert_eq!(by_uuid(&[first]), Err(error));
    let script: &[Exchange<'_>] = &[
        (&[8, 1, 0, 9, 0, 0x19, 0x2A], &[9, 3, 2, 0, 90]),
        (&[8, 3, 0, 9, 0, 0x19, 0x2A], &[1, 8, 3, 0, NOT_FOUND]),
    ];
    assert_eq!(by_uuid(script), Ok(vec![(2, vec![90], false)]));
}

#[test]
fn a_read_by_uuid_goes_only_forward() {
    let first: Exchange<'_> = (&[8, 1, 0, 9, 0, 0x19, 0x2A], &[9, 3, 2, 0, 90]);
    let script: &[Exchange<'_>] = &[first, (&[8, 3, 0, 9, 0, 0x19, 0x2A], &[9, 3, 2, 0, 90])];
    assert_eq!(by_uuid(script), misbehaved(OutOfOrder(handle(2))));
    let script: &[Exchange<'_>] = &[first, (&[8, 3, 0, 9, 0, 0x19, 0x2A], &[9, 3, 10, 0, 90])];
    assert_eq!(by_uuid(script), misbehaved(OutOfRange(handle(10))));
}

#[test]
fn several_values_are_read_at_once() {
    let handles = [handle(3), handle(5)];
    let script: &[Exchange<'_>] = &[(&[0x0E, 3, 0, 5, 0], &[0x0F, 1, 2, 3])];
    let mut procedure = ReadMultiple::new(&handles);
    let items = run(&mut procedure, Mtu::DEFAULT, script, |item| {
        (item.values.to_vec(), item.may_be_longer)
    });
    assert_eq!(items, Ok(vec![(vec![1, 2, 3], false)]));

    let full = [0x0F; 23];
    let script: &[Exchange<'_>] = &[(&[0x0E, 3, 0, 5, 0], &full)];
    let mut procedure = ReadMultiple::new(&handles);
    let items = run(&mut procedure, Mtu::DEFAULT, script, |item| {
        item.may_be_longer
    });
    assert_eq!(items, Ok(vec![true]));

    let mut one = ReadMultiple::new(&handles[..1]);
    let none = run(&mut one, Mtu::DEFAULT, &[], |_| ());
    assert_eq!(none, Err(ProcedureError::TooFewHandles));
    let many = [handle(3); 12];
    let none = run(&mut ReadMultiple::new(&many), Mtu::DEFAULT, &[], |_| ());
    assert_eq!(
        none,
        Err(ProcedureError::TooManyHandles {
            count: 12,
            limit: 11
        })
    );
}

fn variable(
    numbers: &[u16],
    script: &[Exchange<'_>],
) -> Result<Vec<(u16, Vec<u8>, bool)>, ProcedureError> {
    let handles: Vec<_> = numbers.iter().copied().map(handle).collect();
    let mut procedure = ReadMultipleVariable::new(&handles);
    run(&mut procedure, Mtu::DEFAULT, script, |item| {
        (item.handle.get(), item.value.to_vec(), item.may_be_longer)
    })
}

#[test]
fn several_values_of_any_length_are_read_at_once() {
    let script: &[Exchange<'_>] = &[(
        &[0x20, 3, 0, 5, 0, 7, 0],
        &[0x21, 1, 0, 9, 0, 0, 2, 0, 8, 8],
    )];
    let expected = vec![
        (3, vec![9], false),
        (5, vec![], false),
        (7, vec![8, 8], false),
    ];
    assert_eq!(variable(&[3, 5, 7], script), Ok(expected));
    assert_eq!(variable(&[], &[]), Ok(vec![]));
    let script: &[Exchange<'_>] = &[(&[0x0A, 3, 0], &[0x0B, 1])];
    assert_eq!(variable(&[3], script), Ok(vec![(3, vec![1], false)]));
}

#[test]
fn values_that_found_no_room_are_asked_for_again() {
    // Of the 22 octets after the opcode the first value takes 12, its length included, so that only
    // 8 of the second's 12 fit; and so on.
    let mut first = vec![0x21, 10, 0];
    first.extend_from_slice(&[1; 10]);
    first.extend_from_slice(&[12, 0]);
    first.extend_from_slice(&[2; 8]);
    let mut second = vec![0x21, 12, 0];
    second.extend_from_slice(&[2; 12]);
    second.extend_from_slice(&[9, 0]);
    second.extend_from_slice(&[3; 6]);
    let script: &[Exchange<'_>] = &[
        (&[0x20, 3, 0, 5, 0, 7, 0], &first),
        (&[0x20, 5, 0, 7, 0], &second),
        (&[0x0A, 7, 0], &[0x0B, 3, 3, 3, 3, 3, 3, 3, 3, 3]),
    ];
    let expected = vec![
        (3, vec![1; 10], false),
        (5, vec![2; 12], false),
        (7, vec![3; 9], false),
    ];
    assert_eq!(variable(&[3, 5, 7], script), Ok(expected));
}

#[test]
fn a_value_that_fills_a_pdu_alone_is_marked() {
    let mut first = vec![0x21, 50, 0];
    first.extend_from_slice(&[1; 20]);
    let full = [0x0B; 23];
    let script: &[Exchange<'_>] = &[(&[0x20, 3, 0, 5, 0], &first), (&[0x0A, 5, 0], &full)];
    let expected = vec![(3, vec![1; 20], true), (5, vec![0x0B; 22], true)];
    assert_eq!(variable(&[3, 5], script), Ok(expected));
}

#[test]
fn values_that_were_not_asked_for_or_are_missing_are_an_error() {
    for (answer, came) in [
        (&[0x21][..], 0),
        (&[0x21, 1, 0, 9], 1),
        (&[0x21, 1, 0, 9, 2, 0, 9], 1),
        (&[0x21, 0, 0, 0, 0, 0, 0], 3),
    ] {
        let script: &[Exchange<'_>] = &[(&[0x20, 3, 0, 5, 0], answer)];
        let items = variable(&[3, 5], script);
        assert_eq!(
            items,
            misbehaved(ValueCount { asked: 2, came }),
            "{answer:02X?}"
        );
    }
    let script: &[Exchange<'_>] = &[(&[0x20, 3, 0, 5, 0], &[0x21, 1, 2, 9])];
    assert_eq!(variable(&[3, 5], script), misbehaved(ValueTooLong(513)));
}

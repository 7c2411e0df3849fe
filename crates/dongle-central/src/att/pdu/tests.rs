//! Every PDU parsed and written; and which ones are rejected, and why.

use super::*;
use crate::att::{
    AttError, ErrorCode, ExecuteAction, GroupList, HandleList, HandleRange, HandleValueList,
    InformationList, RangeList, Uuid, VariableValueList,
};
use std::vec;
use std::vec::Vec;

fn handle(number: u16) -> AttributeHandle {
    AttributeHandle::new(number).unwrap()
}

fn range(start: u16, end: u16) -> HandleRange {
    HandleRange::new(handle(start), handle(end)).unwrap()
}

const FULL: Uuid = Uuid::from_u128(0x0F0E0D0C_0B0A_0908_0706_050403020100);

fn every_pdu(two: &[AttributeHandle; 2], mut check: impl FnMut(&[u8], Pdu<'_>)) {
    let mut request = |bytes: &[u8], pdu| check(bytes, Pdu::Request(pdu));
    request(
        &[0x02, 0x05, 0x02],
        Request::ExchangeMtu { client_rx_mtu: 517 },
    );
    request(
        &[0x04, 1, 0, 0xFF, 0xFF],
        Request::FindInformation {
            range: HandleRange::ALL,
        },
    );
    request(
        &[0x06, 1, 0, 0xFF, 0xFF, 0x00, 0x28, 0x0D, 0x18],
        Request::FindByTypeValue {
            range: HandleRange::ALL,
            attribute_type: 0x2800,
            value: &[0x0D, 0x18],
        },
    );
    let short = Uuid::from_u16(0x2803);
    request(
        &[0x08, 2, 0, 9, 0, 0x03, 0x28],
        Request::ReadByType {
            range: range(2, 9),
            attribute_type: short,
        },
    );
    request(
        &[
            0x08, 2, 0, 9, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        ],
        Request::ReadByType {
            range: range(2, 9),
            attribute_type: FULL,
        },
    );
    request(
        &[0x0A, 0x2A, 0x01],
        Request::Read {
            handle: handle(0x012A),
        },
    );
    request(
        &[0x0C, 3, 0, 22, 0],
        Request::ReadBlob {
            handle: handle(3),
            offset: 22,
        },
    );
    let handles = HandleList::new(two).unwrap();
    request(&[0x0E, 3, 0, 5, 0], Request::ReadMultiple { handles });
    request(
        &[0x10, 1, 0, 0xFF, 0xFF, 0x00, 0x28],
        Request::ReadByGroupType {
            range: HandleRange::ALL,
            group_type: Uuid::from_u16(0x2800),
        },
    );
    request(
        &[0x12, 3, 0, 1, 2],
        Request::Write {
            handle: handle(3),
            value: &[1, 2],
        },
    );
    request(
        &[0x12, 3, 0],
        Request::Write {
            handle: handle(3),
            value: &[],
        },
    );
    request(
        &[0x16, 3, 0, 18, 0, 7],
        Request::PrepareWrite {
            handle: handle(3),
            offset: 18,
            part: &[7],
        },
    );
    request(
        &[0x18, 0],
        Request::ExecuteWrite {
            action: ExecuteAction::Cancel,
        },
    );
    request(
        &[0x18, 1],
        Request::ExecuteWrite {
            action: ExecuteAction::Write,
        },
    );
    request(
        &[0x20, 3, 0, 5, 0],
        Request::ReadMultipleVariable { handles },
    );

    let mut response = |bytes: &[u8], pdu| check(bytes, Pdu::Response(pdu));
    let refused = |request, handle, code| {
        Response::Error(AttError {
            request,
            handle,
            code,
        })
    };
    response(
        &[0x01, 0x0A, 0x2A, 0, 0x05],
        refused(
            Opcode::READ_REQUEST,
            Some(handle(0x2A)),
            ErrorCode::INSUFFICIENT_AUTHENTICATION,
        ),
    );
    response(
        &[0x01, 0x3E, 0, 0, 0x06],
        refused(Opcode(0x3E), None, ErrorCode::REQUEST_NOT_SUPPORTED),
    );
    response(&[0x03, 23, 0], Response::ExchangeMtu { server_rx_mtu: 23 });
    response(
        &[0x05, 1, 4, 0, 0x02, 0x29, 5, 0, 0x01, 0x29],
        Response::FindInformation(
            InformationList::new(1, &[4, 0, 0x02, 0x29, 5, 0, 0x01, 0x29]).unwrap(),
        ),
    );
    response(
        &[0x07, 1, 0, 9, 0, 16, 0, 0xFF, 0xFF],
        Response::FindByTypeValue(RangeList::new(&[1, 0, 9, 0, 16, 0, 0xFF, 0xFF]).unwrap()),
    );
    response(
        &[0x09, 3, 1, 0, 7, 5, 0, 8],
        Response::ReadByType(HandleValueList::new(3, &[1, 0, 7, 5, 0, 8]).unwrap()),
    );
    response(&[0x0B], Response::Read { value: &[] });
    response(&[0x0B, 1], Response::Read { value: &[1] });
    response(&[0x0D, 1], Response::ReadBlob { value: &[1] });
    response(&[0x0F, 1, 2], Response::ReadMultiple { values: &[1, 2] });
    response(
        &[0x11, 6, 1, 0, 9, 0, 0x0D, 0x18],
        Response::ReadByGroupType(GroupList::new(6, &[1, 0, 9, 0, 0x0D, 0x18]).unwrap()),
    );
    response(&[0x13], Response::Write);
    response(
        &[0x17, 3, 0, 18, 0, 7],
        Response::PrepareWrite {
            handle: handle(3),
            offset: 18,
            part: &[7],
        },
    );
    response(&[0x19], Response::ExecuteWrite);
    response(
        &[0x21, 1, 0, 7, 9, 0, 8],
        Response::ReadMultipleVariable(VariableValueList::new(&[1, 0, 7, 9, 0, 8])),
    );

    check(
        &[0x1B, 3, 0, 1],
        Pdu::Notification {
            handle: handle(3),
            value: &[1],
        },
    );
    check(
        &[0x1D, 3, 0],
        Pdu::Indication {
            handle: handle(3),
            value: &[],
        },
    );
    check(&[0x1E], Pdu::Confirmation);
    check(
        &[0x23, 3, 0, 1, 0, 9, 5, 0, 0, 0],
        Pdu::MultipleNotification(NotificationList::new(&[3, 0, 1, 0, 9, 5, 0, 0, 0]).unwrap()),
    );
    check(
        &[0x52, 3, 0, 1],
        Pdu::Command(Command::Write {
            handle: handle(3),
            value: &[1],
        }),
    );
    check(
        &[0xD2, 3, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        Pdu::Command(Command::SignedWrite {
            handle: handle(3),
            value: &[1],
            signature: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        }),
    );
}

#[test]
fn every_pdu_goes_both_ways() {
    let mut kinds = 0;
    every_pdu(&[handle(3), handle(5)], |bytes, pdu| {
        assert_eq!(Pdu::parse(bytes), Ok(pdu));
        let mut out = [0xAA; 64];
        let length = pdu.emit(&mut out).unwrap();
        assert_eq!(&out[..length], bytes);
        assert_eq!(pdu.opcode(), Opcode(bytes[0]));
        kinds += 1;
    });
    assert_eq!(kinds, 36);
}

#[test]
fn a_buffer_too_small_is_told_how_much_is_needed() {
    every_pdu(&[handle(3), handle(5)], |bytes, pdu| {
        let mut out = [0; 64];
        let error = pdu.emit(&mut out[..bytes.len() - 1]);
        let expected = BufferTooSmall {
            needed: bytes.len(),
            available: bytes.len() - 1,
        };
        assert_eq!(error, Err(expected));
    });
}

#[test]
fn a_pdu_cut_short_is_malformed_or_another_pdu_but_never_a_panic() {
    every_pdu(&[handle(3), handle(5)], |bytes, _| {
        for length in 0..bytes.len() {
            let mut out = [0; 64];
            if let Ok(pdu) = Pdu::parse(&bytes[..length]) {
                assert_eq!(pdu.emit(&mut out), Ok(length));
            }
        }
    });
}

#[test]
fn what_is_wrong_is_said() {
    use MalformedReason::*;
    for (bytes, reason) in [
        (&[][..], Empty),
        (&[0x00], UnknownOpcode),
        (&[0x3E, 1], UnknownOpcode),
        (&[0x02, 23], Length),
        (&[0x02, 23, 0, 0], Length),
        (&[0x03], Length),
        (&[0x04, 0, 0, 1, 0], ZeroHandle),
        (
            &[0x04, 9, 0, 1, 0],
            InvertedRange {
                start: handle(9),
                end: 1,
            },
        ),
        (
            &[0x04, 9, 0, 0, 0],
            InvertedRange {
                start: handle(9),
                end: 0,
            },
        ),
        (&[0x05], Length),
        (&[0x05, 1], NoEntries),
        (&[0x05, 3, 1, 0, 2, 0x29], Format(3)),
        (&[0x05, 1, 1, 0, 2], PartialEntry),
        (&[0x05, 1, 0, 0, 2, 0x29], ZeroHandle),
        (&[0x05, 2, 1, 0, 2, 0x29], PartialEntry),
        (&[0x07], NoEntries),
        (&[0x07, 1, 0, 2], PartialEntry),
        (
            &[0x07, 3, 0, 2, 0],
            InvertedRange {
                start: handle(3),
                end: 2,
            },
        ),
        (&[0x08, 1, 0, 2, 0, 1, 2, 3, 4], Length),
        (&[0x08, 1, 0, 2, 0], Length),
        (&[0x09, 0], EntryLength(0)),
        (&[0x09, 1, 1], EntryLength(1)),
        (&[0x09, 4], NoEntries),
        (&[0x09, 4, 1, 0, 1, 1, 2], PartialEntry),
        (&[0x09, 3, 0, 0, 1], ZeroHandle),
        (&[0x0A, 0, 0], ZeroHandle),
        (&[0x0A, 1, 0, 0], Length),
        (&[0x0E, 1, 0], TooFewEntries),
        (&[0x0E], NoEntries),
        (&[0x0E, 1, 0, 0, 0], ZeroHandle),
        (&[0x11, 3, 1, 0, 2], EntryLength(3)),
        (&[0x11, 6, 0, 0, 2, 0, 0, 0x18], ZeroHandle),
        (
            &[0x11, 6, 2, 0, 1, 0, 0, 0x18],
            InvertedRange {
                start: handle(2),
                end: 1,
            },
        ),
        (&[0x13, 0], Length),
        (&[0x16, 1, 0, 0], Length),
        (&[0x17, 0, 0, 0, 0], ZeroHandle),
        (&[0x18], Length),
        (&[0x18, 2], ExecuteFlags(2)),
        (&[0x19, 0], Length),
        (&[0x1B], Length),
        (&[0x1B, 0, 0, 1], ZeroHandle),
        (&[0x1E, 0], Length),
        (&[0x23], NoEntries),
        (&[0x23, 1, 0, 2, 0, 9], PartialEntry),
        (&[0x23, 0, 0, 0, 0], ZeroHandle),
        (&[0x52, 1], Length),
        (&[0xD2, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], Length),
    ] {
        let opcode = bytes.first().copied().map(Opcode);
        assert_eq!(
            Pdu::parse(bytes),
            Err(Malformed { opcode, reason }),
            "{bytes:02X?}"
        );
    }
}

#[test]
fn a_bad_request_gets_the_answer_the_specification_names() {
    for (bytes, error) in [
        (&[0x3E][..], Some((None, ErrorCode::REQUEST_NOT_SUPPORTED))),
        (
            &[0x04, 9, 0, 1, 0],
            Some((Some(handle(9)), ErrorCode::INVALID_HANDLE)),
        ),
        (&[0x0A, 0, 0], Some((None, ErrorCode::INVALID_HANDLE))),
        (&[0x0A, 0], Some((None, ErrorCode::INVALID_PDU))),
        (&[0x7E], None),
        (&[0x52], None),
        (&[0x03], None),
        (&[], None),
    ] {
        let answer = Pdu::parse(bytes).unwrap_err().answer();
        assert_eq!(
            answer.map(|error| (error.handle, error.code)),
            error,
            "{bytes:02X?}"
        );
    }
}

#[test]
fn lists_give_their_entries() {
    let list = VariableValueList::new(&[1, 0, 7, 0, 0, 9, 0, 8, 8]);
    let entries: Vec<_> = list
        .iter()
        .map(|entry| (entry.length, entry.value))
        .collect();
    assert_eq!(entries, vec![(1, &[7][..]), (0, &[]), (9, &[8, 8])]);
    assert_eq!(VariableValueList::new(&[1, 0, 7, 4]).iter().count(), 1);

    let groups = [1, 0, 9, 0, 0x0D, 0x18, 10, 0, 0xFF, 0xFF, 0x0F, 0x18];
    let groups = GroupList::new(6, &groups).unwrap();
    assert_eq!(
        groups.get(1).map(|group| group.range),
        Some(range(10, 0xFFFF))
    );
    assert_eq!(groups.get(2), None);

    let tuples = [3, 0, 1, 0, 9, 5, 0, 0, 0];
    let tuples = NotificationList::new(&tuples).unwrap();
    assert_eq!(tuples.get(0).map(|entry| entry.value), Some(&[9][..]));
    assert_eq!(
        tuples
            .iter()
            .map(|entry| entry.handle.get())
            .collect::<Vec<_>>(),
        vec![3, 5]
    );
}

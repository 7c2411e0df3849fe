//! Discovering services, characteristics and descriptors, on servers that obey the specification and
//! servers that do not.

use super::*;
use Misbehaviour::*;

fn services(script: &[Exchange<'_>]) -> Result<Vec<(HandleRange, Uuid)>, ProcedureError> {
    let mut procedure = DiscoverServices::primary(HandleRange::ALL);
    run(&mut procedure, Mtu::DEFAULT, script, |service| {
        (service.range, service.uuid)
    })
}

const ALL_SERVICES: &[u8] = &[0x10, 1, 0, 0xFF, 0xFF, 0x00, 0x28];

#[test]
fn all_services_come_with_uuids_of_both_lengths() {
    let script: &[Exchange<'_>] = &[
        (
            ALL_SERVICES,
            &[0x11, 6, 1, 0, 5, 0, 0x00, 0x18, 6, 0, 9, 0, 0x0D, 0x18],
        ),
        (
            &[0x10, 10, 0, 0xFF, 0xFF, 0x00, 0x28],
            &[
                0x11, 20, 10, 0, 20, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
            ],
        ),
        (
            &[0x10, 21, 0, 0xFF, 0xFF, 0x00, 0x28],
            &[1, 0x10, 21, 0, NOT_FOUND],
        ),
    ];
    let expected = vec![
        (range(1, 5), Uuid::from_u16(0x1800)),
        (range(6, 9), Uuid::from_u16(0x180D)),
        (
            range(10, 20),
            Uuid::from_u128(0x0F0E0D0C_0B0A_0908_0706_050403020100),
        ),
    ];
    assert_eq!(services(script), Ok(expected));
}

#[test]
fn a_service_that_ends_at_the_last_handle_ends_the_discovery() {
    let answer = &[0x11, 6, 1, 0, 0xFF, 0xFF, 0x0D, 0x18];
    let expected = vec![(HandleRange::ALL, Uuid::from_u16(0x180D))];
    assert_eq!(services(&[(ALL_SERVICES, answer)]), Ok(expected));
}

#[test]
fn a_server_without_services_is_no_error() {
    assert_eq!(
        services(&[(ALL_SERVICES, &[1, 0x10, 1, 0, NOT_FOUND])]),
        Ok(vec![])
    );
}

#[test]
fn a_refusal_is_an_error() {
    let error = refused(
        Opcode::READ_BY_GROUP_TYPE_REQUEST,
        1,
        ErrorCode::UNSUPPORTED_GROUP_TYPE,
    );
    assert_eq!(
        services(&[(ALL_SERVICES, &[1, 0x10, 1, 0, 0x10])]),
        Err(error)
    );
}

#[test]
fn hostile_servers_end_a_service_discovery() {
    let malformed = |reason| {
        let opcode = Some(Opcode::READ_BY_GROUP_TYPE_RESPONSE);
        Err(ProcedureError::Malformed(Malformed { opcode, reason }))
    };
    let cases: &[(&[u8], Result<_, ProcedureError>)] = &[
        (
            &[0x11, 6, 0, 0, 5, 0, 0, 0x18],
            malformed(MalformedReason::ZeroHandle),
        ),
        (
            &[0x11, 6, 5, 0, 4, 0, 0, 0x18],
            malformed(MalformedReason::InvertedRange {
                start: handle(5),
                end: 4,
            }),
        ),
        (&[0x11, 6], malformed(MalformedReason::NoEntries)),
        (
            &[0x11, 8, 1, 0, 5, 0, 0, 0x18, 0, 0],
            misbehaved(DeclarationLength(4)),
        ),
        (
            &[0x11, 6, 1, 0, 5, 0, 0, 0x18, 5, 0, 9, 0, 1, 0x18],
            misbehaved(OutOfOrder(handle(5))),
        ),
        (
            &[0x11, 6, 6, 0, 9, 0, 0, 0x18, 1, 0, 5, 0, 1, 0x18],
            misbehaved(OutOfOrder(handle(1))),
        ),
        (&[0x07, 1, 0, 5, 0], misbehaved(UnexpectedResponse)),
        (&[0x10, 1, 0, 5, 0, 0, 0x28], misbehaved(UnexpectedResponse)),
    ];
    for (answer, expected) in cases {
        assert_eq!(
            &services(&[(ALL_SERVICES, answer)]),
            expected,
            "{answer:02X?}"
        );
    }
}

#[test]
fn a_server_that_repeats_itself_is_stopped_at_once() {
    let answer = &[0x11, 6, 1, 0, 5, 0, 0x0D, 0x18];
    let script: &[Exchange<'_>] = &[
        (ALL_SERVICES, answer),
        (&[0x10, 6, 0, 0xFF, 0xFF, 0x00, 0x28], answer),
    ];
    assert_eq!(services(script), misbehaved(OutOfOrder(handle(1))));
}

#[test]
fn a_server_that_answers_one_handle_at_a_time_comes_to_its_end() {
    let mut procedure = DiscoverDescriptors::new(HandleRange::ALL);
    let mut out = [0; 23];
    let mut count = 0;
    while let Some(length) = procedure.request(Mtu::DEFAULT, &mut out).unwrap() {
        assert_eq!(length, 5);
        let answer = [0x05, 1, out[1], out[2], 0x02, 0x29];
        procedure.response(&answer).unwrap();
        while procedure.next_item(&answer).is_some() {
            count += 1;
        }
    }
    assert_eq!(count, 0xFFFF);
}

#[test]
fn secondary_services_are_told_apart() {
    let mut procedure = DiscoverServices::secondary(HandleRange::ALL);
    let script: &[Exchange<'_>] = &[(
        &[0x10, 1, 0, 0xFF, 0xFF, 0x01, 0x28],
        &[0x11, 6, 1, 0, 0xFF, 0xFF, 0x0D, 0x18],
    )];
    let items = run(&mut procedure, Mtu::DEFAULT, script, |service| {
        service.primary
    });
    assert_eq!(items, Ok(vec![false]));
}

#[test]
fn services_are_found_by_uuid() {
    let find = |uuid, script: &[Exchange<'_>]| {
        let mut procedure = DiscoverServicesByUuid::new(HandleRange::ALL, uuid);
        run(&mut procedure, Mtu::DEFAULT, script, |service| {
            (service.range, service.uuid)
        })
    };
    let short = Uuid::from_u16(0x180D);
    let script: &[Exchange<'_>] = &[
        (
            &[6, 1, 0, 0xFF, 0xFF, 0x00, 0x28, 0x0D, 0x18],
            &[7, 3, 0, 5, 0, 9, 0, 12, 0],
        ),
        (
            &[6, 13, 0, 0xFF, 0xFF, 0x00, 0x28, 0x0D, 0x18],
            &[1, 6, 13, 0, NOT_FOUND],
        ),
    ];
    assert_eq!(
        find(short, script),
        Ok(vec![(range(3, 5), short), (range(9, 12), short)])
    );

    let full = Uuid::from_u128(0x0F0E0D0C_0B0A_0908_0706_050403020100);
    let script: &[Exchange<'_>] = &[(
        &[
            6, 1, 0, 255, 255, 0, 0x28, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        ],
        &[7, 3, 0, 255, 255],
    )];
    assert_eq!(find(full, script), Ok(vec![(range(3, 0xFFFF), full)]));

    let script: &[Exchange<'_>] = &[(
        &[6, 1, 0, 0xFF, 0xFF, 0x00, 0x28, 0x0D, 0x18],
        &[7, 3, 0, 5, 0, 4, 0, 12, 0],
    )];
    assert_eq!(find(short, script), misbehaved(OutOfOrder(handle(4))));
}

#[test]
fn included_services_with_long_uuids_cost_a_read_each() {
    let mut procedure = DiscoverIncluded::new(range(1, 20));
    let script: &[Exchange<'_>] = &[
        (
            &[8, 1, 0, 20, 0, 0x02, 0x28],
            &[
                9, 8, 2, 0, 0x10, 1, 0x1F, 1, 0x0F, 0x18, 3, 0, 0x20, 1, 0x2F, 1, 0x0A, 0x18,
            ],
        ),
        (
            &[8, 4, 0, 20, 0, 0x02, 0x28],
            &[9, 6, 4, 0, 0x30, 1, 0x3F, 1, 5, 0, 0x40, 1, 0x4F, 1],
        ),
        (
            &[0x0A, 0x30, 1],
            &[0x0B, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        ),
        (
            &[0x0A, 0x40, 1],
            &[0x0B, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        ),
        (&[8, 6, 0, 20, 0, 0x02, 0x28], &[1, 8, 6, 0, NOT_FOUND]),
    ];
    let items = run(&mut procedure, Mtu::DEFAULT, script, |item| {
        (item.handle.get(), item.range, item.uuid)
    });
    let expected = vec![
        (2, range(0x110, 0x11F), Uuid::from_u16(0x180F)),
        (3, range(0x120, 0x12F), Uuid::from_u16(0x180A)),
        (
            4,
            range(0x130, 0x13F),
            Uuid::from_u128(0x0F0E0D0C_0B0A_0908_0706_050403020100),
        ),
        (
            5,
            range(0x140, 0x14F),
            Uuid::from_u128(0x0F0E0D0C_0B0A_0908_0706_050403020109),
        ),
    ];
    assert_eq!(items, Ok(expected));
}

#[test]
fn more_included_services_than_are_kept_are_asked_for_again() {
    let mut procedure = DiscoverIncluded::new(range(1, 20));
    let mut out = [0; 23];
    let mut asked = Vec::new();
    let mut found = Vec::new();
    while let Some(length) = procedure.request(mtu(100), &mut out).unwrap() {
        let request = &out[..length];
        let answer = if request[0] == 0x0A {
            let mut answer = vec![0x0B];
            answer.extend_from_slice(&[request[1]; 16]);
            answer
        } else {
            asked.push(request[1]);
            let mut answer = vec![0x09, 6];
            for number in request[1]..=20 {
                answer.extend_from_slice(&[number, 0, number, 1, number, 1]);
            }
            answer
        };
        procedure.response(&answer).unwrap();
        while let Some(item) = procedure.next_item(&answer) {
            found.push(item.handle.get());
        }
    }
    assert_eq!(asked, vec![1, 9, 17]);
    assert_eq!(found, (1..=20).collect::<Vec<_>>());
}

#[test]
fn hostile_servers_end_a_search_for_included_services() {
    for (answer, misbehaviour) in [
        (&[9, 7, 2, 0, 3, 0, 4, 0, 0][..], DeclarationLength(5)),
        (&[9, 8, 2, 0, 0, 0, 4, 0, 1, 2], OutOfOrder(handle(2))),
        (&[9, 8, 2, 0, 9, 0, 8, 0, 1, 2], OutOfOrder(handle(2))),
        (&[9, 8, 21, 0, 8, 0, 9, 0, 1, 2], OutOfRange(handle(21))),
        (
            &[9, 6, 2, 0, 8, 0, 9, 0, 2, 0, 8, 0, 9, 0],
            OutOfOrder(handle(2)),
        ),
    ] {
        let mut procedure = DiscoverIncluded::new(range(1, 20));
        let script: &[Exchange<'_>] = &[(&[8, 1, 0, 20, 0, 0x02, 0x28], answer)];
        let items = run(&mut procedure, Mtu::DEFAULT, script, |item| item.handle);
        assert_eq!(items, misbehaved(misbehaviour), "{answer:02X?}");
    }
}

fn characteristics(
    mut procedure: DiscoverCharacteristics,
    script: &[Exchange<'_>],
) -> Result<Vec<(u16, u16, u16, Uuid)>, ProcedureError> {
    run(&mut procedure, Mtu::DEFAULT, script, |found| {
        (
            found.handle.get(),
            found.value_handle.get(),
            found.end.get(),
            found.uuid,
        )
    })
}

#[test]
fn a_characteristic_ends_where_the_next_begins() {
    let script: &[Exchange<'_>] = &[
        (
            &[8, 1, 0, 12, 0, 0x03, 0x28],
            &[
                9, 7, 1, 0, 0x10, 2, 0, 0x37, 0x2A, 4, 0, 0x02, 5, 0, 0x38, 0x2A,
            ],
        ),
        (
            &[8, 5, 0, 12, 0, 0x03, 0x28],
            &[
                9, 21, 7, 0, 0x08, 8, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
            ],
        ),
        (&[8, 8, 0, 12, 0, 0x03, 0x28], &[1, 8, 8, 0, NOT_FOUND]),
    ];
    let expected = vec![
        (1, 2, 3, Uuid::from_u16(0x2A37)),
        (4, 5, 6, Uuid::from_u16(0x2A38)),
        (
            7,
            8,
            12,
            Uuid::from_u128(0x0F0E0D0C_0B0A_0908_0706_050403020100),
        ),
    ];
    let found = characteristics(DiscoverCharacteristics::all(range(1, 12)), script);
    assert_eq!(found, Ok(expected));
}

#[test]
fn a_value_at_the_end_of_the_service_ends_the_discovery() {
    let answer = &[
        9, 7, 2, 0, 0x10, 3, 0, 0x37, 0x2A, 4, 0, 0x02, 5, 0, 0x38, 0x2A,
    ];
    let script: &[Exchange<'_>] = &[(&[8, 1, 0, 5, 0, 0x03, 0x28], answer)];
    let found = characteristics(DiscoverCharacteristics::all(range(1, 5)), script);
    let expected = vec![
        (2, 3, 3, Uuid::from_u16(0x2A37)),
        (4, 5, 5, Uuid::from_u16(0x2A38)),
    ];
    assert_eq!(found, Ok(expected));

    let by_uuid = DiscoverCharacteristics::by_uuid(range(1, 5), Uuid::from_u16(0x2A37));
    assert_eq!(
        characteristics(by_uuid, script),
        Ok(vec![(2, 3, 3, Uuid::from_u16(0x2A37))])
    );
}

#[test]
fn what_can_be_done_and_where_descriptors_are_comes_with_a_characteristic() {
    let mut procedure = DiscoverCharacteristics::all(range(1, 5));
    let answer = &[
        9, 7, 2, 0, 0x1A, 3, 0, 0x37, 0x2A, 4, 0, 0x82, 5, 0, 0x38, 0x2A,
    ];
    let script: &[Exchange<'_>] = &[(&[8, 1, 0, 5, 0, 0x03, 0x28], answer)];
    let found = run(&mut procedure, Mtu::DEFAULT, script, |found| {
        (found.properties, found.descriptors())
    });
    let expected = vec![
        (
            Properties::READ | Properties::WRITE | Properties::NOTIFY,
            None,
        ),
        (Properties::READ | Properties::EXTENDED_PROPERTIES, None),
    ];
    assert_eq!(found, Ok(expected));
}

#[test]
fn hostile_servers_end_a_characteristic_discovery() {
    for (answer, misbehaviour) in [
        (&[9, 8, 2, 0, 0, 3, 0, 1, 2, 3][..], DeclarationLength(6)),
        (&[9, 7, 2, 0, 0, 0, 0, 1, 2], OutOfOrder(handle(2))),
        (&[9, 7, 2, 0, 0, 2, 0, 1, 2], OutOfOrder(handle(2))),
        (&[9, 7, 2, 0, 0, 13, 0, 1, 2], OutOfRange(handle(13))),
        (&[9, 7, 13, 0, 0, 14, 0, 1, 2], OutOfRange(handle(14))),
        (
            &[9, 7, 2, 0, 0, 5, 0, 1, 2, 4, 0, 0, 6, 0, 1, 2],
            OutOfOrder(handle(4)),
        ),
        (
            &[9, 7, 2, 0, 0, 3, 0, 1, 2, 2, 0, 0, 3, 0, 1, 2],
            OutOfOrder(handle(2)),
        ),
    ] {
        let script: &[Exchange<'_>] = &[(&[8, 1, 0, 12, 0, 0x03, 0x28], answer)];
        let found = characteristics(DiscoverCharacteristics::all(range(1, 12)), script);
        assert_eq!(found, misbehaved(misbehaviour), "{answer:02X?}");
    }
    let declaration = &[9, 7, 2, 0, 0, 5, 0, 1, 2];
    let script: &[Exchange<'_>] = &[
        (&[8, 1, 0, 12, 0, 0x03, 0x28], declaration),
        (&[8, 3, 0, 12, 0, 0x03, 0x28], &[9, 7, 4, 0, 0, 6, 0, 1, 2]),
    ];
    let found = characteristics(DiscoverCharacteristics::all(range(1, 12)), script);
    assert_eq!(found, misbehaved(OutOfOrder(handle(4))));
}

#[test]
fn descriptors_cost_nothing_where_there_are_none() {
    let mut procedure = DiscoverDescriptors::new(None);
    assert_eq!(
        run(&mut procedure, Mtu::DEFAULT, &[], |found| found),
        Ok(vec![])
    );

    let mut procedure = DiscoverDescriptors::new(range(3, 5));
    let script: &[Exchange<'_>] = &[
        (
            &[4, 3, 0, 5, 0],
            &[5, 1, 3, 0, 0x02, 0x29, 4, 0, 0x01, 0x29],
        ),
        (
            &[4, 5, 0, 5, 0],
            &[
                5, 2, 5, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
            ],
        ),
    ];
    let found = run(&mut procedure, Mtu::DEFAULT, script, |found| {
        (found.handle.get(), found.uuid)
    });
    let expected = vec![
        (3, uuids::CLIENT_CONFIGURATION),
        (4, uuids::USER_DESCRIPTION),
        (5, Uuid::from_u128(0x0F0E0D0C_0B0A_0908_0706_050403020100)),
    ];
    assert_eq!(found, Ok(expected));
}

//! Against Bumble's GATT server.

use std::time::{Duration, Instant};

use dongle::security::MemoryStore;
use dongle::{DeviceConnection, Dongle, Error, ErrorCode, Notified, ProcedureError, Uuid};
use dongle_tests::bench::soon;
use dongle_tests::bumble::database::{self as db, pattern};
use dongle_tests::bumble::{self, Controller, Wire};

use super::{characteristic, counted, main_service, number, uuid};

/// Connects to the server on a controller of its own.
async fn connect(controller: &Controller) -> (Dongle, DeviceConnection) {
    // Refusals are to be seen, and no bond with a server that forgets everything is to be kept.
    let open = Dongle::open(controller.spec()).pair_on_demand(false);
    let dongle = open.bond_store(MemoryStore::default()).await;
    let dongle = dongle.expect("Bumble's controller opens");
    let mut scan = dongle
        .scan()
        .service(Uuid::from_u16(0x180F))
        .start()
        .expect("it scans");
    let found = scan
        .next()
        .await
        .expect("no error")
        .expect("the server advertises");
    drop(scan);
    let connection = found.device().connect().await.expect("the server connects");
    (dongle, connection)
}

/// Runs a test on a connection to the server; `mtu`: exchanged first.
fn with_server(mtu: Option<u16>, test: impl AsyncFnOnce(DeviceConnection, &mut Controller)) {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let mut controller = bumble.controller(Wire::Tcp).gatt_server().start();
    soon(async {
        let (_dongle, connection) = connect(&controller).await;
        if let Some(mtu) = mtu {
            assert_eq!(connection.exchange_mtu(mtu).await.unwrap(), mtu);
        }
        test(connection, &mut controller).await;
    });
}

#[test]
fn everything_is_discovered_and_read_between_two_results() {
    with_server(Some(247), async |connection, _| {
        let mut services = connection.services();
        let mut crowd = Vec::new();
        let mut all = Vec::new();
        while let Some(service) = services.next().await.unwrap() {
            all.push(service.uuid());
            let mut characteristics = service.characteristics();
            while let Some(found) = characteristics.next().await.unwrap() {
                if service.uuid() == uuid(db::CROWD) {
                    // A read, and a discovery, while two others are under way.
                    crowd.push((number(found.uuid()), found.read().await.unwrap()));
                    assert!(found.descriptors().all().await.unwrap().is_empty());
                }
            }
        }
        for number in [db::MAIN, db::CROWD, db::MIXED] {
            assert!(all.contains(&uuid(number)), "{all:?}");
        }
        assert!(
            !all.contains(&uuid(db::SECONDARY)),
            "a secondary service is not primary"
        );
        assert_eq!(
            all.iter().filter(|u| **u == Uuid::from_u16(0x180F)).count(),
            2
        );
        let expected: Vec<_> = (0..db::CROWD_SIZE)
            .map(|i| (db::FIRST_IN_CROWD + i, vec![i as u8]))
            .collect();
        assert_eq!(crowd, expected);
    });
}

#[test]
fn fifty_characteristics_come_with_the_least_mtu_too() {
    with_server(None, async |connection, _| {
        let crowd = connection.service(uuid(db::CROWD)).await.unwrap();
        let all = crowd.characteristics().all().await.unwrap();
        assert_eq!(all.len(), usize::from(db::CROWD_SIZE));
        let mixed = connection.service(uuid(db::MIXED)).await.unwrap();
        let found: Vec<_> = mixed.characteristics().all().await.unwrap();
        let found: Vec<_> = found.iter().map(|c| number(c.uuid())).collect();
        let expected: Vec<_> = (0..10)
            .map(|n| if n % 3 == 0 { 0x0300 + n } else { 0xFFE0 + n })
            .collect();
        assert_eq!(found, expected);
    });
}

#[test]
fn included_services_are_found_with_uuids_of_both_lengths() {
    with_server(Some(247), async |connection, _| {
        let included = main_service(&connection)
            .await
            .included_services()
            .all()
            .await
            .unwrap();
        let uuids: Vec<_> = included.iter().map(|s| s.uuid()).collect();
        assert_eq!(uuids, [Uuid::from_u16(0x180F), uuid(db::SECONDARY)]);
        let level = included[0]
            .characteristic(Uuid::from_u16(0x2A19))
            .await
            .unwrap();
        assert_eq!(level.read().await.unwrap(), [55]);
        let within = included[1].characteristic(uuid(0x0401)).await.unwrap();
        assert_eq!(within.read().await.unwrap(), b"within");
    });
}

#[test]
fn a_discovery_that_is_left_early_leaves_nothing_behind() {
    with_server(Some(247), async |connection, _| {
        for _ in 0..5 {
            let mut services = connection.services();
            let first = services.next().await.unwrap().unwrap();
            drop(services);
            let mut characteristics = first.characteristics();
            assert!(characteristics.next().await.unwrap().is_some());
        }
        let service = main_service(&connection).await;
        let value = characteristic(&service, db::READ_ONLY).await;
        assert_eq!(value.read().await.unwrap(), b"read only");
    });
}

#[test]
fn a_value_of_512_octets_is_read_and_written_whatever_the_mtu() {
    for mtu in [None, Some(23), Some(64), Some(247), Some(517)] {
        with_server(mtu, async |connection, _| {
            let service = main_service(&connection).await;
            let long = characteristic(&service, db::LONG).await;
            assert_eq!(long.read().await.unwrap(), pattern(512));
            // Bumble has room for 64 parts of a long write.
            let written: Vec<u8> = pattern(512).into_iter().rev().collect();
            long.write(&written).await.unwrap();
            assert_eq!(long.read().await.unwrap(), written);
            let too_long = [0; 513];
            let error = long.write(&too_long).await.unwrap_err();
            let Error::Gatt(ProcedureError::ValueTooLong {
                length: 513,
                limit: 512,
            }) = error
            else {
                panic!("{error:?}");
            };
        });
    }
}

#[test]
fn values_of_every_awkward_length_are_read_whole() {
    with_server(Some(64), async |connection, _| {
        let service = main_service(&connection).await;
        let length = characteristic(&service, db::LENGTH).await;
        let value = characteristic(&service, db::PATTERN).await;
        let part = 63;
        let lengths = [
            0,
            1,
            part - 1,
            part,
            part + 1,
            2 * part - 1,
            2 * part,
            2 * part + 1,
        ];
        for octets in lengths.into_iter().chain([4 * part, 8 * part, 511, 512]) {
            length.write(&(octets as u16).to_le_bytes()).await.unwrap();
            assert_eq!(
                value.read().await.unwrap(),
                pattern(octets),
                "{octets} octets"
            );
        }
        assert_eq!(
            characteristic(&service, db::EMPTY)
                .await
                .read()
                .await
                .unwrap(),
            b""
        );
    });
}

#[test]
fn a_value_that_changes_its_length_while_it_is_read_is_no_accident() {
    with_server(None, async |connection, _| {
        let service = main_service(&connection).await;
        let length = characteristic(&service, db::LENGTH).await;
        let value = characteristic(&service, db::PATTERN).await;
        for octets in [500_u16, 30, 200, 22, 44, 400, 0] {
            // Both requests are queued, so that the write comes between two parts of the read.
            let octets = octets.to_le_bytes();
            let read = async { value.read().await };
            let write = async { length.write(&octets).await };
            let (read, written) = futures_lite::future::zip(read, write).await;
            written.unwrap();
            // What was read is a beginning of the pattern: nothing of another value, no gap.
            match read {
                Ok(read) => assert_eq!(read, pattern(read.len())),
                // Parts behind the end of a value that shrank (Core Vol 3 Part F, 3.4.4.5).
                Err(error) => assert_eq!(
                    error.att().map(|e| e.code),
                    Some(ErrorCode::INVALID_OFFSET),
                    "{error}"
                ),
            }
        }
    });
}

#[test]
fn several_values_are_read_in_one_go() {
    with_server(Some(247), async |connection, _| {
        let service = main_service(&connection).await;
        let length = characteristic(&service, db::LENGTH).await;
        let read_only = characteristic(&service, db::READ_ONLY).await;
        let described = characteristic(&service, db::DESCRIBED).await;
        let both = connection
            .read_multiple(&[&length, &read_only])
            .await
            .unwrap();
        assert_eq!(both, [&[22, 0][..], b"read only"].concat());
        match connection
            .read_multiple_variable(&[&read_only, &described])
            .await
        {
            Ok(values) => assert_eq!(values, [&b"read only"[..], b"described"]),
            Err(error) => assert_eq!(
                error.att().map(|e| e.code),
                Some(ErrorCode::REQUEST_NOT_SUPPORTED),
                "{error}"
            ),
        }
        let by_uuid = service.read_by_uuid(uuid(db::READ_ONLY)).await.unwrap();
        assert_eq!(by_uuid, [(read_only.value_handle(), b"read only".to_vec())]);
    });
}

#[test]
fn reliable_writes_reach_all_of_their_values() {
    with_server(Some(64), async |connection, _| {
        let service = main_service(&connection).await;
        let a = characteristic(&service, db::RELIABLE_A).await;
        let b = characteristic(&service, db::RELIABLE_B).await;
        let long = pattern(150);
        connection
            .write_reliable(&[(&a, &long), (&b, b"short")])
            .await
            .unwrap();
        assert_eq!(a.read().await.unwrap(), long);
        assert_eq!(b.read().await.unwrap(), b"short");
    });
}

#[test]
fn five_thousand_notifications_come_in_order() {
    with_server(Some(247), async |connection, _| {
        let service = main_service(&connection).await;
        let burst = characteristic(&service, db::BURST).await;
        let control = characteristic(&service, db::CONTROL).await;
        let mut values = burst.subscribe().await.unwrap();
        control.write(&[0, 0x88, 0x13, 0, 0, 20, 0]).await.unwrap();
        for expected in 0..5000 {
            assert_eq!(counted(values.notified().await.unwrap()), expected);
        }
        values.unsubscribe().await.unwrap();
    });
}

#[test]
fn indications_are_confirmed_one_by_one() {
    with_server(Some(64), async |connection, controller| {
        let service = main_service(&connection).await;
        let indicated = characteristic(&service, db::INDICATED).await;
        let control = characteristic(&service, db::CONTROL).await;
        let mut values = indicated.subscribe().await.unwrap();
        control.write(&[1, 20, 0, 0, 0, 4, 0]).await.unwrap();
        for expected in 0..20 {
            assert_eq!(counted(values.notified().await.unwrap()), expected);
            assert_eq!(controller.event("confirmed")["sequence"], expected);
        }
    });
}

#[test]
fn one_value_can_be_notified_and_indicated() {
    with_server(Some(64), async |connection, _| {
        let service = main_service(&connection).await;
        let either = characteristic(&service, db::EITHER).await;
        let control = characteristic(&service, db::CONTROL).await;
        let mut notified = either.subscribe().await.unwrap();
        let mut indicated = either.subscribe().indicate().await.unwrap();
        control.write(&[2, 3, 0, 0, 0, 4, 0]).await.unwrap();
        control.write(&[3, 3, 0, 0, 0, 4, 0]).await.unwrap();
        for expected in 0..3 {
            assert_eq!(counted(notified.notified().await.unwrap()), expected);
            assert_eq!(counted(indicated.notified().await.unwrap()), expected);
        }
    });
}

#[test]
fn what_is_notified_before_the_subscription_is_answered_is_not_lost() {
    with_server(Some(64), async |connection, _| {
        let service = main_service(&connection).await;
        let mut values = characteristic(&service, db::EAGER)
            .await
            .subscribe()
            .await
            .unwrap();
        for expected in 0..db::EAGER_COUNT {
            assert_eq!(counted(values.notified().await.unwrap()), expected);
        }
    });
}

#[test]
fn the_server_hears_of_the_first_subscription_and_of_the_last_end() {
    with_server(Some(64), async |connection, controller| {
        let service = main_service(&connection).await;
        let burst = characteristic(&service, db::BURST).await;
        let control = characteristic(&service, db::CONTROL).await;
        let mut first = burst.subscribe().await.unwrap();
        let mut second = burst.subscribe().await.unwrap();
        controller.event("subscribed");
        control.write(&[0, 5, 0, 0, 0, 4, 0]).await.unwrap();
        for expected in 0..5 {
            assert_eq!(counted(first.notified().await.unwrap()), expected);
            assert_eq!(counted(second.notified().await.unwrap()), expected);
        }
        first.unsubscribe().await.unwrap();
        control.write(&[0, 1, 0, 0, 0, 4, 0]).await.unwrap();
        assert_eq!(counted(second.notified().await.unwrap()), 0);
        second.unsubscribe().await.unwrap();
        controller.event("unsubscribed");
    });
}

#[test]
fn descriptors_are_found_read_and_written() {
    with_server(Some(64), async |connection, _| {
        let service = main_service(&connection).await;
        let described = characteristic(&service, db::DESCRIBED).await;
        let all = described.descriptors().all().await.unwrap();
        let uuids: Vec<_> = all.iter().map(|d| number(d.uuid())).collect();
        assert_eq!(
            uuids,
            [0x2901, 0x2904, db::LONG_DESCRIPTOR, db::WRITABLE_DESCRIPTOR]
        );
        let description = all[0].read().await.unwrap();
        assert!(
            description.starts_with(b"A value with four descriptors!"),
            "{description:?}"
        );
        assert_eq!(description.len(), 59);
        assert_eq!(all[2].read().await.unwrap(), pattern(300));
        let long: Vec<u8> = pattern(300).into_iter().rev().collect();
        all[2].write(&long).await.unwrap();
        assert_eq!(all[2].read().await.unwrap(), long);
        all[3].write(b"changed").await.unwrap();
        assert_eq!(all[3].read().await.unwrap(), b"changed");
        let again = described
            .descriptor(uuid(db::WRITABLE_DESCRIPTOR))
            .await
            .unwrap();
        assert_eq!(again.handle(), all[3].handle());
        let error = described.descriptor(uuid(0x9999)).await.unwrap_err();
        assert!(matches!(error, Error::NotFound(_)), "{error}");
    });
}

#[test]
fn refusals_tell_the_code_and_the_handle() {
    with_server(Some(64), async |connection, _| {
        let service = main_service(&connection).await;
        let expected = [
            (db::WRITE_ONLY, ErrorCode::READ_NOT_PERMITTED),
            (
                db::NEEDS_AUTHENTICATION,
                ErrorCode::INSUFFICIENT_AUTHENTICATION,
            ),
            (db::NEEDS_ENCRYPTION, ErrorCode::INSUFFICIENT_ENCRYPTION),
            (
                db::NEEDS_AUTHORIZATION,
                ErrorCode::INSUFFICIENT_AUTHORIZATION,
            ),
            (db::REFUSES, ErrorCode(db::APPLICATION_ERROR)),
        ];
        for (number, code) in expected {
            let refuses = characteristic(&service, number).await;
            let error = refuses.read().await.unwrap_err().att().expect("a refusal");
            assert_eq!(
                (error.code, error.handle),
                (code, Some(refuses.value_handle()))
            );
        }
        let refuses = characteristic(&service, db::REFUSES).await;
        let error = refuses
            .write(b"no")
            .await
            .unwrap_err()
            .att()
            .expect("a refusal");
        let code = ErrorCode(db::APPLICATION_ERROR);
        assert_eq!(
            (error.code, error.handle),
            (code, Some(refuses.value_handle()))
        );
        assert!(error.code.is_application());
        // Nothing is asked of a server that has said what can be done.
        let read_only = characteristic(&service, db::READ_ONLY).await;
        let error = read_only.write(b"no").await.unwrap_err();
        assert!(matches!(error, Error::NotPermitted(_)), "{error}");
        let error = read_only.subscribe().await.unwrap_err();
        assert!(matches!(error, Error::NotPermitted(_)), "{error}");
    });
}

#[test]
fn a_call_ends_at_its_own_timeout_and_the_next_gets_its_own_answer() {
    with_server(Some(64), async |connection, _| {
        let service = main_service(&connection).await;
        let slow = characteristic(&service, db::SLOW).await;
        let read_only = characteristic(&service, db::READ_ONLY).await;
        let (begun, error) = loop {
            let begun = Instant::now();
            match slow.read().timeout(Duration::from_millis(100)).await {
                Err(error) => break (begun, error),
                // This program stood still for longer than the server did.
                Ok(value) => assert_eq!(value, 500_u16.to_le_bytes()),
            }
        };
        assert!(error.is_timeout(), "{error}");
        // It waits for the response that is owed to somebody else.
        assert_eq!(read_only.read().await.unwrap(), b"read only");
        assert!(
            begun.elapsed() >= Duration::from_millis(450),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(slow.read().await.unwrap(), 500_u16.to_le_bytes());
    });
}

#[test]
fn ten_thousand_commands_arrive_in_order() {
    with_server(Some(64), async |connection, _| {
        let service = main_service(&connection).await;
        let commands = characteristic(&service, db::COMMANDS).await;
        let seen = characteristic(&service, db::COMMANDS_SEEN).await;
        for i in 0..10_000_u32 {
            commands.write(&i.to_le_bytes()).await.unwrap();
        }
        let value = seen.read().await.unwrap();
        assert_eq!(value, [10_000_u32.to_le_bytes(), [0; 4]].concat());
        let error = commands.write(&[0; 62]).await.unwrap_err();
        let Error::Gatt(ProcedureError::ValueTooLong {
            length: 62,
            limit: 61,
        }) = error
        else {
            panic!("{error:?}");
        };
    });
}

#[test]
fn values_still_come_when_nobody_has_asked_for_an_mtu() {
    with_server(None, async |connection, _| {
        assert_eq!(connection.mtu(), 23);
        let service = main_service(&connection).await;
        let burst = characteristic(&service, db::BURST).await;
        let control = characteristic(&service, db::CONTROL).await;
        let mut values = burst.subscribe().await.unwrap();
        control.write(&[0, 3, 0, 0, 0, 20, 0]).await.unwrap();
        for _ in 0..3 {
            let Notified::Value(value) = values.notified().await.unwrap() else {
                panic!()
            };
            assert_eq!(value.len(), 20);
        }
    });
}

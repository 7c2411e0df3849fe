//! Against trouble-host's GATT server.

use dongle::{DeviceConnection, Dongle, Error, ErrorCode, ProcedureError, Uuid};
use dongle_tests::bench::soon;
use dongle_tests::bumble::database::{self as db, pattern};
use dongle_virtual::{Air, AirConfig, ControllerConfig};

use super::server::{ADDRESS, TroubleServer, UNKNOWN_COMMAND};
use super::{characteristic, counted, main_service, number, uuid};

/// Runs a test on a connection to the server; `mtu`: exchanged first.
fn with_server(mtu: Option<u16>, test: impl AsyncFnOnce(DeviceConnection)) {
    let air = Air::with(AirConfig::free_running());
    let _server = TroubleServer::start(&air);
    let dongle = soon(Dongle::on(air.controller(ControllerConfig::default()))).unwrap();
    soon(async {
        let mut address = ADDRESS;
        address.reverse();
        let device = dongle.device(dongle::Address::random(address));
        let connection = device.connect().await.expect("the server connects");
        if let Some(mtu) = mtu {
            assert_eq!(connection.exchange_mtu(mtu).await.unwrap(), mtu.min(251));
        }
        test(connection).await;
    });
}

#[test]
fn everything_is_discovered_and_read_between_two_results() {
    with_server(Some(247), async |connection| {
        let mut services = connection.services();
        let mut all = Vec::new();
        let mut crowd = Vec::new();
        while let Some(service) = services.next().await.unwrap() {
            all.push(number(service.uuid()));
            let mut characteristics = service.characteristics();
            while let Some(found) = characteristics.next().await.unwrap() {
                if service.uuid() == uuid(db::CROWD) {
                    crowd.push((number(found.uuid()), found.read().await.unwrap()));
                    assert!(found.descriptors().all().await.unwrap().is_empty());
                }
            }
        }
        assert_eq!(all, [0x1800, 0x1801, 0x180F, db::MAIN, db::CROWD]);
        let expected: Vec<_> = (0..db::CROWD_SIZE)
            .map(|i| (db::FIRST_IN_CROWD + i, vec![i as u8]))
            .collect();
        assert_eq!(crowd, expected);
    });
}

#[test]
fn included_services_are_found_with_uuids_of_both_lengths() {
    with_server(None, async |connection| {
        let included = main_service(&connection)
            .await
            .included_services()
            .all()
            .await
            .unwrap();
        let uuids: Vec<_> = included.iter().map(|s| s.uuid()).collect();
        assert_eq!(uuids, [Uuid::from_u16(0x180F), uuid(db::SECONDARY)]);
        let within = included[1].characteristic(uuid(0x0401)).await.unwrap();
        assert_eq!(within.read().await.unwrap(), b"within");
    });
}

#[test]
fn a_value_of_512_octets_is_read_and_written_whatever_the_mtu() {
    for mtu in [None, Some(64), Some(247)] {
        with_server(mtu, async |connection| {
            let service = main_service(&connection).await;
            let long = characteristic(&service, db::LONG).await;
            assert_eq!(long.read().await.unwrap(), pattern(512));
            let written: Vec<u8> = pattern(512).into_iter().rev().collect();
            long.write(&written).await.unwrap();
            assert_eq!(long.read().await.unwrap(), written);
            let error = long.write(&[0; 513]).await.unwrap_err();
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
    with_server(Some(64), async |connection| {
        let service = main_service(&connection).await;
        let control = characteristic(&service, db::CONTROL).await;
        let value = characteristic(&service, db::PATTERN).await;
        for octets in [0, 1, 62, 63, 64, 125, 126, 127, 252, 504, 511, 512_u16] {
            let [low, high] = octets.to_le_bytes();
            control.write(&[2, low, high]).await.unwrap();
            assert_eq!(
                value.read().await.unwrap(),
                pattern(octets.into()),
                "{octets} octets"
            );
        }
    });
}

#[test]
fn five_thousand_notifications_come_in_order() {
    with_server(Some(247), async |connection| {
        let service = main_service(&connection).await;
        let control = characteristic(&service, db::CONTROL).await;
        let mut values = characteristic(&service, db::BURST)
            .await
            .subscribe()
            .await
            .unwrap();
        control.write(&[0, 0x88, 0x13]).await.unwrap();
        for expected in 0..5000 {
            assert_eq!(counted(values.notified().await.unwrap()), expected);
        }
        values.unsubscribe().await.unwrap();
        // It is heard: nothing more comes, and what is asked next is answered.
        control.write(&[0, 10, 0]).await.unwrap();
        control.write(&[2, 0, 0]).await.unwrap();
    });
}

#[test]
fn indications_come_in_order() {
    with_server(Some(64), async |connection| {
        let service = main_service(&connection).await;
        let control = characteristic(&service, db::CONTROL).await;
        let mut values = characteristic(&service, db::INDICATED)
            .await
            .subscribe()
            .await
            .unwrap();
        control.write(&[1, 100, 0]).await.unwrap();
        for expected in 0..100 {
            assert_eq!(counted(values.notified().await.unwrap()), expected);
        }
        // The server has the last confirmation when it answers what is asked next.
        control.write(&[2, 0, 0]).await.unwrap();
    });
}

#[test]
fn descriptors_are_found_read_and_written() {
    with_server(Some(64), async |connection| {
        let service = main_service(&connection).await;
        let described = characteristic(&service, db::DESCRIBED).await;
        let all = described.descriptors().all().await.unwrap();
        let uuids: Vec<_> = all.iter().map(|d| number(d.uuid())).collect();
        assert_eq!(uuids, [0x2901, db::LONG_DESCRIPTOR]);
        assert_eq!(all[0].read().await.unwrap(), b"A value with descriptors");
        assert_eq!(all[1].read().await.unwrap(), pattern(300));
        let long: Vec<u8> = pattern(300).into_iter().rev().collect();
        all[1].write(&long).await.unwrap();
        assert_eq!(all[1].read().await.unwrap(), long);
    });
}

#[test]
fn refusals_tell_the_code_and_the_handle() {
    with_server(Some(64), async |connection| {
        let service = main_service(&connection).await;
        let write_only = characteristic(&service, db::WRITE_ONLY).await;
        let error = write_only
            .read()
            .await
            .unwrap_err()
            .att()
            .expect("a refusal");
        let code = ErrorCode::READ_NOT_PERMITTED;
        assert_eq!(
            (error.code, error.handle),
            (code, Some(write_only.value_handle()))
        );
        let control = characteristic(&service, db::CONTROL).await;
        let error = control
            .write(&[9, 0, 0])
            .await
            .unwrap_err()
            .att()
            .expect("a refusal");
        let code = ErrorCode(UNKNOWN_COMMAND);
        assert_eq!(
            (error.code, error.handle),
            (code, Some(control.value_handle()))
        );
    });
}

#[test]
fn a_reliable_write_that_the_server_can_not_hold_changes_nothing() {
    with_server(Some(64), async |connection| {
        let service = main_service(&connection).await;
        let long = characteristic(&service, db::LONG).await;
        let control = characteristic(&service, db::CONTROL).await;
        // This server prepares the writes of one value at a time.
        let error = connection
            .write_reliable(&[(&long, b"new"), (&control, &[2, 0, 0])])
            .await;
        assert!(error.unwrap_err().att().is_some());
        assert_eq!(long.read().await.unwrap(), pattern(512));
        connection.write_reliable(&[(&long, b"new")]).await.unwrap();
        assert!(long.read().await.unwrap().starts_with(b"new"));
    });
}

//! What the facade asks of a server, and what it does not: against a scripted one.

use dongle::{Error, ProcedureError, Uuid};
use dongle_tests::bench::{Bench, soon};
use dongle_tests::peer::{indication, notification};

use super::counted;

const FIND_INFORMATION: u8 = 0x04;
const WRITE_REQUEST: u8 = 0x12;
const WRITE_COMMAND: u8 = 0x52;

/// The requests of a kind that the server got.
fn requests(bench: &Bench, opcode: u8) -> Vec<Vec<u8>> {
    bench
        .server
        .requests()
        .into_iter()
        .filter(|pdu| pdu.first() == Some(&opcode))
        .collect()
}

#[test]
fn the_configuration_is_looked_for_once_and_written_by_the_first_and_the_last() {
    let bench = Bench::new();
    let cccd = bench.measurement + 1;
    soon(async {
        let (_connection, measurement) = bench.measurement().await;
        let mut first = measurement.subscribe().await.unwrap();
        assert_eq!(requests(&bench, FIND_INFORMATION).len(), 1);
        assert_eq!(bench.server.value(cccd), [1, 0]);
        let mut second = measurement.subscribe().await.unwrap();
        assert_eq!(
            requests(&bench, WRITE_REQUEST).len(),
            1,
            "the second writes nothing"
        );
        bench
            .peer
            .send(&notification(bench.measurement, &7_u32.to_le_bytes()))
            .unwrap();
        assert_eq!(counted(first.notified().await.unwrap()), 7);
        assert_eq!(counted(second.notified().await.unwrap()), 7);
        first.unsubscribe().await.unwrap();
        assert_eq!(bench.server.value(cccd), [1, 0], "the other one goes on");
        bench
            .peer
            .send(&notification(bench.measurement, &8_u32.to_le_bytes()))
            .unwrap();
        assert_eq!(counted(second.notified().await.unwrap()), 8);
        second.unsubscribe().await.unwrap();
        assert_eq!(bench.server.value(cccd), [0, 0]);
        let _third = measurement.subscribe().await.unwrap();
        assert_eq!(bench.server.value(cccd), [1, 0]);
        assert_eq!(
            requests(&bench, FIND_INFORMATION).len(),
            1,
            "it is remembered"
        );
        assert_eq!(requests(&bench, WRITE_REQUEST).len(), 3);
    });
}

#[test]
fn a_write_without_a_word_needs_no_response_where_none_is_needed() {
    let bench = Bench::new();
    bench.server.service(0xFFF0);
    let [with, without, both] = [(0xFFF1, 0x08), (0xFFF2, 0x04), (0xFFF3, 0x0C)]
        .map(|(uuid, properties)| bench.server.characteristic(uuid, properties, b""));
    soon(async {
        let connection = bench.connect().await;
        let service = connection.service(Uuid::from_u16(0xFFF0)).await.unwrap();
        for (uuid, handle, default) in [
            (0xFFF1, with, WRITE_REQUEST),
            (0xFFF2, without, WRITE_COMMAND),
            (0xFFF3, both, WRITE_COMMAND),
        ] {
            let characteristic = service.characteristic(Uuid::from_u16(uuid)).await.unwrap();
            for (asked, expected) in [
                (None, default),
                (Some(true), WRITE_REQUEST),
                (Some(false), WRITE_COMMAND),
            ] {
                if (uuid, asked) == (0xFFF1, Some(false)) {
                    // It would be dropped: see below.
                    continue;
                }
                let write = characteristic.write(b"x");
                match asked {
                    None => write.await.unwrap(),
                    Some(response) => write.response(response).await.unwrap(),
                }
                // What is asked next comes behind it.
                connection.service(Uuid::from_u16(0xFFF0)).await.unwrap();
                let [low, high] = handle.to_le_bytes();
                let sent = bench.server.requests();
                let last = sent.iter().rev().nth(1).unwrap();
                assert_eq!(last[..], [expected, low, high, b'x'], "{uuid:X} {asked:?}");
            }
        }
    });
}

#[test]
fn a_value_too_long_for_its_way_of_writing_is_an_error_that_names_the_limit() {
    let bench = Bench::new();
    bench.server.service(0xFFF0);
    bench.server.characteristic(0xFFF1, 0x0C, b"");
    soon(async {
        let connection = bench.connect().await;
        let service = connection.service(Uuid::from_u16(0xFFF0)).await.unwrap();
        let value = service
            .characteristic(Uuid::from_u16(0xFFF1))
            .await
            .unwrap();
        for (mtu, without) in [(23, 20), (247, 244)] {
            if mtu > 23 {
                connection.exchange_mtu(mtu).await.unwrap();
            }
            let before = bench.server.requests().len();
            for (response, limit) in [(false, without), (true, 512)] {
                let long = vec![0; limit + 1];
                let error = value.write(&long).response(response).await.unwrap_err();
                let Error::Gatt(ProcedureError::ValueTooLong {
                    length,
                    limit: told,
                }) = error
                else {
                    panic!("{error:?}");
                };
                assert_eq!((length, told), (limit + 1, limit));
            }
            assert_eq!(bench.server.requests().len(), before, "nothing was sent");
            value
                .write(&vec![1; without])
                .response(false)
                .await
                .unwrap();
            value.write(&[2; 512]).response(true).await.unwrap();
            assert_eq!(bench.server.value(value.value_handle().get()), [2; 512]);
        }
    });
}

#[test]
fn lists_take_the_uuids_that_single_finds_take() {
    let bench = Bench::new();
    bench.server.service(0xFFF0);
    bench.server.characteristic(0xFFF1, 0x02, b"one");
    bench.server.characteristic(0xFFF2, 0x02, b"other");
    bench.server.characteristic(0xFFF1, 0x02, b"two");
    bench.server.descriptor(0x2901, b"the second");
    soon(async {
        let connection = bench.connect().await;
        let services = connection.services_by_uuid("FFF0").all().await.unwrap();
        assert_eq!(services.len(), 1);
        let found = services[0].characteristics_by_uuid("fff1");
        let found = found.all().await.unwrap();
        assert_eq!(found.len(), 2);
        let by_number = services[0].characteristics_by_uuid(0xFFF1).all().await;
        assert_eq!(by_number.unwrap().len(), 2);

        let mut mistaken = connection.services_by_uuid("heart rate");
        let error = mistaken.next().await.unwrap_err();
        assert!(matches!(error, Error::InvalidUuid(_)), "{error:?}");
        assert!(mistaken.next().await.unwrap().is_none());
        let mistaken = services[0].characteristics_by_uuid("heart rate").all();
        let error = mistaken.await.unwrap_err();
        assert!(matches!(error, Error::InvalidUuid(_)), "{error:?}");

        // A descriptor leads back to where it was found, however it was found.
        let one = found[1].descriptor("2901").await.unwrap();
        let listed = found[1].descriptors().all().await.unwrap();
        for descriptor in listed.iter().chain([&one]) {
            let of = descriptor.characteristic();
            assert_eq!(of.value_handle(), found[1].value_handle());
            assert_eq!(of.read().await.unwrap(), b"two");
            assert!(descriptor.connection().is_connected());
        }
        assert_eq!(listed.len(), 1);
    });
}

#[test]
fn a_write_without_a_word_takes_a_response_where_the_value_does_not_fit_a_command() {
    let bench = Bench::new();
    bench.server.service(0xFFF0);
    let both = bench.server.characteristic(0xFFF1, 0x0C, b"");
    bench.server.characteristic(0xFFF2, 0x04, b"");
    soon(async {
        let connection = bench.connect().await;
        let value = connection.characteristic(0xFFF0, 0xFFF1).await.unwrap();
        let commanded = connection.characteristic(0xFFF0, 0xFFF2).await.unwrap();
        for (mtu, most) in [(23, 20), (100, 97)] {
            if mtu > 23 {
                connection.exchange_mtu(mtu).await.unwrap();
            }
            assert_eq!(connection.max_write_without_response(), most);
            let commands = requests(&bench, WRITE_COMMAND).len();
            value.write(&vec![1; most]).await.unwrap();
            let long = vec![2; most + 1];
            value.write(&long).await.unwrap();
            assert_eq!(bench.server.value(both), long);
            assert_eq!(requests(&bench, WRITE_COMMAND).len(), commands + 1);
            // It knows no other way.
            let error = commanded.write(&long).await.unwrap_err();
            assert!(
                matches!(error, Error::Gatt(ProcedureError::ValueTooLong { limit, .. }) if limit == most),
                "{error:?}"
            );
        }
        // Neither way carries this.
        let error = value.write(&[3; 513]).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Gatt(ProcedureError::ValueTooLong { limit: 512, .. })
            ),
            "{error:?}"
        );
    });
}

/// A server drops such a command, and there is no response that would tell.
#[test]
fn what_can_only_be_written_with_a_response_is_not_written_without_one() {
    let bench = Bench::new();
    bench.server.service(0xFFF0);
    bench.server.characteristic(0xFFF1, 0x0A, b"before");
    soon(async {
        let connection = bench.connect().await;
        let value = connection.characteristic(0xFFF0, 0xFFF1).await.unwrap();
        let before = bench.server.requests().len();
        let error = value.write(b"lost").response(false).await.unwrap_err();
        assert!(matches!(error, Error::NotPermitted(_)), "{error:?}");
        assert_eq!(bench.server.requests().len(), before, "nothing was sent");
        value.write(b"after").await.unwrap();
        assert_eq!(value.read().await.unwrap(), b"after");
    });
}

#[test]
fn handles_of_a_database_that_changed_answer_with_an_error_of_their_own() {
    let bench = Bench::new();
    bench.server.service(0x1801);
    let changed = bench.server.characteristic(0x2A05, 0x20, &[]);
    bench.server.descriptor(0x2902, &[0, 0]);
    bench.server.service(0xFFF0);
    let value = bench.server.characteristic(0xFFF1, 0x12, b"before");
    bench.server.descriptor(0x2902, &[0, 0]);
    soon(async {
        let (connection, measurement) = bench.measurement().await;
        let mut changes = connection.service_changed().await.unwrap();
        let service = connection.service(Uuid::from_u16(0xFFF0)).await.unwrap();
        let old = service
            .characteristic(Uuid::from_u16(0xFFF1))
            .await
            .unwrap();
        assert_eq!(old.read().await.unwrap(), b"before");
        let [low, high] = (value - 1).to_le_bytes();
        let [last, end] = (value + 1).to_le_bytes();
        bench
            .peer
            .send(&indication(changed, &[low, high, last, end]))
            .unwrap();
        let range = changes.next().await.unwrap();
        assert_eq!(
            (range.start().get(), range.end().get()),
            (value - 1, value + 1)
        );
        bench.server.set_value(value, b"after");
        for error in [
            old.read().await.unwrap_err(),
            old.write(b"").response(true).await.unwrap_err(),
            old.subscribe().await.unwrap_err(),
            old.descriptor(Uuid::from_u16(0x2902)).await.unwrap_err(),
        ] {
            let Error::ServiceChanged(handle) = error else {
                panic!("{error:?}")
            };
            assert_eq!(handle, old.value_handle());
        }
        // What lies elsewhere goes on, and what is found anew, too.
        measurement.read().await.unwrap();
        let new = service
            .characteristic(Uuid::from_u16(0xFFF1))
            .await
            .unwrap();
        assert_eq!(new.read().await.unwrap(), b"after");
        new.subscribe().await.unwrap();
    });
}

#[test]
fn a_stream_of_values_ends_behind_the_error_that_tells_of_the_end() {
    use futures_lite::StreamExt as _;
    let bench = Bench::new();
    soon(async {
        let (connection, measurement) = bench.measurement().await;
        let mut values = measurement.subscribe().await.unwrap();
        bench
            .peer
            .send(&notification(bench.measurement, &[1]))
            .unwrap();
        assert!(matches!(values.next().await, Some(Ok(_))));
        bench.peer.disconnect(0x13).unwrap();
        let error = values.next().await.expect("the reason").unwrap_err();
        assert!(error.is_disconnected(), "{error}");
        assert!(
            values.next().await.is_none(),
            "after the end there is nothing"
        );
        assert!(values.notified().await.unwrap_err().is_disconnected());
        drop(connection);
    });
}

#[test]
fn a_characteristic_that_sends_its_value_in_another_way_says_in_which() {
    let bench = Bench::new();
    bench.server.service(0xFFF0);
    for (uuid, properties) in [(0xFFF1, 0x10), (0xFFF2, 0x20), (0xFFF3, 0x02)] {
        bench.server.characteristic(uuid, properties, b"");
        bench.server.descriptor(0x2902, &[0, 0]);
    }
    soon(async {
        let connection = bench.connect().await;
        let service = connection.service(0xFFF0).await.unwrap();
        for (uuid, indicate, hint) in [
            (0xFFF1, true, "it notifies it"),
            (0xFFF2, false, "it indicates it"),
            (0xFFF3, true, "does not send its value"),
            (0xFFF3, false, "does not send its value"),
        ] {
            let value = service.characteristic(uuid).await.unwrap();
            let subscribe = value.subscribe();
            let error = match indicate {
                true => subscribe.indicate().await,
                false => subscribe.notify().await,
            };
            let error = error.unwrap_err();
            assert!(matches!(error, Error::NotPermitted(_)), "{error:?}");
            assert!(error.to_string().contains(hint), "{error}");
        }
    });
}

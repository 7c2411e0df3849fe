//! Values: all of them, in order, or a word about those that are missing.

use std::future::IntoFuture as _;
use std::time::{Duration, Instant};

use dongle::Notified;
use dongle_tests::bench::{Bench, soon, until};
use dongle_tests::peer::{indication, notification};
use dongle_virtual::{ControllerConfig, ScriptedConfig};
use futures_lite::future::zip;

fn number(value: &Notified) -> u32 {
    match value {
        Notified::Value(value) => u32::from_le_bytes(*value.first_chunk().expect("four octets")),
        Notified::Missed(_) => panic!("{value:?}"),
    }
}

#[test]
fn a_hundred_thousand_notifications_all_arrive_in_order_at_a_slow_reader() {
    let bench = Bench::new();
    soon(async {
        let (_connection, measurement) = bench.measurement().await;
        let mut values = measurement.subscribe().await.unwrap();
        for i in 0..100_000_u32 {
            let mut value = i.to_le_bytes().to_vec();
            value.extend([0xAA; 16]);
            bench
                .peer
                .send_async(&notification(bench.measurement, &value))
                .await
                .unwrap();
        }
        // Nothing was read so far.
        until("all are received", || values.pending() == 100_000).await;
        for i in 0..100_000 {
            assert_eq!(number(&values.notified().await.unwrap()), i);
        }
        assert!(
            values
                .notified()
                .timeout(Duration::from_millis(50))
                .await
                .unwrap_err()
                .is_timeout()
        );
    });
}

#[test]
fn a_reader_that_is_far_too_slow_is_told_how_many_it_missed() {
    let (controller, peer) = (ControllerConfig::default(), ScriptedConfig::default());
    let bench = Bench::opened(controller, peer, |open| {
        open.notification_buffer(256 * 1024)
    });
    soon(async {
        let (_connection, measurement) = bench.measurement().await;
        let mut values = measurement.subscribe().await.unwrap();
        let sent = 4000_u32;
        for i in 0..sent {
            let mut value = i.to_le_bytes().to_vec();
            value.extend([0; 200]);
            bench
                .peer
                .send_async(&notification(bench.measurement, &value))
                .await
                .unwrap();
        }
        // The answer comes behind all of them.
        measurement.read().await.unwrap();
        let Notified::Missed(missed) = values.notified().await.unwrap() else {
            panic!("nothing missed");
        };
        assert!(missed > 0 && missed < sent);
        // Then it goes on with the oldest that is left, to the last, and nothing is missed again.
        for i in missed..sent {
            assert_eq!(number(&values.notified().await.unwrap()), i);
        }
    });
}

#[test]
fn two_subscribers_each_get_every_value() {
    let bench = Bench::new();
    soon(async {
        let (_connection, measurement) = bench.measurement().await;
        let mut first = measurement.subscribe().await.unwrap();
        let mut second = measurement.subscribe().await.unwrap();
        for i in 0..100_u32 {
            bench
                .peer
                .send_async(&notification(bench.measurement, &i.to_le_bytes()))
                .await
                .unwrap();
        }
        for i in 0..100 {
            assert_eq!(number(&first.notified().await.unwrap()), i);
        }
        for i in 0..100 {
            assert_eq!(number(&second.notified().await.unwrap()), i);
        }
    });
}

#[test]
fn a_timeout_on_each_value_ends_in_time_whatever_was_waited_for_before() {
    let bench = Bench::new();
    soon(async {
        let (_connection, measurement) = bench.measurement().await;
        let mut values = measurement.subscribe().await.unwrap();
        for i in 0..1_000_u32 {
            let value = notification(bench.measurement, &i.to_le_bytes());
            // Each is waited for before it is sent, or is there already.
            let waiting = values.notified().timeout(Duration::from_secs(60));
            let sent = async { bench.peer.send(&value).unwrap() };
            let next = match i % 2 {
                0 => zip(waiting.into_future(), sent).await.0,
                _ => {
                    sent.await;
                    waiting.await
                }
            };
            assert_eq!(number(&next.unwrap()), i);
        }
        for timeout in [100, 50, 100].map(Duration::from_millis) {
            let begun = Instant::now();
            let late = values.notified().timeout(timeout).await.unwrap_err();
            let took = begun.elapsed();
            assert!(late.is_timeout(), "{late}");
            assert!(took >= timeout && took < timeout * 10, "{took:?}");
        }
    });
}

#[test]
fn values_that_came_before_the_end_can_still_be_read() {
    let bench = Bench::new();
    soon(async {
        let (connection, measurement) = bench.measurement().await;
        let mut values = measurement.subscribe().await.unwrap();
        for i in 0..10_u32 {
            bench
                .peer
                .send(&notification(bench.measurement, &i.to_le_bytes()))
                .unwrap();
        }
        until("all are received", || values.pending() == 10).await;
        connection.disconnect().await;
        for i in 0..10 {
            assert_eq!(number(&values.notified().await.unwrap()), i);
        }
        assert!(values.notified().await.unwrap_err().is_disconnected());
    });
}

#[test]
fn an_indication_is_confirmed_once_it_is_queued() {
    let bench = Bench::new();
    bench.server.service(0xFFF0);
    let handle = bench.server.characteristic(0xFFF3, 0x20, &[0]);
    bench.server.descriptor(0x2902, &[0, 0]);
    soon(async {
        let connection = bench.connect().await;
        let status = connection.characteristic(0xFFF0, 0xFFF3).await.unwrap();
        let mut values = status.subscribe().await.unwrap();
        let confirmations = || {
            bench
                .server
                .requests()
                .iter()
                .filter(|pdu| pdu.as_slice() == [0x1E])
                .count()
        };
        for i in 0..5_u32 {
            bench
                .peer
                .send(&indication(handle, &i.to_le_bytes()))
                .unwrap();
            until("it is confirmed", || confirmations() > i as usize).await;
            assert_eq!(number(&values.notified().await.unwrap()), i);
        }
        assert_eq!(confirmations(), 5);
    });
}

#[test]
fn a_caller_in_a_tight_loop_of_writes_without_response_is_slowed_and_loses_nothing() {
    let bench = Bench::new();
    soon(async {
        let (connection, _) = bench.measurement().await;
        let control = connection.characteristic(0x180D, 0x2A39).await.unwrap();
        let before = bench.server.requests().len();
        for i in 0..20_000_u32 {
            control
                .write(&i.to_le_bytes())
                .response(false)
                .await
                .unwrap();
        }
        // A request goes out behind the commands before it.
        control.read().await.unwrap();
        let written: Vec<_> = bench.server.requests().split_off(before);
        assert_eq!(written.len(), 20_001);
        for (i, pdu) in (0_u32..).zip(&written[..20_000]) {
            assert_eq!((pdu[0], &pdu[3..]), (0x52, &i.to_le_bytes()[..]));
        }
    });
}

/// What the device was told last to do with the measurement, as far as it was told.
fn configured(bench: &Bench) -> Vec<u8> {
    bench.server.value(bench.measurement + 1)
}

#[test]
fn a_subscription_made_while_another_ends_hears_its_values() {
    let bench = Bench::new();
    soon(async {
        let (_connection, measurement) = bench.measurement().await;
        let first = measurement.subscribe().await.unwrap();
        let ending = first.unsubscribe().into_future();
        let (ended, second) = zip(ending, measurement.subscribe().into_future()).await;
        ended.unwrap();
        let mut second = second.unwrap();
        assert_eq!(configured(&bench), [1, 0]);
        let value = notification(bench.measurement, b"heard");
        bench.peer.send_async(&value).await.unwrap();
        let heard = second.notified().await.unwrap();
        assert_eq!(heard, Notified::Value(b"heard".to_vec()));
        second.unsubscribe().await.unwrap();
        assert_eq!(configured(&bench), [0, 0]);
    });
}

#[test]
fn an_end_that_was_given_up_does_not_leave_the_next_subscription_deaf() {
    let bench = Bench::new();
    soon(async {
        let (_connection, measurement) = bench.measurement().await;
        let first = measurement.subscribe().await.unwrap();
        bench.server.be_silent(true);
        let given_up = first.unsubscribe().timeout(Duration::from_millis(20));
        assert!(given_up.await.unwrap_err().is_timeout());
        bench.server.be_silent(false);
        // It has arrived, and is answered late.
        bench.server.set_value(bench.measurement + 1, &[0, 0]);
        bench.peer.send(&[0x13]).unwrap();
        let _second = measurement.subscribe().await.unwrap();
        assert_eq!(configured(&bench), [1, 0]);
    });
}

#[test]
fn notified_and_indicated_at_the_same_time_both_are_heard() {
    let bench = Bench::new();
    bench.server.service(0xFFF0);
    let both = bench.server.characteristic(0xFFF1, 0x30, b"");
    let configuration = bench.server.descriptor(0x2902, &[0, 0]);
    soon(async {
        let connection = bench.connect().await;
        let value = connection.characteristic(0xFFF0, 0xFFF1).await.unwrap();
        let (notified, indicated) = (value.subscribe().notify(), value.subscribe().indicate());
        let (notified, indicated) = zip(notified.into_future(), indicated.into_future()).await;
        let (mut notified, mut indicated) = (notified.unwrap(), indicated.unwrap());
        assert_eq!(bench.server.value(configuration), [3, 0]);
        bench.peer.send(&notification(both, b"n")).unwrap();
        bench.peer.send(&indication(both, b"i")).unwrap();
        let heard = |value: &[u8]| Notified::Value(value.to_vec());
        assert_eq!(notified.notified().await.unwrap(), heard(b"n"));
        assert_eq!(indicated.notified().await.unwrap(), heard(b"i"));
    });
}

#[test]
fn a_subscription_is_heard_though_the_program_wrote_the_descriptor_itself() {
    let bench = Bench::new();
    soon(async {
        let (_connection, measurement) = bench.measurement().await;
        let _first = measurement.subscribe().await.unwrap();
        let descriptor = measurement.descriptor(0x2902).await.unwrap();
        descriptor.write(&[0, 0]).await.unwrap();
        assert_eq!(configured(&bench), [0, 0]);
        let _second = measurement.subscribe().await.unwrap();
        assert_eq!(configured(&bench), [1, 0]);
    });
}

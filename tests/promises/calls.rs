//! A call ends, and never with another call's answer.

use std::time::{Duration, Instant};

use dongle::Error;
use dongle_tests::bench::{Bench, STALL, in_time, soon, until};
use futures_lite::future::{or, poll_once, zip};
use std::future::IntoFuture;
use std::pin::pin;

/// The handles of two values of different content.
fn two_values(bench: &Bench) -> (u16, u16) {
    bench.server.service(0xFFF0);
    let first = bench.server.characteristic(0xFFF1, 0x02, b"first");
    let second = bench.server.characteristic(0xFFF2, 0x02, b"second");
    (first, second)
}

#[test]
fn a_cancelled_read_never_answers_the_next_one() {
    let bench = Bench::new();
    two_values(&bench);
    soon(async {
        let connection = bench.connect().await;
        let first = connection.characteristic(0xFFF0, 0xFFF1).await.unwrap();
        let second = connection.characteristic(0xFFF0, 0xFFF2).await.unwrap();
        for _ in 0..50 {
            // Cancelled when it was just asked, and when it is on its way.
            let asked = bench.peer.received();
            let mut read = pin!(first.read().into_future());
            if poll_once(read.as_mut()).await.is_some() {
                continue;
            }
            or(
                async { _ = read.await },
                until("the request is out", || bench.peer.received() > asked),
            )
            .await;
            assert_eq!(second.read().await.unwrap(), b"second");
        }
        for _ in 0..50 {
            drop(poll_once(first.read().into_future()).await);
            assert_eq!(second.read().await.unwrap(), b"second");
        }
    });
}

#[test]
fn a_timed_out_read_never_answers_the_next_one() {
    let bench = Bench::new();
    two_values(&bench);
    soon(async {
        let connection = bench.connect().await;
        let first = connection.characteristic(0xFFF0, 0xFFF1).await.unwrap();
        let second = connection.characteristic(0xFFF0, 0xFFF2).await.unwrap();
        bench.server.be_silent(true);
        let asked = bench.peer.received();
        // Where this side has no turn for so long, nothing was asked yet.
        while bench.peer.received() == asked {
            let read = first.read().timeout(Duration::from_millis(50));
            let error = read.await.unwrap_err();
            assert!(error.is_timeout(), "{error}");
        }
        bench.server.be_silent(false);
        // The next request waits for the response that is still owed, for there is one in flight.
        let mut next = pin!(second.read().into_future());
        assert!(poll_once(next.as_mut()).await.is_none());
        bench.peer.send(b"\x0Bfirst").unwrap();
        assert_eq!(next.await.unwrap(), b"second");
    });
}

#[test]
fn calls_of_many_tasks_each_get_their_own_answer() {
    let bench = Bench::new();
    bench.server.service(0xFFF0);
    for i in 0..40 {
        bench
            .server
            .characteristic(0x1000 + i, 0x02, format!("value {i}").as_bytes());
    }
    soon(async {
        let connection = bench.connect().await;
        let service = connection.service(0xFFF0).await.unwrap();
        let characteristics = service.characteristics().all().await.unwrap();
        assert_eq!(characteristics.len(), 40);
        let readers: Vec<_> = characteristics
            .into_iter()
            .enumerate()
            .map(|(i, c)| {
                std::thread::spawn(move || {
                    for _ in 0..10 {
                        let value = soon(c.read()).unwrap();
                        assert_eq!(value, format!("value {i}").into_bytes());
                    }
                })
            })
            .collect();
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn every_waiting_call_ends_with_the_link_and_its_reason() {
    let bench = Bench::new();
    soon(async {
        let (connection, measurement) = bench.measurement().await;
        let mut values = measurement.subscribe().await.unwrap();
        bench.server.be_silent(true);
        let asked = bench.peer.received();
        let hang_up = async {
            until("the request is out", || bench.peer.received() > asked).await;
            bench.peer.disconnect(0x13).unwrap();
        };
        let calls = zip(
            measurement.read().into_future(),
            values.notified().into_future(),
        );
        let ((read, notified), ()) = zip(calls, hang_up).await;
        for error in [read.unwrap_err(), notified.unwrap_err()] {
            assert!(
                matches!(error, Error::Disconnected(dongle::Reason::Hci(0x13))),
                "{error}"
            );
        }
        assert_eq!(connection.disconnected().await, dongle::Reason::Hci(0x13));
        let later = measurement.read().await.unwrap_err();
        assert!(later.is_disconnected(), "{later}");
    });
}

#[test]
fn the_next_connection_is_not_touched_by_handles_of_the_last() {
    let bench = Bench::new();
    soon(async {
        let (first, old) = bench.measurement().await;
        first.disconnect().await;
        let (_second, new) = bench.measurement().await;
        assert!(old.read().await.unwrap_err().is_disconnected());
        assert_eq!(new.read().await.unwrap(), [0, 60]);
    });
}

#[test]
fn a_controller_that_falls_silent_ends_every_call() {
    let bench = Bench::new();
    soon(async {
        let (connection, measurement) = bench.measurement().await;
        let mut values = measurement.subscribe().await.unwrap();
        bench.controller.freeze();
        // Any command will do: the watchdog is for commands.
        let error = in_time(connection.rssi()).await.unwrap_err();
        assert!(error.is_disconnected(), "{error}");
        assert!(
            in_time(values.notified())
                .await
                .unwrap_err()
                .is_disconnected()
        );
        let failed = in_time(bench.dongle.failed()).await;
        assert!(failed.to_string().contains("did not answer"), "{failed}");
    });
}

#[test]
fn a_controller_that_falls_silent_is_found_out_by_a_read_that_waits() {
    let bench = Bench::new();
    soon(async {
        let (_connection, measurement) = bench.measurement().await;
        // Whatever was listened for so far is over: the connection is at rest.
        embassy_time::Timer::after_secs(3).await;
        bench.controller.freeze();
        let begun = Instant::now();
        let error = measurement.read().await.unwrap_err();
        assert!(error.is_disconnected(), "{error}");
        // The request itself would have had 30 s.
        assert!(begun.elapsed() < STALL, "{:?}", begun.elapsed());
        let failed = in_time(bench.dongle.failed()).await;
        assert!(failed.to_string().contains("did not answer"), "{failed}");
    });
}

#[test]
fn an_unplugged_controller_ends_every_call_at_once() {
    let bench = Bench::new();
    soon(async {
        let (_connection, measurement) = bench.measurement().await;
        let mut values = measurement.subscribe().await.unwrap();
        bench.server.be_silent(true);
        let begun = Instant::now();
        let unplug = async { bench.controller.unplug() };
        let calls = zip(
            measurement.read().into_future(),
            values.notified().into_future(),
        );
        let ((read, notified), _) = zip(calls, unplug).await;
        assert!(read.unwrap_err().is_disconnected());
        assert!(notified.unwrap_err().is_disconnected());
        // Nobody answers any more, and that would be the end of them after 30 s.
        assert!(begun.elapsed() < STALL);
        assert!(
            bench
                .dongle
                .device("C0:00:00:00:00:01".parse().unwrap())
                .connect()
                .await
                .is_err()
        );
        assert!(bench.dongle.scan().start().is_err());
    });
}

#[test]
fn a_value_is_read_whole_while_the_mtu_is_exchanged() {
    let bench = Bench::new();
    bench.server.service(0xFFF0);
    bench.server.characteristic(0xFFF1, 0x02, &[7; 300]);
    soon(async {
        let connection = bench.connect().await;
        let long = connection.characteristic(0xFFF0, 0xFFF1).await.unwrap();
        let exchange = connection.exchange_mtu(247).into_future();
        let (mtu, value) = zip(exchange, long.read().into_future()).await;
        assert_eq!(mtu.unwrap(), 247);
        assert_eq!(value.unwrap(), [7; 300]);
    });
}

#[test]
fn a_timeout_longer_than_any_clock_is_none() {
    let bench = Bench::new();
    two_values(&bench);
    soon(async {
        let connection = bench.connect().await;
        let found = connection.characteristic(0xFFF0, 0xFFF1);
        let first = found.timeout(Duration::MAX).await.unwrap();
        let read = first.read().timeout(Duration::MAX).await.unwrap();
        assert_eq!(read, b"first");
    });
}

#[test]
fn a_discovery_that_is_not_polled_any_more_holds_up_no_other() {
    let bench = Bench::new();
    two_values(&bench);
    soon(async {
        let connection = bench.connect().await;
        let mut left_alone = pin!(connection.characteristic(0xFFF0, 0xFFF1).into_future());
        assert!(poll_once(left_alone.as_mut()).await.is_none());
        let second = connection.characteristic(0xFFF0, 0xFFF2).await.unwrap();
        assert_eq!(second.read().await.unwrap(), b"second");
        let first = left_alone.await.unwrap();
        assert_eq!(first.read().await.unwrap(), b"first");
    });
}

#[test]
fn a_call_of_several_requests_ends_at_its_timeout_though_each_is_answered_in_time() {
    let bench = Bench::new();
    soon(async {
        let (_connection, measurement) = bench.measurement().await;
        // It looks for the descriptor, and writes it.
        let timeout = Duration::from_millis(600);
        bench.peer.controller().set_delay(timeout * 2 / 3);
        let begun = Instant::now();
        let error = measurement.subscribe().timeout(timeout).await.unwrap_err();
        assert!(error.is_timeout(), "{error} after {:?}", begun.elapsed());
    });
}

#[test]
fn a_handle_tells_why_its_connection_ended_though_others_came_since() {
    let bench = Bench::new();
    soon(async {
        let (old, measurement) = bench.measurement().await;
        bench.peer.disconnect(0x15).unwrap();
        let reason = dongle::Reason::Hci(0x15);
        assert_eq!(old.disconnected().await, reason);
        // More than there is room for, so that others have its place.
        let mut others = Vec::new();
        for _ in 0..20 {
            let other = bench.connect().await;
            other.disconnect().await;
            others.push(other);
        }
        let told = |error: Error| match error {
            Error::Disconnected(told) => assert_eq!(told, reason),
            other => panic!("{other:?}"),
        };
        assert_eq!(old.disconnected().await, reason);
        told(measurement.read().await.unwrap_err());
        told(measurement.subscribe().await.unwrap_err());
        told(old.rssi().await.unwrap_err());
        told(old.pair().await.unwrap_err());
        told(old.l2cap_connect(0x80).await.unwrap_err());
        told(old.exchange_mtu(100).await.unwrap_err());
    });
}

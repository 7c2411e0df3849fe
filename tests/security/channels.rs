//! L2CAP channels, opened by either side.

use std::future::IntoFuture as _;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dongle::{DeviceConnection, Dongle, Error, L2capChannel, L2capRefusal};
use dongle_tests::bench::soon;
use futures_lite::future::{block_on, poll_once, zip};
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use serde_json::json;

use crate::lock::{Bench, connect};

pub const SPSM: u16 = 0x80;
const MEGABYTE: usize = 1 << 20;

fn serve(bench: &mut Bench, credits: u16, echo: bool) {
    bench.lock.command(&json!({
        "do": "l2cap_serve", "psm": SPSM, "mtu": 500, "mps": 200, "credits": credits, "echo": echo,
    }));
}

fn started() -> Option<(Bench, Dongle, DeviceConnection)> {
    let bench = Bench::start()?;
    let dongle = soon(bench.dongle()).expect("the dongle opens");
    let connection = connect(&dongle);
    Some((bench, dongle, connection))
}

/// Waits for a channel that the device opens. By the time this returns, the device may.
fn accepting(connection: &DeviceConnection) -> JoinHandle<L2capChannel> {
    let (listening, listens) = mpsc::channel();
    let connection = connection.clone();
    let accepting = thread::spawn(move || {
        soon(async {
            let mut accept = connection.l2cap_accept(SPSM).into_future();
            assert!(
                poll_once(&mut accept).await.is_none(),
                "nobody has opened one"
            );
            // The host thread begins what it is asked for in turn: what listens does by now.
            connection.rssi().await.expect("it is connected");
            listening.send(()).expect("the test waits for it");
            accept.await.expect("it opens")
        })
    });
    listens.recv().expect("it listens");
    accepting
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 7 % 251) as u8).collect()
}

#[test]
fn a_megabyte_goes_out_with_few_credits() {
    let Some((mut bench, _dongle, connection)) = started() else {
        return;
    };
    serve(&mut bench, 2, false);
    let mut channel = soon(connection.l2cap_connect(SPSM)).expect("it opens");
    assert_eq!(channel.peer_mtu(), 500);
    let data = pattern(MEGABYTE);
    block_on(async {
        channel.write_all(&data).await.expect("it is written");
        channel.close().await.expect("it is closed");
    });
    let closed = bench.lock.event("l2cap_closed");
    assert_eq!(closed["total"], MEGABYTE);
    assert_eq!(closed["sha256"], sha256(&mut bench, MEGABYTE));
}

#[test]
fn a_megabyte_comes_in_at_a_reader_that_takes_its_time() {
    let Some((mut bench, _dongle, connection)) = started() else {
        return;
    };
    let accepting = accepting(&connection);
    let reading = thread::spawn(move || {
        let mut channel = accepting.join().expect("it opens");
        let mut data = Vec::new();
        // Nothing is read: the credits run out, and nothing is lost.
        thread::sleep(Duration::from_millis(300));
        block_on(channel.read_to_end(&mut data)).expect("it is read");
        data
    });
    bench
        .lock
        .command(&json!({"do": "l2cap_open", "psm": SPSM, "length": MEGABYTE}));
    assert!(reading.join().expect("no panic") == pattern(MEGABYTE));
}

/// More units than all queues hold, each read when the peer has long used what credits it has.
#[test]
fn a_reader_that_is_slower_than_the_device_all_the_way_loses_nothing() {
    let Some((mut bench, _dongle, connection)) = started() else {
        return;
    };
    const LENGTH: usize = 300_000;
    let accepting = accepting(&connection);
    let reading = thread::spawn(move || {
        let mut channel = accepting.join().expect("it opens");
        let mut data = Vec::new();
        while let Some(unit) = received(&mut channel) {
            data.extend(unit);
            thread::sleep(Duration::from_millis(5));
        }
        data
    });
    bench
        .lock
        .command(&json!({"do": "l2cap_open", "psm": SPSM, "length": LENGTH}));
    assert!(reading.join().expect("no panic") == pattern(LENGTH));
}

#[test]
fn units_keep_their_bounds_both_ways() {
    let Some((mut bench, _dongle, connection)) = started() else {
        return;
    };
    serve(&mut bench, 16, true);
    let mut channel = soon(connection.l2cap_connect(SPSM).mtu(500)).expect("it opens");
    for length in [1, 2, 197, 198, 199, 200, 398, 399, 500] {
        let unit = pattern(length);
        soon(channel.send(&unit)).expect("it is sent");
        assert_eq!(
            soon(channel.receive()).expect("it is open"),
            Some(unit),
            "{length}"
        );
    }
    let long = soon(channel.send(&pattern(501)));
    assert!(matches!(long, Err(Error::InvalidParameter(_))), "{long:?}");
    soon(channel.disconnect());
    bench.lock.event("l2cap_closed");
    assert!(matches!(
        soon(channel.send(b"late")),
        Err(Error::ChannelClosed)
    ));
}

#[test]
fn several_channels_at_once() {
    let Some((mut bench, _dongle, connection)) = started() else {
        return;
    };
    serve(&mut bench, 4, true);
    let mut one = soon(connection.l2cap_connect(SPSM)).expect("it opens");
    let mut two = soon(connection.l2cap_connect(SPSM)).expect("it opens");
    for number in 0..20_u8 {
        let (a, b) = ([number; 100], [!number; 100]);
        let (first, second) = soon(zip(one.send(&a).into_future(), two.send(&b).into_future()));
        first.and(second).expect("they are sent");
        assert_eq!(received(&mut one).as_deref(), Some(&a[..]));
        assert_eq!(received(&mut two).as_deref(), Some(&b[..]));
    }
    drop(one);
    bench.lock.event("l2cap_closed");
    soon(two.send(b"still there")).expect("it is sent");
    assert_eq!(received(&mut two).as_deref(), Some(&b"still there"[..]));
}

#[test]
fn a_channel_ends_with_its_connection_and_a_refused_one_says_why() {
    let Some((mut bench, _dongle, connection)) = started() else {
        return;
    };
    let refused = soon(connection.l2cap_connect(0x81)).map(|_| ());
    assert!(
        matches!(refused, Err(Error::L2cap(L2capRefusal(2)))),
        "{refused:?}"
    );
    let none = soon(connection.l2cap_connect(0x1234)).map(|_| ());
    assert!(matches!(none, Err(Error::InvalidParameter(_))), "{none:?}");
    // Nobody waits for it here.
    let told = bench
        .lock
        .command(&json!({"do": "l2cap_open", "psm": SPSM, "length": 1}));
    assert!(told["refused"].is_string(), "{told}");

    serve(&mut bench, 4, true);
    let mut channel = soon(connection.l2cap_connect(SPSM)).expect("it opens");
    bench.tell("disconnect");
    assert_eq!(received(&mut channel), None);
    assert!(matches!(
        soon(channel.send(b"late")),
        Err(Error::Disconnected(_))
    ));
}

#[test]
fn frames_that_make_no_sense_do_no_harm() {
    let Some((mut bench, dongle, connection)) = started() else {
        return;
    };
    let accepting = accepting(&connection);
    bench
        .lock
        .command(&json!({"do": "l2cap_malformed", "psm": SPSM}));
    let mut channel = accepting.join().expect("it opens");
    let end = soon(channel.receive());
    assert!(
        matches!(end, Ok(None) | Err(Error::ChannelDataLost)),
        "{end:?}"
    );
    assert!(connection.is_connected());
    assert!(dongle.failure().is_none());
}

fn serve_of(bench: &mut Bench, mtu: u16, mps: u16, credits: u16) {
    bench.lock.command(&json!({
        "do": "l2cap_serve", "psm": SPSM, "mtu": mtu, "mps": mps, "credits": credits, "echo": true,
    }));
}

#[test]
fn a_megabyte_goes_out_and_back_while_another_channel_is_busy() {
    let Some((mut bench, _dongle, connection)) = started() else {
        return;
    };
    serve_of(&mut bench, 1000, 240, 32);
    let echo = |length: usize| {
        let channel = soon(connection.l2cap_connect(SPSM)).expect("it opens");
        thread::spawn(move || {
            let data = pattern(length);
            let (mut reader, mut writer) = futures_lite::io::split(channel);
            block_on(async {
                let mut back = vec![0; length];
                let (read, written) =
                    zip(reader.read_exact(&mut back), writer.write_all(&data)).await;
                written.expect("it is written");
                read.expect("it is read");
                assert!(back == data, "not what was sent");
            });
        })
    };
    let channels = [echo(MEGABYTE), echo(MEGABYTE / 8), echo(1)];
    for channel in channels {
        channel.join().expect("it comes back");
    }
}

#[test]
fn the_smallest_and_the_largest_units_of_a_device_are_kept_to() {
    let Some((mut bench, _dongle, connection)) = started() else {
        return;
    };
    serve_of(&mut bench, 23, 23, 4);
    let mut channel = soon(connection.l2cap_connect(SPSM)).expect("it opens");
    assert_eq!(channel.peer_mtu(), 23);
    for length in [1, 21, 22, 23] {
        let unit = pattern(length);
        soon(channel.send(&unit)).expect("it is sent");
        assert_eq!(received(&mut channel), Some(unit));
    }
    let long = soon(channel.send(&pattern(24)));
    assert!(matches!(long, Err(Error::InvalidParameter(_))), "{long:?}");
    // Bumble takes the number of a channel for used ever after, so this one stays open.
    let _open = channel;

    bench.lock.command(&json!({
        "do": "l2cap_serve", "psm": SPSM + 1, "mtu": 65535, "mps": 65533, "credits": 1000,
        "echo": false,
    }));
    let mut channel = soon(connection.l2cap_connect(SPSM + 1)).expect("it opens");
    assert_eq!(channel.peer_mtu(), 65535);
    let mut sent = 0;
    for length in [1, 1017, 1018, 1024, 5000, 65533] {
        soon(channel.send(&pattern(length))).expect("it is sent");
        sent += length;
    }
    soon(channel.disconnect());
    assert_eq!(bench.lock.event("l2cap_closed")["total"], sent);
}

#[test]
fn a_writer_is_told_of_a_connection_that_ends_in_the_middle() {
    let Some((mut bench, _dongle, connection)) = started() else {
        return;
    };
    serve(&mut bench, 2, false);
    let mut channel = soon(connection.l2cap_connect(SPSM)).expect("it opens");
    let writing = thread::spawn(move || {
        let data = pattern(64 * MEGABYTE);
        block_on(channel.write_all(&data))
    });
    // It has some of it out by then, and most of it not.
    thread::sleep(Duration::from_millis(100));
    assert!(!writing.is_finished());
    bench.tell("disconnect");
    let error = writing.join().expect("no panic").expect_err("it ends");
    let text = error.to_string();
    assert!(
        error.kind() == std::io::ErrorKind::BrokenPipe || text.contains("disconnected"),
        "{error:?}"
    );
}

fn received(channel: &mut L2capChannel) -> Option<Vec<u8>> {
    soon(channel.receive()).expect("nothing is lost")
}

/// Of the pattern, as Bumble reckons it.
fn sha256(bench: &mut Bench, length: usize) -> serde_json::Value {
    bench
        .lock
        .command(&json!({"do": "sha256", "length": length}))["sha256"]
        .clone()
}

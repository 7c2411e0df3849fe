//! The packet channel in one process: order, back-pressure, the end of either side.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use bt_hci::ControllerToHostPacket;
use bt_hci::cmd::controller_baseband::Reset;
use bt_hci::data::{AclBroadcastFlag, AclPacket, AclPacketBoundary};
use bt_hci::event::EventKind;
use bt_hci::param::ConnHandle;
use bt_hci::transport::Transport;
use futures_lite::future::block_on;
use hci_transport::{Closed, Error, ErrorKind, HciChannel, HciPort, TryDeliverError, channel};

const RESET_DONE: &[u8] = &[0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00];

/// An event with a number in it, of a length that varies with the number.
fn numbered(number: u32) -> Vec<u8> {
    let mut packet = vec![0x04, 0xff, 4 + (number % 40) as u8];
    packet.extend(number.to_le_bytes());
    packet.resize(7 + (number % 40) as usize, number as u8);
    packet
}

fn unplugged() -> Error {
    Error::new(ErrorKind::Disconnected, "the cable was pulled")
}

#[test]
fn packets_cross_both_ways_in_order() {
    let (channel, port) = channel("test", 4096);
    let mut out = vec![1, 2, 3];
    for number in 0..10 {
        port.try_deliver(&numbered(number)).unwrap();
        channel.write_packet_blocking(&numbered(number)).unwrap();
    }
    for number in 0..10 {
        block_on(channel.read_packet(&mut out)).unwrap();
        assert_eq!(out, numbered(number));
        assert_eq!(port.try_next(&mut out), Ok(true));
        assert_eq!(out, numbered(number));
    }
    assert_eq!(port.try_next(&mut out), Ok(false));
    assert!(
        !channel
            .read_packet_timeout(&mut out, Duration::ZERO)
            .unwrap()
    );
    assert_eq!(out, numbered(9), "a read of nothing leaves what was there");

    let statistics = channel.statistics();
    assert_eq!(statistics.packets_to_host, 10);
    assert_eq!(statistics.packets_to_controller, 10);
    assert_eq!(statistics.bytes_to_host, 10 * 7 + (0..10).sum::<u64>());
}

#[test]
fn a_host_stack_reads_and_writes_decoded_packets() {
    let (channel, port) = channel("test", 4096);
    let mut rx = [0; 259];
    let mut out = Vec::new();

    block_on(channel.write(&Reset::new())).unwrap();
    port.try_next(&mut out).unwrap();
    assert_eq!(out, hci_transport::packet::RESET);

    let data = AclPacket::new(
        ConnHandle::new(0x40),
        AclPacketBoundary::FirstNonFlushable,
        AclBroadcastFlag::PointToPoint,
        &[1, 2, 3],
    );
    block_on(channel.write(&data)).unwrap();
    port.try_next(&mut out).unwrap();
    assert_eq!(out, [0x02, 0x40, 0x00, 0x03, 0x00, 1, 2, 3]);

    port.try_deliver(RESET_DONE).unwrap();
    match block_on(channel.read::<ControllerToHostPacket<'_>>(&mut rx)).unwrap() {
        ControllerToHostPacket::Event(event) => {
            assert_eq!(event.kind, EventKind::CommandComplete);
            assert_eq!(event.data, &RESET_DONE[3..]);
        }
        other => panic!("{other:?}"),
    }
    port.try_deliver(&out).unwrap();
    match block_on(channel.read::<ControllerToHostPacket<'_>>(&mut rx)).unwrap() {
        ControllerToHostPacket::Acl(data) => assert_eq!(data.data(), [1, 2, 3]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_does_not_decode_is_counted_and_skipped() {
    let (channel, port) = channel("test", 4096);
    for bad in [
        &[][..],
        &[0x04],
        &[0x04, 0x0e, 0x05, 0x01, 0x03, 0x0c, 0x00],
        &[0x04, 0x0e, 0x03, 0x01, 0x03, 0x0c, 0x00],
        &[0x07, 0x00],
        &hci_transport::packet::RESET,
        // Larger than the reader's buffer.
        &[&[0x02, 0x40, 0x20, 0x2c, 0x01][..], &[0; 300]].concat(),
    ] {
        port.try_deliver(bad).unwrap();
    }
    port.try_deliver(RESET_DONE).unwrap();
    // An event without parameters, and data without any, are whole packets.
    port.try_deliver(&[0x04, 0x0e, 0x00]).unwrap();
    port.try_deliver(&[0x02, 0x40, 0x20, 0x00, 0x00]).unwrap();
    for _ in 0..3 {
        let mut rx = [0; 259];
        block_on(channel.read::<ControllerToHostPacket<'_>>(&mut rx)).unwrap();
    }
    assert_eq!(channel.statistics().undecodable_packets, 7);
}

#[test]
fn a_slow_reader_loses_nothing() {
    const COUNT: u32 = 100_000;
    let (channel, port) = channel("test", 4096);
    let controller = thread::spawn(move || {
        for number in 0..COUNT {
            port.deliver_blocking(&numbered(number)).unwrap();
        }
        port
    });
    block_on(async {
        let mut out = Vec::new();
        for number in 0..COUNT {
            channel.read_packet(&mut out).await.unwrap();
            assert_eq!(out, numbered(number));
            if number % 1_000 == 0 {
                thread::yield_now();
            }
        }
    });
    drop(controller.join().unwrap());
}

#[test]
fn a_slow_controller_loses_nothing_and_reading_goes_on_meanwhile() {
    const COUNT: u32 = 100_000;
    let (channel, port) = channel("test", 4096);
    let channel = Arc::new(channel);
    let writer = thread::spawn({
        let channel = Arc::clone(&channel);
        move || {
            block_on(async {
                for number in 0..COUNT {
                    channel.write_packet(&numbered(number)).await.unwrap();
                }
            });
        }
    });
    // The writer is held back; the other direction isn't.
    let mut out = Vec::new();
    for number in 0..100 {
        port.deliver_blocking(&numbered(number)).unwrap();
        block_on(channel.read_packet(&mut out)).unwrap();
    }
    for number in 0..COUNT {
        assert_eq!(port.next_blocking(&mut out, None), Ok(true));
        assert_eq!(out, numbered(number));
    }
    writer.join().unwrap();
}

#[test]
fn a_full_queue_says_so_and_a_large_packet_passes_an_empty_one() {
    let (channel, port) = channel("test", 64);
    let large = [&[0x02, 0x40, 0x20, 0xe8, 0x03][..], &[7; 1000]].concat();
    let mut out = Vec::new();
    for _ in 0..3 {
        port.try_deliver(&large).unwrap();
        assert_eq!(port.try_deliver(RESET_DONE), Err(TryDeliverError::Full));
        assert!(
            channel
                .read_packet_timeout(&mut out, Duration::ZERO)
                .unwrap()
        );
        assert_eq!(out, large);
    }
    assert!(
        channel
            .write_packet_timeout(&large, Duration::ZERO)
            .unwrap()
    );
    assert!(
        !channel
            .write_packet_timeout(&large, Duration::ZERO)
            .unwrap()
    );
}

/// Counts its wakes.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_dropped_read_loses_nothing() {
    let (channel, port) = channel("test", 4096);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut cx = Context::from_waker(&waker);
    let mut rx = [0; 259];
    {
        let mut read = pin!(channel.read::<ControllerToHostPacket<'_>>(&mut rx));
        assert!(read.as_mut().poll(&mut cx).is_pending());
        port.try_deliver(RESET_DONE).unwrap();
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    }
    {
        let mut out = Vec::new();
        let mut read = pin!(channel.read_packet(&mut out));
        assert!(read.as_mut().poll(&mut cx).is_ready());
    }
    // A reader that went away isn't woken, nor its waker kept.
    {
        let mut out = Vec::new();
        let mut read = pin!(channel.read_packet(&mut out));
        assert!(read.as_mut().poll(&mut cx).is_pending());
    }
    port.try_deliver(RESET_DONE).unwrap();
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    drop(waker);
    assert_eq!(Arc::strong_count(&wakes), 1);
}

#[test]
fn a_reader_is_woken_once_for_a_burst_and_a_writer_when_there_is_much_room() {
    let (channel, port) = channel("test", 1100);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut cx = Context::from_waker(&waker);
    let mut out = Vec::new();
    {
        let mut read = pin!(channel.read_packet(&mut out));
        assert!(read.as_mut().poll(&mut cx).is_pending());
        for _ in 0..100 {
            port.try_deliver(RESET_DONE).unwrap();
        }
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    }
    assert_eq!(port.poll_deliver(&mut cx, RESET_DONE), Poll::Pending);
    for _ in 0..100 {
        assert!(
            channel
                .read_packet_timeout(&mut out, Duration::ZERO)
                .unwrap()
        );
    }
    assert_eq!(wakes.0.load(Ordering::SeqCst), 2);
    assert_eq!(port.poll_deliver(&mut cx, RESET_DONE), Poll::Ready(Ok(())));

    assert_eq!(port.poll_next(&mut cx, &mut out), Poll::Pending);
    channel.write_packet_blocking(&[1, 2, 3]).unwrap();
    assert_eq!(wakes.0.load(Ordering::SeqCst), 3);
    assert_eq!(port.poll_next(&mut cx, &mut out), Poll::Ready(Ok(())));
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn a_failed_wire_gives_its_reason_to_reader_and_writer_after_what_was_delivered() {
    let (channel, port) = channel("test", 4096);
    port.try_deliver(&numbered(1)).unwrap();
    port.try_deliver(&numbered(2)).unwrap();
    port.fail(unplugged());
    port.fail(Error::new(ErrorKind::Io, "a later reason"));

    let error = channel.write_packet_blocking(RESET_DONE).unwrap_err();
    assert_eq!(error.to_string(), "the cable was pulled");
    let mut out = Vec::new();
    for number in 1..=2 {
        block_on(channel.read_packet(&mut out)).unwrap();
        assert_eq!(out, numbered(number));
    }
    for _ in 0..2 {
        let error = block_on(channel.read_packet(&mut out)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        assert_eq!(error.to_string(), "the cable was pulled");
        let mut rx = [0; 259];
        assert!(block_on(channel.read::<ControllerToHostPacket<'_>>(&mut rx)).is_err());
    }
    assert!(port.is_closed());
    assert_eq!(port.try_deliver(RESET_DONE), Err(TryDeliverError::Closed));
    assert_eq!(port.try_next(&mut out), Err(Closed));
}

#[test]
fn a_wire_that_fails_ends_every_call_that_waits() {
    let (channel, port) = channel("test", 64);
    channel.write_packet_blocking(&[0; 200]).unwrap();
    thread::scope(|scope| {
        let waiting = [
            scope.spawn(|| block_on(channel.read_packet(&mut Vec::new()))),
            scope.spawn(|| block_on(channel.write_packet(RESET_DONE))),
            scope.spawn(|| channel.write_packet_blocking(RESET_DONE)),
            scope.spawn(|| {
                let minute = Duration::from_secs(60);
                channel
                    .read_packet_timeout(&mut Vec::new(), minute)
                    .map(drop)
            }),
        ];
        port.fail(unplugged());
        for call in waiting {
            let error = call.join().unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Disconnected);
        }
    });
}

#[test]
fn a_port_that_is_dropped_is_a_wire_that_is_gone() {
    let (channel, port) = channel("test", 4096);
    let other = port.clone();
    port.try_deliver(RESET_DONE).unwrap();
    drop(port);
    other.try_deliver(RESET_DONE).unwrap();
    drop(other);
    let mut out = Vec::new();
    block_on(channel.read_packet(&mut out)).unwrap();
    block_on(channel.read_packet(&mut out)).unwrap();
    let error = block_on(channel.read_packet(&mut out)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "test: the controller's end of the channel is gone"
    );
    assert_eq!(error.kind(), ErrorKind::Disconnected);
}

#[test]
fn what_was_written_before_the_close_still_reaches_the_controller() {
    let (channel, port) = channel("test", 4096);
    channel.write_packet_blocking(RESET_DONE).unwrap();
    channel.close();
    assert!(block_on(channel.write_packet(RESET_DONE)).is_err());
    assert!(port.is_closed());
    assert_eq!(port.try_deliver(RESET_DONE), Err(TryDeliverError::Closed));
    let mut out = Vec::new();
    assert_eq!(port.next_blocking(&mut out, None), Ok(true));
    assert_eq!(port.next_blocking(&mut out, None), Err(Closed));
}

#[test]
fn dropping_the_channel_ends_every_call_of_the_port() {
    let (channel, port) = channel("test", 64);
    port.try_deliver(&numbered(40)).unwrap();
    port.try_deliver(&[0; 5]).unwrap();
    thread::scope(|scope| {
        let deliver = scope.spawn(|| while port.deliver_blocking(&numbered(7)).is_ok() {});
        let next = scope.spawn(|| port.next_blocking(&mut Vec::new(), None));
        drop(channel);
        deliver.join().unwrap();
        assert_eq!(next.join().unwrap(), Err(Closed));
    });
}

#[test]
fn a_timeout_ends_a_wait_and_loses_nothing() {
    let (channel, port) = channel("test", 4096);
    let mut out = Vec::new();
    let short = Duration::from_millis(20);
    let start = Instant::now();
    assert!(!channel.read_packet_timeout(&mut out, short).unwrap());
    assert_eq!(port.next_blocking(&mut out, Some(short)), Ok(false));
    assert!(start.elapsed() >= 2 * short);
    port.try_deliver(RESET_DONE).unwrap();
    assert!(
        channel
            .read_packet_timeout(&mut out, Duration::MAX)
            .unwrap()
    );
}

#[test]
fn both_ends_may_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<HciChannel>();
    shared::<HciPort>();
    shared::<Error>();

    fn sendable<T: Send>(value: T) -> T {
        value
    }
    let (channel, port) = channel("test", 4096);
    port.try_deliver(RESET_DONE).unwrap();
    block_on(sendable(channel.read_packet(&mut Vec::new()))).unwrap();
    block_on(sendable(channel.write_packet(RESET_DONE))).unwrap();
}

/// Not a benchmark: a bound so low that only a mistake in the design misses it, on the slowest machine.
#[test]
fn many_small_packets_cross_in_little_time() {
    const COUNT: u32 = 200_000;
    let (channel, port) = channel("test", 64 * 1024);
    let start = Instant::now();
    let controller = thread::spawn(move || {
        for _ in 0..COUNT {
            port.deliver_blocking(RESET_DONE).unwrap();
        }
        port
    });
    block_on(async {
        let mut rx = [0; 259];
        for _ in 0..COUNT {
            channel
                .read::<ControllerToHostPacket<'_>>(&mut rx)
                .await
                .unwrap();
        }
    });
    let rate = f64::from(COUNT) / start.elapsed().as_secs_f64();
    println!("{rate:.0} packets/s");
    assert!(rate > 2_000.0, "{rate:.0} packets/s");
    drop(controller.join().unwrap());
}

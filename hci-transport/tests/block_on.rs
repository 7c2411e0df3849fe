//! Futures that are run on the thread that moves the bytes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::future::Future as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::{poll_fn, zip};
use hci_transport::packet::RESET;
use hci_transport::{
    Direction, ErrorKind, H4Deframer, HciChannel, Limits, OpenOptions, Spec, channel, open,
};

const RESET_DONE: &[u8] = &[0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00];
const SET_EVENT_MASK: &[u8] = &[0x01, 0x01, 0x0c, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
const MASK_DONE: &[u8] = &[0x04, 0x0e, 0x04, 0x01, 0x01, 0x0c, 0x00];

/// What ends soon has ended by then, however slow the machine is; what does not end takes longer.
const STALL: Duration = Duration::from_secs(20);

/// A controller on TCP: it completes a reset, and then `then` has the stream.
fn controller(then: impl FnOnce(TcpStream) + Send + 'static) -> (Spec, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reset = [0; RESET.len()];
        stream.read_exact(&mut reset).unwrap();
        stream.write_all(RESET_DONE).unwrap();
        then(stream);
    });
    let spec = format!("tcp-client:127.0.0.1:{port}").parse().unwrap();
    (spec, server)
}

/// Answers each event mask that is set.
fn answer(mut stream: impl Read + Write) {
    let mut packet = [0; SET_EVENT_MASK.len()];
    while stream.read_exact(&mut packet).is_ok() {
        assert_eq!(packet, SET_EVENT_MASK);
        stream.write_all(MASK_DONE).unwrap();
    }
}

async fn ask(channel: &HciChannel) {
    let mut packet = Vec::new();
    channel.write_packet(SET_EVENT_MASK).await.unwrap();
    channel.read_packet(&mut packet).await.unwrap();
    assert_eq!(packet, MASK_DONE);
}

/// An ACL packet that holds a number.
fn numbered(number: u32) -> [u8; 9] {
    let [a, b, c, d] = number.to_le_bytes();
    [0x02, 0x40, 0x20, 4, 0, a, b, c, d]
}

#[test]
fn the_bytes_are_moved_by_the_thread_that_waits_and_again_by_their_own_afterwards() {
    let (spec, server) = controller(answer);
    let channel = open(&spec).unwrap();
    for _ in 0..100 {
        channel.block_on(async {
            for _ in 0..20 {
                ask(&channel).await;
            }
        });
        futures_lite::future::block_on(ask(&channel));
    }
    drop(channel);
    server.join().unwrap();
}

#[test]
fn what_fills_both_directions_at_once_crosses_whole_and_in_order() {
    const COUNT: u32 = 200_000;
    let (spec, server) = controller(|mut stream| {
        // It reads and writes by turns that know nothing of each other.
        let mut reader = stream.try_clone().unwrap();
        let reading = thread::spawn(move || {
            let mut deframer = H4Deframer::new(Direction::ToController, Limits::default());
            let (mut chunk, mut next) = (vec![0; 1000], 0);
            while next < COUNT {
                let count = reader.read(&mut chunk).unwrap();
                assert!(count > 0, "hung up at {next}");
                deframer.feed(&chunk[..count]);
                while let Some(packet) = deframer.next_packet() {
                    assert_eq!(packet, numbered(next));
                    next += 1;
                }
            }
        });
        for number in 0..COUNT {
            stream.write_all(&numbered(number)).unwrap();
        }
        reading.join().unwrap();
    });
    let channel = OpenOptions::default().capacity(500).open(&spec).unwrap();
    channel.block_on(zip(
        async {
            for number in 0..COUNT {
                channel.write_packet(&numbered(number)).await.unwrap();
            }
        },
        async {
            let mut packet = Vec::new();
            for number in 0..COUNT {
                channel.read_packet(&mut packet).await.unwrap();
                assert_eq!(packet, numbered(number));
            }
        },
    ));
    server.join().unwrap();
}

#[test]
fn a_future_that_does_not_read_holds_the_controller_back_and_loses_nothing() {
    const COUNT: u32 = 2_000_000;
    let sent = Arc::new(AtomicUsize::new(0));
    let (spec, server) = controller({
        let sent = Arc::clone(&sent);
        move |mut stream| {
            for number in 0..COUNT {
                if stream.write_all(&numbered(number)).is_err() {
                    return;
                }
                sent.store(number as usize, Ordering::SeqCst);
            }
        }
    });
    let channel = open(&spec).unwrap();
    // As many as the sockets hold: then no more, for a while.
    let mut before = usize::MAX;
    channel.block_on(poll_fn(|cx| {
        let now = sent.load(Ordering::SeqCst);
        if now == before {
            return Poll::Ready(());
        }
        before = now;
        let waker = cx.waker().clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            waker.wake();
        });
        Poll::Pending
    }));
    assert!(before < COUNT as usize - 1, "nothing was held back");
    channel.block_on(async {
        let mut packet = Vec::new();
        for number in 0..20_000 {
            channel.read_packet(&mut packet).await.unwrap();
            assert_eq!(packet, numbered(number));
        }
    });
    drop(channel);
    server.join().unwrap();
}

#[test]
fn a_controller_that_hangs_up_ends_a_future_that_waits_for_it() {
    let (spec, server) = controller(|mut stream| {
        stream.write_all(MASK_DONE).unwrap();
        thread::sleep(Duration::from_millis(50));
    });
    let channel = open(&spec).unwrap();
    let began = Instant::now();
    let mut packet = Vec::new();
    let error = channel.block_on(async {
        channel.read_packet(&mut packet).await.unwrap();
        channel.read_packet(&mut packet).await.unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(began.elapsed() < STALL);
    // A future goes on without the wire.
    let error = channel.block_on(channel.write_packet(SET_EVENT_MASK));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Disconnected);
    server.join().unwrap();
}

#[test]
fn a_controller_that_takes_nothing_holds_up_neither_the_future_nor_the_end() {
    let (release, released) = mpsc::channel::<()>();
    let (spec, server) = controller(move |_stream| {
        let _ = released.recv();
    });
    let channel = open(&spec).unwrap();
    channel.block_on(async {
        // Until nothing more fits: the sockets hold some megabytes.
        let mut written = 0;
        poll_fn(|cx| {
            let mut write = Box::pin(channel.write_packet(SET_EVENT_MASK));
            while write.as_mut().poll(cx).is_ready() {
                written += 1;
                write = Box::pin(channel.write_packet(SET_EVENT_MASK));
                if written % 1000 == 0 {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            Poll::Ready(())
        })
        .await;
        assert!(written > 1000);
    });
    let began = Instant::now();
    drop(channel);
    assert!(began.elapsed() < STALL);
    drop(release);
    server.join().unwrap();
}

#[test]
fn a_future_is_woken_by_any_thread_while_the_wire_is_silent() {
    let (release, released) = mpsc::channel::<()>();
    let (spec, server) = controller(move |_stream| {
        let _ = released.recv();
    });
    let channel = open(&spec).unwrap();
    for pause in [0, 1, 20, 300, 2_000] {
        let woken = AtomicBool::new(false);
        thread::scope(|scope| {
            let mut waking = None;
            channel.block_on(poll_fn(|cx| {
                if woken.load(Ordering::SeqCst) {
                    return Poll::Ready(());
                }
                waking.get_or_insert_with(|| {
                    let (woken, waker) = (&woken, cx.waker().clone());
                    scope.spawn(move || {
                        thread::sleep(Duration::from_micros(pause));
                        woken.store(true, Ordering::SeqCst);
                        waker.wake();
                    })
                });
                Poll::Pending
            }));
        });
    }
    drop(release);
    server.join().unwrap();
}

#[test]
fn two_threads_may_run_futures_on_one_channel() {
    let (spec, server) = controller(answer);
    let channel = open(&spec).unwrap();
    let turn = Mutex::new(());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let _turn = turn.lock().unwrap();
                    channel.block_on(ask(&channel));
                }
            });
        }
        // This one has none of the wire while another moves it.
        scope.spawn(|| {
            for _ in 0..200 {
                channel.block_on(futures_lite::future::yield_now());
            }
        });
    });
    drop(channel);
    server.join().unwrap();
}

#[test]
fn a_channel_without_a_wire_runs_futures_too() {
    let (channel, port) = channel("test", 4096);
    let controller = thread::spawn(move || {
        let mut packet = Vec::new();
        while port.next_blocking(&mut packet, None).is_ok() {
            port.deliver_blocking(MASK_DONE).unwrap();
        }
    });
    channel.block_on(async {
        for _ in 0..1_000 {
            ask(&channel).await;
        }
    });
    drop(channel);
    controller.join().unwrap();
}

/// Time that this thread had a processor.
#[cfg(target_os = "linux")]
fn processor_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanos = told.split_whitespace().next().unwrap().parse().unwrap();
    Duration::from_nanos(nanos)
}

/// A future that does not care goes on, at no cost.
#[test]
#[cfg(target_os = "linux")]
fn a_wire_that_is_gone_keeps_nobody_busy() {
    let (gone, has_gone) = mpsc::channel();
    let (spec, server) = controller(move |mut stream| {
        // What is left unread makes it a reset.
        stream.read_exact(&mut [0]).unwrap();
        drop(stream);
        gone.send(()).unwrap();
    });
    let channel = open(&spec).unwrap();
    let (mut polls, waking) = (0, Arc::new(Mutex::new(None)));
    let begun = Instant::now();
    let wakes = poll_fn(|cx| {
        polls += 1;
        let mut write = Box::pin(channel.write_packet(SET_EVENT_MASK));
        match polls {
            1 => _ = write.as_mut().poll(cx),
            // It has gone before this thread can notice, so the next write does.
            2 => {
                has_gone.recv().unwrap();
                _ = write.as_mut().poll(cx);
                let (waking, waker) = (Arc::clone(&waking), cx.waker().clone());
                thread::spawn(move || {
                    thread::sleep(Duration::from_secs(1));
                    *waking.lock().unwrap() = Some(());
                    waker.wake();
                });
            }
            _ if waking.lock().unwrap().is_some() => return Poll::Ready(()),
            _ => {}
        }
        if polls == 1 {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    });
    let before = processor_time();
    channel.block_on(wakes);
    let (busy, took) = (processor_time() - before, begun.elapsed());
    assert!(busy < took / 4, "{busy:?} of {took:?}");
    server.join().unwrap();
}

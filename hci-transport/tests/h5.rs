//! The three-wire UART: the link in simulated time against a wire that loses, repeats and damages,
//! and a controller behind it on a pseudo-terminal.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hci_transport::{H5Event, H5Link};

/// Numbers that only look random: the same in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn one_in(&mut self, count: u64) -> bool {
        count > 0 && self.next().is_multiple_of(count)
    }
}

/// How a wire treats what goes over it: one byte or frame in so many. 0: never.
#[derive(Clone, Copy, Default)]
struct Faults {
    lost_byte: u64,
    damaged_byte: u64,
    repeated_frame: u64,
    lost_frame: u64,
}

/// Two ends, the wire between them, and a clock.
struct Pair {
    ends: [H5Link; 2],
    wire: [VecDeque<u8>; 2],
    now: Instant,
    began: Instant,
    chance: Chance,
    faults: Faults,
    received: [Vec<Vec<u8>>; 2],
    events: [Vec<H5Event>; 2],
}

impl Pair {
    fn new(seed: u64, faults: Faults) -> Self {
        let now = Instant::now();
        Self {
            ends: [H5Link::new(now), H5Link::new(now)],
            wire: Default::default(),
            now,
            began: now,
            chance: Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            faults,
            received: Default::default(),
            events: Default::default(),
        }
    }

    /// Moves bytes until nothing is left to do at this time.
    fn settle(&mut self) {
        loop {
            let mut idle = true;
            for end in 0..2 {
                let mut frame = Vec::new();
                if self.ends[end].poll_transmit(self.now, &mut frame) {
                    idle = false;
                    self.carry(end, &frame);
                }
                // In pieces of any size.
                let count = self.wire[end]
                    .len()
                    .min(1 + self.chance.next() as usize % 40);
                let bytes: Vec<_> = self.wire[end].drain(..count).collect();
                idle &= bytes.is_empty();
                let other = &mut self.ends[1 - end];
                other.handle_bytes(self.now, &bytes);
                while let Some(packet) = other.poll_packet() {
                    self.received[1 - end].push(packet);
                }
                for end in 0..2 {
                    while let Some(event) = self.ends[end].poll_event() {
                        self.events[end].push(event);
                    }
                }
            }
            if idle {
                return;
            }
        }
    }

    fn carry(&mut self, end: usize, frame: &[u8]) {
        let times = match self.faults {
            faults if self.chance.one_in(faults.lost_frame) => 0,
            faults if self.chance.one_in(faults.repeated_frame) => 2,
            _ => 1,
        };
        for _ in 0..times {
            for byte in frame {
                if self.chance.one_in(self.faults.lost_byte) {
                    continue;
                }
                let mut byte = *byte;
                if self.chance.one_in(self.faults.damaged_byte) {
                    byte ^= 1 << (self.chance.next() % 8);
                }
                self.wire[end].push_back(byte);
            }
        }
    }

    /// Lets time pass up to the next timeout. `false`: there is none.
    fn pass(&mut self) -> bool {
        let next = self.ends.iter().filter_map(H5Link::poll_timeout).min();
        if let Some(next) = next {
            self.now = self.now.max(next);
        }
        next.is_some()
    }

    /// Runs until `done`, at most for `most` of simulated time.
    fn run(&mut self, most: Duration, done: impl Fn(&Self) -> bool) {
        loop {
            self.settle();
            if done(self) {
                return;
            }
            assert!(self.pass(), "nothing will happen any more");
            assert!(self.now - self.began < most, "not within {most:?}");
        }
    }

    fn established(&self) -> bool {
        self.ends.iter().all(H5Link::is_established)
    }
}

fn packet(kind: u8, number: u32) -> Vec<u8> {
    let mut packet = vec![kind];
    packet.extend(number.to_le_bytes());
    packet.extend((0..number % 200).map(|at| (at * 31 + number) as u8));
    packet
}

/// Sends `count` packets each way and asserts that each arrives once and in order.
fn exchange(pair: &mut Pair, count: u32) {
    let mut sent = [0; 2];
    let most = Duration::from_secs(3600);
    while pair
        .received
        .iter()
        .any(|received| received.len() < count as usize)
    {
        for (end, sent) in sent.iter_mut().enumerate() {
            while *sent < count && pair.ends[end].has_room() {
                let kind = if end == 0 { 0x01 } else { 0x04 };
                assert!(pair.ends[end].send(&packet(kind, *sent)));
                *sent += 1;
            }
        }
        pair.settle();
        if sent.iter().any(|sent| *sent < count) && pair.ends.iter().all(H5Link::has_room) {
            continue;
        }
        let finished = pair
            .received
            .iter()
            .all(|received| received.len() >= count as usize);
        assert!(finished || pair.pass(), "nothing will happen any more");
        assert!(pair.now - pair.began < most);
    }
    for (received, kind) in pair.received.iter().zip([0x04, 0x01]) {
        assert_eq!(received.len(), count as usize);
        for (number, got) in (0..).zip(received) {
            assert_eq!(*got, packet(kind, number));
        }
    }
}

#[test]
fn a_clean_wire_needs_no_repetition_and_no_time() {
    let mut pair = Pair::new(1, Faults::default());
    exchange(&mut pair, 1000);
    assert_eq!(pair.ends[0].statistics().repeated, 0);
    assert_eq!(pair.ends[0].statistics().damaged_frames, 0);
    assert!(
        pair.now - pair.began <= Duration::from_secs(1),
        "{:?}",
        pair.now - pair.began
    );
    assert_eq!(
        pair.events,
        [[H5Event::Established], [H5Event::Established]]
    );
}

#[test]
fn every_packet_arrives_once_and_in_order_whatever_the_wire_does() {
    let all = [
        Faults {
            lost_byte: 300,
            ..Faults::default()
        },
        Faults {
            damaged_byte: 300,
            ..Faults::default()
        },
        Faults {
            repeated_frame: 5,
            ..Faults::default()
        },
        Faults {
            lost_frame: 5,
            ..Faults::default()
        },
        Faults {
            lost_byte: 900,
            damaged_byte: 900,
            repeated_frame: 9,
            lost_frame: 9,
        },
    ];
    for faults in all {
        for seed in 1..=6 {
            let mut pair = Pair::new(seed, Faults::default());
            pair.run(Duration::from_secs(5), Pair::established);
            pair.faults = faults;
            exchange(&mut pair, 400);
            let seen = pair.ends[0].statistics();
            assert!(faults.damaged_byte == 0 || seen.damaged_frames > 0);
            assert!(faults.lost_frame == 0 || seen.repeated > 0);
        }
    }
}

#[test]
fn a_link_is_established_over_a_bad_wire_too() {
    for seed in 1..=50 {
        let faults = Faults {
            lost_byte: 20,
            damaged_byte: 20,
            lost_frame: 3,
            repeated_frame: 3,
        };
        let mut pair = Pair::new(seed, faults);
        pair.run(Duration::from_secs(60), Pair::established);
    }
}

#[test]
fn a_side_that_starts_late_is_waited_for() {
    let start = Instant::now();
    let mut pair = Pair::new(
        3,
        Faults {
            lost_frame: 1,
            ..Faults::default()
        },
    );
    pair.ends[0].send(&packet(0x01, 7));
    for _ in 0..40 {
        pair.settle();
        pair.pass();
    }
    pair.faults = Faults::default();
    pair.ends[1] = H5Link::new(pair.now);
    pair.run(Duration::from_secs(60), |pair| !pair.received[1].is_empty());
    assert_eq!(pair.received[1], [packet(0x01, 7)]);
    assert!(pair.now - start < Duration::from_secs(15));
}

#[test]
fn a_side_that_restarts_is_noticed_and_the_link_comes_back() {
    let mut pair = Pair::new(4, Faults::default());
    exchange(&mut pair, 20);
    pair.received = Default::default();
    pair.ends[1] = H5Link::new(pair.now);
    pair.run(Duration::from_secs(10), Pair::established);
    assert_eq!(
        pair.events[0][1..],
        [H5Event::PeerRestarted, H5Event::Established]
    );
    exchange(&mut pair, 20);
}

#[test]
fn a_side_that_falls_silent_is_lost() {
    let mut pair = Pair::new(5, Faults::default());
    exchange(&mut pair, 20);
    pair.faults.lost_frame = 1;
    pair.ends[0].send(&packet(0x01, 0));
    pair.run(Duration::from_secs(10), |pair| {
        pair.events[0].contains(&H5Event::Lost)
    });
}

#[test]
fn packets_for_a_side_that_sleeps_wait_until_it_is_awake() {
    let now = Instant::now();
    let mut pair = Pair::new(6, Faults::default());
    pair.run(Duration::from_secs(5), Pair::established);
    let link = |message: [u8; 2]| {
        let header = [0x00, 0x2f, 0x00, 0xd0];
        [&[0xc0], &header[..], &message, &[0xc0]].concat()
    };
    let host = &mut pair.ends[0];
    let mut out = Vec::new();
    while host.poll_transmit(now, &mut out) {}
    host.handle_bytes(now, &link([0x07, 0x78]));
    host.send(&packet(0x01, 3));
    out.clear();
    while host.poll_transmit(pair.now, &mut out) {}
    assert_eq!(out, link([0x05, 0xfa]), "only the wakeup message");
    // Which is repeated until it is answered.
    let at = host.poll_timeout().unwrap();
    out.clear();
    while host.poll_transmit(at, &mut out) {}
    assert_eq!(out, link([0x05, 0xfa]));
    host.handle_bytes(at, &link([0x06, 0xf9]));
    pair.now = at;
    pair.run(Duration::from_secs(60), |pair| !pair.received[1].is_empty());
    assert_eq!(pair.received[1], [packet(0x01, 3)]);
}

#[test]
fn a_packet_that_no_frame_holds_is_refused() {
    let mut link = H5Link::new(Instant::now());
    assert!(link.send(&[&[0x02][..], &[0; 4095]].concat()));
    assert!(!link.send(&[&[0x02][..], &[0; 4096]].concat()));
    assert!(!link.send(&[0x07, 0x00]));
    assert!(!link.send(&[]));
}

#[test]
fn no_bytes_upset_a_link() {
    let mut chance = Chance(99);
    let now = Instant::now();
    let mut link = H5Link::new(now);
    for _ in 0..200_000 {
        let byte = match chance.next() % 6 {
            0 => 0xc0,
            1 => 0xdb,
            _ => chance.next() as u8,
        };
        link.handle_bytes(now, &[byte]);
        while link.poll_transmit(now, &mut Vec::new()) {}
        while link.poll_packet().is_some() {}
    }
}

/// A pseudo-terminal with an H5 controller at its other side.
#[cfg(unix)]
mod on_a_serial_port {
    use super::*;

    use std::io::{ErrorKind as IoErrorKind, Read, Write};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::{self, JoinHandle};

    use hci_transport::{ErrorKind, HciChannel, Spec, open};
    use serialport::{SerialPort, TTYPort};

    struct Board {
        spec: Spec,
        stop: Arc<AtomicBool>,
        // Held, so that opening and closing the port leaves the other side alone.
        _slave: TTYPort,
        thread: Option<JoinHandle<()>>,
    }

    impl Board {
        /// A controller that completes every command with success, and answers data with the same
        /// data. One byte in `damage` comes damaged.
        fn start(damage: u64) -> Self {
            let (mut master, slave) = TTYPort::pair().unwrap();
            let spec = format!("serial:{},115200,h5", slave.name().unwrap())
                .parse()
                .unwrap();
            let stop = Arc::<AtomicBool>::default();
            let stopped = Arc::clone(&stop);
            let body = move || {
                master.set_timeout(Duration::from_millis(5)).unwrap();
                let mut link = H5Link::new(Instant::now());
                let mut chance = Chance(7);
                let (mut chunk, mut out) = ([0; 512], Vec::new());
                while !stopped.load(Ordering::SeqCst) {
                    let count = match master.read(&mut chunk) {
                        Ok(count) => count,
                        Err(error) if error.kind() == IoErrorKind::TimedOut => 0,
                        Err(_) => return,
                    };
                    for byte in &mut chunk[..count] {
                        if chance.one_in(damage) {
                            *byte ^= 0x10;
                        }
                    }
                    link.handle_bytes(Instant::now(), &chunk[..count]);
                    while let Some(packet) = link.poll_packet() {
                        link.send(&match packet[..] {
                            [0x01, low, high, ..] => vec![4, 0x0e, 4, 1, low, high, 0],
                            _ => packet,
                        });
                    }
                    while link.poll_transmit(Instant::now(), &mut out) {}
                    for byte in &mut out {
                        if chance.one_in(damage) {
                            *byte ^= 0x10;
                        }
                    }
                    let _ = master.write_all(&out);
                    out.clear();
                }
            };
            Self {
                spec,
                stop,
                _slave: slave,
                thread: Some(thread::spawn(body)),
            }
        }
    }

    impl Drop for Board {
        fn drop(&mut self) {
            self.stop.store(true, Ordering::SeqCst);
            self.thread.take().unwrap().join().unwrap();
        }
    }

    fn echo(channel: &HciChannel, count: u32) {
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..count {
                    channel
                        .write_packet_blocking(&packet(0x02, number))
                        .unwrap();
                }
            });
            let mut got = Vec::new();
            for number in 0..count {
                let patience = Duration::from_secs(30);
                assert!(channel.read_packet_timeout(&mut got, patience).unwrap());
                assert_eq!(got, packet(0x02, number));
            }
        });
    }

    #[test]
    fn a_controller_is_opened_used_and_opened_again() {
        let board = Board::start(0);
        for _ in 0..2 {
            let channel = open(&board.spec).unwrap();
            assert!(board.spec.to_string().starts_with(channel.name()));
            echo(&channel, 300);
            assert_eq!(channel.statistics().discarded_bytes, 0);
        }
    }

    #[test]
    fn nothing_is_lost_on_a_bad_cable() {
        let board = Board::start(2_000);
        let channel = open(&board.spec).unwrap();
        echo(&channel, 150);
        assert!(channel.statistics().discarded_bytes > 0);
    }

    #[test]
    fn a_port_without_h5_behind_it_says_what_to_check() {
        let (_master, slave) = TTYPort::pair().unwrap();
        let spec: Spec = format!("serial:{},115200,h5", slave.name().unwrap())
            .parse()
            .unwrap();
        let error = open(&spec).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoAnswer);
        assert!(error.to_string().contains("without h5 it is H4"), "{error}");
    }
}

//! The mux's decisions, packet by packet: no transport, no executor, no clock.

mod odd;
mod whole;

use core::cell::RefCell;
use core::task::{Context, Poll, Waker};
use std::vec::Vec;

use bt_hci::transport::PacketKind;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_time::{Duration, Instant};
use embedded_io::Write as _;

use super::packet::Head;
use super::report::Report;
use super::state::{Attempt, Failure, Inbound, Lull, MuxState};
use crate::links::{LinkPhase, Links, Reason, StaticLinks};
use crate::testing::Wakes;

type TestLinks = StaticLinks<NoopRawMutex, 4, 64, 2, 2, 256>;

/// Connection 7 to a peer.
const CONNECTED: [u8; 21] = [
    0x3E, 19, 0x01, 0, 7, 0, 0, 1, 1, 2, 3, 4, 5, 0xC6, 24, 0, 0, 0, 0xF4, 1, 0,
];

struct Bench {
    state: MuxState,
    links: TestLinks,
    reports: RefCell<u32>,
}

impl Bench {
    /// A controller with `total` buffers of 27 bytes, and connection 7.
    fn connected(total: u8) -> Self {
        let mut bench = Self::new();
        let buffers = [0x0E, 7, 1, 0x02, 0x20, 0, 27, 0, total];
        assert_eq!(bench.answer(&buffers), Some(buffers.to_vec()));
        assert_eq!(bench.event(&CONNECTED), Some(CONNECTED.to_vec()));
        bench
    }

    fn new() -> Self {
        Self {
            state: MuxState::new(),
            links: TestLinks::new(),
            reports: RefCell::new(0),
        }
    }

    /// What trouble-host sees of an event.
    fn event(&mut self, event: &[u8]) -> Option<Vec<u8>> {
        self.inbound(PacketKind::Event, event)
    }

    /// The same of one that answers a command.
    fn answer(&mut self, event: &[u8]) -> Option<Vec<u8>> {
        let opcode = match event {
            [0x0E, _, _, opcode @ ..] | [0x0F, _, _, _, opcode @ ..] => opcode,
            _ => panic!("no answer: {event:02X?}"),
        };
        let opcode = u16::from_le_bytes([opcode[0], opcode[1]]);
        let sent = Instant::from_secs(0);
        self.state.command_sent(&command(opcode, &[]), sent);
        self.event(event)
    }

    fn inbound(&mut self, kind: PacketKind, packet: &[u8]) -> Option<Vec<u8>> {
        let mut packet = packet.to_vec();
        let count = |_: &Report<'_>| *self.reports.borrow_mut() += 1;
        match self.state.inbound(kind, &mut packet, &self.links, &count) {
            Inbound::ForHost(len) => Some(packet[..len].to_vec()),
            Inbound::Taken => None,
        }
    }

    fn undecodable(&self) -> u32 {
        self.state.counters().undecodable
    }

    /// trouble-host sends a packet; whether it may.
    fn host_sends(&mut self, first: bool, frame_len: u16, data_len: u16) -> bool {
        let now = Instant::from_secs(0);
        let head = acl_head(7, first, frame_len, data_len);
        match self
            .state
            .turns()
            .poll_host_turn(&head, now, &mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(sent) => {
                assert!(sent, "the connection is there");
                self.state.turns().host_sent();
                true
            }
            Poll::Pending => false,
        }
    }

    /// A bearer sends a frame of one packet; whether it may.
    fn att_sends(&mut self) -> bool {
        if !self.state.turns().att_may_begin(7, Instant::from_secs(0)) {
            return false;
        }
        self.state.turns().begin_att_frame(7);
        let taken = self.att_packet();
        self.state.turns().end_att_frame();
        taken
    }

    fn att_packet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.state.turns().poll_att_packet(7, &mut cx) == Poll::Ready(true)
    }
}

fn acl_head(handle: u16, first: bool, frame_len: u16, data_len: u16) -> Head {
    let mut packet = Vec::new();
    packet.extend((handle | if first { 0 } else { 0x1000 }).to_le_bytes());
    packet.extend(data_len.to_le_bytes());
    packet.extend(frame_len.to_le_bytes());
    packet.extend([5, 0]);
    packet.resize(4 + usize::from(data_len), 0);
    head(&packet)
}

fn head(packet: &[u8]) -> Head {
    let mut head = Head::default();
    head.write_all(packet).unwrap();
    head
}

fn command(opcode: u16, parameters: &[u8]) -> Head {
    let mut packet = opcode.to_le_bytes().to_vec();
    packet.push(parameters.len() as u8);
    packet.extend(parameters);
    head(&packet)
}

#[test]
fn a_connection_has_a_link_from_its_event_to_its_end() {
    let mut bench = Bench::connected(4);
    let id = bench.links.find(7).unwrap();
    let peer = bench
        .links
        .with_link(id, |link| link.info.peer)
        .unwrap()
        .unwrap();
    assert_eq!(peer.addr.raw(), &[1, 2, 3, 4, 5, 0xC6]);
    assert_eq!(bench.state.take_attempt(), Attempt::Connected(id));
    assert!(bench.event(&[0x05, 4, 0, 7, 0, 0x13]).is_some());
    assert_eq!(bench.links.find(7), None);
    let ended = bench
        .links
        .with_link(id, |link| (link.info.phase(), link.info.reason()));
    assert_eq!(ended, Some((LinkPhase::Closed, Some(Reason::Hci(0x13)))));
}

#[test]
fn trouble_host_hears_only_of_its_own_completed_packets() {
    let mut bench = Bench::connected(8);
    assert!(bench.att_sends());
    assert!(bench.host_sends(true, 4, 8));
    assert!(bench.att_sends());
    assert_eq!(bench.event(&[0x13, 5, 1, 7, 0, 1, 0]), None, "one of ours");
    let theirs = bench.event(&[0x13, 5, 1, 7, 0, 2, 0]).unwrap();
    assert_eq!(theirs, [0x13, 5, 1, 7, 0, 1, 0]);
}

#[test]
fn the_end_of_a_connection_frees_its_buffers() {
    let mut bench = Bench::connected(1);
    assert!(bench.att_sends());
    assert!(!bench.host_sends(true, 4, 8));
    bench.event(&[0x05, 4, 0, 7, 0, 0x08]);
    bench.event(&CONNECTED);
    assert!(bench.host_sends(true, 4, 8));
}

#[test]
fn fragments_of_two_frames_never_mix_on_one_connection() {
    let mut bench = Bench::connected(8);
    // trouble-host is in the middle of a frame of 30 bytes.
    assert!(bench.host_sends(true, 30, 27));
    assert!(!bench.att_sends());
    assert!(bench.host_sends(false, 0, 7));
    // And a bearer in the middle of one of its own.
    assert!(bench.state.turns().att_may_begin(7, Instant::from_secs(0)));
    bench.state.turns().begin_att_frame(7);
    assert!(bench.att_packet());
    assert!(!bench.host_sends(true, 4, 8));
    assert!(bench.att_packet());
    bench.state.turns().end_att_frame();
    assert!(bench.host_sends(true, 4, 8));
}

#[test]
fn a_frame_that_trouble_host_gives_up_does_not_hold_up_the_bearers_for_ever() {
    let mut bench = Bench::connected(8);
    assert!(bench.host_sends(true, 30, 27));
    assert!(
        !bench
            .state
            .turns()
            .att_may_begin(7, Instant::from_millis(900))
    );
    // The pump is told when to look again.
    assert_eq!(bench.state.deadline(), Instant::from_secs(1));
    assert!(
        bench
            .state
            .turns()
            .att_may_begin(7, Instant::from_millis(1100))
    );
}

#[test]
fn a_frame_that_waits_for_a_buffer_is_not_given_up_however_long_the_link_stands_still() {
    let mut bench = Bench::connected(1);
    assert!(bench.host_sends(true, 56, 27));
    assert!(!bench.host_sends(false, 56, 27), "no buffer");
    let later = Instant::from_secs(3);
    assert!(!bench.state.turns().att_may_begin(7, later));
    bench.state.handle_timeout(later);
    // The peer is heard again.
    bench.event(&[0x13, 5, 1, 7, 0, 1, 0]);
    assert!(!bench.state.turns().att_may_begin(7, later));
    assert!(bench.host_sends(false, 56, 27));
    // Now its writer has gone.
    assert!(!bench.host_sends(false, 56, 6), "no buffer");
    bench.state.turns().host_gave_up(7);
    bench.event(&[0x13, 5, 1, 7, 0, 1, 0]);
    assert!(bench.state.turns().att_may_begin(7, later));
}

#[test]
fn with_one_buffer_both_sides_have_their_turn() {
    let mut bench = Bench::connected(1);
    let mut sent = Vec::new();
    for _ in 0..40 {
        // Both always want to; trouble-host is asked first.
        if bench.host_sends(true, 4, 8) {
            sent.push('h');
        }
        if bench.att_sends() {
            sent.push('a');
        }
        bench.event(&[0x13, 5, 1, 7, 0, 1, 0]);
    }
    let hosts = sent.iter().filter(|s| **s == 'h').count();
    assert!(sent.len() >= 20, "{sent:?}");
    assert!(
        hosts * 3 >= sent.len() && hosts * 3 <= sent.len() * 2,
        "{sent:?}"
    );
}

#[test]
fn a_side_that_lost_interest_does_not_hold_up_the_other() {
    let mut bench = Bench::connected(1);
    assert!(bench.att_sends());
    assert!(!bench.host_sends(true, 4, 8), "waits");
    bench.event(&[0x13, 5, 1, 7, 0, 1, 0]);
    // Its future was dropped meanwhile; it is let go first once, and never again.
    assert!(!bench.att_sends());
    assert!(bench.att_sends());
}

#[cfg(feature = "channels")]
#[test]
fn a_peer_has_no_say_on_the_channels_of_another() {
    let mut bench = Bench::connected(2);
    let mut other = CONNECTED;
    other[4] = 8;
    assert!(bench.event(&other).is_some());
    // trouble-host asks the first for a channel.
    let id = bench.links.find(7).unwrap();
    let mut request = [
        14, 0, 5, 0, 0x14, 1, 10, 0, 0x80, 0, 0x40, 0, 0, 1, 0, 1, 1, 0,
    ];
    bench
        .links
        .with_link(id, |link| link.info.sdus.outbound(&mut request));
    let data = [0, 0x20, 6, 0, 2, 0, 0x40, 0, 0, 0];
    let close = [0, 0x20, 12, 0, 8, 0, 5, 0, 6, 1, 4, 0, 0x40, 0, 0x41, 0];
    let from = |peer: u8, packet: &[u8]| [&[peer], &packet[1..]].concat();
    assert!(
        bench
            .inbound(PacketKind::AclData, &from(7, &data))
            .is_some()
    );
    assert_eq!(bench.inbound(PacketKind::AclData, &from(8, &data)), None);
    let passed = bench
        .inbound(PacketKind::AclData, &from(8, &close))
        .unwrap();
    assert_eq!(passed[12..14], [0xFF, 0xFF], "no channel of his");
    let passed = bench
        .inbound(PacketKind::AclData, &from(7, &close))
        .unwrap();
    assert_eq!(passed, from(7, &close));
}

#[test]
fn what_does_not_decode_is_counted_and_never_passed_on() {
    let mut bench = Bench::connected(4);
    let before = bench.undecodable();
    let odd: [&[u8]; 9] = [
        &[],
        &[0x0E],
        &[0x0E, 2, 1, 2],
        &[0x0E, 4, 1, 3, 12],
        &[0x0F, 3, 0, 1, 2],
        &[0x05, 3, 0, 7, 0],
        &[0x13, 4, 1, 7, 0, 1],
        &[0x3E, 0],
        &[0x3E, 3, 0x01, 0, 7],
    ];
    for event in odd {
        assert_eq!(bench.event(event), None, "{event:02X?}");
    }
    assert_eq!(bench.undecodable() - before, odd.len() as u32);
    // What decodes and is of no use to trouble-host is not counted.
    assert_eq!(bench.event(&[0xFF, 1, 9]), None);
    assert_eq!(bench.event(&[0x3E, 1, 0x7E]), None);
    assert_eq!(bench.undecodable() - before, odd.len() as u32);
}

#[test]
fn every_prefix_of_an_event_is_survived() {
    let mut bench = Bench::connected(4);
    let events: [&[u8]; 4] = [
        &CONNECTED,
        &[
            0x3E, 15, 0x02, 1, 0, 1, 1, 2, 3, 4, 5, 0xC6, 3, 2, 1, 6, 0xC8,
        ],
        &[0x0E, 7, 1, 0x02, 0x20, 0, 27, 0, 4],
        &[0x13, 5, 1, 7, 0, 1, 0],
    ];
    for event in events {
        for len in 0..event.len() {
            // Cut, and cut with a length that fits what is left.
            assert_eq!(bench.event(&event[..len]), None);
            if len > 2 {
                let mut cut = event[..len].to_vec();
                cut[1] = (len - 2) as u8;
                let passed = bench.event(&cut);
                assert!(passed.is_none_or(|p| p.len() <= len));
            }
        }
    }
}

#[test]
fn advertising_reports_go_to_the_scan_and_not_to_trouble_host() {
    let mut bench = Bench::new();
    let report = [
        0x3E, 15, 0x02, 1, 0, 1, 1, 2, 3, 4, 5, 0xC6, 3, 2, 1, 6, 0xC8,
    ];
    assert_eq!(bench.event(&report), None);
    assert_eq!((*bench.reports.borrow(), bench.undecodable()), (1, 0));
    let mut damaged = report;
    damaged[12] = 99;
    assert_eq!(bench.event(&damaged), None);
    assert_eq!((*bench.reports.borrow(), bench.undecodable()), (1, 1));
}

#[test]
fn refusals_that_would_end_trouble_host_are_softened() {
    let mut bench = Bench::new();
    // Disconnect: Command Disallowed becomes Unknown Connection Identifier.
    assert_eq!(
        bench.event(&[0x0F, 4, 0x0C, 1, 0x06, 0x04]).unwrap()[2],
        0x02
    );
    assert_eq!(
        bench.event(&[0x0F, 4, 0x00, 1, 0x06, 0x04]).unwrap()[2],
        0x00
    );
    // LE Set Scan Enable: a scan that can't be ended has ended; one that can't begin has not begun.
    bench
        .state
        .command_sent(&command(0x200C, &[0, 0]), Instant::from_secs(0));
    assert_eq!(bench.event(&[0x0E, 4, 1, 0x0C, 0x20, 0x0C]).unwrap()[5], 0);
    // By Command Status, as a command that is not known may be answered.
    assert_eq!(
        bench.event(&[0x0F, 4, 0x01, 1, 0x0C, 0x20]).unwrap(),
        [0x0E, 4, 1, 0x0C, 0x20, 0]
    );
    bench
        .state
        .command_sent(&command(0x200C, &[1, 0]), Instant::from_secs(0));
    assert_eq!(
        bench.event(&[0x0E, 4, 1, 0x0C, 0x20, 0x0C]).unwrap()[5],
        0x0C
    );
}

#[test]
fn a_command_without_answer_for_two_seconds_fails_the_controller() {
    let mut bench = Bench::new();
    let sent = Instant::from_secs(10);
    bench.state.command_sent(&command(0x1009, &[]), sent);
    bench
        .state
        .handle_timeout(sent + Duration::from_millis(1999));
    assert_eq!(bench.state.failure(), None);
    assert_eq!(bench.state.deadline(), sent + Duration::from_secs(2));
    bench.state.handle_timeout(sent + Duration::from_secs(2));
    assert_eq!(bench.state.failure(), Some(Failure::Silent(0x1009)));
}

#[test]
fn a_host_that_was_kept_from_reading_looks_once_more_for_the_answer() {
    let mut bench = Bench::new();
    let sent = Instant::from_secs(10);
    let late = sent + Duration::from_secs(5);
    bench.state.command_sent(&command(0x1009, &[]), sent);
    bench.state.handle_timeout(late);
    assert_eq!(bench.state.failure(), None);
    let again = late + Duration::from_millis(100);
    assert_eq!(bench.state.deadline(), again);
    bench.state.handle_timeout(again + Duration::from_secs(5));
    assert_eq!(bench.state.failure(), Some(Failure::Silent(0x1009)));
}

#[test]
fn a_controller_that_takes_no_command_for_two_seconds_is_failed() {
    let begun = Instant::from_secs(1);
    let wait = |state: &mut MuxState| {
        state.room_awaited(begun);
        // Whoever else waits for it does not prolong it.
        state.room_awaited(begun + Duration::from_secs(1));
    };
    let mut bench = Bench::new();
    wait(&mut bench.state);
    assert_eq!(bench.state.deadline(), begun + Duration::from_secs(2));
    bench.state.handle_timeout(begun + Duration::from_secs(2));
    assert_eq!(bench.state.failure(), Some(Failure::Silent(0)));
    let mut bench = Bench::new();
    wait(&mut bench.state);
    bench.state.room_came();
    bench.state.handle_timeout(begun + Duration::from_secs(2));
    assert_eq!(bench.state.failure(), None);
}

#[test]
fn no_pdu_is_agreed_on_that_there_is_no_room_for_on_its_way_out() {
    let mut bench = Bench::new();
    bench.state.set_longest_pdu(50);
    bench.answer(&[0x0E, 7, 1, 0x02, 0x20, 0, 27, 0, 4]);
    assert!(bench.event(&CONNECTED).is_some());
    let id = bench.links.find(7).unwrap();
    let offered = bench.links.with_link(id, |link| link.bearer.largest_mtu());
    assert_eq!(offered.map(|mtu| mtu.get()), Some(50));
}

#[test]
fn a_command_that_is_answered_does_not() {
    let mut bench = Bench::new();
    let sent = Instant::from_secs(10);
    bench.state.command_sent(&command(0x1009, &[]), sent);
    bench.event(&[0x0E, 10, 1, 0x09, 0x10, 0, 1, 2, 3, 4, 5, 6]);
    bench.state.handle_timeout(sent + Duration::from_secs(60));
    assert_eq!(bench.state.failure(), None);
}

fn silence(bench: &mut Bench) -> Option<Lull> {
    bench.state.take_silence()
}

#[test]
fn a_controller_that_says_nothing_for_a_second_is_noticed_and_one_that_talks_is_not() {
    let mut bench = Bench::new();
    let second = Duration::from_secs(1);
    let sent = Instant::from_secs(10);
    bench.state.command_sent(&command(0x1009, &[]), sent);
    bench.event(&[0x0E, 10, 1, 0x09, 0x10, 0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(bench.state.deadline(), sent + second);
    bench.state.handle_timeout(sent + second);
    assert_eq!(silence(&mut bench), None, "it has answered");
    assert_eq!(bench.state.deadline(), sent + second * 2);
    bench.state.handle_timeout(sent + second * 2);
    assert_eq!(silence(&mut bench), Some(Lull::Short));
    assert_eq!(silence(&mut bench), None, "that is told once");
    assert_eq!(
        bench.state.deadline(),
        Instant::MAX,
        "there is no connection"
    );
}

#[test]
fn a_connection_at_rest_is_listened_to_every_ten_seconds_and_what_is_sent_every_second() {
    let mut bench = Bench::connected(4);
    let (second, ten) = (Duration::from_secs(1), Duration::from_secs(10));
    // What it was asked before the connection was long ago.
    bench.state.handle_timeout(Instant::from_secs(1));
    bench.state.handle_timeout(Instant::from_secs(2));
    assert_eq!(silence(&mut bench), Some(Lull::Short));
    let sent = Instant::from_secs(10);
    bench.state.listen(sent);
    bench.state.handle_timeout(sent + second);
    assert_eq!(silence(&mut bench), Some(Lull::Short));
    let rest = sent + second + ten;
    assert_eq!(bench.state.deadline(), rest);
    bench.state.handle_timeout(rest);
    assert_eq!(silence(&mut bench), Some(Lull::Long));
    assert_eq!(bench.state.deadline(), rest + ten);
    bench.state.listen(rest);
    assert_eq!(bench.state.deadline(), rest + second);
    bench.state.listen(rest + second);
    assert_eq!(bench.state.deadline(), rest + second, "first things first");
}

#[test]
fn whatever_the_central_role_has_to_act_on_wakes_it() {
    let mut bench = Bench::connected(4);
    let id = bench.links.find(7).unwrap();
    let asks = [
        7, 0x20, 16, 0, 12, 0, 5, 0, 0x12, 7, 8, 0, 24, 0, 40, 0, 1, 0, 0x48, 0,
    ];
    let happens: [&dyn Fn(&mut Bench); 6] = [
        &|_| {},
        &|bench| bench.state.doom(id),
        &|bench| bench.state.stir(),
        &|bench| _ = bench.inbound(PacketKind::AclData, &asks),
        &|bench| _ = bench.event(&CONNECTED),
        &|bench| {
            let sent = Instant::from_secs(10);
            bench.state.command_sent(&command(0x1009, &[]), sent);
            bench.event(&[0x0E, 10, 1, 0x09, 0x10, 0, 1, 2, 3, 4, 5, 6]);
            bench.state.handle_timeout(sent + Duration::from_secs(1));
            bench.state.handle_timeout(sent + Duration::from_secs(2));
        },
    ];
    bench.state.take_news(Waker::noop());
    for (number, happens) in happens.iter().enumerate() {
        let wakes = Wakes::default();
        assert!(!bench.state.take_news(&wakes.waker()));
        happens(&mut bench);
        let is_news = number > 0;
        assert_eq!(wakes.count() > 0, is_news, "{number}");
        assert_eq!(bench.state.take_news(Waker::noop()), is_news, "{number}");
    }
    assert_eq!(bench.state.next_doomed(), Some(id));
    assert_eq!(bench.state.next_request().unwrap().identifier, Some(7));
    assert_eq!(bench.state.take_silence(), Some(Lull::Short));
}

#[cfg(feature = "security")]
#[test]
fn news_that_was_asked_for_comes_at_the_earliest_of_the_times() {
    let mut bench = Bench::new();
    let second = |n| Instant::from_secs(n);
    bench.state.wake_at(second(20));
    bench.state.wake_at(second(10));
    bench.state.wake_at(second(30));
    assert_eq!(bench.state.deadline(), second(10));
    bench.state.take_news(Waker::noop());
    bench.state.handle_timeout(second(9));
    assert!(!bench.state.take_news(Waker::noop()));
    bench.state.handle_timeout(second(10));
    assert!(bench.state.take_news(Waker::noop()));
    assert_eq!(bench.state.deadline(), Instant::MAX);
}

#[test]
fn a_command_that_can_be_done_without_is_answered_in_the_controllers_place() {
    for (opcode, parameters) in [
        (0x2032, [7, 0, 0, 2, 2, 0, 0].as_slice()),
        (0x041D, &[7, 0]),
    ] {
        let mut bench = Bench::new();
        let sent = Instant::from_secs(10);
        let command = command(opcode, parameters);
        bench.state.command_sent(&command, sent);
        bench.state.handle_timeout(sent + Duration::from_secs(2));
        assert_eq!(bench.state.failure(), None);
        let [low, high] = opcode.to_le_bytes();
        let stand_in = bench.state.next_stand_in();
        assert_eq!(stand_in, Some([0x0F, 4, 0x01, 1, low, high]));
    }
}

#[test]
fn an_att_pdu_in_many_packets_reaches_the_bearer_once() {
    let mut bench = Bench::connected(4);
    // The peer asks for the MTU, in packets of five bytes and two.
    assert_eq!(
        bench.inbound(PacketKind::AclData, &[7, 0x20, 5, 0, 3, 0, 4, 0, 2]),
        None
    );
    assert_eq!(
        bench.inbound(PacketKind::AclData, &[7, 0x10, 2, 0, 100, 0]),
        None
    );
    let id = bench.links.find(7).unwrap();
    let mut out = [0; 32];
    let answer = bench.links.with_link(id, |link| {
        link.bearer.poll_transmit(Instant::from_secs(0), &mut out)
    });
    assert_eq!(answer.flatten(), Some(3));
    assert_eq!(out[0], 0x03);
    // Other channels pass through as they are.
    let signal = [7, 0x20, 8, 0, 4, 0, 5, 0, 1, 1, 0, 0];
    assert_eq!(
        bench.inbound(PacketKind::AclData, &signal),
        Some(signal.to_vec())
    );
    // And a connection nobody knows of is none.
    assert_eq!(
        bench.inbound(PacketKind::AclData, &[9, 0x20, 5, 0, 1, 0, 4, 0, 2]),
        None
    );
    assert_eq!(bench.undecodable(), 1);
}

#[test]
fn a_controller_without_le_is_refused_with_the_reason() {
    for opcode in [0x01, 0x05, 0x18] {
        let mut bench = Bench::new();
        bench.answer(&[0x0E, 4, 1, opcode, 0x20, 0x01]);
        assert_eq!(bench.state.failure(), Some(Failure::NotLe));
    }
}

#[test]
fn the_buffers_that_le_shares_with_br_edr_count_where_it_has_none_of_its_own() {
    let mut bench = Bench::new();
    bench.answer(&[0x0E, 7, 1, 0x02, 0x20, 0, 0, 0, 0]);
    assert_eq!(bench.state.buffers(), (0, 0));
    bench.answer(&[0x0E, 11, 1, 0x05, 0x10, 0, 0x36, 1, 64, 10, 0, 8, 0]);
    assert_eq!(bench.state.buffers(), (310, 10));
    assert_eq!(bench.state.failure(), None);
}

#[test]
fn a_connection_that_failed_is_over_whatever_else_its_event_says() {
    for (code, len) in [(0x01, 19), (0x0A, 31)] {
        let mut bench = Bench::new();
        let mut event = std::vec![0xFF; usize::from(len) + 2];
        event[..4].copy_from_slice(&[0x3E, len, code, 0x02]);
        let seen = bench.event(&event).unwrap();
        assert_eq!(seen[..4], event[..4]);
        assert_eq!(bench.state.take_attempt(), Attempt::Failed(0x02));
    }
}

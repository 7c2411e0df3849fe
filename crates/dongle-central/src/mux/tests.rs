//! The mux's decisions, packet by packet: no transport, no executor, no clock.

#[cfg(feature = "channels")]
mod channels;
mod inbound;
mod odd;
mod time;
mod turns;
mod whole;

use core::cell::RefCell;
use core::task::{Context, Poll, Waker};
use std::vec::Vec;

use bt_hci::transport::PacketKind;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_time::{Duration, Instant};
use embedded_io::Write as _;

use super::CARRIES_ACL;
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

    /// There is no more to be read from the controller; whether that has failed by now.
    fn read_all(&mut self) -> Option<Failure> {
        let mut cx = Context::from_waker(Waker::noop());
        let _ = self.state.poll_owed(&mut cx);
        self.state.failure()
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

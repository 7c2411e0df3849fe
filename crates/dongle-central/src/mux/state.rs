//! What the mux decides: fed packets in both directions, and the time.

use core::fmt;
use core::task::{Context, Poll, Waker};

use bt_hci::transport::PacketKind;
use embassy_sync::waitqueue::{MultiWakerRegistration, WakerRegistration};
use embassy_time::{Duration, Instant};
use heapless::{Deque, Vec};

use super::credits::{Credits, Owner};
use super::events::{self, Event, code, judge};
use super::packet::Head;
use super::reassembly::Step;
use super::report::ReportHandler;
use super::request::{self, ANSWER, ParameterRequest};
use super::watchdog::{Watchdog, is_dispensable};
use crate::links::{LinkId, LinkInfo, Links, MAX_LINKS, Reason};

/// After this long, a frame that trouble-host began and does not go on with is given up.
const STALLED_FRAME: Duration = Duration::from_secs(1);

/// Why a controller is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The transport failed: a cable was pulled, a connection closed.
    Transport,
    /// It did not answer the command with this opcode within 2 s.
    Silent(u16),
    /// It reported a Hardware Error with this code (Core Vol 4 Part E, 7.7.16).
    Hardware(u8),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport => f.write_str("the controller is gone"),
            Self::Silent(opcode) => {
                write!(
                    f,
                    "the controller did not answer HCI command 0x{opcode:04X} within 2 s"
                )
            }
            Self::Hardware(code) => {
                write!(f, "the controller reported hardware error 0x{code:02X}")
            }
        }
    }
}

impl core::error::Error for Failure {}

/// Requests for connection parameters, and answers to them, that may wait at a time.
const REQUESTS: usize = 2 * MAX_LINKS;
/// Connection Limit Exceeded (Core Vol 1 Part F, 2.9).
const CONNECTION_LIMIT_EXCEEDED: u8 = 0x09;

/// What was counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MuxCounters {
    /// Packets received from the controller, of all kinds.
    pub received: u32,
    /// Packets from the controller that made no sense and were dropped.
    pub undecodable: u32,
    /// ATT PDUs received.
    pub att_received: u32,
    /// ATT PDUs sent.
    pub att_sent: u32,
    /// ACL packets that were in the controller at a time, at most.
    pub most_in_flight: u16,
    /// Data Buffer Overflow events: the controller had no buffer for what was sent.
    pub overflows: u32,
}

/// What becomes of a packet from the controller.
#[derive(Debug, PartialEq, Eq)]
pub enum Inbound {
    /// trouble-host gets this much of it.
    ForHost(usize),
    /// It ends here.
    Taken,
}

/// A frame that trouble-host is in the middle of sending.
#[derive(Debug)]
struct HostFrame {
    handle: u16,
    left: usize,
    since: Instant,
}

/// An attempt of the controller to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// There was none since one was asked about last.
    Idle,
    /// The controller looks for the peer.
    Running,
    /// It ended with this status.
    Failed(u8),
    /// It ended with a connection.
    Connected(LinkId),
}

/// The state.
#[derive(Debug)]
pub struct MuxState {
    credits: Credits,
    links: Vec<(u16, LinkId), MAX_LINKS>,
    watchdog: Watchdog,
    host_frames: Vec<HostFrame, MAX_LINKS>,
    /// The connection in whose frame the bearers are.
    att_frame: Option<u16>,
    /// Who sent the last packet, so that the other has its turn.
    last: Owner,
    att_waits: bool,
    host_waits: bool,
    failure: Option<Failure>,
    doomed: Vec<LinkId, MAX_LINKS>,
    requests: Deque<ParameterRequest, REQUESTS>,
    answers: Deque<(u16, [u8; ANSWER]), REQUESTS>,
    attempt: Attempt,
    scan_turned_off: bool,
    counters: MuxCounters,
    pump: WakerRegistration,
    writers: MultiWakerRegistration<4>,
    failure_watchers: MultiWakerRegistration<8>,
    doom_watcher: WakerRegistration,
    request_watcher: WakerRegistration,
    /// Commands that were not answered and can be done without.
    unanswered: Deque<u16, 4>,
    unanswered_watcher: WakerRegistration,
    attempt_watchers: MultiWakerRegistration<4>,
}

impl MuxState {
    /// A controller that was not spoken to yet.
    pub const fn new() -> Self {
        Self {
            credits: Credits::new(),
            links: Vec::new(),
            watchdog: Watchdog::new(),
            host_frames: Vec::new(),
            att_frame: None,
            last: Owner::Host,
            att_waits: false,
            host_waits: false,
            failure: None,
            doomed: Vec::new(),
            requests: Deque::new(),
            answers: Deque::new(),
            attempt: Attempt::Idle,
            scan_turned_off: false,
            counters: MuxCounters {
                received: 0,
                undecodable: 0,
                att_received: 0,
                att_sent: 0,
                most_in_flight: 0,
                overflows: 0,
            },
            pump: WakerRegistration::new(),
            writers: MultiWakerRegistration::new(),
            failure_watchers: MultiWakerRegistration::new(),
            doom_watcher: WakerRegistration::new(),
            request_watcher: WakerRegistration::new(),
            unanswered: Deque::new(),
            unanswered_watcher: WakerRegistration::new(),
            attempt_watchers: MultiWakerRegistration::new(),
        }
    }

    /// What was counted so far.
    pub fn counters(&self) -> MuxCounters {
        MuxCounters {
            most_in_flight: self.credits.in_use().1,
            ..self.counters
        }
    }

    /// Why the controller failed, if it did.
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// Marks the controller failed. The first failure stays.
    pub fn fail(&mut self, failure: Failure) {
        if self.failure.is_none() {
            warn!("{}", failure);
        }
        self.failure.get_or_insert(failure);
        self.failure_watchers.wake();
        self.pump.wake();
        self.writers.wake();
    }

    /// Waits for the failure.
    pub fn poll_failure(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        match self.failure {
            Some(failure) => Poll::Ready(failure),
            None => {
                self.failure_watchers.register(cx.waker());
                Poll::Pending
            }
        }
    }

    /// A link whose bearer expired has to be disconnected.
    pub fn doom(&mut self, link: LinkId) {
        let _ = self.doomed.push(link);
        self.doom_watcher.wake();
    }

    /// Waits for a link that has to be disconnected.
    pub fn poll_doomed(&mut self, cx: &mut Context<'_>) -> Poll<LinkId> {
        match self.doomed.pop() {
            Some(link) => Poll::Ready(link),
            None => {
                self.doom_watcher.register(cx.waker());
                Poll::Pending
            }
        }
    }

    /// A peer asks for connection parameters.
    fn ask(&mut self, request: ParameterRequest) {
        // A peer may have one request open at a time, so there is room for all that keep to it.
        if self.requests.push_back(request).is_err() {
            warn!("too many requests for connection parameters");
        }
        self.request_watcher.wake();
    }

    /// Waits for a peer that asks for connection parameters.
    pub fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<ParameterRequest> {
        match self.requests.pop_front() {
            Some(request) => Poll::Ready(request),
            None => {
                self.request_watcher.register(cx.waker());
                Poll::Pending
            }
        }
    }

    /// Has an answer sent, when its connection has a credit.
    pub fn queue_answer(&mut self, handle: u16, frame: [u8; ANSWER]) {
        if self.answers.push_back((handle, frame)).is_err() {
            warn!("no room for an answer on connection 0x{:04X}", handle);
        }
        self.pump.wake();
    }

    /// An answer that may go out now.
    pub fn next_answer(&mut self, now: Instant) -> Option<(u16, [u8; ANSWER])> {
        for _ in 0..self.answers.len() {
            let answer = self.answers.pop_front()?;
            if !self.credits.is_connected(answer.0) {
                continue;
            }
            if self.att_may_begin(answer.0, now) {
                return Some(answer);
            }
            let _ = self.answers.push_back(answer);
        }
        None
    }

    /// Whether an answer may go out now.
    pub fn answer_may_begin(&mut self, now: Instant) -> bool {
        let handles: Vec<u16, REQUESTS> = self.answers.iter().map(|(h, _)| *h).collect();
        handles.iter().any(|h| !self.credits.is_connected(*h) || self.att_may_begin(*h, now))
    }

    /// How the last attempt to connect ended. One that is told its end is forgotten.
    pub fn take_attempt(&mut self) -> Attempt {
        match self.attempt {
            Attempt::Idle | Attempt::Running => self.attempt,
            ended => {
                self.attempt = Attempt::Idle;
                ended
            }
        }
    }

    /// Wakes `waker` when an attempt ends.
    pub fn watch_attempt(&mut self, waker: &Waker) {
        self.attempt_watchers.register(waker);
    }

    fn end_attempt(&mut self, end: Attempt) {
        self.attempt = end;
        self.attempt_watchers.wake();
    }

    /// Takes a packet from the controller; `packet` may be rewritten on its way to trouble-host.
    pub fn inbound(
        &mut self,
        kind: PacketKind,
        packet: &mut [u8],
        links: &impl Links,
        reports: &impl ReportHandler,
    ) -> Inbound {
        self.counters.received = self.counters.received.wrapping_add(1);
        match kind {
            PacketKind::Event => match events::reports(packet, |report| reports.report(report)) {
                Some(true) => Inbound::Taken,
                Some(false) => self.dropped("a damaged advertising report", packet),
                None => self.event(packet, links),
            },
            PacketKind::AclData => self.acl(packet, links),
            _ => self.dropped("a packet that is neither event nor ACL data", packet),
        }
    }

    /// A command goes to the controller.
    pub(super) fn command_sent(&mut self, head: &Head, now: Instant) {
        self.scan_turned_off = head.turns_scan_off();
        if events::is_create_connection(head.opcode()) {
            self.attempt = Attempt::Running;
        }
        self.watchdog.sent(head.opcode(), now);
        self.pump.wake();
    }

    /// When the watchdog wants to be asked.
    pub fn deadline(&self) -> Option<Instant> {
        self.watchdog.deadline()
    }

    /// Fails the controller if it owes an answer for too long, unless the link can do without it.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(opcode) = self.watchdog.overdue(now) {
            self.watchdog.answered(opcode);
            if is_dispensable(opcode) && self.unanswered.push_back(opcode).is_ok() {
                warn!("the controller did not answer command 0x{:04X}: going on without", opcode);
                self.unanswered_watcher.wake();
            } else {
                self.fail(Failure::Silent(opcode));
            }
        }
    }

    /// Waits for a command that can be done without, and gives the answer the controller owes:
    /// Command Status with Unknown HCI Command (Core Vol 4 Part E, 7.7.15).
    pub fn poll_stand_in(&mut self, cx: &mut Context<'_>) -> Poll<[u8; 6]> {
        match self.unanswered.pop_front() {
            Some(opcode) => {
                let [low, high] = opcode.to_le_bytes();
                Poll::Ready([code::COMMAND_STATUS, 4, 0x01, 1, low, high])
            }
            None => {
                self.unanswered_watcher.register(cx.waker());
                Poll::Pending
            }
        }
    }

    /// Bytes that fit an ACL packet to the controller.
    pub fn packet_length(&self) -> usize {
        self.credits.packet_length()
    }

    /// Waits for the turn of an ACL packet of trouble-host, and takes the credit; false: the
    /// connection is gone.
    pub(super) fn poll_host_turn(
        &mut self,
        head: &Head,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        let handle = head.handle();
        if !self.credits.is_connected(handle) {
            return Poll::Ready(false);
        }
        self.writers.register(cx.waker());
        if !head.continues() {
            if self.att_frame == Some(handle) {
                self.host_waits = true;
                return Poll::Pending;
            }
            if self.att_waits && self.last == Owner::Host && self.credits.available(handle) {
                self.offer_turn(Owner::Att);
                self.host_waits = true;
                return Poll::Pending;
            }
        }
        if !self.credits.take(handle, Owner::Host) {
            self.host_waits = true;
            return Poll::Pending;
        }
        self.host_waits = false;
        self.last = Owner::Host;
        self.track_host_frame(head, now);
        Poll::Ready(true)
    }

    /// Whether a bearer may begin a frame on a connection now.
    pub fn att_may_begin(&mut self, handle: u16, now: Instant) -> bool {
        self.host_frames.retain(|f| f.since + STALLED_FRAME > now);
        if self.host_frames.iter().any(|f| f.handle == handle) || !self.credits.available(handle) {
            self.att_waits = self.credits.is_connected(handle);
            return false;
        }
        if self.host_waits && self.last == Owner::Att {
            self.offer_turn(Owner::Host);
            self.att_waits = true;
            return false;
        }
        true
    }

    /// A bearer begins a frame. Each of its packets waits for its credit by
    /// [`MuxState::poll_att_packet`].
    pub fn begin_att_frame(&mut self, handle: u16) {
        self.att_waits = false;
        self.att_frame = Some(handle);
    }

    /// Lets the other side go first, once: it may not want to any more.
    fn offer_turn(&mut self, to: Owner) {
        match to {
            Owner::Host => self.host_waits = false,
            Owner::Att => self.att_waits = false,
        }
        self.writers.wake();
        self.pump.wake();
    }

    /// Waits for the credit of the next packet in the frame that was begun; false: the connection
    /// is gone.
    pub fn poll_att_packet(&mut self, handle: u16, cx: &mut Context<'_>) -> Poll<bool> {
        if !self.credits.is_connected(handle) {
            return Poll::Ready(false);
        }
        if self.credits.take(handle, Owner::Att) {
            self.last = Owner::Att;
            return Poll::Ready(true);
        }
        self.pump.register(cx.waker());
        Poll::Pending
    }

    /// The frame of a bearer is complete, or given up.
    pub fn end_att_frame(&mut self, sent: bool) {
        self.att_frame = None;
        self.counters.att_sent = self.counters.att_sent.wrapping_add(u32::from(sent));
        if self.host_waits {
            self.writers.wake();
        }
    }

    /// Wakes `waker` when a credit came back or the deadline moved.
    pub fn register_pump(&mut self, waker: &Waker) {
        self.pump.register(waker);
    }

    fn track_host_frame(&mut self, head: &Head, since: Instant) {
        let handle = head.handle();
        let index = self.host_frames.iter().position(|f| f.handle == handle);
        let left = match (head.continues(), index) {
            (true, Some(index)) => self.host_frames.swap_remove(index).left,
            (true, None) => return,
            (false, Some(index)) => {
                self.host_frames.swap_remove(index);
                head.frame_len()
            }
            (false, None) => head.frame_len(),
        };
        let left = left.saturating_sub(head.data_len());
        if left > 0 {
            // One for each connection at most, so there is room.
            let _ = self.host_frames.push(HostFrame {
                handle,
                left,
                since,
            });
        }
        if self.att_waits {
            self.pump.wake();
        }
    }

    fn acl(&mut self, packet: &[u8], links: &impl Links) -> Inbound {
        let Some((&[h0, h1, _, _], data)) = packet.split_first_chunk() else {
            return self.dropped("an ACL packet without header", packet);
        };
        let handle = u16::from_le_bytes([h0, h1]) & 0x0FFF;
        let first = match h1 >> 4 & 0b11 {
            0b01 => false,
            0b00 | 0b10 => true,
            _ => return self.dropped("an ACL packet with an unknown boundary flag", packet),
        };
        let Some(id) = self.link(handle) else {
            return self.dropped("data of a connection that does not exist", packet);
        };
        let step = links.with_link(id, |link| {
            let step = match link.info.reassembly.feed(first, data, link.pdu) {
                Step::Pdu(pdu) => {
                    link.bearer.handle_pdu(pdu);
                    Step::Assembled(pdu.len())
                }
                Step::Assembled(len) => {
                    link.bearer
                        .handle_pdu(link.pdu.get(..len).unwrap_or_default());
                    Step::Assembled(len)
                }
                step => step,
            };
            (step, link.bearer.has_output())
        });
        let Some((step, has_output)) = step else {
            return Inbound::Taken;
        };
        if has_output {
            links.doorbell().ring(id.index());
        }
        match step {
            Step::Foreign => match request::parse(handle, data).filter(|_| first) {
                Some(request) => {
                    self.ask(request);
                    Inbound::Taken
                }
                None => Inbound::ForHost(packet.len()),
            },
            Step::More => Inbound::Taken,
            Step::Dropped(what) => self.dropped(what, packet),
            Step::Pdu(_) | Step::Assembled(_) => {
                self.counters.att_received = self.counters.att_received.wrapping_add(1);
                Inbound::Taken
            }
        }
    }

    fn event(&mut self, packet: &mut [u8], links: &impl Links) -> Inbound {
        let Some(judgement) = judge(packet) else {
            return self.dropped("an undecodable event", packet);
        };
        if let Some(event) = judgement.event {
            self.learn(event, links);
        }
        if !judgement.pass {
            return Inbound::Taken;
        }
        match packet.first() {
            Some(&code::NUMBER_OF_COMPLETED_PACKETS) => self.completed(packet),
            Some(&(code::COMMAND_COMPLETE | code::COMMAND_STATUS)) => {
                events::soften(packet, self.scan_turned_off);
                Inbound::ForHost(events::trim(packet))
            }
            Some(&code::ENCRYPTION_CHANGE_V2) => {
                // trouble-host asks for version 2 and understands version 1: that without key size.
                for (to, from) in packet.iter_mut().zip([code::ENCRYPTION_CHANGE_V1, 4]) {
                    *to = from;
                }
                Inbound::ForHost(6)
            }
            _ => Inbound::ForHost(packet.len()),
        }
    }

    fn learn(&mut self, event: Event, links: &impl Links) {
        let inform = |id: Option<LinkId>, f: &mut dyn FnMut(&mut LinkInfo)| {
            if let Some(id) = id {
                links.with_link(id, |link| f(link.info));
            }
        };
        match event {
            Event::Answered { opcode, status } => {
                self.watchdog.answered(opcode);
                match status {
                    0 if opcode == events::RESET => self.credits = Credits::new(),
                    0 => {}
                    status if events::is_create_connection(opcode) => {
                        self.end_attempt(Attempt::Failed(status));
                    }
                    _ => {}
                }
            }
            Event::Buffers {
                opcode,
                packet_length,
                total,
            } => {
                self.watchdog.answered(opcode);
                self.credits.configure(packet_length, total);
                debug!("{} ACL buffers of {} bytes", total, packet_length);
            }
            Event::Connected {
                handle,
                peer,
                parameters,
            } => {
                self.forget(handle, Reason::Unknown, links);
                self.credits.connected(handle);
                match links.open(handle, peer, parameters) {
                    // As many places as there can be links.
                    Some(id) => {
                        _ = self.links.push((handle, id));
                        self.end_attempt(Attempt::Connected(id));
                    }
                    None => {
                        warn!("no room for the bearer of connection 0x{:04X}", handle);
                        self.end_attempt(Attempt::Failed(CONNECTION_LIMIT_EXCEEDED));
                    }
                }
            }
            Event::NotConnected { status } => self.end_attempt(Attempt::Failed(status)),
            Event::RemoteFeatures { handle, features } => {
                if let Some(id) = self.link(handle) {
                    links.with_link(id, |link| {
                        link.info.remote_features = Some(features.unwrap_or(0));
                        link.bearer.changed();
                    });
                }
            }
            Event::Disconnected { handle, reason } => {
                self.forget(handle, Reason::Hci(reason), links);
                self.writers.wake();
                self.pump.wake();
            }
            Event::Updated {
                handle,
                status,
                parameters,
            } => {
                if let Some(id) = self.link(handle) {
                    links.with_link(id, |link| {
                        if status == 0 {
                            link.info.parameters = parameters;
                        }
                        link.info.updates = link.info.updates.wrapping_add(1);
                        link.info.update_status = status;
                        link.bearer.changed();
                    });
                }
            }
            Event::ParametersAsked(request) => self.ask(request),
            Event::RemoteVersion { handle, version } => {
                if let Some(id) = self.link(handle) {
                    links.with_link(id, |link| {
                        link.info.remote_version = Some(version);
                        link.bearer.changed();
                    });
                }
            }
            Event::DataLength { handle, octets } => {
                inform(self.link(handle), &mut |info| info.data_length = octets);
            }
            Event::Phy { handle, phy } => inform(self.link(handle), &mut |info| info.phy = phy),
            Event::BufferOverflow => {
                self.counters.overflows = self.counters.overflows.wrapping_add(1);
                warn!("the controller reports a data buffer overflow");
            }
            Event::HardwareError(code) => {
                self.fail(Failure::Hardware(code));
                links.close_all(Reason::ControllerFailed);
            }
        }
    }

    fn link(&self, handle: u16) -> Option<LinkId> {
        self.links
            .iter()
            .find(|(h, _)| *h == handle)
            .map(|(_, id)| *id)
    }

    /// A connection is over, and all that was kept for it.
    fn forget(&mut self, handle: u16, reason: Reason, links: &impl Links) {
        self.credits.disconnected(handle);
        self.host_frames.retain(|f| f.handle != handle);
        if let Some(id) = self.link(handle) {
            links.close(id, reason);
        }
        self.links.retain(|(h, _)| *h != handle);
    }

    /// Number Of Completed Packets: rewritten so that trouble-host only hears of its own.
    fn completed(&mut self, packet: &mut [u8]) -> Inbound {
        let mut any = false;
        let entries = packet.get_mut(3..).unwrap_or_default();
        for entry in entries.chunks_exact_mut(4) {
            let (handle, count) = entry.split_at_mut(2);
            let number = |bytes: &[u8]| bytes.first_chunk().map_or(0, |b| u16::from_le_bytes(*b));
            let hosts = self
                .credits
                .completed(number(handle) & 0x0FFF, number(count));
            count.copy_from_slice(&hosts.to_le_bytes());
            any |= hosts > 0;
        }
        self.pump.wake();
        self.writers.wake();
        if any {
            Inbound::ForHost(packet.len())
        } else {
            Inbound::Taken
        }
    }

    fn dropped(&mut self, what: &str, packet: &[u8]) -> Inbound {
        self.counters.undecodable = self.counters.undecodable.wrapping_add(1);
        warn!("dropping {}: {:02X?}", what, packet);
        Inbound::Taken
    }
}

impl Default for MuxState {
    fn default() -> Self {
        Self::new()
    }
}

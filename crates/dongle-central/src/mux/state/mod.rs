//! The mux's decisions, as a state machine fed with packets in both directions and the time.

mod failure;
mod inbound;

use core::task::Waker;

use embassy_sync::waitqueue::{MultiWakerRegistration, WakerRegistration};
use embassy_time::Instant;
use heapless::{Deque, Vec};

use failure::StandIn;
pub use failure::{Failure, Lull};
pub use inbound::Inbound;

use super::CARRIES_ACL;
use super::events;
use super::news::News;
use super::packet::Head;
use super::request::{ANSWER, ParameterRequest};
use super::sdus::RESPONSE;
use super::turns::Turns;
use super::watchdog::Watchdog;
use crate::links::{LinkId, MAX_LINKS};
use failure::Listening;

/// The opcode in an event that only reports how many commands may be sent (Core Vol 4 Part E, 4.4).
const NO_COMMAND: u16 = 0;
/// How many requests for connection parameters, and how many answers, may be queued.
const REQUESTS: usize = 2 * MAX_LINKS;

/// Counts since the mux was made.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MuxCounters {
    /// Packets received from the controller, of all kinds.
    pub received: u32,
    /// Packets from the controller that did not decode and were dropped.
    pub undecodable: u32,
    /// ATT PDUs received.
    pub att_received: u32,
    /// ATT PDUs sent.
    pub att_sent: u32,
    /// The most ACL packets that were in the controller at once.
    pub most_in_flight: u16,
    /// Data Buffer Overflow events: the controller had no buffer for a packet.
    pub overflows: u32,
}

/// The controller's attempt to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// There was none since the last one's end was taken.
    Idle,
    /// The controller looks for the peer.
    Running,
    /// It ended with this status.
    Failed(u8),
    /// It ended with a connection.
    Connected(LinkId),
}

/// A connection that the controller has.
#[derive(Debug)]
struct Known {
    handle: u16,
    id: LinkId,
    ending: Ending,
    /// Whether the controller gave its handle to a second connection.
    given_twice: bool,
}

/// Whether a connection is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Nobody asked for it.
    Unasked,
    /// The controller is being asked to disconnect.
    Asked,
    /// The controller was asked, and the connection should have ended by then.
    By(Instant),
    /// It should have ended by now. The controller is asked once more.
    Overdue,
}

/// An ACL packet for trouble-host that was held back, or generated here.
pub type Passed = Vec<u8, { if CARRIES_ACL { RESPONSE } else { 0 } }>;

/// The state.
#[derive(Debug)]
pub struct MuxState {
    turns: Turns,
    links: Vec<Known, MAX_LINKS>,
    watchdog: Watchdog,
    failure: Option<Failure>,
    /// The line of a failed assertion that the controller reported.
    asserted: Option<u16>,
    /// Connections to disconnect.
    doomed: Vec<u16, REQUESTS>,
    /// Whether the controller was given a random address of ours.
    has_random_address: bool,
    requests: Deque<ParameterRequest, REQUESTS>,
    answers: Deque<(u16, [u8; ANSWER]), REQUESTS>,
    attempt: Attempt,
    /// Whether its cancellation was requested.
    is_cancelled: bool,
    /// The connection for which encryption was last requested.
    encrypting: Option<u16>,
    /// The connection whose disconnection was last requested, and when.
    disconnecting: (u16, Instant),
    /// Packets that were held back, or made here, and that trouble-host may get now.
    passed: Deque<Passed, MAX_LINKS>,
    /// How often the controller has had to be made to send something, so that trouble-host acts.
    passes: u32,
    /// The longest L2CAP frame that trouble-host has room for, in octets of payload; 0 if there is
    /// no trouble-host.
    longest_frame: u16,
    /// The longest ATT PDU that there is room to send.
    longest_pdu: u16,
    /// Whether the last command answered was Reset.
    was_reset: bool,
    counters: MuxCounters,
    /// The check for silence, while something is expected from the controller.
    listening: Option<Listening>,
    /// The silence that was not reported yet.
    silence: Option<Lull>,
    /// For the task that runs the central role.
    news: News,
    /// When there must be news, whatever happens.
    #[cfg(feature = "security")]
    alarm: Instant,
    failure_watchers: MultiWakerRegistration<8>,
    /// The event to handle in the controller's place.
    owed: Option<StandIn>,
    stand_in_watcher: WakerRegistration,
    attempt_watchers: MultiWakerRegistration<4>,
}

impl MuxState {
    /// The state before anything was sent to the controller.
    pub const fn new() -> Self {
        Self {
            turns: Turns::new(),
            links: Vec::new(),
            watchdog: Watchdog::new(),
            failure: None,
            asserted: None,
            doomed: Vec::new(),
            has_random_address: false,
            requests: Deque::new(),
            answers: Deque::new(),
            attempt: Attempt::Idle,
            is_cancelled: false,
            encrypting: None,
            disconnecting: (0, Instant::MIN),
            passed: Deque::new(),
            passes: 0,
            longest_frame: u16::MAX,
            longest_pdu: u16::MAX,
            was_reset: false,
            counters: MuxCounters {
                received: 0,
                undecodable: 0,
                att_received: 0,
                att_sent: 0,
                most_in_flight: 0,
                overflows: 0,
            },
            listening: None,
            silence: None,
            news: News::new(),
            #[cfg(feature = "security")]
            alarm: Instant::MAX,
            failure_watchers: MultiWakerRegistration::new(),
            owed: None,
            stand_in_watcher: WakerRegistration::new(),
            attempt_watchers: MultiWakerRegistration::new(),
        }
    }

    /// Counts since the mux was made.
    pub fn counters(&self) -> MuxCounters {
        MuxCounters {
            most_in_flight: self.turns.most_in_flight(),
            ..self.counters
        }
    }

    /// Requests the disconnection of a link, unless that was done before.
    pub fn doom(&mut self, link: LinkId) {
        if let Some(handle) = self.note_asked(|known| known.id == link) {
            self.disconnect(handle);
        }
    }

    /// Notes that the controller is asked to end a connection; returns its handle, unless it was asked before.
    fn note_asked(&mut self, which: impl Fn(&Known) -> bool) -> Option<u16> {
        let stays = |known: &&mut Known| which(known) && known.ending == Ending::Unasked;
        let known = self.links.iter_mut().find(stays)?;
        known.ending = Ending::Asked;
        Some(known.handle)
    }

    fn disconnect(&mut self, handle: u16) {
        let _ = self.doomed.push(handle);
        self.news.tell();
    }

    /// A link that is being disconnected.
    pub fn ending_link(&self) -> Option<LinkId> {
        let ends = |known: &&Known| known.ending != Ending::Unasked;
        self.links.iter().find(ends).map(|known| known.id)
    }

    /// The next connection to disconnect. Each is returned once.
    pub fn next_disconnection(&mut self) -> Option<u16> {
        self.doomed.pop()
    }

    /// Whether there is a trouble-host to take what is not for the bearers.
    fn has_host(&self) -> bool {
        CARRIES_ACL && self.longest_frame > 0
    }

    /// Whether the controller was given a random address of ours.
    pub fn has_random_address(&self) -> bool {
        self.has_random_address
    }

    /// Whether anything has changed that the central role may have to act on; wakes `reader` at the
    /// next change.
    #[inline]
    pub(crate) fn take_news(&mut self, reader: &Waker) -> bool {
        self.news.take(reader)
    }

    /// Queues a peer's request for connection parameters.
    fn ask(&mut self, request: ParameterRequest) {
        // A peer may have one request open at a time, so there is room for all peers that obey this.
        if self.requests.push_back(request).is_err() {
            warn!("too many requests for connection parameters");
        }
        self.news.tell();
    }

    /// The next peer's request for connection parameters.
    pub fn next_request(&mut self) -> Option<ParameterRequest> {
        self.requests.pop_front()
    }

    /// Queues an answer, to be sent when its connection has a credit.
    pub fn queue_answer(&mut self, handle: u16, frame: [u8; ANSWER]) {
        if self.answers.push_back((handle, frame)).is_err() {
            warn!("no room for an answer on connection 0x{:04X}", handle);
        }
        self.turns.wake_pump();
    }

    /// The next answer that may be sent now.
    #[inline]
    pub fn next_answer(&mut self, now: Instant) -> Option<(u16, [u8; ANSWER])> {
        for _ in 0..self.answers.len() {
            let answer = self.answers.pop_front()?;
            if !self.turns.is_connected(answer.0) {
                continue;
            }
            if self.turns.att_may_begin(answer.0, now) {
                return Some(answer);
            }
            let _ = self.answers.push_back(answer);
        }
        None
    }

    /// Whether answers are queued.
    #[inline]
    pub fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Whether an answer may be sent now.
    pub fn answer_may_begin(&mut self, now: Instant) -> bool {
        let turns = &mut self.turns;
        self.answers
            .iter()
            .any(|(h, _)| !turns.is_connected(*h) || turns.att_may_begin(*h, now))
    }

    /// How the last attempt to connect ended. An end is returned once.
    pub fn take_attempt(&mut self) -> Attempt {
        match self.attempt {
            Attempt::Idle | Attempt::Running => self.attempt,
            ended => {
                self.attempt = Attempt::Idle;
                ended
            }
        }
    }

    /// Whether an attempt to connect is under way in the controller.
    pub fn is_connecting(&self) -> bool {
        self.attempt == Attempt::Running
    }

    /// Whether to cancel the attempt that is under way. True once per attempt.
    pub fn take_cancellation(&mut self) -> bool {
        self.is_connecting() && !core::mem::replace(&mut self.is_cancelled, true)
    }

    /// Wakes `waker` when an attempt ends.
    pub fn watch_attempt(&mut self, waker: &Waker) {
        self.attempt_watchers.register(waker);
    }

    /// Replaces the attempt's end. A connection that nobody took by now has no owner, so it is disconnected.
    fn end_attempt(&mut self, end: Attempt) {
        if let Attempt::Connected(orphan) = core::mem::replace(&mut self.attempt, end) {
            self.doom(orphan);
        }
        self.attempt_watchers.wake();
        self.news.tell();
    }

    /// Sets the longest L2CAP frame that trouble-host has room for, in octets of payload; 0 if
    /// there is no trouble-host.
    pub fn set_longest_frame(&mut self, octets: u16) {
        self.longest_frame = octets;
    }

    /// Sets the longest ATT PDU that there is room to send.
    pub fn set_longest_pdu(&mut self, octets: u16) {
        self.longest_pdu = octets;
    }

    /// A command waits for the controller to accept commands, which must happen soon.
    pub(super) fn room_awaited(&mut self, now: Instant) {
        // If one is pending, its answer is what must come.
        if !self.watchdog.waits() {
            self.watchdog.sent(NO_COMMAND, now);
            self.turns.wake_pump();
        }
    }

    /// The controller accepts commands again.
    pub(super) fn room_came(&mut self) {
        self.watchdog.answered(NO_COMMAND);
    }

    /// A command is sent to the controller.
    pub(super) fn command_sent(&mut self, head: &Head, now: Instant) {
        if events::is_create_connection(head.opcode()) {
            self.end_attempt(Attempt::Running);
            self.is_cancelled = false;
        }
        if head.opcode() == events::ENABLE_ENCRYPTION {
            self.encrypting = Some(head.connection());
        }
        if head.opcode() == events::DISCONNECT {
            self.disconnecting = (head.connection(), now);
            self.note_asked(|known| known.handle == head.connection());
        }
        self.has_random_address |= head.opcode() == events::SET_RANDOM_ADDRESS;
        self.watchdog.sent(head.opcode(), now);
        self.listen(now);
        self.turns.wake_pump();
    }

    /// The controller's ACL buffers: bytes in each, and how many.
    pub fn buffers(&self) -> (u16, u16) {
        self.turns.buffers()
    }

    /// Who may send.
    #[inline]
    pub fn turns(&mut self) -> &mut Turns {
        &mut self.turns
    }

    /// A bearer has sent a PDU.
    pub fn count_sent(&mut self) {
        self.counters.att_sent = self.counters.att_sent.wrapping_add(1);
    }

    /// Bytes that fit an ACL packet to the controller.
    pub fn packet_length(&self) -> usize {
        self.turns.packet_length()
    }
}

impl Default for MuxState {
    fn default() -> Self {
        Self::new()
    }
}

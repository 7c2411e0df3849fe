//! One ATT bearer (Core Vol 3 Part F): requests, commands, values, and the peer's own requests.
//!
//! A state machine without I/O or clock. PDUs go in through [`Bearer::handle_pdu`] and come out of
//! [`Bearer::poll_transmit`]; time is passed as `now`, and [`Bearer::poll_timeout`] tells when it
//! matters next. The caller lends all memory at each use, see [`BearerStorage`].
//!
//! Its rules:
//! - One request is in flight at a time (3.3.2). If its caller goes away, the request is
//!   *abandoned*: its response is awaited and discarded, so that it never answers another request.
//! - A transaction without response for 30 s ends the bearer (3.3.3).
//! - Requests go out in the order of the calls, after the commands that were queued before them.
//! - A notification that finds the queue full displaces the oldest, and each subscription counts
//!   what it missed. An indication is never displaced: it is confirmed when it is queued and there
//!   is room for another; without that room, the confirmation waits.
//! - The peer's requests are answered at once.

mod calls;
mod incoming;
pub mod ring;
mod server;
mod values;
mod waiters;

use core::task::Waker;

use embassy_time::{Duration, Instant};

pub use calls::{Call, CallError, CallId, StartError};
pub use values::{Received, SubscribeError, Subscriber, SubscriptionId, ValueError, ValueKind};

use crate::att::{Mtu, Opcode};
use calls::InFlight;
use ring::{Ring, RingState};
use server::Reply;
use waiters::Waiters;
pub use waiters::Wake;

/// How long a transaction may take before the bearer ends (Core Vol 3 Part F, 3.3.3).
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);

/// What a bearer keeps between uses, besides the lent memory.
#[derive(Debug)]
pub struct BearerState {
    open: bool,
    mtu: Mtu,
    mtu_exchange: MtuExchange,
    /// The longest PDU that can be sent, however much memory there is.
    longest: u16,
    /// The MTU that we offered the peer. It is the same each time.
    offered: Option<u16>,
    sequence: u16,
    in_flight: Option<InFlight>,
    /// Whether a call may be queued; if false, none is.
    may_be_queued: bool,
    reply: Reply,
    confirmation_due: bool,
    confirmation_held: bool,
    /// A queued write was dropped before its end: the server must be told to discard it, at this
    /// place in the order of requests.
    cancel_write: Option<u16>,
    queued_write_running: bool,
    /// How many requests queued writes have made, which shows whether the current one makes progress.
    queued_write_steps: u16,
    alarm: Option<Instant>,
    expired: bool,
    commands: RingState,
    notifications: RingState,
    indications: RingState,
    counters: Counters,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MtuExchange {
    NotYet,
    Asked,
    Done,
}

impl BearerState {
    /// A closed bearer, which accepts no calls.
    pub const fn closed() -> Self {
        Self {
            open: false,
            mtu: Mtu::DEFAULT,
            mtu_exchange: MtuExchange::NotYet,
            longest: u16::MAX,
            offered: None,
            sequence: 0,
            in_flight: None,
            may_be_queued: false,
            reply: Reply::new(),
            confirmation_due: false,
            confirmation_held: false,
            cancel_write: None,
            queued_write_running: false,
            queued_write_steps: 0,
            alarm: None,
            expired: false,
            commands: RingState::new(),
            notifications: RingState::new(),
            indications: RingState::new(),
            counters: Counters::new(),
        }
    }
}

/// A bearer's counts since it was opened.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Requests sent.
    pub requests: u32,
    /// Commands sent (writes without response).
    pub commands: u32,
    /// Notified values received; a Multiple Handle Value Notification counts once per value.
    pub notifications: u32,
    /// Indications received.
    pub indications: u32,
    /// Values that nobody was subscribed to.
    pub unclaimed: u32,
    /// Values displaced before a subscription read them.
    pub missed: u32,
    /// Requests from the peer.
    pub peer_requests: u32,
    /// Responses to requests whose caller was gone.
    pub late: u32,
    /// PDUs that broke the protocol: malformed, unknown, or responses without a request.
    pub violations: u32,
}

impl Counters {
    const fn new() -> Self {
        Self {
            requests: 0,
            commands: 0,
            notifications: 0,
            indications: 0,
            unclaimed: 0,
            missed: 0,
            peer_requests: 0,
            late: 0,
            violations: 0,
        }
    }
}

/// The memory of one bearer, lent for one use.
///
/// It determines the largest MTU that the bearer offers: a call's share of `call_bytes`, and the
/// room for one value in `notifications`, and for two in `indications` unless that is empty.
#[derive(Debug)]
pub struct BearerStorage<'a> {
    /// The state.
    pub state: &'a mut BearerState,
    /// One entry for each request that may wait or be answered at once.
    pub calls: &'a mut [Call],
    /// Divided evenly among `calls`; holds each one's request, then its response.
    pub call_bytes: &'a mut [u8],
    /// Commands that wait for a controller buffer. If empty, none can be sent.
    pub commands: &'a mut [u8],
    /// Notified values that wait for their readers: a value takes its length plus 4 bytes.
    pub notifications: &'a mut [u8],
    /// Indicated values that wait for their readers. If empty, none can be subscribed to.
    pub indications: &'a mut [u8],
    /// One entry for each subscription.
    pub subscribers: &'a mut [Subscriber],
    /// Callers that wait for room among `calls` or `commands`.
    pub waiters: &'a mut [Option<Waker>],
    /// How to wake tasks. [`Waker::wake`] is fine if the executor only takes note: the bearer, and
    /// its lock if it has one, are in use at that moment.
    pub wake: Wake,
}

/// A bearer together with its memory.
#[derive(Debug)]
pub struct Bearer<'a> {
    state: &'a mut BearerState,
    calls: &'a mut [Call],
    call_bytes: &'a mut [u8],
    commands: &'a mut [u8],
    notifications: &'a mut [u8],
    indications: &'a mut [u8],
    subscribers: &'a mut [Subscriber],
    waiters: Waiters<'a>,
}

impl<'a> Bearer<'a> {
    /// A bearer on this memory, as the last use left it.
    #[inline]
    pub fn new(storage: BearerStorage<'a>) -> Self {
        Self {
            state: storage.state,
            calls: storage.calls,
            call_bytes: storage.call_bytes,
            commands: storage.commands,
            notifications: storage.notifications,
            indications: storage.indications,
            subscribers: storage.subscribers,
            waiters: Waiters {
                places: storage.waiters,
                wake: storage.wake,
            },
        }
    }

    /// Starts over for a new connection: default MTU, nothing queued, nobody subscribed.
    pub fn open(&mut self) {
        self.close();
        *self.state = BearerState {
            open: true,
            ..BearerState::closed()
        };
        for call in self.calls.iter_mut() {
            call.reset();
        }
        for subscriber in self.subscribers.iter_mut() {
            subscriber.reset(self.waiters.wake);
        }
    }

    /// Ends the bearer. Every caller is told; values already received can still be read.
    pub fn close(&mut self) {
        self.state.open = false;
        self.state.in_flight = None;
        self.state.reply = Reply::new();
        self.state.confirmation_due = false;
        self.state.confirmation_held = false;
        self.state.cancel_write = None;
        self.state.queued_write_running = false;
        self.state.alarm = None;
        self.state.commands = RingState::new();
        for call in self.calls.iter_mut() {
            call.fail(CallError::Closed, self.waiters.wake);
        }
        for subscriber in self.subscribers.iter_mut() {
            subscriber.wake(self.waiters.wake);
        }
        self.waiters.wake_all();
    }

    /// Whether requests can be made.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.state.open
    }

    /// Whether the bearer ended because a response did not come within 30 s, so that the link must
    /// be ended (Core Vol 3 Part F, 3.3.3). Returns true once.
    pub fn take_expired(&mut self) -> bool {
        core::mem::take(&mut self.state.expired)
    }

    /// The MTU in force, 23 until it was exchanged.
    #[inline]
    pub fn mtu(&self) -> Mtu {
        self.state.mtu
    }

    /// Limits the MTU until the bearer is opened again.
    pub(crate) fn bound(&mut self, octets: u16) {
        self.state.longest = octets;
    }

    /// The largest MTU that this bearer's memory can serve, which is what the peer is offered.
    pub fn largest_mtu(&self) -> Mtu {
        let notified = self.notifications.len();
        let room = match self.indications.len() / 2 {
            // None can be subscribed to.
            0 => notified,
            indicated => usize::min(notified, indicated),
        };
        let value = room.saturating_sub(ring::RECORD_OVERHEAD);
        let octets = usize::min(self.call_share(), value + 3);
        let octets = u16::try_from(octets).unwrap_or(u16::MAX);
        Mtu::clamped(octets.min(self.state.longest))
    }

    /// Whether an MTU exchange is complete, whoever asked for it. There can be only one (Core Vol 3
    /// Part F, 3.4.2.1).
    pub fn mtu_is_settled(&self) -> bool {
        self.state.mtu_exchange == MtuExchange::Done
    }

    /// Counts since the bearer was opened.
    pub fn counters(&self) -> Counters {
        self.state.counters
    }

    /// Whether [`Bearer::poll_transmit`] has something to send.
    pub fn has_output(&self) -> bool {
        !self.state.commands.is_empty() || self.next_output().is_some()
    }

    /// Whether a response is awaited, or something waits to be sent.
    pub fn waits(&self) -> bool {
        self.state.in_flight.is_some() || self.has_output()
    }

    /// Whether the confirmation of an indication waits to be sent.
    #[inline]
    pub fn owes_confirmation(&self) -> bool {
        self.state.confirmation_due
    }

    /// Writes the next PDU for the peer to `out`; returns its length.
    ///
    /// `out` must be as long as the MTU: what does not fit is cut off.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let output = self.next_output()?;
        Some(self.transmit(output, now, out))
    }

    /// What goes out next.
    pub(crate) fn next_output(&self) -> Option<Output> {
        if !self.state.reply.is_empty() {
            return Some(Output::Reply);
        }
        if self.state.confirmation_due {
            return Some(Output::Confirmation);
        }
        let command = ring::front_tag(&self.state.commands, self.commands);
        let request = match self.state.in_flight {
            Some(_) => None,
            None => self.next_request(),
        };
        match (command, request) {
            // The command goes first if both have the same number.
            (Some(command), Some((sequence, _))) if !is_before(sequence, command) => {
                Some(Output::Command)
            }
            (Some(_), None) => Some(Output::Command),
            (_, request) => request.map(|(_, output)| output),
        }
    }

    /// The oldest queued request, and its place in the order of requests.
    fn next_request(&self) -> Option<(u16, Output)> {
        let cancel = self.state.cancel_write.map(|s| (s, Output::CancelWrite));
        let call = self.oldest_queued_call();
        match (call, cancel) {
            (Some((call, _)), Some((cancelled, _))) if is_before(cancelled, call) => cancel,
            (None, _) => cancel,
            (Some(_), _) => call,
        }
    }

    /// Writes `output` to `out`; returns its length.
    pub(crate) fn transmit(&mut self, output: Output, now: Instant, out: &mut [u8]) -> usize {
        match output {
            Output::Reply => self.state.reply.take(out),
            Output::Confirmation => {
                self.state.confirmation_due = false;
                copy(&[Opcode::HANDLE_VALUE_CONFIRMATION.0], out)
            }
            Output::Command => {
                let mut ring = Ring {
                    state: &mut self.state.commands,
                    bytes: self.commands,
                };
                let len = ring.take_front().map_or(0, |data| copy(data, out));
                // Waiting tasks are woken when there is room for many commands, not for each one.
                if ring.has_much_room() {
                    self.waiters.wake_all();
                }
                self.state.counters.commands = self.state.counters.commands.wrapping_add(1);
                len
            }
            Output::Call { index, more } => {
                self.state.may_be_queued = more;
                self.send_call(index, now, out)
            }
            Output::CancelWrite => {
                self.state.cancel_write = None;
                self.note_request(Opcode::EXECUTE_WRITE_REQUEST, now, None);
                copy(&[Opcode::EXECUTE_WRITE_REQUEST.0, 0], out)
            }
        }
    }

    /// When to call [`Bearer::handle_timeout`] next.
    #[inline]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_idle() {
            return self.state.alarm;
        }
        let transaction = self
            .state
            .in_flight
            .map(|f| f.sent_at + TRANSACTION_TIMEOUT);
        self.calls
            .iter()
            .filter_map(Call::deadline)
            .chain(transaction)
            .chain(self.state.alarm)
            .min()
    }

    /// Ends what has waited too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self
            .state
            .in_flight
            .is_some_and(|f| f.sent_at + TRANSACTION_TIMEOUT <= now)
        {
            self.state.expired = true;
            for call in self.calls.iter_mut() {
                call.fail(CallError::TransactionTimeout, self.waiters.wake);
            }
            self.close();
            return;
        }
        if !self.is_idle() {
            for index in 0..self.calls.len() {
                self.time_out_call(index, now);
            }
        }
        if self.state.alarm.is_some_and(|at| at <= now) {
            self.state.alarm = None;
            for subscriber in self.subscribers.iter_mut() {
                subscriber.wake(self.waiters.wake);
            }
            self.waiters.wake_all();
        }
    }

    /// Wakes those who wait for a change, after one outside the bearer.
    pub fn changed(&mut self) {
        self.waiters.wake_all();
    }

    /// Wakes those who wait for values or changes at `at`, so that they can check the time. Returns
    /// whether that moves [`Bearer::poll_timeout`].
    pub fn set_alarm(&mut self, at: Instant) -> bool {
        let earlier = self.state.alarm.is_none_or(|alarm| at < alarm);
        if earlier {
            self.state.alarm = Some(at);
        }
        earlier
    }

    /// Claims the server's only prepare queue; false if another caller uses it. What two callers
    /// prepare would be executed together (Core Vol 3 Part F, 3.4.6.1).
    #[must_use]
    pub fn begin_queued_write(&mut self) -> bool {
        !core::mem::replace(&mut self.state.queued_write_running, true)
    }

    /// Notes that the current queued write makes another request.
    pub fn go_on_queued_write(&mut self) {
        self.state.queued_write_steps = self.state.queued_write_steps.wrapping_add(1);
    }

    /// How many requests queued writes have made.
    pub fn queued_write_steps(&self) -> u16 {
        self.state.queued_write_steps
    }

    /// Releases the prepare queue. With `cancel`, the server is told to discard what was prepared,
    /// before any later request.
    pub fn end_queued_write(&mut self, cancel: bool) {
        self.state.queued_write_running = false;
        if cancel && self.state.open {
            self.state.cancel_write = Some(self.next_sequence());
        }
        self.waiters.wake_all();
    }

    /// Whether no call is queued or in flight.
    #[inline]
    fn is_idle(&self) -> bool {
        self.state.in_flight.is_none() && !self.state.may_be_queued
    }

    fn next_sequence(&mut self) -> u16 {
        let sequence = self.state.sequence;
        self.state.sequence = sequence.wrapping_add(1);
        sequence
    }

    /// Queues a command (Write Command, Signed Write Command): it goes out when the controller has
    /// a buffer for it, before any later request.
    ///
    /// # Errors
    /// [`StartError::Full`]: wait with [`Bearer::wait_for_change`] and try again.
    pub fn queue_command(&mut self, pdu: &[&[u8]; 2]) -> Result<(), StartError> {
        if !self.state.open {
            return Err(StartError::Closed);
        }
        let [head, tail] = *pdu;
        let sequence = self.state.sequence;
        let mut ring = Ring {
            state: &mut self.state.commands,
            bytes: self.commands,
        };
        if !ring.could_ever_fit(head.len() + tail.len()) {
            return Err(StartError::TooLong);
        }
        // The number of the next request, which must not overtake it. Only requests increment the number: so
        // many commands may pass while one request is in flight that it would wrap around.
        if !ring.push(sequence, head, tail) {
            return Err(StartError::Full);
        }
        Ok(())
    }

    /// Wakes `waker` when something changes: room for a call or a command, the MTU, the end.
    pub fn wait_for_change(&mut self, waker: &Waker) {
        self.waiters.register(waker);
    }
}

/// Whether a request was made before another, as long as they are less than 2^15 requests apart.
fn is_before(a: u16, b: u16) -> bool {
    (a.wrapping_sub(b) as i16) < 0
}

/// A PDU that may be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Output {
    Reply,
    Confirmation,
    Command,
    Call {
        index: usize,
        /// Whether another call is queued after it.
        more: bool,
    },
    CancelWrite,
}

/// Copies as much as fits; returns how much.
fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let len = from.len().min(to.len());
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    len
}

#[cfg(test)]
mod tests;

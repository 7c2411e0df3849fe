//! One ATT bearer (Core Vol 3 Part F): requests, commands, values, the peer's own questions.
//!
//! A state machine without I/O or clock. PDUs go in by [`Bearer::handle_pdu`] and come out of
//! [`Bearer::poll_transmit`]; time comes in as `now`, and [`Bearer::poll_timeout`] says when it
//! matters next. All memory is lent by the caller at each use, see [`BearerStorage`].
//!
//! What it keeps to:
//! - One request in flight (3.3.2). A caller that goes away leaves its request *abandoned*: the
//!   response is awaited and thrown away, so that it never answers anyone else.
//! - A transaction without response for 30 s ends the bearer (3.3.3).
//! - A request goes out behind the commands that were queued before it, in the order of calls.
//! - A notification that finds the queue full pushes the oldest out, and each subscription counts
//!   what it missed. An indication is never pushed out: it is confirmed when it is queued, and the
//!   next one waits unconfirmed while there is no room for another.
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

/// How long a transaction may take before the bearer is dead (Core Vol 3 Part F, 3.3.3).
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);

/// What a bearer keeps between two uses, besides the lent memory.
#[derive(Debug)]
pub struct BearerState {
    open: bool,
    mtu: Mtu,
    mtu_exchange: MtuExchange,
    /// Longest PDU that can be sent, whatever the memory holds.
    longest: u16,
    /// What the peer was told that we can receive. It is told the same each time.
    offered: Option<u16>,
    sequence: u16,
    in_flight: Option<InFlight>,
    /// Whether a call may be queued; false: none is.
    may_be_queued: bool,
    reply: Reply,
    confirmation_due: bool,
    confirmation_held: bool,
    /// A queued write was left before its end: the server has to forget it, at this place in the
    /// order of calls.
    cancel_write: Option<u16>,
    queued_write_running: bool,
    /// How many requests such writes have made: whether the one that runs goes on.
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
    /// A bearer that is closed: nothing can be asked of it.
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

/// What a bearer has counted since it was opened.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Requests sent.
    pub requests: u32,
    /// Commands sent (writes without response).
    pub commands: u32,
    /// Notified values received, each value of a Multiple Handle Value Notification for itself.
    pub notifications: u32,
    /// Indications received.
    pub indications: u32,
    /// Values nobody was subscribed to.
    pub unclaimed: u32,
    /// Values pushed out before a subscription read them.
    pub missed: u32,
    /// Requests the peer made of us.
    pub peer_requests: u32,
    /// Responses to a request whose caller had gone away.
    pub late: u32,
    /// PDUs that broke the protocol: malformed, unknown, or a response to nothing.
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

/// The memory of one bearer, lent for the time of one use.
///
/// The largest MTU the bearer offers follows from it: a call's share of `call_bytes`, and the room
/// for two values in `indications`, if any can be subscribed to, and one in `notifications`.
#[derive(Debug)]
pub struct BearerStorage<'a> {
    /// The state.
    pub state: &'a mut BearerState,
    /// One entry for each request that may wait or be answered at a time.
    pub calls: &'a mut [Call],
    /// Divided evenly among `calls`: each one's request, then its response.
    pub call_bytes: &'a mut [u8],
    /// Commands that wait for a controller buffer. Empty: none can be sent.
    pub commands: &'a mut [u8],
    /// Notified values that wait for their readers: a value costs its length and 4 bytes.
    pub notifications: &'a mut [u8],
    /// Indicated values that wait for their readers. Empty: none can be subscribed to.
    pub indications: &'a mut [u8],
    /// One entry for each subscription.
    pub subscribers: &'a mut [Subscriber],
    /// Callers that wait for room among `calls` or `commands`.
    pub waiters: &'a mut [Option<Waker>],
    /// How tasks are woken. [`Waker::wake`] will do where an executor does no more than to make a note of
    /// that: the bearer is in use meanwhile, and so is its lock, if it has one.
    pub wake: Wake,
}

/// A bearer at work.
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
    /// A bearer on this memory, as it was left at the last use.
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

    /// Ends the bearer. Every caller learns it; values already received can still be read.
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

    /// Whether the bearer ended because a response did not come within 30 s. The link has to go
    /// (Core Vol 3 Part F, 3.3.3). Tells it once.
    pub fn take_expired(&mut self) -> bool {
        core::mem::take(&mut self.state.expired)
    }

    /// The MTU in force, 23 until it was exchanged.
    #[inline]
    pub fn mtu(&self) -> Mtu {
        self.state.mtu
    }

    /// Has the MTU be no more than that, until the bearer is opened anew.
    pub(crate) fn bound(&mut self, octets: u16) {
        self.state.longest = octets;
    }

    /// The largest MTU this bearer's memory can serve. It is what the peer is offered.
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

    /// Whether both sides have settled on an MTU, whoever asked. It can't be asked for again
    /// (Core Vol 3 Part F, 3.4.2.1).
    pub fn mtu_is_settled(&self) -> bool {
        self.state.mtu_exchange == MtuExchange::Done
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.state.counters
    }

    /// Whether [`Bearer::poll_transmit`] has something to say.
    pub fn has_output(&self) -> bool {
        !self.state.commands.is_empty() || self.next_output().is_some()
    }

    /// Whether a response is waited for, or something waits to be sent.
    pub fn waits(&self) -> bool {
        self.state.in_flight.is_some() || self.has_output()
    }

    /// Whether an indication waits to be confirmed by the next PDU that goes out.
    #[inline]
    pub fn owes_confirmation(&self) -> bool {
        self.state.confirmation_due
    }

    /// The next PDU for the peer, written to `out`; its length.
    ///
    /// `out` must hold the MTU: what does not fit is cut.
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
            // Of equals the command.
            (Some(command), Some((sequence, _))) if !is_before(sequence, command) => {
                Some(Output::Command)
            }
            (Some(_), None) => Some(Output::Command),
            (_, request) => request.map(|(_, output)| output),
        }
    }

    /// The oldest request that waits, and its place in the order of calls.
    fn next_request(&self) -> Option<(u16, Output)> {
        let cancel = self.state.cancel_write.map(|s| (s, Output::CancelWrite));
        let call = self.oldest_queued_call();
        match (call, cancel) {
            (Some((call, _)), Some((cancelled, _))) if is_before(cancelled, call) => cancel,
            (None, _) => cancel,
            (Some(_), _) => call,
        }
    }

    /// Writes what goes out next to `out`; its length.
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
                // Who waits for room comes back when it is worth it: for many commands at a time.
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

    /// When [`Bearer::handle_timeout`] wants to be called next.
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

    /// Wakes those who wait for a change: there was one besides the bearer's own.
    pub fn changed(&mut self) {
        self.waiters.wake_all();
    }

    /// Wakes those who wait for values or changes at `at`, so that they can look at the time.
    /// Whether that moves [`Bearer::poll_timeout`].
    pub fn set_alarm(&mut self, at: Instant) -> bool {
        let earlier = self.state.alarm.is_none_or(|alarm| at < alarm);
        if earlier {
            self.state.alarm = Some(at);
        }
        earlier
    }

    /// Takes the server's one queue of prepared writes; false: another caller uses it. What two
    /// callers prepare would be executed together (Core Vol 3 Part F, 3.4.6.1).
    #[must_use]
    pub fn begin_queued_write(&mut self) -> bool {
        !core::mem::replace(&mut self.state.queued_write_running, true)
    }

    /// The one that runs makes another request.
    pub fn go_on_queued_write(&mut self) {
        self.state.queued_write_steps = self.state.queued_write_steps.wrapping_add(1);
    }

    /// How many requests queued writes have made.
    pub fn queued_write_steps(&self) -> u16 {
        self.state.queued_write_steps
    }

    /// Gives the queue back. `cancel`: what was prepared is not to be executed; the server is told,
    /// before anything that is asked later.
    pub fn end_queued_write(&mut self, cancel: bool) {
        self.state.queued_write_running = false;
        if cancel && self.state.open {
            self.state.cancel_write = Some(self.next_sequence());
        }
        self.waiters.wake_all();
    }

    /// Whether no call waits for anything.
    #[inline]
    fn is_idle(&self) -> bool {
        self.state.in_flight.is_none() && !self.state.may_be_queued
    }

    fn next_sequence(&mut self) -> u16 {
        let sequence = self.state.sequence;
        self.state.sequence = sequence.wrapping_add(1);
        sequence
    }

    /// Queues a command (Write Command, Signed Write Command): it goes out when the controller
    /// has a buffer for it, before any request made later.
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
        // The number of the next request, which it goes out before. Only requests count it up: so
        // many commands may overtake the one in flight that the count would come round.
        if !ring.push(sequence, head, tail) {
            return Err(StartError::Full);
        }
        Ok(())
    }

    /// Wakes `waker` when something changed: room for a call or a command, the MTU, the end.
    pub fn wait_for_change(&mut self, waker: &Waker) {
        self.waiters.register(waker);
    }
}

/// Whether a call came before another, as long as they are less than 2^15 calls apart.
fn is_before(a: u16, b: u16) -> bool {
    (a.wrapping_sub(b) as i16) < 0
}

/// A PDU that may go out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Output {
    Reply,
    Confirmation,
    Command,
    Call {
        index: usize,
        /// Whether another is queued behind it.
        more: bool,
    },
    CancelWrite,
}

/// Copies as much as fits; its length.
fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let len = from.len().min(to.len());
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    len
}

#[cfg(test)]
mod tests;

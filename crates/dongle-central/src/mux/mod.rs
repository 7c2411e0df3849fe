//! Wraps an HCI transport and keeps the ATT and security channels for itself.
//!
//! [`Mux`] wraps any [`Transport`]; trouble-host, if present, runs on top of it through a
//! [`Controller`](crate::central::Controller) and does not know. The decisions are made in
//! [`MuxState`], a state machine without I/O:
//!
//! - ACL packets from the controller are reassembled per connection; frames for CID 4 go to that
//!   connection's [bearer](crate::bearer), those for CID 6 to its security channel. All others go
//!   to trouble-host, except those it would fail on.
//! - The controller's ACL buffers are shared: each packet, ours or trouble-host's, takes a credit,
//!   which returns to its sender when the packet is completed.
//! - A packet that does not decode is counted and dropped, since trouble-host would panic on it.
//! - A command that is not answered within 2 s, or a Hardware Error, makes the controller *failed*:
//!   every waiting call then returns that error.

mod commands;
mod credits;
mod events;
mod news;
mod outbox;
#[cfg(feature = "channels")]
mod pace;
mod packet;
mod pump;
mod reassembly;
mod report;
mod request;
mod sdus;
mod state;
#[cfg(test)]
mod tests;
mod turns;
mod watchdog;

use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};

use bt_hci::ReadHciError;
use bt_hci::transport::{PacketKind, Transport};
use embassy_futures::select::{Either, select};
use embassy_futures::yield_now;
use embassy_time::Instant;

pub(crate) use commands::Answer;
pub use credits::{Credits, Owner};
#[cfg(feature = "security")]
pub(crate) use events::ENABLE_ENCRYPTION;
pub(crate) use events::{
    COMMAND_DISALLOWED, DISCONNECT, LE_READ_BUFFER_SIZE, READ_BUFFER_SIZE, RESET,
};
pub use reassembly::Reassembly;
pub use report::{Report, ReportHandler};
pub use request::{ParameterRequest, Wish};
pub use sdus::{Opener, Sdus};
pub use state::{Attempt, Failure, Inbound, Lull, MuxCounters, MuxState};
pub use turns::Turns;

use crate::links::{Link, LinkId, Links, Reason};
pub(crate) use news::News;
#[cfg(test)]
pub(crate) use packet::Written;
pub(crate) use packet::{Emit, Outgoing, Sink};

use commands::Commands;
use outbox::Outbox;
use packet::{Head, Raw, RawPacket};

/// Whether trouble-host may be present to take what is not for the bearers. If false, none of it is
/// linked, and the signalling channel ends here.
pub(crate) const CARRIES_ACL: bool = cfg!(feature = "channels");
/// Packets that bearers receive, or send, in a row before other tasks get a turn.
const PACKETS_PER_TURN: u8 = 8;

/// An HCI transport whose ATT channel goes to the bearers in `L`.
///
/// `BUFFER` bounds an HCI packet, in either direction, and an ATT PDU with its L2CAP header: 259 is
/// enough for all commands and events, and for an ATT MTU of 247.
pub struct Mux<'l, T: Transport, L, R = (), const BUFFER: usize = 259> {
    transport: T,
    links: &'l L,
    reports: R,
    state: RefCell<MuxState>,
    commands: RefCell<Commands>,
    /// The transport's error, once it has failed.
    cause: Cell<Option<T::Error>>,
    /// The next packet to send.
    outbox: Outbox<BUFFER>,
    /// Whether trouble-host was last given a packet that its callers must act on before it gets
    /// another.
    #[cfg(feature = "channels")]
    told: Cell<bool>,
}

/// Why the controller can no longer be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum MuxError {
    /// The controller failed. If the transport caused it, [`Central::run`] returns the transport's
    /// error.
    ///
    /// [`Central::run`]: crate::central::Central::run
    Controller(Failure),
    /// A packet passed the checks but still did not decode: a bug in this crate.
    Decode(ReadHciError<Infallible>),
}

impl fmt::Display for MuxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller(failure) => fmt::Display::fmt(failure, f),
            Self::Decode(e) => write!(f, "undecodable packet: {e}"),
        }
    }
}

impl core::error::Error for MuxError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Controller(failure) => Some(failure),
            Self::Decode(e) => Some(e),
        }
    }
}

impl<T: Transport, L, R, const BUFFER: usize> fmt::Debug for Mux<'_, T, L, R, BUFFER> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mux").finish_non_exhaustive()
    }
}

impl embedded_io::Error for MuxError {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self {
            Self::Controller(Failure::Transport) => embedded_io::ErrorKind::NotConnected,
            Self::Controller(_) => embedded_io::ErrorKind::TimedOut,
            Self::Decode(_) => embedded_io::ErrorKind::InvalidData,
        }
    }
}

impl From<ReadHciError<Infallible>> for MuxError {
    fn from(error: ReadHciError<Infallible>) -> Self {
        Self::Decode(error)
    }
}

impl<T: Transport, L, R, const BUFFER: usize> Mux<'_, T, L, R, BUFFER> {
    /// Requests a disconnection of a link that the controller may still have after it was closed
    /// here.
    pub(crate) fn disconnect(&self, id: LinkId) {
        self.state.borrow_mut().doom(id);
    }
}

impl<'l, T: Transport, L: Links, R: ReportHandler, const BUFFER: usize> Mux<'l, T, L, R, BUFFER> {
    /// Wraps `transport`. Advertising reports go to `reports`.
    pub fn new(transport: T, links: &'l L, reports: R) -> Self {
        let mut state = MuxState::new();
        let longest = BUFFER.saturating_sub(reassembly::L2CAP_HEADER);
        state.set_longest_pdu(u16::try_from(longest).unwrap_or(u16::MAX));
        Self {
            transport,
            links,
            reports,
            state: RefCell::new(state),
            commands: RefCell::new(Commands::new()),
            outbox: Outbox::new(),
            cause: Cell::new(None),
            #[cfg(feature = "channels")]
            told: Cell::new(false),
        }
    }

    /// The memory that holds the bearers.
    pub fn links(&self) -> &'l L {
        self.links
    }

    /// The handler of advertising reports.
    pub fn reports(&self) -> &R {
        &self.reports
    }

    /// The wrapped transport.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// Counts since the mux was made.
    pub fn counters(&self) -> MuxCounters {
        self.state.borrow().counters()
    }

    /// The controller's ACL buffers: bytes in each, and how many. Zero until the controller reports
    /// them.
    pub fn buffers(&self) -> (u16, u16) {
        self.state.borrow().buffers()
    }

    /// Why the controller failed, or `None` while it works.
    pub fn failure(&self) -> Option<Failure> {
        self.state.borrow().failure()
    }

    /// Waits until the controller has failed.
    pub async fn failed(&self) -> Failure {
        poll_fn(|cx| self.poll_failure(cx)).await
    }

    /// Waits until the controller has failed.
    pub fn poll_failure(&self, cx: &mut Context<'_>) -> Poll<Failure> {
        self.state.borrow_mut().poll_failure(cx)
    }

    /// Whether anything has changed that [`Central`](crate::central::Central) may have to act on:
    /// something to take from here, or a deadline.
    #[inline]
    pub(crate) fn take_news(&self, reader: &Waker) -> bool {
        self.state.borrow_mut().take_news(reader)
    }

    /// Whether `at` has passed; if not, there will be [news](Mux::take_news) then.
    #[cfg(feature = "security")]
    pub(crate) fn is_time(&self, at: Instant) -> bool {
        let is_time = at <= Instant::now();
        if !is_time {
            self.wake_at(at);
        }
        is_time
    }

    /// Causes news at `at` at the latest. News may come earlier; a caller that still waits must ask
    /// again.
    #[cfg(feature = "security")]
    pub(crate) fn wake_at(&self, at: Instant) {
        self.state.borrow_mut().wake_at(at);
    }

    /// Requests the disconnection of the connection that trouble-host's Disconnect command names.
    pub(crate) fn disconnect_as(&self, command: &dyn Emit) {
        let mut head = Head::default();
        command.emit(&mut head);
        if let Some(id) = self.link(head.connection()) {
            self.disconnect(id);
        }
    }

    /// A link that is being disconnected.
    pub(crate) fn ending(&self) -> Option<LinkId> {
        self.state.borrow().ending_link()
    }

    /// The next connection to disconnect. Each is returned once.
    pub(crate) fn next_disconnection(&self) -> Option<u16> {
        self.state.borrow_mut().next_disconnection()
    }

    /// Whether an attempt to connect is under way in the controller.
    pub(crate) fn is_connecting(&self) -> bool {
        self.state.borrow().is_connecting()
    }

    /// Whether to cancel the attempt to connect that is under way. True once per attempt.
    pub(crate) fn take_cancellation(&self) -> bool {
        self.state.borrow_mut().take_cancellation()
    }

    /// Whether the controller was given a random address of ours.
    pub(crate) fn has_random_address(&self) -> bool {
        self.state.borrow().has_random_address()
    }

    /// The link of a connection that the controller has.
    pub(crate) fn link(&self, handle: u16) -> Option<LinkId> {
        self.state.borrow().link(handle)
    }

    /// Whether the controller still has the connection of this link.
    pub(crate) fn has_link(&self, id: LinkId) -> bool {
        self.state.borrow().has_link(id)
    }

    /// Whether [`Mux::run`] has had something to do since it was last polled.
    pub(crate) fn is_due(&self) -> bool {
        self.state.borrow_mut().turns().pump_is_due()
    }

    /// How long the controller has been silent, if it has been for a while. Returned once.
    pub(crate) fn take_silence(&self) -> Option<Lull> {
        self.state.borrow_mut().take_silence()
    }

    /// Whether anybody waits for something that must come from the controller: the completion of a
    /// packet, or a response. Notifications and indications, which may never come, do not count.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.state.borrow().owes_completion()
            || (0..self.links.capacity())
                .any(|index| self.links.with(index, |link| link.bearer.waits()) == Some(true))
    }

    /// The next peer's request for connection parameters. Each must be answered.
    pub(crate) fn next_request(&self) -> Option<ParameterRequest> {
        self.state.borrow_mut().next_request()
    }

    /// Answers a request that came on the signalling channel.
    pub fn answer_request(&self, handle: u16, identifier: u8, accepted: bool) {
        let frame = request::answer(identifier, accepted);
        self.state.borrow_mut().queue_answer(handle, frame);
    }

    /// Sets the longest L2CAP frame that trouble-host has room for, in octets of payload; 0 if
    /// there is no trouble-host.
    pub(crate) fn set_longest_frame(&self, octets: u16) {
        self.state.borrow_mut().set_longest_frame(octets);
    }

    /// Gives trouble-host an ACL packet that was held back, before the next one from the
    /// controller.
    #[cfg(feature = "channels")]
    pub(crate) fn pass(&self, packet: &[u8]) {
        self.state.borrow_mut().pass(packet);
    }

    /// How often the controller has had to be made to send something, so that trouble-host acts.
    pub(crate) fn passes(&self) -> u32 {
        self.state.borrow().passes()
    }

    /// How the last attempt to connect ended. An end is returned once.
    pub fn take_attempt(&self) -> Attempt {
        self.state.borrow_mut().take_attempt()
    }

    /// Waits until no attempt to connect is under way in the controller, and returns how the last
    /// one ended.
    pub async fn attempt_ended(&self) -> Attempt {
        poll_fn(|cx| match self.take_attempt() {
            Attempt::Running => {
                self.state.borrow_mut().watch_attempt(cx.waker());
                Poll::Pending
            }
            ended => Poll::Ready(ended),
        })
        .await
    }

    /// Marks the controller failed, and ends all links.
    pub(crate) fn fail(&self, failure: Failure) {
        self.state.borrow_mut().fail(failure);
        self.links.close_all(Reason::ControllerFailed);
    }

    /// Marks the controller failed because its transport did. The first error is kept for
    /// [`Central::run`](crate::central::Central::run): the call that met it may have no way to
    /// return it.
    fn lose(&self, error: T::Error) -> MuxError {
        let first = self.cause.take().unwrap_or(error);
        self.cause.set(Some(first));
        self.fail(Failure::Transport);
        MuxError::Controller(Failure::Transport)
    }

    /// Takes the transport's error, if it failed.
    pub(crate) fn take_cause(&self) -> Option<T::Error> {
        self.cause.take()
    }

    /// The next packet that is for trouble-host: its kind and length in `buffer`.
    pub(crate) async fn next_for_host(
        &self,
        buffer: &mut [u8],
    ) -> Result<(PacketKind, usize), MuxError> {
        let taken = Cell::new(0);
        #[cfg(feature = "channels")]
        self.keep_pace().await;
        loop {
            let passed = CARRIES_ACL.then(|| self.state.borrow_mut().passed(self.links));
            if let Some(packet) = passed.flatten()
                && let Some(place) = buffer.get_mut(..packet.len())
            {
                #[cfg(feature = "channels")]
                self.tells(PacketKind::AclData, &packet);
                place.copy_from_slice(&packet);
                return Ok((PacketKind::AclData, packet.len()));
            }
            let owed = self.state.borrow_mut().next_stand_in();
            // A read is dropped only if the controller has failed, or has sent nothing for 2 s.
            let instead = poll_fn(|cx| {
                // Other tasks run while this one waits.
                taken.set(0);
                let mut state = self.state.borrow_mut();
                // A failure wakes this waker, too.
                let owed = state.poll_owed(cx);
                match state.failure() {
                    Some(failure) => Poll::Ready(Err(failure)),
                    None => owed.map(Ok),
                }
            });
            let (kind, len) = if let (Some(event), Some(place)) = (owed, buffer.first_chunk_mut()) {
                *place = event;
                (PacketKind::Event, event.len())
            } else {
                let read = self.transport.read::<RawPacket<'_>>(buffer);
                match select(read, instead).await {
                    Either::First(Ok(packet)) => (packet.kind, packet.bytes.len()),
                    Either::First(Err(e)) => return Err(self.lose(e)),
                    Either::Second(Ok(())) => continue,
                    Either::Second(Err(failure)) => return Err(MuxError::Controller(failure)),
                }
            };
            let packet = buffer.get_mut(..len).unwrap_or_default();
            let verdict = self
                .state
                .borrow_mut()
                .inbound(kind, packet, self.links, &self.reports);
            match verdict {
                Inbound::ForHost(len) => {
                    let packet = packet.get(..len).unwrap_or_default();
                    let is_answer = kind == PacketKind::Event && self.take_answer(packet);
                    if !is_answer {
                        #[cfg(feature = "channels")]
                        self.tells(kind, packet);
                        return Ok((kind, len));
                    }
                }
                Inbound::Taken => {}
            }
            taken.set(taken.get() + 1);
            if taken.get() == PACKETS_PER_TURN {
                taken.set(0);
                yield_now().await;
            }
        }
    }

    /// Consumes an event if it answers a command.
    fn take_answer(&self, event: &[u8]) -> bool {
        let mut commands = self.commands.borrow_mut();
        let taken = commands.take(event);
        if taken && !commands.is_full() {
            self.state.borrow_mut().room_came();
        }
        taken
    }

    /// Queues a command or an ACL packet once it may be sent.
    pub(crate) async fn write_any(
        &self,
        kind: PacketKind,
        packet: &dyn Emit,
    ) -> Result<(), MuxError> {
        let mut head = Head::default();
        packet.emit(&mut head);
        if head.len() > BUFFER {
            return Err(MuxError::Decode(ReadHciError::BufferTooSmall));
        }
        let is_data = CARRIES_ACL && kind == PacketKind::AclData;
        let _waiting = is_data.then_some(Waiting {
            state: &self.state,
            handle: head.handle(),
        });
        poll_fn(|cx| {
            if let Poll::Ready(failure) = self.poll_failure(cx) {
                return Poll::Ready(Err(MuxError::Controller(failure)));
            }
            // From here on it is sent even if the caller is dropped.
            let Poll::Ready(mut next) = self.outbox.poll_room(cx) else {
                return Poll::Pending;
            };
            let (mut state, now) = (self.state.borrow_mut(), Instant::now());
            if !is_data {
                state.command_sent(&head, now);
                #[cfg(feature = "security")]
                if head.opcode() == ENABLE_ENCRYPTION
                    && let Some(id) = state.link(head.connection())
                {
                    let begin = |link: &mut Link<'_>| link.info.encrypting = true;
                    self.links.with_link(id, begin);
                }
            } else {
                match state.turns().poll_host_turn(&head, now, cx) {
                    Poll::Ready(true) => state.packet_sent(now),
                    // The connection is gone; the packet would be lost, too.
                    Poll::Ready(false) => return Poll::Ready(Ok(())),
                    Poll::Pending => return Poll::Pending,
                }
            }
            drop(state);
            next.kind = Some(kind);
            next.packet.clear();
            packet.emit(&mut next.packet);
            if is_data {
                self.see(&head, next.packet.bytes_mut());
            }
            self.outbox.filled();
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Inspects a packet of trouble-host's before it is sent, and may rewrite it.
    fn see(&self, head: &Head, packet: &mut [u8]) {
        if cfg!(feature = "channels") && head.begins_signal() {
            let frame = packet.get_mut(4..).unwrap_or_default();
            if let Some(id) = self.link(head.handle()) {
                let see = |link: &mut Link<'_>| link.info.sdus.outbound(frame);
                if let Some(cid) = self.links.with_link(id, see).flatten() {
                    for index in (0..self.links.capacity()).filter(|index| *index != id.index()) {
                        self.links.with(index, |link| link.info.sdus.forget(cid));
                    }
                }
            }
        }
    }

    /// Sends what [`Mux::write_any`] puts into the outbox, until the transport fails.
    async fn send_written(&self) -> MuxError {
        loop {
            let sending = self.outbox.packet().await;
            let kind = sending.next.kind.unwrap_or(PacketKind::Cmd);
            let bytes = sending.next.packet.bytes().unwrap_or_default();
            if let Err(e) = self.send(kind, bytes, &[]).await {
                return e;
            }
            self.state.borrow_mut().turns().host_sent();
        }
    }

    /// Sends the bytes of a command or of an ACL packet, which may be in two pieces.
    async fn send(&self, kind: PacketKind, head: &[u8], rest: &[u8]) -> Result<(), MuxError> {
        let sent = match kind {
            PacketKind::Cmd => self.transport.write(&Raw::<1>(head, rest)).await,
            _ => self.transport.write(&Raw::<2>(head, rest)).await,
        };
        sent.map_err(|e| self.lose(e))
    }
}

/// Lives while a packet of trouble-host's waits to be sent; dropping it reports that it no longer waits.
struct Waiting<'m> {
    state: &'m RefCell<MuxState>,
    handle: u16,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.state.borrow_mut().turns().host_gave_up(self.handle);
    }
}

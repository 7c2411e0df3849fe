//! Sends the bearers' PDUs to the controller, and drives their timers.

use core::future::{Future as _, poll_fn};
use core::pin::pin;
use core::task::Poll;

use bt_hci::transport::{PacketKind, Transport};
use embassy_futures::select::{Either, select};
use embassy_futures::yield_now;
use embassy_time::{Instant, Timer};

use super::reassembly::{CID_ATT, L2CAP_HEADER};
use super::{Mux, MuxError, PACKETS_PER_TURN, ReportHandler};
use crate::bearer::{Bearer, Output};
use crate::links::{LinkId, LinkPhase, Links, MAX_LINKS, Reason};
use crate::security::CID_SMP;
use crate::smp;

/// A `BUFFER` of at least this size takes several of a link's frames at a time.
const BATCHED: usize = 1024;
/// Frames that then go out in a row: whatever else the host does in each of its turns costs as much
/// as several of them.
const BATCH: u8 = 32;

/// Packet Boundary Flags of a frame's first packet and of the others (Core Vol 4 Part E, 5.4.2).
const BEGINS: u16 = 0b00;
const CONTINUES: u16 = 0b01;

/// What the pump knows about the links.
struct Rounds {
    /// Links to look at, one bit each.
    due: u32,
    /// The link that goes first: the one after the last sender, so that a link that floods leaves
    /// the others their turn when a buffer comes free only now and then.
    first: usize,
    /// Links with a deadline, one bit each, and their deadlines.
    timed: u32,
    deadlines: [Instant; MAX_LINKS],
}

impl<T: Transport, L: Links, R: ReportHandler, const BUFFER: usize> Mux<'_, T, L, R, BUFFER>
where
    T::Error: 'static,
{
    /// Sends what was written, and serves the bearers of all links, until the controller fails.
    /// Exactly one task has to run it.
    pub async fn run(&self) -> MuxError {
        match select(self.send_written(), self.serve()).await {
            Either::First(error) | Either::Second(error) => error,
        }
    }

    /// Serves the bearers of all links.
    async fn serve(&self) -> MuxError {
        let mut rounds = Rounds {
            due: 0,
            first: 0,
            timed: 0,
            deadlines: [Instant::MAX; MAX_LINKS],
        };
        let mut frame = [0; BUFFER];
        let mut now = Instant::now();
        loop {
            if let Err(e) = self.round(&mut rounds, &mut frame, now).await {
                return e;
            }
            let armed = rounds.next_deadline().min(self.deadline());
            // Checked again at each wake: links that wait for a credit may have one now, and a
            // command may have been sent whose answer is due before the timer.
            let waiting = rounds.due;
            // A new timer each time: a clock may keep only one deadline per task, the earliest, and
            // then forgets this one when an earlier one of the same task expires.
            let mut timer = pin!(Timer::at(armed));
            let work = poll_fn(|cx| {
                let sooner = {
                    let mut state = self.state.borrow_mut();
                    state.turns().register_pump(cx.waker());
                    // A failure wakes the pump, too.
                    if let Some(failure) = state.failure() {
                        return Poll::Ready(Err(failure));
                    }
                    state.deadline() < armed
                };
                match self.links.doorbell().poll(cx) {
                    Poll::Ready(rung) => Poll::Ready(Ok(rung)),
                    Poll::Pending if sooner || self.some_may_begin(waiting) => Poll::Ready(Ok(0)),
                    Poll::Pending if armed == Instant::MAX => Poll::Pending,
                    Poll::Pending => timer.as_mut().poll(cx).map(|()| Ok(0)),
                }
            });
            match work.await {
                Err(failure) => return MuxError::Controller(failure),
                Ok(rung) => rounds.due |= rung,
            }
            now = Instant::now();
            rounds.expire(now);
            self.state.borrow_mut().handle_timeout(now);
            if let Some(failure) = self.failure() {
                self.links.close_all(Reason::ControllerFailed);
                return MuxError::Controller(failure);
            }
        }
    }

    fn deadline(&self) -> Instant {
        self.state.borrow().deadline()
    }

    /// Whether one of these links, or a queued answer, may send now.
    fn some_may_begin(&self, links: u32) -> bool {
        let mut state = self.state.borrow_mut();
        if links == 0 && !state.has_answers() {
            return false;
        }
        let now = Instant::now();
        state.answer_may_begin(now)
            || bits(links).any(|index| {
                self.links
                    .open_at(index)
                    .is_some_and(|(_, handle)| state.turns().att_may_begin(handle, now))
            })
    }

    /// Lets the links that are due send one PDU each in turn, as long as there are credits.
    async fn round(
        &self,
        rounds: &mut Rounds,
        frame: &mut [u8],
        mut now: Instant,
    ) -> Result<(), MuxError> {
        let most = match BUFFER >= BATCHED {
            true => BATCH,
            false => PACKETS_PER_TURN,
        };
        let mut frames = 0;
        loop {
            let mut sent = false;
            let answer = self.state.borrow_mut().next_answer(now);
            if let Some((handle, frame)) = answer {
                self.send_frame(handle, &frame).await?;
                sent = true;
            }
            for index in rounds.in_turn() {
                let overdue = rounds.is_overdue(index, now);
                let alone = rounds.due.is_power_of_two();
                let turn = self.take_turn(index, overdue, alone, frame, now);
                rounds.set(index, &turn);
                let mut rest = frame.get(..turn.len).unwrap_or_default();
                while let Some((frame, behind)) = split_frame(rest) {
                    self.send_frame(turn.handle, frame).await?;
                    if !turn.is_security {
                        self.state.borrow_mut().count_sent();
                    }
                    sent = true;
                    frames += 1;
                    rounds.first = index + 1;
                    rest = behind;
                }
                if turn.is_security {
                    // It may have held a key.
                    frame.fill(0);
                }
            }
            if !sent {
                return Ok(());
            }
            self.state.borrow_mut().listen(now);
            if rounds.due != 0 && frames >= most {
                frames = 0;
                yield_now().await;
                now = Instant::now();
            }
        }
    }

    /// Runs a link's timer if it is overdue, and writes its next frame to `out` if it has one and
    /// may send it; or several frames, if no other link waits.
    fn take_turn(
        &self,
        index: usize,
        overdue: bool,
        alone: bool,
        out: &mut [u8],
        now: Instant,
    ) -> Turn {
        let turn = self.links.with(index, |link| {
            if link.info.phase() != LinkPhase::Open {
                return Turn::NONE;
            }
            if overdue {
                link.bearer.handle_timeout(now);
            }
            let mut turn = Turn {
                handle: link.info.handle,
                ..Turn::NONE
            };
            if link.bearer.take_expired() {
                link.close(Reason::TransactionTimeout);
                self.state.borrow_mut().doom(LinkId::of(index, link.info));
            } else if link.info.smp.has_output() {
                if self
                    .state
                    .borrow_mut()
                    .turns()
                    .att_may_begin(turn.handle, now)
                {
                    turn.len = write_security(&mut link.info.smp, out);
                    turn.is_security = true;
                    // The sender may queue the next command now.
                    link.bearer.changed();
                }
                turn.has_output = true;
            } else if let Some(output) = link.bearer.next_output() {
                let mut state = self.state.borrow_mut();
                if state.turns().att_may_begin(turn.handle, now) {
                    turn.len = write_frame(&mut link.bearer, output, now, out);
                    if alone && BUFFER >= BATCHED {
                        let longest = L2CAP_HEADER + link.bearer.mtu().size();
                        let spare = state.turns().spare(turn.handle, longest);
                        turn.len += write_commands(&mut link.bearer, spare, now, out, turn.len);
                    }
                    turn.has_output = link.bearer.has_output();
                } else {
                    turn.has_output = true;
                }
            }
            turn.deadline = link.bearer.poll_timeout();
            turn
        });
        turn.unwrap_or(Turn::NONE)
    }

    /// Sends a frame, in packets of the size that the controller accepts.
    async fn send_frame(&self, handle: u16, frame: &[u8]) -> Result<(), MuxError> {
        self.state.borrow_mut().turns().begin_att_frame(handle);
        let result = self.send_packets(handle, frame).await;
        self.state.borrow_mut().turns().end_att_frame();
        result
    }

    async fn send_packets(&self, handle: u16, frame: &[u8]) -> Result<(), MuxError> {
        let packet_length = self.state.borrow().packet_length().max(1);
        let mut boundary = BEGINS;
        for data in frame.chunks(packet_length) {
            let turn = poll_fn(|cx| {
                let mut state = self.state.borrow_mut();
                // A failure wakes the pump, too.
                if let Some(failure) = state.failure() {
                    return Poll::Ready(Err(MuxError::Controller(failure)));
                }
                state.turns().poll_att_packet(handle, cx).map(Ok)
            });
            if !turn.await? {
                // Disconnected in the middle: the rest would be lost.
                return Ok(());
            }
            let [h0, h1] = (handle | boundary << 12).to_le_bytes();
            let [l0, l1] = (data.len() as u16).to_le_bytes();
            let header = [h0, h1, l0, l1];
            self.send(PacketKind::AclData, &header, data).await?;
            boundary = CONTINUES;
        }
        Ok(())
    }
}

/// What a link did in its turn, and what it has left to do.
struct Turn {
    handle: u16,
    /// The length of the frames to send.
    len: usize,
    /// Whether they belong to the security channel.
    is_security: bool,
    /// Whether more remains to be sent, now or later.
    has_output: bool,
    deadline: Option<Instant>,
}

impl Turn {
    const NONE: Self = Self {
        handle: 0,
        len: 0,
        is_security: false,
        has_output: false,
        deadline: None,
    };
}

/// Writes a bearer's next PDU to `frame`, as a frame of its channel; returns the frame's length.
fn write_frame(bearer: &mut Bearer<'_>, output: Output, now: Instant, frame: &mut [u8]) -> usize {
    write_on(CID_ATT, frame, |pdu| bearer.transmit(output, now, pdu))
}

/// Writes the security channel's next command to `frame`; returns the frame's length.
fn write_security(channel: &mut smp::Channel, frame: &mut [u8]) -> usize {
    write_on(CID_SMP, frame, |command| channel.transmit(command))
}

/// Writes a frame of a channel; returns its length.
fn write_on(channel: u16, frame: &mut [u8], write: impl FnOnce(&mut [u8]) -> usize) -> usize {
    let (header, payload) = frame.split_at_mut(L2CAP_HEADER.min(frame.len()));
    let len = write(payload);
    let ([l0, l1], [c0, c1]) = ((len as u16).to_le_bytes(), channel.to_le_bytes());
    for (to, from) in header.iter_mut().zip([l0, l1, c0, c1]) {
        *to = from;
    }
    header.len() + len
}

/// Appends the commands that are next to the frame in `out`, which is `at` octets long: as many as
/// the link has buffers to spare after that frame, so that the task that queues commands contends
/// less often for the link's lock. Returns the number of octets added.
fn write_commands(
    bearer: &mut Bearer<'_>,
    spare: usize,
    now: Instant,
    out: &mut [u8],
    at: usize,
) -> usize {
    let longest = L2CAP_HEADER + bearer.mtu().size();
    let mut len = 0;
    for _ in 1..spare.min(usize::from(BATCH)) {
        let room = out.get_mut(at + len..).unwrap_or_default();
        match bearer.next_output() {
            Some(Output::Command) if room.len() >= longest => {
                len += write_frame(bearer, Output::Command, now, room);
            }
            _ => break,
        }
    }
    len
}

/// Splits off the first frame, with its header.
fn split_frame(frames: &[u8]) -> Option<(&[u8], &[u8])> {
    let [low, high, ..] = frames else { return None };
    let len = L2CAP_HEADER + usize::from(u16::from_le_bytes([*low, *high]));
    frames.split_at_checked(len)
}

impl Rounds {
    /// Records the outcome of a link's turn.
    fn set(&mut self, index: usize, turn: &Turn) {
        let bit = 1 << index;
        if !turn.has_output {
            self.due &= !bit;
        }
        self.timed &= !bit;
        if let (Some(at), Some(place)) = (turn.deadline, self.deadlines.get_mut(index)) {
            *place = at;
            self.timed |= bit;
        }
    }

    /// The links that are due, each once, starting with the one that goes first.
    fn in_turn(&self) -> impl Iterator<Item = usize> + use<> {
        let before = match 1_u32.checked_shl(self.first as u32) {
            Some(bit) => bit - 1,
            None => u32::MAX,
        };
        bits(self.due & !before).chain(bits(self.due & before))
    }

    /// Makes the links due whose deadline has passed.
    fn expire(&mut self, now: Instant) {
        for index in bits(self.timed) {
            if self.is_overdue(index, now) {
                self.due |= 1 << index;
            }
        }
    }

    fn is_overdue(&self, index: usize, now: Instant) -> bool {
        self.timed & (1 << index) != 0 && self.deadline(index).is_some_and(|at| at <= now)
    }

    fn next_deadline(&self) -> Instant {
        let deadlines = bits(self.timed).filter_map(|i| self.deadline(i));
        deadlines.fold(Instant::MAX, Instant::min)
    }

    fn deadline(&self, index: usize) -> Option<Instant> {
        self.deadlines.get(index).copied()
    }
}

/// The positions of the bits that are set, lowest first.
fn bits(mut set: u32) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let lowest = set.trailing_zeros();
        set &= set.checked_sub(1)?;
        Some(lowest as usize)
    })
}

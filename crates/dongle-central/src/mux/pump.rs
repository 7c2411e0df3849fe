//! Carries what the bearers have to say to the controller, and tells them the time.

use core::future::poll_fn;
use core::task::Poll;

use bt_hci::data::{AclBroadcastFlag, AclPacket, AclPacketBoundary};
use bt_hci::param::ConnHandle;
use bt_hci::transport::Transport;
use embassy_futures::yield_now;
use embassy_time::Instant;

use super::alarm::Alarm;
use super::reassembly::{CID_ATT, L2CAP_HEADER};
use super::{Failure, Mux, MuxError, PACKETS_PER_TURN, ReportHandler};
use crate::bearer::Bearer;
use crate::links::{LinkId, Links, MAX_LINKS, Reason};

/// What the pump knows of each link.
struct Rounds {
    /// Links to look at, one bit each.
    due: u32,
    /// When each link wants to be looked at again.
    deadlines: [Option<Instant>; MAX_LINKS],
}

impl<T: Transport, L: Links, R: ReportHandler, const BUFFER: usize> Mux<'_, T, L, R, BUFFER>
where
    T::Error: 'static,
{
    /// Serves the bearers of all links until the controller fails. One task has to run it.
    pub async fn run(&self) -> MuxError<T::Error> {
        let mut rounds = Rounds {
            due: 0,
            deadlines: [None; MAX_LINKS],
        };
        let mut frame = [0; BUFFER];
        let mut now = Instant::now();
        let mut alarm = Alarm::default();
        loop {
            if let Err(e) = self.round(&mut rounds, &mut frame, now).await {
                return e;
            }
            let deadlines = rounds.deadlines.iter().flatten().copied();
            let armed = deadlines.chain(self.deadline()).min();
            // Checked again at each wake: whether the links that wait for a credit get one, and
            // whether a command was sent whose answer is due before the timer.
            let waiting = rounds.due;
            let work = poll_fn(|cx| {
                self.state.borrow_mut().turns().register_pump(cx.waker());
                // A failure wakes the pump, too.
                if let Some(failure) = self.failure() {
                    return Poll::Ready(Err(failure));
                }
                let sooner = self
                    .deadline()
                    .is_some_and(|due| armed.is_none_or(|at| due < at));
                match self.links.doorbell().poll(cx) {
                    Poll::Ready(rung) => Poll::Ready(Ok(rung)),
                    Poll::Pending if sooner || self.some_may_begin(waiting) => Poll::Ready(Ok(0)),
                    Poll::Pending => alarm.poll(armed, cx).map(|()| Ok(0)),
                }
            });
            match work.await {
                Err(failure) => return MuxError::Controller(failure),
                Ok(rung) => rounds.due |= rung,
            }
            now = Instant::now();
            rounds.expire(now);
            self.state.borrow_mut().handle_timeout(now);
            if let Some(failure @ Failure::Silent(_)) = self.failure() {
                self.links.close_all(Reason::ControllerFailed);
                return MuxError::Controller(failure);
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.state.borrow().deadline()
    }

    /// Whether one of these links, or an answer, has something to send and may.
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

    /// Lets each link that is due send one PDU after another in turn, as long as there are credits.
    async fn round(
        &self,
        rounds: &mut Rounds,
        frame: &mut [u8],
        mut now: Instant,
    ) -> Result<(), MuxError<T::Error>> {
        let mut frames = 0;
        loop {
            let mut sent = false;
            let answer = self.state.borrow_mut().next_answer(now);
            if let Some((handle, frame)) = answer {
                self.state.borrow_mut().turns().begin_att_frame(handle);
                let result = self.send_packets(handle, &frame).await;
                self.state.borrow_mut().turns().end_att_frame();
                result?;
                sent = true;
            }
            for index in bits(rounds.due) {
                if self.serve(index, rounds, frame, now).await? {
                    sent = true;
                    frames += 1;
                }
            }
            if !sent {
                return Ok(());
            }
            if rounds.due != 0 && frames >= PACKETS_PER_TURN {
                frames = 0;
                yield_now().await;
                now = Instant::now();
            }
        }
    }

    /// Tells a link the time and lets it send one PDU; whether it did.
    async fn serve(
        &self,
        index: usize,
        rounds: &mut Rounds,
        frame: &mut [u8],
        now: Instant,
    ) -> Result<bool, MuxError<T::Error>> {
        let Some((id, handle)) = self.links.open_at(index) else {
            rounds.set(index, Agenda::NOTHING);
            return Ok(false);
        };
        let told = self.links.with_link(id, |link| {
            link.bearer.handle_timeout(now);
            let expired = link.bearer.take_expired();
            if expired {
                link.close(Reason::TransactionTimeout);
            }
            (Agenda::of(&link.bearer), expired)
        });
        let (agenda, expired) = told.unwrap_or((Agenda::NOTHING, false));
        if expired {
            self.state.borrow_mut().doom(id);
        }
        rounds.set(index, agenda);
        if !agenda.has_output || !self.state.borrow_mut().turns().att_may_begin(handle, now) {
            return Ok(false);
        }
        let agenda = self.send_frame(id, handle, frame, now).await?;
        rounds.set(index, agenda);
        Ok(true)
    }

    /// Sends one PDU of a link, cut to what the controller takes; what there is to do after it.
    async fn send_frame(
        &self,
        id: LinkId,
        handle: u16,
        frame: &mut [u8],
        now: Instant,
    ) -> Result<Agenda, MuxError<T::Error>> {
        let Some((header, pdu)) = frame.split_first_chunk_mut::<L2CAP_HEADER>() else {
            return Ok(Agenda::NOTHING);
        };
        self.state.borrow_mut().turns().begin_att_frame(handle);
        let taken = self.links.with_link(id, |link| {
            let len = link.bearer.poll_transmit(now, pdu);
            (len, Agenda::of(&link.bearer))
        });
        let (len, agenda) = taken.unwrap_or((None, Agenda::NOTHING));
        let mut result = Ok(agenda);
        if let Some(len) = len {
            let ([l0, l1], [c0, c1]) = ((len as u16).to_le_bytes(), CID_ATT.to_le_bytes());
            *header = [l0, l1, c0, c1];
            let frame = frame.get(..L2CAP_HEADER + len).unwrap_or_default();
            result = self.send_packets(handle, frame).await.map(|()| agenda);
        }
        let mut state = self.state.borrow_mut();
        state.turns().end_att_frame();
        if len.is_some() {
            state.count_sent();
        }
        drop(state);
        result
    }

    async fn send_packets(&self, handle: u16, frame: &[u8]) -> Result<(), MuxError<T::Error>> {
        let packet_length = self.state.borrow().packet_length().max(1);
        let mut boundary = AclPacketBoundary::FirstNonFlushable;
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
                // Disconnected in the middle: the rest would go nowhere.
                return Ok(());
            }
            let handle = ConnHandle::new(handle);
            let packet = AclPacket::new(handle, boundary, AclBroadcastFlag::PointToPoint, data);
            if let Err(e) = self.transport.write(&packet).await {
                self.fail(Failure::Transport);
                return Err(MuxError::Transport(e));
            }
            boundary = AclPacketBoundary::Continuing;
        }
        Ok(())
    }
}

/// What a link has to do.
#[derive(Debug, Clone, Copy)]
struct Agenda {
    has_output: bool,
    deadline: Option<Instant>,
}

impl Agenda {
    const NOTHING: Self = Self {
        has_output: false,
        deadline: None,
    };

    fn of(bearer: &Bearer<'_>) -> Self {
        Self {
            has_output: bearer.has_output(),
            deadline: bearer.poll_timeout(),
        }
    }
}

impl Rounds {
    /// Notes what a link has to do.
    fn set(&mut self, index: usize, agenda: Agenda) {
        if !agenda.has_output {
            self.due &= !(1 << index);
        }
        if let Some(place) = self.deadlines.get_mut(index) {
            *place = agenda.deadline;
        }
    }

    /// Makes those links due whose time has come.
    fn expire(&mut self, now: Instant) {
        for (index, deadline) in self.deadlines.iter().enumerate() {
            if deadline.is_some_and(|d| d <= now) {
                self.due |= 1 << index;
            }
        }
    }
}

/// The numbers of the bits that are set.
fn bits(set: u32) -> impl Iterator<Item = usize> {
    (0..MAX_LINKS).filter(move |index| set & (1 << index) != 0)
}

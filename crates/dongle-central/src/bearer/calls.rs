//! Requests: from the caller to the wire, and the response back to that caller alone.

use core::fmt;
use core::task::{Context, Poll, Waker};

use embassy_time::Instant;

use super::waiters::{Wake, set};
use super::{Bearer, MtuExchange, Output, copy, is_before};
use crate::att::{Mtu, Opcode};

/// Identifies a call, and is invalid once the call is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallId {
    index: u8,
    generation: u16,
}

/// Room for one request and its response.
#[derive(Debug, Default)]
pub struct Call {
    generation: u16,
    phase: Phase,
    deadline: Option<Instant>,
    waker: Option<Waker>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Free,
    Queued {
        sequence: u16,
        len: u16,
    },
    InFlight,
    Answered {
        len: u16,
    },
    Failed(CallError),
}

/// The transaction that occupies the bearer.
#[derive(Debug, Clone, Copy)]
pub(super) struct InFlight {
    pub(super) opcode: Opcode,
    pub(super) sent_at: Instant,
    /// The call that gets the response; `None` if its caller is gone.
    pub(super) call: Option<usize>,
}

/// Why a request was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// All slots are in use; wait for room and try again.
    Full,
    /// The bearer has ended.
    Closed,
    /// The request exceeds the MTU in force, or the memory.
    TooLong,
    /// The MTU was already requested, and may not be requested again (Core Vol 3 Part F, 3.4.2.1).
    MtuAsked,
}

/// Why a request got no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The call's own deadline passed. The transaction continues without it.
    Timeout,
    /// No response within 30 s: the bearer has ended, and the link will.
    TransactionTimeout,
    /// The bearer ended, with the link.
    Closed,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "timed out",
            Self::TransactionTimeout => "no response within 30 s",
            Self::Closed => "disconnected",
        })
    }
}

impl core::error::Error for CallError {}

impl Call {
    /// An unused slot.
    pub const FREE: Self = Self {
        generation: 0,
        phase: Phase::Free,
        deadline: None,
        waker: None,
    };

    pub(super) fn reset(&mut self) {
        *self = Self {
            generation: self.generation.wrapping_add(1),
            ..Self::FREE
        };
    }

    /// Ends the call for its caller, if it still waits.
    pub(super) fn fail(&mut self, error: CallError, wake: Wake) {
        if matches!(self.phase, Phase::Queued { .. } | Phase::InFlight) {
            self.finish(Phase::Failed(error), wake);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Queued { .. } | Phase::InFlight => self.deadline,
            _ => None,
        }
    }

    fn finish(&mut self, phase: Phase, wake: Wake) {
        self.phase = phase;
        if let Some(waker) = self.waker.take() {
            wake(waker);
        }
    }
}

impl Bearer<'_> {
    /// Queues the request that `write` puts into the buffer it gets, which is as long as the MTU in
    /// force; `write` returns the request's length.
    ///
    /// # Errors
    /// [`StartError::Full`]: wait with [`Bearer::wait_for_change`] and try again.
    pub fn start<E>(
        &mut self,
        deadline: Option<Instant>,
        write: impl FnOnce(Mtu, &mut [u8]) -> Result<usize, E>,
    ) -> Result<Result<CallId, E>, StartError> {
        if !self.state.open {
            return Err(StartError::Closed);
        }
        let index = self
            .calls
            .iter()
            .position(|c| c.phase == Phase::Free)
            .ok_or(StartError::Full)?;
        let mtu = self.state.mtu;
        let room = self.call_room(index);
        let most = room.len().min(mtu.size());
        let room = room.get_mut(..most).unwrap_or_default();
        let len = match write(mtu, room) {
            Ok(len) if len <= room.len() => len as u16,
            Ok(_) => return Err(StartError::TooLong),
            Err(e) => return Ok(Err(e)),
        };
        if opcode_of(self.call_room(index)) == Opcode::EXCHANGE_MTU_REQUEST {
            let queued =
                (0..self.calls.len()).any(|i| self.is_queued(i, Opcode::EXCHANGE_MTU_REQUEST));
            if queued || self.state.mtu_exchange != MtuExchange::NotYet {
                return Err(StartError::MtuAsked);
            }
        }
        let sequence = self.next_sequence();
        let call = self.calls.get_mut(index).ok_or(StartError::Full)?;
        call.generation = call.generation.wrapping_add(1);
        call.phase = Phase::Queued { sequence, len };
        call.deadline = deadline;
        self.state.may_be_queued = true;
        Ok(Ok(CallId {
            index: index as u8,
            generation: call.generation,
        }))
    }

    /// The response to a call, copied to `out`; returns its full length, even if that is more than
    /// `out` holds. The call is over when this is ready.
    pub fn poll_call(
        &mut self,
        id: CallId,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<Result<usize, CallError>> {
        let Some((index, call)) = self.find(id) else {
            return Poll::Ready(Err(CallError::Closed));
        };
        match call.phase {
            Phase::Queued { .. } | Phase::InFlight => {
                set(&mut call.waker, cx.waker());
                Poll::Pending
            }
            Phase::Failed(error) => {
                self.release(index);
                Poll::Ready(Err(error))
            }
            Phase::Answered { len } => {
                let len = usize::from(len);
                copy(self.call_room(index).get(..len).unwrap_or_default(), out);
                self.release(index);
                Poll::Ready(Ok(len))
            }
            Phase::Free => Poll::Ready(Err(CallError::Closed)),
        }
    }

    /// Drops the call. A request that is in flight remains so until its response comes.
    pub fn abandon(&mut self, id: CallId) {
        if let Some((index, _)) = self.find(id) {
            self.detach(index);
            self.release(index);
        }
    }

    /// The call that was queued first, and its place in the order of requests.
    pub(super) fn oldest_queued_call(&self) -> Option<(u16, Output)> {
        if !self.state.may_be_queued {
            return None;
        }
        let (mut oldest, mut queued) = (None, 0);
        for (index, call) in self.calls.iter().enumerate() {
            if let Phase::Queued { sequence, .. } = call.phase {
                queued += 1;
                if oldest.is_none_or(|(old, _)| is_before(sequence, old)) {
                    oldest = Some((sequence, index));
                }
            }
        }
        let (sequence, index) = oldest?;
        let more = queued > 1;
        Some((sequence, Output::Call { index, more }))
    }

    pub(super) fn send_call(&mut self, index: usize, now: Instant, out: &mut [u8]) -> usize {
        let Some(call) = self.calls.get_mut(index) else {
            return 0;
        };
        let Phase::Queued { len, .. } = call.phase else {
            return 0;
        };
        call.phase = Phase::InFlight;
        let room = self
            .call_room(index)
            .get(..usize::from(len))
            .unwrap_or_default();
        let opcode = opcode_of(room);
        let offered = match (opcode, room.get(1..3)) {
            (Opcode::EXCHANGE_MTU_REQUEST, Some(&[low, high])) => {
                Some(u16::from_le_bytes([low, high]))
            }
            _ => None,
        };
        let len = copy(room, out);
        if offered.is_some() {
            self.state.mtu_exchange = MtuExchange::Asked;
            self.state.offered = offered;
        }
        self.note_request(opcode, now, Some(index));
        len
    }

    pub(super) fn note_request(&mut self, opcode: Opcode, sent_at: Instant, call: Option<usize>) {
        self.state.in_flight = Some(InFlight {
            opcode,
            sent_at,
            call,
        });
        self.state.counters.requests = self.state.counters.requests.wrapping_add(1);
    }

    /// Passes a response PDU to its caller, or drops it if the caller is gone.
    pub(super) fn handle_response(&mut self, pdu: &[u8]) {
        let Some(in_flight) = self.state.in_flight else {
            return self.violation("a response to no request", pdu);
        };
        let answers = match pdu {
            [error, request, ..] if *error == Opcode::ERROR_RESPONSE.0 => {
                *request == in_flight.opcode.0
            }
            [opcode, ..] => in_flight.opcode.response() == Some(Opcode(*opcode)),
            [] => false,
        };
        if !answers {
            // If it were accepted, the real response would answer the next request.
            return self.violation("a response to another request than the one in flight", pdu);
        }
        self.state.in_flight = None;
        self.settle_mtu(pdu);
        let Some(index) = in_flight.call else {
            self.state.counters.late = self.state.counters.late.wrapping_add(1);
            return;
        };
        let len = copy(pdu, self.call_room(index)) as u16;
        if let Some(call) = self.calls.get_mut(index) {
            call.finish(Phase::Answered { len }, self.waiters.wake);
        }
    }

    pub(super) fn time_out_call(&mut self, index: usize, now: Instant) {
        let due = self
            .calls
            .get(index)
            .and_then(Call::deadline)
            .is_some_and(|d| d <= now);
        if due {
            self.detach(index);
            if let Some(call) = self.calls.get_mut(index) {
                call.fail(CallError::Timeout, self.waiters.wake);
            }
        }
    }

    /// Bytes available to each call.
    pub(super) fn call_share(&self) -> usize {
        self.call_bytes
            .len()
            .checked_div(self.calls.len())
            .unwrap_or(0)
    }

    fn call_room(&mut self, index: usize) -> &mut [u8] {
        let share = self.call_share();
        self.call_bytes
            .get_mut(index * share..(index + 1) * share)
            .unwrap_or_default()
    }

    fn is_queued(&mut self, index: usize, opcode: Opcode) -> bool {
        let queued = self
            .calls
            .get(index)
            .is_some_and(|c| matches!(c.phase, Phase::Queued { .. }));
        queued && opcode_of(self.call_room(index)) == opcode
    }

    fn find(&mut self, id: CallId) -> Option<(usize, &mut Call)> {
        let index = usize::from(id.index);
        let call = self.calls.get_mut(index)?;
        (call.generation == id.generation).then_some((index, call))
    }

    fn detach(&mut self, index: usize) {
        if let Some(in_flight) = &mut self.state.in_flight
            && in_flight.call == Some(index)
        {
            in_flight.call = None;
        }
    }

    fn release(&mut self, index: usize) {
        if let Some(call) = self.calls.get_mut(index) {
            call.reset();
        }
        self.waiters.wake_all();
    }
}

fn opcode_of(pdu: &[u8]) -> Opcode {
    Opcode(pdu.first().copied().unwrap_or(0))
}

#[cfg(test)]
impl CallId {
    /// The id of whatever call is in this slot.
    pub(super) fn any(index: u8, calls: &[Call]) -> Self {
        Self {
            index,
            generation: calls
                .get(usize::from(index))
                .map_or(0, |call| call.generation),
        }
    }
}

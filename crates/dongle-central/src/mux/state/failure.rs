//! How a controller fails, and what to do about one that does not answer or falls silent.

use core::fmt;
use core::task::{Context, Poll};

use embassy_time::{Duration, Instant};

use super::{Ending, MuxState, NO_COMMAND};
use crate::mux::events::code;
use crate::mux::watchdog::{Look, is_dispensable};

/// Why a controller can no longer be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The transport failed: a cable was pulled, a connection closed.
    Transport,
    /// It did not answer the command with this opcode within 2 s; 0 if it accepted no commands for that long.
    Silent(u16),
    /// It reported a Hardware Error with this code (Core Vol 4 Part E, 7.7.16).
    Hardware(u8),
    /// It fell silent after reporting a failed assertion in this line of its firmware, as Zephyr's
    /// controllers do. The log has the file.
    Asserted(u16),
    /// It does not support Bluetooth LE.
    NotLe,
    /// It reports no data buffers, neither for LE alone nor shared with BR/EDR (Core Vol 4 Part E,
    /// 7.8.2 and 7.4.5).
    NoBuffers,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport => f.write_str("the controller is gone"),
            Self::Silent(0) => f.write_str("the controller takes no commands"),
            Self::Silent(opcode) => {
                write!(
                    f,
                    "the controller did not answer HCI command 0x{opcode:04X} within 2 s"
                )
            }
            Self::Hardware(code) => {
                write!(f, "the controller reported hardware error 0x{code:02X}")
            }
            Self::Asserted(line) => {
                write!(
                    f,
                    "the controller has stopped: an assertion in line {line} of its program failed"
                )
            }
            Self::NotLe => f.write_str("the controller does not know Bluetooth LE"),
            Self::NoBuffers => f.write_str("the controller tells of no buffers for data"),
        }
    }
}

impl core::error::Error for Failure {}

/// An event made up in the controller's place.
pub(super) type StandIn = [u8; 6];

/// How long a controller may be silent before it is checked, if something is expected from it.
const SILENCE: Duration = Duration::from_secs(1);
/// The same while nobody waits for it: long, so that an idle host hardly ever wakes.
const REST: Duration = Duration::from_secs(10);

/// How long a controller has been silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lull {
    /// For a second since something was sent to it or received from it.
    Short,
    /// For ten seconds more, while there are connections.
    Long,
}

/// When to check whether packets were received.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listening {
    at: Instant,
    /// The count of packets received when this began.
    heard: u32,
    /// What to report if the count is the same then.
    silence: Lull,
}

impl MuxState {
    /// Why the controller failed, if it did.
    #[inline]
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// Marks the controller failed. Only the first failure is kept.
    pub fn fail(&mut self, failure: Failure) {
        let failure = match (failure, self.asserted) {
            (Failure::Silent(_), Some(line)) => Failure::Asserted(line),
            (failure, _) => failure,
        };
        if self.failure.is_none() {
            warn!("{}", failure);
        }
        self.failure.get_or_insert(failure);
        self.failure_watchers.wake();
        self.stand_in_watcher.wake();
        self.turns.wake();
    }

    /// Waits for the failure.
    #[inline]
    pub fn poll_failure(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        match self.failure {
            Some(failure) => Poll::Ready(failure),
            None => {
                self.failure_watchers.register(cx.waker());
                Poll::Pending
            }
        }
    }

    /// How long the controller has been silent, if it has been for a while. Returned once.
    pub fn take_silence(&mut self) -> Option<Lull> {
        self.silence.take()
    }

    /// Something is sent to the controller, so something should be received from it soon. Returns
    /// whether that moves [`MuxState::deadline`].
    pub fn listen(&mut self, now: Instant) -> bool {
        let at = now + SILENCE;
        let sooner = self.listening.is_none_or(|listening| listening.at > at);
        if sooner {
            self.listening = Some(Listening {
                at,
                heard: self.counters.received,
                silence: Lull::Short,
            });
        }
        sooner
    }

    /// A packet of trouble-host's is sent to the controller.
    pub fn packet_sent(&mut self, now: Instant) {
        if self.listen(now) {
            self.turns.wake_pump();
        }
    }

    /// Whether the controller has packets that it must still report as completed.
    pub fn owes_completion(&self) -> bool {
        self.turns.in_flight() > 0
    }

    fn judge_silence(&mut self, now: Instant) {
        let Some(listening) = self.listening.filter(|listening| listening.at <= now) else {
            return;
        };
        self.listening = None;
        let heard = self.counters.received;
        if heard != listening.heard {
            self.listen(now);
            return;
        }
        // Without connections, nothing is expected until something is sent again.
        if self.turns.any_connected() {
            let (at, silence) = (now + REST, Lull::Long);
            self.listening = Some(Listening { at, heard, silence });
        }
        self.silence = Some(listening.silence);
        self.news.tell();
    }

    /// When to call [`MuxState::handle_timeout`] next; [`Instant::MAX`] for never.
    #[inline]
    pub fn deadline(&self) -> Instant {
        let listening = self.listening.map_or(Instant::MAX, |l| l.at);
        let mut at = self.watchdog.deadline().min(self.turns.deadline());
        for known in &self.links {
            if let Ending::By(due) = known.ending {
                at = at.min(due);
            }
        }
        #[cfg(feature = "security")]
        let at = at.min(self.alarm);
        at.min(listening)
    }

    /// Causes news at `at` at the latest.
    #[cfg(feature = "security")]
    pub fn wake_at(&mut self, at: Instant) {
        if at < self.alarm {
            self.alarm = at;
            self.turns.wake_pump();
        }
    }

    /// Does what is due. Before an overdue answer counts as missing, everything that the controller
    /// has already sent is read.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.turns.expire(now);
        self.judge_silence(now);
        self.judge_endings(now);
        #[cfg(feature = "security")]
        if self.alarm <= now {
            self.alarm = Instant::MAX;
            self.news.tell();
        }
        match self.watchdog.look(now) {
            Look::Wait => {}
            Look::Read => self.stand_in_watcher.wake(),
            Look::Overdue(opcode) => self.unanswered(opcode),
        }
    }

    /// Marks a controller that owes an answer as failed, or makes up the answer.
    fn unanswered(&mut self, opcode: u16) {
        // Some controllers report after a reset that they accept no commands, and do accept one.
        let goes_on =
            is_dispensable(opcode) || opcode == NO_COMMAND && core::mem::take(&mut self.was_reset);
        // Command Status with Unknown HCI Command (Core Vol 4 Part E, 7.7.15).
        let [low, high] = opcode.to_le_bytes();
        if goes_on {
            self.stand_in([code::COMMAND_STATUS, 4, 0x01, 1, low, high]);
            warn!(
                "the controller did not answer command 0x{:04X}: going on without",
                opcode
            );
        } else {
            self.fail(Failure::Silent(opcode));
        }
    }

    /// Disconnects once more the connections that should have ended: the answer shows that they have.
    fn judge_endings(&mut self, now: Instant) {
        for known in &mut self.links {
            if matches!(known.ending, Ending::By(due) if due <= now) {
                known.ending = Ending::Overdue;
                let _ = self.doomed.push(known.handle);
                self.news.tell();
            }
        }
    }

    /// Queues an event in the controller's place. It answers the only pending command, so there is
    /// never a second one.
    pub(super) fn stand_in(&mut self, event: StandIn) {
        self.stand_in_watcher.wake();
        self.owed = Some(event);
    }

    /// The event to handle in the controller's place.
    pub fn next_stand_in(&mut self) -> Option<StandIn> {
        self.owed.take()
    }

    /// Waits for an event to handle in the controller's place. Called when all that the controller sent has
    /// been read: an overdue answer is then missing, and the controller fails unless the link can do without.
    #[inline]
    pub fn poll_owed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(opcode) = self.watchdog.unread() {
            self.unanswered(opcode);
        }
        match self.owed.is_some() {
            true => Poll::Ready(()),
            false => {
                self.stand_in_watcher.register(cx.waker());
                Poll::Pending
            }
        }
    }
}

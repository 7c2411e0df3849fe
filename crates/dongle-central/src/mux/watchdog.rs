//! Watches for HCI commands that the controller does not answer in time.

use embassy_time::{Duration, Instant};

use super::events::is_create_connection;

/// How long a controller may take to answer a command.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(2);
/// A check that runs this much late was held up, by the arithmetic of pairing on a small processor
/// or by other programs; the task that brings the answer may have been held up as well.
const LATE: Duration = Duration::from_millis(100);

/// Whether a link can do without a command's answer: LE Set PHY, Read Remote Version Information.
/// Some controllers claim to support these but never answer.
pub fn is_dispensable(opcode: u16) -> bool {
    matches!(opcode, 0x2032 | 0x041D)
}

/// The pending command; there is one at a time.
#[derive(Debug)]
pub struct Watchdog {
    waiting: Option<u16>,
    due: Instant,
    patience: Patience,
}

/// How much longer to wait for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// The full timeout.
    Whole,
    /// A little more, because the check at the timeout ran late.
    More,
    /// Only until what has already arrived is read, or for another full timeout if nobody reads it.
    Last,
}

/// What to do about an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    /// Wait for it, if one is pending.
    Wait,
    /// It is overdue, unless it has arrived and is unread: read what has arrived.
    Read,
    /// The answer to this command is overdue. Returned once.
    Overdue(u16),
}

impl Watchdog {
    /// No command pending.
    pub const fn new() -> Self {
        Self {
            waiting: None,
            due: Instant::MAX,
            patience: Patience::Whole,
        }
    }

    /// A command is sent.
    pub fn sent(&mut self, opcode: u16, now: Instant) {
        *self = Self {
            waiting: Some(opcode),
            due: now + COMMAND_TIMEOUT,
            patience: Patience::Whole,
        };
    }

    /// A command was answered.
    pub fn answered(&mut self, opcode: u16) {
        if self.waiting == Some(opcode) {
            *self = Self::new();
        }
    }

    /// Whether a command is pending.
    pub fn waits(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether this command is pending.
    pub fn waits_for(&self, opcode: u16) -> bool {
        self.waiting == Some(opcode)
    }

    /// Whether an attempt to connect is pending.
    pub fn waits_for_connection(&self) -> bool {
        self.waiting.is_some_and(is_create_connection)
    }

    /// When the pending answer is overdue; [`Instant::MAX`] if no command is pending.
    pub fn deadline(&self) -> Instant {
        self.due
    }

    /// Decides what to do now.
    pub fn look(&mut self, now: Instant) -> Look {
        if self.due > now {
            return Look::Wait;
        }
        let late = now.saturating_duration_since(self.due) >= LATE;
        (self.due, self.patience) = match self.patience {
            Patience::Whole if late => (now + LATE, Patience::More),
            Patience::Whole | Patience::More => (now + COMMAND_TIMEOUT, Patience::Last),
            Patience::Last => return self.unread().map_or(Look::Wait, Look::Overdue),
        };
        match self.patience {
            Patience::Last => Look::Read,
            _ => Look::Wait,
        }
    }

    /// All that arrived was read: returns the command whose answer is overdue, once.
    pub fn unread(&mut self) -> Option<u16> {
        if self.patience != Patience::Last {
            return None;
        }
        let waiting = self.waiting;
        *self = Self::new();
        waiting
    }
}

//! HCI commands that wait for their Command Complete or Command Status.

use embassy_time::{Duration, Instant};

use super::events::is_create_connection;

/// How long a controller may take to answer a command.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(2);
/// Who looks this much later than it was due was kept from it, as by the arithmetic of a pairing on a small
/// processor, or by other programs: so may have been whoever brings the answer.
const LATE: Duration = Duration::from_millis(100);

/// Whether a link can do without a command's answer: LE Set PHY, Read Remote Version Information. There are
/// controllers that claim to know these and never answer.
pub fn is_dispensable(opcode: u16) -> bool {
    matches!(opcode, 0x2032 | 0x041D)
}

/// The command without answer so far, of which there is one at a time.
#[derive(Debug)]
pub struct Watchdog {
    waiting: Option<u16>,
    due: Instant,
    patience: Patience,
}

/// What is left for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// All its time.
    Whole,
    /// A little more, since nobody looked when that was over.
    More,
    /// What has come already is read. After that there is none, unless nobody reads.
    Last,
}

/// What is to be done about an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    /// It is waited for, if there is one to come.
    Wait,
    /// It is overdue, unless it lies there unread.
    Read,
    /// That of this command is overdue, once.
    Overdue(u16),
}

impl Watchdog {
    /// Nothing sent yet.
    pub const fn new() -> Self {
        Self {
            waiting: None,
            due: Instant::MAX,
            patience: Patience::Whole,
        }
    }

    /// A command goes out.
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

    /// Whether a command is without answer so far.
    pub fn waits(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether this command is.
    pub fn waits_for(&self, opcode: u16) -> bool {
        self.waiting == Some(opcode)
    }

    /// Whether an attempt to connect is.
    pub fn waits_for_connection(&self) -> bool {
        self.waiting.is_some_and(is_create_connection)
    }

    /// When the next answer is overdue: [`Instant::MAX`] if none is to come.
    pub fn deadline(&self) -> Instant {
        self.due
    }

    /// What is to be done now.
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

    /// All that has come was read: the command whose answer is overdue, once.
    pub fn unread(&mut self) -> Option<u16> {
        if self.patience != Patience::Last {
            return None;
        }
        let waiting = self.waiting;
        *self = Self::new();
        waiting
    }
}

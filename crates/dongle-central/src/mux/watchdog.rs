//! HCI commands that wait for their Command Complete or Command Status.

use embassy_time::{Duration, Instant};

/// How long a controller may take to answer a command.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(2);
/// Who looks this much later than it was due was kept from reading, too, as by the arithmetic of a
/// pairing on a small processor: the answer may lie there unread.
const LATE: Duration = Duration::from_millis(100);
/// Host Number Of Completed Packets, which no event answers (Core Vol 4 Part E, 7.3.40).
pub(super) const HOST_NUMBER_OF_COMPLETED_PACKETS: u16 = 0x0C35;

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
    /// It was given a second time already.
    extended: bool,
}

impl Watchdog {
    /// Nothing sent yet.
    pub const fn new() -> Self {
        Self {
            waiting: None,
            due: Instant::MAX,
            extended: false,
        }
    }

    /// A command goes out.
    pub fn sent(&mut self, opcode: u16, now: Instant) {
        if opcode != HOST_NUMBER_OF_COMPLETED_PACKETS {
            *self = Self {
                waiting: Some(opcode),
                due: now + COMMAND_TIMEOUT,
                extended: false,
            };
        }
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

    /// When the next answer is overdue: [`Instant::MAX`] if none is to come.
    pub fn deadline(&self) -> Instant {
        self.due
    }

    /// The command whose answer is overdue, once. Who looks late is to read first, and to look once
    /// more.
    pub fn overdue(&mut self, now: Instant) -> Option<u16> {
        if self.due > now {
            return None;
        }
        if !self.extended && now.saturating_duration_since(self.due) >= LATE {
            self.extended = true;
            self.due = now + LATE;
            return None;
        }
        self.due = Instant::MAX;
        self.waiting.take()
    }
}

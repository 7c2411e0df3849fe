//! HCI commands that wait for their Command Complete or Command Status.

use embassy_time::{Duration, Instant};
use heapless::Vec;

/// How long a controller may take to answer a command.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(2);
/// Who looks this much later than it was due was kept from reading, too, as by the arithmetic of a
/// pairing on a small processor: the answer may lie there unread.
const LATE: Duration = Duration::from_millis(100);
/// Commands that may be on their way at a time; trouble-host sends one.
const MOST: usize = 8;
/// Host Number Of Completed Packets, which no event answers (Core Vol 4 Part E, 7.3.40).
pub(super) const HOST_NUMBER_OF_COMPLETED_PACKETS: u16 = 0x0C35;

/// Whether a link can do without a command's answer: LE Set PHY, Read Remote Version Information, LE
/// Remove Device From Resolving List. There are controllers that claim to know these and never answer.
pub fn is_dispensable(opcode: u16) -> bool {
    matches!(opcode, 0x2032 | 0x041D | 0x2028)
}

/// A command without answer so far.
#[derive(Debug)]
struct Waiting {
    opcode: u16,
    due: Instant,
    /// It was given a second time already.
    extended: bool,
}

/// The commands without answer so far.
#[derive(Debug, Default)]
pub struct Watchdog(Vec<Waiting, MOST>);

impl Watchdog {
    /// Nothing sent yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// A command goes out.
    pub fn sent(&mut self, opcode: u16, now: Instant) {
        if opcode != HOST_NUMBER_OF_COMPLETED_PACKETS {
            // One that finds no place is not watched; those before it are.
            let _ = self.0.push(Waiting {
                opcode,
                due: now + COMMAND_TIMEOUT,
                extended: false,
            });
        }
    }

    /// A command was answered.
    pub fn answered(&mut self, opcode: u16) {
        if let Some(index) = self.0.iter().position(|w| w.opcode == opcode) {
            self.0.remove(index);
        }
    }

    /// Whether a command is without answer so far.
    pub fn waits_for(&self, opcode: u16) -> bool {
        self.0.iter().any(|w| w.opcode == opcode)
    }

    /// When the next answer is overdue.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.iter().map(|w| w.due).min()
    }

    /// A command whose answer is overdue. Who looks late is to read first, and to look once more.
    pub fn overdue(&mut self, now: Instant) -> Option<u16> {
        for waiting in &mut self.0 {
            if !waiting.extended && waiting.due + LATE <= now {
                waiting.extended = true;
                waiting.due = now + LATE;
            }
        }
        let overdue = self.0.iter().find(|w| w.due <= now);
        overdue.map(|w| w.opcode)
    }
}

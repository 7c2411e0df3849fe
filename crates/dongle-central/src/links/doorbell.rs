//! How a task that queued something for a link tells the one that sends.

use core::cell::Cell;
use core::fmt;
use core::task::{Context, Poll};

use embassy_sync::blocking_mutex::CriticalSectionMutex;
use embassy_sync::waitqueue::AtomicWaker;

/// One bit for each link, and the waker of the task that serves them.
pub struct Doorbell {
    rung: CriticalSectionMutex<Cell<u32>>,
    waker: AtomicWaker,
}

impl Doorbell {
    /// A doorbell nobody has rung.
    pub const fn new() -> Self {
        Self {
            rung: CriticalSectionMutex::new(Cell::new(0)),
            waker: AtomicWaker::new(),
        }
    }

    /// Says that the link at `index` wants to be looked at.
    pub fn ring(&self, index: usize) {
        let bit = 1u32.checked_shl(index as u32).unwrap_or(0);
        let news = self.rung.lock(|rung| rung.replace(rung.get() | bit)) & bit == 0;
        if news {
            self.waker.wake();
        }
    }

    /// The links that rang since the last time, one bit each. Only one task may wait.
    pub fn poll(&self, cx: &mut Context<'_>) -> Poll<u32> {
        self.waker.register(cx.waker());
        match self.rung.lock(|rung| rung.replace(0)) {
            0 => Poll::Pending,
            rung => Poll::Ready(rung),
        }
    }
}

impl Default for Doorbell {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Doorbell({:#b})", self.rung.lock(Cell::get))
    }
}

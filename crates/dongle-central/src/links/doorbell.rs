//! How a task that queued something for a link notifies the task that sends.

use core::cell::RefCell;
use core::fmt;
use core::task::{Context, Poll, Waker};

use embassy_sync::blocking_mutex::CriticalSectionMutex;

/// One bit for each link, and the waker of the task that serves them.
pub struct Doorbell(CriticalSectionMutex<RefCell<State>>);

struct State {
    rung: u32,
    server: Option<Waker>,
}

impl Doorbell {
    /// A doorbell that nobody has rung.
    pub const fn new() -> Self {
        Self(CriticalSectionMutex::new(RefCell::new(State {
            rung: 0,
            server: None,
        })))
    }

    /// Tells the server that the link at `index` needs attention.
    pub fn ring(&self, index: usize) {
        let bit = 1u32.checked_shl(index as u32).unwrap_or(0);
        let server = self.0.lock(|state| {
            let mut state = state.borrow_mut();
            let news = state.rung & bit == 0;
            state.rung |= bit;
            // If it has already rung, the server was woken and has not run yet.
            state.server.take_if(|_| news)
        });
        // Not under the lock, for which callers of other links wait.
        if let Some(server) = server {
            server.wake();
        }
    }

    /// The links that rang since the last call, one bit each. Only one task may wait.
    pub fn poll(&self, cx: &mut Context<'_>) -> Poll<u32> {
        self.0.lock(|state| {
            let mut state = state.borrow_mut();
            match core::mem::take(&mut state.rung) {
                0 => {
                    match &mut state.server {
                        Some(server) => server.clone_from(cx.waker()),
                        none => *none = Some(cx.waker().clone()),
                    }
                    Poll::Pending
                }
                rung => Poll::Ready(rung),
            }
        })
    }
}

impl Default for Doorbell {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rung = self.0.lock(|state| state.borrow().rung);
        write!(f, "Doorbell({rung:#b})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Wakes;

    #[test]
    fn whoever_waits_is_woken_by_each_link_and_told_all() {
        let (bell, wakes) = (Doorbell::new(), Wakes::default());
        let waker = wakes.waker();
        let cx = &mut Context::from_waker(&waker);
        assert_eq!(bell.poll(cx), Poll::Pending);
        bell.ring(3);
        assert_eq!(wakes.count(), 1);
        bell.ring(3);
        bell.ring(31);
        assert_eq!(bell.poll(cx), Poll::Ready(1 << 3 | 1 << 31));
        assert_eq!(bell.poll(cx), Poll::Pending);
        bell.ring(0);
        assert_eq!(wakes.count(), 2);
    }

    #[test]
    fn a_ring_while_nobody_waits_is_found_later() {
        let bell = Doorbell::new();
        bell.ring(7);
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(bell.poll(cx), Poll::Ready(1 << 7));
        bell.ring(7);
        assert_eq!(bell.poll(cx), Poll::Ready(1 << 7));
    }
}

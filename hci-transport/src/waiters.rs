//! The wakers of the tasks that wait for a queue: one per task, removed when the task goes away.

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

/// Identifies one waiting future, or one end of a channel that is polled by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaiterKey(u64);

impl WaiterKey {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The first waiter is held without allocating, since there is almost always only one.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    first: Option<(WaiterKey, Waker)>,
    rest: Vec<(WaiterKey, Waker)>,
}

impl Waiters {
    /// Registers `waker` for `key`, replacing its previous one.
    pub(crate) fn register(&mut self, key: WaiterKey, waker: &Waker) {
        let mut all = self.first.iter_mut().chain(&mut self.rest);
        if let Some((_, known)) = all.find(|(known, _)| *known == key) {
            known.clone_from(waker);
        } else if self.first.is_none() {
            self.first = Some((key, waker.clone()));
        } else {
            self.rest.push((key, waker.clone()));
        }
    }

    pub(crate) fn remove(&mut self, key: WaiterKey) {
        self.first.take_if(|(known, _)| *known == key);
        self.rest.retain(|(known, _)| *known != key);
    }

    /// Takes out all waiters, to be woken once no lock is held.
    #[inline]
    pub(crate) fn take(&mut self) -> Woken {
        Woken {
            first: self.first.take(),
            rest: std::mem::take(&mut self.rest),
        }
    }
}

/// Waiters taken out of the list.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Woken {
    first: Option<(WaiterKey, Waker)>,
    rest: Vec<(WaiterKey, Waker)>,
}

impl Woken {
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.is_empty()
    }

    #[inline]
    pub(crate) fn wake(self) {
        if let Some((_, waker)) = self.first {
            waker.wake();
        }
        for (_, waker) in self.rest {
            waker.wake();
        }
    }
}

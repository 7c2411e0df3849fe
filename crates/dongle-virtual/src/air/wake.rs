//! Lets any thread wake the air's thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::Duration;

/// A waker for one thread. If it is woken before it sleeps, the sleep ends at once.
#[derive(Debug, Default)]
pub(super) struct ThreadWaker {
    thread: OnceLock<Thread>,
    woken: AtomicBool,
}

impl ThreadWaker {
    pub(super) fn this_thread(&self) {
        let _ = self.thread.set(thread::current());
    }

    pub(super) fn wake_up(&self) {
        if !self.woken.swap(true, Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Sleeps until woken, or for `limit` at most.
    pub(super) fn sleep(&self, limit: Option<Duration>) {
        if self.woken.load(Ordering::SeqCst) {
            return;
        }
        match limit {
            Some(limit) => thread::park_timeout(limit),
            None => thread::park(),
        }
    }

    /// From now on, waking has an effect again.
    pub(super) fn rearm(&self) {
        self.woken.store(false, Ordering::SeqCst);
    }
}

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.wake_up();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_up();
    }
}

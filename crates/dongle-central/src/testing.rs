//! Shared by tests of several modules.

use core::cell::Cell;
use core::task::Waker;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Wake;
use std::thread_local;

use embassy_time::Duration;

thread_local! {
    static PUT_FORWARD: Cell<Duration> = const { Cell::new(Duration::from_ticks(0)) };
}

/// How far the clock of the code under test is ahead of the real one.
pub(crate) fn put_forward() -> Duration {
    PUT_FORWARD.get()
}

/// Advances that clock at once, for the thread of this test.
pub(crate) fn put_forward_by(time: Duration) {
    PUT_FORWARD.set(PUT_FORWARD.get() + time);
}

/// Counts how often its wakers were woken.
#[derive(Clone, Default)]
pub(crate) struct Wakes(Arc<Count>);

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Wakes {
    pub fn waker(&self) -> Waker {
        Waker::from(self.0.clone())
    }

    pub fn count(&self) -> usize {
        self.0.0.load(Relaxed)
    }
}

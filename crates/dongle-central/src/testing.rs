//! What tests of several modules share.

use core::task::Waker;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Wake;

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

//! One waker for all tasks that open or accept L2CAP channels.
//!
//! trouble-host keeps a single waker for all tasks that open a channel, and another for all that
//! accept one. A task that registers another waker makes it wake the previous task, which registers
//! its own again: two tasks would wake each other forever.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::mem::take;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

/// A waker that wakes all tasks that share it.
pub(super) struct SharedWaker {
    tasks: Arc<Tasks>,
    waker: Waker,
}

#[derive(Default)]
struct Tasks(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    wakers: HashMap<u64, Waker>,
    next: u64,
}

impl SharedWaker {
    /// Polls `future` with the shared waker.
    pub(super) async fn share<F: Future>(&self, future: F) -> F::Output {
        let task = Task::new(&self.tasks);
        let mut future = pin!(future);
        poll_fn(|cx| {
            task.waits(cx.waker());
            future.as_mut().poll(&mut Context::from_waker(&self.waker))
        })
        .await
    }
}

impl Default for SharedWaker {
    fn default() -> Self {
        let tasks = Arc::<Tasks>::default();
        let waker = Waker::from(Arc::clone(&tasks));
        Self { tasks, waker }
    }
}

impl Tasks {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Tasks {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let wakers = take(&mut self.lock().wakers);
        for waker in wakers.into_values() {
            waker.wake();
        }
    }
}

/// A task that shares the waker until this is dropped.
struct Task<'t> {
    tasks: &'t Tasks,
    number: u64,
}

impl<'t> Task<'t> {
    fn new(tasks: &'t Tasks) -> Self {
        let mut waiting = tasks.lock();
        waiting.next += 1;
        let number = waiting.next;
        Self { tasks, number }
    }

    fn waits(&self, waker: &Waker) {
        self.tasks.lock().wakers.insert(self.number, waker.clone());
    }
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        self.tasks.lock().wakers.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;

    use super::*;

    /// Keeps one waker, and wakes the previous one when another is registered.
    #[derive(Default)]
    struct Registration(RefCell<Option<Waker>>);

    impl Registration {
        async fn wait(&self) {
            poll_fn(|cx| {
                let before = self.0.replace(Some(cx.waker().clone()));
                if let Some(before) = before.filter(|before| !before.will_wake(cx.waker())) {
                    before.wake();
                }
                Poll::Pending
            })
            .await
        }
    }

    #[derive(Default)]
    struct Counts(AtomicUsize);

    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn tasks_are_woken_together_and_do_not_wake_each_other() {
        let (shared, registration) = (SharedWaker::default(), Registration::default());
        let counts = [(); 3].map(|()| Arc::<Counts>::default());
        let woken = || counts.each_ref().map(|c| c.0.load(Ordering::Relaxed));
        let mut tasks = [(); 3].map(|()| Box::pin(shared.share(registration.wait())));
        let poll = |task: Pin<&mut dyn Future<Output = ()>>, counts: &Arc<Counts>| {
            let waker = Waker::from(Arc::clone(counts));
            assert!(task.poll(&mut Context::from_waker(&waker)).is_pending());
        };
        for _ in 0..2 {
            for (task, counts) in tasks.iter_mut().zip(&counts) {
                poll(task.as_mut(), counts);
            }
        }
        assert_eq!(woken(), [0; 3]);
        let [_first, _second, third] = tasks;
        drop(third);
        let registered = registration.0.take().expect("they wait");
        registered.wake();
        assert_eq!(woken(), [1, 1, 0]);
    }
}

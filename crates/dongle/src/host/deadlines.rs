//! Runs all waits of the host thread's tasks on one timer.
//!
//! The clock has room for a fixed number of timers, one for each waker, and keeps abandoned ones
//! until they are due. Tasks come and go by the thousand, so they wait here, and the clock is given
//! only the earliest of their deadlines.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use embassy_time::{Duration, Instant, Timer};
use futures_lite::future::or;

/// The deadlines that tasks wait for.
#[derive(Default)]
pub(super) struct Deadlines(RefCell<State>);

#[derive(Default)]
struct State {
    waiting: BTreeMap<(Instant, u64), Waker>,
    next: u64,
    /// The task that runs this.
    runner: Option<Waker>,
}

impl Deadlines {
    /// Waits until `at`.
    pub(super) fn at(&self, at: Instant) -> Sleep<'_> {
        let mut state = self.0.borrow_mut();
        state.next += 1;
        Sleep {
            deadlines: self,
            key: (at, state.next),
        }
    }

    /// Waits for `duration`.
    pub(super) fn after(&self, duration: Duration) -> Sleep<'_> {
        self.at(Instant::now().saturating_add(duration))
    }

    /// Waits until `at`, or forever without one.
    pub(super) async fn at_most(&self, at: Option<Instant>) {
        match at {
            Some(at) => self.at(at).await,
            None => std::future::pending().await,
        }
    }

    /// Wakes the tasks whose time has come. Must always be polled with the same waker.
    pub(super) async fn run(&self) {
        loop {
            let armed = self.first();
            let sooner = poll_fn(|cx| {
                self.0.borrow_mut().runner = Some(cx.waker().clone());
                if self.first() == armed {
                    Poll::Pending
                } else {
                    Poll::Ready(())
                }
            });
            let due = async {
                match armed {
                    Some(at) => Timer::at(at).await,
                    None => std::future::pending().await,
                }
            };
            or(sooner, due).await;
            let now = Instant::now();
            while let Some(waker) = self.pop(now) {
                waker.wake();
            }
        }
    }

    fn first(&self) -> Option<Instant> {
        self.0.borrow().waiting.keys().next().map(|(at, _)| *at)
    }

    fn pop(&self, now: Instant) -> Option<Waker> {
        let mut state = self.0.borrow_mut();
        let first = state.waiting.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// How many tasks wait.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.borrow().waiting.len()
    }
}

/// A wait. Dropping it removes it.
pub(super) struct Sleep<'d> {
    deadlines: &'d Deadlines,
    key: (Instant, u64),
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.key.0 <= Instant::now() {
            return Poll::Ready(());
        }
        let mut state = self.deadlines.0.borrow_mut();
        let first = state
            .waiting
            .keys()
            .next()
            .is_none_or(|first| self.key < *first);
        state.waiting.insert(self.key, cx.waker().clone());
        if first && let Some(runner) = state.runner.take() {
            runner.wake();
        }
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        self.deadlines.0.borrow_mut().waiting.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration as StdDuration;

    use futures_lite::StreamExt as _;
    use futures_lite::future::{block_on, or, zip};
    use futures_util::stream::FuturesUnordered;

    use super::*;

    #[test]
    fn thousands_wait_on_one_timer_and_end_in_order() {
        let deadlines = Deadlines::default();
        let began = Instant::now();
        let mut tasks = FuturesUnordered::new();
        for number in 0..2000_u64 {
            let sleep = deadlines.at(began + Duration::from_micros(20_000 + (number * 37) % 5000));
            tasks.push(async move {
                sleep.await;
                number
            });
        }
        let all = async {
            let mut last = 0;
            let mut count = 0;
            while let Some(number) = tasks.next().await {
                let at = (number * 37) % 5000;
                assert!(at + 3000 >= last, "far out of order");
                last = last.max(at);
                count += 1;
            }
            count
        };
        let count = block_on(or(all, async {
            deadlines.run().await;
            0
        }));
        assert_eq!(count, 2000);
        assert_eq!(deadlines.len(), 0);
    }

    #[test]
    fn a_wait_that_is_dropped_leaves_nothing_behind() {
        let deadlines = Deadlines::default();
        let hour = Duration::from_secs(3600);
        block_on(async {
            let long = deadlines.after(hour);
            let short = deadlines.after(Duration::from_millis(5));
            let waits = zip(or(long, async {}), short);
            or(async { _ = waits.await }, deadlines.run()).await;
        });
        assert_eq!(deadlines.len(), 0);
        assert!(StdDuration::from(hour) > StdDuration::ZERO);
    }
}

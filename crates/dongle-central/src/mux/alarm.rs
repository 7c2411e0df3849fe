//! A timer that is set again and again, and mostly for later: it asks the clock only if it must.

use core::future::Future as _;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use embassy_time::{Instant, Timer};

/// What the clock was asked for last.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    set: Option<(Instant, Waker)>,
}

impl Alarm {
    /// Ready when it is `at`, however often that changes between two polls.
    ///
    /// A clock that was asked to wake earlier is left at that: the wake in vain costs less than
    /// asking it each time.
    pub(super) fn poll(&mut self, at: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = at else { return Poll::Pending };
        let now = Instant::now();
        if at <= now {
            return Poll::Ready(());
        }
        let is_set = matches!(
            &self.set,
            Some((set, waker)) if now < *set && *set <= at && waker.will_wake(cx.waker())
        );
        if !is_set {
            // A timer that is dropped still wakes.
            let _ = pin!(Timer::at(at)).poll(cx);
            self.set = Some((at, cx.waker().clone()));
        }
        Poll::Pending
    }
}

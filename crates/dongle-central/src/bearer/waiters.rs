//! Callers that wait for room.

use core::task::Waker;

/// A fixed-size set of wakers. The used places come first, since all are emptied at once.
#[derive(Debug)]
pub(super) struct Waiters<'a> {
    pub(super) places: &'a mut [Option<Waker>],
    pub(super) wake: Wake,
}

/// How tasks are woken.
pub type Wake = fn(Waker);

impl Waiters<'_> {
    /// Remembers `waker`. If there is no place left, all waiting tasks are woken and check again,
    /// so that none is forgotten.
    pub(super) fn register(&mut self, waker: &Waker) {
        if self.places.iter().flatten().any(|w| w.will_wake(waker)) {
            return;
        }
        if !self.places.iter().any(Option::is_none) {
            self.wake_all();
        }
        match self.places.iter_mut().find(|w| w.is_none()) {
            Some(place) => *place = Some(waker.clone()),
            None => (self.wake)(waker.clone()),
        }
    }

    pub(super) fn wake_all(&mut self) {
        for waker in self.places.iter_mut().map_while(Option::take) {
            (self.wake)(waker);
        }
    }
}

/// Puts `waker` into `place`, without cloning it if it is already there.
pub(super) fn set(place: &mut Option<Waker>, waker: &Waker) {
    match place {
        Some(old) if old.will_wake(waker) => {}
        _ => *place = Some(waker.clone()),
    }
}

//! Values that the server sends unasked: queued once, read by each subscription at its own pace.

use core::fmt;
use core::task::{Context, Poll, Waker};

use super::ring::{Cursor, Ring};
use super::waiters::{Wake, set};
use super::{Bearer, copy};
use crate::att::AttributeHandle;

/// How the server sends a value (Core Vol 3 Part G, 4.10 and 4.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// Without confirmation.
    Notification,
    /// Confirmed by us before the next one may come.
    Indication,
}

/// Identifies a subscription, and is invalid once the subscription has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionId {
    index: u8,
    generation: u16,
}

/// Memory for one subscription.
#[derive(Debug, Default)]
pub struct Subscriber {
    generation: u16,
    interest: Option<(AttributeHandle, ValueKind)>,
    cursor: Cursor,
    pending: u32,
    missed: u32,
    waker: Option<Waker>,
}

/// What a subscription receives next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A value of this length; as much of it as fits was copied.
    Value(usize),
    /// This many values were lost since the last one, because they were not read in time.
    Missed(u32),
}

/// Why a subscription was not possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// All subscription slots are in use, or there is no memory for indicated values.
    Full,
    /// The bearer has ended.
    Closed,
}

/// Why a subscription receives nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueError {
    /// The bearer has ended, and all that was received before has been read.
    Closed,
    /// The subscription has ended.
    Unsubscribed,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "disconnected",
            Self::Unsubscribed => "the subscription has ended",
        })
    }
}

impl core::error::Error for ValueError {}

impl Subscriber {
    /// An unused slot.
    pub const FREE: Self = Self {
        generation: 0,
        interest: None,
        cursor: Cursor::START,
        pending: 0,
        missed: 0,
        waker: None,
    };

    pub(super) fn reset(&mut self, wake: Wake) {
        self.wake(wake);
        *self = Self {
            generation: self.generation.wrapping_add(1),
            ..Self::FREE
        };
    }

    pub(super) fn wake(&mut self, wake: Wake) {
        if let Some(waker) = self.waker.take() {
            wake(waker);
        }
    }
}

impl Bearer<'_> {
    /// Opens a queue for the values of one attribute. To lose none, call it before enabling them at the server.
    pub fn subscribe(
        &mut self,
        handle: AttributeHandle,
        kind: ValueKind,
    ) -> Result<SubscriptionId, SubscribeError> {
        if !self.state.open {
            return Err(SubscribeError::Closed);
        }
        if kind == ValueKind::Indication && self.indications.is_empty() {
            return Err(SubscribeError::Full);
        }
        let cursor = self.ring(kind).end();
        let (index, place) = self
            .subscribers
            .iter_mut()
            .enumerate()
            .find(|(_, s)| s.interest.is_none())
            .ok_or(SubscribeError::Full)?;
        place.reset(self.waiters.wake);
        place.interest = Some((handle, kind));
        place.cursor = cursor;
        Ok(SubscriptionId {
            index: index as u8,
            generation: place.generation,
        })
    }

    /// Closes a subscription's queue and drops what it still holds.
    pub fn unsubscribe(&mut self, id: SubscriptionId) {
        let wake = self.waiters.wake;
        if let Some(subscriber) = self.subscriber(id) {
            subscriber.reset(wake);
            self.indications_were_read();
        }
    }

    /// How many subscriptions there are to an attribute's values of this kind.
    pub fn subscriptions_to(&self, handle: AttributeHandle, kind: ValueKind) -> usize {
        self.subscribers
            .iter()
            .filter(|s| s.interest == Some((handle, kind)))
            .count()
    }

    /// How many values a subscription has not read yet.
    pub fn pending(&mut self, id: SubscriptionId) -> u32 {
        self.subscriber(id).map_or(0, |s| s.pending)
    }

    /// The next value of a subscription, copied to `out`, or how many were missed before it.
    pub fn poll_value(
        &mut self,
        id: SubscriptionId,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<Result<Received, ValueError>> {
        let open = self.state.open;
        let index = usize::from(id.index);
        let Some(subscriber) = self
            .subscribers
            .get_mut(index)
            .filter(|s| s.generation == id.generation)
        else {
            // The slot was freed when the next connection began, or by unsubscribing.
            return Poll::Ready(Err(match open {
                true => ValueError::Unsubscribed,
                false => ValueError::Closed,
            }));
        };
        let Some((handle, kind)) = subscriber.interest else {
            return Poll::Ready(Err(ValueError::Unsubscribed));
        };
        if subscriber.missed > 0 {
            let missed = core::mem::take(&mut subscriber.missed);
            return Poll::Ready(Ok(Received::Missed(missed)));
        }
        if subscriber.pending == 0 {
            if !open {
                return Poll::Ready(Err(ValueError::Closed));
            }
            set(&mut subscriber.waker, cx.waker());
            return Poll::Pending;
        }
        let (state, bytes) = match kind {
            ValueKind::Notification => (&mut self.state.notifications, &mut *self.notifications),
            ValueKind::Indication => (&mut self.state.indications, &mut *self.indications),
        };
        let ring = Ring { state, bytes };
        while let Some(record) = ring.get(subscriber.cursor) {
            subscriber.cursor = Ring::after(&record);
            if record.tag == handle.get() {
                subscriber.pending -= 1;
                let len = record.data.len();
                copy(record.data, out);
                match kind {
                    ValueKind::Indication => self.indications_were_read(),
                    ValueKind::Notification => self.discard_read_notifications(),
                }
                return Poll::Ready(Ok(Received::Value(len)));
            }
        }
        subscriber.pending = 0;
        set(&mut subscriber.waker, cx.waker());
        Poll::Pending
    }

    /// Restarts the queue at its front when all subscriptions have read everything: if they keep
    /// up, it uses little of its memory, and always the same part.
    fn discard_read_notifications(&mut self) {
        let is_behind = |s: &Subscriber| {
            s.pending > 0 && matches!(s.interest, Some((_, ValueKind::Notification)))
        };
        if !self.subscribers.iter().any(is_behind) {
            self.ring(ValueKind::Notification).clear();
        }
    }

    /// Queues a notified value for its subscriptions, displacing the oldest values if there is no room.
    pub(super) fn handle_notification(&mut self, handle: u16, value: &[u8]) {
        let counters = &mut self.state.counters;
        counters.notifications = counters.notifications.wrapping_add(1);
        if !wanted(self.subscribers, handle, ValueKind::Notification) {
            counters.unclaimed = counters.unclaimed.wrapping_add(1);
            return;
        }
        let mut ring = Ring {
            state: &mut self.state.notifications,
            bytes: self.notifications,
        };
        if !ring.could_ever_fit(value.len()) {
            return self.violation("a notification longer than the MTU", value);
        }
        let place = ring.end();
        while !ring.push(handle, &[], value) {
            let Some(oldest) = ring.front() else { return };
            for subscriber in self.subscribers.iter_mut() {
                if subscriber.has_yet_to_read(oldest.tag, ValueKind::Notification, oldest.cursor) {
                    subscriber.pending = subscriber.pending.saturating_sub(1);
                    subscriber.missed = subscriber.missed.saturating_add(1);
                    // Otherwise the record numbers could wrap around past a cursor that never moves.
                    subscriber.cursor = Ring::after(&oldest);
                    counters.missed = counters.missed.wrapping_add(1);
                }
            }
            ring.pop();
        }
        let wake = self.waiters.wake;
        announce(
            self.subscribers,
            handle,
            ValueKind::Notification,
            place,
            wake,
        );
    }

    /// Queues an indicated value, and confirms it if there is room for the next one.
    pub(super) fn handle_indication(&mut self, handle: u16, value: &[u8]) {
        let counters = &mut self.state.counters;
        counters.indications = counters.indications.wrapping_add(1);
        if !wanted(self.subscribers, handle, ValueKind::Indication) {
            counters.unclaimed = counters.unclaimed.wrapping_add(1);
            self.state.confirmation_due = true;
            return;
        }
        self.discard_read_indications();
        let mut ring = Ring {
            state: &mut self.state.indications,
            bytes: self.indications,
        };
        let place = ring.end();
        if !ring.push(handle, &[], value) {
            // The peer may not send another before our confirmation, which we have withheld.
            return self.violation("an indication before the last one was confirmed", value);
        }
        let wake = self.waiters.wake;
        announce(self.subscribers, handle, ValueKind::Indication, place, wake);
        if self.room_for_an_indication() {
            self.state.confirmation_due = true;
        } else {
            self.state.confirmation_held = true;
        }
    }

    fn indications_were_read(&mut self) {
        self.discard_read_indications();
        if self.state.confirmation_held && self.room_for_an_indication() {
            self.state.confirmation_held = false;
            self.state.confirmation_due = true;
        }
    }

    fn discard_read_indications(&mut self) {
        let mut ring = Ring {
            state: &mut self.state.indications,
            bytes: self.indications,
        };
        while let Some(oldest) = ring.front() {
            let (tag, cursor) = (oldest.tag, oldest.cursor);
            if self
                .subscribers
                .iter()
                .any(|s| s.has_yet_to_read(tag, ValueKind::Indication, cursor))
            {
                break;
            }
            ring.pop();
        }
    }

    fn room_for_an_indication(&mut self) -> bool {
        // Not the MTU in force, which may grow before the next one comes.
        let longest = self.largest_mtu().max_write();
        self.ring(ValueKind::Indication).fits(longest)
    }

    fn ring(&mut self, kind: ValueKind) -> Ring<'_> {
        match kind {
            ValueKind::Notification => Ring {
                state: &mut self.state.notifications,
                bytes: self.notifications,
            },
            ValueKind::Indication => Ring {
                state: &mut self.state.indications,
                bytes: self.indications,
            },
        }
    }

    fn subscriber(&mut self, id: SubscriptionId) -> Option<&mut Subscriber> {
        self.subscribers
            .get_mut(usize::from(id.index))
            .filter(|s| s.generation == id.generation && s.interest.is_some())
    }
}

impl Subscriber {
    fn wants(&self, handle: u16, kind: ValueKind) -> bool {
        self.interest
            .is_some_and(|(h, k)| h.get() == handle && k == kind)
    }

    fn has_yet_to_read(&self, handle: u16, kind: ValueKind, record: Cursor) -> bool {
        self.pending > 0 && self.wants(handle, kind) && !record.is_before(self.cursor)
    }
}

fn wanted(subscribers: &[Subscriber], handle: u16, kind: ValueKind) -> bool {
    subscribers.iter().any(|s| s.wants(handle, kind))
}

fn announce(
    subscribers: &mut [Subscriber],
    handle: u16,
    kind: ValueKind,
    place: Cursor,
    wake: Wake,
) {
    for subscriber in subscribers.iter_mut().filter(|s| s.wants(handle, kind)) {
        // A subscription that has read everything continues here: a cursor left behind for long
        // would eventually be overtaken as record numbers wrap around.
        if subscriber.pending == 0 {
            subscriber.cursor = place;
        }
        subscriber.pending = subscriber.pending.saturating_add(1);
        subscriber.wake(wake);
    }
}

#[cfg(test)]
impl Subscriber {
    /// How many records it is behind the oldest that is left.
    pub(super) fn lag(&self, oldest: Cursor) -> u32 {
        oldest.after_how_many(self.cursor)
    }
}

//! The links of a dongle, shared between its host thread and all handles.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use dongle_central::att::Mtu;
use dongle_central::bearer::{Bearer, BearerState, BearerStorage, Call, Subscriber};
use dongle_central::links::{Doorbell, Link, LinkInfo, LinkPhase, Links, Reason};

/// How many connections are possible at a time.
pub(crate) const MAX_CONNECTIONS: usize = 16;
/// How many requests may wait at a time, on each connection.
const CALLS: usize = 32;
/// How many subscriptions are possible on each connection.
const SUBSCRIPTIONS: usize = 64;
/// How many tasks may wait on a connection before the list has to grow.
const WAITERS: usize = 64;
/// How many bytes of commands may wait for the controller, on each connection.
const COMMAND_BYTES: usize = 32 * 1024;
/// How many bytes of notified values may wait to be read on each connection by default: more than
/// twenty seconds of everything that the radio can carry.
pub(crate) const NOTIFICATION_BYTES: usize = 4 * 1024 * 1024;
/// How many bytes of indicated values may wait. Two of any length have to fit.
const INDICATION_BYTES: usize = 8 * 1024;

/// The links. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct SharedLinks(Arc<Table>);

#[derive(Debug)]
struct Table {
    places: Vec<Mutex<Place>>,
    doorbell: Doorbell,
    notification_bytes: usize,
}

/// The memory of one link. Pages that are never used cost nothing.
#[derive(Debug)]
struct Place {
    info: LinkInfo,
    state: BearerState,
    calls: Vec<Call>,
    call_bytes: Vec<u8>,
    commands: Vec<u8>,
    /// Allocated only while the link is in use.
    notifications: Vec<u8>,
    indications: Vec<u8>,
    subscribers: Vec<Subscriber>,
    waiters: Vec<Option<Waker>>,
    pdu: Vec<u8>,
}

thread_local! {
    /// Tasks to be woken once the link has been unlocked: waking a task may run or drop it at once,
    /// and it may then use the link.
    static WOKEN: RefCell<VecDeque<Waker>> = const { RefCell::new(VecDeque::new()) };
    /// Whether waking is put off further, by [`wake_after`].
    static HELD_BACK: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`, and wakes tasks only after it. Waking a thread costs more than handling a value: if a
/// reader were woken for each, the host thread would do little else.
pub(crate) fn wake_after<R>(f: impl FnOnce() -> R) -> R {
    struct After;

    // Also if it panics, because these tasks are no longer on the link's list.
    impl Drop for After {
        fn drop(&mut self) {
            HELD_BACK.set(false);
            wake_now();
        }
    }

    HELD_BACK.set(true);
    let _after = After;
    f()
}

fn wake_later(waker: Waker) {
    let mut waker = Some(waker);
    // A thread that is ending can't put it off.
    let noted = WOKEN.try_with(|woken| woken.borrow_mut().extend(waker.take()));
    if let (Err(_), Some(waker)) = (noted, waker) {
        waker.wake();
    }
}

fn wake_now() {
    let next = || WOKEN.try_with(|woken| woken.borrow_mut().pop_front());
    while let Ok(Some(waker)) = next() {
        waker.wake();
    }
}

impl SharedLinks {
    /// Whether any connection is up.
    pub(crate) fn any_open(&self) -> bool {
        (0..self.capacity()).any(|index| self.open_at(index).is_some())
    }

    /// `notification_bytes` limits the values that may wait to be read on each connection.
    pub(crate) fn new(notification_bytes: usize) -> Self {
        let places = std::iter::repeat_with(Place::new).map(Mutex::new);
        Self(Arc::new(Table {
            places: places.take(MAX_CONNECTIONS).collect(),
            doorbell: Doorbell::new(),
            // The longest possible value has to fit.
            notification_bytes: notification_bytes.max(2 * Mtu::MAX.size()),
        }))
    }
}

impl SharedLinks {
    /// Ends all links, because the dongle is down.
    pub(crate) fn end(&self) {
        for index in 0..self.capacity() {
            if let Some((id, _)) = self.open_at(index) {
                self.close(id, Reason::ControllerFailed);
            }
        }
    }
}

impl Place {
    fn new() -> Self {
        Self {
            info: LinkInfo::FREE,
            state: BearerState::closed(),
            calls: (0..CALLS).map(|_| Call::FREE).collect(),
            call_bytes: vec![0; CALLS * Mtu::MAX.size()],
            commands: vec![0; COMMAND_BYTES],
            notifications: Vec::new(),
            indications: vec![0; INDICATION_BYTES],
            subscribers: (0..SUBSCRIPTIONS).map(|_| Subscriber::FREE).collect(),
            waiters: vec![None; WAITERS],
            pdu: vec![0; Mtu::MAX.size()],
        }
    }

    /// Allocates memory for values while these can arrive or be read. It is zeroed by the system,
    /// which provides each page only when it is used.
    fn fit(&mut self, notification_bytes: usize) {
        // The list fills from the front. If it is full, waiters would wake each other forever.
        if self.waiters.last().is_some_and(Option::is_some) {
            self.waiters.resize(2 * self.waiters.len(), None);
        }
        match self.info.phase() {
            LinkPhase::Free => self.notifications = Vec::new(),
            _ if self.notifications.is_empty() => self.notifications = vec![0; notification_bytes],
            _ => {}
        }
    }

    fn link(&mut self) -> Link<'_> {
        Link {
            info: &mut self.info,
            bearer: Bearer::new(BearerStorage {
                state: &mut self.state,
                calls: &mut self.calls,
                call_bytes: &mut self.call_bytes,
                commands: &mut self.commands,
                notifications: &mut self.notifications,
                indications: &mut self.indications,
                subscribers: &mut self.subscribers,
                waiters: &mut self.waiters,
                wake: wake_later,
            }),
            pdu: &mut self.pdu,
        }
    }
}

impl Links for SharedLinks {
    fn capacity(&self) -> usize {
        self.0.places.len()
    }

    fn with<R>(&self, index: usize, f: impl FnOnce(&mut Link<'_>) -> R) -> Option<R> {
        let place = self.0.places.get(index)?;
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        place.fit(self.0.notification_bytes);
        let result = f(&mut place.link());
        drop(place);
        if !HELD_BACK.try_with(Cell::get).unwrap_or(false) {
            wake_now();
        }
        Some(result)
    }

    fn doorbell(&self) -> &Doorbell {
        &self.0.doorbell
    }

    /// Does nothing: the core ends all links as soon as it notices that the controller is gone, but
    /// calls on them have to report the reason, which is known only when the host thread ends.
    /// Until then they wait.
    fn close_all(&self, _: Reason) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::Wake;

    struct Counts(Arc<AtomicUsize>);

    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn however_many_tasks_wait_on_a_connection_none_wakes_another() {
        let links = SharedLinks::new(NOTIFICATION_BYTES);
        let woken = Arc::new(AtomicUsize::new(0));
        let tasks = 5 * WAITERS;
        for _ in 0..tasks {
            let waker = Waker::from(Arc::new(Counts(Arc::clone(&woken))));
            links.with(0, |link| link.bearer.wait_for_change(&waker));
        }
        assert_eq!(woken.load(Relaxed), 0);
        links.with(0, |link| link.bearer.changed());
        assert_eq!(woken.load(Relaxed), tasks);
    }

    /// A task that is polled or dropped as soon as it is woken, and then uses the link.
    struct UsesLink(SharedLinks, AtomicUsize);

    impl Wake for UsesLink {
        fn wake(self: Arc<Self>) {
            self.0.with(0, |link| link.bearer.changed());
            self.1.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn a_task_that_uses_its_link_when_it_is_woken_finds_it_unlocked() {
        let task = Arc::new(UsesLink(
            SharedLinks::new(NOTIFICATION_BYTES),
            AtomicUsize::new(0),
        ));
        let waker = Waker::from(Arc::clone(&task));
        let links = &task.0;
        for woken in 1..4 {
            links.with(0, |link| link.bearer.wait_for_change(&waker));
            links.with(0, |link| link.bearer.changed());
            assert_eq!(task.1.load(Relaxed), woken);
        }
    }

    #[test]
    fn what_is_told_in_one_turn_wakes_a_task_once_behind_it() {
        let task = Arc::new(UsesLink(
            SharedLinks::new(NOTIFICATION_BYTES),
            AtomicUsize::new(0),
        ));
        let waker = Waker::from(Arc::clone(&task));
        let links = &task.0;
        links.with(0, |link| link.bearer.wait_for_change(&waker));
        wake_after(|| {
            links.with(0, |link| link.bearer.changed());
            links.with(0, |link| link.bearer.changed());
            assert_eq!(task.1.load(Relaxed), 0);
        });
        assert_eq!(task.1.load(Relaxed), 1);
        links.with(0, |link| link.bearer.wait_for_change(&waker));
        links.with(0, |link| link.bearer.changed());
        assert_eq!(task.1.load(Relaxed), 2, "and at once when it is over");
    }
}

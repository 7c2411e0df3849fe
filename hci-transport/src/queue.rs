//! A bounded queue of packets between two threads or tasks: a writer waits while it is full and a
//! reader while it is empty, and only those who wait are woken.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use crate::Error;
use crate::ring::Ring;
use crate::snoop::{self, SharedRecorder};
use crate::waiters::{WaiterKey, Waiters, Woken};

/// One direction of a channel.
#[derive(Debug)]
pub(crate) struct PacketQueue {
    state: Mutex<State>,
    readable: Condvar,
    writable: Condvar,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    /// Why no more packets come in; those in the ring can still be read.
    end: Option<Error>,
    counts: Counts,
    /// Where the controller's packets are recorded before they can be read.
    recorder: Option<SharedRecorder>,
    reading: Waiters,
    writing: Waiters,
    blocked_readers: usize,
    blocked_writers: usize,
}

/// What has gone into a queue since it was made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

/// Why a blocking call returned without having done anything.
#[derive(Debug)]
pub(crate) enum Stopped {
    TimedOut,
    Ended(Error),
}

/// A source of whole packets, each valid until the next one is requested.
pub(crate) trait Packets {
    fn next_packet(&mut self) -> Option<&[u8]>;

    /// Makes the next call return the last packet again.
    #[cfg_attr(not(unix), allow(dead_code))]
    fn put_back(&mut self);
}

impl PacketQueue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State {
                ring: Ring::new(capacity),
                end: None,
                counts: Counts::default(),
                recorder: None,
                reading: Waiters::default(),
                writing: Waiters::default(),
                blocked_readers: 0,
                blocked_writers: 0,
            }),
            readable: Condvar::new(),
            writable: Condvar::new(),
        }
    }

    /// From now on, packets from the controller are recorded as they are queued.
    pub(crate) fn record_to(&self, recorder: SharedRecorder) {
        self.lock().recorder = Some(recorder);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().end.is_some()
    }

    /// No more packets come in, because of `error`. Those in the queue can still be read, unless
    /// `throw_away` is set. If the queue has already ended, this changes nothing.
    pub(crate) fn end(&self, error: &Error, throw_away: bool) {
        let mut state = self.lock();
        if state.end.is_some() {
            return;
        }
        if throw_away {
            state.ring.clear();
        }
        state.end = Some(error.clone());
        let (readers, writers) = (state.reading.take(), state.writing.take());
        drop(state);
        self.readable.notify_all();
        self.writable.notify_all();
        readers.wake();
        writers.wake();
    }

    /// Discards the queued packets.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        state.ring.clear();
        self.wake_writers(state);
    }

    /// Queues a packet, or returns `false` if there is no room.
    pub(crate) fn try_push(&self, packet: &[u8]) -> Result<bool, Error> {
        let mut state = self.lock();
        let room = state.room_for(packet.len())?;
        if room {
            state.push(packet);
            self.wake_readers(state);
        }
        Ok(room)
    }

    /// Queues a packet once there is room for it.
    pub(crate) fn poll_push(
        &self,
        cx: &mut Context<'_>,
        key: WaiterKey,
        packet: &[u8],
    ) -> Poll<Result<(), Error>> {
        let mut state = self.lock();
        if state.room_for(packet.len())? {
            state.push(packet);
            self.wake_readers(state);
            Poll::Ready(Ok(()))
        } else {
            state.writing.register(key, cx.waker());
            Poll::Pending
        }
    }

    /// Queues a packet that `write` composes, once there is room for about `length` bytes. `key` is
    /// called only if the caller has to wait.
    pub(crate) fn poll_push_with(
        &self,
        cx: &mut Context<'_>,
        key: impl FnOnce() -> WaiterKey,
        length: usize,
        write: impl FnOnce(&mut crate::ring::Writer<'_>),
    ) -> Poll<Result<(), Error>> {
        let mut state = self.lock();
        if state.room_for(length)? {
            let length = state.ring.push_with(write);
            state.counts.add(length);
            self.wake_readers(state);
            Poll::Ready(Ok(()))
        } else {
            state.writing.register(key(), cx.waker());
            Poll::Pending
        }
    }

    /// Queues a packet once there is room for it, or gives up at `deadline`.
    pub(crate) fn push_blocking(
        &self,
        packet: &[u8],
        deadline: Option<Instant>,
    ) -> Result<(), Stopped> {
        let mut state = self.wait_for_room(self.lock(), packet.len(), deadline)?;
        state.push(packet);
        self.wake_readers(state);
        Ok(())
    }

    /// Queues every packet of `packets`, under one lock and with one wake as long as there is room.
    pub(crate) fn push_all_blocking(&self, packets: &mut impl Packets) -> Result<(), Error> {
        let mut state = self.lock();
        while let Some(packet) = packets.next_packet() {
            state = match self.wait_for_room(state, packet.len(), None) {
                Ok(state) => state,
                Err(Stopped::Ended(error)) => return Err(error),
                // Can't happen without a deadline.
                Err(Stopped::TimedOut) => return Ok(()),
            };
            state.push(packet);
        }
        self.wake_readers(state);
        Ok(())
    }

    /// Queues as many of `packets` as there is room for, under one lock and with one wake, and
    /// returns how many. `Pending`: not all of them.
    pub(crate) fn poll_push_each<'p>(
        &self,
        cx: &mut Context<'_>,
        key: WaiterKey,
        packets: impl IntoIterator<Item = &'p [u8]>,
    ) -> (usize, Poll<Result<(), Error>>) {
        let mut state = self.lock();
        let (mut count, mut outcome) = (0, Poll::Ready(Ok(())));
        for packet in packets {
            match state.room_for(packet.len()) {
                Ok(true) => {
                    state.push(packet);
                    count += 1;
                    continue;
                }
                Ok(false) => {
                    state.writing.register(key, cx.waker());
                    outcome = Poll::Pending;
                }
                Err(error) => outcome = Poll::Ready(Err(error)),
            }
            break;
        }
        self.wake_readers(state);
        (count, outcome)
    }

    /// Queues every packet of `packets`, under one lock and with one wake. `Pending`: there wasn't
    /// room for all.
    #[cfg_attr(not(unix), allow(dead_code))]
    pub(crate) fn poll_push_all(
        &self,
        cx: &mut Context<'_>,
        key: WaiterKey,
        packets: &mut impl Packets,
    ) -> Poll<Result<(), Error>> {
        let mut state = self.lock();
        let mut outcome = Poll::Ready(Ok(()));
        while let Some(packet) = packets.next_packet() {
            match state.room_for(packet.len()) {
                Ok(true) => {
                    state.push(packet);
                    continue;
                }
                Ok(false) => {
                    packets.put_back();
                    state.writing.register(key, cx.waker());
                    outcome = Poll::Pending;
                }
                Err(error) => outcome = Poll::Ready(Err(error)),
            }
            break;
        }
        self.wake_readers(state);
        outcome
    }

    /// Passes the ring to `take`, which must pop the packet at the front, if there is one.
    pub(crate) fn try_read<T>(
        &self,
        take: impl FnOnce(&mut Ring) -> T,
    ) -> Result<Option<T>, Error> {
        let mut state = self.lock();
        if !state.readable()? {
            return Ok(None);
        }
        let taken = take(&mut state.ring);
        self.wake_writers(state);
        Ok(Some(taken))
    }

    /// As [`try_read`](Self::try_read), once there is a packet. `key` is called only if the caller
    /// has to wait.
    pub(crate) fn poll_read<T>(
        &self,
        cx: &mut Context<'_>,
        key: impl FnOnce() -> WaiterKey,
        take: impl FnOnce(&mut Ring) -> T,
    ) -> Poll<Result<T, Error>> {
        let mut state = self.lock();
        if !state.readable()? {
            state.reading.register(key(), cx.waker());
            return Poll::Pending;
        }
        let taken = take(&mut state.ring);
        self.wake_writers(state);
        Poll::Ready(Ok(taken))
    }

    /// As [`try_read`](Self::try_read), once there is a packet.
    pub(crate) fn read_blocking<T>(
        &self,
        deadline: Option<Instant>,
        take: impl FnOnce(&mut Ring) -> T,
    ) -> Result<T, Stopped> {
        let mut state = self.lock();
        while !state.readable().map_err(Stopped::Ended)? {
            state.blocked_readers += 1;
            let (again, late) = wait(&self.readable, state, deadline);
            state = again;
            state.blocked_readers -= 1;
            if late && state.ring.is_empty() && state.end.is_none() {
                return Err(Stopped::TimedOut);
            }
        }
        let taken = take(&mut state.ring);
        self.wake_writers(state);
        Ok(taken)
    }

    /// Drops the waker that is registered for `key`.
    pub(crate) fn forget(&self, key: WaiterKey) {
        let mut state = self.lock();
        state.reading.remove(key);
        state.writing.remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is always consistent, even if a packet type's own code panicked while it was
        // held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        length: usize,
        deadline: Option<Instant>,
    ) -> Result<MutexGuard<'a, State>, Stopped> {
        while !state.room_for(length).map_err(Stopped::Ended)? {
            // The readers may not have been woken yet for what is in the queue.
            let (waiting, blocked) = state.take_readers();
            if blocked {
                self.readable.notify_all();
            }
            if !waiting.is_empty() {
                // A waker is foreign code, so it is never called with the lock held.
                drop(state);
                waiting.wake();
                state = self.lock();
                continue;
            }
            state.blocked_writers += 1;
            let (again, late) = wait(&self.writable, state, deadline);
            state = again;
            state.blocked_writers -= 1;
            if late && state.end.is_none() && !state.ring.fits(length) {
                return Err(Stopped::TimedOut);
            }
        }
        Ok(state)
    }

    fn wake_readers(&self, mut state: MutexGuard<'_, State>) {
        let (waiting, blocked) = state.take_readers();
        drop(state);
        if blocked {
            self.readable.notify_all();
        }
        waiting.wake();
    }

    fn wake_writers(&self, mut state: MutexGuard<'_, State>) {
        if !state.ring.has_much_room() {
            return;
        }
        let blocked = state.blocked_writers > 0;
        let waiting = state.writing.take();
        drop(state);
        if blocked {
            self.writable.notify_all();
        }
        waiting.wake();
    }
}

impl State {
    fn room_for(&self, length: usize) -> Result<bool, Error> {
        match &self.end {
            Some(error) => Err(error.clone()),
            None => Ok(self.ring.fits(length)),
        }
    }

    fn readable(&self) -> Result<bool, Error> {
        match &self.end {
            _ if !self.ring.is_empty() => Ok(true),
            Some(error) => Err(error.clone()),
            None => Ok(false),
        }
    }

    fn push(&mut self, packet: &[u8]) {
        if let Some(recorder) = &self.recorder {
            snoop::record(recorder, true, packet);
        }
        self.ring.push(packet);
        self.counts.add(packet.len());
    }

    fn take_readers(&mut self) -> (Woken, bool) {
        if self.ring.is_empty() {
            return (Woken::default(), false);
        }
        (self.reading.take(), self.blocked_readers > 0)
    }
}

impl Counts {
    fn add(&mut self, length: usize) {
        self.packets += 1;
        self.bytes += length as u64;
    }
}

/// Waits for a change. The second value is true once the deadline has passed.
fn wait<'a>(
    changed: &Condvar,
    state: MutexGuard<'a, State>,
    deadline: Option<Instant>,
) -> (MutexGuard<'a, State>, bool) {
    let Some(deadline) = deadline else {
        let state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        return (state, false);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    let (state, _) = changed
        .wait_timeout(state, left)
        .unwrap_or_else(PoisonError::into_inner);
    (state, Instant::now() >= deadline)
}

//! A bounded queue of packets between two threads or tasks: full holds the writer back, empty the
//! reader, and nobody is woken who doesn't wait.

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
    /// Why nothing more comes in; what is in the ring can still be read.
    end: Option<Error>,
    counts: Counts,
    /// Where the controller's packets are recorded before anyone can read them.
    recorder: Option<SharedRecorder>,
    reading: Waiters,
    writing: Waiters,
    blocked_readers: usize,
    blocked_writers: usize,
}

/// What went into a queue since it was made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

/// Why a blocking call came back with nothing.
#[derive(Debug)]
pub(crate) enum Stopped {
    TimedOut,
    Ended(Error),
}

/// A source of whole packets, each valid until the next is asked for.
pub(crate) trait Packets {
    fn next_packet(&mut self) -> Option<&[u8]>;

    /// The packet that came last is to come again.
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

    /// From now on, packets from the controller are recorded as they are put in.
    pub(crate) fn record_to(&self, recorder: SharedRecorder) {
        self.lock().recorder = Some(recorder);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().end.is_some()
    }

    /// Nothing more comes in, because of `error`. What is queued can still be read, unless it is to
    /// be thrown away. If the queue has ended before, this changes nothing.
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

    /// Throws away what is queued.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        state.ring.clear();
        self.wake_writers(state);
    }

    /// Puts a packet in, or answers `false` if it is full.
    pub(crate) fn try_push(&self, packet: &[u8]) -> Result<bool, Error> {
        let mut state = self.lock();
        let room = state.room_for(packet.len())?;
        if room {
            state.push(packet);
            self.wake_readers(state);
        }
        Ok(room)
    }

    /// Puts a packet in once there is room for it.
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

    /// Puts in a packet that `write` composes, once there is room for about `length` bytes. Only who has
    /// to wait needs a key.
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

    /// Puts a packet in once there is room for it.
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

    /// Puts in every packet of `packets`, under one lock and with one wake as long as there is
    /// room.
    pub(crate) fn push_all_blocking(&self, packets: &mut impl Packets) -> Result<(), Error> {
        let mut state = self.lock();
        while let Some(packet) = packets.next_packet() {
            state = match self.wait_for_room(state, packet.len(), None) {
                Ok(state) => state,
                Err(Stopped::Ended(error)) => return Err(error),
                // Without a deadline.
                Err(Stopped::TimedOut) => return Ok(()),
            };
            state.push(packet);
        }
        self.wake_readers(state);
        Ok(())
    }

    /// Puts in as many of `packets` as there is room for, under one lock and with one wake; how many.
    /// `Pending`: not all.
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

    /// Puts in every packet of `packets`, under one lock and with one wake. `Pending`: there was no
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

    /// Hands the ring to `take` if there is a packet at its front, which `take` is to pop.
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

    /// As [`try_read`](Self::try_read), once there is a packet. Only who has to wait needs a key.
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

    /// `key` no longer waits.
    pub(crate) fn forget(&self, key: WaiterKey) {
        let mut state = self.lock();
        state.reading.remove(key);
        state.writing.remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change to the state is whole, even if a packet type's own code panicked in it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        length: usize,
        deadline: Option<Instant>,
    ) -> Result<MutexGuard<'a, State>, Stopped> {
        while !state.room_for(length).map_err(Stopped::Ended)? {
            // What is in the queue may not have been announced yet.
            let (waiting, blocked) = state.take_readers();
            if blocked {
                self.readable.notify_all();
            }
            if !waiting.is_empty() {
                // A waker is someone else's code: none is called under the lock.
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

/// Waits for a change; the answer's second half says that the deadline has passed.
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

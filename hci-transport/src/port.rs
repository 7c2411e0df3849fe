//! The end of a channel that moves the packets: a transport's, or a simulated controller's.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::Error;
use crate::channel::{Closed, Shared};
use crate::packet::kind_of;
use crate::queue::{Packets, Stopped};
use crate::ring::Ring;
use crate::snoop;
use crate::waiters::WaiterKey;

/// The pump's end of a channel: it delivers the controller's packets to the host and takes the
/// host's packets to the controller.
///
/// All packets are whole and in H4 form: the packet indicator, the header, the payload. Clones
/// share the channel; when the last is dropped, the host reads what was delivered and is then
/// disconnected. After the host has closed its end, what it wrote before can still be taken.
pub struct HciPort {
    shared: Arc<Shared>,
    // Only held: dropping the last one ends the channel.
    alive: Arc<Alive>,
    key: WaiterKey,
}

/// Why [`HciPort::try_deliver`] didn't deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryDeliverError {
    /// The host hasn't read what is queued; try again later.
    Full,
    /// The channel is closed.
    Closed,
}

impl fmt::Display for TryDeliverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the host hasn't read what is queued"),
            Self::Closed => Closed.fmt(f),
        }
    }
}

impl std::error::Error for TryDeliverError {}

struct Alive(Arc<Shared>);

impl Drop for Alive {
    fn drop(&mut self) {
        let name = &self.0.name;
        fail(
            &self.0,
            &Error::disconnected(name, "the controller's end of the channel is gone"),
        );
    }
}

fn fail(shared: &Shared, error: &Error) {
    // Both directions end for the same reason, even if one pump notices a failure while the other
    // still works.
    let error = shared.failure.get_or_init(|| error.clone());
    // In this order, so that a host that has read the error can no longer write.
    shared.to_controller.end(error, true);
    shared.to_host.end(error, false);
}

impl HciPort {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            alive: Arc::new(Alive(Arc::clone(&shared))),
            shared,
            key: WaiterKey::new(),
        }
    }

    /// The channel's name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Delivers a packet to the host if there is room for it.
    ///
    /// # Errors
    ///
    /// [`TryDeliverError::Full`] or [`TryDeliverError::Closed`]; the packet wasn't taken.
    pub fn try_deliver(&self, packet: &[u8]) -> Result<(), TryDeliverError> {
        match self.shared.to_host.try_push(packet) {
            Ok(true) => Ok(()),
            Ok(false) => Err(TryDeliverError::Full),
            Err(_) => Err(TryDeliverError::Closed),
        }
    }

    /// Delivers a packet to the host; the thread waits while there is no room.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the host's end is closed or the channel has failed.
    pub fn deliver_blocking(&self, packet: &[u8]) -> Result<(), Closed> {
        match self.shared.to_host.push_blocking(packet, None) {
            Ok(()) => Ok(()),
            Err(_) => Err(Closed),
        }
    }

    /// Delivers a packet to the host once there is room for it.
    ///
    /// One task at a time may wait with each clone of a port: a later waker replaces the earlier.
    ///
    /// # Errors
    ///
    /// As [`deliver_blocking`](Self::deliver_blocking).
    pub fn poll_deliver(&self, cx: &mut Context<'_>, packet: &[u8]) -> Poll<Result<(), Closed>> {
        self.shared
            .to_host
            .poll_push(cx, self.key, packet)
            .map_err(|_| Closed)
    }

    /// Delivers as many of `packets` as there is room for, and wakes the host once for all of them.
    /// Returns how many were taken. `Pending`: not all, and the waker is woken when there is room.
    ///
    /// # Errors
    ///
    /// As [`deliver_blocking`](Self::deliver_blocking).
    pub fn poll_deliver_each<'p>(
        &self,
        cx: &mut Context<'_>,
        packets: impl IntoIterator<Item = &'p [u8]>,
    ) -> (usize, Poll<Result<(), Closed>>) {
        let (count, outcome) = self.shared.to_host.poll_push_each(cx, self.key, packets);
        (count, outcome.map_err(|_| Closed))
    }

    /// Takes the host's next packet into `out`, replacing its contents. Returns `false` if there is
    /// none.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the host's end is closed and all it wrote has been taken, or the channel
    /// has failed.
    pub fn try_next(&self, out: &mut Vec<u8>) -> Result<bool, Closed> {
        match self
            .shared
            .to_controller
            .try_read(|ring| self.take(ring, out))
        {
            Ok(taken) => Ok(taken.is_some()),
            Err(_) => Err(Closed),
        }
    }

    /// Waits for the host's next packet, at most `timeout` if one is given, and takes it into `out`.
    /// Returns `false` if none arrived in time.
    ///
    /// # Errors
    ///
    /// As [`try_next`](Self::try_next).
    pub fn next_blocking(
        &self,
        out: &mut Vec<u8>,
        timeout: Option<Duration>,
    ) -> Result<bool, Closed> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let next = self
            .shared
            .to_controller
            .read_blocking(deadline, |ring| self.take(ring, out));
        match next {
            Ok(()) => Ok(true),
            Err(Stopped::TimedOut) => Ok(false),
            Err(Stopped::Ended(_)) => Err(Closed),
        }
    }

    /// Takes the host's next packet into `out` once there is one.
    ///
    /// One task at a time may wait with each clone of a port: a later waker replaces the earlier.
    ///
    /// # Errors
    ///
    /// As [`try_next`](Self::try_next).
    pub fn poll_next(&self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<(), Closed>> {
        self.shared
            .to_controller
            .poll_read(cx, || self.key, |ring| self.take(ring, out))
            .map_err(|_| Closed)
    }

    /// The wire is gone. What was delivered can still be read; after that, every read and write of
    /// the host returns `error`. The first reason given stays.
    pub fn fail(&self, error: Error) {
        fail(&self.shared, &error);
    }

    /// Whether the channel has ended, by either side. What the host wrote before may still wait.
    pub fn is_closed(&self) -> bool {
        self.shared.to_controller.has_ended()
    }

    /// Counts bytes of the wire that belonged to no packet.
    pub fn add_discarded_bytes(&self, count: u64) {
        self.shared.discarded.fetch_add(count, Ordering::Relaxed);
    }

    /// Delivers every packet of `packets` with as few locks and wakes as the room allows.
    pub(crate) fn deliver_all_blocking(&self, packets: &mut impl Packets) -> Result<(), Closed> {
        let delivered = self.shared.to_host.push_all_blocking(packets);
        delivered.map_err(|_| Closed)
    }

    /// As [`deliver_all_blocking`](Self::deliver_all_blocking), without waiting. `Pending`: there
    /// wasn't room for all.
    #[cfg(unix)]
    pub(crate) fn poll_deliver_all(
        &self,
        cx: &mut Context<'_>,
        packets: &mut impl Packets,
    ) -> Poll<Result<(), Closed>> {
        let delivered = self.shared.to_host.poll_push_all(cx, self.key, packets);
        delivered.map_err(|_| Closed)
    }

    /// Waits for packets of the host, and takes all there are, one after the other, until `out` has
    /// `enough` bytes.
    pub(crate) fn next_batch_blocking(
        &self,
        out: &mut Vec<u8>,
        enough: usize,
    ) -> Result<(), Closed> {
        let next = self.shared.to_controller.read_blocking(None, |ring| {
            self.take_batch(ring, out, enough);
        });
        next.map_err(|_| Closed)
    }

    /// As [`next_batch_blocking`](Self::next_batch_blocking), without waiting.
    #[cfg(unix)]
    pub(crate) fn poll_next_batch(
        &self,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
        enough: usize,
    ) -> Poll<Result<(), Closed>> {
        let next = self.shared.to_controller.poll_read(
            cx,
            || self.key,
            |ring| {
                self.take_batch(ring, out, enough);
            },
        );
        next.map_err(|_| Closed)
    }

    fn take_batch(&self, ring: &mut Ring, out: &mut Vec<u8>, enough: usize) {
        out.clear();
        while out.len() < enough && !ring.is_empty() {
            self.take_behind(ring, out);
        }
    }

    fn take(&self, ring: &mut Ring, out: &mut Vec<u8>) {
        out.clear();
        self.take_behind(ring, out);
    }

    /// Appends the packet at the front to `out`, and records it, unless it is the filling that
    /// brings a controller back into synchronisation.
    fn take_behind(&self, ring: &mut Ring, out: &mut Vec<u8>) {
        let start = out.len();
        ring.pop_into(out);
        if let Some(recorder) = self.shared.recorder.get()
            && let Some(packet) = out.get(start..)
            && packet.first().copied().and_then(kind_of).is_some()
        {
            snoop::record(recorder, false, packet);
        }
    }

    /// The host can no longer write, because of `error`; packets can still be delivered to it.
    pub(crate) fn fail_writes(&self, error: &Error) {
        self.shared.to_controller.end(error, true);
    }
}

impl Clone for HciPort {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            alive: Arc::clone(&self.alive),
            key: WaiterKey::new(),
        }
    }
}

impl Drop for HciPort {
    fn drop(&mut self) {
        self.shared.to_host.forget(self.key);
        self.shared.to_controller.forget(self.key);
    }
}

impl fmt::Debug for HciPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HciPort")
            .field("name", &self.name())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

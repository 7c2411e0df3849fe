//! The packet channel between the host at one end and whatever moves the bytes at the other.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

#[cfg(unix)]
use crate::helm::Helm;
use crate::port::HciPort;
use crate::pump::Pumps;
use crate::queue::{PacketQueue, Stopped};
use crate::snoop::SharedRecorder;
use crate::waiters::WaiterKey;
use crate::{Error, ErrorKind, Snoop};

/// How long a dropped channel waits for its wire to be released.
const RELEASE: Duration = Duration::from_millis(1_500);

/// Makes a channel: the host's end, and the end for what moves its packets.
///
/// `name` prefixes the channel's errors. `capacity_bytes` limits what is queued in each direction; a
/// writer to a full queue waits, and nothing is lost.
///
/// ```
/// let (channel, port) = hci_transport::channel("example", 4096);
/// port.try_deliver(&[0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00])?;
///
/// let mut packet = Vec::new();
/// channel.read_packet_timeout(&mut packet, std::time::Duration::ZERO)?;
/// assert_eq!(packet, [0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn channel(name: impl Into<String>, capacity_bytes: usize) -> (HciChannel, HciPort) {
    let shared = Arc::new(Shared {
        name: name.into(),
        to_host: PacketQueue::new(capacity_bytes),
        to_controller: PacketQueue::new(capacity_bytes),
        discarded: AtomicU64::new(0),
        undecodable: AtomicU64::new(0),
        recorder: OnceLock::new(),
        failure: OnceLock::new(),
    });
    let channel = HciChannel {
        shared: Arc::clone(&shared),
        pumps: None,
        #[cfg(unix)]
        helm: None,
    };
    (channel, HciPort::new(shared))
}

/// What both ends share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) to_host: PacketQueue,
    pub(crate) to_controller: PacketQueue,
    pub(crate) discarded: AtomicU64,
    pub(crate) undecodable: AtomicU64,
    /// Where the host's packets are recorded as they are taken; see [`PacketQueue::record_to`] for
    /// the other direction.
    pub(crate) recorder: OnceLock<SharedRecorder>,
    /// The first error that anyone noticed on the wire.
    pub(crate) failure: OnceLock<Error>,
}

/// The host's end of a channel: whole HCI packets to and from one controller.
///
/// It is a [`Transport`](bt_hci::transport::Transport) for a host stack, and has methods for raw
/// packets in H4 form (the packet indicator first). Every method takes `&self`, from any thread;
/// dropping a future never loses a packet.
///
/// Dropping it closes the channel and waits until the device or socket can be opened again:
/// milliseconds, or at most a second and a half if the other side accepts nothing or, on TCP, does
/// not close its end. What was written before is still sent.
pub struct HciChannel {
    pub(crate) shared: Arc<Shared>,
    pumps: Option<Pumps>,
    #[cfg(unix)]
    helm: Option<Helm>,
}

impl HciChannel {
    /// Dropping the channel waits until these have ended.
    pub(crate) fn attach(&mut self, pumps: Pumps) {
        self.pumps = Some(pumps);
    }

    /// Lets the thread that uses the channel move its bytes, through `helm`.
    #[cfg(unix)]
    pub(crate) fn steer_by(&mut self, helm: Helm) {
        self.helm = Some(helm);
    }

    #[cfg(unix)]
    pub(crate) fn helm(&self) -> Option<&Helm> {
        self.helm.as_ref()
    }

    /// Waits for a packet from the controller and puts it into `out`, replacing its contents.
    ///
    /// # Errors
    ///
    /// Once the wire is gone and everything that arrived before has been read, every read returns
    /// the reason.
    pub async fn read_packet(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut waiter = Waiter::new(&self.shared.to_host);
        std::future::poll_fn(|cx| {
            let queue = waiter.queue;
            queue.poll_read(
                cx,
                || waiter.key(),
                |ring| {
                    out.clear();
                    ring.pop_into(out);
                },
            )
        })
        .await
    }

    /// Writes a packet in H4 form to the controller, once there is room for it.
    ///
    /// # Errors
    ///
    /// Once the wire is gone, every write returns the reason.
    pub async fn write_packet(&self, packet: &[u8]) -> Result<(), Error> {
        self.write_with(packet.len(), |writer| {
            let _ = embedded_io::Write::write_all(writer, packet);
        })
        .await
    }

    /// Waits at most `timeout` for a packet from the controller. Returns `false` if none arrived;
    /// `out` is then unchanged.
    ///
    /// # Errors
    ///
    /// As [`read_packet`](Self::read_packet).
    pub fn read_packet_timeout(&self, out: &mut Vec<u8>, timeout: Duration) -> Result<bool, Error> {
        self.read_batch_timeout(out, 1, timeout)
    }

    /// As [`read_packet_timeout`](Self::read_packet_timeout), but replaces `out` with all the
    /// packets that there are, one after the other, and stops once `out` has `enough` bytes.
    pub(crate) fn read_batch_timeout(
        &self,
        out: &mut Vec<u8>,
        enough: usize,
        timeout: Duration,
    ) -> Result<bool, Error> {
        let read = self
            .shared
            .to_host
            .read_blocking(Instant::now().checked_add(timeout), |ring| {
                ring.pop_batch(out, enough);
            });
        match read {
            Ok(()) => Ok(true),
            Err(Stopped::TimedOut) => Ok(false),
            Err(Stopped::Ended(error)) => Err(error),
        }
    }

    /// Writes a packet in H4 form to the controller; the thread waits while there is no room.
    ///
    /// # Errors
    ///
    /// As [`write_packet`](Self::write_packet).
    pub fn write_packet_blocking(&self, packet: &[u8]) -> Result<(), Error> {
        match self.shared.to_controller.push_blocking(packet, None) {
            Ok(()) | Err(Stopped::TimedOut) => Ok(()),
            Err(Stopped::Ended(error)) => Err(error),
        }
    }

    /// Writes a packet in H4 form to the controller; the thread waits at most `timeout` for room.
    /// Returns `false` if there was none; the packet is then not written.
    ///
    /// # Errors
    ///
    /// As [`write_packet`](Self::write_packet).
    pub fn write_packet_timeout(&self, packet: &[u8], timeout: Duration) -> Result<bool, Error> {
        let deadline = Instant::now().checked_add(timeout);
        match self.shared.to_controller.push_blocking(packet, deadline) {
            Ok(()) => Ok(true),
            Err(Stopped::TimedOut) => Ok(false),
            Err(Stopped::Ended(error)) => Err(error),
        }
    }

    /// Writes a packet that `write` composes, once there is room for about `length` bytes.
    pub(crate) async fn write_with(
        &self,
        length: usize,
        write: impl FnOnce(&mut crate::ring::Writer<'_>),
    ) -> Result<(), Error> {
        let mut waiter = Waiter::new(&self.shared.to_controller);
        let mut write = Some(write);
        std::future::poll_fn(|cx| {
            let queue = waiter.queue;
            queue.poll_push_with(
                cx,
                || waiter.key(),
                length,
                |writer| {
                    if let Some(write) = write.take() {
                        write(writer);
                    }
                },
            )
        })
        .await
    }

    /// The controller's name, which prefixes the channel's errors.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Closes the channel: what was written is still sent, what wasn't read is discarded, and
    /// every later read or write returns an error ([`ErrorKind::Disconnected`], or the reason if the
    /// wire had failed before).
    pub fn close(&self) {
        let error = Error::disconnected(&self.shared.name, "closed by this program");
        self.shared.to_host.end(&error, true);
        self.shared.to_host.clear();
        self.shared.to_controller.end(&error, false);
        // The thread that moves the bytes may be waiting for nothing but the wire.
        #[cfg(unix)]
        if let Some(helm) = &self.helm {
            helm.look_again();
        }
    }

    /// Records the channel's traffic from now on, in both directions. If it is already being recorded,
    /// this changes nothing.
    ///
    /// # Errors
    ///
    /// If the file can't be written, or exists and is not a capture.
    ///
    /// ```
    /// use hci_transport::Snoop;
    ///
    /// # let path = std::env::temp_dir().join(format!("snoop-doc-{}", std::process::id()));
    /// let (channel, _controller) = hci_transport::channel("example", 4096);
    /// channel.record(&Snoop::to(&path))?;
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), hci_transport::Error>(())
    /// ```
    pub fn record(&self, snoop: &Snoop) -> Result<(), Error> {
        if self.shared.recorder.get().is_some() {
            return Ok(());
        }
        let recorder = snoop.start()?;
        let recorder = Arc::new(Mutex::new(recorder));
        if self.shared.recorder.set(Arc::clone(&recorder)).is_ok() {
            self.shared.to_host.record_to(recorder);
            log::info!("{}: recording to {}", self.name(), snoop.path().display());
        }
        Ok(())
    }

    /// Counts of the channel's traffic so far.
    pub fn statistics(&self) -> Statistics {
        self.shared.statistics()
    }

    /// Gives access to the statistics where the channel itself is out of reach.
    pub fn counters(&self) -> Counters {
        Counters(Arc::clone(&self.shared))
    }
}

impl Shared {
    fn statistics(&self) -> Statistics {
        let (to_host, to_controller) = (self.to_host.counts(), self.to_controller.counts());
        Statistics {
            packets_to_host: to_host.packets,
            bytes_to_host: to_host.bytes,
            packets_to_controller: to_controller.packets,
            bytes_to_controller: to_controller.bytes,
            discarded_bytes: self.discarded.load(Ordering::Relaxed),
            undecodable_packets: self.undecodable.load(Ordering::Relaxed),
        }
    }
}

impl Drop for HciChannel {
    fn drop(&mut self) {
        self.close();
        if let Some(pumps) = self.pumps.take()
            && !pumps.wait_for_end(RELEASE)
        {
            log::warn!("{}: the wire is still busy after {RELEASE:?}", self.name());
        }
    }
}

impl fmt::Debug for HciChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HciChannel")
            .field("name", &self.name())
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}

/// Reads the [`Statistics`] of a channel that something else owns, such as a host stack. Once the
/// channel is closed they stay as they are.
///
/// ```
/// let (channel, port) = hci_transport::channel("example", 4096);
/// let counters = channel.counters();
/// port.try_deliver(&[0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00])?;
/// drop(channel);
/// assert_eq!(counters.statistics().packets_to_host, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Counters(Arc<Shared>);

impl Counters {
    /// What has gone through the channel so far.
    pub fn statistics(&self) -> Statistics {
        self.0.statistics()
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counters").field(&self.statistics()).finish()
    }
}

/// Counts of a channel's traffic since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Packets that came from the controller.
    pub packets_to_host: u64,
    /// Their bytes, packet indicators included.
    pub bytes_to_host: u64,
    /// Packets that the host wrote.
    pub packets_to_controller: u64,
    /// Their bytes, packet indicators included.
    pub bytes_to_controller: u64,
    /// Bytes from the wire that belonged to no packet: noise, and what was lost with it.
    pub discarded_bytes: u64,
    /// Packets from the controller that a [`Transport`](bt_hci::transport::Transport) read skipped,
    /// because their lengths contradict each other or the reader's buffer was too small.
    pub undecodable_packets: u64,
}

/// A future's place in a queue's list of waiters; it is given up when the future is dropped.
pub(crate) struct Waiter<'a> {
    pub(crate) queue: &'a PacketQueue,
    key: Option<WaiterKey>,
}

impl<'a> Waiter<'a> {
    pub(crate) fn new(queue: &'a PacketQueue) -> Self {
        Self { queue, key: None }
    }

    pub(crate) fn key(&mut self) -> WaiterKey {
        *self.key.get_or_insert_with(WaiterKey::new)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.queue.forget(key);
        }
    }
}

/// Nothing more crosses the channel: the other end is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel is closed")
    }
}

impl std::error::Error for Closed {}

impl From<Closed> for Error {
    fn from(closed: Closed) -> Self {
        Self::new(ErrorKind::Disconnected, closed.to_string())
    }
}

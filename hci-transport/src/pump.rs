//! Moves bytes between a wire and a channel: one thread reads and one writes, and neither waits for
//! the other. Sockets use a [`helm`](crate::helm) instead.

use std::fmt;
use std::io::{self, ErrorKind as IoErrorKind, Read, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(unix)]
use crate::helm::{Descriptor, Helm};
use crate::queue::Packets;
use crate::{Direction, Error, ErrorKind, H4Deframer, HciChannel, HciPort, Limits, channel};

/// How many bytes are read or written at once.
pub(crate) const CHUNK: usize = 16 * 1024;
/// How long packets that were written before the channel was closed may take to be sent.
pub(crate) const GRACE: Duration = Duration::from_millis(500);
/// How long a wire that can't be written to may still be read.
pub(crate) const LINGER: Duration = Duration::from_millis(200);
/// Neither a controller nor a host pauses for this long within a packet.
pub(crate) const QUIET: Duration = Duration::from_secs(1);

/// Two streams of bytes to and from a controller that speaks H4.
///
/// A read or write may return `TimedOut`, `WouldBlock` or `Interrupted` at any time, and is then tried
/// again. A read of 0 bytes means that the other side hung up.
pub struct Wire {
    reader: Box<dyn Read + Send>,
    writer: Box<dyn Write + Send>,
    hang_up: Box<dyn FnOnce() + Send>,
    /// Tells when the halves are ready, if they don't block.
    #[cfg(unix)]
    descriptor: Option<Descriptor>,
}

impl Wire {
    /// A wire made of a half to read, a half to write, and a function that ends them: `hang_up` is
    /// called once nothing more is to be written, and makes a waiting read return. Halves whose calls
    /// return every now and then anyway need none: `|| ()`.
    pub fn new(
        reader: impl Read + Send + 'static,
        writer: impl Write + Send + 'static,
        hang_up: impl FnOnce() + Send + 'static,
    ) -> Self {
        Self {
            reader: Box::new(reader),
            writer: Box::new(writer),
            hang_up: Box::new(hang_up),
            #[cfg(unix)]
            descriptor: None,
        }
    }
}

/// The reader, the writer, and the function that hangs up.
pub(crate) type Parts = (
    Box<dyn Read + Send>,
    Box<dyn Write + Send>,
    Box<dyn FnOnce() + Send>,
);

impl Wire {
    /// The halves don't block; `descriptor` tells when they are ready.
    #[cfg(unix)]
    pub(crate) fn ready_by(mut self, descriptor: Descriptor) -> Self {
        self.descriptor = Some(descriptor);
        self
    }

    pub(crate) fn take_apart(self) -> Parts {
        (self.reader, self.writer, self.hang_up)
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

/// Starts moving packets. The first one that the host reads is the completion of an HCI_Reset.
pub(crate) fn start(
    name: &str,
    wire: Wire,
    capacity: usize,
    limits: Limits,
) -> Result<HciChannel, Error> {
    let (mut channel, port) = channel(name, capacity);
    let pumps = Pumps::default();
    channel.attach(pumps.clone());

    #[cfg(unix)]
    if let Some(descriptor) = wire.descriptor.clone() {
        let halves = (wire.take_apart(), descriptor);
        channel.steer_by(Helm::start(halves, limits, &port, &pumps)?);
        return Ok(channel);
    }
    let (reader, writer, hang_up) = wire.take_apart();
    let mut deframer = H4Deframer::new(Direction::ToHost, limits);
    deframer.await_reset();
    spawn("hci-read", pumps.running(&port), {
        let port = port.clone();
        move || read(reader, deframer, &port)
    })?;
    spawn("hci-write", pumps.running(&port), {
        let pumps = pumps.clone();
        move || {
            write(writer, &port, &pumps);
            hang_up();
        }
    })?;
    Ok(channel)
}

pub(crate) fn spawn(
    name: &str,
    running: Running,
    pump: impl FnOnce() + Send + 'static,
) -> Result<(), Error> {
    let body = move || {
        // Held to the end: its drop tells that the pump has released the wire.
        let _running = running;
        pump();
    };
    match thread::Builder::new().name(name.into()).spawn(body) {
        Ok(_) => Ok(()),
        Err(error) => Err(
            Error::new(ErrorKind::Io, format!("no thread for a transport: {error}"))
                .with_source(error),
        ),
    }
}

fn read(mut reader: Box<dyn Read + Send>, mut deframer: H4Deframer, port: &HciPort) {
    let mut chunk = vec![0; CHUNK];
    let mut last_byte = Instant::now();
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => {
                let why = "the other side hung up; start it again and open it again";
                port.fail(Error::disconnected(port.name(), why));
                return;
            }
            Ok(count) => {
                last_byte = Instant::now();
                deframer.feed(chunk.get(..count).unwrap_or_default());
                let mut packets = Counted::new(&mut deframer, port);
                if port.deliver_all_blocking(&mut packets).is_err() {
                    return;
                }
            }
            Err(error) if is_passing(&error) => {
                if port.is_closed() {
                    return;
                }
                if last_byte.elapsed() >= QUIET {
                    deframer.doubt();
                }
            }
            Err(error) => {
                port.fail(Error::from_wire(port.name(), "reading", error));
                return;
            }
        }
    }
}

/// The packets of a deframer. Discarded bytes are counted before the packet that follows them.
pub(crate) struct Counted<'a> {
    deframer: &'a mut H4Deframer,
    port: &'a HciPort,
    discarded: u64,
    last: usize,
}

impl<'a> Counted<'a> {
    pub(crate) fn new(deframer: &'a mut H4Deframer, port: &'a HciPort) -> Self {
        Self {
            discarded: deframer.discarded(),
            deframer,
            port,
            last: 0,
        }
    }
}

impl Packets for Counted<'_> {
    fn next_packet(&mut self) -> Option<&[u8]> {
        let found = self.deframer.advance();
        let more = self.deframer.discarded() - self.discarded;
        if more > 0 {
            self.port.add_discarded_bytes(more);
            self.discarded += more;
        }
        self.last = found.unwrap_or(0);
        found.map(|length| self.deframer.last(length))
    }

    fn put_back(&mut self) {
        self.deframer.put_back(std::mem::take(&mut self.last));
    }
}

fn write(mut writer: Box<dyn Write + Send>, port: &HciPort, pumps: &Pumps) {
    let mut batch = Vec::new();
    while port.next_batch_blocking(&mut batch, CHUNK).is_ok() {
        let Err(error) = write_batch(&mut *writer, &batch, port) else {
            continue;
        };
        let error = Error::from_wire(port.name(), "writing", error);
        port.fail_writes(&error);
        // What the controller sent before it disappeared may still be on its way to the host.
        pumps.wait_for(1, LINGER);
        port.fail(error);
        return;
    }
}

fn write_batch(writer: &mut dyn Write, mut batch: &[u8], port: &HciPort) -> io::Result<()> {
    let mut give_up = None;
    while !batch.is_empty() {
        match writer.write(batch) {
            Ok(0) => return Err(IoErrorKind::WriteZero.into()),
            Ok(count) => batch = batch.get(count..).unwrap_or_default(),
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
        if port.is_closed() && !batch.is_empty() {
            let deadline = *give_up.get_or_insert_with(|| Instant::now() + GRACE);
            if Instant::now() >= deadline {
                return Err(IoErrorKind::TimedOut.into());
            }
        }
    }
    writer.flush()
}

/// Whether a read or write should be tried again.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        IoErrorKind::TimedOut | IoErrorKind::WouldBlock | IoErrorKind::Interrupted
    )
}

/// Counts the pumps that still hold a wire.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pumps(Arc<(Mutex<usize>, Condvar)>);

impl Pumps {
    pub(crate) fn running(&self, port: &HciPort) -> Running {
        *self.count() += 1;
        Running {
            pumps: self.clone(),
            port: port.clone(),
        }
    }

    /// Waits until the wire is released. Returns `false` if it wasn't in time.
    pub(crate) fn wait_for_end(&self, timeout: Duration) -> bool {
        self.wait_for(0, timeout)
    }

    fn wait_for(&self, at_most: usize, timeout: Duration) -> bool {
        let (_, changed) = &*self.0;
        let (count, _) = changed
            .wait_timeout_while(self.count(), timeout, |count| *count > at_most)
            .unwrap_or_else(PoisonError::into_inner);
        *count <= at_most
    }

    fn count(&self) -> std::sync::MutexGuard<'_, usize> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One running pump. When it ends, for whatever reason, so does the channel.
pub(crate) struct Running {
    pumps: Pumps,
    port: HciPort,
}

impl Drop for Running {
    fn drop(&mut self) {
        let name = self.port.name();
        let ended = Error::disconnected(name, "the transport stopped; open it again");
        self.port.fail(ended);
        *self.pumps.count() -= 1;
        self.pumps.0.1.notify_all();
    }
}

//! Moves the bytes for whichever thread calls it: reads and writes without blocking, and waits for
//! a socket and a signal at the same time.

use std::io::{self, ErrorKind as IoErrorKind, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::pump::{CHUNK, Counted, GRACE, LINGER, Parts, is_passing};
use crate::signal::Signal;
use crate::{Direction, Error, H4Deframer, HciPort, Limits};

/// Tells when a wire can be read or written.
pub(crate) type Descriptor = Arc<dyn AsFd + Send + Sync>;
/// A wire whose halves don't block, and what tells when they are ready.
pub(crate) type Halves = (Parts, Descriptor);

/// How many batches are written in a row before the other direction gets its turn.
const BATCHES: usize = 4;

pub(crate) struct Mover {
    reader: Box<dyn Read + Send>,
    writer: Box<dyn Write + Send>,
    hang_up: Option<Box<dyn FnOnce() + Send>>,
    descriptor: Descriptor,
    bell: PipeReader,
    port: HciPort,
    deframer: H4Deframer,
    chunk: Vec<u8>,
    /// The bytes being written, and how many of them have been.
    out: Vec<u8>,
    written: usize,
    /// The wire accepts no more for now.
    held_back: bool,
    /// The host accepts no more for now.
    full: bool,
    reads: bool,
    writes: bool,
    /// When to give up what is left, and with which error.
    last: Option<(Instant, Error)>,
}

impl Mover {
    pub(crate) fn new(
        ((reader, writer, hang_up), descriptor): Halves,
        limits: Limits,
        port: HciPort,
        bell: PipeReader,
    ) -> Self {
        let mut deframer = H4Deframer::new(Direction::ToHost, limits);
        deframer.await_reset();
        Self {
            reader,
            writer,
            hang_up: Some(hang_up),
            descriptor,
            bell,
            port,
            deframer,
            chunk: vec![0; CHUNK],
            out: Vec::new(),
            written: 0,
            held_back: false,
            full: false,
            reads: true,
            writes: true,
            last: None,
        }
    }

    /// Whether nothing is left to be moved and the wire is released.
    pub(crate) fn is_over(&self) -> bool {
        self.hang_up.is_none()
    }

    /// Whether it holds packets that the host had no room for.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Moves what can be moved without blocking. The waker of `cx` is woken when either queue
    /// changes so that there is more to do.
    pub(crate) fn advance(&mut self, cx: &mut Context<'_>) {
        self.send(cx);
        self.receive(cx);
    }

    /// Writes as many of the queued packets as the wire accepts.
    pub(crate) fn send(&mut self, cx: &mut Context<'_>) {
        for _ in 0..BATCHES {
            if !self.writes || !self.write(cx) {
                return self.settle();
            }
        }
        cx.waker().wake_by_ref();
    }

    /// Reads as much as the host accepts; returns whether anything came.
    pub(crate) fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        let came = self.reads && self.read(cx);
        self.settle();
        came
    }

    /// Gives up what can't be finished any more, and hangs up once nothing is left.
    fn settle(&mut self) {
        if let Some((until, error)) = &self.last
            && (!(self.reads || self.writes) || *until <= Instant::now())
        {
            self.end(error.clone());
        }
        if !(self.reads || self.writes)
            && let Some(hang_up) = self.hang_up.take()
        {
            hang_up();
        }
    }

    /// Waits until the wire is ready for what is to be done, until the signal comes, or until it is
    /// time to give up. Returns whether [`advance`](Self::advance) may have something to do.
    pub(crate) fn sleep(&mut self, signal: &Signal) -> bool {
        if !signal.falls_asleep() {
            return false;
        }
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::IN, self.reads && !self.full);
        wanted.set(PollFlags::OUT, self.writes && self.held_back);
        let descriptor = self.descriptor.as_fd();
        let mut both = [
            PollFd::new(&self.bell, PollFlags::IN),
            PollFd::from_borrowed_fd(descriptor, wanted),
        ];
        // A socket that isn't to be read or written isn't polled: its end would be reported over
        // and over.
        let watched = match wanted.is_empty() {
            true => both.get_mut(..1),
            false => both.get_mut(..),
        };
        let left = self.last.as_ref().and_then(|(until, _)| {
            let left = until.saturating_duration_since(Instant::now());
            Timespec::try_from(left).ok()
        });
        let polled = poll(watched.unwrap_or_default(), left.as_ref());
        signal.wakes_up();
        let [rung, ready] = both.map(|each| !each.revents().is_empty());
        if rung {
            let _ = self.bell.read(&mut [0; 16]);
        }
        match polled {
            Ok(0) => true,
            Ok(_) => ready,
            Err(error) if error == rustix::io::Errno::INTR => false,
            Err(error) => {
                self.end(Error::from_wire(self.port.name(), "waiting", error.into()));
                true
            }
        }
    }

    /// Writes a batch. Returns `false` if there is none, in which case the waker of `cx` is woken
    /// when there is one, or if the wire accepts no more.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
            match self.port.poll_next_batch(cx, &mut self.out, CHUNK) {
                Poll::Ready(Ok(())) => {}
                // The channel is closed, and everything written before that has been sent.
                Poll::Ready(Err(_)) => {
                    self.writes = false;
                    self.reads &= self.last.is_some();
                    return false;
                }
                Poll::Pending => return false,
            }
        }
        let rest = self.out.get(self.written..).unwrap_or_default();
        let error = match self.writer.write(rest) {
            Ok(0) => IoErrorKind::WriteZero.into(),
            Ok(count) => {
                self.written += count;
                self.held_back = false;
                return true;
            }
            Err(error) if is_passing(&error) => {
                self.held_back = true;
                if self.last.is_none() && self.port.is_closed() {
                    let late = Error::from_wire(
                        self.port.name(),
                        "writing",
                        io::Error::from(IoErrorKind::TimedOut),
                    );
                    self.last = Some((Instant::now() + GRACE, late));
                }
                return false;
            }
            Err(error) => error,
        };
        let error = Error::from_wire(self.port.name(), "writing", error);
        self.port.fail_writes(&error);
        self.writes = false;
        // What the controller sent before it disappeared may still be on its way to the host.
        self.last = Some((Instant::now() + LINGER, error));
        false
    }

    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        if self.full {
            return self.deliver(cx);
        }
        match self.reader.read(&mut self.chunk) {
            Ok(0) => {
                let why = "the other side hung up; start it again and open it again";
                self.end(Error::disconnected(self.port.name(), why));
                true
            }
            Ok(count) => {
                self.deframer
                    .feed(self.chunk.get(..count).unwrap_or_default());
                self.deliver(cx);
                true
            }
            Err(error) if is_passing(&error) => false,
            Err(error) => {
                self.end(Error::from_wire(self.port.name(), "reading", error));
                true
            }
        }
    }

    /// Delivers what was read, as far as the host has room; returns whether that was all of it.
    fn deliver(&mut self, cx: &mut Context<'_>) -> bool {
        let mut packets = Counted::new(&mut self.deframer, &self.port);
        let delivered = self.port.poll_deliver_all(cx, &mut packets);
        self.full = delivered.is_pending();
        if let Poll::Ready(Err(_)) = delivered {
            self.reads = false;
        }
        !self.full
    }

    fn end(&mut self, error: Error) {
        self.port.fail(error);
        (self.reads, self.writes) = (false, false);
        // There is nothing left to wait for.
        self.last = None;
    }
}

//! Moves the bytes of a socket, in a thread of its own or, for as long as that wants to, in the
//! thread that uses the packets ([`HciChannel::block_on`](crate::HciChannel::block_on)).

mod mover;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::patience::Patience;
use crate::pump::{Pumps, spawn};
use crate::signal::Signal;
use crate::{Error, ErrorKind, HciPort};
pub(crate) use mover::Descriptor;
use mover::Mover;

/// After how many polls of a busy future the wire is read again.
const POLLS: u32 = 4;

/// Decides which thread moves the bytes.
#[derive(Clone)]
pub(crate) struct Helm(Arc<Shared>);

struct Shared {
    seat: Mutex<Seat>,
    changed: Condvar,
    signal: Arc<Signal>,
}

#[derive(Default)]
struct Seat {
    /// The mover, while no thread uses it.
    mover: Option<Mover>,
    /// A thread other than the helm's own moves the bytes, or is about to.
    lent: bool,
    /// Nothing is left to be moved.
    over: bool,
}

impl Helm {
    /// Starts the thread that moves the bytes while no other does.
    pub(crate) fn start(
        wire: mover::Halves,
        limits: crate::Limits,
        port: &HciPort,
        pumps: &Pumps,
    ) -> Result<Self, Error> {
        let (signal, bell) = Signal::with_pipe().map_err(|error| {
            let line = format!("{}: no pipe for a transport: {error}", port.name());
            Error::new(ErrorKind::Io, line).with_source(error)
        })?;
        let helm = Self(Arc::new(Shared {
            seat: Mutex::default(),
            changed: Condvar::new(),
            signal: Arc::new(signal),
        }));
        let mover = Mover::new(wire, limits, port.clone(), bell);
        spawn("hci-socket", pumps.running(port), {
            let helm = helm.clone();
            move || helm.run(mover)
        })?;
        Ok(helm)
    }

    /// Takes over from the helm's own thread. `None` if another has, or if nothing is left to be
    /// moved.
    pub(crate) fn take(&self) -> Option<Turn> {
        let mut seat = self.seat();
        if seat.lent {
            return None;
        }
        seat.lent = true;
        self.0.signal.set();
        let mut seat = self.wait_while(seat, |seat| seat.mover.is_none() && !seat.over);
        let mover = seat.mover.take()?;
        drop(seat);
        Some(Turn {
            helm: self.clone(),
            mover: Some(mover),
        })
    }

    /// Makes the thread that moves the bytes look at the queues.
    pub(crate) fn look_again(&self) {
        self.0.signal.set();
    }

    fn run(&self, mover: Mover) {
        let waker = Waker::from(Arc::clone(&self.0.signal));
        let mut cx = Context::from_waker(&waker);
        let mut held = Some(mover);
        while let Some(mover) = &mut held {
            self.0.signal.rearm();
            mover.advance(&mut cx);
            if mover.is_over() {
                break;
            }
            let mut seat = self.seat();
            if seat.lent {
                seat.mover = held.take();
                self.0.changed.notify_all();
                seat = self.wait_while(seat, |seat| seat.lent);
                held = seat.mover.take();
            } else {
                drop(seat);
                mover.sleep(&self.0.signal);
            }
        }
        self.seat().over = true;
        self.0.changed.notify_all();
    }

    fn seat(&self) -> MutexGuard<'_, Seat> {
        self.0.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'a>(
        &self,
        seat: MutexGuard<'a, Seat>,
        condition: impl Fn(&Seat) -> bool,
    ) -> MutexGuard<'a, Seat> {
        let waited = self.0.changed.wait_while(seat, |seat| condition(seat));
        waited.unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Helm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Helm").finish_non_exhaustive()
    }
}

/// The right to move the bytes. Dropping it gives them back to the helm's own thread.
pub(crate) struct Turn {
    helm: Helm,
    mover: Option<Mover>,
}

impl Turn {
    /// Runs a future to its end and moves the bytes between its polls.
    pub(crate) fn block_on<F: Future>(&mut self, mut future: Pin<&mut F>) -> F::Output {
        let signal = Arc::clone(&self.helm.0.signal);
        let waker = Waker::from(Arc::clone(&signal));
        let mut cx = Context::from_waker(&waker);
        let mut patience = Patience::new();
        let mut polls = 0_u32;
        loop {
            signal.rearm();
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            let Some(mover) = &mut self.mover else {
                continue;
            };
            // Sent at once, so that the controller can work on it while the future continues.
            let busy = signal.is_set();
            mover.send(&mut cx);
            if busy {
                polls = polls.wrapping_add(1);
                if polls.is_multiple_of(POLLS) {
                    mover.receive(&mut cx);
                }
                continue;
            }
            if mover.is_full() {
                // The wake that announced room may have come while the future was being polled.
                mover.receive(&mut cx);
            }
            while !signal.is_set() {
                let mut ready = false;
                patience.wait(
                    mover,
                    |mover| mover.receive(&mut cx) || signal.is_set(),
                    |mover| ready = mover.sleep(&signal),
                );
                if ready {
                    mover.advance(&mut cx);
                }
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut seat = self.helm.seat();
        seat.mover = self.mover.take();
        seat.lent = false;
        self.helm.0.changed.notify_all();
    }
}

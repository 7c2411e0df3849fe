//! Peripherals for the air: built on trouble-host's peripheral role, or scripted to the byte.

mod echo;
mod heart_rate;
mod l2cap;
#[cfg(feature = "security")]
mod lock;
mod meter;
mod pool;
mod presence;
mod script;
mod scripted;
#[cfg(feature = "security")]
mod tag;
mod waveform;

use std::fmt;
use std::future::Future;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use embassy_time::{Instant, Timer};
use futures_lite::future;

pub use echo::Echo;
pub use heart_rate::{HeartRateConfig, HeartRateSensor};
#[cfg(feature = "security")]
pub use lock::{Lock, LockConfig, LockPairing};
pub use meter::Meter;
pub use pool::{HeapPacket, HeapPool};
pub use scripted::{NotConnected, PeerEvent, ScriptedConfig, ScriptedPeripheral};

/// A peripheral's thread. Dropping this stops the peripheral and waits for the thread.
struct Worker {
    stop: async_channel::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Runs `body` on a thread of its own until it ends or the worker is dropped. The future is
    /// created on that thread, so it needn't be `Send`.
    fn start<F: Future<Output = ()>>(
        name: &str,
        body: impl FnOnce() -> F + Send + 'static,
    ) -> Self {
        let (stop, stopped) = async_channel::bounded(1);
        let run = move || {
            let stopped = async {
                // An error means that the worker was dropped.
                let _ = stopped.recv().await;
            };
            future::block_on(future::or(stopped, body()));
        };
        let thread = thread::Builder::new().name(name.into()).spawn(run);
        let thread = thread
            .inspect_err(|error| log::error!("the thread of {name} can't be started: {error}"))
            .ok();
        Self { stop, thread }
    }
}

/// Waits for `time`, or forever if no clock can represent that.
async fn pause(time: Duration) {
    let time = embassy_time::Duration::try_from(time).ok();
    match time.and_then(|time| Instant::now().checked_add(time)) {
        Some(at) => Timer::at(at).await,
        None => future::pending().await,
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("a simulated peripheral's thread panicked");
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

//! The air: one thread that runs a [`World`] in real time, with a packet channel per controller.

mod controller;
mod engine;
mod wake;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hci_transport::HciChannel;

pub use controller::AirController;
use engine::{Port, State};
use wake::ThreadWaker;

use crate::world::{BeaconConfig, ControllerConfig, ControllerId, Pacing, World};

/// The configuration of an [`Air`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AirConfig {
    /// How time passes on the radio.
    pub pacing: Pacing,
    /// The seed of all randomness: the same seed gives the same losses and jitter.
    pub seed: u64,
    /// How many bytes are queued to and from a host before packets wait in the controller.
    pub queue_bytes: usize,
}

impl Default for AirConfig {
    fn default() -> Self {
        Self {
            pacing: Pacing::FreeRunning,
            seed: 1,
            queue_bytes: 4096,
        }
    }
}

impl AirConfig {
    /// Everything as fast as both sides accept it.
    pub fn free_running() -> Self {
        Self::default()
    }

    /// Connection events and advertising at their real intervals.
    pub fn paced() -> Self {
        Self {
            pacing: Pacing::Paced,
            ..Self::default()
        }
    }

    /// The same with another seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// A simulated radio world that runs on its own thread; clones are the same air.
///
/// It lives until the last handle is dropped and the last channel of its controllers is closed.
///
/// ```
/// use dongle_virtual::{Air, ControllerConfig};
///
/// let air = Air::new();
/// let channel = air.controller(ControllerConfig::default());
/// # futures_lite::future::block_on(async {
/// channel.write_packet(&[0x01, 0x03, 0x0C, 0x00]).await?; // HCI Reset
/// let mut packet = Vec::new();
/// channel.read_packet(&mut packet).await?;
/// assert_eq!(packet, [0x04, 0x0E, 0x04, 0x01, 0x03, 0x0C, 0x00]);
/// # Ok::<(), hci_transport::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Air {
    shared: Arc<Shared>,
    // Counts the handles: the thread holds `shared`, but not this.
    _handle: Arc<Handle>,
}

struct Shared {
    state: Mutex<State>,
    waker: Arc<ThreadWaker>,
    began: Instant,
    queue_bytes: usize,
    /// How many callers wait for the state. The thread lets them have it before it continues.
    waiting: AtomicUsize,
}

struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.state().handles_gone = true;
        self.0.waker.wake_up();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        state
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Air {
    /// A free-running air.
    pub fn new() -> Self {
        Self::with(AirConfig::default())
    }

    /// An air with this configuration.
    pub fn with(config: AirConfig) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(World::with_pacing(config.seed, config.pacing))),
            waker: Arc::default(),
            began: Instant::now(),
            queue_bytes: config.queue_bytes.max(1024),
            waiting: AtomicUsize::new(0),
        });
        engine::start(Arc::clone(&shared));
        Self {
            _handle: Arc::new(Handle(Arc::clone(&shared))),
            shared,
        }
    }

    /// Puts a controller into the air and returns the channel for its host.
    ///
    /// Dropping the channel takes the controller out again, as if it were unplugged: the peers of
    /// its links notice by supervision timeout.
    pub fn controller(&self, config: ControllerConfig) -> HciChannel {
        self.attach(config).1
    }

    /// Like [`Air::controller`], with a handle to observe the controller and to inject faults.
    pub fn attach(&self, config: ControllerConfig) -> (AirController, HciChannel) {
        let (channel, port) = hci_transport::channel(config.name.clone(), self.shared.queue_bytes);
        let mut state = self.shared.state();
        let name = config.name.clone();
        let id = state.world.add_controller(config);
        state.ports.push(Port::new(id, name, port));
        drop(state);
        self.shared.waker.wake_up();
        (AirController::new(self.clone(), id), channel)
    }

    /// The controller with this name; the first, if there are several.
    pub fn find(&self, name: &str) -> Option<AirController> {
        let state = self.shared.state();
        let id = state.ports.iter().find(|port| port.name == name)?.id;
        drop(state);
        Some(AirController::new(self.clone(), id))
    }

    /// All controllers in the air, in the order in which they were added.
    pub fn controllers(&self) -> Vec<AirController> {
        let ids: Vec<_> = self
            .shared
            .state()
            .ports
            .iter()
            .map(|port| port.id)
            .collect();
        ids.into_iter()
            .map(|id| AirController::new(self.clone(), id))
            .collect()
    }

    /// Puts an advertiser without a host into the air.
    pub fn add_beacon(&self, config: BeaconConfig) {
        self.with_world(|world, now| world.add_beacon(now, config));
    }

    /// Puts many of them into the air at once.
    pub fn add_beacons(&self, configs: impl IntoIterator<Item = BeaconConfig>) {
        let configs: Vec<_> = configs.into_iter().collect();
        self.with_world(|world, now| {
            for config in configs {
                world.add_beacon(now, config);
            }
        });
    }

    /// Takes all beacons out of the air.
    pub fn clear_beacons(&self) {
        self.with_world(|world, _| world.clear_beacons());
    }

    /// How often the hosts of all controllers, including those that have left, violated the rules of
    /// flow control and framing.
    pub fn violations(&self) -> u64 {
        let state = self.shared.state();
        let here = state
            .ports
            .iter()
            .filter_map(|port| state.world.stats(port.id));
        state.past_violations + here.map(|stats| stats.violations()).sum::<u64>()
    }

    /// How long this air has existed.
    pub fn elapsed(&self) -> Duration {
        self.shared.now()
    }

    /// Calls into the world between two of its steps, and makes the thread handle the outcome.
    fn with_world<R>(&self, call: impl FnOnce(&mut World, Duration) -> R) -> R {
        let now = self.shared.now();
        let result = call(&mut self.shared.state().world, now);
        self.shared.waker.wake_up();
        result
    }

    fn unplug(&self, id: ControllerId) {
        let now = self.shared.now();
        self.shared.state().unplug(now, id);
        self.shared.waker.wake_up();
    }
}

impl Default for Air {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Air {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self
            .shared
            .state()
            .ports
            .iter()
            .map(|port| port.name.clone())
            .collect();
        f.debug_struct("Air")
            .field("controllers", &names)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_air_nobody_holds_ends() {
        let air = Air::new();
        let shared = Arc::downgrade(&air.shared);
        let channel = air.controller(ControllerConfig::default());
        let sensor = crate::HeartRateSensor::start(&air, crate::HeartRateConfig::default());
        drop((air, sensor));
        std::thread::sleep(Duration::from_millis(20));
        assert!(shared.upgrade().is_some(), "a host still has its channel");
        drop(channel);
        for _ in 0..1000 {
            if shared.strong_count() == 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the thread has not ended");
    }
}

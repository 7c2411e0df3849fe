//! The radio world as a state machine: no I/O, no threads, no clock of its own.
//!
//! A [`World`] takes the HCI packets of its controllers' hosts and the time, and returns the packets
//! for those hosts and the time at which it must be called again. The same seed and the same calls
//! give exactly the same results.
//!
//! ```
//! use std::time::Duration;
//! use dongle_virtual::{ControllerConfig, World};
//!
//! let mut world = World::new(1);
//! let id = world.add_controller(ControllerConfig::default());
//! world.handle_packet(Duration::ZERO, id, &[0x01, 0x03, 0x0C, 0x00]); // HCI Reset
//! let (to, packet) = world.poll_output().unwrap();
//! assert_eq!(to, id);
//! assert_eq!(packet, [0x04, 0x0E, 0x04, 0x01, 0x03, 0x0C, 0x00]);
//! ```

mod acl;
mod advertising;
mod advertising_set;
mod commands;
mod config;
mod controller;
mod encryption;
mod faults;
mod initiating;
mod link;
mod local;
mod parameters;
mod privacy;
mod procedures;
mod radio;
mod scanning;
mod stats;
mod timers;

use std::collections::BTreeMap;
use std::time::Duration;

pub use config::{BeaconConfig, ControllerConfig, Pacing};
pub use controller::ControllerId;
pub use stats::ControllerStats;

use controller::{Controller, OutgoingKind};
use link::{Link, LinkId};
use radio::Beacons;
use timers::{Timer, Timers};

use crate::Address;
use crate::hci::indicator;

/// A simulated radio world; see the [module](self).
///
/// All times are relative to the beginning of the world. Time never goes back: one that is earlier than
/// the previous one is treated as equal to it.
#[derive(Debug)]
pub struct World {
    now: Duration,
    /// The latest time that [`World::handle_timeout`] was called with: what is due by then happens.
    due_by: Duration,
    pacing: Pacing,
    rng: fastrand::Rng,
    controllers: BTreeMap<ControllerId, Controller>,
    next_controller: u32,
    links: BTreeMap<LinkId, Link>,
    next_link: u64,
    /// How many times any advertising set was started.
    sets_begun: u64,
    /// The controllers that scan or initiate, in the order of their ids.
    listeners: Vec<ControllerId>,
    beacons: Beacons,
    timers: Timers,
    /// The controller whose output `poll_output` returns next.
    turn: ControllerId,
}

impl World {
    /// An empty, free-running world whose randomness is seeded with `seed`.
    pub fn new(seed: u64) -> Self {
        Self::with_pacing(seed, Pacing::FreeRunning)
    }

    /// An empty world with the given pacing.
    pub fn with_pacing(seed: u64, pacing: Pacing) -> Self {
        Self {
            now: Duration::ZERO,
            due_by: Duration::ZERO,
            pacing,
            rng: fastrand::Rng::with_seed(seed),
            controllers: BTreeMap::new(),
            next_controller: 0,
            links: BTreeMap::new(),
            next_link: 0,
            sets_begun: 0,
            listeners: Vec::new(),
            beacons: Beacons::default(),
            timers: Timers::default(),
            turn: ControllerId(0),
        }
    }

    /// Puts a controller into the air.
    pub fn add_controller(&mut self, config: ControllerConfig) -> ControllerId {
        let id = ControllerId(self.next_controller);
        self.next_controller += 1;
        self.controllers.insert(id, Controller::new(config));
        id
    }

    /// Takes a controller out of the air, as when it is unplugged: it stops at once and its
    /// peers notice by supervision timeout.
    pub fn remove_controller(&mut self, now: Duration, id: ControllerId) {
        self.advance(now);
        for link in self.links_of(id) {
            self.leave_link(link, id);
        }
        self.controllers.remove(&id);
        self.listeners_changed();
    }

    /// Takes one packet from the controller's host, packet indicator first.
    pub fn handle_packet(&mut self, now: Duration, id: ControllerId, packet: &[u8]) {
        self.advance(now);
        let Some(controller) = self.controllers.get_mut(&id) else {
            return;
        };
        if controller.faults.frozen {
            return;
        }
        match packet {
            [indicator::COMMAND, low, high, len, parameters @ ..]
                if parameters.len() == usize::from(*len) =>
            {
                let opcode = u16::from_le_bytes([*low, *high]);
                self.handle_command(id, opcode, parameters);
            }
            [indicator::ACL, h0, h1, l0, l1, data @ ..]
                if data.len() == usize::from(u16::from_le_bytes([*l0, *l1])) =>
            {
                self.handle_acl(id, u16::from_le_bytes([*h0, *h1]), data);
            }
            _ => {
                log::warn!("{}: malformed packet from the host", controller.config.name);
                controller.stats.malformed += 1;
            }
        }
    }

    /// The next packet for any host, in turns; `None` when there is none.
    pub fn poll_output(&mut self) -> Option<(ControllerId, Vec<u8>)> {
        let has = |(id, c): (&ControllerId, &Controller)| (!c.outbox.is_empty()).then_some(*id);
        let id = self
            .controllers
            .range(self.turn..)
            .find_map(has)
            .or_else(|| self.controllers.iter().find_map(has))?;
        self.turn = ControllerId(id.0.wrapping_add(1));
        self.pop_output(id).map(|packet| (id, packet))
    }

    /// The next packet for this controller's host, without taking it.
    pub fn peek_output(&self, id: ControllerId) -> Option<&[u8]> {
        self.controllers
            .get(&id)?
            .outbox
            .front()
            .map(|out| out.bytes.as_slice())
    }

    /// The packets for this controller's host, without taking them.
    pub fn peek_outputs(&self, id: ControllerId) -> impl Iterator<Item = &[u8]> {
        let controller = self.controllers.get(&id);
        let outbox = controller.into_iter().flat_map(|c| &c.outbox);
        outbox.map(|out| out.bytes.as_slice())
    }

    /// Takes the next packet for this controller's host.
    pub fn pop_output(&mut self, id: ControllerId) -> Option<Vec<u8>> {
        let controller = self.controllers.get_mut(&id)?;
        let out = controller.pop()?;
        match out.kind {
            OutgoingKind::Acl => {
                controller.stats.acl_to_host += 1;
                self.room_for_data(id);
            }
            OutgoingKind::Report => {
                controller.stats.reports += 1;
                self.room_for_reports(id);
            }
            OutgoingKind::CommandAnswer | OutgoingKind::Other => {}
        }
        Some(out.bytes)
    }

    /// How many packets wait for this controller's host.
    pub fn pending_output(&self, id: ControllerId) -> usize {
        self.controllers
            .get(&id)
            .map_or(0, |controller| controller.outbox.len())
    }

    /// When [`World::handle_timeout`] must be called next; `None` if nothing is pending.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// Processes everything that is due by `now`, in order.
    pub fn handle_timeout(&mut self, now: Duration) {
        while self.handle_due(now, usize::MAX) {}
    }

    /// As `handle_timeout`, but handles at most `most` timers, and returns whether there are more.
    /// Beacons that have fallen behind skip what they would have sent by `now`; otherwise a machine
    /// too slow for them would never get to its hosts.
    pub(crate) fn handle_due(&mut self, now: Duration, most: usize) -> bool {
        self.due_by = self.due_by.max(now);
        for _ in 0..most {
            let Some((when, timer)) = self.timers.due(now) else {
                self.advance(now);
                return false;
            };
            self.advance(when);
            self.handle_timer(timer);
        }
        true
    }

    /// This controller's counts.
    pub fn stats(&self, id: ControllerId) -> Option<ControllerStats> {
        let controller = self.controllers.get(&id)?;
        Some(ControllerStats {
            in_flight: controller.in_flight,
            ..controller.stats
        })
    }

    /// Whether this controller scans.
    pub fn is_scanning(&self, id: ControllerId) -> bool {
        self.controllers.get(&id).is_some_and(|c| c.scanner.enabled)
    }

    /// Whether this controller looks for a device to connect to.
    pub fn is_initiating(&self, id: ControllerId) -> bool {
        self.controllers
            .get(&id)
            .is_some_and(|c| c.initiator.is_some())
    }

    /// The random address that this controller was given.
    pub fn random_address(&self, id: ControllerId) -> Option<Address> {
        let controller = self.controllers.get(&id)?;
        controller.random_address.map(Address::random)
    }

    /// The handles of this controller's links.
    pub fn handles(&self, id: ControllerId) -> Vec<u16> {
        self.controllers
            .get(&id)
            .map_or_else(Vec::new, |c| c.handles.keys().copied().collect())
    }

    fn advance(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    fn handle_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Advertise {
                controller,
                set,
                generation,
            } => {
                self.advertise(controller, set, generation);
            }
            Timer::AdvertisingEnds {
                controller,
                set,
                generation,
            } => {
                self.advertising_ends(controller, set, generation);
            }
            Timer::ScanEnds {
                controller,
                generation,
            } => self.scan_ends(controller, generation),
            Timer::DuplicatesForgotten {
                controller,
                generation,
            } => {
                self.duplicates_forgotten(controller, generation);
            }
            Timer::Beacon { index, epoch } => self.beacon(index, epoch),
            Timer::Link { link, generation } => self.link_event(link, generation),
            Timer::Supervision {
                link,
                side,
                generation,
            } => {
                self.supervision_timeout(link, side, generation);
            }
            Timer::NotEstablished { link } => self.not_established(link),
            Timer::ProcedureTimeout { link, generation } => {
                self.procedure_timeout(link, generation);
            }
        }
    }

    /// Whether a packet between these two is lost by chance.
    fn lost(&mut self, a: ControllerId, b: Option<ControllerId>) -> bool {
        let loss = |id: ControllerId| self.controllers.get(&id).map_or(1.0, |c| c.faults.loss);
        let loss = loss(a).max(b.map_or(0.0, loss));
        loss > 0.0 && self.rng.f32() < loss
    }

    /// A signal strength with the jitter of a real one.
    fn jittered(&mut self, rssi: i8) -> i8 {
        rssi.saturating_add(self.rng.i8(-3..=3)).clamp(-127, 20)
    }
}

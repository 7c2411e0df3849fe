//! Advertising events on the air: who sends them, and which listeners receive them.

use std::sync::Arc;
use std::time::Duration;

use super::advertising_set::{LEGACY_SET, Properties};
use super::config::BeaconConfig;
use super::controller::ControllerId;
use super::timers::Timer;
use super::{Pacing, World};
use crate::address::Address;
use crate::hci::event::le;

/// The advertising interval of everything in a free-running world.
const FREE_RUNNING_INTERVAL: Duration = Duration::from_millis(10);

/// One advertising event.
#[derive(Debug, Clone)]
pub(crate) struct Advert {
    /// `None` for a beacon.
    pub(crate) sender: Option<ControllerId>,
    pub(crate) set: u8,
    pub(crate) address: Address,
    pub(crate) properties: Properties,
    pub(crate) peer: (u8, [u8; 6]),
    pub(crate) filter_policy: u8,
    pub(crate) primary_phy: u8,
    pub(crate) secondary_phy: u8,
    pub(crate) sid: u8,
    pub(crate) tx_power: i8,
    pub(crate) rssi: i8,
    pub(crate) data: Arc<[u8]>,
    pub(crate) scan_response: Option<Arc<[u8]>>,
}

impl Advert {
    /// Event_Type of LE Advertising Report.
    pub(crate) fn legacy_event_type(&self, response: bool) -> u16 {
        let p = &self.properties;
        match (response, p.directed, p.connectable, p.scannable) {
            (true, ..) => 4,
            (_, true, ..) => 1,
            (_, _, true, _) => 0,
            (_, _, _, true) => 2,
            _ => 3,
        }
    }

    /// Event_Type of LE Extended Advertising Report.
    pub(crate) fn extended_event_type(&self, response: bool) -> u16 {
        let p = &self.properties;
        u16::from(p.connectable)
            | u16::from(p.scannable) << 1
            | u16::from(p.directed) << 2
            | u16::from(response) << 3
            | u16::from(p.legacy) << 4
    }
}

#[derive(Debug)]
struct Beacon {
    advert: Advert,
    interval: Duration,
}

/// All beacons. They send nothing while nothing listens.
#[derive(Debug, Default)]
pub(crate) struct Beacons {
    all: Vec<Beacon>,
    /// The beacons that send as often as the scanners' hosts accept reports, and whose turn it is.
    eager: Vec<usize>,
    turn: usize,
    epoch: u32,
    running: bool,
}

impl World {
    /// Puts an advertiser without a host into the air.
    pub fn add_beacon(&mut self, now: Duration, config: BeaconConfig) {
        self.advance(now);
        let legacy = config.data.len() <= 31
            && config
                .scan_response
                .as_ref()
                .is_none_or(|response| response.len() <= 31);
        let index = self.beacons.all.len();
        let advert = Advert {
            sender: None,
            set: 0,
            address: config.address,
            properties: Properties {
                connectable: false,
                scannable: config.scan_response.is_some(),
                directed: false,
                high_duty: false,
                legacy,
                anonymous: false,
                with_tx_power: false,
            },
            peer: (0, [0; 6]),
            filter_policy: 0,
            primary_phy: 1,
            secondary_phy: u8::from(!legacy),
            sid: 0,
            tx_power: 127,
            rssi: config.rssi,
            data: Arc::from(config.data),
            scan_response: config.scan_response.map(Arc::from),
        };
        if config.interval.is_zero() {
            self.beacons.eager.push(index);
        }
        self.beacons.all.push(Beacon {
            advert,
            interval: config.interval,
        });
        if self.beacons.running {
            self.start_beacon(index);
        }
    }

    /// Takes all beacons out of the air.
    pub fn clear_beacons(&mut self) {
        let epoch = self.beacons.epoch.wrapping_add(1);
        let running = self.beacons.running;
        self.beacons = Beacons {
            epoch,
            running,
            ..Beacons::default()
        };
    }

    fn start_beacon(&mut self, index: usize) {
        let epoch = self.beacons.epoch;
        let Some(beacon) = self.beacons.all.get(index) else {
            return;
        };
        if beacon.interval.is_zero() {
            self.eager_beacons();
            return;
        }
        let micros = u64::try_from(beacon.interval.as_micros())
            .unwrap_or(u64::MAX)
            .max(1);
        let after = Duration::from_micros(self.rng.u64(0..micros));
        self.timers
            .at(self.now + after, Timer::Beacon { index, epoch });
    }

    /// A controller has started or stopped scanning or initiating.
    pub(super) fn listeners_changed(&mut self) {
        self.listeners.clear();
        let listening = self.controllers.iter().filter(|(_, c)| c.is_listening());
        self.listeners.extend(listening.map(|(id, _)| *id));

        let advertising: Vec<_> = self
            .controllers
            .iter()
            .flat_map(|(id, c)| {
                c.advertising
                    .values()
                    .map(|set| (*id, set.handle, set.interval))
            })
            .collect();
        if !self.listeners.is_empty() {
            for (id, handle, interval) in advertising {
                let after = self.first_event(interval);
                self.tick_set(id, handle, after);
            }
        }
        let scanning = self
            .listeners
            .iter()
            .any(|id| self.controllers.get(id).is_some_and(|c| c.scanner.enabled));
        if scanning && !self.beacons.running {
            self.beacons.running = true;
            self.beacons.epoch = self.beacons.epoch.wrapping_add(1);
            for index in 0..self.beacons.all.len() {
                self.start_beacon(index);
            }
        } else if scanning {
            self.eager_beacons();
        }
        self.beacons.running = scanning;
    }

    /// The time of the next event, within its interval, of an advertiser that was already
    /// advertising.
    fn first_event(&mut self, interval: Duration) -> Duration {
        match self.pacing {
            Pacing::FreeRunning => Duration::ZERO,
            Pacing::Paced => {
                let micros = u64::try_from(interval.as_micros())
                    .unwrap_or(u64::MAX)
                    .max(1);
                Duration::from_micros(self.rng.u64(0..micros))
            }
        }
    }

    pub(super) fn beacon(&mut self, index: usize, epoch: u32) {
        if !self.beacons.running || epoch != self.beacons.epoch {
            return;
        }
        let Some(beacon) = self.beacons.all.get(index) else {
            return;
        };
        let next = (self.now + beacon.interval).max(self.due_by);
        let advert = beacon.advert.clone();
        let jitter = Duration::from_micros(self.rng.u64(0..10_000));
        self.timers
            .at(next + jitter, Timer::Beacon { index, epoch });
        self.transmit(&advert);
    }

    /// Lets eager beacons send until no scanner's host has room for more reports.
    fn eager_beacons(&mut self) {
        if self.beacons.eager.is_empty() || !self.beacons.running {
            return;
        }
        // At most one round, because duplicate filtering may drop every report.
        for _ in 0..self.beacons.eager.len() {
            let room = self.listeners.iter().any(|id| {
                self.controllers.get(id).is_some_and(|c| {
                    c.scanner.enabled && c.waiting_reports < c.config.report_buffers
                })
            });
            if !room {
                return;
            }
            let turn = self.beacons.turn % self.beacons.eager.len();
            self.beacons.turn = turn + 1;
            let beacon = self
                .beacons
                .eager
                .get(turn)
                .and_then(|&i| self.beacons.all.get(i));
            if let Some(beacon) = beacon {
                let advert = beacon.advert.clone();
                self.transmit(&advert);
            }
        }
    }

    /// A scanner's host has taken a report, so eager beacons may send the next batch.
    pub(super) fn room_for_reports(&mut self, id: ControllerId) {
        if self.beacons.eager.is_empty() {
            return;
        }
        let Some(controller) = self.controllers.get(&id) else {
            return;
        };
        if controller.scanner.enabled
            && controller.waiting_reports <= controller.config.report_buffers / 2
        {
            self.eager_beacons();
        }
    }

    /// Handles an advertising event of a set.
    pub(super) fn advertise(&mut self, id: ControllerId, handle: u8, generation: u64) {
        let now = self.now;
        let silent = self.listeners.is_empty();
        let Some(controller) = self.controllers.get_mut(&id) else {
            return;
        };
        let Some(set) = controller.advertising.get_mut(&handle) else {
            return;
        };
        if set.generation != generation || !set.enabled {
            return;
        }
        set.ticking = false;
        if silent && !set.must_tick() {
            return;
        }
        set.events = set.events.saturating_add(1);
        let last = set.max_events > 0 && set.events >= set.max_events;
        let interval = match self.pacing {
            Pacing::Paced => set.interval + Duration::from_micros(self.rng.u64(0..10_000)),
            Pacing::FreeRunning => FREE_RUNNING_INTERVAL.min(set.interval),
        };
        let (own_kind, peer, random) = (set.own_kind, set.peer, set.random_address);
        let advert = Advert {
            sender: Some(id),
            set: handle,
            address: Address::public([0; 6]),
            properties: set.properties,
            peer,
            filter_policy: set.filter_policy,
            primary_phy: set.primary_phy,
            secondary_phy: if set.properties.legacy {
                0
            } else {
                set.secondary_phy
            },
            sid: set.sid,
            tx_power: if set.properties.with_tx_power { 0 } else { 127 },
            rssi: controller.config.rssi,
            data: if set.properties.directed && set.properties.legacy {
                Arc::from([])
            } else {
                set.data.clone()
            },
            scan_response: set.properties.scannable.then(|| set.scan_response.clone()),
        };
        let address = controller.own_address(now, own_kind, random, peer, &mut self.rng);
        if let Some(address) = address
            && !controller.faults.frozen
        {
            self.transmit(&Advert { address, ..advert });
        }
        if last {
            self.advertising_ends(id, handle, generation);
        } else {
            self.tick_set(id, handle, interval);
        }
    }

    /// Passes the event to everything that listens. An initiator may connect.
    fn transmit(&mut self, advert: &Advert) {
        let mut taken = false;
        for index in 0..self.listeners.len() {
            let Some(&id) = self.listeners.get(index) else {
                break;
            };
            if Some(id) == advert.sender
                || self.controllers.get(&id).is_none_or(|c| c.faults.frozen)
            {
                continue;
            }
            self.scanner_hears(id, advert);
            if !taken {
                taken = self.initiator_hears(id, advert);
            }
        }
        if taken {
            self.listeners_changed();
        }
    }

    /// Whether a scannable advertiser answers this scanner. Reports the scan request to its host.
    pub(super) fn answers_scan_request(
        &mut self,
        advert: &Advert,
        scanner: ControllerId,
        from: Address,
    ) -> bool {
        let Some(sender) = advert.sender else {
            return true;
        };
        if self.lost(sender, Some(scanner)) {
            return false;
        }
        let Some(controller) = self.controllers.get_mut(&sender) else {
            return false;
        };
        if advert.filter_policy & 1 != 0 && !controller.accepts(from.hci_kind(), from.bytes) {
            return false;
        }
        let asked = advert.set != LEGACY_SET
            && controller
                .advertising
                .get(&advert.set)
                .is_some_and(|s| s.report_scan_requests);
        if asked {
            let mut parameters = vec![advert.set, from.hci_kind()];
            parameters.extend_from_slice(&from.bytes);
            controller.le_event(le::SCAN_REQUEST_RECEIVED, &parameters);
        }
        true
    }
}

//! Advertising sets: the kind of advertising that each does, and when it starts and ends.

use std::sync::Arc;
use std::time::Duration;

use super::World;
use super::controller::{Controller, ControllerId};
use super::timers::Timer;
use crate::address::Address;
use crate::hci::Status;
use crate::hci::event::le;
use crate::hci::status::*;

/// The set that the legacy commands use, beyond the handles of extended advertising.
pub(crate) const LEGACY_SET: u8 = 0xFF;

/// What kind of advertising a set does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Properties {
    pub(crate) connectable: bool,
    pub(crate) scannable: bool,
    pub(crate) directed: bool,
    pub(crate) high_duty: bool,
    /// Legacy advertising PDUs, whichever family of commands set them up.
    pub(crate) legacy: bool,
    pub(crate) anonymous: bool,
    pub(crate) with_tx_power: bool,
}

impl Properties {
    pub(super) fn from_legacy(kind: u8) -> Option<Self> {
        let (connectable, scannable, directed, high_duty) = match kind {
            0 => (true, true, false, false),
            1 => (true, false, true, true),
            2 => (false, true, false, false),
            3 => (false, false, false, false),
            4 => (true, false, true, false),
            _ => return None,
        };
        Some(Self {
            connectable,
            scannable,
            directed,
            high_duty,
            legacy: true,
            anonymous: false,
            with_tx_power: false,
        })
    }

    pub(super) fn from_extended(bits: u16) -> Option<Self> {
        let has = |bit: u16| bits & (1 << bit) != 0;
        let properties = Self {
            connectable: has(0),
            scannable: has(1),
            directed: has(2),
            high_duty: has(3),
            legacy: has(4),
            anonymous: has(5),
            with_tx_power: has(6),
        };
        let possible = if properties.legacy {
            matches!(bits, 0x13 | 0x15 | 0x1D | 0x12 | 0x10)
        } else {
            // Extended PDUs are connectable or scannable, but not both (Vol 4 Part E 7.8.53).
            !(properties.connectable && properties.scannable || properties.high_duty)
        };
        (possible && bits & !0x7F == 0).then_some(properties)
    }
}

#[derive(Debug)]
pub(crate) struct AdvertisingSet {
    pub(crate) handle: u8,
    pub(crate) properties: Properties,
    pub(crate) interval: Duration,
    pub(crate) own_kind: u8,
    pub(crate) peer: (u8, [u8; 6]),
    /// Bit 0: scan requests, bit 1: connections; if set, only from devices in the accept list.
    pub(crate) filter_policy: u8,
    pub(crate) primary_phy: u8,
    pub(crate) secondary_phy: u8,
    pub(crate) sid: u8,
    pub(crate) report_scan_requests: bool,
    pub(crate) random_address: Option<[u8; 6]>,
    pub(crate) data: Arc<[u8]>,
    pub(crate) scan_response: Arc<[u8]>,
    pub(super) partial: Option<Vec<u8>>,
    pub(crate) enabled: bool,
    /// Distinguishes its timers from those of an earlier start.
    pub(crate) generation: u64,
    pub(crate) max_events: u8,
    pub(crate) events: u8,
    /// Whether a timer for the next event is set.
    pub(crate) ticking: bool,
}

impl AdvertisingSet {
    pub(super) fn new(handle: u8) -> Self {
        Self {
            handle,
            properties: Properties {
                connectable: true,
                scannable: true,
                directed: false,
                high_duty: false,
                legacy: true,
                anonymous: false,
                with_tx_power: false,
            },
            interval: Duration::from_millis(1280),
            own_kind: 0,
            peer: (0, [0; 6]),
            filter_policy: 0,
            primary_phy: 1,
            secondary_phy: 1,
            sid: 0,
            report_scan_requests: false,
            random_address: None,
            data: Arc::from([]),
            scan_response: Arc::from([]),
            partial: None,
            enabled: false,
            generation: 0,
            max_events: 0,
            events: 0,
            ticking: false,
        }
    }

    pub(crate) fn legacy_commands(&self) -> bool {
        self.handle == LEGACY_SET
    }

    /// Whether its events have to be counted even while nothing listens.
    pub(crate) fn must_tick(&self) -> bool {
        self.max_events > 0 || self.properties.high_duty
    }

    pub(crate) fn stop(&mut self) {
        self.enabled = false;
        self.ticking = false;
    }
}

impl Controller {
    pub(super) fn set_mut(&mut self, handle: u8) -> Result<&mut AdvertisingSet, Status> {
        self.advertising
            .get_mut(&handle)
            .ok_or(UNKNOWN_ADVERTISING_IDENTIFIER)
    }
}

impl World {
    /// Starts a set, or restarts it with a new duration.
    pub(super) fn start_set(
        &mut self,
        id: ControllerId,
        handle: u8,
        limit: Option<Duration>,
        events: u8,
    ) {
        let (now, begun) = (self.now, &mut self.sets_begun);
        let Some(set) = self
            .controllers
            .get_mut(&id)
            .and_then(|c| c.set_mut(handle).ok())
        else {
            return;
        };
        // Unique among all sets, including those before a reset.
        let generation = *begun + 1;
        *begun = generation;
        set.stop();
        set.generation = generation;
        set.enabled = true;
        set.events = 0;
        set.max_events = events;
        if let Some(limit) = limit {
            self.timers.at(
                now + limit,
                Timer::AdvertisingEnds {
                    controller: id,
                    set: handle,
                    generation,
                },
            );
        }
        self.tick_set(id, handle, Duration::ZERO);
    }

    /// Sets the timer of the set's next event if anything listens or the event must be counted.
    pub(super) fn tick_set(&mut self, id: ControllerId, handle: u8, after: Duration) {
        let silent = self.listeners.is_empty();
        let when = self.now + after;
        let Some(set) = self
            .controllers
            .get_mut(&id)
            .and_then(|c| c.set_mut(handle).ok())
        else {
            return;
        };
        if !set.enabled || set.ticking || silent && !set.must_tick() {
            return;
        }
        set.ticking = true;
        let generation = set.generation;
        self.timers.at(
            when,
            Timer::Advertise {
                controller: id,
                set: handle,
                generation,
            },
        );
    }

    /// Ends a set after its duration or its last event.
    pub(super) fn advertising_ends(&mut self, id: ControllerId, handle: u8, generation: u64) {
        let Some(controller) = self.controllers.get_mut(&id) else {
            return;
        };
        let Ok(set) = controller.set_mut(handle) else {
            return;
        };
        if !set.enabled || set.generation != generation {
            return;
        }
        let by_count = set.max_events > 0 && set.events >= set.max_events;
        let events = set.events;
        let own_kind = set.own_kind;
        set.stop();
        if handle != LEGACY_SET {
            let status = if by_count {
                LIMIT_REACHED
            } else {
                ADVERTISING_TIMEOUT
            };
            controller.le_event(
                le::ADVERTISING_SET_TERMINATED,
                &[status, handle, 0, 0, events],
            );
        } else {
            // High duty cycle directed advertising ends with a connection that failed.
            let local = controller.plain_address(own_kind, None);
            let local = local.unwrap_or(Address::public([0; 6]));
            controller.connection_failed(ADVERTISING_TIMEOUT, 1, local);
        }
    }
}

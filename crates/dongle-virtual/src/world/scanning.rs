//! Scanning commands, legacy and extended, and which advertisements are reported to the host.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use super::World;
use super::commands::{DONE, Outcome};
use super::controller::{Controller, ControllerId};
use super::radio::Advert;
use super::timers::Timer;
use crate::hci::Reader;
use crate::hci::event::le;
use crate::hci::status::*;

/// The scan parameters of one PHY.
#[derive(Debug, Clone, Copy)]
struct PhyScan {
    active: bool,
    interval: u16,
    window: u16,
}

/// What the duplicate filter compares: address, event type, set, data.
type Seen = (u8, [u8; 6], u16, u8, u64);

#[derive(Debug, Default)]
pub(crate) struct Scanner {
    pub(crate) enabled: bool,
    extended: bool,
    /// By primary PHY: 1 LE 1M, 3 LE Coded.
    phys: BTreeMap<u8, PhyScan>,
    own_kind: u8,
    filter_policy: u8,
    filter_duplicates: u8,
    period: Duration,
    pub(crate) generation: u32,
    seen: HashSet<Seen>,
    seen_order: VecDeque<Seen>,
}

impl Scanner {
    pub(crate) fn uses_accept_list(&self) -> bool {
        self.filter_policy & 1 != 0
    }

    /// Whether this was seen before. Remembers it if not.
    fn seen_before(&mut self, seen: Seen, capacity: usize) -> bool {
        if !self.seen.insert(seen) {
            return true;
        }
        self.seen_order.push_back(seen);
        while self.seen_order.len() > capacity {
            if let Some(eldest) = self.seen_order.pop_front() {
                self.seen.remove(&eldest);
            }
        }
        false
    }

    fn forget(&mut self) {
        self.seen.clear();
        self.seen_order.clear();
    }

    fn start(&mut self) {
        self.forget();
        self.enabled = true;
        self.generation = self.generation.wrapping_add(1);
        if self.phys.is_empty() {
            // The defaults of LE Set Scan Parameters in the specification.
            self.phys.insert(
                1,
                PhyScan {
                    active: false,
                    interval: 0x10,
                    window: 0x10,
                },
            );
        }
    }
}

fn phy_scan(p: &mut Reader<'_>) -> Result<PhyScan, u8> {
    let (kind, interval, window) = (p.u8()?, p.u16()?, p.u16()?);
    if kind > 1 || !(4..=interval).contains(&window) {
        return Err(INVALID_PARAMETERS);
    }
    Ok(PhyScan {
        active: kind == 1,
        interval,
        window,
    })
}

impl World {
    pub(super) fn set_scan_parameters(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let scan = phy_scan(p)?;
        let (own_kind, filter_policy) = (p.u8()?, p.u8()?);
        if filter_policy > 3 || scan.interval > 0x4000 {
            return Err(INVALID_PARAMETERS);
        }
        let Some(controller) = self.controllers.get_mut(&id) else {
            return DONE;
        };
        if own_kind > controller.config.most_own_kind() {
            return Err(INVALID_PARAMETERS);
        }
        let scanner = &mut controller.scanner;
        if scanner.enabled {
            return Err(COMMAND_DISALLOWED);
        }
        scanner.phys = BTreeMap::from([(1, scan)]);
        scanner.own_kind = own_kind;
        scanner.filter_policy = filter_policy;
        DONE
    }

    pub(super) fn set_scan_enable(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let (enable, filter) = (p.flag()?, p.flag()?);
        self.scan(id, enable, u8::from(filter), false, 0, 0)
    }

    pub(super) fn set_extended_scan_parameters(
        &mut self,
        id: ControllerId,
        p: &mut Reader<'_>,
    ) -> Outcome {
        let (own_kind, filter_policy, bits) = (p.u8()?, p.u8()?, p.u8()?);
        if filter_policy > 3 || bits == 0 || bits & !0b101 != 0 {
            return Err(INVALID_PARAMETERS);
        }
        let mut phys = BTreeMap::new();
        for phy in [1_u8, 3] {
            if bits & (1 << (phy - 1)) != 0 {
                phys.insert(phy, phy_scan(p)?);
            }
        }
        let Some(controller) = self.controllers.get_mut(&id) else {
            return DONE;
        };
        if phys.contains_key(&3) && !controller.config.phy_coded {
            return Err(UNSUPPORTED_FEATURE);
        }
        if own_kind > controller.config.most_own_kind() {
            return Err(INVALID_PARAMETERS);
        }
        let scanner = &mut controller.scanner;
        if scanner.enabled {
            return Err(COMMAND_DISALLOWED);
        }
        scanner.phys = phys;
        scanner.own_kind = own_kind;
        scanner.filter_policy = filter_policy;
        DONE
    }

    pub(super) fn set_extended_scan_enable(
        &mut self,
        id: ControllerId,
        p: &mut Reader<'_>,
    ) -> Outcome {
        let (enable, filter) = (p.flag()?, p.u8()?);
        let (duration, period) = (p.u16()?, p.u16()?);
        let by_period = filter == 2 && (period == 0 || duration == 0);
        if enable && (filter > 2 || by_period) {
            return Err(INVALID_PARAMETERS);
        }
        self.scan(id, enable, filter, true, duration, period)
    }

    fn scan(
        &mut self,
        id: ControllerId,
        enable: bool,
        filter: u8,
        extended: bool,
        duration: u16,
        period: u16,
    ) -> Outcome {
        let now = self.now;
        let Some(controller) = self.controllers.get_mut(&id) else {
            return DONE;
        };
        if !enable {
            controller.scanner.enabled = false;
            controller.scanner.generation = controller.scanner.generation.wrapping_add(1);
            self.listeners_changed();
            return DONE;
        }
        if controller.scanner.own_kind & 1 == 1 && controller.random_address.is_none() {
            return Err(INVALID_PARAMETERS);
        }
        let duration = Duration::from_millis(u64::from(duration) * 10);
        let period = Duration::from_millis(u64::from(period) * 1280);
        if !period.is_zero() && !duration.is_zero() && period <= duration {
            return Err(INVALID_PARAMETERS);
        }
        let scanner = &mut controller.scanner;
        scanner.extended = extended;
        scanner.filter_duplicates = filter;
        scanner.period = period;
        scanner.start();
        let generation = scanner.generation;
        if !duration.is_zero() && period.is_zero() {
            self.timers.at(
                now + duration,
                Timer::ScanEnds {
                    controller: id,
                    generation,
                },
            );
        }
        if filter == 2 {
            let timer = Timer::DuplicatesForgotten {
                controller: id,
                generation,
            };
            self.timers.at(now + period, timer);
        }
        self.listeners_changed();
        DONE
    }

    pub(super) fn scan_ends(&mut self, id: ControllerId, generation: u32) {
        let Some(controller) = self.controllers.get_mut(&id) else {
            return;
        };
        if controller.scanner.enabled && controller.scanner.generation == generation {
            controller.scanner.enabled = false;
            controller.le_event(le::SCAN_TIMEOUT, &[]);
            self.listeners_changed();
        }
    }

    pub(super) fn duplicates_forgotten(&mut self, id: ControllerId, generation: u32) {
        let now = self.now;
        let Some(controller) = self.controllers.get_mut(&id) else {
            return;
        };
        let scanner = &mut controller.scanner;
        if scanner.enabled && scanner.generation == generation {
            scanner.forget();
            let next = now + scanner.period;
            self.timers.at(
                next,
                Timer::DuplicatesForgotten {
                    controller: id,
                    generation,
                },
            );
        }
    }

    /// Handles an advertising event that this scanner may hear.
    pub(super) fn scanner_hears(&mut self, id: ControllerId, advert: &Advert) {
        let Some(controller) = self.controllers.get(&id) else {
            return;
        };
        let scanner = &controller.scanner;
        let Some(&scan) = scanner.phys.get(&advert.primary_phy) else {
            return;
        };
        if !scanner.enabled || !advert.properties.legacy && !scanner.extended {
            return;
        }
        // In a paced world, a window shorter than the interval catches only its share of the
        // events.
        if self.pacing == super::Pacing::Paced
            && scan.window < scan.interval
            && self.rng.u16(0..scan.interval) >= scan.window
        {
            return;
        }
        if self.lost(advert.sender.unwrap_or(id), Some(id)) {
            return;
        }
        let rssi = self.jittered(advert.rssi);
        let Some(controller) = self.controllers.get_mut(&id) else {
            return;
        };
        let Some(reported) = controller.scanner_takes(advert) else {
            return;
        };
        controller.report(advert, reported, false, rssi);
        let asks = scan.active && advert.scan_response.is_some();
        let Some(address) = controller.plain_address(controller.scanner.own_kind, None) else {
            return;
        };
        if asks && self.answers_scan_request(advert, id, address) {
            let rssi = self.jittered(advert.rssi);
            if let Some(controller) = self.controllers.get_mut(&id) {
                controller.report(advert, reported, true, rssi);
            }
        }
    }
}

impl Controller {
    /// The advertiser's address as it is reported to the host, or `None` if the scan's policies
    /// exclude the advertisement.
    fn scanner_takes(&mut self, advert: &Advert) -> Option<(u8, [u8; 6])> {
        let reported = self.resolving.resolve(advert.address)?;
        let scanner = &self.scanner;
        if scanner.uses_accept_list() && !self.accepts(reported.0, reported.1) {
            return None;
        }
        if advert.properties.directed && !self.is_directed_at(advert, scanner.own_kind) {
            // Policies 2 and 3 let a resolvable target pass, so that the host can resolve it.
            let resolvable = advert.peer.1[5] & 0xC0 == 0x40 && advert.peer.0 == 1;
            if scanner.filter_policy & 2 == 0 || !resolvable {
                return None;
            }
        }
        Some(reported)
    }

    /// Whether a directed advertisement is for this device.
    pub(super) fn is_directed_at(&self, advert: &Advert, own_kind: u8) -> bool {
        let (kind, bytes) = advert.peer;
        self.plain_address(own_kind, None)
            .is_some_and(|own| own.hci_kind() == kind & 1 && own.bytes == bytes)
            || own_kind & 2 != 0 && kind == 1 && self.resolving.is_local(bytes)
    }

    /// Sends the host a report, unless it is a duplicate or the host is too slow to take more.
    fn report(&mut self, advert: &Advert, reported: (u8, [u8; 6]), response: bool, rssi: i8) {
        let properties = advert.properties;
        let event_type = if self.scanner.extended {
            advert.extended_event_type(response)
        } else {
            advert.legacy_event_type(response)
        };
        let data = if response {
            advert.scan_response.as_deref()
        } else {
            Some(&*advert.data)
        };
        let data = data.unwrap_or_default();

        if self.waiting_reports >= self.config.report_buffers {
            self.stats.reports_discarded += 1;
            return;
        }
        if self.scanner.filter_duplicates != 0 {
            // Legacy: one report for each address and type. Extended: changed data is reported
            // again.
            let (set, hash) = if properties.legacy {
                (0, 0)
            } else {
                (advert.sid, fingerprint(data))
            };
            let seen = (reported.0, reported.1, event_type, set, hash);
            if self.scanner.seen_before(seen, self.config.duplicate_cache) {
                return;
            }
        }
        if self.scanner.extended {
            self.extended_report(advert, reported, event_type, rssi, data);
        } else {
            self.legacy_report(reported, event_type, rssi, data);
        }
    }

    fn legacy_report(
        &mut self,
        (kind, address): (u8, [u8; 6]),
        event_type: u16,
        rssi: i8,
        data: &[u8],
    ) {
        let data = data.get(..data.len().min(31)).unwrap_or_default();
        let mut report = Vec::with_capacity(12 + data.len());
        report.extend_from_slice(&[1, event_type as u8, kind]);
        report.extend_from_slice(&address);
        report.push(data.len() as u8);
        report.extend_from_slice(data);
        report.extend_from_slice(&rssi.to_le_bytes());
        self.le_event(le::ADVERTISING_REPORT, &report);
    }

    /// Splits data that is too long for one event into several reports, all but the last
    /// incomplete.
    fn extended_report(
        &mut self,
        advert: &Advert,
        (kind, address): (u8, [u8; 6]),
        event_type: u16,
        rssi: i8,
        data: &[u8],
    ) {
        const MORE_TO_COME: u16 = 0b01 << 5;
        let mut chunks = data.chunks(229).peekable();
        loop {
            let chunk = chunks.next().unwrap_or_default();
            let more = if chunks.peek().is_some() {
                MORE_TO_COME
            } else {
                0
            };
            let mut report = Vec::with_capacity(25 + chunk.len());
            report.push(1);
            report.extend_from_slice(&(event_type | more).to_le_bytes());
            let anonymous = advert.properties.anonymous;
            report.push(if anonymous { 0xFF } else { kind });
            report.extend_from_slice(if anonymous { &[0; 6] } else { &address });
            let sid = if advert.properties.legacy {
                0xFF
            } else {
                advert.sid
            };
            report.extend_from_slice(&[advert.primary_phy, advert.secondary_phy, sid]);
            report.extend_from_slice(&advert.tx_power.to_le_bytes());
            report.extend_from_slice(&rssi.to_le_bytes());
            report.extend_from_slice(&[0, 0]);
            let directed = advert.properties.directed;
            report.push(if directed { advert.peer.0 } else { 0 });
            report.extend_from_slice(if directed { &advert.peer.1 } else { &[0; 6] });
            report.push(chunk.len() as u8);
            report.extend_from_slice(chunk);
            self.le_event(le::EXTENDED_ADVERTISING_REPORT, &report);
            if more == 0 {
                break;
            }
        }
    }
}

/// FNV-1a, by which the duplicate filter notices changed data.
fn fingerprint(data: &[u8]) -> u64 {
    data.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

//! What a scan remembers of the devices that it has found.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use dongle_central::mux::Report;

use crate::address::Address;
use crate::advertisement::{Heard, Update};

/// How many bytes of advertising data a scan remembers. Beyond that, it forgets the devices that it
/// found first.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// The devices that a scan has found.
#[derive(Default)]
pub(super) struct Memory {
    devices: HashMap<Key, Heard>,
    /// The device that was found first is at the front.
    order: VecDeque<Key>,
    bytes: usize,
}

/// What distinguishes an advertisement from others, of which a device may send several. The address
/// is the identity address if the device is known by its bond.
type Key = (Address, Option<u8>);

impl Memory {
    /// Whether this report continues fragments that are already there.
    pub(super) fn has_fragments(
        &self,
        identity: Option<Address>,
        address: Address,
        report: &Report<'_>,
    ) -> bool {
        let key = (identity.unwrap_or(address), report.sid);
        !report.legacy && self.devices.get(&key).is_some_and(Heard::has_fragments)
    }

    /// Takes a report, in a time that doesn't depend on the number of devices. Devices that have to
    /// be forgotten for it are passed to `forget`.
    pub(super) fn take(
        &mut self,
        identity: Option<Address>,
        address: Address,
        report: &Report<'_>,
        most: usize,
        forget: impl Fn(Heard),
    ) -> (&mut Heard, Update) {
        // One too many is kept until the next report, which saves a second lookup in the table.
        while self.devices.len() > most || self.bytes > MOST_BYTES {
            let Some(eldest) = self.order.pop_front() else {
                break;
            };
            if let Some(gone) = self.devices.remove(&eldest) {
                self.bytes -= gone.size();
                forget(gone);
            }
        }
        let key = (identity.unwrap_or(address), report.sid);
        let heard = match self.devices.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                self.order.push_back(key);
                place.insert(Heard::new(address, report))
            }
        };
        self.bytes -= heard.size();
        heard.goes_by(identity, address);
        let update = heard.update(report);
        self.bytes += heard.size();
        (heard, update)
    }

    /// What is remembered of the devices, those first that were found first.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &Heard> {
        self.order.iter().filter_map(|key| self.devices.get(key))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::host) fn report(number: u32, data: &[u8]) -> (Address, Report<'_>) {
        let [a, b, c, d] = number.to_be_bytes();
        let address = Address::random([0xC0, 0, a, b, c, d]);
        let report = Report {
            address: Some(address.for_host()),
            connectable: false,
            scannable: false,
            directed: false,
            scan_response: false,
            legacy: true,
            more_follows: false,
            truncated: false,
            rssi: Some(-70),
            tx_power: None,
            sid: None,
            phys: (1, 0),
            direct_to: None,
            data,
        };
        (address, report)
    }

    #[test]
    fn the_eldest_is_forgotten_first_and_the_memory_stays_bounded() {
        let mut memory = Memory::default();
        for number in 0..30_000 {
            let (address, report) = report(number, &[0x55; 31]);
            memory.take(None, address, &report, 10_000, drop);
        }
        assert_eq!(memory.devices.len(), 10_001);
        assert_eq!(memory.order.len(), 10_001);
        assert_eq!(memory.bytes, 310_031);
        assert!(memory.order.capacity() <= 32_768);
        let (address, report) = report(20_000, &[0x55; 31]);
        assert_eq!(
            memory.take(None, address, &report, 10_000, drop).1,
            Update::Same,
            "the youngest are known"
        );
        let (address, report) = self::report(19_900, &[0x55; 31]);
        assert_eq!(
            memory.take(None, address, &report, 10_000, drop).1,
            Update::Changed,
            "the eldest are not"
        );
    }

    #[test]
    fn long_advertisements_are_bounded_in_bytes_too() {
        let mut memory = Memory::default();
        let data = [0x55; 1650];
        for number in 0..16_000 {
            let (address, report) = report(number, &data);
            memory.take(None, address, &report, 16 * 1024, drop);
        }
        assert!(memory.bytes <= MOST_BYTES + data.len());
        assert!(memory.devices.len() < 11_000);
    }

    #[test]
    fn a_device_that_changes_its_address_is_told_once_under_each() {
        let mut memory = Memory::default();
        let (identity, _) = report(1, &[]);
        let (before, first) = report(2, &[2, 1, 6]);
        let (after, second) = report(3, &[2, 1, 6]);
        let mut take = |address, report| {
            let (heard, update) = memory.take(Some(identity), address, report, 10, drop);
            let told = heard.advertisement();
            assert_eq!((told.identity(), told.address()), (Some(identity), address));
            update
        };
        assert_eq!(take(before, &first), Update::Changed);
        assert_eq!(take(before, &first), Update::Same);
        assert_eq!(take(after, &second), Update::Changed);
        assert_eq!(take(after, &second), Update::Same);
        assert_eq!(memory.devices.len(), 1);
    }

    #[test]
    fn two_sets_of_one_device_are_two_advertisements() {
        let mut memory = Memory::default();
        let (address, first) = report(1, &[2, 1, 6]);
        let second = Report {
            sid: Some(1),
            legacy: false,
            data: &[2, 1, 4],
            ..first
        };
        memory.take(None, address, &first, 10, drop);
        memory.take(None, address, &second, 10, drop);
        assert_eq!(memory.take(None, address, &first, 10, drop).1, Update::Same);
        assert_eq!(
            memory.take(None, address, &second, 10, drop).1,
            Update::Same
        );
    }
}

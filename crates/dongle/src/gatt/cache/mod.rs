//! The attribute cache (Core Vol 3 Part G, 2.5.2): what was discovered once is not requested again
//! for as long as the device lets us know that it is still valid.
//!
//! - A *bonded* device that has Service Changed indicates changes by itself, and those that were
//!   made while it was away as soon as the link is encrypted (7.1). Nothing is requested.
//! - Any device that has a *Database Hash* (7.3) is asked for it once per connection.
//! - A bonded device that has neither must not change. Some do anyway, so each attribute is checked
//!   before it is used.
//! - All others are asked each time.

mod attributes;
mod discovery;
mod settle;
mod sync;
mod text;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dongle_central::att::AttributeHandle;

pub(crate) use attributes::Attributes;
pub(crate) use discovery::{
    CharacteristicsOf, DescriptorsOf, Discovery, IncludedIn, PrimaryServices, Question,
};
pub(crate) use settle::save;
pub(crate) use sync::{Place, Sign};
pub(crate) use text::{read, write};

use crate::address::{Address, AddressKind};

/// How many attributes of a device are kept. If it has more, none are.
pub(crate) const MOST_ATTRIBUTES: usize = 2048;
/// How many devices without a bond are remembered. The least recently met ones are forgotten.
const MOST_DEVICES: usize = 64;

/// A Database Hash (Core Vol 3 Part G, 7.3), least significant octet first.
pub(crate) type Hash = [u8; 16];

/// What is kept from one connection to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cached {
    pub(crate) attributes: Attributes,
    /// The device's Database Hash when these were discovered, if it has one.
    pub(crate) hash: Option<Hash>,
    /// The handle of the value of Service Changed, if the device is bonded and was told to indicate
    /// it.
    pub(crate) service_changed: Option<AttributeHandle>,
}

impl Cached {
    /// Whether this is small enough to be kept.
    fn is_bounded(&self) -> bool {
        self.attributes.len() <= MOST_ATTRIBUTES
    }
}

/// The attributes of devices without a bond. They are kept for as long as the dongle is open.
pub(crate) struct Caches {
    enabled: bool,
    devices: Mutex<Devices>,
}

#[derive(Default)]
struct Devices {
    /// The most recently met last. `None`: the device has no Database Hash, so nothing can be kept.
    known: Vec<(Address, Option<Cached>)>,
    /// How many times the program has cleared the cache of a device.
    cleared: HashMap<Address, u64>,
}

impl Caches {
    pub(crate) fn new(enabled: bool) -> Self {
        Self {
            enabled,
            devices: Mutex::default(),
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// A number that changes whenever the program clears the cache of a device.
    pub(crate) fn cleared(&self, device: Address) -> u64 {
        let devices = self.devices();
        devices.cleared.get(&device).copied().unwrap_or_default()
    }

    /// What is known of a device. `Some(None)` if it is known that nothing can be kept.
    #[allow(clippy::option_option)] // An unknown device is another case.
    fn find(&self, device: Address) -> Option<Option<Cached>> {
        let devices = self.devices();
        let found = devices.known.iter().find(|(known, _)| *known == device);
        found.map(|(_, cached)| cached.clone())
    }

    /// Replaces what is known of a device.
    fn keep(&self, device: Address, cached: Option<Cached>) {
        let known = &mut self.devices().known;
        known.retain(|(known, _)| *known != device);
        known.push((device, cached.filter(Cached::is_bounded)));
        if known.len() > MOST_DEVICES {
            known.remove(0);
        }
    }

    /// Clears what is known of a device, for open connections, too. Returns whether there was
    /// anything.
    pub(crate) fn clear(&self, device: Address) -> bool {
        *self.devices().cleared.entry(device).or_default() += 1;
        self.lose(device)
    }

    fn lose(&self, device: Address) -> bool {
        let known = &mut self.devices().known;
        let before = known.len();
        known.retain(|(known, _)| *known != device);
        known.len() < before
    }

    fn devices(&self) -> MutexGuard<'_, Devices> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a device keeps this address, so that it is worth remembering.
fn is_lasting(address: Address) -> bool {
    matches!(
        address.kind(),
        AddressKind::Public | AddressKind::RandomStatic
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_devices_met_last_are_remembered() {
        let caches = Caches::new(true);
        let device = |number: usize| Address::public([0, 0, 0, 0, 0, number as u8]);
        for number in 0..=MOST_DEVICES {
            caches.keep(device(number), Some(Cached::default()));
        }
        assert_eq!(caches.find(device(0)), None);
        assert_eq!(caches.find(device(1)), Some(Some(Cached::default())));
        assert!(caches.clear(device(1)));
        assert!(!caches.clear(device(1)));
    }
}

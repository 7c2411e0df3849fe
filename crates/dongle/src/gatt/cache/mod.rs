//! The attribute cache (Core Vol 3 Part G, 2.5.2): what was discovered once is not asked again, as
//! long as the device lets us know that it still holds.
//!
//! - A *bonded* device that has Service Changed tells of changes by itself, of those while it was
//!   away as soon as the link is encrypted (7.1). Nothing is asked.
//! - Any device that has a *Database Hash* (7.3) is asked for it, once in a connection.
//! - A bonded device that has neither is not to change. It may all the same: each attribute is
//!   looked at before it is used.
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

/// Attributes that are kept of a device; of one that has more, nothing is.
pub(crate) const MOST_ATTRIBUTES: usize = 2048;
/// Devices without a bond that are remembered; of more, those go that were met the longest ago.
const MOST_DEVICES: usize = 64;

/// A Database Hash (Core Vol 3 Part G, 7.3), least significant octet first.
pub(crate) type Hash = [u8; 16];

/// What lasts from one connection to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cached {
    pub(crate) attributes: Attributes,
    /// The Database Hash at that time, if the device has one.
    pub(crate) hash: Option<Hash>,
    /// Where the device, which is bonded, was told to indicate changes: the value of Service
    /// Changed.
    pub(crate) service_changed: Option<AttributeHandle>,
}

impl Cached {
    /// Whether there is no more of it than may be kept.
    fn is_bounded(&self) -> bool {
        self.attributes.len() <= MOST_ATTRIBUTES
    }
}

/// The attributes of devices without a bond, for as long as the dongle is open.
pub(crate) struct Caches {
    enabled: bool,
    devices: Mutex<Devices>,
}

#[derive(Default)]
struct Devices {
    /// Those met last are last. `None`: the device has no Database Hash, so nothing can be kept.
    known: Vec<(Address, Option<Cached>)>,
    /// How many times a program had what is known of a device thrown away.
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

    /// Changes when what is known of a device is thrown away at a program's wish.
    pub(crate) fn cleared(&self, device: Address) -> u64 {
        let devices = self.devices();
        devices.cleared.get(&device).copied().unwrap_or_default()
    }

    /// What is known of a device; `Some(None)`: that it can't be kept.
    #[allow(clippy::option_option)] // Not to know the device is another thing.
    fn find(&self, device: Address) -> Option<Option<Cached>> {
        let devices = self.devices();
        let found = devices.known.iter().find(|(known, _)| *known == device);
        found.map(|(_, cached)| cached.clone())
    }

    /// Keeps what is known of a device in the place of what was before.
    fn keep(&self, device: Address, cached: Option<Cached>) {
        let known = &mut self.devices().known;
        known.retain(|(known, _)| *known != device);
        known.push((device, cached.filter(Cached::is_bounded)));
        if known.len() > MOST_DEVICES {
            known.remove(0);
        }
    }

    /// Throws away what is known of a device, for connections that are up, too; whether there was
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

/// Whether a device will go by this address the next time, so that it is worth remembering.
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

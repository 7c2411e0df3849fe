//! Resolves addresses to the devices that use them, with the keys of the bonds.
//!
//! A scan asks for every report, so most answers must be cheap: without bonds, it only takes
//! reading a flag, and the keys are tried on each address only once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dongle_central::security::{Bond, Key, resolves};

use crate::address::{Address, AddressKind};

/// How many resolvable addresses are remembered with their owners: at least this many, at most
/// twice.
const REMEMBERED: usize = 16 * 1024;
/// How long a device can be expected to keep using an address that it was just heard with.
const FRESH: Duration = Duration::from_secs(5);

/// The devices with bonds, and the addresses that they use.
#[derive(Default)]
pub(crate) struct Identities {
    /// Whether there are any.
    some: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    devices: HashMap<Address, Device>,
    /// The owners of resolvable addresses, or `None`. Entries that are looked up move from `old` to
    /// `young`; when `young` is full, it becomes `old`.
    young: HashMap<Address, Option<Address>>,
    old: HashMap<Address, Option<Address>>,
}

/// A device. The map's key is its identity address.
struct Device {
    irk: Option<Key>,
    /// The address with which it was last heard as connectable, and when.
    heard: Option<(Address, Instant)>,
}

impl Identities {
    /// Sets the bonds.
    pub(super) fn set<'b>(&self, bonds: impl Iterator<Item = &'b Bond>) {
        let mut state = self.state();
        let mut before = std::mem::take(&mut *state).devices;
        for bond in bonds {
            let identity = Address::from_host(bond.identity);
            let device = Device {
                irk: bond.irk.clone().filter(|irk| !irk.is_zero()),
                heard: before.remove(&identity).and_then(|device| device.heard),
            };
            state.devices.insert(identity, device);
        }
        self.some
            .store(!state.devices.is_empty(), Ordering::Release);
    }

    /// The identity address of the device that uses this address, if there is a bond with it.
    #[inline]
    pub(crate) fn of(&self, address: Address) -> Option<Address> {
        match self.some.load(Ordering::Acquire) {
            true => self.state().of(address),
            false => None,
        }
    }

    /// Whether this is the identity address of a device that may use others.
    pub(crate) fn is_private(&self, identity: Address) -> bool {
        let state = self.state();
        let device = state.devices.get(&identity);
        device.is_some_and(|device| device.irk.is_some())
    }

    /// A device was heard with this address, and is connectable.
    pub(crate) fn heard(&self, identity: Address, address: Address) {
        if let Some(device) = self.state().devices.get_mut(&identity) {
            device.heard = Some((address, Instant::now()));
        }
    }

    /// The address with which a device was heard a moment ago.
    pub(super) fn last_heard(&self, identity: Address) -> Option<Address> {
        let state = self.state();
        let (address, at) = state.devices.get(&identity)?.heard?;
        (at.elapsed() <= FRESH).then_some(address)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of(&mut self, address: Address) -> Option<Address> {
        if address.kind() != AddressKind::ResolvablePrivate {
            return self.devices.contains_key(&address).then_some(address);
        }
        if let Some(owner) = self.young.get(&address) {
            return *owner;
        }
        let owner = match self.old.get(&address) {
            Some(owner) => *owner,
            None => self.resolve(address),
        };
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(address, owner);
        owner
    }

    fn resolve(&self, address: Address) -> Option<Address> {
        let resolvable = address.for_host();
        let mut keys = self.devices.iter();
        let owner = keys.find(|(_, device)| {
            let irk = device.irk.as_ref();
            irk.is_some_and(|irk| resolves(irk, resolvable))
        });
        owner.map(|(identity, _)| *identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dongle_central::security::make_resolvable;

    const DEVICE: Address = Address::random([0xC6, 5, 4, 3, 2, 1]);

    fn bond(irk: Option<u8>) -> Bond {
        Bond {
            identity: DEVICE.for_host(),
            irk: irk.map(|octet| Key::new([octet; 16])),
            ltk: Key::new([1; 16]),
            ediv: 0,
            rand: [0; 8],
            key_size: 16,
            authenticated: false,
            secure_connections: true,
        }
    }

    fn made(irk: u8, number: u32) -> Address {
        let [a, b, c, _] = number.to_le_bytes();
        let mut octets = make_resolvable(&Key::new([irk; 16]), [a, b, c]);
        octets.reverse();
        Address::random(octets)
    }

    #[test]
    fn a_device_is_known_by_any_address_that_its_key_makes_and_by_no_other() {
        let identities = Identities::default();
        assert_eq!(identities.of(DEVICE), None);
        identities.set([&bond(Some(9))].into_iter());
        assert!(identities.is_private(DEVICE));
        assert_eq!(identities.of(DEVICE), Some(DEVICE));
        for number in 0..100 {
            assert_eq!(identities.of(made(9, number)), Some(DEVICE));
            assert_eq!(identities.of(made(8, number)), None);
            let public = Address::public(made(9, number).octets());
            assert_eq!(identities.of(public), None);
        }
    }

    #[test]
    fn a_key_of_zeros_makes_nobody_private() {
        let identities = Identities::default();
        identities.set([&bond(Some(0))].into_iter());
        assert!(!identities.is_private(DEVICE));
        assert_eq!(identities.of(made(0, 1)), None);
        assert_eq!(identities.of(DEVICE), Some(DEVICE));
    }

    #[test]
    fn a_stranger_is_known_once_there_is_a_bond_and_again_one_when_it_is_forgotten() {
        let identities = Identities::default();
        identities.set([&bond(None)].into_iter());
        assert_eq!(identities.of(made(9, 1)), None);
        identities.set([&bond(Some(9))].into_iter());
        assert_eq!(identities.of(made(9, 1)), Some(DEVICE));
        identities.heard(DEVICE, made(9, 1));
        assert_eq!(identities.last_heard(DEVICE), Some(made(9, 1)));
        identities.set([].into_iter());
        assert_eq!(identities.of(made(9, 1)), None);
        assert_eq!(identities.last_heard(DEVICE), None);
    }

    #[test]
    fn what_is_remembered_stays_bounded_and_what_is_asked_for_again_stays() {
        let identities = Identities::default();
        identities.set([&bond(Some(9))].into_iter());
        for number in 0..3 * REMEMBERED as u32 {
            identities.of(made(8, number));
            identities.of(made(9, 0));
        }
        let state = identities.state();
        assert!(state.young.len() <= REMEMBERED && state.old.len() <= REMEMBERED);
        assert_eq!(state.young.get(&made(9, 0)), Some(&Some(DEVICE)));
    }
}

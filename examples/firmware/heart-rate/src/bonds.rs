//! Keeps bonds in RAM while the program runs. A product would write them to flash.

use core::cell::RefCell;
use core::convert::Infallible;

use dongle_central::links::Address;
use dongle_central::security::{Bond, BondStore};

use crate::sizes::CONNECTIONS;

/// One bond for each sensor.
pub struct Bonds(RefCell<[Option<Bond>; CONNECTIONS]>);

impl Bonds {
    pub const fn new() -> Self {
        Self(RefCell::new([const { None }; CONNECTIONS]))
    }
}

impl BondStore for Bonds {
    type Error = Infallible;

    async fn find(&self, peer: Address) -> Option<Bond> {
        let bonds = self.0.borrow();
        bonds.iter().flatten().find(|b| b.is_of(peer)).cloned()
    }

    async fn save(&self, bond: &Bond) -> Result<(), Infallible> {
        let mut bonds = self.0.borrow_mut();
        let same = |b: &Bond| b.identity == bond.identity;
        // Sensors for which there is no room have to pair each time.
        let place = bonds.iter().position(|b| b.as_ref().is_some_and(same));
        if let Some(place) = place.or_else(|| bonds.iter().position(Option::is_none)) {
            bonds[place] = Some(bond.clone());
        }
        Ok(())
    }
}

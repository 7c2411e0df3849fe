//! Our resolvable private address, and our identity.

use bt_hci::param::{AddrKind, BdAddr};

use super::key::Key;
use super::resolve;
use crate::links::Address;

/// Our identity, and the key of the private addresses that we use in its place.
#[derive(Debug)]
pub struct Privacy {
    irk: Key,
    identity: Address,
    address: [u8; 6],
}

impl Privacy {
    /// The owner of `irk`, known as `identity` to peers that have this key. The random bits make
    /// the first address.
    pub fn new(irk: Key, identity: Address, random: [u8; 3]) -> Self {
        let address = resolve::make(&irk, random);
        Self {
            irk,
            identity,
            address,
        }
    }

    /// The first address.
    pub fn address(&self) -> Address {
        Address::new(AddrKind::RANDOM, BdAddr::new(self.address))
    }

    /// Makes another address.
    pub(crate) fn make(&self, random: [u8; 3]) -> [u8; 6] {
        resolve::make(&self.irk, random)
    }

    /// What peers that pair with us learn: the IRK and the identity address.
    pub(crate) fn identity(&self) -> (Key, Address) {
        (self.irk.clone(), self.identity)
    }
}

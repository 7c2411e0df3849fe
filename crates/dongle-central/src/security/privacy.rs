//! Our own resolvable private address, and who we are.

use bt_hci::param::{AddrKind, BdAddr};

use super::key::Key;
use super::resolve;
use crate::links::Address;

/// Who we are, and the key of the addresses we go by instead.
#[derive(Debug)]
pub struct Privacy {
    irk: Key,
    identity: Address,
    address: [u8; 6],
}

impl Privacy {
    /// The owner of `irk`, known as `identity` to those who have that key. The random bits make the
    /// first address.
    pub fn new(irk: Key, identity: Address, random: [u8; 3]) -> Self {
        let address = resolve::make(&irk, random);
        Self {
            irk,
            identity,
            address,
        }
    }

    /// The address to begin with.
    pub fn address(&self) -> Address {
        Address::new(AddrKind::RANDOM, BdAddr::new(self.address))
    }

    /// Another address of ours.
    pub(crate) fn make(&self, random: [u8; 3]) -> [u8; 6] {
        resolve::make(&self.irk, random)
    }

    /// What those who pair with us are told.
    pub(crate) fn identity(&self) -> (Key, Address) {
        (self.irk.clone(), self.identity)
    }
}

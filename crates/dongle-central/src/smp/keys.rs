//! The keys that a peer distributes once the link is encrypted (Core Vol 3 Part H, 3.6).

use bt_hci::param::{AddrKind, BdAddr};
use zeroize::Zeroize as _;

use super::Encryption;
use super::command::{code, keys};
use super::initiator::refuse;
use super::toolbox::Block;
use crate::links::Address;
use crate::security::{Key, PairingFailure, SecurityError};

/// The parts of the peer's keys, which come in two commands each (3.6.1).
mod half {
    pub const KEY: u8 = 1;
    pub const NAME: u8 = 2;
    pub const RESOLVING_KEY: u8 = 4;
    pub const ADDRESS: u8 = 8;
}

/// The keys that the peer has distributed.
pub struct PeerKeys {
    /// The parts still to come.
    expected: u8,
    /// The long term key of legacy pairing, and EDIV and Rand, which identify it.
    ltk: Block,
    ediv: u16,
    rand: [u8; 8],
    irk: Block,
    pub identity: Option<Address>,
}

impl PeerKeys {
    pub const NONE: Self = Self {
        expected: 0,
        ltk: [0; 16],
        ediv: 0,
        rand: [0; 8],
        irk: [0; 16],
        identity: None,
    };

    /// Waits for the keys that were agreed on; with LE Secure Connections, the long term key exists already.
    pub fn wait_for(&mut self, agreed: u8, secure: bool) {
        if agreed & keys::ENCRYPTION != 0 && !secure {
            self.expected |= half::KEY | half::NAME;
        }
        if agreed & keys::IDENTITY != 0 {
            self.expected |= half::RESOLVING_KEY | half::ADDRESS;
        }
    }

    /// Whether all keys have come.
    pub fn are_complete(&self) -> bool {
        self.expected == 0
    }

    /// Takes a part of a key, in a pairing with this key size.
    ///
    /// # Errors
    /// If the command distributes no key.
    pub fn take(&mut self, code: u8, value: &[u8], size: u8) -> Result<(), SecurityError> {
        let half = match code {
            code::ENCRYPTION_INFORMATION => half::KEY,
            code::CENTRAL_IDENTIFICATION => half::NAME,
            code::IDENTITY_INFORMATION => half::RESOLVING_KEY,
            code::IDENTITY_ADDRESS_INFORMATION => half::ADDRESS,
            code::SIGNING_INFORMATION => 0,
            _ => return refuse(PairingFailure::UNSPECIFIED),
        };
        if self.expected & half == 0 {
            // It was not agreed on.
            return Ok(());
        }
        self.expected &= !half;
        let block = value.first_chunk().copied().unwrap_or_default();
        match (half, value) {
            (half::KEY, _) => {
                self.ltk = block;
                shorten(&mut self.ltk, size);
            }
            (half::NAME, &[e0, e1, ref rand @ ..]) => {
                self.ediv = u16::from_le_bytes([e0, e1]);
                self.rand = rand.first_chunk().copied().unwrap_or_default();
            }
            (half::RESOLVING_KEY, _) => self.irk = block,
            (half::ADDRESS, &[kind, ref octets @ ..]) => {
                let octets = octets.first_chunk().copied().unwrap_or_default();
                self.identity = Some(identity(kind, octets));
            }
            _ => {}
        }
        Ok(())
    }

    /// The long term key of legacy pairing, if there is one.
    pub fn encryption(&self) -> Option<Encryption> {
        Some(Encryption {
            key: key(&self.ltk)?,
            ediv: self.ediv,
            rand: self.rand,
        })
    }

    /// The key that resolves the peer's addresses, if there is one.
    pub fn irk(&self) -> Option<Key> {
        key(&self.irk)
    }
}

impl Drop for PeerKeys {
    fn drop(&mut self) {
        self.ltk.zeroize();
        self.irk.zeroize();
    }
}

/// A key; all zeros means none.
fn key(block: &Block) -> Option<Key> {
    Some(Key::new(*block)).filter(|key| !key.is_zero())
}

/// Zeroes what exceeds the agreed key size (2.3.4).
pub fn shorten(key: &mut Block, size: u8) {
    for octet in key.iter_mut().skip(usize::from(size)) {
        *octet = 0;
    }
}

/// An identity address (3.6.5).
fn identity(kind: u8, octets: [u8; 6]) -> Address {
    let kind = match kind & 1 {
        0 => AddrKind::PUBLIC,
        _ => AddrKind::RANDOM,
    };
    Address::new(kind, BdAddr::new(octets))
}

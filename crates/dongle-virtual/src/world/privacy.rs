//! The resolving list: makes and recognises resolvable private addresses (Core Vol 6 Part B 6).

use std::time::Duration;

use aes::Aes128;
use aes::cipher::{BlockEncrypt, KeyInit};

use crate::address::Address;

/// AES-128 with key and data in the byte order of HCI, least significant first.
pub(crate) fn encrypt(mut key: [u8; 16], mut data: [u8; 16]) -> [u8; 16] {
    key.reverse();
    data.reverse();
    let mut block = data.into();
    Aes128::new(&key.into()).encrypt_block(&mut block);
    let mut out: [u8; 16] = block.into();
    out.reverse();
    out
}

/// The random address hash function `ah` (Core Vol 3 Part H 2.2.2).
fn ah(irk: [u8; 16], prand: [u8; 3]) -> [u8; 3] {
    let mut data = [0; 16];
    data[..3].copy_from_slice(&prand);
    let [a, b, c, ..] = encrypt(irk, data);
    [a, b, c]
}

fn resolves(irk: [u8; 16], [h0, h1, h2, p0, p1, p2]: [u8; 6]) -> bool {
    irk != [0; 16] && ah(irk, [p0, p1, p2]) == [h0, h1, h2]
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) kind: u8,
    pub(crate) identity: [u8; 6],
    peer_irk: [u8; 16],
    local_irk: [u8; 16],
    /// In device privacy mode, the peer's identity address is accepted as well.
    pub(crate) device_privacy: bool,
    local: Option<(Duration, [u8; 6])>,
    pub(crate) peer: Option<[u8; 6]>,
}

#[derive(Debug)]
pub(crate) struct ResolvingList {
    pub(crate) capacity: u8,
    pub(crate) entries: Vec<Entry>,
    pub(crate) enabled: bool,
    pub(crate) timeout: Duration,
}

impl ResolvingList {
    pub(crate) fn new(capacity: u8) -> Self {
        Self {
            capacity,
            entries: Vec::new(),
            enabled: false,
            timeout: Duration::from_secs(900),
        }
    }

    pub(crate) fn find(&mut self, kind: u8, identity: [u8; 6]) -> Option<&mut Entry> {
        self.entries
            .iter_mut()
            .find(|e| e.kind & 1 == kind & 1 && e.identity == identity)
    }

    /// Returns false if the list is full or already has the device.
    pub(crate) fn add(
        &mut self,
        kind: u8,
        identity: [u8; 6],
        peer_irk: [u8; 16],
        local_irk: [u8; 16],
    ) -> bool {
        let room = self.entries.len() < usize::from(self.capacity);
        if !room || self.find(kind, identity).is_some() {
            return false;
        }
        self.entries.push(Entry {
            kind: kind & 1,
            identity,
            peer_irk,
            local_irk,
            device_privacy: false,
            local: None,
            peer: None,
        });
        true
    }

    /// Our resolvable address for `peer`, if there is a local key for it.
    pub(crate) fn local_address(
        &mut self,
        now: Duration,
        (kind, identity): (u8, [u8; 6]),
        rng: &mut fastrand::Rng,
    ) -> Option<[u8; 6]> {
        if !self.enabled {
            return None;
        }
        let timeout = self.timeout;
        let entry = self
            .find(kind, identity)
            .filter(|entry| entry.local_irk != [0; 16])?;
        match entry.local {
            Some((made, address)) if now < made + timeout => Some(address),
            _ => {
                let prand = [rng.u8(..), rng.u8(..), rng.u8(..) & 0x3F | 0x40];
                let [h0, h1, h2] = ah(entry.local_irk, prand);
                let address = [h0, h1, h2, prand[0], prand[1], prand[2]];
                entry.local = Some((now, address));
                Some(address)
            }
        }
    }

    /// The address as it is reported to the host: (type, bytes), which is an identity (types 2 and
    /// 3) if the list resolves it. `None` for the identity address of a peer that must use private
    /// ones.
    pub(crate) fn resolve(&mut self, address: Address) -> Option<(u8, [u8; 6])> {
        let plain = (address.hci_kind(), address.bytes);
        if !self.enabled || self.entries.is_empty() {
            return Some(plain);
        }
        if address.is_resolvable() {
            for entry in &mut self.entries {
                if resolves(entry.peer_irk, address.bytes) {
                    entry.peer = Some(address.bytes);
                    return Some((entry.kind | 2, entry.identity));
                }
            }
            return Some(plain);
        }
        match self.find(plain.0, plain.1) {
            Some(entry) if entry.peer_irk != [0; 16] && !entry.device_privacy => None,
            _ => Some(plain),
        }
    }

    /// Whether `address` is one of our own private addresses.
    pub(crate) fn is_local(&self, address: [u8; 6]) -> bool {
        self.enabled
            && self
                .entries
                .iter()
                .any(|entry| resolves(entry.local_irk, address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_specification() {
        // Core Vol 3 Part H D.7: ah with IRK ec0234a3... and prand 708194 gives 0dfbaa.
        let mut irk = 0xec02_34a3_57c8_ad05_3410_10a6_0a39_7d9b_u128.to_le_bytes();
        assert_eq!(ah(irk, [0x94, 0x81, 0x70]), [0xaa, 0xfb, 0x0d]);
        irk[0] ^= 1;
        assert_ne!(ah(irk, [0x94, 0x81, 0x70]), [0xaa, 0xfb, 0x0d]);
    }

    #[test]
    fn an_address_made_with_a_key_resolves_to_the_identity() {
        let mut rng = fastrand::Rng::with_seed(7);
        let peer = (1, [1, 2, 3, 4, 5, 0xC6]);
        let mut ours = ResolvingList::new(4);
        let mut theirs = ResolvingList::new(4);
        ours.enabled = true;
        theirs.enabled = true;
        assert!(ours.add(peer.0, peer.1, [0; 16], [9; 16]));
        assert!(theirs.add(0, [7; 6], [9; 16], [0; 16]));
        let address = ours.local_address(Duration::ZERO, peer, &mut rng).unwrap();
        assert_eq!(theirs.resolve(Address::random(address)), Some((2, [7; 6])));
        assert_eq!(
            theirs.resolve(Address::public([7; 6])),
            None,
            "network privacy mode"
        );
    }
}

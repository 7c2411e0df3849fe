//! Resolvable private addresses (Core Vol 6 Part B, 1.3.2.2).

use super::key::Key;
use crate::links::Address;
use crate::smp::e;

/// Whether `address` is a resolvable private address made with `irk`.
pub fn resolves(irk: &Key, address: Address) -> bool {
    let octets = address.addr.raw();
    let [h0, h1, h2, p0, p1, p2] = octets else {
        return false;
    };
    let resolvable = address.kind.as_raw() & 1 == 1 && p2 >> 6 == 0b01;
    resolvable && hash(irk, [*p0, *p1, *p2]) == [*h0, *h1, *h2]
}

/// Makes a resolvable private address with `irk`, least significant octet first, from 22 of these random bits.
pub fn make(irk: &Key, random: [u8; 3]) -> [u8; 6] {
    let [p0, p1, p2] = random;
    let p2 = p2 & 0x3F | 0x40;
    let [h0, h1, h2] = hash(irk, [p0, p1, p2]);
    [h0, h1, h2, p0, p1, p2]
}

/// The function ah (Core Vol 3 Part H, 2.2.2), least significant octet first.
fn hash(irk: &Key, [p0, p1, p2]: [u8; 3]) -> [u8; 3] {
    let mut block = [0; 16];
    (block[0], block[1], block[2]) = (p0, p1, p2);
    let [h0, h1, h2, ..] = e(irk.reveal(), block);
    [h0, h1, h2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use bt_hci::param::{AddrKind, BdAddr};

    /// The sample data of Core Vol 3 Part H, D.7.
    #[test]
    fn the_hash_is_that_of_the_sample_data() {
        let mut irk = 0xEC0234A3_57C8AD05_341010A6_0A397D9B_u128.to_le_bytes();
        let key = Key::new(irk);
        assert_eq!(hash(&key, [0x94, 0x81, 0x70]), [0xAA, 0xFB, 0x0D]);
        let address = |octets, kind| Address::new(kind, BdAddr::new(octets));
        let octets = make(&key, [0x94, 0x81, 0x70]);
        assert_eq!(octets, [0xAA, 0xFB, 0x0D, 0x94, 0x81, 0x70]);
        assert!(resolves(&key, address(octets, AddrKind::RANDOM)));
        assert!(!resolves(&key, address(octets, AddrKind::PUBLIC)));
        irk[0] ^= 1;
        assert!(!resolves(&Key::new(irk), address(octets, AddrKind::RANDOM)));
    }
}

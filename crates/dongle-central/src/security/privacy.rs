//! Our own resolvable private address, and what peers are told of us while we go by it.
//!
//! trouble-host knows the address that it was built with, and no key of ours. So the mux puts into
//! a pairing who we are, and into each new connection the address it was made from, which the two
//! sides agree on keys with.

use bt_hci::param::{AddrKind, BdAddr};
use bt_hci::transport::PacketKind;

use super::CID_SMP;
use super::key::Key;
use super::resolve;
use crate::links::Address;

/// SMP commands (Core Vol 3 Part H, 3.6.4 and 3.6.5).
const IDENTITY_INFORMATION: u8 = 0x08;
const IDENTITY_ADDRESS_INFORMATION: u8 = 0x09;
/// LE Connection Complete and its enhanced sibling (Core Vol 4 Part E, 7.7.65.1 and 7.7.65.10), with
/// event code, length and subevent code.
const CONNECTION: [u8; 3] = [0x3E, 19, 0x01];
const ENHANCED_CONNECTION: [u8; 3] = [0x3E, 31, 0x0A];
/// Bytes of the latter.
const ENHANCED: usize = 33;

/// Who we are, and the address we go by instead.
#[derive(Debug)]
pub struct Privacy {
    irk: Key,
    identity: Address,
    address: [u8; 6],
    rewriter: Rewriter,
}

/// What a packet is rewritten by; its length then.
type Rewriter = fn(&Privacy, PacketKind, &mut [u8], usize) -> usize;

impl Privacy {
    /// The owner of `irk`, known as `identity` to those who have that key. The random bits make the
    /// first address.
    pub fn new(irk: Key, identity: Address, random: [u8; 3]) -> Self {
        let address = resolve::make(&irk, random);
        Self {
            irk,
            identity,
            address,
            rewriter: Self::rewritten,
        }
    }

    /// The address to go by: what to build trouble-host's stack with, too.
    pub fn address(&self) -> Address {
        Address::new(AddrKind::RANDOM, BdAddr::new(self.address))
    }

    /// Another address of ours.
    pub(crate) fn make(&self, random: [u8; 3]) -> [u8; 6] {
        resolve::make(&self.irk, random)
    }

    /// Goes by this address from now on.
    pub(crate) fn go_by(&mut self, address: [u8; 6]) {
        self.address = address;
    }

    /// Has a packet to a peer, or an event, tell who we are, if that is what it is about; its length then.
    /// Only who makes a [`Privacy`] has the code for it linked.
    pub(crate) fn rewrite(&self, kind: PacketKind, buffer: &mut [u8], len: usize) -> usize {
        (self.rewriter)(self, kind, buffer, len)
    }

    fn rewritten(&self, kind: PacketKind, buffer: &mut [u8], len: usize) -> usize {
        if kind == PacketKind::Event {
            return self.sign(buffer, len);
        }
        self.introduce(buffer);
        len
    }

    /// Has a packet on its way to a peer that pairs tell who we are, if that is what it is about.
    fn introduce(&self, acl: &mut [u8]) {
        let Some((&mut [_, _, _, _, _, _, c0, c1, code], value)) = acl.split_first_chunk_mut()
        else {
            return;
        };
        if u16::from_le_bytes([c0, c1]) != CID_SMP {
            return;
        }
        match code {
            IDENTITY_INFORMATION => {
                if let Ok(place) = <&mut [u8; 16]>::try_from(value) {
                    *place = *self.irk.reveal();
                }
            }
            IDENTITY_ADDRESS_INFORMATION => {
                if let Some((kind, place)) = value.split_first_mut()
                    && let Ok(place) = <&mut [u8; 6]>::try_from(place)
                {
                    *kind = self.identity.kind.as_raw() & 1;
                    *place = self.identity.addr.into_inner();
                }
            }
            _ => {}
        }
    }

    /// Has a new connection tell the address it was made from. A controller tells that only where it
    /// made the address itself, and some have no room for it. The length of the event then.
    fn sign(&self, buffer: &mut [u8], len: usize) -> usize {
        let Some(event) = buffer.first_chunk_mut::<ENHANCED>() else {
            return len;
        };
        if event.starts_with(&CONNECTION) {
            event.copy_within(14..21, 26);
            event[..3].copy_from_slice(&ENHANCED_CONNECTION);
            event[20..26].fill(0);
        } else if !event.starts_with(&ENHANCED_CONNECTION) || event[14..20] != [0; 6] {
            return len;
        }
        event[14..20].copy_from_slice(&self.address);
        ENHANCED
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const KEY: [u8; 16] = [9; 16];

    fn privacy() -> Privacy {
        let identity = Address::new(AddrKind::PUBLIC, BdAddr::new([1, 2, 3, 4, 5, 6]));
        Privacy::new(Key::new(KEY), identity, [1, 2, 3])
    }

    fn smp(pdu: &[u8]) -> Vec<u8> {
        let len = pdu.len() as u8;
        [&[0x40, 0, len + 4, 0, len, 0, 6, 0], pdu].concat()
    }

    #[test]
    fn a_peer_is_told_our_key_and_our_identity_and_nothing_else_is_touched() {
        let privacy = privacy();
        let mut packet = smp(&[[0x08].as_slice(), &[0; 16]].concat());
        privacy.introduce(&mut packet);
        assert_eq!(packet, smp(&[[0x08].as_slice(), &KEY].concat()));

        let mut packet = smp(&[0x09, 1, 7, 7, 7, 7, 7, 7]);
        privacy.introduce(&mut packet);
        assert_eq!(packet, smp(&[0x09, 0, 1, 2, 3, 4, 5, 6]));

        for other in [
            smp(&[[0x03].as_slice(), &[0; 16]].concat()),
            smp(&[0x08, 0, 0]),
            smp(&[0x09, 1, 7]),
            smp(&[]),
        ] {
            let mut packet = other.clone();
            privacy.introduce(&mut packet);
            assert_eq!(packet, other);
        }
    }

    #[test]
    fn a_connection_tells_the_address_it_was_made_from() {
        let privacy = privacy();
        let ours = privacy.address().addr.into_inner();
        let peer = [0, 1, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6];
        let timing = [24, 0, 0, 0, 0xF4, 1, 0];
        let expected = [
            &ENHANCED_CONNECTION[..],
            &[0, 0x40, 0],
            &peer,
            &ours,
            &[0; 6],
            &timing,
        ]
        .concat();

        let mut buffer = [0xEE; 64];
        let simple = [&CONNECTION[..], &[0, 0x40, 0], &peer, &timing].concat();
        buffer[..simple.len()].copy_from_slice(&simple);
        let len = privacy.sign(&mut buffer, simple.len());
        assert_eq!(&buffer[..len], expected);

        let mut enhanced = expected.clone();
        enhanced[14..20].fill(0);
        buffer[..ENHANCED].copy_from_slice(&enhanced);
        let len = privacy.sign(&mut buffer, ENHANCED);
        assert_eq!(&buffer[..len], expected);

        // An address that the controller made is the one.
        enhanced[14..20].fill(5);
        buffer[..ENHANCED].copy_from_slice(&enhanced);
        let len = privacy.sign(&mut buffer, ENHANCED);
        assert_eq!(&buffer[..len], enhanced);

        let other = [0x3E, 3, 0x04, 1, 2];
        buffer[..5].copy_from_slice(&other);
        assert_eq!(privacy.sign(&mut buffer, 5), 5);
        assert_eq!(buffer[..5], other);
    }
}

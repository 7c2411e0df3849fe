//! The cryptographic toolbox (Core Vol 3 Part H, 2.2), and the Diffie-Hellman exchange (2.3.5.6.1).
//!
//! All values are passed least significant octet first, as the protocol sends them. AES, CMAC and
//! P-256 take them the other way round.

use aes::Aes128;
use aes::cipher::{BlockEncrypt as _, KeyInit as _};
use cmac::{Cmac, Mac};
use p256::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::{FromEncodedPoint as _, ToEncodedPoint as _};
use p256::{EncodedPoint, PublicKey, SecretKey};
use zeroize::{Zeroize as _, Zeroizing};

use crate::links::Address;

/// A 128-bit value.
pub(crate) type Block = [u8; 16];
/// A coordinate of a P-256 point.
pub(super) type Coordinate = [u8; 32];

/// The salt of f5 (2.2.7).
const SALT: Block = [
    0xBE, 0x83, 0x60, 0x5A, 0xDB, 0x0B, 0x37, 0x60, 0x38, 0xA5, 0xF5, 0xAA, 0x91, 0x83, 0x88, 0x6C,
];
/// "btle", the keyID of f5.
const KEY_ID: [u8; 4] = [0x65, 0x6C, 0x74, 0x62];
/// The number of bits that f5 derives.
const LENGTH: [u8; 2] = 256_u16.to_le_bytes();

/// AES-CMAC (2.2.5) of these values, concatenated.
fn cmac(key: &Block, values: &[&[u8]]) -> Block {
    let mut reversed = Zeroizing::new(*key);
    reversed.reverse();
    let mut mac = <Cmac<Aes128> as Mac>::new((&*reversed).into());
    for octet in values.iter().flat_map(|value| value.iter().rev()) {
        mac.update(&[*octet]);
    }
    let mut block: Block = mac.finalize().into_bytes().into();
    block.reverse();
    block
}

/// The confirm value of LE Secure Connections, f4 (2.2.6).
pub(super) fn f4(u: &Coordinate, v: &Coordinate, x: &Block, z: u8) -> Block {
    cmac(x, &[u, v, &[z]])
}

/// The keys that f5 (2.2.7) derives from DHKey: MacKey, for the checks, and the long term key.
pub(super) fn f5(
    key: &Coordinate,
    n1: &Block,
    n2: &Block,
    a1: &[u8; 7],
    a2: &[u8; 7],
) -> (Block, Block) {
    let mut t = cmac(&SALT, &[key]);
    let derive = |counter: u8| cmac(&t, &[&[counter], &KEY_ID, n1, n2, a1, a2, &LENGTH]);
    let derived = (derive(0), derive(1));
    t.zeroize();
    derived
}

/// X of the debug public key (2.3.5.6.1), whose private key is published; least significant octet
/// first, as everything in SMP.
pub(super) const DEBUG_X: Coordinate = [
    0xE6, 0x9D, 0x35, 0x0E, 0x48, 0x01, 0x03, 0xCC, 0xDB, 0xFD, 0xF4, 0xAC, 0x11, 0x91, 0xF4, 0xEF,
    0xB9, 0xA5, 0xF9, 0xE9, 0xA7, 0x83, 0x2C, 0x5E, 0x2C, 0xBE, 0x97, 0xF2, 0xD2, 0x03, 0xB0, 0x20,
];

/// The DHKey check value, f6 (2.2.8).
pub(super) fn f6(
    key: &Block,
    n1: &Block,
    n2: &Block,
    r: &Block,
    capabilities: &[u8; 3],
    a1: &[u8; 7],
    a2: &[u8; 7],
) -> Block {
    cmac(key, &[n1, n2, r, capabilities, a1, a2])
}

/// The number for the comparison, g2 (2.2.9); both sides show its last six digits.
pub(super) fn g2(u: &Coordinate, v: &Coordinate, x: &Block, y: &Block) -> u32 {
    let [a, b, c, d, ..] = cmac(x, &[u, v, y]);
    u32::from_le_bytes([a, b, c, d])
}

/// The security function e (2.2.1).
pub(crate) fn e(key: &Block, data: Block) -> Block {
    let mut key = Zeroizing::new(*key);
    key.reverse();
    let mut data = data;
    data.reverse();
    let mut block = data.into();
    Aes128::new((&*key).into()).encrypt_block(&mut block);
    let mut block: Block = block.into();
    block.reverse();
    block
}

/// The confirm value of legacy pairing, c1 (2.2.3), from Pairing Request and Pairing Response, and
/// the addresses of initiator and responder.
#[cfg(feature = "legacy-pairing")]
pub(super) fn c1(
    key: &Block,
    random: &Block,
    request: &[u8; 7],
    response: &[u8; 7],
    initiator: &[u8; 7],
    responder: &[u8; 7],
) -> Block {
    let [ia @ .., initiator_kind] = initiator;
    let [ra @ .., responder_kind] = responder;
    let kinds = [*initiator_kind, *responder_kind];
    let p1 = kinds.iter().chain(request).chain(response);
    let p2 = ra.iter().chain(ia).chain(&[0; 4]);
    let with = |block: &Block, other: &mut dyn Iterator<Item = &u8>| {
        let mut block = *block;
        for (to, from) in block.iter_mut().zip(other) {
            *to ^= from;
        }
        block
    };
    let block = e(key, with(random, &mut { p1 }));
    e(key, with(&block, &mut { p2 }))
}

/// The short term key of legacy pairing, s1 (2.2.4), from the random values of responder and initiator.
#[cfg(feature = "legacy-pairing")]
pub(super) fn s1(key: &Block, responder: &Block, initiator: &Block) -> Block {
    let mut block = [0; 16];
    let halves = initiator.iter().take(8).chain(responder.iter().take(8));
    for (to, from) in block.iter_mut().zip(halves) {
        *to = *from;
    }
    e(key, block)
}

/// An address as the functions take it, with its type as the most significant octet.
pub(super) fn address(address: Address) -> [u8; 7] {
    let [a, b, c, d, e, f] = address.addr.into_inner();
    [a, b, c, d, e, f, address.kind.as_raw() & 1]
}

/// The out-of-band confirm value for a public key (2.3.5.6.4).
pub(crate) fn oob_confirm(x: &[u8; 32], random: &[u8; 16]) -> [u8; 16] {
    f4(x, x, random, 0)
}

/// Generates random octets that are unpredictable without the seed: AES-CMAC in counter mode (NIST
/// SP 800-108, 4.1).
pub(crate) struct Generator {
    seed: Zeroizing<Block>,
    counter: u32,
}

impl Generator {
    pub(crate) const fn new(seed: Zeroizing<Block>) -> Self {
        Self { seed, counter: 0 }
    }

    /// The next 16 octets.
    pub(crate) fn block(&mut self) -> Zeroizing<Block> {
        self.counter = self.counter.wrapping_add(1);
        Zeroizing::new(cmac(&self.seed, &[&self.counter.to_le_bytes()]))
    }
}

/// A P-256 key pair.
#[derive(Clone)]
pub(crate) struct KeyPair {
    secret: SecretKey,
    /// X, then Y.
    public: [u8; 64],
}

impl KeyPair {
    /// Generates a new key pair.
    pub(crate) fn generate(random: &mut Generator) -> Self {
        loop {
            let mut octets = Zeroizing::new([0; 32]);
            for half in octets.chunks_exact_mut(16) {
                half.copy_from_slice(&*random.block());
            }
            // One value in 2^32 is not a valid private key.
            if let Ok(secret) = SecretKey::from_slice(&*octets) {
                return Self::of(secret);
            }
        }
    }

    fn of(secret: SecretKey) -> Self {
        let point = secret.public_key().to_encoded_point(false);
        let mut public = [0; 64];
        let (x, y) = public.split_at_mut(32);
        for (to, from) in [(x, point.x()), (y, point.y())] {
            for (to, from) in to.iter_mut().zip(from.into_iter().flatten().rev()) {
                *to = *from;
            }
        }
        Self { secret, public }
    }

    /// The public key, as sent to the peer.
    pub(crate) fn public(&self) -> &[u8; 64] {
        &self.public
    }

    /// X of the public key.
    pub(crate) fn x(&self) -> Coordinate {
        x_of(&self.public)
    }

    /// DHKey with this public key; `None` if that is not on the curve.
    pub(super) fn shared(&self, peer: &[u8; 64]) -> Option<Zeroizing<Coordinate>> {
        let (mut x, mut y) = (x_of(peer), [0; 32]);
        x.reverse();
        for (to, from) in y.iter_mut().zip(peer.iter().rev()) {
            *to = *from;
        }
        let point = EncodedPoint::from_affine_coordinates(&x.into(), &y.into(), false);
        let peer = Option::<PublicKey>::from(PublicKey::from_encoded_point(&point))?;
        let mut secret = self.secret.to_nonzero_scalar();
        let shared = diffie_hellman(secret, peer.as_affine());
        secret.zeroize();
        let mut key = Zeroizing::new([0; 32]);
        for (to, from) in key.iter_mut().zip(shared.raw_secret_bytes().iter().rev()) {
            *to = *from;
        }
        Some(key)
    }
}

/// X of a public key.
pub(super) fn x_of(public: &[u8; 64]) -> Coordinate {
    let mut x = [0; 32];
    for (to, from) in x.iter_mut().zip(public) {
        *to = *from;
    }
    x
}

#[cfg(test)]
mod tests;

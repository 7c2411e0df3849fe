//! The functions of pairing (Core Vol 3 Part H, 2.2), written again from the specification: what is
//! tested can't be wrong in the same way.
//!
//! Values are most significant octet first, as the specification writes them.

use aes::Aes128;
use aes::cipher::{BlockEncrypt as _, KeyInit as _};
use cmac::{Cmac, Mac as _};
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::{EncodedPoint, PublicKey, SecretKey, ecdh};

/// A value of 128 bits.
pub type Block = [u8; 16];

fn aes_cmac(key: &Block, parts: &[&[u8]]) -> Block {
    let mut mac = <Cmac<Aes128> as cmac::Mac>::new(key.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn e(key: &Block, text: Block) -> Block {
    let mut block = text.into();
    Aes128::new(key.into()).encrypt_block(&mut block);
    block.into()
}

fn xor(a: Block, b: Block) -> Block {
    std::array::from_fn(|i| a[i] ^ b[i])
}

/// A device address as these functions take it: its type, and its octets.
#[derive(Debug, Clone, Copy)]
pub struct DeviceAddress {
    pub random: bool,
    pub octets: [u8; 6],
}

impl DeviceAddress {
    fn bytes(self) -> [u8; 7] {
        let [a, b, c, d, e, f] = self.octets;
        [u8::from(self.random), a, b, c, d, e, f]
    }
}

/// A point that goes over the air: X and Y.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    pub x: [u8; 32],
    pub y: [u8; 32],
}

impl Point {
    /// The parameters of Pairing Public Key: least significant octet first.
    pub fn to_wire(self) -> [u8; 64] {
        let mut wire = [0; 64];
        wire[..32].copy_from_slice(&self.x);
        wire[32..].copy_from_slice(&self.y);
        wire[..32].reverse();
        wire[32..].reverse();
        wire
    }

    pub fn from_wire(wire: &[u8]) -> Self {
        let half = |at: usize| {
            let mut octets: [u8; 32] = wire[at..at + 32].try_into().expect("32 octets");
            octets.reverse();
            octets
        };
        Self {
            x: half(0),
            y: half(32),
        }
    }

    /// The other point with the same X: its private key is the negative one.
    pub fn negated(self) -> Self {
        /// The prime of the field (FIPS 186-4, D.1.2.3).
        const P: [u8; 32] = [
            0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF,
            0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        ];
        let mut y = [0; 32];
        let mut borrow = 0;
        for i in (0..32).rev() {
            let difference = i16::from(P[i]) - i16::from(self.y[i]) - borrow;
            borrow = i16::from(difference < 0);
            y[i] = difference.rem_euclid(256) as u8;
        }
        Self { x: self.x, y }
    }

    fn key(self) -> PublicKey {
        let point = EncodedPoint::from_affine_coordinates(&self.x.into(), &self.y.into(), false);
        PublicKey::from_sec1_bytes(point.as_bytes()).expect("a point on the curve")
    }
}

/// A key pair.
pub struct Pair {
    secret: SecretKey,
    pub public: Point,
}

impl Pair {
    /// A pair that is the same each time.
    pub fn numbered(number: u8) -> Self {
        Self::with([number; 32])
    }

    /// The pair of the debug mode, which everybody has (2.3.5.6.1).
    pub fn debug() -> Self {
        Self::with([
            0x3F, 0x49, 0xF6, 0xD4, 0xA3, 0xC5, 0x5F, 0x38, 0x74, 0xC9, 0xB3, 0xE3, 0xD2, 0x10,
            0x3F, 0x50, 0x4A, 0xFF, 0x60, 0x7B, 0xEB, 0x40, 0xB7, 0x99, 0x58, 0x99, 0xB8, 0xA6,
            0xCD, 0x3C, 0x1A, 0xBD,
        ])
    }

    fn with(secret: [u8; 32]) -> Self {
        let secret = SecretKey::from_slice(&secret).expect("a scalar");
        let point = secret.public_key().to_encoded_point(false);
        let coordinate = |c: Option<&p256::FieldBytes>| (*c.expect("not at infinity")).into();
        let public = Point {
            x: coordinate(point.x()),
            y: coordinate(point.y()),
        };
        Self { secret, public }
    }

    /// P256 (2.2.1).
    pub fn dh_key(&self, peer: Point) -> [u8; 32] {
        let secret = self.secret.to_nonzero_scalar();
        let shared = ecdh::diffie_hellman(secret, peer.key().as_affine());
        (*shared.raw_secret_bytes()).into()
    }
}

/// Confirm value of LE Secure Connections (2.2.6).
pub fn f4(u: &[u8; 32], v: &[u8; 32], x: &Block, z: u8) -> Block {
    aes_cmac(x, &[u, v, &[z]])
}

/// MacKey and LTK (2.2.7).
pub fn f5(
    w: &[u8; 32],
    n1: &Block,
    n2: &Block,
    a1: DeviceAddress,
    a2: DeviceAddress,
) -> (Block, Block) {
    const SALT: Block = [
        0x6C, 0x88, 0x83, 0x91, 0xAA, 0xF5, 0xA5, 0x38, 0x60, 0x37, 0x0B, 0xDB, 0x5A, 0x60, 0x83,
        0xBE,
    ];
    let t = aes_cmac(&SALT, &[w]);
    let half = |counter: u8| {
        aes_cmac(
            &t,
            &[
                &[counter],
                b"btle",
                n1,
                n2,
                &a1.bytes(),
                &a2.bytes(),
                &[1, 0],
            ],
        )
    };
    (half(0), half(1))
}

/// Check value (2.2.8). `io` is AuthReq, OOB data flag and IO capability.
pub fn f6(
    w: &Block,
    n1: &Block,
    n2: &Block,
    r: &Block,
    io: [u8; 3],
    a1: DeviceAddress,
    a2: DeviceAddress,
) -> Block {
    aes_cmac(w, &[n1, n2, r, &io, &a1.bytes(), &a2.bytes()])
}

/// The number to compare (2.2.9).
pub fn g2(u: &[u8; 32], v: &[u8; 32], x: &Block, y: &Block) -> u32 {
    let [.., a, b, c, d] = aes_cmac(x, &[u, v, y]);
    u32::from_be_bytes([a, b, c, d]) % 1_000_000
}

/// Confirm value of legacy pairing (2.2.3). `request` and `response` are whole commands as they
/// were on the air; `ia` is the initiator's address.
pub fn c1(
    k: &Block,
    r: &Block,
    request: &[u8; 7],
    response: &[u8; 7],
    ia: DeviceAddress,
    ra: DeviceAddress,
) -> Block {
    let mut p1 = [0; 16];
    p1[..7].copy_from_slice(response);
    p1[7..14].copy_from_slice(request);
    p1[..7].reverse();
    p1[7..14].reverse();
    p1[14] = u8::from(ra.random);
    p1[15] = u8::from(ia.random);
    let mut p2 = [0; 16];
    p2[4..10].copy_from_slice(&ia.octets);
    p2[10..].copy_from_slice(&ra.octets);
    e(k, xor(e(k, xor(*r, p1)), p2))
}

/// Short term key of legacy pairing (2.2.4).
pub fn s1(k: &Block, r1: &Block, r2: &Block) -> Block {
    let mut r = [0; 16];
    r[..8].copy_from_slice(&r1[8..]);
    r[8..].copy_from_slice(&r2[8..]);
    e(k, r)
}

/// The hash of a resolvable private address (2.2.2).
pub fn ah(irk: &Block, prand: [u8; 3]) -> [u8; 3] {
    let mut text = [0; 16];
    text[13..].copy_from_slice(&prand);
    let [.., a, b, c] = e(irk, text);
    [a, b, c]
}

/// A value as it goes over the air, or back.
pub fn reversed(mut block: Block) -> Block {
    block.reverse();
    block
}

/// The sample data of Core Vol 3 Part H, Appendix D, and of 2.2.3 and 2.2.4.
#[test]
fn the_functions_are_those_of_the_sample_data() {
    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let text: String = text.split_whitespace().collect();
        std::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex"))
    }
    let u = hex("20b003d2 f297be2c 5e2c83a7 e9f9a5b9 eff49111 acf4fddb cc030148 0e359de6");
    let v = hex("55188b3d 32f6bb9a 900afcfb eed4e72a 59cb9ac2 f19d7cfb 6b4fdd49 f47fc5fd");
    let x = hex("d5cb8454 d177733e ffffb2ec 712baeab");
    let y = hex("a6e8e7cc 25a75f6e 216583f7 ff3dc4cf");
    assert_eq!(
        f4(&u, &v, &x, 0),
        hex("f2c916f1 07a9bd1c f1eda1be a974872d")
    );
    assert_eq!(g2(&u, &v, &x, &y), 0x2f9e_d5ba % 1_000_000);

    let w = hex("ec0234a3 57c8ad05 341010a6 0a397d9b 99796b13 b4f866f1 868d34f3 73bfa698");
    let address = |random, octets: &str| DeviceAddress {
        random,
        octets: hex(octets),
    };
    let (a1, a2) = (
        address(false, "56123737bfce"),
        address(false, "a713702dcfc1"),
    );
    let (mac, ltk) = f5(&w, &x, &y, a1, a2);
    assert_eq!(ltk, hex("69867911 69d7cd23 980522b5 94750a38"));
    assert_eq!(mac, hex("2965f176 a1084a02 fd3f6a20 ce636e20"));
    let r = hex("12a3343b b453bb54 08da42d2 0c2d0fc8");
    assert_eq!(
        f6(&mac, &x, &y, &r, [1, 1, 2], a1, a2),
        hex("e3c47398 9cd0e8c5 d26c0b09 da958f61")
    );

    let (ia, ra) = (
        address(true, "a1a2a3a4a5a6"),
        address(false, "b1b2b3b4b5b6"),
    );
    let request = [0x01, 0x01, 0, 0, 0x10, 0x07, 0x07];
    let response = [0x02, 0x03, 0, 0, 0x08, 0x00, 0x05];
    let random = hex("5783D52156AD6F0E6388274EC6702EE0");
    assert_eq!(
        c1(&[0; 16], &random, &request, &response, ia, ra),
        hex("1e1e3fef878988ead2a74dc5bef13b86")
    );
    assert_eq!(
        s1(
            &[0; 16],
            &hex("000F0E0D0C0B0A091122334455667788"),
            &hex("010203040506070899AABBCCDDEEFF00")
        ),
        hex("9a1fe1f0e8b0f49b5b4216ae796da062")
    );
}

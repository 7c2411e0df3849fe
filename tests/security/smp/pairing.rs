//! A pairing as the responder does it by the book, step by step, so that a test can leave the book
//! at any of them.

use super::crypto::{self, Block, DeviceAddress, Pair, Point, c1, f4, f5, f6, g2, reversed, s1};
use super::{Peer, device_address};

/// Commands (Core Vol 3 Part H, 3.3).
pub mod code {
    pub const REQUEST: u8 = 0x01;
    pub const RESPONSE: u8 = 0x02;
    pub const CONFIRM: u8 = 0x03;
    pub const RANDOM: u8 = 0x04;
    pub const FAILED: u8 = 0x05;
    pub const ENCRYPTION_INFORMATION: u8 = 0x06;
    pub const CENTRAL_IDENTIFICATION: u8 = 0x07;
    pub const IDENTITY_INFORMATION: u8 = 0x08;
    pub const IDENTITY_ADDRESS: u8 = 0x09;
    pub const SECURITY_REQUEST: u8 = 0x0B;
    pub const PUBLIC_KEY: u8 = 0x0C;
    pub const DHKEY_CHECK: u8 = 0x0D;
    pub const KEYPRESS: u8 = 0x0E;
}

/// Parameters of a Pairing Response: IO capability, OOB flag, AuthReq, key size, keys of either
/// side. Nobody is there; bonding, by LE Secure Connections, with no other keys.
pub const SECURE: [u8; 6] = [3, 0, 0x09, 16, 0, 0];
/// The peer displays a passkey, and demands that it is used.
pub const DISPLAYS: [u8; 6] = [0, 0, 0x0D, 16, 0, 0];
/// As [`SECURE`] by legacy pairing, where the peripheral's long term key is distributed.
pub const LEGACY: [u8; 6] = [3, 0, 0x01, 16, 0, 1];

/// A pairing that the central has asked for.
pub struct Pairing<'p> {
    pub peer: &'p mut Peer,
    request: [u8; 7],
    response: [u8; 7],
    pair: Pair,
    /// The central's public key.
    pub theirs: Point,
    na: Block,
    nb: Block,
    dh_key: [u8; 32],
    mac_key: Block,
    /// The key that the link is encrypted with: the long term key, or that of legacy pairing that
    /// comes before it.
    pub key: Block,
}

impl<'p> Pairing<'p> {
    /// Waits for the central to ask.
    pub fn asked(peer: &'p mut Peer) -> Self {
        let parameters = peer.expect(code::REQUEST);
        let pair = Pair::numbered(7);
        Self {
            peer,
            request: command(code::REQUEST, &parameters),
            response: [0; 7],
            theirs: pair.public,
            pair,
            na: [0; 16],
            nb: [0x5A; 16],
            dh_key: [0; 32],
            mac_key: [0; 16],
            key: [0; 16],
        }
    }

    /// Waits for the central to ask, and answers with these parameters.
    pub fn begin(peer: &'p mut Peer, parameters: [u8; 6]) -> Self {
        Self::asked(peer).respond(parameters)
    }

    pub fn respond(mut self, parameters: [u8; 6]) -> Self {
        self.response = command(code::RESPONSE, &parameters);
        self.peer.send(code::RESPONSE, &parameters);
        self
    }

    /// The central's public key; ours has to follow.
    pub fn their_key(mut self) -> Self {
        self.theirs = Point::from_wire(&self.peer.expect(code::PUBLIC_KEY));
        self
    }

    /// By the key pair of the debug mode.
    pub fn in_debug_mode(mut self) -> Self {
        self.pair = Pair::debug();
        self
    }

    pub fn exchange_keys(self) -> Self {
        let pairing = self.their_key();
        let ours = pairing.pair.public.to_wire();
        pairing.peer.send(code::PUBLIC_KEY, &ours);
        pairing
    }

    fn confirm(&self, z: u8) -> Block {
        f4(&self.pair.public.x, &self.theirs.x, &self.nb, z)
    }

    /// Just Works and numeric comparison, up to the number that both show (2.3.5.6.2).
    pub fn compare(&mut self) -> u32 {
        let confirm = self.confirm(0);
        self.peer.send(code::CONFIRM, &reversed(confirm));
        self.na = self.peer.expect_block(code::RANDOM);
        self.peer.send(code::RANDOM, &reversed(self.nb));
        g2(&self.theirs.x, &self.pair.public.x, &self.na, &self.nb)
    }

    /// The twenty rounds of a passkey (2.3.5.6.3).
    pub fn passkey(&mut self, passkey: u32) {
        for round in 0..20 {
            let z = 0x80 | (passkey >> round & 1) as u8;
            self.nb = [round; 16];
            let theirs = self.peer.expect_block(code::CONFIRM);
            let confirm = self.confirm(z);
            self.peer.send(code::CONFIRM, &reversed(confirm));
            self.na = self.peer.expect_block(code::RANDOM);
            assert_eq!(
                theirs,
                f4(&self.theirs.x, &self.pair.public.x, &self.na, z),
                "the central knows the passkey"
            );
            self.peer.send(code::RANDOM, &reversed(self.nb));
        }
    }

    /// Authentication stage 2 (2.3.5.6.5): both check that they have the same key. `r` is what both
    /// know: the passkey, or nothing.
    pub fn check(&mut self, r: u32) -> bool {
        self.dh_key = self.pair.dh_key(self.theirs);
        let (a, b) = self.addresses();
        (self.mac_key, self.key) = f5(&self.dh_key, &self.na, &self.nb, a, b);
        let mut secret = [0; 16];
        secret[12..].copy_from_slice(&r.to_be_bytes());
        let (na, nb) = (self.na, self.nb);
        let ea = f6(&self.mac_key, &na, &nb, &secret, io(&self.request), a, b);
        if self.peer.expect_block(code::DHKEY_CHECK) != ea {
            return false;
        }
        let eb = f6(&self.mac_key, &nb, &na, &secret, io(&self.response), b, a);
        self.peer.send(code::DHKEY_CHECK, &reversed(eb));
        true
    }

    /// What nobody but the two has besides the key that is kept: the Diffie-Hellman key, in halves,
    /// and the key of the checks.
    pub fn more_secrets(&self) -> [(&'static str, Block); 3] {
        let half = |at: usize| self.dh_key[at..at + 16].try_into().expect("16 octets");
        [
            ("DHKey", half(0)),
            ("DHKey", half(16)),
            ("MacKey", self.mac_key),
        ]
    }

    /// Legacy pairing with a passkey, or with nothing (2.3.5.5), up to the short term key.
    pub fn legacy(&mut self, passkey: u32) {
        let mut tk = [0; 16];
        tk[12..].copy_from_slice(&passkey.to_be_bytes());
        self.legacy_with(tk);
    }

    /// The same with a key that went by another way.
    pub fn legacy_with(&mut self, tk: Block) {
        let (a, b) = self.addresses();
        let theirs = self.peer.expect_block(code::CONFIRM);
        let ours = c1(&tk, &self.nb, &self.request, &self.response, a, b);
        self.peer.send(code::CONFIRM, &reversed(ours));
        self.na = self.peer.expect_block(code::RANDOM);
        assert_eq!(
            theirs,
            c1(&tk, &self.na, &self.request, &self.response, a, b),
            "the central has the temporary key"
        );
        self.key = s1(&tk, &self.nb, &self.na);
        self.peer.send(code::RANDOM, &reversed(self.nb));
    }

    /// Waits for the encryption with what the two have agreed on.
    pub fn encrypt(&mut self) {
        let key = self.key;
        assert!(self.peer.encrypt(&key), "another key");
    }

    /// Gives the key of legacy pairing that is kept.
    pub fn give_key(&mut self, key: Block, ediv: u16, rand: [u8; 8]) {
        self.peer.send(code::ENCRYPTION_INFORMATION, &reversed(key));
        let name = [&ediv.to_le_bytes(), rand.as_slice()].concat();
        self.peer.send(code::CENTRAL_IDENTIFICATION, &name);
    }

    /// Gives an identity.
    pub fn give_identity(&mut self, irk: Block, address: DeviceAddress) {
        self.peer.send(code::IDENTITY_INFORMATION, &reversed(irk));
        let mut octets = address.octets;
        octets.reverse();
        let parameters = [&[u8::from(address.random)], octets.as_slice()].concat();
        self.peer.send(code::IDENTITY_ADDRESS, &parameters);
    }

    /// All of Just Works by LE Secure Connections, without keys that follow it.
    pub fn just_works(peer: &'p mut Peer) -> Block {
        let mut pairing = Self::begin(peer, SECURE).exchange_keys();
        pairing.compare();
        assert!(pairing.check(0), "another check value");
        pairing.encrypt();
        pairing.key
    }

    /// All of a pairing by LE Secure Connections with the passkey that the peer displays.
    pub fn by_passkey(peer: &'p mut Peer, passkey: u32) -> Block {
        let mut pairing = Self::begin(peer, DISPLAYS).exchange_keys();
        pairing.passkey(passkey);
        assert!(pairing.check(passkey), "another check value");
        pairing.encrypt();
        pairing.key
    }

    /// The rest of a legacy pairing with this passkey, up to the key that is kept.
    pub fn finish_legacy(&mut self, passkey: u32) {
        self.legacy(passkey);
        self.encrypt();
        self.give_key([9; 16], 0x1234, [8; 8]);
    }

    fn addresses(&self) -> (DeviceAddress, DeviceAddress) {
        (
            device_address(self.peer.central),
            self.peer.device_address(),
        )
    }
}

impl Peer {
    /// The central's Pairing Failed; its reason.
    #[track_caller]
    pub fn refused(&mut self) -> u8 {
        self.expect(code::FAILED)[0]
    }
}

fn command(code: u8, parameters: &[u8]) -> [u8; 7] {
    let mut command = [code; 7];
    command[1..].copy_from_slice(parameters);
    command
}

/// AuthReq, OOB data flag and IO capability of a command.
fn io(command: &[u8; 7]) -> [u8; 3] {
    [command[3], command[2], command[1]]
}

/// The identity resolving key of a peer that has one.
pub const IRK: Block = [
    0x1E, 0x2D, 0x3C, 0x4B, 0x5A, 0x69, 0x78, 0x87, 0x96, 0xA5, 0xB4, 0xC3, 0xD2, 0xE1, 0xF0, 0x0F,
];

/// Resolvable private address of whoever has [`IRK`] (Core Vol 6 Part B, 1.3.2.2).
pub fn resolvable(irk: &Block, prand: [u8; 3]) -> [u8; 6] {
    let [p0, p1, p2] = prand;
    let p0 = p0 & 0x3F | 0x40;
    let [h0, h1, h2] = crypto::ah(irk, [p0, p1, p2]);
    [p0, p1, p2, h0, h1, h2]
}

//! The protocol's commands, octet by octet (Core Vol 3 Part H, 3.3 to 3.6).

use core::ops::Deref;

use heapless::Vec;
use zeroize::Zeroize as _;

/// Octets of the longest command, Pairing Public Key.
pub(super) const LONGEST: usize = 65;

/// A command. It is zeroed when dropped, since it may be a key.
pub(crate) struct Frame(Vec<u8, LONGEST>);

impl Frame {
    /// No command.
    pub(super) const NONE: Self = Self(Vec::new());

    /// A command with this code and value.
    pub(super) fn new(code: u8, value: &[u8]) -> Self {
        let mut frame = Self(Vec::new());
        frame.add(&[code]);
        frame.add(value);
        frame
    }

    /// A command of these octets, code included.
    pub(super) fn of(octets: &[u8]) -> Self {
        let mut frame = Self(Vec::new());
        frame.add(octets);
        frame
    }

    fn add(&mut self, octets: &[u8]) {
        // No command is longer than `LONGEST`.
        let _ = self.0.extend_from_slice(octets);
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl core::fmt::Debug for Frame {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Frame(..)")
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Command codes (3.3).
pub(super) mod code {
    pub const PAIRING_REQUEST: u8 = 0x01;
    pub const PAIRING_RESPONSE: u8 = 0x02;
    pub const PAIRING_CONFIRM: u8 = 0x03;
    pub const PAIRING_RANDOM: u8 = 0x04;
    pub const PAIRING_FAILED: u8 = 0x05;
    pub const ENCRYPTION_INFORMATION: u8 = 0x06;
    pub const CENTRAL_IDENTIFICATION: u8 = 0x07;
    pub const IDENTITY_INFORMATION: u8 = 0x08;
    pub const IDENTITY_ADDRESS_INFORMATION: u8 = 0x09;
    pub const SIGNING_INFORMATION: u8 = 0x0A;
    pub const SECURITY_REQUEST: u8 = 0x0B;
    pub const PAIRING_PUBLIC_KEY: u8 = 0x0C;
    pub const PAIRING_DHKEY_CHECK: u8 = 0x0D;
    pub const KEYPRESS_NOTIFICATION: u8 = 0x0E;
}

/// Octets of a command, including its code (3.5 and 3.6); `None` if the code is not assigned.
pub(super) const fn length(code: u8) -> Option<usize> {
    Some(match code {
        code::PAIRING_FAILED | code::SECURITY_REQUEST | code::KEYPRESS_NOTIFICATION => 2,
        code::PAIRING_REQUEST | code::PAIRING_RESPONSE => 7,
        code::IDENTITY_ADDRESS_INFORMATION => 8,
        code::CENTRAL_IDENTIFICATION => 11,
        code::PAIRING_CONFIRM
        | code::PAIRING_RANDOM
        | code::ENCRYPTION_INFORMATION
        | code::IDENTITY_INFORMATION
        | code::SIGNING_INFORMATION
        | code::PAIRING_DHKEY_CHECK => 17,
        code::PAIRING_PUBLIC_KEY => LONGEST,
        _ => return None,
    })
}

/// Bits of AuthReq (3.5.1).
pub(super) mod auth {
    /// One of the two bits for bonding: the other is reserved.
    pub const BONDING: u8 = 0x01;
    pub const MITM: u8 = 0x04;
    pub const SECURE_CONNECTIONS: u8 = 0x08;
}

/// Bits of a key distribution (3.6.1).
pub(super) mod keys {
    pub const ENCRYPTION: u8 = 0x01;
    pub const IDENTITY: u8 = 0x02;
}

/// What each side declares first: the same fields in Pairing Request and Pairing Response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Features {
    pub io: u8,
    /// Whether this side has out-of-band data of the other.
    pub oob: u8,
    pub auth: u8,
    pub max_key_size: u8,
    /// Keys that the initiator distributes, and those that the responder does.
    pub initiator_keys: u8,
    pub responder_keys: u8,
}

impl Features {
    pub const NONE: Self = Self {
        io: 3,
        oob: 0,
        auth: 0,
        max_key_size: 16,
        initiator_keys: 0,
        responder_keys: 0,
    };

    /// Parses a command without its code.
    pub fn parse(fields: &[u8]) -> Option<Self> {
        let &[io, oob, auth, max_key_size, initiator_keys, responder_keys] = fields else {
            return None;
        };
        Some(Self {
            io,
            oob,
            auth,
            max_key_size,
            initiator_keys,
            responder_keys,
        })
    }

    /// A command with this code.
    pub const fn command(&self, code: u8) -> [u8; 7] {
        [
            code,
            self.io,
            self.oob,
            self.auth,
            self.max_key_size,
            self.initiator_keys,
            self.responder_keys,
        ]
    }

    /// The part that the DHKey check covers (2.2.8), least significant octet first.
    pub const fn capabilities(&self) -> [u8; 3] {
        [self.io, self.oob, self.auth]
    }

    pub const fn has(&self, bit: u8) -> bool {
        self.auth & bit != 0
    }
}

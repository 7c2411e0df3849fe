//! Device addresses as they are used on the air: six bytes and a kind.

use std::fmt;

/// Whether an address was assigned by the IEEE or chosen by the device (Core Vol 6 Part B 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressKind {
    /// A public device address.
    Public,
    /// A random device address: static, resolvable or non-resolvable.
    Random,
}

/// A Bluetooth device address.
///
/// Bytes are in the order of the wire, least significant first; the text form is the usual one,
/// most significant first.
///
/// ```
/// use dongle_virtual::Address;
///
/// let address = Address::random([0x01, 0x02, 0x03, 0x04, 0x05, 0xC6]);
/// assert_eq!(address.to_string(), "C6:05:04:03:02:01");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Public or random.
    pub kind: AddressKind,
    /// The six bytes, least significant first.
    pub bytes: [u8; 6],
}

impl Address {
    /// A public address; `bytes` are least significant first.
    pub const fn public(bytes: [u8; 6]) -> Self {
        Self {
            kind: AddressKind::Public,
            bytes,
        }
    }

    /// A random address, taken as it is; `bytes` are least significant first.
    pub const fn random(bytes: [u8; 6]) -> Self {
        Self {
            kind: AddressKind::Random,
            bytes,
        }
    }

    /// A random static address whose lower bytes are `number`: handy for telling many apart.
    pub const fn numbered(number: u32) -> Self {
        let [a, b, c, d] = number.to_le_bytes();
        Self::random([a, b, c, d, 0xD0, 0xC0])
    }

    /// The address type of HCI: 0 public, 1 random.
    pub(crate) const fn hci_kind(&self) -> u8 {
        match self.kind {
            AddressKind::Public => 0,
            AddressKind::Random => 1,
        }
    }

    /// The address for an address type of HCI, including identity address types (2 and 3).
    pub(crate) const fn from_hci(kind: u8, bytes: [u8; 6]) -> Self {
        if kind & 1 == 0 {
            Self::public(bytes)
        } else {
            Self::random(bytes)
        }
    }

    /// A resolvable private address: random, with 0b01 as its two upper bits.
    pub(crate) const fn is_resolvable(&self) -> bool {
        matches!(self.kind, AddressKind::Random) && self.bytes[5] & 0xC0 == 0x40
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.bytes;
        write!(f, "{g:02X}:{e:02X}:{d:02X}:{c:02X}:{b:02X}:{a:02X}")
    }
}

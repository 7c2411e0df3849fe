//! Device addresses: six octets and their kind.

use std::fmt;
use std::str::FromStr;

use bt_hci::param::{AddrKind, BdAddr};

/// A device address (Core Vol 6 Part B, 1.3).
///
/// ```
/// use dongle::{Address, AddressKind};
///
/// let address: Address = "C6:05:04:03:02:01".parse()?;
/// assert_eq!(address.kind(), AddressKind::RandomStatic);
/// assert_eq!(address.to_string(), "C6:05:04:03:02:01");
/// let address: Address = "C6:05:04:03:02:01/public".parse()?;
/// assert_eq!(address.kind(), AddressKind::Public);
/// assert_eq!(address.to_string(), "C6:05:04:03:02:01/public");
/// # Ok::<(), dongle::ParseAddressError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Most significant octet first, as addresses are written.
    octets: [u8; 6],
    random: bool,
}

/// The kind of an address (Core Vol 6 Part B, 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// Assigned by the manufacturer.
    Public,
    /// Random, but fixed at least until the device is switched off.
    RandomStatic,
    /// Changing, but recognised by those who have the device's identity resolving key.
    ResolvablePrivate,
    /// Changing, and recognised by no one.
    NonResolvablePrivate,
}

impl Address {
    /// A public address, most significant octet first.
    pub const fn public(octets: [u8; 6]) -> Self {
        Self {
            octets,
            random: false,
        }
    }

    /// A random address, most significant octet first.
    pub const fn random(octets: [u8; 6]) -> Self {
        Self {
            octets,
            random: true,
        }
    }

    /// The octets, most significant first.
    pub const fn octets(&self) -> [u8; 6] {
        self.octets
    }

    /// Whether it is a random address of any kind.
    pub const fn is_random(&self) -> bool {
        self.random
    }

    /// Its kind.
    pub const fn kind(&self) -> AddressKind {
        match (self.random, self.octets[0] >> 6) {
            (false, _) => AddressKind::Public,
            (true, 0b11) => AddressKind::RandomStatic,
            (true, 0b01) => AddressKind::ResolvablePrivate,
            (true, _) => AddressKind::NonResolvablePrivate,
        }
    }

    pub(crate) fn from_host(address: dongle_central::links::Address) -> Self {
        let mut octets = address.addr.into_inner();
        octets.reverse();
        Self {
            octets,
            random: address.kind.as_raw() & 1 == 1,
        }
    }

    pub(crate) fn for_host(self) -> dongle_central::links::Address {
        let mut octets = self.octets;
        octets.reverse();
        let kind = if self.random {
            AddrKind::RANDOM
        } else {
            AddrKind::PUBLIC
        };
        dongle_central::links::Address::new(kind, BdAddr::new(octets))
    }
}

/// How an address that is written without its kind is read: fixed addresses are public or random
/// static, and private ones are seldom written down.
const fn looks_random(octets: [u8; 6]) -> bool {
    octets[0] >> 6 == 0b11
}

impl fmt::Display for Address {
    /// `C6:05:04:03:02:01`, followed by `/public` or `/random` if it would otherwise be parsed as
    /// the other, so that it can always be parsed again. The alternate form always has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.octets;
        write!(f, "{a:02X}:{b:02X}:{c:02X}:{d:02X}:{e:02X}:{g:02X}")?;
        match self.random {
            _ if !f.alternate() && self.random == looks_random(self.octets) => Ok(()),
            true => f.write_str("/random"),
            false => f.write_str("/public"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")
    }
}

impl FromStr for Address {
    type Err = ParseAddressError;

    /// Six octets in hexadecimal with colons, then `/public` or `/random`. Without that, an address
    /// is random if its two most significant bits are set, as in a random static address, and
    /// public otherwise.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, kind) = match text.split_once('/') {
            Some((digits, kind)) => (digits, Some(kind)),
            None => (text, None),
        };
        let mut octets = [0; 6];
        let mut parts = digits.split(':');
        for octet in &mut octets {
            // Parsing the number alone would accept a sign.
            let digits = |p: &&str| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit());
            let part = parts.next().filter(digits).ok_or(ParseAddressError(()))?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| ParseAddressError(()))?;
        }
        if parts.next().is_some() {
            return Err(ParseAddressError(()));
        }
        let random = match kind {
            None => looks_random(octets),
            Some("random") => true,
            Some("public") => false,
            Some(_) => return Err(ParseAddressError(())),
        };
        Ok(Self { octets, random })
    }
}

/// Text that is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseAddressError(());

impl fmt::Display for ParseAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a device address; write it like C6:05:04:03:02:01 or C6:05:04:03:02:01/public",
        )
    }
}

impl std::error::Error for ParseAddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_the_same_address_when_it_is_read() {
        for first in [0x00, 0x3F, 0x40, 0x7F, 0x80, 0xC0, 0xFF] {
            let octets = [first, 5, 4, 3, 2, 1];
            for address in [Address::public(octets), Address::random(octets)] {
                for text in [
                    format!("{address}"),
                    format!("{address:#}"),
                    format!("{address:?}"),
                ] {
                    assert_eq!(text.parse(), Ok(address), "{text}");
                }
            }
        }
    }

    #[test]
    fn the_usual_addresses_are_shown_without_their_kind() {
        let shown = |address: Address| address.to_string();
        assert_eq!(
            shown(Address::public([0, 1, 2, 3, 4, 5])),
            "00:01:02:03:04:05"
        );
        assert_eq!(shown(Address::random([0xC0; 6])), "C0:C0:C0:C0:C0:C0");
        assert_eq!(
            shown(Address::random([0x40; 6])),
            "40:40:40:40:40:40/random"
        );
        assert_eq!(
            shown(Address::public([0xF4; 6])),
            "F4:F4:F4:F4:F4:F4/public"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "C6:05:04:03:02",
            "C6:05:04:03:02:01:00",
            "C6:05:04:03:02:+1",
            "C60504030201",
            "C6:05:04:03:02:01/",
            "C6:05:04:03:02:01/static",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}

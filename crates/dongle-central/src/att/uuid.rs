//! Bluetooth UUIDs in their 16-bit, 32-bit and 128-bit forms.

use core::fmt;
use core::str::FromStr;

/// A Bluetooth UUID (Core Vol 3 Part B 2.5.1).
///
/// Short forms stand for `0000xxxx-0000-1000-8000-00805F9B34FB`, so two UUIDs are equal, and hash alike, when
/// they are the same UUID, whatever their form on the wire. They sort as their full strings do.
///
/// ```
/// use dongle_central::att::Uuid;
///
/// let heart_rate = Uuid::from_u16(0x180D);
/// assert_eq!("0000180d-0000-1000-8000-00805f9b34fb".parse(), Ok(heart_rate));
/// assert_eq!(heart_rate.to_string(), "0x180D");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid([u8; 16]);

/// The Bluetooth Base UUID; short UUIDs replace its top 32 bits.
const BASE: u128 = 0x0000_0000_0000_1000_8000_0080_5F9B_34FB;
const SHORT_SHIFT: u32 = 96;

impl Uuid {
    /// A 16-bit UUID.
    pub const fn from_u16(short: u16) -> Self {
        Self::from_u32(short as u32)
    }

    /// A 32-bit UUID.
    pub const fn from_u32(short: u32) -> Self {
        Self::from_u128(BASE | (short as u128) << SHORT_SHIFT)
    }

    /// A full UUID, written as in its string form: the first hex digit is the most significant.
    pub const fn from_u128(full: u128) -> Self {
        Self(full.to_be_bytes())
    }

    /// A full UUID from its 16 octets, least significant first, as on the air.
    pub const fn from_le_bytes(bytes: [u8; 16]) -> Self {
        Self::from_u128(u128::from_le_bytes(bytes))
    }

    /// The UUID in 2, 4 or 16 little-endian octets; `None` for any other length.
    ///
    /// Four octets occur in advertising data, never in ATT.
    pub fn parse_le(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [a, b] => Some(Self::from_u16(u16::from_le_bytes([a, b]))),
            [a, b, c, d] => Some(Self::from_u32(u32::from_le_bytes([a, b, c, d]))),
            _ => bytes.try_into().ok().map(Self::from_le_bytes),
        }
    }

    /// Writes the shortest form that ATT allows, 2 or 16 octets little-endian, and returns it.
    ///
    /// A 32-bit UUID is written in its full form (Part F 3.2.1).
    pub fn write_le<'a>(&self, out: &'a mut [u8; 16]) -> &'a [u8] {
        match self.as_u16() {
            Some(short) => {
                let (head, _) = out.split_at_mut(2);
                head.copy_from_slice(&short.to_le_bytes());
                head
            }
            None => {
                *out = self.to_le_bytes();
                out
            }
        }
    }

    /// How many octets [`write_le`](Self::write_le) writes: 2 or 16.
    pub const fn att_length(&self) -> usize {
        if self.as_u16().is_some() { 2 } else { 16 }
    }

    /// The 16-bit form, if this UUID has one.
    pub const fn as_u16(&self) -> Option<u16> {
        match self.as_u32() {
            Some(short) if short <= 0xFFFF => Some(short as u16),
            _ => None,
        }
    }

    /// The 32-bit form, if this UUID has one; 16-bit UUIDs do.
    pub const fn as_u32(&self) -> Option<u32> {
        let full = self.to_u128();
        let low = full & ((1 << SHORT_SHIFT) - 1);
        if low == BASE {
            Some((full >> SHORT_SHIFT) as u32)
        } else {
            None
        }
    }

    /// The full form as a number.
    pub const fn to_u128(&self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// The full form, least significant octet first.
    pub const fn to_le_bytes(&self) -> [u8; 16] {
        self.to_u128().to_le_bytes()
    }
}

impl fmt::Display for Uuid {
    /// `0x180D`, `0x0001180D`, or the full form in lowercase.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.as_u16(), self.as_u32()) {
            (Some(short), _) => write!(f, "0x{short:04X}"),
            (None, Some(short)) => write!(f, "0x{short:08X}"),
            (None, None) => {
                let full = self.to_u128();
                let [a, b, c, d, e] = [96, 80, 64, 48, 0].map(|shift| full >> shift);
                write!(
                    f,
                    "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                    a as u32,
                    b as u16,
                    c as u16,
                    d as u16,
                    e & 0xFFFF_FFFF_FFFF
                )
            }
        }
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = ParseUuidError;

    /// Parses 4, 8 or 32 hex digits, with or without `0x`, or the full form with hyphens.
    fn from_str(text: &str) -> Result<Self, ParseUuidError> {
        let digits = text
            .strip_prefix("0x")
            .or_else(|| text.strip_prefix("0X"))
            .unwrap_or(text);
        let hyphenated = match digits.len() {
            4 | 8 | 32 => false,
            36 if digits.len() == text.len() => true,
            _ => return Err(ParseUuidError),
        };
        let mut number = 0u128;
        for (position, digit) in digits.chars().enumerate() {
            if hyphenated && matches!(position, 8 | 13 | 18 | 23) {
                if digit != '-' {
                    return Err(ParseUuidError);
                }
                continue;
            }
            let digit = digit.to_digit(16).ok_or(ParseUuidError)?;
            number = number << 4 | u128::from(digit);
        }
        match digits.len() {
            4 | 8 => u32::try_from(number)
                .map(Self::from_u32)
                .map_err(|_| ParseUuidError),
            _ => Ok(Self::from_u128(number)),
        }
    }
}

// The only conversion from a number, so that a bare `0x180D` is inferred to be 16 bits where an
// `impl Into<Uuid>` or an `impl TryInto<Uuid>` is expected.
impl From<u16> for Uuid {
    fn from(short: u16) -> Self {
        Self::from_u16(short)
    }
}

// Allows strings where an `impl TryInto<Uuid>` is expected.
impl TryFrom<&str> for Uuid {
    type Error = ParseUuidError;

    fn try_from(text: &str) -> Result<Self, ParseUuidError> {
        text.parse()
    }
}

/// A string that is not a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseUuidError;

impl fmt::Display for ParseUuidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a UUID: write 4, 8 or 32 hex digits, \
             or xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
        )
    }
}

impl core::error::Error for ParseUuidError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::ToString;

    const FULL: u128 = 0x6E400001_B5A3_F393_E0A9_E50E24DCCA9E;

    #[test]
    fn all_forms_of_one_uuid_are_equal() {
        let short = Uuid::from_u16(0x180D);
        assert_eq!(short, Uuid::from_u32(0x180D));
        assert_eq!(
            short,
            Uuid::from_u128(0x0000180D_0000_1000_8000_00805F9B34FB)
        );
        assert_eq!(Uuid::parse_le(&[0x0D, 0x18]), Some(short));
        assert_eq!(Uuid::parse_le(&[0x0D, 0x18, 0, 0]), Some(short));
        assert_eq!(Uuid::parse_le(&short.to_le_bytes()), Some(short));
        assert_ne!(short, Uuid::from_u32(0x0001_180D));
        for length in [0, 1, 3, 5, 15] {
            assert_eq!(Uuid::parse_le(&[0; 16][..length]), None);
        }
    }

    #[test]
    fn text_goes_both_ways() {
        for (text, uuid, shown) in [
            ("180d", Uuid::from_u16(0x180D), "0x180D"),
            ("0x180D", Uuid::from_u16(0x180D), "0x180D"),
            ("0X180d", Uuid::from_u16(0x180D), "0x180D"),
            ("0001180D", Uuid::from_u32(0x1180D), "0x0001180D"),
            (
                "0000180D-0000-1000-8000-00805f9B34FB",
                Uuid::from_u16(0x180D),
                "0x180D",
            ),
            (
                "6E400001-b5a3-f393-e0a9-e50e24dcca9e",
                Uuid::from_u128(FULL),
                "6e400001-b5a3-f393-e0a9-e50e24dcca9e",
            ),
            (
                "6e400001b5a3f393e0a9e50e24dcca9e",
                Uuid::from_u128(FULL),
                "6e400001-b5a3-f393-e0a9-e50e24dcca9e",
            ),
        ] {
            assert_eq!(text.parse(), Ok(uuid), "{text}");
            assert_eq!(Uuid::try_from(text), Ok(uuid), "{text}");
            assert_eq!(uuid.to_string(), shown);
            assert_eq!(format!("{uuid:?}"), shown);
        }
    }

    #[test]
    fn what_is_not_a_uuid_is_refused() {
        for text in [
            "",
            "0x",
            "18",
            "180g",
            "+180",
            "180dé",
            "6e400001-b5a3-f393-e0a9-e50e24dcca9",
            "6e400001_b5a3_f393_e0a9_e50e24dcca9e",
            "6e400001-b5a3-f393-e0a9e-50e24dcca9e",
            "0x6e400001-b5a3-f393-e0a9-e50e24dcca9e",
        ] {
            assert_eq!(text.parse::<Uuid>(), Err(ParseUuidError), "{text}");
        }
    }

    #[test]
    fn att_gets_2_or_16_octets() {
        let mut out = [0; 16];
        assert_eq!(Uuid::from_u16(0x2A37).write_le(&mut out), [0x37, 0x2A]);
        assert_eq!(Uuid::from_u128(FULL).write_le(&mut out), FULL.to_le_bytes());
        let wide = Uuid::from_u32(0x1234_5678);
        assert_eq!(wide.att_length(), 16);
        assert_eq!(Uuid::parse_le(wide.write_le(&mut out)), Some(wide));
    }
}

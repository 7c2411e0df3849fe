//! The numbers of characteristics (GATT Specification Supplement, 2.3), least significant octet
//! first.

use std::fmt;

use super::{Field, FromValue, InvalidValue, only};

macro_rules! numbers {
    ($($number:ty, $name:literal;)*) => {$(
        impl Field for $number {
            fn split(value: &[u8]) -> Option<(Self, &[u8])> {
                let (octets, rest) = value.split_first_chunk()?;
                Some((Self::from_le_bytes(*octets), rest))
            }
        }

        impl FromValue for $number {
            fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
                only($name, value)
            }
        }
    )*};
}

numbers! {
    u8, "uint8";
    u16, "uint16";
    u32, "uint32";
    u64, "uint64";
    u128, "uint128";
    i8, "sint8";
    i16, "sint16";
    i32, "sint32";
    i64, "sint64";
    f32, "float32";
    f64, "float64";
}

/// An unsigned number of 24 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uint24(pub u32);

/// A signed number of 24 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sint24(pub i32);

/// An unsigned number of 48 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uint48(pub u64);

impl Field for Uint24 {
    fn split(value: &[u8]) -> Option<(Self, &[u8])> {
        let (&[a, b, c], rest) = value.split_first_chunk()?;
        Some((Self(u32::from_le_bytes([a, b, c, 0])), rest))
    }
}

impl Field for Sint24 {
    fn split(value: &[u8]) -> Option<(Self, &[u8])> {
        let (&[a, b, c], rest) = value.split_first_chunk()?;
        // Shifting down from the top extends the sign.
        Some((Self(i32::from_le_bytes([0, a, b, c]) >> 8), rest))
    }
}

impl Field for Uint48 {
    fn split(value: &[u8]) -> Option<(Self, &[u8])> {
        let (&[a, b, c, d, e, f], rest) = value.split_first_chunk()?;
        Some((Self(u64::from_le_bytes([a, b, c, d, e, f, 0, 0])), rest))
    }
}

impl FromValue for Uint24 {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        only("uint24", value)
    }
}

impl FromValue for Sint24 {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        only("sint24", value)
    }
}

impl FromValue for Uint48 {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        only("uint48", value)
    }
}

/// A decimal number of 16 bits, the SFLOAT of IEEE 11073-20601: a mantissa of 12 bits and a power
/// of ten of 4.
///
/// ```
/// use dongle::values::{FromValue, MedFloat16};
///
/// let weight = MedFloat16::from_value(&[0x72, 0xF0])?;
/// assert_eq!(f64::from(weight), 11.4);
/// # Ok::<(), dongle::values::InvalidValue>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MedFloat16(pub u16);

/// A decimal number of 32 bits, the FLOAT of IEEE 11073-20601: a mantissa of 24 bits and a power of
/// ten of 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MedFloat32(pub u32);

impl From<MedFloat16> for f64 {
    /// NaN if the device reports that there is no number, or none at this resolution.
    fn from(MedFloat16(bits): MedFloat16) -> Self {
        match bits {
            0x07FE => Self::INFINITY,
            0x0802 => Self::NEG_INFINITY,
            // Not a number, not at this resolution, reserved.
            0x07FF..=0x0801 => Self::NAN,
            _ => {
                let bits = bits.cast_signed();
                decimal(i32::from(bits << 4 >> 4), i32::from(bits >> 12))
            }
        }
    }
}

impl From<MedFloat32> for f64 {
    /// NaN if the device reports that there is no number, or none at this resolution.
    fn from(MedFloat32(bits): MedFloat32) -> Self {
        match bits {
            0x007F_FFFE => Self::INFINITY,
            0x0080_0002 => Self::NEG_INFINITY,
            // Not a number, not at this resolution, reserved.
            0x007F_FFFF..=0x0080_0001 => Self::NAN,
            _ => {
                let bits = bits.cast_signed();
                decimal(bits << 8 >> 8, bits >> 24)
            }
        }
    }
}

/// 366 and -1 make 36.6, or rather the nearest number: dividing by ten gives that, multiplying by
/// 0.1 would not. This holds up to 10^22, beyond which powers of ten are not exact themselves.
fn decimal(mantissa: i32, exponent: i32) -> f64 {
    let mantissa = f64::from(mantissa);
    match exponent {
        0.. => mantissa * 10_f64.powi(exponent),
        _ => mantissa / 10_f64.powi(-exponent),
    }
}

impl Field for MedFloat16 {
    fn split(value: &[u8]) -> Option<(Self, &[u8])> {
        u16::split(value).map(|(bits, rest)| (Self(bits), rest))
    }
}

impl Field for MedFloat32 {
    fn split(value: &[u8]) -> Option<(Self, &[u8])> {
        u32::split(value).map(|(bits, rest)| (Self(bits), rest))
    }
}

impl FromValue for MedFloat16 {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        only("medfloat16", value)
    }
}

impl FromValue for MedFloat32 {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        only("medfloat32", value)
    }
}

impl fmt::Display for MedFloat16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&f64::from(*self), f)
    }
}

impl fmt::Display for MedFloat32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&f64::from(*self), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_their_length_and_no_other() {
        assert_eq!(u8::from_value(&[0xFF]), Ok(255));
        assert_eq!(i8::from_value(&[0xFF]), Ok(-1));
        assert_eq!(u16::from_value(&[0x34, 0x12]), Ok(0x1234));
        assert_eq!(i16::from_value(&[0xFE, 0xFF]), Ok(-2));
        assert_eq!(
            Uint24::from_value(&[0x56, 0x34, 0x12]),
            Ok(Uint24(0x12_3456))
        );
        assert_eq!(Sint24::from_value(&[0xFF, 0xFF, 0xFF]), Ok(Sint24(-1)));
        assert_eq!(
            Sint24::from_value(&[0xFF, 0xFF, 0x7F]),
            Ok(Sint24(0x7F_FFFF))
        );
        assert_eq!(
            Uint48::from_value(&[6, 5, 4, 3, 2, 1]),
            Ok(Uint48(0x0102_0304_0506))
        );
        assert_eq!(f32::from_value(&[0, 0, 0x20, 0x41]), Ok(10.0));
        for length in [0, 1, 3] {
            let error = u16::from_value(&vec![0; length]).unwrap_err();
            assert!(error.to_string().ends_with("is not a uint16"), "{error}");
        }
    }

    #[test]
    fn medical_decimals_are_the_number_they_say() {
        for (bits, number) in [
            (0x0000, 0.0),
            (0x0072, 114.0),
            (0xF072, 11.4),
            (0x0FFF, -1.0),
            (0xFFFF, -0.1),
            (0x1001, 10.0),
            (0x7001, 1e7),
            (0x8001, 1e-8),
            (0x07FD, 2045.0),
            (0x0803, -2045.0),
            (0x07FE, f64::INFINITY),
            (0x0802, f64::NEG_INFINITY),
            // It is a special value only with the exponent 0.
            (0xF7FF, 204.7),
        ] {
            assert_eq!(f64::from(MedFloat16(bits)), number, "{bits:#06x}");
        }
        for (bits, number) in [
            (0xFF00_016E, 36.6),
            (0xFF00_0000 | 0xFF_FE92, -36.6),
            (0x0000_0001, 1.0),
            (0x0200_0003, 300.0),
            (0xEA00_0001, 1e-22),
            (0x007F_FFFE, f64::INFINITY),
            (0x0080_0002, f64::NEG_INFINITY),
        ] {
            assert_eq!(f64::from(MedFloat32(bits)), number, "{bits:#010x}");
        }
        for bits in [0x07FF, 0x0800, 0x0801] {
            assert!(f64::from(MedFloat16(bits)).is_nan(), "{bits:#06x}");
        }
        for bits in [0x007F_FFFF, 0x0080_0000, 0x0080_0001] {
            assert!(f64::from(MedFloat32(bits)).is_nan(), "{bits:#010x}");
        }
        assert_eq!(format!("{:.1}", MedFloat32(0xFF00_016E)), "36.6");
    }
}

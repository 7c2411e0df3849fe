//! Typed values: what the octets of a characteristic mean.
//!
//! [`read_as`](crate::Characteristic::read_as) and
//! [`notified_as`](crate::Subscription::notified_as) give any type that has [`FromValue`]: the
//! numbers and strings that characteristics are made of (GATT Specification Supplement, 2.3), and
//! those in here. A type of your own is a few lines:
//!
//! ```
//! use dongle::values::{FromValue, InvalidValue};
//!
//! struct Volts(f32);
//!
//! impl FromValue for Volts {
//!     fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
//!         u16::from_value(value).map(|millivolts| Self(f32::from(millivolts) / 1000.0))
//!     }
//! }
//!
//! assert_eq!(Volts::from_value(&[0xE4, 0x0C])?.0, 3.3);
//! assert_eq!(
//!     Volts::from_value(&[1]).err().map(|error| error.to_string()).as_deref(),
//!     Some("a value of 1 octet is not a uint16"),
//! );
//! # Ok::<(), InvalidValue>(())
//! ```
//!
//! A device may send anything, and reading it never panics. A structure may be followed by octets
//! that a later version of its service has added; a number may not.

mod device;
mod environment;
mod health;
mod heart_rate;
mod numbers;

use std::fmt;

pub use device::{BatteryLevel, DateTime, PnpId};
pub use environment::{Humidity, Pressure, Temperature};
pub use health::{BloodPressureMeasurement, PressureUnit, TemperatureMeasurement, TemperatureUnit};
pub use heart_rate::{BodySensorLocation, HeartRateMeasurement};
pub use numbers::{MedFloat16, MedFloat32, Sint24, Uint24, Uint48};

/// A type that a value can be read as.
pub trait FromValue: Sized {
    /// Reads a value.
    ///
    /// # Errors
    /// If the value does not have this type; usually it is too short.
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue>;
}

/// A value that could not be read as the wanted type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidValue {
    wanted: &'static str,
    length: usize,
}

impl InvalidValue {
    /// Says that this value is not a `wanted`, such as "heart rate measurement".
    pub const fn new(wanted: &'static str, value: &[u8]) -> Self {
        let length = value.len();
        Self { wanted, length }
    }
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.length == 1 { "" } else { "s" };
        let article = match self.wanted.as_bytes().first() {
            Some(b'a' | b'e' | b'i' | b'o') => "an",
            _ => "a",
        };
        let Self { wanted, length } = self;
        write!(
            f,
            "a value of {length} octet{plural} is not {article} {wanted}"
        )
    }
}

impl std::error::Error for InvalidValue {}

/// The fields of a structure, one after another.
struct Fields<'v>(&'v [u8]);

impl<'v> Fields<'v> {
    /// The next field. None if the value is too short for it.
    fn next<T: Field>(&mut self) -> Option<T> {
        let (field, rest) = T::split(self.0)?;
        self.0 = rest;
        Some(field)
    }

    /// The next field, if the structure has it.
    fn next_if<T: Field>(&mut self, present: bool) -> Option<Option<T>> {
        match present {
            true => self.next().map(Some),
            false => Some(None),
        }
    }
}

/// A type of fixed length.
trait Field: Sized {
    /// Splits off the field from the octets that follow it.
    fn split(value: &[u8]) -> Option<(Self, &[u8])>;
}

/// A value that consists of exactly one field.
fn only<T: Field>(wanted: &'static str, value: &[u8]) -> Result<T, InvalidValue> {
    match T::split(value) {
        Some((field, [])) => Ok(field),
        _ => Err(InvalidValue::new(wanted, value)),
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        Ok(value.to_vec())
    }
}

impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        let wrong = |_| InvalidValue::new("array of that length", value);
        value.try_into().map_err(wrong)
    }
}

impl FromValue for String {
    /// UTF-8, without the zeros that some devices pad it with.
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        match std::str::from_utf8(value) {
            Ok(text) => Ok(text.trim_end_matches('\0').to_owned()),
            Err(_) => Err(InvalidValue::new("UTF-8 string", value)),
        }
    }
}

impl FromValue for bool {
    /// 0 or 1 (GATT Specification Supplement, 2.3: boolean).
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        match value {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(InvalidValue::new("boolean", value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_value_says_so() {
        let error = InvalidValue::new("heart rate measurement", &[1, 2]);
        assert_eq!(
            error.to_string(),
            "a value of 2 octets is not a heart rate measurement"
        );
        let error = InvalidValue::new("array of that length", &[1]);
        assert_eq!(
            error.to_string(),
            "a value of 1 octet is not an array of that length"
        );
    }

    #[test]
    fn texts_and_octets_are_values() {
        assert_eq!(
            String::from_value(b"caf\xC3\xA9\0\0").as_deref(),
            Ok("café")
        );
        assert!(String::from_value(&[0xFF]).is_err());
        assert_eq!(Vec::from_value(&[1, 2]), Ok(vec![1, 2]));
        assert_eq!(<[u8; 2]>::from_value(&[1, 2]), Ok([1, 2]));
        assert!(<[u8; 3]>::from_value(&[1, 2]).is_err());
        assert_eq!(bool::from_value(&[1]), Ok(true));
        assert!(bool::from_value(&[2]).is_err());
    }

    /// Every type, on everything short and on a lot that is longer.
    #[test]
    fn no_value_panics() {
        fn try_all(value: &[u8]) {
            let _ = u16::from_value(value);
            let _ = f64::from_value(value);
            let _ = Uint24::from_value(value);
            let _ = Sint24::from_value(value);
            let _ = Uint48::from_value(value);
            let _ = MedFloat16::from_value(value).map(f64::from);
            let _ = MedFloat32::from_value(value).map(f64::from);
            let _ = String::from_value(value);
            let _ = HeartRateMeasurement::from_value(value);
            let _ = BodySensorLocation::from_value(value);
            let _ = BatteryLevel::from_value(value);
            let _ = DateTime::from_value(value);
            let _ = PnpId::from_value(value);
            let _ = Temperature::from_value(value);
            let _ = Humidity::from_value(value);
            let _ = Pressure::from_value(value);
            let _ = TemperatureMeasurement::from_value(value);
            let _ = BloodPressureMeasurement::from_value(value);
        }
        let mut random = fastrand::Rng::with_seed(11073);
        for length in 0..40 {
            for first in 0..=255 {
                let mut value = vec![0; length];
                random.fill(&mut value);
                if let Some(flags) = value.first_mut() {
                    *flags = first;
                }
                try_all(&value);
            }
        }
    }
}

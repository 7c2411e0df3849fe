//! What any device may report about itself: battery, time, who made it.

use std::fmt;

use super::{Field, Fields, FromValue, InvalidValue, only};

/// How full a battery is, in percent (Battery Level, 0x2A19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatteryLevel(u8);

impl BatteryLevel {
    /// 0 to 100.
    pub const fn percent(self) -> u8 {
        self.0
    }
}

impl FromValue for BatteryLevel {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        const WANTED: &str = "battery level";
        match only(WANTED, value)? {
            percent @ 0..=100 => Ok(Self(percent)),
            _ => Err(InvalidValue::new(WANTED, value)),
        }
    }
}

impl fmt::Display for BatteryLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// A date and time without a time zone (Date Time, 0x2A08), as the device's clock has it. A year,
/// month or day of 0 is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // Their names say it.
pub struct DateTime {
    pub year: u16,
    pub month: u8,
    pub day: u8,
    pub hours: u8,
    pub minutes: u8,
    pub seconds: u8,
}

impl Field for DateTime {
    fn split(value: &[u8]) -> Option<(Self, &[u8])> {
        let mut fields = Fields(value);
        let time = Self {
            year: fields.next()?,
            month: fields.next()?,
            day: fields.next()?,
            hours: fields.next()?,
            minutes: fields.next()?,
            seconds: fields.next()?,
        };
        Some((time, fields.0))
    }
}

impl FromValue for DateTime {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        only("date time", value)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            year,
            month,
            day,
            hours,
            minutes,
            seconds,
        } = self;
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}"
        )
    }
}

/// A device's manufacturer and product (PnP ID, 0x2A50).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PnpId {
    /// Who assigned the vendor ID: 1 is the Bluetooth SIG, 2 the USB Implementers Forum.
    pub source: u8,
    /// The vendor ID.
    pub vendor: u16,
    /// The product ID, assigned by the vendor.
    pub product: u16,
    /// The product version: 0x0123 is 1.2.3.
    pub version: u16,
}

impl FromValue for PnpId {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        let mut fields = Fields(value);
        let mut read = || {
            Some(Self {
                source: fields.next()?,
                vendor: fields.next()?,
                product: fields.next()?,
                version: fields.next()?,
            })
        };
        read().ok_or(InvalidValue::new("PnP ID", value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_battery_is_not_fuller_than_full() {
        assert_eq!(
            BatteryLevel::from_value(&[100]).map(|l| l.percent()),
            Ok(100)
        );
        assert_eq!(BatteryLevel(7).to_string(), "7 %");
        assert!(BatteryLevel::from_value(&[101]).is_err());
        assert!(BatteryLevel::from_value(&[1, 2]).is_err());
    }

    #[test]
    fn a_time_is_shown_so_that_it_sorts() {
        let time = DateTime::from_value(&[0xEA, 0x07, 11, 22, 9, 5, 0]);
        let shown = time.map(|time| time.to_string());
        assert_eq!(shown.as_deref(), Ok("2026-11-22 09:05:00"));
    }

    #[test]
    fn a_product_is_known_by_its_numbers() {
        let id = PnpId::from_value(&[1, 0x59, 0x00, 2, 0, 0x23, 0x01]);
        let (source, vendor, product, version) = (1, 0x59, 2, 0x0123);
        let wanted = PnpId {
            source,
            vendor,
            product,
            version,
        };
        assert_eq!(id, Ok(wanted));
        assert!(PnpId::from_value(&[1, 2, 3]).is_err());
    }
}

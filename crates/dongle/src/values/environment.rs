//! Environmental Sensing Service 1.0, whose integers are converted to usual units.

use std::fmt;

use super::{FromValue, InvalidValue, only};

/// A temperature in hundredths of a degree Celsius (0x2A6E).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Temperature(i16);

/// A relative humidity in hundredths of a percent (0x2A6F).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Humidity(u16);

/// A pressure in tenths of a pascal (0x2A6D).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pressure(u32);

impl Temperature {
    /// Degrees Celsius. None if the device does not know.
    pub fn celsius(self) -> Option<f64> {
        (self.0 != i16::MIN).then(|| f64::from(self.0) / 100.0)
    }
}

impl Humidity {
    /// Percent. None if the device does not know.
    pub fn percent(self) -> Option<f64> {
        (self.0 != u16::MAX).then(|| f64::from(self.0) / 100.0)
    }
}

impl Pressure {
    /// Hectopascals.
    pub fn hectopascals(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl FromValue for Temperature {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        only("temperature", value).map(Self)
    }
}

impl FromValue for Humidity {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        only("humidity", value).map(Self)
    }
}

impl FromValue for Pressure {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        only("pressure", value).map(Self)
    }
}

impl fmt::Display for Temperature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.celsius() {
            Some(celsius) => write!(f, "{celsius:.2} °C"),
            None => f.write_str("? °C"),
        }
    }
}

impl fmt::Display for Humidity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.percent() {
            Some(percent) => write!(f, "{percent:.2} %"),
            None => f.write_str("? %"),
        }
    }
}

impl fmt::Display for Pressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} hPa", self.hectopascals())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weather_has_units() {
        let shown = |value: &[u8]| Temperature::from_value(value).map(|t| t.to_string());
        assert_eq!(shown(&[0x66, 0x08]).as_deref(), Ok("21.50 °C"));
        assert_eq!(shown(&[0x9C, 0xFF]).as_deref(), Ok("-1.00 °C"));
        assert_eq!(shown(&[0x00, 0x80]).as_deref(), Ok("? °C"));
        let humidity = Humidity::from_value(&[0x88, 0x13]).map(Humidity::percent);
        assert_eq!(humidity, Ok(Some(50.0)));
        assert_eq!(Humidity(u16::MAX).percent(), None);
        let pressure = Pressure::from_value(&1_013_250_u32.to_le_bytes());
        assert_eq!(pressure.map(|p| p.to_string()).as_deref(), Ok("1013.2 hPa"));
        assert!(Pressure::from_value(&[1, 2]).is_err());
    }
}

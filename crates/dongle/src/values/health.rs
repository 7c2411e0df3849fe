//! Health Thermometer Service 1.0 and Blood Pressure Service 1.1, with IEEE 11073 decimals.

use std::fmt;

use super::{DateTime, Fields, FromValue, InvalidValue, MedFloat16, MedFloat32};

/// A body temperature (Temperature Measurement, 0x2A1C).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemperatureMeasurement {
    /// The temperature, or NaN if it could not be measured.
    pub temperature: f64,
    /// Its unit.
    pub unit: TemperatureUnit,
    /// When it was measured, by the device's clock.
    pub time: Option<DateTime>,
    /// Where, as the number of its Temperature Type (0x2A1D): 2 body, 3 ear, 6 mouth.
    pub place: Option<u8>,
}

/// A unit of temperature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Their names say it.
pub enum TemperatureUnit {
    Celsius,
    Fahrenheit,
}

/// A blood pressure (Blood Pressure Measurement, 0x2A35).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BloodPressureMeasurement {
    /// The higher pressure. All of these are NaN if they could not be measured.
    pub systolic: f64,
    /// The lower pressure.
    pub diastolic: f64,
    /// The mean arterial pressure.
    pub mean: f64,
    /// Their unit.
    pub unit: PressureUnit,
    /// When they were measured, by the device's clock.
    pub time: Option<DateTime>,
    /// Beats per minute.
    pub pulse: Option<f64>,
    /// The user, if the device distinguishes several. 255 is an unknown one.
    pub user: Option<u8>,
    /// Problems of the measurement, as bits (Blood Pressure Service, 3.1.1.5): 0x0001 the body
    /// moved, 0x0004 the pulse was irregular.
    pub status: Option<u16>,
}

/// A unit of blood pressure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PressureUnit {
    /// Millimetres of mercury.
    MmHg,
    /// Kilopascals.
    KPa,
}

impl FromValue for TemperatureMeasurement {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        let mut fields = Fields(value);
        let mut read = || {
            let flags: u8 = fields.next()?;
            Some(Self {
                temperature: fields.next::<MedFloat32>()?.into(),
                unit: match flags & 0x01 {
                    0 => TemperatureUnit::Celsius,
                    _ => TemperatureUnit::Fahrenheit,
                },
                time: fields.next_if(flags & 0x02 != 0)?,
                place: fields.next_if(flags & 0x04 != 0)?,
            })
        };
        read().ok_or(InvalidValue::new("temperature measurement", value))
    }
}

impl FromValue for BloodPressureMeasurement {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        let mut fields = Fields(value);
        let mut read = || {
            let flags: u8 = fields.next()?;
            let mut pressure = || fields.next::<MedFloat16>().map(f64::from);
            Some(Self {
                systolic: pressure()?,
                diastolic: pressure()?,
                mean: pressure()?,
                unit: match flags & 0x01 {
                    0 => PressureUnit::MmHg,
                    _ => PressureUnit::KPa,
                },
                time: fields.next_if(flags & 0x02 != 0)?,
                pulse: fields
                    .next_if::<MedFloat16>(flags & 0x04 != 0)?
                    .map(Into::into),
                user: fields.next_if(flags & 0x08 != 0)?,
                status: fields.next_if(flags & 0x10 != 0)?,
            })
        };
        read().ok_or(InvalidValue::new("blood pressure measurement", value))
    }
}

impl fmt::Display for TemperatureMeasurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            TemperatureUnit::Celsius => "°C",
            TemperatureUnit::Fahrenheit => "°F",
        };
        write!(f, "{} {unit}", Told(self.temperature))
    }
}

impl fmt::Display for BloodPressureMeasurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            PressureUnit::MmHg => "mmHg",
            PressureUnit::KPa => "kPa",
        };
        let (systolic, diastolic) = (Told(self.systolic), Told(self.diastolic));
        write!(f, "{systolic}/{diastolic} {unit}")
    }
}

/// Shows a number, or that it could not be measured.
struct Told(f64);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.is_nan() {
            true => f.write_str("?"),
            false => fmt::Display::fmt(&self.0, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fever_is_read_with_its_time_and_place() {
        let value = [6, 0x83, 1, 0, 0xFF, 0xEA, 0x07, 11, 22, 9, 5, 0, 6];
        let fever = TemperatureMeasurement::from_value(&value).unwrap();
        assert_eq!(fever.to_string(), "38.7 °C");
        assert_eq!(fever.time.map(|time| time.year), Some(2026));
        assert_eq!(fever.place, Some(6));
        let plain = TemperatureMeasurement::from_value(&[1, 0x65, 0, 0, 0]).unwrap();
        assert_eq!(plain.to_string(), "101 °F");
        assert_eq!((plain.time, plain.place), (None, None));
        for end in 0..value.len() {
            assert!(
                TemperatureMeasurement::from_value(&value[..end]).is_err(),
                "{end}"
            );
        }
    }

    #[test]
    fn a_blood_pressure_is_read_with_all_that_goes_with_it() {
        let value = [0x1C, 120, 0, 80, 0, 93, 0, 0xBE, 0xF2, 1, 4, 0];
        let pressure = BloodPressureMeasurement::from_value(&value).unwrap();
        assert_eq!(pressure.to_string(), "120/80 mmHg");
        assert_eq!(pressure.mean, 93.0);
        assert_eq!(pressure.pulse, Some(70.2));
        assert_eq!((pressure.user, pressure.status), (Some(1), Some(4)));
        for end in 0..value.len() {
            assert!(
                BloodPressureMeasurement::from_value(&value[..end]).is_err(),
                "{end}"
            );
        }
        let unknown = [0x00, 0xFF, 0x07, 0xFF, 0x07, 0xFF, 0x07];
        let unknown = BloodPressureMeasurement::from_value(&unknown).unwrap();
        assert!(unknown.systolic.is_nan());
        assert_eq!(unknown.to_string(), "?/? mmHg");
    }
}

//! Heart Rate Service 1.0.

use std::fmt;
use std::time::Duration;

use super::{Fields, FromValue, InvalidValue, only};

/// A heart rate measurement (0x2A37).
///
/// ```
/// use dongle::values::{FromValue, HeartRateMeasurement};
///
/// let beat = HeartRateMeasurement::from_value(&[0x16, 72, 0x55, 0x03])?;
/// assert_eq!(beat.to_string(), "72 bpm");
/// assert_eq!(beat.rr_intervals[0].as_millis(), 833);
/// # Ok::<(), dongle::values::InvalidValue>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartRateMeasurement {
    /// Beats per minute.
    pub bpm: u16,
    /// Whether the sensor touches the skin, if it can tell.
    pub contact: Option<bool>,
    /// The energy expended since it was last reset, in kilojoules.
    pub energy: Option<u16>,
    /// The times between beats, the oldest first.
    pub rr_intervals: Vec<Duration>,
}

impl FromValue for HeartRateMeasurement {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        parse(value).ok_or(InvalidValue::new("heart rate measurement", value))
    }
}

fn parse(value: &[u8]) -> Option<HeartRateMeasurement> {
    let mut fields = Fields(value);
    let flags: u8 = fields.next()?;
    let bpm = match flags & 0x01 {
        0 => u16::from(fields.next::<u8>()?),
        _ => fields.next()?,
    };
    let energy = fields.next_if(flags & 0x08 != 0)?;
    let mut rr_intervals = Vec::new();
    if flags & 0x10 != 0 {
        while let Some(interval) = fields.next::<u16>() {
            rr_intervals.push(Duration::from_secs(interval.into()) / 1024);
        }
    }
    let contact = (flags & 0x04 != 0).then_some(flags & 0x02 != 0);
    Some(HeartRateMeasurement {
        bpm,
        contact,
        energy,
        rr_intervals,
    })
}

impl fmt::Display for HeartRateMeasurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bpm", self.bpm)
    }
}

/// Where a sensor is worn (0x2A38).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // Their names say it.
pub enum BodySensorLocation {
    Other,
    Chest,
    Wrist,
    Finger,
    Hand,
    EarLobe,
    Foot,
    /// A number without a meaning yet.
    Reserved(u8),
}

impl FromValue for BodySensorLocation {
    fn from_value(value: &[u8]) -> Result<Self, InvalidValue> {
        Ok(match only("body sensor location", value)? {
            0_u8 => Self::Other,
            1 => Self::Chest,
            2 => Self::Wrist,
            3 => Self::Finger,
            4 => Self::Hand,
            5 => Self::EarLobe,
            6 => Self::Foot,
            other => Self::Reserved(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &[u8]) -> HeartRateMeasurement {
        HeartRateMeasurement::from_value(value).unwrap()
    }

    #[test]
    fn every_field_of_a_heart_rate_is_read_from_its_place() {
        let all = read(&[0x1F, 0x2C, 0x01, 0x10, 0x00, 0x00, 0x04, 0x00, 0x02]);
        assert_eq!(all.bpm, 300);
        assert_eq!(all.contact, Some(true));
        assert_eq!(all.energy, Some(16));
        let second = Duration::from_secs(1);
        assert_eq!(all.rr_intervals, [second, second / 2]);
    }

    #[test]
    fn what_a_sensor_leaves_out_is_not_made_up() {
        let plain = read(&[0x00, 60]);
        assert_eq!((plain.bpm, plain.contact, plain.energy), (60, None, None));
        assert_eq!(plain.rr_intervals, []);
        assert_eq!(read(&[0x04, 60]).contact, Some(false));
        assert_eq!(read(&[0x00, 60, 1, 2, 3]), plain, "of a later version");
    }

    #[test]
    fn a_heart_rate_that_is_cut_off_is_none() {
        for value in [&[][..], &[0x00], &[0x01, 60], &[0x08, 60, 1]] {
            assert!(
                HeartRateMeasurement::from_value(value).is_err(),
                "{value:?}"
            );
        }
        assert_eq!(read(&[0x10, 60, 0, 4, 9]).rr_intervals.len(), 1);
    }

    #[test]
    fn places_are_known_by_their_numbers() {
        let place = |number| BodySensorLocation::from_value(&[number]);
        assert_eq!(place(1), Ok(BodySensorLocation::Chest));
        assert_eq!(place(6), Ok(BodySensorLocation::Foot));
        assert_eq!(place(7), Ok(BodySensorLocation::Reserved(7)));
        assert!(BodySensorLocation::from_value(&[]).is_err());
    }
}

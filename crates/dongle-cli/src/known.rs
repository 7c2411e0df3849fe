//! What the values of well-known characteristics mean (GATT Specification Supplement).

use dongle::Uuid;
use dongle::values::{BatteryLevel, FromValue as _, HeartRateMeasurement, Humidity, Temperature};

use crate::value::Meaning;

/// The meaning of a value, where its characteristic is known here and the value is well-formed.
pub fn meaning(uuid: Uuid, octets: &[u8]) -> Option<Meaning> {
    match uuid.as_u16()? {
        0x2A01 => appearance(octets),
        0x2A04 => preferred_parameters(octets),
        0x2A19 => {
            let level = BatteryLevel::from_value(octets).ok()?;
            Some(Meaning::number(f64::from(level.percent()), Some("%")))
        }
        0x2A37 => {
            let beat = HeartRateMeasurement::from_value(octets).ok()?;
            Some(Meaning::number(f64::from(beat.bpm), Some("bpm")))
        }
        0x2A38 => body_location(octets),
        // Pressure
        0x2A6D => {
            let tenths = u32::from_le_bytes(octets.try_into().ok()?);
            Some(Meaning::number(f64::from(tenths) / 10.0, Some("Pa")))
        }
        0x2A6E => measured(Temperature::from_value(octets).ok()?.celsius(), "°C"),
        0x2A6F => measured(Humidity::from_value(octets).ok()?.percent(), "%"),
        0x2A07 => {
            let power = i8::from_le_bytes(octets.try_into().ok()?);
            Some(Meaning::number(f64::from(power), Some("dBm")))
        }
        // Client Characteristic Configuration
        0x2902 => Some(Meaning::text(match u16_of(octets)? & 0b11 {
            0 => "off",
            1 => "notifications",
            2 => "indications",
            _ => "notifications and indications",
        })),
        _ => None,
    }
}

/// Whether the value is text by definition: names, and the strings of Device Information.
pub fn is_text(uuid: Uuid) -> bool {
    matches!(uuid.as_u16(), Some(0x2A00 | 0x2A24..=0x2A29 | 0x2901))
}

fn u8_of(octets: &[u8]) -> Option<u8> {
    match octets {
        [octet] => Some(*octet),
        _ => None,
    }
}

fn u16_of(octets: &[u8]) -> Option<u16> {
    Some(u16::from_le_bytes(octets.try_into().ok()?))
}

fn measured(number: Option<f64>, unit: &'static str) -> Option<Meaning> {
    Some(number.map_or_else(Meaning::unknown, |number| {
        Meaning::number(number, Some(unit))
    }))
}

fn appearance(octets: &[u8]) -> Option<Meaning> {
    dongle_names::appearance(u16_of(octets)?).map(Meaning::text)
}

/// Peripheral Preferred Connection Parameters (Core Vol 3 Part C, 12.3).
fn preferred_parameters(octets: &[u8]) -> Option<Meaning> {
    let [a, b, c, d, e, f, g, h] = octets.try_into().ok()?;
    let [min, max, latency, timeout] = [[a, b], [c, d], [e, f], [g, h]].map(u16::from_le_bytes);
    let interval = |units: u16| match units {
        0xFFFF => "any".into(),
        units => format!("{} ms", f64::from(units) * 1.25),
    };
    let timeout = match timeout {
        0xFFFF => "any".into(),
        units => format!("{} ms", u32::from(units) * 10),
    };
    Some(Meaning::text(format!(
        "interval {} to {}, latency {latency}, timeout {timeout}",
        interval(min),
        interval(max)
    )))
}

fn body_location(octets: &[u8]) -> Option<Meaning> {
    const PLACES: [&str; 7] = [
        "other", "chest", "wrist", "finger", "hand", "ear lobe", "foot",
    ];
    PLACES
        .get(usize::from(u8_of(octets)?))
        .copied()
        .map(Meaning::text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(uuid: u16, octets: &[u8]) -> Option<String> {
        meaning(Uuid::from_u16(uuid), octets).map(|meaning| meaning.text)
    }

    #[test]
    fn well_known_values_mean_something() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(said(0x2A01, &[0x41, 0x03]), text("Heart Rate Belt"));
        assert_eq!(said(0x2A19, &[87]), text("87 %"));
        assert_eq!(said(0x2A37, &[0x00, 72]), text("72 bpm"));
        assert_eq!(said(0x2A37, &[0x01, 0x2C, 0x01]), text("300 bpm"));
        assert_eq!(said(0x2A38, &[1]), text("chest"));
        assert_eq!(said(0x2A6E, &(-512i16).to_le_bytes()), text("-5.12 °C"));
        assert_eq!(said(0x2902, &[1, 0]), text("notifications"));
        let parameters = [0x18, 0, 0xFF, 0xFF, 0, 0, 0x90, 0x01];
        assert_eq!(
            said(0x2A04, &parameters),
            text("interval 30 ms to any, latency 0, timeout 4000 ms")
        );
        let parameters = [0xFF; 8];
        assert_eq!(
            said(0x2A04, &parameters),
            text("interval any to any, latency 65535, timeout any")
        );
    }

    #[test]
    fn what_a_device_does_not_know_is_no_number() {
        for (uuid, octets) in [(0x2A6E, [0x00, 0x80]), (0x2A6F, [0xFF, 0xFF])] {
            let meaning = meaning(Uuid::from_u16(uuid), &octets).unwrap();
            assert_eq!((meaning.text.as_str(), meaning.number), ("not known", None));
        }
        assert_eq!(said(0x2A19, &[101]), None, "there is no such battery level");
    }

    #[test]
    fn malformed_values_mean_nothing() {
        for uuid in [
            0x2A01, 0x2A04, 0x2A19, 0x2A37, 0x2A38, 0x2A6D, 0x2A6E, 0x2902,
        ] {
            for octets in [&[][..], &[0xFF; 3], &[0xFF; 9]] {
                if uuid != 0x2A37 {
                    assert_eq!(said(uuid, octets), None, "{uuid:04X} {octets:?}");
                }
            }
        }
        assert_eq!(said(0x2A37, &[0x01, 72]), None);
    }
}

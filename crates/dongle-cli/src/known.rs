//! What the values of well-known characteristics mean (GATT Specification Supplement).

use dongle::Uuid;

use crate::value::Meaning;

/// The meaning of a value, where its characteristic is known here and the value is well-formed.
pub fn meaning(uuid: Uuid, octets: &[u8]) -> Option<Meaning> {
    match uuid.as_u16()? {
        0x2A01 => appearance(octets),
        0x2A04 => preferred_parameters(octets),
        0x2A19 => Some(Meaning::number(f64::from(u8_of(octets)?), Some("%"))),
        0x2A37 => heart_rate(octets),
        0x2A38 => body_location(octets),
        // Pressure, temperature, humidity
        0x2A6D => scaled(
            f64::from(u32::from_le_bytes(octets.try_into().ok()?)),
            10.0,
            "Pa",
        ),
        0x2A6E => scaled(
            f64::from(i16::from_le_bytes(octets.try_into().ok()?)),
            100.0,
            "°C",
        ),
        0x2A6F => scaled(f64::from(u16_of(octets)?), 100.0, "%"),
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

fn scaled(number: f64, divisor: f64, unit: &'static str) -> Option<Meaning> {
    Some(Meaning::number(number / divisor, Some(unit)))
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
    let timeout = u32::from(timeout) * 10;
    Some(Meaning::text(format!(
        "interval {} to {}, latency {latency}, timeout {timeout} ms",
        interval(min),
        interval(max)
    )))
}

/// Heart Rate Service 1.0, 3.1.
fn heart_rate(octets: &[u8]) -> Option<Meaning> {
    let (flags, rest) = octets.split_first()?;
    let rate = match flags & 1 {
        0 => u16::from(*rest.first()?),
        _ => u16::from_le_bytes(*rest.first_chunk()?),
    };
    Some(Meaning::number(f64::from(rate), Some("bpm")))
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

//! Values: octets, and their representations.

use clap::ValueEnum;
use dongle::Uuid;
use serde::Serialize;

use crate::known;

/// How octets are shown and entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// As the characteristic defines it, else as text if it is printable, else in hexadecimal.
    Auto,
    /// Octets, in hexadecimal.
    Hex,
    /// UTF-8.
    Text,
    U8,
    I8,
    /// Numbers of several octets have the least significant first.
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Format {
    /// The octets of a number; `None`: it is not a format of numbers.
    fn size(self) -> Option<usize> {
        match self {
            Self::Auto | Self::Hex | Self::Text => None,
            Self::U8 | Self::I8 => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
        }
    }
}

/// What octets mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Meaning {
    /// For people.
    pub text: String,
    /// For programs: a number's digits, or the text unchanged; `None` if the device itself does
    /// not know the value.
    pub exact: Option<String>,
    /// For plots.
    pub number: Option<f64>,
    pub unit: Option<&'static str>,
}

impl Meaning {
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            exact: Some(text.clone()),
            text,
            number: None,
            unit: None,
        }
    }

    pub fn number(number: f64, unit: Option<&'static str>) -> Self {
        Self::digits(number.to_string(), number, unit)
    }

    /// A number whose digits may be more exact than an `f64`.
    fn digits(digits: String, number: f64, unit: Option<&'static str>) -> Self {
        Self {
            text: match unit {
                Some(unit) => format!("{digits} {unit}"),
                None => digits.clone(),
            },
            exact: Some(digits),
            number: Some(number),
            unit,
        }
    }

    /// What the device could not measure.
    pub fn unknown() -> Self {
        Self {
            text: "not known".into(),
            exact: None,
            number: None,
            unit: None,
        }
    }

    fn json(&self) -> Option<serde_json::Value> {
        let exact = self.exact.as_deref()?;
        Some(match self.number {
            Some(_) => number_json(exact),
            None => exact.into(),
        })
    }
}

/// A value as JSON has it.
#[derive(Debug, Serialize)]
pub struct Json {
    /// The octets.
    hex: String,
    /// The octets as text, if they are printable.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// What they mean, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
}

impl Json {
    pub fn new(format: Format, uuid: Uuid, octets: &[u8]) -> Self {
        let meaning = meaning(format, uuid, octets);
        let value = meaning.as_ref().and_then(Meaning::json);
        let text = text(octets).filter(|_| meaning.is_none() && is_text(uuid, octets));
        Self {
            hex: hex(octets),
            text: text.map(Into::into),
            value,
            unit: meaning.and_then(|m| m.unit),
        }
    }
}

/// 87, not 87.0; null if it is not finite, as JSON has no such numbers.
fn number_json(digits: &str) -> serde_json::Value {
    let whole = digits.parse::<u64>().map(Into::into);
    let whole = whole.or_else(|_| digits.parse::<i64>().map(Into::into));
    whole.unwrap_or_else(|_| {
        digits
            .parse::<f64>()
            .map_or_else(|_| digits.into(), Into::into)
    })
}

/// `01 ff`.
pub fn spaced(octets: &[u8]) -> String {
    let octets: Vec<_> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    octets.join(" ")
}

/// `01ff`.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Octets that are text: not empty, UTF-8, and without control characters. Many devices send a
/// terminating zero along.
pub fn text(octets: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(octets).ok()?;
    let text = text.strip_suffix('\0').unwrap_or(text);
    let printable = |c: char| !c.is_control() || matches!(c, '\n' | '\t' | '\r');
    (!text.is_empty() && text.chars().all(printable)).then_some(text)
}

/// The name of a device, for one line of a terminal: without characters that would control the
/// terminal or reorder the text around it.
pub fn tame(name: &str) -> String {
    name.chars()
        .map(|c| if acts(c) { '\u{FFFD}' } else { c })
        .collect()
}

/// Text with the characters escaped that would control a terminal.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match acts(c) {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped
}

/// Whether a character has an effect instead of a shape: control characters, line separators,
/// direction marks and overrides.
pub fn acts(c: char) -> bool {
    let turns = matches!(
        c,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
    );
    c.is_control() || turns || matches!(c, '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// A single octet is more likely a number than a letter, unless the characteristic is text.
fn is_text(uuid: Uuid, octets: &[u8]) -> bool {
    octets.len() > 1 || known::is_text(uuid)
}

/// What the octets mean, where that is known.
pub fn meaning(format: Format, uuid: Uuid, octets: &[u8]) -> Option<Meaning> {
    macro_rules! number {
        ($type:ty) => {
            octets.try_into().ok().map(|octets| {
                let number = <$type>::from_le_bytes(octets);
                Meaning::digits(number.to_string(), number as f64, None)
            })
        };
    }
    match format {
        Format::Auto => known::meaning(uuid, octets),
        Format::Hex => None,
        Format::Text => {
            let text = String::from_utf8_lossy(octets);
            Some(Meaning {
                text: escaped(&text),
                ..Meaning::text(text)
            })
        }
        Format::U8 => number!(u8),
        Format::I8 => number!(i8),
        Format::U16 => number!(u16),
        Format::I16 => number!(i16),
        Format::U32 => number!(u32),
        Format::I32 => number!(i32),
        Format::U64 => number!(u64),
        Format::I64 => number!(i64),
        Format::F32 => number!(f32),
        Format::F64 => number!(f64),
    }
}

/// One line for people: what it means, or its text, or its octets.
pub fn shown(format: Format, uuid: Uuid, octets: &[u8]) -> String {
    if let Some(meaning) = meaning(format, uuid, octets) {
        return meaning.text;
    }
    if octets.is_empty() {
        return "(empty)".into();
    }
    if let Some(wrong) = misfit(format, octets) {
        return wrong;
    }
    match text(octets) {
        Some(text) if format == Format::Auto && is_text(uuid, octets) => format!("{text:?}"),
        _ => spaced(octets),
    }
}

/// What is wrong where octets do not fit the number format. Printed without a word, their
/// hexadecimal digits would be taken for the number.
pub fn misfit(format: Format, octets: &[u8]) -> Option<String> {
    let needed = format.size()?;
    if octets.len() == needed {
        return None;
    }
    let name = format.to_possible_value();
    let name = name.as_ref().map_or("the format", |name| name.get_name());
    let value = match octets {
        [] => "empty (0 bytes)".to_owned(),
        [_] => format!("1 byte ({})", spaced(octets)),
        _ => format!("{} bytes ({})", octets.len(), spaced(octets)),
    };
    Some(format!("the value is {value}; {name} needs {needed}"))
}

/// A value from the command line.
pub fn parse(format: Format, text: &str) -> Result<Vec<u8>, String> {
    macro_rules! number {
        ($type:ty) => {
            text.trim()
                .parse::<$type>()
                .map(|number| number.to_le_bytes().to_vec())
                .map_err(|error| format!("{text:?} is not {}: {error}", stringify!($type)))
        };
    }
    match format {
        Format::Auto | Format::Hex => parse_hex(text).ok_or_else(|| {
            format!(
                "{text:?} is not hexadecimal; write octets like 01ff, or say what it is: --as text"
            )
        }),
        Format::Text => Ok(text.into()),
        Format::U8 => number!(u8),
        Format::I8 => number!(i8),
        Format::U16 => number!(u16),
        Format::I16 => number!(i16),
        Format::U32 => number!(u32),
        Format::I32 => number!(i32),
        Format::U64 => number!(u64),
        Format::I64 => number!(i64),
        Format::F32 => number!(f32),
        Format::F64 => number!(f64),
    }
}

/// `01ff`, `01 ff`, `01:ff`, `0x01ff`.
pub fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let digits: Vec<_> = digits
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, ':' | '-'))
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| match *pair {
            [high, low] => u8::try_from(high << 4 | low).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_from_the_command_line() {
        for text in ["01ff", "01 FF", "01:ff", "0x01ff", "01-ff"] {
            assert_eq!(parse(Format::Hex, text), Ok(vec![0x01, 0xFF]), "{text}");
        }
        assert_eq!(parse(Format::Hex, ""), Ok(vec![]));
        assert!(parse(Format::Hex, "1").is_err());
        assert!(parse(Format::Hex, "hello").is_err());
        assert_eq!(parse(Format::Text, "hé"), Ok("hé".into()));
        assert_eq!(parse(Format::U16, "258"), Ok(vec![2, 1]));
        assert_eq!(parse(Format::I8, "-1"), Ok(vec![0xFF]));
        assert!(parse(Format::U8, "256").is_err());
    }

    #[test]
    fn values_are_shown_as_what_they_are() {
        let unknown = Uuid::from_u128(1);
        assert_eq!(shown(Format::Auto, unknown, b"Dongle"), "\"Dongle\"");
        assert_eq!(shown(Format::Auto, unknown, &[0x41]), "41");
        assert_eq!(shown(Format::Auto, Uuid::from_u16(0x2A00), b"A\0"), "\"A\"");
        assert_eq!(shown(Format::Auto, unknown, &[]), "(empty)");
        assert_eq!(shown(Format::Auto, unknown, &[0x1B, 0x5B]), "1b 5b");
        assert_eq!(shown(Format::U16, unknown, &[2, 1]), "258");
        assert_eq!(
            shown(Format::U16, unknown, &[2]),
            "the value is 1 byte (02); u16 needs 2"
        );
        assert_eq!(
            shown(Format::I8, unknown, &[2, 0xFE]),
            "the value is 2 bytes (02 fe); i8 needs 1"
        );
        assert_eq!(
            misfit(Format::F64, &[]).as_deref(),
            Some("the value is empty (0 bytes); f64 needs 8")
        );
        for format in Format::value_variants() {
            let fits = |length: usize| misfit(*format, &vec![0; length]).is_none();
            let meant = |length: usize| meaning(*format, unknown, &vec![0; length]).is_some();
            if format.size().is_some() {
                assert!(
                    (0..10).all(|length| fits(length) == meant(length)),
                    "{format:?}"
                );
            }
        }
        assert_eq!(shown(Format::Text, unknown, &[0x1B, 0x5B]), "\\u{1b}[");
    }

    #[test]
    fn numbers_are_told_to_the_last_digit() {
        let unknown = Uuid::from_u128(1);
        let json = |format, octets: &[u8]| {
            serde_json::to_value(Json::new(format, unknown, octets)).unwrap()["value"].clone()
        };
        let most = u64::MAX.to_le_bytes();
        assert_eq!(shown(Format::U64, unknown, &most), "18446744073709551615");
        assert_eq!(json(Format::U64, &most), u64::MAX);
        let least = (i64::MIN + 1).to_le_bytes();
        assert_eq!(shown(Format::I64, unknown, &least), "-9223372036854775807");
        assert_eq!(json(Format::I64, &least), i64::MIN + 1);
        let tenth = 0.1_f32.to_le_bytes();
        assert_eq!(shown(Format::F32, unknown, &tenth), "0.1");
        assert_eq!(json(Format::F32, &tenth), 0.1);
        assert_eq!(json(Format::U8, &[87]), 87);
        let none = f64::NAN.to_le_bytes();
        assert_eq!(shown(Format::F64, unknown, &none), "NaN");
        assert_eq!(json(Format::F64, &none), serde_json::Value::Null);
    }

    #[test]
    fn text_is_escaped_for_a_terminal_and_told_as_it_is() {
        let unknown = Uuid::from_u128(1);
        let octets = b"it's \"a\\b\"\n\x1B[2J";
        assert_eq!(
            shown(Format::Text, unknown, octets),
            r#"it's "a\b"\n\u{1b}[2J"#
        );
        let json = serde_json::to_value(Json::new(Format::Text, unknown, octets)).unwrap();
        assert_eq!(json["value"], "it's \"a\\b\"\n\x1B[2J");
    }

    #[test]
    fn a_name_does_nothing_to_a_terminal() {
        for name in [
            "\x1B[2J",
            "a\rb",
            "\u{9B}31m",
            "\u{202E}evil",
            "\u{2028}",
            "\x7F",
        ] {
            let tamed = tame(name);
            assert!(!tamed.contains(acts), "{tamed:?}");
            assert_eq!(tamed.chars().count(), name.chars().count());
        }
        // Combining marks and joiners are visible.
        for name in ["Cafe\u{301}", "👩\u{200D}🚀", "心臓計"] {
            assert_eq!(tame(name), name);
        }
    }
}

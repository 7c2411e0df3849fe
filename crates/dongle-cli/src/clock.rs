//! Times to print, and times to read from the command line.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `2026-11-22T15:37:11.042Z`: a time as RFC 3339 has it, in UTC.
pub fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let millis = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// `100 ms`, `1.5 s`: a time for people.
pub fn time(duration: Duration) -> String {
    match duration.as_millis() {
        millis @ ..1000 => format!("{millis} ms"),
        millis => format!("{} s", (millis as f64 / 100.0).round() / 10.0),
    }
}

/// Year, month and day of a day since 1970-01-01.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

/// `10`, `10s`, `1.5s`, `500ms`, `2m`: a time on the command line. A bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let explain = || format!("{text:?} is not a time; write it like 10, 1.5s, 500ms or 2m");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(explain()),
    };
    let number: f64 = digits.trim().parse().map_err(|_| explain())?;
    match Duration::try_from_secs_f64(number * unit) {
        Ok(duration) if duration.is_zero() => Err("a time must be greater than zero".into()),
        Ok(duration) => Ok(duration),
        Err(_) if number > 0.0 => Err(format!("{text:?} is too long")),
        Err(_) => Err(explain()),
    }
}

/// `7.5ms` or `15ms-30ms`: a time, or a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval(pub RangeInclusive<Duration>);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let (from, to) = (parse_duration(from)?, parse_duration(to)?);
        // Core Vol 6 Part B, 4.5.1.
        let possible = Duration::from_micros(7500)..=Duration::from_secs(4);
        match from <= to && possible.contains(&from) && possible.contains(&to) {
            true => Ok(Self(from..=to)),
            false => Err("an interval is 7.5ms to 4s; write MIN-MAX".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_calendars_have_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_795_361_831, "2026-11-22T15:37:11.000Z"),
            (4_102_444_800, "2100-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn times_are_told_no_more_exactly_than_they_are_worth() {
        for (micros, text) in [
            (100_500, "100 ms"),
            (1_000_400, "1 s"),
            (1_540_000, "1.5 s"),
            (90_000_000, "90 s"),
        ] {
            assert_eq!(time(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn times_are_read_with_their_units() {
        for (text, millis) in [
            ("10", 10_000),
            ("1.5s", 1500),
            ("500ms", 500),
            ("2m", 120_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in ["", "0", "-1", "s", "1d", "ten", "1e400", "nan"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn intervals_are_one_time_or_two() {
        let millis = |from: u64, to| {
            Ok(Interval(
                Duration::from_micros(from * 1000)..=Duration::from_millis(to),
            ))
        };
        assert_eq!("30ms".parse(), millis(30, 30));
        assert_eq!("15ms-30ms".parse(), millis(15, 30));
        for text in ["", "-", "30ms-", "30ms-15ms", "1ms", "1s-5s"] {
            assert!(text.parse::<Interval>().is_err(), "{text}");
        }
    }
}

//! Checks parameters against their allowed ranges, so that one out of range is an error that names
//! it and is never silently replaced.

use std::ops::RangeInclusive;

use dongle_central::att::Mtu;
use embassy_time::Duration;
use trouble_host::connection::RequestedConnParams;

use crate::error::Error;

/// Returns an error that says `what` is allowed, if the value is not.
pub(crate) fn within<T: PartialOrd>(
    value: T,
    range: RangeInclusive<T>,
    what: &'static str,
) -> Result<(), Error> {
    match range.contains(&value) {
        true => Ok(()),
        false => Err(Error::InvalidParameter(what)),
    }
}

/// An MTU to request from a device.
pub(crate) fn mtu(mtu: u16) -> Result<(), Error> {
    let range = Mtu::DEFAULT.get()..=Mtu::MAX.get();
    within(mtu, range, "the ATT MTU: 23 to 517 octets")
}

/// The shortest key to accept (Core Vol 3 Part H, 2.3.4).
pub(crate) fn min_key_size(octets: u8) -> Result<(), Error> {
    within(octets, 7..=16, "the minimum key size: 7 to 16 octets")
}

/// Connection parameters (Core Vol 4 Part E, 7.8.12).
pub(crate) fn connection_parameters(asked: &RequestedConnParams) -> Result<(), Error> {
    let (shortest, longest) = (asked.min_connection_interval, asked.max_connection_interval);
    for interval in [shortest, longest] {
        let range = Duration::from_micros(7500)..=Duration::from_secs(4);
        within(interval, range, "the connection interval: 7.5 ms to 4 s")?;
    }
    if shortest > longest {
        let what = "the connection interval: from the shortest to the longest";
        return Err(Error::InvalidParameter(what));
    }
    let latency = asked.max_latency;
    within(latency, 0..=499, "the latency: 0 to 499 connection events")?;
    let timeout = asked.supervision_timeout;
    let range = Duration::from_millis(100)..=Duration::from_secs(32);
    within(timeout, range, "the supervision timeout: 100 ms to 32 s")?;
    if timeout <= longest * 2 * (1 + u32::from(latency)) {
        return Err(Error::InvalidParameter(
            "the supervision timeout: more than 2 * (1 + latency) * the longest interval",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_that_is_not_allowed_is_named() {
        let milli = Duration::from_millis;
        for (shortest, longest, latency, timeout, named) in [
            (milli(30), milli(50), 0, milli(5000), None),
            (
                Duration::from_micros(7500),
                milli(4000),
                0,
                milli(8001),
                None,
            ),
            (milli(30), milli(30), 499, milli(32_000), None),
            (
                milli(7),
                milli(50),
                0,
                milli(5000),
                Some("the connection interval: 7.5 ms"),
            ),
            (
                milli(30),
                milli(4001),
                0,
                milli(32_000),
                Some("the connection interval: 7.5 ms"),
            ),
            (
                milli(50),
                milli(30),
                0,
                milli(5000),
                Some("the connection interval: from"),
            ),
            (
                milli(30),
                milli(30),
                500,
                milli(32_000),
                Some("the latency"),
            ),
            (
                milli(30),
                milli(30),
                0,
                milli(99),
                Some("the supervision timeout: 100 ms"),
            ),
            (
                milli(30),
                milli(30),
                0,
                milli(32_001),
                Some("the supervision timeout: 100 ms"),
            ),
            (
                milli(30),
                milli(50),
                1,
                milli(200),
                Some("the supervision timeout: more"),
            ),
        ] {
            let asked = RequestedConnParams {
                min_connection_interval: shortest,
                max_connection_interval: longest,
                max_latency: latency,
                min_event_length: milli(0),
                max_event_length: milli(0),
                supervision_timeout: timeout,
            };
            assert_eq!(asked.is_valid(), named.is_none(), "{asked:?}");
            match (connection_parameters(&asked), named) {
                (Ok(()), None) => {}
                (Err(Error::InvalidParameter(what)), Some(named)) => {
                    assert!(what.starts_with(named), "{what}");
                }
                (other, _) => panic!("{asked:?}: {other:?}"),
            }
        }
    }
}

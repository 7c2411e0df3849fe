//! Watches beacons, and prints when they come and go: `cargo run --example beacon_watch`
//!
//! It only listens: it connects to nothing and sends nothing. Without a dongle, it simulates a dozen
//! beacons.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use dongle::{Address, Advertisement, Dongle};
use dongle_examples::{Arguments, Result};
use dongle_virtual::{Air, AirConfig, BeaconConfig, ControllerConfig};
use futures_lite::future::block_on;

/// The company that defined iBeacons, and the first two octets of its data that say it is one.
const APPLE: u16 = 0x004C;
const IBEACON: [u8; 2] = [0x02, 0x15];
/// A beacon that was not heard for this long is gone.
const GONE: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(block_on(run()))
}

async fn run() -> Result<()> {
    let Arguments { dongle, count } =
        dongle_examples::arguments("Watches beacons; --count: end after so many have come.")?;
    let (dongle, _air) = match dongle.as_str() {
        "virtual" => {
            let air = room();
            (
                Dongle::on(air.controller(ControllerConfig::default())).await?,
                Some(air),
            )
        }
        spec => (Dongle::open(spec).await?, None),
    };
    let mut scan = dongle
        .scan()
        .passive()
        .filter(|found| beacon(found).is_some())
        // Report it every time it is heard, or a beacon that does not change would seem to be gone.
        .every_report()
        .start()?;
    let mut heard: HashMap<Address, Instant> = HashMap::new();
    let mut came = 0;
    while came < count || count == 0 {
        let Some(found) = scan.next().await? else {
            break;
        };
        let Some((uuid, major, minor)) = beacon(&found) else {
            continue;
        };
        if heard.insert(found.address(), Instant::now()).is_none() {
            came += 1;
            let rssi = found.rssi().unwrap_or_default();
            println!(
                "+ {} {uuid:032x} {major}/{minor} {rssi} dBm",
                found.address()
            );
        }
        heard.retain(|address, last| {
            let here = last.elapsed() < GONE;
            if !here {
                println!("- {address}");
            }
            here
        });
    }
    dongle.close().await;
    Ok(())
}

/// UUID, major and minor of an iBeacon; `None` if malformed.
fn beacon(found: &Advertisement) -> Option<(u128, u16, u16)> {
    let data = found
        .manufacturer_data()
        .find(|data| data.company == APPLE)?;
    let rest = data.data.strip_prefix(&IBEACON)?;
    let (uuid, rest) = rest.split_first_chunk()?;
    let (major, rest) = rest.split_first_chunk()?;
    let (minor, _power) = rest.split_first_chunk()?;
    Some((
        u128::from_be_bytes(*uuid),
        u16::from_be_bytes(*major),
        u16::from_be_bytes(*minor),
    ))
}

/// A dozen simulated beacons.
fn room() -> Air {
    let air = Air::with(AirConfig::paced());
    for number in 0..12 {
        let mut data = vec![2, 0x01, 0x06, 26, 0xFF, 0x4C, 0x00, 0x02, 0x15];
        data.extend_from_slice(&0x0D0E_9A1E_0000_4000_8000_0000_0000_0001_u128.to_be_bytes());
        data.extend_from_slice(&[0, 1, 0, number, 0xC5]);
        let address = dongle_virtual::Address::random([number, 0, 0, 0xBE, 0xAC, 0xC0]);
        let rssi = -50 - i8::try_from(number).unwrap_or(0) * 3;
        air.add_beacon(BeaconConfig::new(address, data).with_rssi(rssi));
    }
    air
}

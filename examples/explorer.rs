//! Prints all services, characteristics and descriptors of a device:
//! `cargo run --example explorer [-- --dongle SPEC]`
//!
//! Their names come from Dongle's feature `names`.

use std::process::ExitCode;
use std::time::Duration;

use dongle::{Characteristic, Dongle, Properties, Uuid, names};
use dongle_examples::{Arguments, Result};
use futures_lite::future::block_on;

fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(block_on(run()))
}

async fn run() -> Result<()> {
    let Arguments { dongle, .. } =
        dongle_examples::arguments("Shows all that the nearest device has.")?;
    let dongle = Dongle::open(dongle).await?;

    // All connectable devices, for three seconds; then the one with the strongest signal.
    let mut scan = dongle
        .scan()
        .filter(|found| found.is_connectable())
        .duration(Duration::from_secs(3))
        .start()?;
    let mut nearest = None;
    while let Some(found) = scan.next().await? {
        if nearest
            .as_ref()
            .is_none_or(|best: &dongle::ScanResult| found.rssi() > best.rssi())
        {
            nearest = Some(found);
        }
    }
    let nearest = nearest.ok_or("nothing that can be connected to")?;
    println!("{nearest}");

    let connection = nearest.device().connect().await?;
    connection.exchange_mtu(517).await?;
    let mut services = connection.services();
    // Results arrive one at a time, and other requests may be made in between.
    while let Some(service) = services.next().await? {
        println!("service {} at {}", named(service.uuid()), service.handles());
        for characteristic in service.characteristics().all().await? {
            show(&characteristic).await?;
        }
    }
    println!("{} requests were made", connection.requests());
    connection.disconnect().await;
    dongle.close().await;
    Ok(())
}

/// `0x180D Heart Rate`
fn named(uuid: Uuid) -> String {
    match names::uuid(uuid.to_u128()) {
        Some(name) => format!("{uuid} {name}"),
        None => uuid.to_string(),
    }
}

async fn show(characteristic: &Characteristic) -> Result<()> {
    println!(
        "  characteristic {} ({})",
        named(characteristic.uuid()),
        characteristic.properties()
    );
    if characteristic.properties().contains(Properties::READ) {
        match characteristic.read().await {
            Ok(value) => println!("    = {}", value.escape_ascii()),
            // One value may be protected; the others can still be read.
            Err(error) if !error.is_disconnected() => println!("    ! {error}"),
            Err(error) => return Err(error.into()),
        }
    }
    for descriptor in characteristic.descriptors().all().await? {
        println!("    descriptor {}", named(descriptor.uuid()));
    }
    Ok(())
}

//! Under smol: values as a stream. `cargo run --example with_smol`

use std::process::ExitCode;

use dongle::assigned::{characteristics, services};
use dongle::values::{FromValue as _, HeartRateMeasurement};
use dongle::{Dongle, Notified};
use dongle_examples::{Arguments, Result};
use smol::stream::StreamExt as _;

fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(smol::block_on(run()))
}

async fn run() -> Result<()> {
    let Arguments { dongle, count } = dongle_examples::arguments("A heart rate, under smol.")?;
    let dongle = Dongle::open(dongle).await?;
    let mut scan = dongle.scan().service(services::HEART_RATE).start()?;
    let sensor = scan.try_next().await?.ok_or("the scan ended")?;
    drop(scan);
    let connection = sensor.device().connect().await?;
    let service = connection.service(services::HEART_RATE).await?;
    let measurement = service
        .characteristic(characteristics::HEART_RATE_MEASUREMENT)
        .await?;
    let values = measurement.subscribe().await?;
    let count = if count == 0 {
        usize::MAX
    } else {
        count.try_into()?
    };
    let mut values = values.take(count);
    while let Some(notified) = values.try_next().await? {
        match notified {
            Notified::Value(value) => println!("{}", HeartRateMeasurement::from_value(&value)?),
            Notified::Missed(missed) => println!("{missed} values missed"),
        }
    }
    println!("Disconnected: {}", connection.disconnect().await);
    dongle.close().await;
    Ok(())
}

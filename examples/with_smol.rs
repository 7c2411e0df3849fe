//! Under smol: values as a stream. `cargo run --example with_smol`

use std::process::ExitCode;

use dongle::{Dongle, Notified};
use dongle_examples::{Arguments, HEART_RATE, HEART_RATE_MEASUREMENT, HeartRate, Result};
use smol::stream::StreamExt as _;

fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(smol::block_on(run()))
}

async fn run() -> Result<()> {
    let Arguments { dongle, count } = dongle_examples::arguments("A heart rate, under smol.")?;
    let dongle = Dongle::open(dongle).await?;
    let mut scan = dongle.scan().service(HEART_RATE).start()?;
    let sensor = scan.try_next().await?.ok_or("the scan ended")?;
    drop(scan);
    let connection = sensor.device().connect().await?;
    let service = connection.service(HEART_RATE).await?;
    let measurement = service.characteristic(HEART_RATE_MEASUREMENT).await?;
    let values = measurement.subscribe().await?;
    let mut values = values.take(usize::try_from(count)?);
    while let Some(notified) = values.try_next().await? {
        match notified {
            Notified::Value(value) => println!("{:?}", HeartRate::parse(&value)),
            Notified::Missed(missed) => println!("{missed} values missed"),
        }
    }
    println!("Disconnected: {}", connection.disconnect().await);
    dongle.close().await;
    Ok(())
}

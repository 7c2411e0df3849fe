//! Under tokio: several tasks share one dongle. `cargo run --example with_tokio`

use std::process::ExitCode;
use std::time::Duration;

use dongle::assigned::{characteristics, services};
use dongle::values::HeartRateMeasurement;
use dongle::{DeviceConnection, Dongle, Error, Notified};
use dongle_examples::{Arguments, Result};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(run().await)
}

async fn run() -> Result<()> {
    let Arguments { dongle, count } = dongle_examples::arguments("A heart rate, under tokio.")?;
    let dongle = Dongle::open(dongle).await?;
    let mut scan = dongle.scan().service(services::HEART_RATE).start()?;
    // tokio's own timeout works as well as the builder's: any future may be dropped at any point.
    let sensor = tokio::time::timeout(Duration::from_secs(30), scan.next()).await??;
    let sensor = sensor.ok_or("the scan ended")?;
    drop(scan);
    let connection = sensor.device().connect().await?;

    // Handles go where they are needed; the connection lasts until the last one is dropped.
    let watcher = tokio::spawn(watch(connection.clone(), count));
    println!("received at {} dBm", connection.rssi().await?);
    watcher.await??;
    println!("Disconnected: {}", connection.disconnect().await);
    dongle.close().await;
    Ok(())
}

async fn watch(connection: DeviceConnection, count: u64) -> Result<(), Error> {
    let service = connection.service(services::HEART_RATE).await?;
    let measurement = service
        .characteristic(characteristics::HEART_RATE_MEASUREMENT)
        .await?;
    let mut values = measurement.subscribe().await?;
    let mut shown = 0;
    while count == 0 || shown < count {
        match values.notified_as::<HeartRateMeasurement>().await? {
            Notified::Value(beat) => println!("{beat}"),
            Notified::Missed(missed) => println!("{missed} values missed"),
        }
        shown += 1;
    }
    Ok(())
}

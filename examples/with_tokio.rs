//! Under tokio: several tasks share one dongle. `cargo run --example with_tokio`

use std::process::ExitCode;
use std::time::Duration;

use dongle::Dongle;
use dongle_examples::{Arguments, HEART_RATE, HEART_RATE_MEASUREMENT, HeartRate, Result};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(run().await)
}

async fn run() -> Result<()> {
    let Arguments { dongle, count } = dongle_examples::arguments("A heart rate, under tokio.")?;
    let dongle = Dongle::open(dongle).await?;
    let mut scan = dongle.scan().service(HEART_RATE).start()?;
    // tokio's own timeout does as well as the builder's: any future may be dropped at any point.
    let sensor = tokio::time::timeout(Duration::from_secs(30), scan.next()).await??;
    let sensor = sensor.ok_or("the scan ended")?;
    drop(scan);
    let connection = sensor.device().connect().await?;

    // Handles go where they are needed; the connection lasts until the last one is gone.
    let watcher = connection.clone();
    let values = tokio::spawn(async move {
        let service = watcher.service(HEART_RATE).await?;
        let measurement = service.characteristic(HEART_RATE_MEASUREMENT).await?;
        let mut values = measurement.subscribe().await?;
        for _ in 0..count {
            if let Some(value) = values.notified().await?.value() {
                println!("{:?}", HeartRate::parse(&value));
            }
        }
        Ok::<(), dongle::Error>(())
    });
    println!("received at {} dBm", connection.rssi().await?);
    values.await??;
    println!("Disconnected: {}", connection.disconnect().await);
    dongle.close().await;
    Ok(())
}

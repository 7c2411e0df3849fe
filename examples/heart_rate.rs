//! A live heart rate: `cargo run --example heart_rate [-- --dongle serial:/dev/ttyACM0,1000000]`

use std::process::ExitCode;
use std::time::Duration;

use dongle::assigned::{characteristics, services};
use dongle::values::HeartRateMeasurement;
use dongle::{DeviceConnection, Dongle, Error, Notified};
use dongle_examples::{Arguments, Result};
use futures_lite::future::{block_on, or};

fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(block_on(run()))
}

async fn run() -> Result<()> {
    let Arguments { dongle, count } =
        dongle_examples::arguments("Shows the heart rate of the first sensor in reach.")?;
    let stop = dongle_examples::ctrl_c()?;
    let dongle = Dongle::open(dongle).await?;
    let result = or(watch(&dongle, count), async {
        stop.await;
        println!("\nInterrupted.");
        Ok(())
    })
    .await;
    // Whatever happened, no device is left connected.
    dongle.close().await;
    result
}

async fn watch(dongle: &Dongle, count: u64) -> Result<()> {
    println!(
        "Looking for a heart-rate sensor through {} …",
        dongle.name()
    );
    let patience = Duration::from_secs(30);
    let mut scan = dongle
        .scan()
        .service(services::HEART_RATE)
        .duration(patience)
        .start()?;
    let sensor = scan
        .next()
        .await?
        .ok_or("no heart-rate sensor within 30 s; is it worn and awake?")?;
    drop(scan);
    let name = sensor.name().unwrap_or_else(|| "unnamed".into());
    let rssi = sensor
        .rssi()
        .map_or("unknown strength".into(), |rssi| format!("{rssi} dBm"));
    // Quoted, since a name may contain anything, including terminal control sequences.
    println!("Found      {name:?}, {}, {rssi}", sensor.address());

    let connection = sensor.device().connect().await?;
    let mtu = connection.exchange_mtu(247).await?;
    let interval = connection.interval().unwrap_or_default();
    println!(
        "Connected  every {} ms, MTU {mtu}",
        interval.as_secs_f32() * 1000.0
    );
    println!();
    show(&connection, count).await?;
    println!();
    println!("Disconnected: {}", connection.disconnect().await);
    Ok(())
}

async fn show(connection: &DeviceConnection, count: u64) -> Result<()> {
    let measurement = connection
        .characteristic(
            services::HEART_RATE,
            characteristics::HEART_RATE_MEASUREMENT,
        )
        .await?;
    let mut values = measurement.subscribe().await?;
    let mut shown = 0;
    while count == 0 || shown < count {
        match values.notified_as::<HeartRateMeasurement>().await {
            Ok(Notified::Value(beat)) => println!("{}", line(&beat)),
            Ok(Notified::Missed(missed)) => println!("   ({missed} values missed)"),
            // One malformed value is no reason to stop.
            Err(Error::InvalidValue(error)) => println!("   {error}"),
            Err(error) => return Err(error.into()),
        }
        shown += 1;
    }
    Ok(())
}

/// `♥  72 bpm  ━━━━━━━━━━━━━━━━━━          833 ms`
fn line(beat: &HeartRateMeasurement) -> String {
    let length = usize::from(beat.bpm.saturating_sub(30) / 4).min(40);
    let mut line = format!("♥ {:3} bpm  {:<40}", beat.bpm, "━".repeat(length));
    for rr in &beat.rr_intervals {
        line += &format!(" {} ms", rr.as_millis());
    }
    if beat.contact == Some(false) {
        line += "  (no skin contact)";
    }
    line
}

//! Reconnects to a device whenever it is lost: `cargo run --example reconnect`
//!
//! Without a dongle, it simulates a sensor that goes out of range every few seconds.

use std::process::ExitCode;
use std::time::Duration;

use dongle::assigned::{characteristics, services};
use dongle::values::HeartRateMeasurement;
use dongle::{DeviceConnection, Dongle, Error, Notified};
use dongle_examples::{Arguments, Result};
use dongle_virtual::{Air, AirConfig, ControllerConfig, HeartRateConfig, HeartRateSensor};
use futures_lite::future::{block_on, or};

fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(block_on(run()))
}

async fn run() -> Result<()> {
    let Arguments { dongle, count } =
        dongle_examples::arguments("Follows a heart-rate sensor, however often it is lost.")?;
    let stop = dongle_examples::ctrl_c()?;
    let (dongle, _room) = match dongle.as_str() {
        "virtual" => {
            let room = Room::new();
            (
                Dongle::on(room.air.controller(ControllerConfig::default())).await?,
                Some(room),
            )
        }
        spec => (Dongle::open(spec).await?, None),
    };
    let result = or(follow(&dongle, count), async {
        stop.await;
        Ok(())
    })
    .await;
    dongle.close().await;
    result
}

async fn follow(dongle: &Dongle, count: u64) -> Result<()> {
    let mut scan = dongle.scan().service(services::HEART_RATE).start()?;
    let sensor = scan.next().await?.ok_or("the scan ended")?.device();
    drop(scan);

    let mut shown = 0;
    // Each `next` connects, trying as often as necessary, with pauses after failures. It only fails if
    // the dongle is lost.
    let mut connections = sensor.stay_connected();
    loop {
        let connection = connections.next().await?;
        println!("{sensor} is there");
        match values(&connection, &mut shown, count).await {
            Ok(()) => return Ok(()),
            Err(error) => println!("{sensor} is lost: {error}"),
        }
    }
}

/// Everything to be done on each new connection.
async fn values(connection: &DeviceConnection, shown: &mut u64, count: u64) -> Result<(), Error> {
    let service = connection.service(services::HEART_RATE).await?;
    let measurement = service
        .characteristic(characteristics::HEART_RATE_MEASUREMENT)
        .await?;
    let mut values = measurement.subscribe().await?;
    while *shown < count || count == 0 {
        match values.notified_as::<HeartRateMeasurement>().await {
            Ok(Notified::Value(beat)) => {
                *shown += 1;
                println!("  {beat}");
            }
            Ok(Notified::Missed(missed)) => println!("  {missed} values missed"),
            // One malformed value is no reason to disconnect.
            Err(Error::InvalidValue(error)) => println!("  {error}"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A simulated sensor that comes and goes.
struct Room {
    air: Air,
}

impl Room {
    fn new() -> Self {
        let air = Air::with(AirConfig::paced());
        let config = HeartRateConfig::default().with_interval(Duration::from_millis(400));
        let sensor = HeartRateSensor::start(&air, config);
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_secs(2));
                sensor.controller().drop_links();
            }
        });
        Self { air }
    }
}

//! Under embassy's executor, on a desktop and with the facade: `cargo run --example with_embassy`
//!
//! A microcontroller has no thread for the facade to run on, and uses `dongle-central` by itself: see
//! `firmware_shaped`.

use dongle::assigned::{characteristics, services};
use dongle::values::HeartRateMeasurement;
use dongle::{DeviceConnection, Dongle, Error, Notified};
use dongle_examples::{Arguments, Result};
use embassy_executor::Spawner;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use embassy_time::{Duration, Timer, with_timeout};

/// From the task that receives values to the one that prints them.
static BEATS: Channel<CriticalSectionRawMutex, Result<HeartRateMeasurement, Error>, 4> =
    Channel::new();

/// The executor never returns, so the program exits.
#[embassy_executor::main]
async fn main(spawner: Spawner) {
    env_logger::init();
    let result = run(spawner).await;
    std::process::exit(match &result {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("error: {error}");
            1
        }
    });
}

async fn run(spawner: Spawner) -> Result<()> {
    let Arguments { dongle, count } = dongle_examples::arguments("A heart rate, under embassy.")?;
    let dongle = Dongle::open(dongle).await?;
    let mut scan = dongle.scan().service(services::HEART_RATE).start()?;
    // Any future may be dropped at any point.
    let sensor = with_timeout(Duration::from_secs(30), scan.next()).await;
    let sensor = sensor.map_err(|_| "no sensor within 30 s")??;
    let connection = sensor.ok_or("the scan ended")?.device().connect().await?;
    drop(scan);

    spawner.spawn(listen(connection.clone())?);
    spawner.spawn(blink()?);
    let mut shown = 0;
    while count == 0 || shown < count {
        println!("{}", BEATS.receive().await?);
        shown += 1;
    }
    println!("Disconnected: {}", connection.disconnect().await);
    dongle.close().await;
    Ok(())
}

/// Forwards what the sensor measures, until it is gone.
#[embassy_executor::task]
async fn listen(connection: DeviceConnection) {
    let error = match values(&connection).await {
        Ok(never) => match never {},
        Err(error) => error,
    };
    BEATS.send(Err(error)).await;
}

async fn values(connection: &DeviceConnection) -> Result<std::convert::Infallible, Error> {
    let measurement = connection
        .characteristic(
            services::HEART_RATE,
            characteristics::HEART_RATE_MEASUREMENT,
        )
        .await?;
    let mut values = measurement.subscribe().await?;
    loop {
        match values.notified_as().await? {
            Notified::Value(beat) => BEATS.send(Ok(beat)).await,
            Notified::Missed(missed) => println!("{missed} values missed"),
        }
    }
}

/// Something else that the executor has to do.
#[embassy_executor::task]
async fn blink() {
    loop {
        println!("*");
        Timer::after_millis(500).await;
    }
}

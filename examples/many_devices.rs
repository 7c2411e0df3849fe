//! Several sensors at once, and their values in one stream: `cargo run --example many_devices`
//!
//! Without a dongle, it simulates six sensors.

use std::collections::HashSet;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use dongle::assigned::{characteristics, services};
use dongle::values::HeartRateMeasurement;
use dongle::{Address, Device, Dongle, Error, Notified};
use dongle_examples::{Arguments, Result};
use dongle_virtual::{Air, AirConfig, ControllerConfig, HeartRateConfig, HeartRateSensor};
use futures_channel::mpsc::{UnboundedSender, unbounded};
use futures_lite::{StreamExt as _, future};

/// How many sensors to look for, and for how long.
const SENSORS: usize = 6;
const LOOK: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(future::block_on(run()))
}

async fn run() -> Result<()> {
    let Arguments { dongle, count } =
        dongle_examples::arguments("Shows the values of all heart-rate sensors in reach.")?;
    let mut stop = pin!(dongle_examples::ctrl_c()?);
    let (dongle, _room) = match dongle.as_str() {
        "virtual" => {
            let (air, sensors) = room();
            let controller = air.controller(ControllerConfig::default());
            (Dongle::on(controller).await?, Some((air, sensors)))
        }
        spec => (Dongle::open(spec).await?, None),
    };

    let mut found = HashSet::new();
    let mut scan = dongle
        .scan()
        .service(services::HEART_RATE)
        .once()
        .duration(LOOK)
        .start()?;
    let (values, mut arriving) = unbounded();
    let mut threads = Vec::new();
    while found.len() < SENSORS {
        let Some(sensor) = scan.next().await? else {
            break;
        };
        if found.insert(sensor.address()) {
            // Handles may be sent to any thread or task. Connecting while the scan runs is fine: the
            // dongle shares the radio between them.
            let (device, values) = (sensor.device(), values.clone());
            threads.push(std::thread::spawn(move || {
                let address = device.address();
                if let Err(error) = future::block_on(watch(&device, &values)) {
                    println!("{address}  {error}");
                }
            }));
        }
    }
    drop((scan, values));
    println!("{} sensors", found.len());

    let mut shown = 0;
    while let Some((address, beat)) = future::or(arriving.next(), async {
        stop.as_mut().await;
        None
    })
    .await
    {
        println!("{address}  ♥ {beat}");
        shown += 1;
        if shown == count {
            break;
        }
    }
    // Every connection ends in order; the threads notice.
    dongle.close().await;
    for thread in threads {
        thread.join().map_err(|_| "a thread panicked")?;
    }
    Ok(())
}

async fn watch(
    device: &Device,
    values: &UnboundedSender<(Address, HeartRateMeasurement)>,
) -> Result<()> {
    let connection = device.connect().await?;
    let service = connection.service(services::HEART_RATE).await?;
    let measurement = service
        .characteristic(characteristics::HEART_RATE_MEASUREMENT)
        .await?;
    let mut beats = measurement.subscribe().await?;
    loop {
        match beats.notified_as().await {
            Ok(Notified::Value(beat)) => {
                if values.unbounded_send((device.address(), beat)).is_err() {
                    return Ok(());
                }
            }
            Ok(Notified::Missed(count)) => println!("{device}  {count} values missed"),
            // One malformed value is no reason to disconnect.
            Err(Error::InvalidValue(error)) => println!("{device}  {error}"),
            // This is how it ends when the dongle is closed.
            Err(error) if error.is_disconnected() => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Simulated sensors.
fn room() -> (Air, Vec<HeartRateSensor>) {
    let air = Air::with(AirConfig::paced());
    let sensors = (1..=SENSORS as u8).map(|number| {
        let address = dongle_virtual::Address::random([number, 0x52, 0x48, 0x0D, 0x18, 0xD0]);
        let config = HeartRateConfig::named(format!("Heart {number}")).with_address(address);
        HeartRateSensor::start(&air, config)
    });
    let sensors = sensors.collect();
    (air, sensors)
}

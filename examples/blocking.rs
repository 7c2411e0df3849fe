//! Without async: every call blocks. `cargo run --example blocking`

use std::future::IntoFuture as _;
use std::process::ExitCode;

use dongle::Dongle;
use dongle_examples::{Arguments, HEART_RATE, HEART_RATE_MEASUREMENT, HeartRate, Result};
use futures_lite::future::block_on;

fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(run())
}

fn run() -> Result<()> {
    let Arguments { dongle, count } = dongle_examples::arguments("A heart rate, without async.")?;
    let dongle = block_on(Dongle::open(dongle).into_future())?;
    let mut scan = dongle.scan().service(HEART_RATE).start()?;
    let sensor = block_on(scan.next())?.ok_or("the scan ended")?;
    drop(scan);
    let connection = block_on(sensor.device().connect().into_future())?;
    let service = block_on(connection.service(HEART_RATE).into_future())?;
    let measurement = block_on(service.characteristic(HEART_RATE_MEASUREMENT).into_future())?;
    let mut values = block_on(measurement.subscribe().into_future())?;
    for _ in 0..count {
        if let Some(value) = block_on(values.notified().into_future())?.value() {
            println!("{:?}", HeartRate::parse(&value));
        }
    }
    println!("Disconnected: {}", block_on(connection.disconnect()));
    block_on(dongle.close());
    Ok(())
}

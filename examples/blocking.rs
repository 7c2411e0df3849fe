//! Without async: every call blocks. `cargo run --example blocking`
//!
//! It uses `.wait()` where an async program uses `.await`. The thread is parked meanwhile.

use std::process::ExitCode;

use dongle::assigned::{characteristics, services};
use dongle::values::HeartRateMeasurement;
use dongle::{Dongle, Notified, Wait as _};
use dongle_examples::{Arguments, Result};

fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(run())
}

fn run() -> Result<()> {
    let Arguments { dongle, count } = dongle_examples::arguments("A heart rate, without async.")?;
    let dongle = Dongle::open(dongle).wait()?;
    let mut scan = dongle.scan().service(services::HEART_RATE).start()?;
    let sensor = scan.next().wait()?.ok_or("the scan ended")?;
    drop(scan);
    let connection = sensor.device().connect().wait()?;
    let service = connection.service(services::HEART_RATE).wait()?;
    let measurement = service
        .characteristic(characteristics::HEART_RATE_MEASUREMENT)
        .wait()?;
    let mut values = measurement.subscribe().wait()?;
    let mut shown = 0;
    while count == 0 || shown < count {
        match values.notified_as::<HeartRateMeasurement>().wait()? {
            Notified::Value(beat) => println!("{beat}"),
            Notified::Missed(missed) => println!("{missed} values missed"),
        }
        shown += 1;
    }
    println!("Disconnected: {}", connection.disconnect().wait());
    dongle.close().wait();
    Ok(())
}

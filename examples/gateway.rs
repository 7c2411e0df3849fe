//! The program at the end of docs/guide.md: a gateway from heart-rate sensors to lines of text.
//! `cargo run --example gateway [-- --dongle SPEC]`
//!
//! It finds every sensor, follows each on a thread of its own, reconnects to those that are lost, and
//! shuts down cleanly on Ctrl-C.

use std::process::ExitCode;

use dongle::assigned::{characteristics, services};
use dongle::values::HeartRateMeasurement;
use dongle::{Device, Dongle, Error, Notified};
use dongle_examples::{Arguments, Result};
use futures_lite::future::{block_on, or};

fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(block_on(run()))
}

async fn run() -> Result<()> {
    let Arguments { dongle, count } =
        dongle_examples::arguments("A line for each value of each heart-rate sensor in reach.")?;
    let stop = dongle_examples::ctrl_c()?;
    let dongle = Dongle::open(dongle).await?;
    let result = or(gateway(&dongle, count), async {
        stop.await;
        Ok(())
    })
    .await;
    dongle.close().await;
    result.map_err(Into::into)
}

async fn gateway(dongle: &Dongle, count: u64) -> Result<(), Error> {
    let (done, mut all_done) = futures_channel::mpsc::unbounded::<()>();
    let mut scan = dongle.scan().service(services::HEART_RATE).once().start()?;
    let find = async {
        while let Some(found) = scan.next().await? {
            let (sensor, done) = (found.device(), done.clone());
            println!("{sensor} found");
            std::thread::spawn(move || {
                match block_on(follow(&sensor, count)) {
                    Ok(()) => println!("{sensor} has sent enough"),
                    Err(error) => println!("{sensor} was given up: {error}"),
                }
                let _ = done.unbounded_send(());
            });
        }
        Ok(())
    };
    // With a count, the first sensor that has sent that many values ends it.
    or(find, async {
        futures_lite::StreamExt::next(&mut all_done).await;
        Ok(())
    })
    .await
}

async fn follow(sensor: &Device, count: u64) -> Result<(), Error> {
    let mut connections = sensor.stay_connected();
    let mut shown = 0;
    loop {
        let connection = connections.next().await?;
        let lost = async {
            let service = connection.service(services::HEART_RATE).await?;
            let measurement = service
                .characteristic(characteristics::HEART_RATE_MEASUREMENT)
                .await?;
            let mut values = measurement.subscribe().await?;
            loop {
                match values.notified_as::<HeartRateMeasurement>().await {
                    Ok(Notified::Value(beat)) => {
                        println!("{sensor} {beat}");
                        shown += 1;
                    }
                    Ok(Notified::Missed(missed)) => println!("{sensor} missed {missed}"),
                    // One malformed value is no reason to disconnect.
                    Err(Error::InvalidValue(error)) => println!("{sensor}: {error}"),
                    Err(error) => return Err(error),
                }
                if shown == count {
                    return Ok::<(), Error>(());
                }
            }
        };
        match lost.await {
            Ok(()) => return Ok(()),
            Err(error) => println!("{sensor} was lost: {error}"),
        }
    }
}

//! The firmware's counterpart on the computer: a simulated controller on a TCP port, and heart-rate
//! sensors in its air that go out of range once.
//!
//! `air PORT SENSORS`; it ends when its standard input does.

use std::io::{self, Read};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dongle_virtual::serve::serve_tcp;
use dongle_virtual::{Address, Air, AirConfig, ControllerConfig, HeartRateConfig, HeartRateSensor};

/// How long the first link to each sensor lasts. Pairing takes seconds in QEMU on a busy machine.
const FIRST_LINK: Duration = Duration::from_secs(6);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("air PORT SENSORS")?.parse()?;
    let sensors: u8 = arguments.next().ok_or("air PORT SENSORS")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let air = Air::with(AirConfig::paced());
    let sensors: Vec<_> = (0..sensors).map(|number| sensor(&air, number)).collect();
    let server = serve_tcp(listener, &air, ControllerConfig::default())?;
    println!("ready {}", server.local_addr().port());

    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        for sensor in &sensors {
            scope.spawn(|| drop_once(sensor, &ended));
        }
        let result = io::stdin().read_to_end(&mut Vec::new());
        ended.store(true, Ordering::Relaxed);
        result
    })?;
    println!("violations {}", air.violations());
    Ok(())
}

fn sensor(air: &Air, number: u8) -> HeartRateSensor {
    let config = HeartRateConfig::named(format!("Heart {number}"))
        .with_address(Address::random([number, 0x52, 0x48, 0x0D, 0x18, 0xD0]))
        .with_interval(Duration::from_millis(100));
    HeartRateSensor::start(air, config)
}

/// Waits for a link to the sensor and drops it.
fn drop_once(sensor: &HeartRateSensor, ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(50));
        if !sensor.controller().links().is_empty() {
            thread::sleep(FIRST_LINK);
            sensor.controller().drop_links();
            return;
        }
    }
}

//! A simulated dongle for any other host stack: `cargo run --example virtual_dongle -- tcp:9544`
//!
//! A host that speaks HCI (H4) to the port, or to the pseudo-terminal, gets a controller, with a
//! heart-rate sensor in range.

use std::net::TcpListener;
use std::process::ExitCode;

use dongle_examples::Result;
use dongle_virtual::serve::serve_tcp;
use dongle_virtual::{Air, AirConfig, ControllerConfig, HeartRateConfig, HeartRateSensor};
use futures_lite::future::block_on;

const USAGE: &str = "usage: virtual_dongle tcp:PORT | pty:PATH

  tcp:9544          each client on 127.0.0.1:9544 gets a controller of its own
  tcp:0             the same on a free port, which is printed
  pty:/tmp/dongle   a pseudo-terminal, by this name, as a serial port would be

Press Ctrl-C to end it.";

fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(run())
}

fn run() -> Result<()> {
    let argument = std::env::args().nth(1).ok_or(USAGE)?;
    let stop = dongle_examples::ctrl_c()?;
    let air = Air::with(AirConfig::paced());
    let sensor = HeartRateSensor::start(&air, HeartRateConfig::default());
    let controller = ControllerConfig::default();
    match argument.split_once(':') {
        Some(("tcp", port)) => {
            let port: u16 = port
                .parse()
                .map_err(|_| format!("{port:?} is not a port\n{USAGE}"))?;
            let listener = TcpListener::bind(("127.0.0.1", port)).map_err(|e| {
                format!("port {port} can't be listened on: {e}; try another, or tcp:0")
            })?;
            let server = serve_tcp(listener, &air, controller)?;
            announce(&format!("tcp-client:{}", server.local_addr()), &sensor);
            block_on(stop);
        }
        #[cfg(unix)]
        Some(("pty", path)) => {
            let server = dongle_virtual::serve::serve_pty(path, &air, controller)
                .map_err(|e| format!("{path} can't be made: {e}"))?;
            announce(&format!("serial:{}", server.path().display()), &sensor);
            block_on(stop);
        }
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

fn announce(spec: &str, sensor: &HeartRateSensor) {
    println!("A simulated dongle is at {spec}");
    println!(
        "with a heart-rate sensor at {} in its air.",
        sensor.address()
    );
    println!("Try:  cargo run --example heart_rate -- --dongle {spec}");
}

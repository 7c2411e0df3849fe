//! `dongle serve`: a simulated controller, served to another program.

use std::io;
use std::net::TcpListener;

use dongle_virtual::{
    Address, Air, AirConfig, BeaconConfig, ControllerConfig, HeartRateConfig, HeartRateSensor,
    Lock, LockConfig, LockPairing, Meter, serve,
};

use crate::args::{LockKind, Serve};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Interrupt;
use crate::value::hex;

pub async fn run(interrupt: &Interrupt, args: &Serve) -> Result<(), Failure> {
    let out = Output::new(false);
    let air = Air::with(air(args));
    let controller = match args.zephyr {
        true => ControllerConfig::zephyr_uart(),
        false if args.bench => roomy(),
        false => ControllerConfig::default(),
    };
    let sensors: Vec<_> = (0..args.sensors).map(|n| sensor(&air, args, n)).collect();
    let lock = args.lock.map(|kind| lock(&air, kind));
    let meter = args.bench.then(|| Meter::start(&air, controller.clone()));
    air.add_beacons((0..args.beacons).map(beacon));

    // Serving ends when this is dropped.
    let _server: Box<dyn Send>;
    let spec;
    match place(&args.place)? {
        Place::Tcp(address) => {
            let what = args.place.as_str();
            let listener = TcpListener::bind(address).map_err(|error| taken(what, error))?;
            let server = serve::serve_tcp(listener, &air, controller).map_err(Failure::io(what))?;
            spec = format!("tcp-client:{}", server.local_addr());
            _server = Box::new(server);
        }
        Place::Pty(path) => {
            (spec, _server) = pty(path, &air, controller)?;
        }
    }
    out.line(format!("Serving {spec}"))?;
    for sensor in &sensors {
        out.line(format!(
            "  a heart-rate sensor at {}",
            shown(sensor.address())
        ))?;
    }
    if let Some((lock, how)) = &lock {
        out.line(format!("  a lock at {}, {how}", shown(lock.address())))?;
        if let Some(tag) = lock.tag() {
            out.line(hex(&tag))?;
        }
    }
    if let Some(meter) = &meter {
        out.line(format!("  a meter at {}", shown(meter.address())))?;
    }
    if args.beacons > 0 {
        out.line(format!("  {} beacons", args.beacons))?;
    }
    if out.terminal {
        out.line(
            out.style
                .dim(format!("Try: dongle scan --dongle {spec}. Ctrl-C ends it.")),
        )?;
    }
    interrupt.pressed().await;
    Ok(())
}

enum Place<'a> {
    Tcp(&'a str),
    Pty(&'a str),
}

fn place(text: &str) -> Result<Place<'_>, Failure> {
    match text.split_once(':') {
        Some(("tcp-server", address)) if is_address(address) => Ok(Place::Tcp(address)),
        Some(("pty", path)) if !path.is_empty() => Ok(Place::Pty(path)),
        _ => Err(Failure::Usage(format!(
            "{text:?} is not a place to serve at; write tcp-server:HOST:PORT or pty:PATH"
        ))),
    }
}

/// `HOST:PORT`.
fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once(':');
    parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// Why a port can't be served at, and what helps.
fn taken(place: &str, error: io::Error) -> Failure {
    let cure = match error.kind() {
        io::ErrorKind::AddrInUse => "; choose another port, or 0 for any that is free",
        io::ErrorKind::PermissionDenied => "; choose a port of 1024 or above",
        io::ErrorKind::AddrNotAvailable => "; 127.0.0.1 is this machine, 0.0.0.0 all its addresses",
        _ => "",
    };
    refused(place, cure, &error)
}

fn refused(place: &str, cure: &str, error: &io::Error) -> Failure {
    let error = io::Error::new(error.kind(), format!("{error}{cure}"));
    Failure::Io(format!("can't serve at {place}"), error)
}

#[cfg(unix)]
fn pty(
    path: &str,
    air: &Air,
    controller: ControllerConfig,
) -> Result<(String, Box<dyn Send>), Failure> {
    let server = serve::serve_pty(path, air, controller).map_err(|error| {
        let cure = match error.kind() {
            io::ErrorKind::AlreadyExists => "; name a path that does not exist yet",
            io::ErrorKind::NotFound => "; name a path in a folder that exists",
            _ => "",
        };
        refused(&format!("pty:{path}"), cure, &error)
    })?;
    Ok((format!("serial:{path}"), Box::new(server)))
}

#[cfg(not(unix))]
fn pty(_: &str, _: &Air, _: ControllerConfig) -> Result<(String, Box<dyn Send>), Failure> {
    Err(Failure::Unsupported(
        "there are no pseudo-terminals here; serve at tcp-server:".into(),
    ))
}

fn air(args: &Serve) -> AirConfig {
    let mut config = match args.fast || args.bench {
        true => AirConfig::free_running(),
        false => AirConfig::paced(),
    };
    if args.bench {
        config.queue_bytes = 64 * 1024;
    }
    config
}

/// A controller whose buffers do not limit the speed: 64 packets are as many as the host lets one
/// connection use.
fn roomy() -> ControllerConfig {
    let mut config = ControllerConfig::default().with_acl(64, 251);
    config.receive_buffers = 64;
    config
}

fn sensor(air: &Air, args: &Serve, number: u16) -> HeartRateSensor {
    let mut config = HeartRateConfig::default().with_interval(args.interval);
    if number > 0 {
        config.name = format!("{} {}", config.name, number + 1);
        let mut bytes = config.address.bytes;
        bytes[0] = bytes[0].wrapping_add(number as u8);
        config.address = Address::random(bytes);
        let rssi = -50 - i8::try_from(number % 50).unwrap_or(0);
        config.controller = config.controller.with_rssi(rssi);
    }
    HeartRateSensor::start(air, config)
}

/// A lock, and how it pairs.
fn lock(air: &Air, kind: LockKind) -> (Lock, &'static str) {
    let (pairing, how) = match kind {
        LockKind::Passkey => (LockPairing::Passkey(123_456), "with passkey 123456"),
        LockKind::Compare => (LockPairing::Compare, "which compares numbers"),
        LockKind::JustWorks => (LockPairing::JustWorks, "which anyone can pair with"),
        LockKind::Oob => (LockPairing::OutOfBand, "with this on its tag:"),
    };
    (
        Lock::start(air, LockConfig::default().with_pairing(pairing)),
        how,
    )
}

/// A beacon as Apple defined them: its number is its minor.
fn beacon(number: u16) -> BeaconConfig {
    let [high, low] = number.to_be_bytes();
    let mut data = vec![2, 0x01, 0x06, 26, 0xFF, 0x4C, 0x00, 0x02, 0x15];
    data.extend_from_slice(&0xD046_170E_0012_3456_789A_BCDE_F012_3456_u128.to_be_bytes());
    data.extend_from_slice(&[0, 1, high, low, 0xC5]);
    let rssi = -60 - i8::try_from(number % 40).unwrap_or(0);
    BeaconConfig::new(Address::random([low, high, 0xBE, 0xAC, 0x00, 0xC0]), data).with_rssi(rssi)
}

fn shown(address: Address) -> String {
    let mut bytes = address.bytes;
    bytes.reverse();
    let octets: Vec<_> = bytes.iter().map(|octet| format!("{octet:02X}")).collect();
    octets.join(":")
}

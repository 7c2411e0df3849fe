//! What the examples share: their command line, Ctrl-C, and the heart-rate format.

use std::process::ExitCode;

use futures_channel::oneshot;

/// The errors of an example.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// The UUID of the Heart Rate service, and of the characteristic with its values.
pub const HEART_RATE: dongle::Uuid = dongle::Uuid::from_u16(0x180D);
/// See [`HEART_RATE`].
pub const HEART_RATE_MEASUREMENT: dongle::Uuid = dongle::Uuid::from_u16(0x2A37);

/// What an example is told on its command line.
#[derive(Debug)]
pub struct Arguments {
    /// Which dongle.
    pub dongle: String,
    /// How many values; 0: without end.
    pub count: u64,
}

/// Reads `--dongle SPEC` (or `DONGLE` in the environment) and `--count N`.
pub fn arguments(usage: &str) -> Result<Arguments> {
    use lexopt::prelude::{Long, Short, ValueExt as _};
    let dongle = std::env::var("DONGLE").unwrap_or_else(|_| "virtual".into());
    let mut arguments = Arguments { dongle, count: 10 };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("dongle") | Short('d') => arguments.dongle = parser.value()?.string()?,
            Long("count") | Short('n') => arguments.count = parser.value()?.parse()?,
            Long("help") | Short('h') => {
                println!("{usage}");
                println!();
                println!("  -d, --dongle SPEC  which dongle: virtual (the default),");
                println!("                     serial:/dev/ttyACM0,1000000[,rtscts],");
                println!("                     tcp-client:host:port, unix-client:path;");
                println!("                     the variable DONGLE does the same");
                println!("  -n, --count N      end after N values (10); 0: go on for ever");
                println!("The variable RUST_LOG=debug shows what happens below.");
                std::process::exit(0);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(arguments)
}

/// Ends with one line on standard error, and with an exit code that is not zero, on an error.
pub fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Ready at the first Ctrl-C. The second one ends the program at once.
pub fn ctrl_c() -> Result<impl Future<Output = ()>> {
    let (pressed, wait) = oneshot::channel();
    let mut pressed = Some(pressed);
    ctrlc::set_handler(move || match pressed.take() {
        Some(pressed) => _ = pressed.send(()),
        None => std::process::exit(130),
    })?;
    Ok(async { _ = wait.await })
}

/// A heart-rate measurement (Heart Rate Service 1.0, 3.1).
#[derive(Debug, Clone, PartialEq)]
pub struct HeartRate {
    /// Beats per minute.
    pub bpm: u16,
    /// Whether the sensor touches skin, where it knows.
    pub contact: Option<bool>,
    /// Times between beats in milliseconds.
    pub rr_intervals: Vec<f32>,
}

impl HeartRate {
    /// Reads a value; None: it is too short to be one.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (&flags, mut rest) = value.split_first()?;
        let bpm = if flags & 0x01 == 0 {
            let (&bpm, tail) = rest.split_first()?;
            rest = tail;
            u16::from(bpm)
        } else {
            let (bpm, tail) = rest.split_first_chunk()?;
            rest = tail;
            u16::from_le_bytes(*bpm)
        };
        if flags & 0x08 != 0 {
            // Energy expended.
            rest = rest.get(2..)?;
        }
        let rr_intervals = match flags & 0x10 {
            0 => Vec::new(),
            _ => rest
                .chunks_exact(2)
                .filter_map(|rr| rr.first_chunk())
                .map(|rr| f32::from(u16::from_le_bytes(*rr)) * 1000.0 / 1024.0)
                .collect(),
        };
        let contact = (flags & 0x04 != 0).then_some(flags & 0x02 != 0);
        Some(Self {
            bpm,
            contact,
            rr_intervals,
        })
    }
}

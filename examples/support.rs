//! What the examples share: their command line, Ctrl-C, and how they end.

use std::process::ExitCode;

use futures_channel::oneshot;

/// The errors of an example.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

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

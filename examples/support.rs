//! What the examples share: their command line, Ctrl-C, and how they end.

use std::process::ExitCode;
use std::sync::{Mutex, OnceLock, PoisonError};

use futures_channel::oneshot;

/// The errors of an example.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// The arguments of an example.
#[derive(Debug)]
pub struct Arguments {
    /// Which dongle.
    pub dongle: String,
    /// How many values; 0 for no limit.
    pub count: u64,
}

/// Reads `--dongle SPEC` (or `DONGLE` in the environment) and `--count N`.
pub fn arguments(usage: &str) -> Result<Arguments> {
    end_quietly_with_the_reader();
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

/// The message of the panic in `println!` when nobody reads the output any more, as with `| head`.
const UNREAD: &str = "failed printing to stdout";

/// Such a panic ends an example properly: whatever is dropped on the way is disconnected. It needs no
/// message.
fn end_quietly_with_the_reader() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let why = panic.payload().downcast_ref::<String>();
        if !why.is_some_and(|why| why.starts_with(UNREAD)) {
            told(panic);
        } else if std::thread::current().name() != Some("main") {
            // The other threads would go on without it.
            match STOP.get() {
                Some(_) => _ = stop(),
                None => std::process::exit(1),
            }
        }
    }));
}

/// On an error, ends with one line on standard error and a nonzero exit code.
pub fn finish(result: Result<()>) -> ExitCode {
    match result.map_err(|error| error.to_string()) {
        Ok(()) => return ExitCode::SUCCESS,
        // An executor has caught that panic in one of its tasks.
        Err(error) if error.contains(UNREAD) => {}
        Err(error) => eprintln!("error: {error}"),
    }
    ExitCode::FAILURE
}

/// Tells an example that can end in order to do so, once.
static STOP: OnceLock<Mutex<Option<oneshot::Sender<()>>>> = OnceLock::new();

/// Makes the example end in order. Returns whether this is the first call.
fn stop() -> bool {
    let stop = STOP.get().map(|stop| stop.lock());
    let stop = stop.and_then(|stop| stop.unwrap_or_else(PoisonError::into_inner).take());
    stop.is_some_and(|stop| stop.send(()).is_ok())
}

/// Ready at the first Ctrl-C, or once a thread finds that nobody reads what it prints. The next
/// Ctrl-C ends the program at once.
pub fn ctrl_c() -> Result<impl Future<Output = ()>> {
    let (stop_now, wait) = oneshot::channel();
    let _ = STOP.set(Mutex::new(Some(stop_now)));
    ctrlc::set_handler(|| {
        if !stop() {
            std::process::exit(130);
        }
    })?;
    Ok(async { _ = wait.await })
}

//! Bumble, a Bluetooth stack that is not ours, as the other side of a test.
//!
//! ```no_run
//! use dongle_tests::bumble::{self, Wire};
//!
//! // In a test: leaves it, with a line that says so, where there is no Python.
//! let Some(bumble) = bumble::required() else { return };
//! let mut controller = bumble.controller(Wire::Tcp).extended().start();
//! println!("open {}", controller.spec());
//! let connected = controller.event("connected");
//! println!("{} sees {}", connected["peripheral"], connected["peer"]);
//! ```

mod controller;
pub mod database;
mod environment;
mod script;

use std::io::Write;
use std::path::{Path, PathBuf};

pub use controller::{Controller, ControllerOptions, Wire};
pub use environment::{Missing, python_environment};
pub use script::{PATIENCE, Script};

/// Bumble, installed.
#[derive(Debug)]
pub struct Bumble {
    python: PathBuf,
}

/// Bumble, for a test that needs it. `None`, and a line that says that the test is skipped, on a
/// machine where it can't be had.
///
/// # Panics
///
/// If it can't be had and `CI` is set: there a test that was skipped would pass for one that ran.
#[track_caller]
pub fn required() -> Option<Bumble> {
    match python_environment() {
        Ok(python) => Some(Bumble { python }),
        Err(missing) if std::env::var_os("CI").is_some() => {
            panic!("Bumble can't be had: {missing}")
        }
        Err(missing) => {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or("a test");
            // Not `eprintln!`, which the test runner keeps to itself when a test passes.
            let _ = writeln!(std::io::stderr(), "{test}: skipped: {missing}");
            None
        }
    }
}

impl Bumble {
    /// A virtual controller to be served on `wire`, with a heart rate sensor in its air.
    pub fn controller(&self, wire: Wire) -> ControllerOptions<'_> {
        ControllerOptions::new(self, wire)
    }

    /// Starts Bumble as the host on a controller of ours. `transport` is in Bumble's spelling, such
    /// as `tcp-client:127.0.0.1:9000` or `serial:/dev/pts/3`; `arguments` are those of `host.py`.
    /// Its events: `powered_on`, `found`, `connected`, `mtu`, `discovered`, `battery`, `subscribed`,
    /// `notified`, `collected`, `disconnected`, `finished`.
    #[track_caller]
    pub fn host(&self, transport: &str, arguments: &[&str]) -> Script {
        self.script(
            "host.py",
            &[&["--transport", transport], arguments].concat(),
        )
    }

    /// Starts one of the scripts in `tests/bumble`.
    #[track_caller]
    pub fn script(&self, name: &str, arguments: &[&str]) -> Script {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("bumble")
            .join(name);
        let arguments: Vec<String> = arguments.iter().copied().map(String::from).collect();
        Script::start(&self.python, &path, &arguments)
    }
}

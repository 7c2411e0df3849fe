//! `dongle`: Bluetooth LE devices from the command line, through any HCI controller.
//!
//! ```console
//! $ dongle scan
//! $ dongle inspect D0:18:0D:48:52:4D
//! $ dongle notify D0:18:0D:48:52:4D heart-rate-measurement
//! ```
//!
//! `dongle --help` describes every command, `docs/cli.md` shows them. From the outside in: `args` is
//! the command line, `commands` has one module for each command, `session` is the dongle they
//! share, and `failure` is how they end. What is drawn goes through `output`, `screen` and `style`.
#![forbid(unsafe_code)]

mod args;
mod bars;
mod clock;
mod commands;
mod failure;
mod find;
mod keys;
mod known;
mod oob;
mod output;
mod person;
mod progress;
mod screen;
mod secret;
mod session;
mod style;
mod value;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Args;
use crate::failure::Failure;
use crate::session::Interrupt;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // There is nowhere to report that it could not be printed.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                failure::USAGE
            } else {
                0
            });
        }
    };
    let levels = ["error", "info", "debug", "trace"];
    let level = levels
        .get(usize::from(args.global.verbose))
        .unwrap_or(&"trace");
    let filter = env_logger::Env::default().default_filter_or(*level);
    env_logger::Builder::from_env(filter)
        .format_target(args.global.verbose > 1)
        .init();
    let result = Interrupt::install()
        .and_then(|interrupt| futures_lite::future::block_on(commands::run(&args, &interrupt)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => finish(&failure),
    }
}

fn finish(failure: &Failure) -> ExitCode {
    screen::restore();
    person::leave();
    match failure {
        // Whoever was reading has seen enough.
        Failure::BrokenPipe => return ExitCode::SUCCESS,
        Failure::Interrupted => {}
        other => {
            let mark = style::Style::of(&std::io::stderr()).bad("error:");
            // It may quote what a device or a file says.
            let told = other.to_string();
            let told: Vec<_> = told.lines().map(value::tame).collect();
            eprintln!("{mark} {}", told.join("\n"));
            if let Some(hint) = other.hint() {
                eprintln!("       {hint}");
            }
        }
    }
    ExitCode::from(failure.exit_code())
}

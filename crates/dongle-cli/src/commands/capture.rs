//! `dongle capture`: another command, with its traffic recorded.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _};

use crate::args::{Args, Capture, Command, Global};
use crate::failure::Failure;
use crate::session::Interrupt;

pub async fn run(global: &Global, interrupt: &Interrupt, args: &Capture) -> Result<(), Failure> {
    let mut line = vec![OsString::from("dongle")];
    match args.command.is_empty() {
        true => line.push("scan".into()),
        false => line.extend(args.command.iter().map(Into::into)),
    }
    let wrong = |error: clap::Error| {
        let text = error.to_string();
        Failure::Usage(text.trim_start_matches("error: ").trim_end().into())
    };
    let parsed = Args::command().try_get_matches_from(line).map_err(wrong)?;
    let mut inner = Args::from_arg_matches(&parsed).map_err(wrong)?;
    match inner.command {
        Command::Capture(_)
        | Command::List(_)
        | Command::Bonds(_)
        | Command::Serve(_)
        | Command::Completions(_)
        | Command::Man => {
            return Err(Failure::Usage(
                "that command has no traffic to record".into(),
            ));
        }
        _ => {}
    }
    let timeout = inner.global.timeout.or(global.timeout);
    let verbose = inner.global.verbose.max(global.verbose);
    let folder = inner.global.folder.take().or_else(|| global.folder.clone());
    let privacy = inner.global.privacy || global.privacy;
    // An option behind `capture` overrides one before it, and any option the variable.
    let dongle = match parsed.value_source("dongle") {
        Some(ValueSource::CommandLine) => inner.global.dongle.take(),
        _ => global.dongle.clone(),
    };
    let snoop = Some(capture(dongle.as_deref(), &args.file)?);
    inner.global = Global {
        dongle,
        snoop,
        timeout,
        folder,
        privacy,
        verbose,
    };
    let before = state(&args.file);
    let result = super::run(&inner, interrupt).await;
    // Otherwise a file that was there before would be reported.
    if state(&args.file) != before {
        eprintln!("Recorded in {}", args.file.display());
    }
    result
}

/// What changes when a file is written to; `None` if there is none.
fn state(file: &Path) -> Option<(u64, Option<SystemTime>)> {
    let data = fs::metadata(file).ok()?;
    Some((data.len(), data.modified().ok()))
}

/// The file, for the option `snoop`.
fn capture(dongle: Option<&str>, file: &Path) -> Result<String, Failure> {
    // Only this is checked here: opening knows all spellings, `auto` included.
    let recorded = |option: &str| option.trim().starts_with("snoop=");
    if let Some(dongle) = dongle.filter(|dongle| dongle.split(',').any(recorded)) {
        return Err(Failure::Usage(format!("{dongle} is recorded already")));
    }
    match file.to_str() {
        Some(file) if !file.contains(',') => Ok(file.into()),
        _ => Err(Failure::Usage(format!(
            "{}: the name of a capture can't have a comma in it",
            file.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dongle_is_recorded_however_it_is_named_and_only_once() {
        let file = |dongle| capture(dongle, Path::new("trace.btsnoop")).ok();
        for dongle in ["auto", "virtual", "usb:0", "serial:/dev/ttyACM0,rtscts"] {
            assert!(file(Some(dongle)).is_some(), "{dongle}");
        }
        assert_eq!(file(None).as_deref(), Some("trace.btsnoop"));
        for dongle in ["auto,snoop=a", "usb:0, snoop=a"] {
            assert_eq!(file(Some(dongle)), None, "{dongle}");
        }
    }
}

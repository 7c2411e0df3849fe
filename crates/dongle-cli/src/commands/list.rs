//! `dongle list`: the controllers that are plugged in.

use serde::Serialize;

use crate::args::List;
use crate::failure::Failure;
use crate::output::Output;
use crate::screen::{pad, width};

/// A controller, or what may be one.
#[derive(Debug, Serialize)]
struct Found {
    /// What to give to --dongle.
    dongle: String,
    about: String,
}

pub fn run(args: &List) -> Result<(), Failure> {
    let out = Output::new(args.json);
    let mut all = controllers();
    all.push(Found {
        dongle: "virtual".into(),
        about: "simulated, with a heart-rate sensor in its air".into(),
    });
    let column = all.iter().map(|found| width(&found.dongle)).max().unwrap_or(0);
    for found in &all {
        match out.json {
            true => out.object(found)?,
            false => out.line(format!(
                "{}  {}",
                out.style.bold(pad(&found.dongle, column)),
                found.about
            ))?,
        }
    }
    if !out.json && all.len() == 1 {
        let hint = "No serial port and no USB adapter was found: is the board plugged in?";
        out.line(out.style.dim(hint))?;
    }
    Ok(())
}

/// What is plugged in. The transport layer will know more once it can list.
fn controllers() -> Vec<Found> {
    Vec::new()
}

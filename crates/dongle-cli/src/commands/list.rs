//! `dongle list`: the controllers that are plugged in.

use hci_transport::Candidate;
use serde::Serialize;

use crate::args::List;
use crate::failure::Failure;
use crate::output::Output;
use crate::screen::{pad, width};
use crate::value::tame;

/// A controller, or what may be one.
#[derive(Debug, Default, Serialize)]
struct Found {
    /// What to give to --dongle.
    dongle: String,
    about: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    usb_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manufacturer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_by: Option<String>,
    /// How to load the firmware it needs first.
    #[serde(skip_serializing_if = "Option::is_none")]
    needs_firmware: Option<&'static str>,
}

impl From<Candidate> for Found {
    fn from(candidate: Candidate) -> Self {
        let dongle = candidate.spec.to_string();
        let line = candidate.to_string();
        let about = tame(line.strip_prefix(&dongle).unwrap_or(&line).trim());
        let (vendor, product) = candidate.usb_id;
        Self {
            dongle,
            about,
            usb_id: Some(format!("{vendor:04x}:{product:04x}")),
            manufacturer: candidate.manufacturer,
            product: candidate.product,
            serial_number: candidate.serial_number,
            held_by: candidate.held_by,
            needs_firmware: candidate.needs_firmware,
        }
    }
}

pub fn run(args: &List) -> Result<(), Failure> {
    let out = Output::new(args.json);
    let mut all: Vec<Found> = hci_transport::list().into_iter().map(Into::into).collect();
    all.push(Found {
        dongle: "virtual".into(),
        about: "simulated, with a heart-rate sensor and a lock in range".into(),
        ..Found::default()
    });
    let column = all
        .iter()
        .map(|found| width(&found.dongle))
        .max()
        .unwrap_or(0);
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
    if out.json {
        return Ok(());
    }
    for found in &all {
        if let Some(cure) = found.needs_firmware {
            out.line(out.style.middling(format!("{}: {cure}", found.dongle)))?;
        }
    }
    if all.len() == 1 {
        let hint = "No USB adapter and no known board on a serial port was found. Another port: \
                    --dongle serial:PATH,BAUD";
        out.line(out.style.dim(hint))?;
    }
    Ok(())
}

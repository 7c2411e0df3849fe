//! What commands print: lines of text, or of JSON.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::failure::Failure;
use crate::style::Style;

/// Standard output. A reader who has gone is an error like any other: a device is still to be
/// disconnected.
pub struct Output {
    pub json: bool,
    pub style: Style,
    pub terminal: bool,
}

impl Output {
    /// JSON only where it is asked for.
    pub fn new(json: bool) -> Self {
        let out = io::stdout();
        Self {
            json,
            style: Style::of(&out),
            terminal: out.is_terminal(),
        }
    }

    /// One line of text.
    pub fn line(&self, line: impl AsRef<str>) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", line.as_ref())?;
        Ok(out.flush()?)
    }

    /// One object in one line.
    pub fn object(&self, object: &impl Serialize) -> Result<(), Failure> {
        self.line(serde_json::to_string(object)?)
    }

    /// One object to be looked at: over several lines in a terminal.
    pub fn document(&self, object: &impl Serialize) -> Result<(), Failure> {
        self.line(match self.terminal {
            true => serde_json::to_string_pretty(object)?,
            false => serde_json::to_string(object)?,
        })
    }
}

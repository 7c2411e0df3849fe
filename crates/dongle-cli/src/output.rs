//! What commands print: lines of text, or of JSON.

use std::future::pending;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::failure::Failure;
use crate::style::Style;
use crate::value::acts;

/// Standard output. A reader that has gone is an error like any other: devices still have to be
/// disconnected.
pub struct Output {
    pub json: bool,
    pub style: Style,
    pub terminal: bool,
}

impl Output {
    /// JSON only if `json`.
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
        self.line(escaped(&serde_json::to_string(object)?))
    }

    /// One object for a person to read: over several lines in a terminal.
    pub fn document(&self, object: &impl Serialize) -> Result<(), Failure> {
        match self.terminal {
            true => self.line(escaped(&serde_json::to_string_pretty(object)?)),
            false => self.object(object),
        }
    }
}

/// JSON may contain control characters unescaped; escaped, they mean the same to a parser and
/// nothing to a terminal. Apart from line ends, all of them are in strings.
fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            c if c != '\n' && acts(c) => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Ready once nobody reads standard output any more, where that can be detected: a pipe whose
/// reader has gone. A command that waits for something to print would otherwise wait in vain.
#[cfg(unix)]
pub async fn abandoned() {
    use std::fs::File;
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::FileTypeExt as _;

    let pipe = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let Ok(pipe) = pipe else {
        return pending().await;
    };
    let is_pipe = pipe.metadata().is_ok_and(|data| data.file_type().is_fifo());
    // The write end of a pipe never delivers data: it becomes readable only when the read end is
    // closed.
    match async_io::Async::new_nonblocking(pipe) {
        Ok(pipe) if is_pipe => match pipe.readable().await {
            Ok(()) => {}
            Err(_) => pending().await,
        },
        _ => pending().await,
    }
}

/// Here it is detected only when something is printed.
#[cfg(not(unix))]
pub async fn abandoned() {
    pending().await
}

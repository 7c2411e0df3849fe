//! Colours, where they can be seen.

use std::fmt::Display;
use std::io::IsTerminal;

/// How text is highlighted; not at all without colours.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    coloured: bool,
}

impl Style {
    /// For text on this stream. `NO_COLOR` and `TERM=dumb` are respected.
    pub fn of(stream: &impl IsTerminal) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            coloured: stream.is_terminal() && !unwanted && !dumb,
        }
    }

    pub fn bold(self, text: impl Display) -> String {
        self.paint("1", text)
    }

    pub fn dim(self, text: impl Display) -> String {
        self.paint("2", text)
    }

    pub fn accent(self, text: impl Display) -> String {
        self.paint("36", text)
    }

    pub fn good(self, text: impl Display) -> String {
        self.paint("32", text)
    }

    pub fn middling(self, text: impl Display) -> String {
        self.paint("33", text)
    }

    pub fn bad(self, text: impl Display) -> String {
        self.paint("31", text)
    }

    fn paint(self, code: &str, text: impl Display) -> String {
        match self.coloured {
            true => format!("\x1B[{code}m{text}\x1B[0m"),
            false => text.to_string(),
        }
    }
}

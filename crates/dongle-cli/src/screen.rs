//! A part of the terminal that is redrawn in place.

use std::io::{self, Stdout, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use terminal_size::{Height, Width};
use unicode_width::UnicodeWidthChar as _;

use crate::keys;

/// Whether the cursor is hidden, to be put right on the way out.
static HIDDEN: AtomicBool = AtomicBool::new(false);

/// Puts the terminal back as it was.
pub fn restore() {
    if HIDDEN.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        let _ = write!(out, "\x1B[?25h").and_then(|()| out.flush());
    }
    keys::heed();
}

/// Lines at the bottom of the output that are redrawn in place; others scroll by above them.
pub struct Screen {
    out: Stdout,
    drawn: usize,
}

impl Screen {
    pub fn new() -> Self {
        // On older consoles, escape sequences have to be enabled.
        #[cfg(windows)]
        let _ = anstyle_query::windows::enable_ansi_colors();
        Self {
            out: io::stdout(),
            drawn: 0,
        }
    }

    /// Columns and rows.
    pub fn size() -> (usize, usize) {
        let (Width(columns), Height(rows)) =
            terminal_size::terminal_size().unwrap_or((Width(80), Height(24)));
        (usize::from(columns).max(20), usize::from(rows).max(4))
    }

    /// Replaces what is drawn with these lines; `above` scrolls by and stays.
    pub fn draw(&mut self, above: &[String], lines: &[String]) -> io::Result<()> {
        let (columns, rows) = Self::size();
        let mut frame = String::new();
        if !HIDDEN.swap(true, Ordering::SeqCst) {
            frame.push_str("\x1B[?25l");
            keys::ignore();
        }
        if self.drawn > 0 {
            frame.push_str(&format!("\x1B[{}A", self.drawn));
        }
        frame.push('\r');
        for line in above {
            frame.push_str(line);
            frame.push_str("\x1B[K\r\n");
        }
        // Lines beyond the terminal's height could not be redrawn.
        self.drawn = lines.len().min(rows.saturating_sub(1));
        // Terminals differ in the width of some characters, and devices choose their names: a line that
        // wraps could not be redrawn. At the end of a full line, erasing would take its last character.
        frame.push_str("\x1B[?7l");
        for line in lines.iter().take(self.drawn) {
            frame.push_str("\x1B[K");
            frame.push_str(&fit(line, columns));
            frame.push_str("\r\n");
        }
        frame.push_str("\x1B[?7h\x1B[J");
        self.out.write_all(frame.as_bytes())?;
        self.out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// How many columns a text takes, without its escape sequences.
pub fn width(text: &str) -> usize {
    let mut escape = false;
    let mut width = 0;
    for c in text.chars() {
        match (escape, c) {
            (true, 'm') => escape = false,
            (true, _) => {}
            (false, '\x1B') => escape = true,
            (false, c) => width += c.width().unwrap_or(0),
        }
    }
    width
}

/// As much of a text as fits into this many columns. Colours end with it.
pub fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.into();
    }
    let (mut fitted, mut taken, mut escape) = (String::new(), 0, false);
    for c in text.chars() {
        match (escape, c) {
            (true, 'm') => escape = false,
            (true, _) => {}
            (false, '\x1B') => escape = true,
            (false, c) => {
                taken += c.width().unwrap_or(0);
                if taken >= columns {
                    break;
                }
            }
        }
        fitted.push(c);
    }
    fitted.push('…');
    if text.contains('\x1B') {
        fitted.push_str("\x1B[0m");
    }
    fitted
}

/// The long text if it fits, else the short one.
pub fn either(columns: usize, long: String, short: String) -> String {
    match width(&long) <= columns {
        true => long,
        false => short,
    }
}

/// The text padded with spaces to this many columns, or cut to them.
pub fn pad(text: &str, columns: usize) -> String {
    let text = fit(text, columns);
    let spaces = columns.saturating_sub(width(&text));
    text + &" ".repeat(spaces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_what_is_seen_of_it() {
        assert_eq!(fit("Herz", 4), "Herz");
        assert_eq!(fit("Herzschlag", 5), "Herz…");
        assert_eq!(fit("心臓計", 5), "心臓…");
        assert_eq!(fit("\x1B[1mHerzschlag\x1B[0m", 5), "\x1B[1mHerz…\x1B[0m");
        assert_eq!(width("\x1B[31m心\x1B[0m!"), 3);
        assert_eq!(pad("心", 4), "心  ");
    }
}

//! Keys that are pressed while something is redrawn: their echo would spoil it.

#[cfg(unix)]
pub use unix::{heed, ignore, release};

#[cfg(unix)]
mod unix {
    use std::io::{IsTerminal as _, stdin, stdout};
    use std::sync::{Mutex, PoisonError};

    use rustix::process::getpgrp;
    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

    /// How the terminal was before.
    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    /// Turns off echo and line editing. Ctrl-C still works.
    pub fn ignore() {
        let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        if before.is_some() || !is_ours() {
            return;
        }
        let Ok(modes) = tcgetattr(stdin()) else {
            return;
        };
        let mut silent = modes.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ICANON;
        if tcsetattr(stdin(), OptionalActions::Now, &silent).is_ok() {
            *before = Some(modes);
        }
    }

    /// Restores the terminal, and discards what was typed meanwhile.
    pub fn heed() {
        put_back(OptionalActions::Flush);
    }

    /// Restores the terminal, and leaves what was typed meanwhile to the next reader: most often a
    /// shell, as the next command.
    pub fn release() {
        put_back(OptionalActions::Now);
    }

    fn put_back(meanwhile: OptionalActions) {
        let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(modes) = before.take()
            && is_ours()
        {
            let _ = tcsetattr(stdin(), meanwhile, &modes);
        }
    }

    /// A background process that changes its terminal is stopped; and a pager that reads our output
    /// sets the terminal as it likes.
    fn is_ours() -> bool {
        let here = stdin().is_terminal() && stdout().is_terminal();
        here && tcgetpgrp(stdin()).map_or(true, |group| group == getpgrp())
    }
}

#[cfg(not(unix))]
pub fn ignore() {}

#[cfg(not(unix))]
pub fn heed() {}

#[cfg(not(unix))]
pub fn release() {}

//! Progress: one line on standard error while something takes long, removed when it is done.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_io::Timer;
use futures_lite::{FutureExt as _, future};

use crate::args::Global;
use crate::failure::Failure;
use crate::keys;
use crate::screen::{Screen, fit};
use crate::style::Style;

/// Work that is done faster than this shows no line.
const GRACE: Duration = Duration::from_millis(300);
const FRAME: Duration = Duration::from_millis(100);
const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// How many holds there are on the line.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// While it exists, no progress is shown: something else is written.
pub struct Hold;

/// Keeps the terminal's line free.
pub fn hold() -> Hold {
    HELD.fetch_add(1, Ordering::SeqCst);
    Hold
}

impl Drop for Hold {
    fn drop(&mut self) {
        HELD.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A line with a spinner while something is under way.
pub struct Progress {
    what: String,
    shown: bool,
    style: Style,
}

impl Progress {
    /// Shown only in a terminal, and not between the lines of a log.
    pub fn of(global: &Global, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            shown: io::stderr().is_terminal() && global.verbose == 0,
            style: Style::of(&io::stderr()),
        }
    }

    /// Spins during a step. If that times out, the failure names it.
    pub async fn step<T>(
        self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let (what, began) = (self.what.clone(), Instant::now());
        let done = self.during(work).await;
        done.map_err(|failure| failure.in_step(&what, began))
    }

    /// Spins while the work goes on.
    pub async fn during<T>(self, work: impl Future<Output = T>) -> T {
        if !self.shown {
            return work.await;
        }
        let what = self.what;
        let line = Line;
        let turn = async {
            Timer::after(GRACE).await;
            let began = Instant::now();
            for frame in FRAMES.iter().cycle() {
                let seconds = (began.elapsed() + GRACE).as_secs();
                let time = self.style.dim(format!("{seconds} s"));
                line.show(&format!("{} {what} … {time}", self.style.accent(frame)));
                Timer::after(FRAME).await;
            }
            future::pending().await
        };
        work.or(turn).await
    }
}

/// A line that is overwritten, and erased when dropped.
pub struct Line;

impl Line {
    /// There is nowhere to report that standard error can't be written.
    pub fn show(&self, text: &str) {
        let mut err = io::stderr().lock();
        if HELD.load(Ordering::SeqCst) > 0 {
            return;
        }
        keys::ignore();
        // A line that wraps can't be overwritten.
        let text = fit(text, Screen::size().0.saturating_sub(1));
        let _ = write!(err, "\r\x1B[K{text}");
        let _ = err.flush();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if io::stderr().is_terminal() {
            self.show("");
        }
        keys::release();
    }
}

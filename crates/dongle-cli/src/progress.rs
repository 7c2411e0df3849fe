//! What takes a while says so: one line on standard error, gone when it is done.

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

/// What is done faster than this needs no line.
const GRACE: Duration = Duration::from_millis(300);
const FRAME: Duration = Duration::from_millis(100);
const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// How many want the line for themselves.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// While it is there, no progress is shown: somebody else writes.
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

/// A line that turns while something is under way.
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

    /// Turns while a step is made. Where its time is up, the failure names it.
    pub async fn step<T>(
        self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let (what, began) = (self.what.clone(), Instant::now());
        let done = self.during(work).await;
        done.map_err(|failure| failure.in_step(&what, began))
    }

    /// Turns while the work goes on.
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

/// A line that can be written over; it takes itself away.
pub struct Line;

impl Line {
    /// Nobody can be told that standard error can't be written.
    pub fn show(&self, text: &str) {
        let mut err = io::stderr().lock();
        if HELD.load(Ordering::SeqCst) > 0 {
            return;
        }
        keys::ignore();
        // A line that wraps can't be written over.
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

//! `dongle notify`: values as a device sends them.

use std::time::{Duration, Instant, SystemTime};

use dongle::{Error, Notified, Subscription, Uuid};
use serde::Serialize;

use crate::args::{Global, Notify};
use crate::bars::Plot;
use crate::clock::{rfc3339, time};
use crate::failure::Failure;
use crate::find;
use crate::output::Output;
use crate::progress::Progress;
use crate::screen::{Screen, either};
use crate::session::{Interrupt, Session};
use crate::value::{self, Meaning};

/// The shortest time between two drawings of the screen.
const FRAME: Duration = Duration::from_millis(50);
/// Rows of the plot.
const ROWS: usize = 6;

pub async fn run(global: &Global, interrupt: &Interrupt, args: &Notify) -> Result<(), Failure> {
    let out = Output::new(args.json);
    Session::run(global, interrupt, Some(&args.link), async |session| {
        let (uuid, values) = session.interrupt.or(subscribed(session, args)).await?;
        watch(session, args, uuid, values, &out).await
    })
    .await
}

async fn subscribed(session: &Session<'_>, args: &Notify) -> Result<(Uuid, Subscription), Failure> {
    let timeout = session.request_timeout();
    let connection = session.connect(args.device.address, &args.link).await?;
    let subscribed = async {
        let found = find::characteristic(&connection, &args.path.path, timeout).await?;
        let mut subscribe = found.subscribe();
        if args.indicate {
            subscribe = subscribe.indicate();
        }
        let values = session.call(&connection, subscribe).await?;
        Ok((found.uuid(), values))
    };
    let progress = Progress::of(session.global, format!("Subscribing to {}", args.path.path));
    progress.step(subscribed).await
}

async fn watch(
    session: &Session<'_>,
    args: &Notify,
    uuid: Uuid,
    mut values: Subscription,
    out: &Output,
) -> Result<(), Failure> {
    let mut view = View::new(uuid, args, out);
    view.begin()?;
    let mut left = args.count;
    while left != Some(0) {
        // Values that are there already are taken before the timeout is looked at.
        let next = async {
            let Some(limit) = session.global.timeout else {
                return Ok(values.notified().await?);
            };
            let next = values.notified().timeout(limit).await;
            next.map_err(|error| match error {
                Error::Timeout => Failure::Silence(match view.count {
                    0 => format!("no value came within {}", time(limit)),
                    n => format!("no more values came within {}, after {n}", time(limit)),
                }),
                other => other.into(),
            })
        };
        match session.interrupt.or(next).await {
            Ok(Notified::Value(value)) => {
                view.value(&value, values.pending() == 0)?;
                left = left.map(|left| left - 1);
            }
            Ok(Notified::Missed(missed)) => view.missed(missed)?,
            // Without --count it has no other end.
            Err(Failure::Interrupted) if args.count.is_none() => return view.end(),
            Err(failure) => {
                view.end()?;
                return Err(failure);
            }
        }
    }
    view.end()?;
    let began = Instant::now();
    let stopping = values.unsubscribe().timeout(session.request_timeout());
    let stopped = stopping.await;
    stopped.map_err(|error| Failure::from(error).in_step("unsubscribing", began))
}

#[derive(Debug, Serialize)]
struct Line {
    time: String,
    elapsed: f64,
    #[serde(flatten)]
    value: value::Json,
}

#[derive(Debug, Serialize)]
struct Missed {
    time: String,
    missed: u32,
}

/// How the values are shown.
struct View<'a> {
    uuid: Uuid,
    args: &'a Notify,
    out: &'a Output,
    began: Option<Instant>,
    count: u64,
    missed: u64,
    /// Missed since the last value.
    gap: u64,
    screen: Option<Screen>,
    plot: Plot,
    unit: &'static str,
    lines: Vec<String>,
    drawn: Instant,
}

impl<'a> View<'a> {
    fn new(uuid: Uuid, args: &'a Notify, out: &'a Output) -> Self {
        let watched = out.terminal && !args.csv && !args.json;
        Self {
            uuid,
            args,
            out,
            began: None,
            count: 0,
            missed: 0,
            gap: 0,
            screen: watched.then(Screen::new),
            plot: Plot::new(),
            unit: "",
            lines: Vec::new(),
            drawn: Instant::now(),
        }
    }

    fn begin(&mut self) -> Result<(), Failure> {
        if self.args.csv {
            self.out.line("time,elapsed,value,unit,hex,missed")?;
        }
        if let Some(screen) = &mut self.screen {
            let note = "waiting for values. Ctrl-C ends it.";
            let titled = format!("{}: {note}", find::titled(self.uuid));
            let note = either(Screen::size().0, titled, note.into());
            screen.draw(&[], &[self.out.style.dim(note)])?;
        }
        Ok(())
    }

    /// Shows a value; `last` if no other one is waiting.
    fn value(&mut self, octets: &[u8], last: bool) -> Result<(), Failure> {
        let elapsed = self
            .began
            .get_or_insert_with(Instant::now)
            .elapsed()
            .as_secs_f64();
        self.count += 1;
        let format = self.args.format;
        if self.args.json {
            let time = rfc3339(SystemTime::now());
            let elapsed = (elapsed * 1e6).round() / 1e6;
            let value = value::Json::new(format, self.uuid, octets);
            return self.out.object(&Line {
                time,
                elapsed,
                value,
            });
        }
        let meaning = value::meaning(format, self.uuid, octets);
        if self.args.csv {
            let gap = std::mem::take(&mut self.gap);
            return self.csv(elapsed, meaning.as_ref(), octets, gap);
        }
        let shown = value::shown(format, self.uuid, octets);
        let hex = value::spaced(octets);
        let style = self.out.style;
        let mut line = format!(
            "{}  {}",
            style.dim(format!("{elapsed:9.3}")),
            style.bold(&shown)
        );
        if shown != hex {
            line += &format!("  {}", style.dim(hex));
        }
        if let Some(Meaning {
            number: Some(number),
            unit,
            ..
        }) = meaning
        {
            self.plot.push(number);
            self.unit = unit.unwrap_or_default();
        }
        match self.screen {
            None => self.out.line(line),
            Some(_) => {
                self.lines.push(line);
                match last || self.drawn.elapsed() >= FRAME {
                    true => self.draw(false),
                    false => Ok(()),
                }
            }
        }
    }

    fn csv(
        &self,
        elapsed: f64,
        meaning: Option<&Meaning>,
        octets: &[u8],
        gap: u64,
    ) -> Result<(), Failure> {
        let time = rfc3339(SystemTime::now());
        let value = meaning.map_or_else(String::new, |meaning| match &meaning.exact {
            Some(digits) if meaning.number.is_some() => digits.clone(),
            Some(_) => quoted(&meaning.text),
            None => String::new(),
        });
        let unit = meaning.and_then(|meaning| meaning.unit).unwrap_or_default();
        self.out.line(format!(
            "{time},{elapsed:.6},{value},{unit},{},{gap}",
            value::hex(octets)
        ))
    }

    fn missed(&mut self, missed: u32) -> Result<(), Failure> {
        self.missed += u64::from(missed);
        self.gap += u64::from(missed);
        self.plot.gap();
        let time = rfc3339(SystemTime::now());
        if self.args.json {
            return self.out.object(&Missed { time, missed });
        }
        let plural = if missed == 1 {
            "value was"
        } else {
            "values were"
        };
        let note = format!("{missed} {plural} missed here");
        match self.screen {
            Some(_) => self.lines.push(self.out.style.middling(note)),
            // The row of the next value has it.
            None if self.args.csv => {}
            None => self.out.line(note)?,
        }
        Ok(())
    }

    fn draw(&mut self, last: bool) -> Result<(), Failure> {
        let Some(screen) = &mut self.screen else {
            return Ok(());
        };
        let (columns, rows) = Screen::size();
        let mut region = Vec::new();
        // A low terminal has room for values only.
        if !self.args.no_plot && !self.plot.is_empty() && rows > ROWS + 6 {
            region.push(String::new());
            let plot = self.plot.rows(columns, ROWS);
            region.extend(plot.iter().map(|row| self.out.style.accent(row)));
        }
        let seconds = self
            .began
            .map_or(0.0, |began| began.elapsed().as_secs_f64());
        let mut note = format!("{} in {seconds:.0} s", values(self.count));
        if self.missed > 0 {
            note += &format!(", {} missed", self.missed);
        }
        note += if last { "." } else { ". Ctrl-C ends it." };
        if !self.unit.is_empty() && !self.args.no_plot {
            let title = find::titled(self.uuid);
            let titled = format!("{title} in {}: {note}", self.unit);
            note = either(columns, titled, note);
        }
        region.push(self.out.style.dim(note));
        screen.draw(&self.lines, &region)?;
        self.lines.clear();
        self.drawn = Instant::now();
        Ok(())
    }

    /// What is drawn stays on the screen.
    fn end(&mut self) -> Result<(), Failure> {
        if self.args.csv && self.gap > 0 {
            // No row follows that could have it, and a row without a value would mean an empty value.
            eprintln!("{} missed after the last row", values(self.gap));
            self.gap = 0;
        }
        self.draw(true)?;
        self.screen = None;
        Ok(())
    }
}

fn values(count: u64) -> String {
    match count {
        1 => "1 value".into(),
        n => format!("{n} values"),
    }
}

/// A field of CSV (RFC 4180).
fn quoted(text: &str) -> String {
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.into(),
    }
}

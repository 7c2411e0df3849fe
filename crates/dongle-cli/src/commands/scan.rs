//! `dongle scan`: the devices in range.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use async_io::Timer;
use dongle::{Address, ScanBuilder, ScanResult, Uuid};
use futures_lite::future;
use serde::Serialize;

use crate::args::{Global, Scan};
use crate::bars::signal;
use crate::clock::rfc3339;
use crate::failure::Failure;
use crate::find;
use crate::output::Output;
use crate::screen::{Screen, either, fit, pad, width};
use crate::session::{Interrupt, Session};
use crate::style::Style;
use crate::value::{hex, tame};

/// How long a scan lasts by default when it is not shown in a terminal.
const UNWATCHED: Duration = Duration::from_secs(10);
/// How often the table is drawn.
const FRAME: Duration = Duration::from_millis(250);
/// A device that was not heard for this long is shown as gone.
const STALE: Duration = Duration::from_secs(10);
/// With this many columns there is room for bars beside the numbers.
const ROOMY: usize = 60;
/// The most devices in the table: changing or made-up addresses would fill it without end.
const MOST: usize = 16 * 1024;

pub async fn run(global: &Global, interrupt: &Interrupt, args: &Scan) -> Result<(), Failure> {
    let mut out = Output::new(args.json);
    out.json |= !out.terminal;
    Session::run(global, interrupt, None, async |session| match out.json {
        true => lines(session, args, &out).await,
        false => table(session, args, &out).await,
    })
    .await
}

fn builder(session: &Session<'_>, args: &Scan) -> Result<ScanBuilder, Failure> {
    let mut scan = session.dongle.scan();
    if let Some(wanted) = &args.name {
        let wanted = wanted.to_lowercase();
        scan = scan.filter(move |found| {
            found
                .name()
                .is_some_and(|name| name.to_lowercase().contains(&wanted))
        });
    }
    if let Some(service) = args.service {
        scan = scan.service(service);
    }
    if let Some(address) = args.address {
        scan = scan.address(address);
    }
    if let Some(company) = &args.company {
        let wanted = Company::parse(company)?;
        scan = scan.filter(move |found| found.manufacturer_data().any(|d| wanted.is(d.company)));
    }
    if let Some(rssi) = args.rssi {
        scan = scan.min_rssi(rssi);
    }
    if args.connectable {
        scan = scan.filter(|found| found.is_connectable());
    }
    if args.once {
        scan = scan.once();
    }
    if args.passive {
        scan = scan.passive();
    }
    scan = scan.phys(args.phy.into());
    let unwatched = args.json || !Output::new(false).terminal;
    match session.global.timeout.or(unwatched.then_some(UNWATCHED)) {
        Some(duration) => Ok(scan.duration(duration)),
        None => Ok(scan),
    }
}

/// A company by number or by part of its name.
enum Company {
    Number(u16),
    Name(String),
}

impl Company {
    fn parse(text: &str) -> Result<Self, Failure> {
        let number = match text.strip_prefix("0x") {
            Some(digits) => Some(u16::from_str_radix(digits, 16)),
            None => text
                .chars()
                .all(|c| c.is_ascii_digit())
                .then(|| text.parse()),
        };
        match number {
            None => {
                let company = Self::Name(text.to_lowercase());
                let known = (0..=u16::MAX).any(|number| company.is(number));
                known.then_some(company).ok_or_else(|| {
                    Failure::Usage(format!(
                        "no company is known with {text:?} in its name; give its number, as 0x0059"
                    ))
                })
            }
            Some(Ok(number)) => Ok(Self::Number(number)),
            Some(Err(_)) => Err(Failure::Usage(format!(
                "{text} is not a company identifier"
            ))),
        }
    }

    fn is(&self, company: u16) -> bool {
        match self {
            Self::Number(number) => *number == company,
            Self::Name(name) => dongle_names::company(company)
                .is_some_and(|company| company.to_lowercase().contains(name)),
        }
    }
}

#[derive(Debug, Serialize)]
struct Line {
    time: String,
    /// Results lost right before this one.
    #[serde(skip_serializing_if = "is_zero")]
    missed: u64,
    address: String,
    address_type: &'static str,
    /// Only of a bonded device.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rssi: Option<i8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    connectable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_power: Option<i8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appearance: Option<Named>,
    services: Vec<Named>,
    service_data: Vec<Data>,
    manufacturer_data: Vec<Data>,
    data: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    scan_response: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Debug, Serialize)]
struct Named {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Data {
    #[serde(flatten)]
    of: Named,
    hex: String,
}

impl From<Uuid> for Named {
    fn from(uuid: Uuid) -> Self {
        Self {
            id: uuid.to_string(),
            name: find::name(uuid),
        }
    }
}

impl Line {
    fn new(found: &ScanResult) -> Self {
        let number = |number: u16, name| Named {
            id: format!("0x{number:04X}"),
            name,
        };
        let service_data = [found.data(), found.scan_response()]
            .iter()
            .flat_map(|data| data.all_service_data())
            .map(|entry| Data {
                of: entry.uuid.into(),
                hex: hex(entry.data),
            })
            .collect();
        let manufacturer_data = found.manufacturer_data().map(|entry| Data {
            of: number(entry.company, dongle_names::company(entry.company)),
            hex: hex(entry.data),
        });
        Self {
            time: rfc3339(SystemTime::now()),
            missed: found.missed(),
            address: found.address().to_string(),
            address_type: if found.address().is_random() {
                "random"
            } else {
                "public"
            },
            identity: found.identity().map(|identity| identity.to_string()),
            rssi: found.rssi(),
            name: found.name(),
            connectable: found.is_connectable(),
            tx_power: found.tx_power(),
            appearance: found
                .appearance()
                .map(|a| number(a, dongle_names::appearance(a))),
            services: found.services().map(Into::into).collect(),
            service_data,
            manufacturer_data: manufacturer_data.collect(),
            data: hex(found.data().as_bytes()),
            scan_response: hex(found.scan_response().as_bytes()),
        }
    }
}

async fn lines(session: &Session<'_>, args: &Scan, out: &Output) -> Result<(), Failure> {
    let mut scan = builder(session, args)?.start()?;
    loop {
        let next = async { Ok(scan.next().await?) };
        match session.interrupt.or(next).await {
            Ok(Some(found)) => out.object(&Line::new(&found))?,
            ended => return done(ended.map(drop)),
        }
    }
}

/// Ctrl-C is a normal end of a scan: what it has found is shown.
fn done(ended: Result<(), Failure>) -> Result<(), Failure> {
    match ended {
        Err(Failure::Interrupted) => Ok(()),
        ended => ended,
    }
}

/// A device in the table.
struct Row {
    found: ScanResult,
    /// Smoothed: a table that is reordered by every packet can't be read.
    rssi: f64,
    heard: Instant,
    times: u64,
}

#[derive(Default)]
struct Table {
    rows: HashMap<Address, Row>,
    /// Results that came faster than they were taken.
    missed: u64,
    /// Devices dropped because the table was full: those not heard for the longest time.
    forgotten: u64,
}

enum Event {
    Found(Option<ScanResult>),
    Frame,
}

async fn table(session: &Session<'_>, args: &Scan, out: &Output) -> Result<(), Failure> {
    let mut scan = builder(session, args)?.start()?;
    let mut screen = Screen::new();
    let mut table = Table::default();
    let began = Instant::now();
    let mut frame = Timer::interval_at(began, FRAME);
    loop {
        let event = {
            let tick = async {
                futures_lite::StreamExt::next(&mut frame).await;
                Ok(Event::Frame)
            };
            let found = async { Ok(Event::Found(scan.next().await?)) };
            session.interrupt.or(future::or(tick, found)).await
        };
        let elapsed = began.elapsed().as_secs();
        match event {
            Ok(Event::Found(Some(found))) => table.take(found),
            Ok(Event::Frame) => {
                let (columns, rows) = Screen::size();
                let mut drawn = table.drawn(out.style, columns, rows.saturating_sub(3));
                let ending = match session.global.timeout {
                    Some(timeout) => format!("{elapsed} of {} s", timeout.as_secs()),
                    None => format!("{elapsed} s"),
                };
                let count = table.count();
                let through = through(session.dongle.name());
                let end = "Ctrl-C ends the scan.";
                let note = either(
                    columns,
                    format!("{count} through {through}, {ending}. {end}"),
                    format!("{count}, {ending}. {end}"),
                );
                drawn.push(out.style.dim(note));
                screen.draw(&[], &drawn)?;
            }
            ended => {
                // At the end: all of them, without the note.
                let columns = Screen::size().0;
                let drawn = table.drawn(out.style, columns, usize::MAX);
                screen.draw(&drawn, &[])?;
                out.line(out.style.dim(format!("{}, {elapsed} s.", table.count())))?;
                return done(ended.map(drop));
            }
        }
    }
}

/// Makes clear that a simulated dongle is not a real one.
fn through(dongle: &str) -> &str {
    if dongle == "virtual" {
        "the simulated dongle"
    } else {
        dongle
    }
}

impl Table {
    fn count(&self) -> String {
        let devices = match self.rows.len() {
            0 => "Nothing heard".into(),
            1 => "1 device".into(),
            n => format!("{n} devices"),
        };
        let mut count = devices;
        for (number, what) in [
            (self.forgotten, "forgotten"),
            (self.missed, "reports missed"),
        ] {
            if number > 0 {
                count += &format!(", {number} {what}");
            }
        }
        count
    }

    fn take(&mut self, found: ScanResult) {
        let heard = Instant::now();
        let rssi = f64::from(found.rssi().unwrap_or(-127));
        self.missed += found.missed();
        if !self.rows.contains_key(&known_as(&found)) {
            self.forgotten += make_room(&mut self.rows, MOST, |row| row.heard);
        }
        match self.rows.get_mut(&known_as(&found)) {
            Some(row) => {
                row.rssi += (rssi - row.rssi) * 0.3;
                (row.found, row.heard, row.times) = (found, heard, row.times + 1);
            }
            None => {
                self.rows.insert(
                    known_as(&found),
                    Row {
                        found,
                        rssi,
                        heard,
                        times: 1,
                    },
                );
            }
        }
    }

    fn drawn(&self, style: Style, columns: usize, most: usize) -> Vec<String> {
        let mut rows: Vec<_> = self.rows.values().collect();
        rows.sort_by(|a, b| {
            let nearest = (b.rssi.round() as i32).cmp(&(a.rssi.round() as i32));
            nearest.then_with(|| known_as(&a.found).cmp(&known_as(&b.found)))
        });
        let names = rows.iter().map(|row| width(&row.name())).max().unwrap_or(0);
        let name = names.clamp(4, (columns / 3).max(4));
        let address = rows
            .iter()
            .map(|row| known_as(&row.found).to_string().len())
            .max()
            .unwrap_or(17);
        let bars = columns >= ROOMY;
        let head = format!(
            "{}  {}  {}  WHAT",
            pad("ADDRESS", address),
            pad("RSSI", if bars { 10 } else { 4 }),
            pad("NAME", name)
        );
        let mut lines = vec![style.bold(fit(&head, columns))];
        let room = most.saturating_sub(1);
        let shown = if rows.len() > room {
            room.saturating_sub(1)
        } else {
            rows.len()
        };
        for row in rows.iter().take(shown) {
            lines.push(fit(&row.drawn(style, address, bars, name), columns));
        }
        if shown < rows.len() {
            lines.push(style.dim(format!("… and {} more, further away", rows.len() - shown)));
        }
        lines
    }
}

impl Row {
    fn name(&self) -> String {
        tame(&self.found.name().unwrap_or_default())
    }

    fn drawn(&self, style: Style, address: usize, bars: bool, name: usize) -> String {
        let rssi = self.rssi.round() as i8;
        let shown = match bars {
            true => format!("{rssi:>4} {}", signal(rssi)),
            false => format!("{rssi:>4}"),
        };
        let shown = match rssi {
            -60.. => style.good(shown),
            -80.. => style.middling(shown),
            _ => style.bad(shown),
        };
        let silent = self.heard.elapsed();
        let mut what = self.what();
        if silent >= STALE {
            what = format!("not heard for {} s  {what}", silent.as_secs());
        }
        let line = format!(
            "{}  {shown}  {}  {}",
            pad(&known_as(&self.found).to_string(), address),
            pad(&self.name(), name),
            style.dim(what)
        );
        if silent >= STALE {
            style.dim(line)
        } else {
            line
        }
    }

    /// What it says about itself, in a few words.
    fn what(&self) -> String {
        let mut words = Vec::new();
        if let Some(identity) = self.found.identity() {
            let address = self.found.address();
            words.push(match address == identity {
                true => "bonded".into(),
                false => format!("bonded, goes by {address}"),
            });
        }
        let appearance = self
            .found
            .appearance()
            .filter(|&appearance| appearance != 0);
        words.extend(
            appearance
                .and_then(dongle_names::appearance)
                .map(String::from),
        );
        words.extend(
            self.found
                .services()
                .map(|uuid| find::name(uuid).map_or_else(|| uuid.to_string(), String::from)),
        );
        words.extend(self.found.manufacturer_data().map(|data| {
            let name = dongle_names::company(data.company);
            name.map_or_else(|| format!("company 0x{:04X}", data.company), String::from)
        }));
        if let Some(power) = self.found.tx_power() {
            words.push(format!("TX power {power} dBm"));
        }
        if !self.found.is_connectable() {
            words.push("not connectable".into());
        }
        words.dedup();
        words.join(", ")
    }
}

/// Makes room for one more: if there are `most`, drops the half that was not heard for the longest
/// time. Gives back how many were dropped.
fn make_room<K, V>(rows: &mut HashMap<K, V>, most: usize, heard: impl Fn(&V) -> Instant) -> u64 {
    if rows.len() < most {
        return 0;
    }
    let before = rows.len();
    let mut times: Vec<_> = rows.values().map(&heard).collect();
    let (_, middle, _) = times.select_nth_unstable(before / 2);
    let middle = *middle;
    rows.retain(|_, row| heard(row) >= middle);
    if rows.len() == before {
        // All were heard at the same time: drop any half.
        let mut left = before / 2;
        rows.retain(|_, _| {
            left = left.saturating_sub(1);
            left > 0
        });
    }
    (before - rows.len()) as u64
}

/// The address to type for it: for a bonded device its identity address, whatever it uses now.
fn known_as(found: &ScanResult) -> Address {
    found.identity().unwrap_or(found.address())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_those_that_were_heard_last_and_is_never_too_long() {
        let began = Instant::now();
        let mut rows = HashMap::new();
        let mut forgotten = 0;
        for number in 0..1000_u64 {
            forgotten += make_room(&mut rows, 100, |heard| *heard);
            rows.insert(number, began + Duration::from_secs(number));
            assert!(rows.len() <= 100);
            assert_eq!(forgotten + rows.len() as u64, number + 1);
            assert!((number.saturating_sub(40)..=number).all(|last| rows.contains_key(&last)));
        }
        let mut rows: HashMap<_, _> = (0..100).map(|number| (number, began)).collect();
        assert!(make_room(&mut rows, 100, |heard| *heard) > 0);
        assert!(!rows.is_empty());
    }
}

//! `dongle bench`: latency and throughput.

use std::future::IntoFuture as _;
use std::time::{Duration, Instant};

use async_io::Timer;
use dongle::{Characteristic, DeviceConnection, Error, Notified, Properties};
use futures_lite::future;
use serde::Serialize;

use crate::args::{Bench, Global};
use crate::failure::Failure;
use crate::find;
use crate::output::Output;
use crate::progress::Progress;
use crate::session::{Interrupt, Session};

/// Octets of an ATT write command before the value (Core Vol 3 Part F, 3.4.5.3).
const WRITE_HEADER: usize = 3;

#[derive(Debug, Serialize)]
struct Report {
    address: String,
    dongle: String,
    mtu: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_ms: Option<f64>,
    connect_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<Reads>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify: Option<Flow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write: Option<Flow>,
}

/// Round trips, one after the other.
#[derive(Debug, Serialize)]
struct Reads {
    uuid: String,
    handle: u16,
    octets: usize,
    count: usize,
    per_second: f64,
    min_ms: f64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

/// Values one way.
#[derive(Debug, Serialize)]
struct Flow {
    uuid: String,
    handle: u16,
    octets: u64,
    count: u64,
    seconds: f64,
    per_second: f64,
    octets_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    missed: Option<u64>,
}

pub async fn run(global: &Global, interrupt: &Interrupt, args: &Bench) -> Result<(), Failure> {
    let out = Output::new(args.json);
    Session::run_interruptibly(global, interrupt, Some(&args.link), async |session| {
        let began = Instant::now();
        let connection = session.connect(args.device.address, &args.link).await?;
        let connect_ms = millis(began.elapsed());
        let bench = Run {
            session,
            args,
            connection: &connection,
        };
        let mut report = Report {
            address: args.device.address.to_string(),
            dongle: session.dongle.name().into(),
            mtu: connection.mtu(),
            interval_ms: None,
            connect_ms,
            read: None,
            notify: None,
            write: None,
        };
        report.read = bench.reads().await?;
        report.notify = bench.notifications().await?;
        report.write = bench.writes().await?;
        report.interval_ms = connection.interval().map(millis);
        match out.json {
            true => out.document(&report),
            false => lines(&out, &report)
                .iter()
                .try_for_each(|line| out.line(line)),
        }
    })
    .await
}

struct Run<'a> {
    session: &'a Session<'a>,
    args: &'a Bench,
    connection: &'a DeviceConnection,
}

impl Run<'_> {
    async fn target(
        &self,
        path: Option<&find::Path>,
        properties: Properties,
    ) -> Result<Option<Characteristic>, Failure> {
        let timeout = self.session.request_timeout();
        if let Some(path) = path {
            return Ok(Some(
                find::characteristic(self.connection, path, timeout).await?,
            ));
        }
        let began = Instant::now();
        let found = self.first(properties, timeout).await;
        found.map_err(|failure| failure.in_step("discovering characteristics", began))
    }

    /// The first characteristic with these properties.
    async fn first(
        &self,
        properties: Properties,
        timeout: Duration,
    ) -> Result<Option<Characteristic>, Failure> {
        let mut services = self.connection.services().timeout(timeout);
        while let Some(service) = services.next().await? {
            let mut characteristics = service.characteristics().timeout(timeout);
            while let Some(found) = characteristics.next().await? {
                if found.properties().contains(properties) {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    async fn reads(&self) -> Result<Option<Reads>, Failure> {
        let path = self.args.read.as_ref();
        let Some(found) = self.target(path, Properties::READ).await? else {
            return Ok(None);
        };
        let timeout = self.session.request_timeout();
        let what = format!("Reading {}", find::titled(found.uuid()));
        // The first read may cause a pairing, and is not counted.
        self.session.call(self.connection, found.read()).await?;
        let work = async {
            let began = Instant::now();
            let (mut times, mut octets) = (Vec::new(), 0);
            while began.elapsed() < self.args.duration || times.is_empty() {
                let asked = Instant::now();
                octets = found.read().timeout(timeout).await?.len();
                times.push(asked.elapsed());
            }
            let seconds = began.elapsed().as_secs_f64();
            times.sort();
            let at = |share: f64| {
                let index = (share * (times.len() - 1) as f64).round() as usize;
                times.get(index).copied().map_or(0.0, millis)
            };
            Ok(Some(Reads {
                uuid: found.uuid().to_string(),
                handle: found.value_handle().get(),
                octets,
                count: times.len(),
                per_second: round(times.len() as f64 / seconds),
                min_ms: at(0.0),
                p50_ms: at(0.5),
                p90_ms: at(0.9),
                p99_ms: at(0.99),
                max_ms: at(1.0),
            }))
        };
        Progress::of(self.session.global, what).step(work).await
    }

    async fn notifications(&self) -> Result<Option<Flow>, Failure> {
        let path = self.args.notify.as_ref();
        let Some(found) = self.target(path, Properties::NOTIFY).await? else {
            return Ok(None);
        };
        let timeout = self.session.request_timeout();
        let what = format!("Taking notifications of {}", find::titled(found.uuid()));
        let work = async {
            let subscribe = found.subscribe().notify();
            let mut values = self.session.call(self.connection, subscribe).await?;
            let began = Instant::now();
            let (mut count, mut octets, mut missed) = (0, 0, 0);
            let mut first = None;
            let mut last = began;
            // One timer for all: setting one for each value would be measured, too.
            let mut over = Timer::after(self.args.duration);
            while began.elapsed() < self.args.duration {
                let late = async {
                    (&mut over).await;
                    Err(Error::Timeout)
                };
                match future::or(values.notified().into_future(), late).await {
                    Ok(Notified::Value(value)) => {
                        count += 1;
                        octets += value.len() as u64;
                        last = Instant::now();
                        first.get_or_insert(last);
                    }
                    Ok(Notified::Missed(n)) => missed += u64::from(n),
                    Err(Error::Timeout) => break,
                    Err(error) => return Err(error.into()),
                }
            }
            // From the first to the last value, so that neither a slow start nor the silence after a
            // burst counts.
            let seconds = first.map_or(0.0, |first| (last - first).as_secs_f64());
            values.unsubscribe().timeout(timeout).await?;
            let mut flow = Flow::new(&found, count, octets, seconds, Some(missed));
            let gaps = count.saturating_sub(1) as f64 / count.max(1) as f64;
            flow.per_second = round(flow.per_second * gaps);
            flow.octets_per_second = round(flow.octets_per_second * gaps);
            Ok(Some(flow))
        };
        Progress::of(self.session.global, what).step(work).await
    }

    async fn writes(&self) -> Result<Option<Flow>, Failure> {
        let Some(path) = &self.args.write else {
            return Ok(None);
        };
        let timeout = self.session.request_timeout();
        let found = find::characteristic(self.connection, path, timeout).await?;
        let most = usize::from(self.connection.mtu()) - WRITE_HEADER;
        let size = self.args.size.unwrap_or(most);
        if size > most {
            return Err(Failure::Usage(format!(
                "--size {size}: at most {most} octets fit a packet"
            )));
        }
        let value = vec![0; size];
        let path = self.args.read.as_ref();
        let readable = self.target(path, Properties::READ).await?;
        let last = readable.unwrap_or_else(|| found.clone());
        let what = format!("Writing to {}", find::titled(found.uuid()));
        let work = async {
            let began = Instant::now();
            let mut count = 0;
            while began.elapsed() < self.args.duration || count == 0 {
                found.write(&value).response(false).timeout(timeout).await?;
                count += 1;
            }
            // A request follows the commands before it: once it is answered, whatever the answer,
            // they have arrived.
            match self.session.call(self.connection, last.read()).await {
                Err(error) if error.att().is_none() => return Err(error.into()),
                _ => {}
            }
            let seconds = began.elapsed().as_secs_f64();
            Ok(Some(Flow::new(
                &found,
                count,
                count * size as u64,
                seconds,
                None,
            )))
        };
        Progress::of(self.session.global, what).step(work).await
    }
}

impl Flow {
    fn new(
        found: &Characteristic,
        count: u64,
        octets: u64,
        seconds: f64,
        missed: Option<u64>,
    ) -> Self {
        let rate = |amount: u64| match seconds > 0.0 {
            true => round(amount as f64 / seconds),
            false => 0.0,
        };
        Self {
            uuid: found.uuid().to_string(),
            handle: found.value_handle().get(),
            octets,
            count,
            seconds: round(seconds),
            per_second: rate(count),
            octets_per_second: rate(octets),
            missed,
        }
    }
}

fn millis(duration: Duration) -> f64 {
    round(duration.as_secs_f64() * 1000.0)
}

fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

fn lines(out: &Output, report: &Report) -> Vec<String> {
    let style = out.style;
    let title = |title: &str, uuid: &str| {
        let uuid = uuid.parse().map_or_else(|_| uuid.into(), find::titled);
        format!("{}  {}", style.bold(title), style.dim(uuid))
    };
    let mut link = format!("connected in {} ms, MTU {}", report.connect_ms, report.mtu);
    if let Some(interval) = report.interval_ms {
        link += &format!(", every {interval} ms");
    }
    let mut lines = vec![format!(
        "{} through {}: {link}",
        report.address, report.dongle
    )];
    if let Some(read) = &report.read {
        lines.push(title("Reads", &read.uuid));
        lines.push(format!(
            "  {:.1} a second ({} of {} octets)",
            read.per_second, read.count, read.octets
        ));
        lines.push(format!(
            "  min {} ms, half within {} ms, 90 % {} ms, 99 % {} ms, max {} ms",
            read.min_ms, read.p50_ms, read.p90_ms, read.p99_ms, read.max_ms
        ));
    }
    for (name, flow) in [("Notifications", &report.notify), ("Writes", &report.write)] {
        let Some(flow) = flow else { continue };
        lines.push(title(name, &flow.uuid));
        lines.push(format!(
            "  {:.1} a second, {:.1} kB/s ({} in {} s)",
            flow.per_second,
            flow.octets_per_second / 1000.0,
            flow.count,
            flow.seconds
        ));
        if let Some(missed) = flow.missed.filter(|&missed| missed > 0) {
            lines.push(format!("  {}", style.bad(format!("{missed} missed"))));
        }
    }
    lines
}

//! What the facade costs: the same bytes over TCP, moved by it and by a bare loop.
//!
//! `cargo bench -p dongle-tests --bench facade`; behind `--`, the names of what alone is to be
//! measured: `simulated`, `bytes`, `read`, `write`, `notify`, `timeout`, `idle`.
#![allow(missing_docs, clippy::expect_used)]

mod bare;
mod server;
mod simulated;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dongle::{Address, Characteristic, DeviceConnection, Dongle, Notified, Subscription, Uuid};
use futures_lite::future::block_on;

/// What this program is to be, when it starts itself.
const ROLE: &str = "FACADE_BENCH_ROLE";
const READS: u32 = 2_000;
const COMMANDS: u32 = 50_000;
const NOTIFICATIONS: u32 = 100_000;
const ROUNDS: usize = 5;

fn main() {
    match std::env::var(ROLE).as_deref() {
        Ok(role) => {
            // Whoever started this may be killed.
            std::thread::spawn(|| {
                let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
                std::process::exit(0);
            });
            play(role);
        }
        Err(_) => {
            if wanted(&["simulated", "bytes"], "simulated") {
                measure("dongle-virtual's controller", "simulated");
            }
            if wanted(&["simulated", "bytes"], "bytes") {
                measure("a controller that is nothing but its bytes", "bytes");
            }
        }
    }
}

/// Whether `one` of several things is to be done: if it was named, or none was.
fn wanted(several: &[&str], one: &str) -> bool {
    let mut named = std::env::args().filter(|name| several.contains(&name.as_str()));
    let all = named.next().is_none();
    all || std::env::args().any(|name| name == one)
}

fn measured(one: &str) -> bool {
    wanted(&["read", "write", "notify", "timeout", "idle"], one)
}

fn play(role: &str) {
    match role {
        "bytes" => server::run().expect("the server runs"),
        "simulated" => simulated::run().expect("the server runs"),
        port => block_on(idle(port.parse().expect("a port"))),
    }
}

/// Starts this program again; it and its first line.
fn start(role: &str) -> (Killed, String) {
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts again");
    let mut line = String::new();
    let output = child.stdout.take().expect("piped");
    BufReader::new(output).read_line(&mut line).expect("a line");
    (Killed(child), line.trim().to_owned())
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn connect(port: u16, peer: usize) -> (Dongle, DeviceConnection, Characteristic) {
    let dongle = Dongle::open(format!("tcp-client:127.0.0.1:{port}"));
    let dongle = dongle
        .bond_store(dongle::security::MemoryStore::default())
        .await;
    let dongle = dongle.expect("it opens");
    let connection = dongle
        .device(Address::random(simulated::PEERS[peer]))
        .connect()
        .await;
    let connection = connection.expect("it connects");
    connection.exchange_mtu(247).await.expect("an MTU");
    let service = connection
        .service(Uuid::from_u16(0xFFF0))
        .await
        .expect("a service");
    let value = service
        .characteristic(Uuid::from_u16(0xFFF1))
        .await
        .expect("a characteristic");
    (dongle, connection, value)
}

/// The medians of some rounds of the bare loop and of the facade by turns, in operations a second.
fn rates(count: u32, mut bare: impl FnMut(), mut facade: impl FnMut()) -> (f64, f64) {
    let (mut bares, mut facades) = ([0.0; ROUNDS], [0.0; ROUNDS]);
    for (bare_took, facade_took) in bares.iter_mut().zip(&mut facades) {
        *bare_took = timed(&mut bare).as_secs_f64();
        *facade_took = timed(&mut facade).as_secs_f64();
    }
    let rate = |mut times: [f64; ROUNDS]| {
        times.sort_by(f64::total_cmp);
        f64::from(count) / times[ROUNDS / 2]
    };
    (rate(bares), rate(facades))
}

fn measure(what: &str, role: &str) {
    let (_server, port) = start(role);
    let port: u16 = port.parse().expect("a port");
    let (_dongle, connection, value) = block_on(connect(port, 0));
    println!("{what}, over TCP");
    println!(
        "{:<24} {:>13} {:>13} {:>8}",
        "  20 octets", "bare loop", "facade", "ratio"
    );
    let line = |what: &str, (bare, ours): (f64, f64)| {
        println!(
            "{what:<24} {bare:>11.0}/s {ours:>11.0}/s {:>8.2}",
            ours / bare
        );
    };

    let mut wire = bare::Wire::connect(port, simulated::PEERS[1]).expect("it connects");
    if measured("read") {
        let (bare, ours) = rates(
            READS,
            || wire.read(READS),
            || {
                block_on(async {
                    for _ in 0..READS {
                        assert_eq!(value.read().await.expect("a value").len(), 20);
                    }
                });
            },
        );
        line("  read", (bare, ours));
        println!(
            "{:<24} {:>10.1} us {:>10.1} us {:>8.2}",
            "    round trip",
            1e6 / bare,
            1e6 / ours,
            bare / ours
        );
    }
    if measured("write") {
        let flow = rates(
            COMMANDS,
            || wire.write(COMMANDS),
            || {
                block_on(async {
                    for _ in 0..COMMANDS {
                        value.write(&[9; 20]).response(false).await.expect("queued");
                    }
                    // Answered behind all of them.
                    value.read().await.expect("a value");
                });
            },
        );
        line("  write without response", flow);
    }
    let mut values = block_on(value.subscribe().into_future()).expect("a subscription");
    let timeouts = [("notify", None), ("timeout", Some(Duration::from_secs(10)))];
    for (_, timeout) in timeouts.into_iter().filter(|(name, _)| measured(name)) {
        let mut missed = 0;
        let flow = rates(
            NOTIFICATIONS,
            || wire.notified(NOTIFICATIONS),
            || missed += block_on(notified(&value, &mut values, timeout)),
        );
        match timeout {
            None => line("  notification", flow),
            Some(_) => line("    each with a timeout", flow),
        }
        println!(
            "    missed of {}: {missed}",
            NOTIFICATIONS as usize * ROUNDS
        );
        if missed > 0 {
            println!("    the rate counts what was missed, and is worth nothing");
        }
    }
    drop(connection);

    if measured("idle") {
        let (_idle, line) = start(&port.to_string());
        println!("  {line}");
    }
}

/// Has many notifications sent, and reads them, in order; how many were missed.
async fn notified(
    value: &Characteristic,
    values: &mut Subscription,
    timeout: Option<Duration>,
) -> u32 {
    let count = NOTIFICATIONS.to_le_bytes();
    value.write(&count).response(true).await.expect("written");
    let (mut expected, mut missed) = (0, 0);
    while expected < NOTIFICATIONS {
        let next = match timeout {
            None => values.notified(),
            Some(timeout) => values.notified().timeout(timeout),
        };
        match next.await.expect("connected") {
            Notified::Value(value) => {
                let number = value.first_chunk().expect("a number");
                assert_eq!(u32::from_le_bytes(*number), expected);
                expected += 1;
            }
            Notified::Missed(count) => {
                missed += count;
                expected += count;
            }
        }
    }
    missed
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// Holds a connection and does nothing; tells what that takes.
async fn idle(port: u16) {
    let (_dongle, _connection, value) = connect(port, 2).await;
    let _values = value.subscribe().await.expect("a subscription");
    std::thread::sleep(Duration::from_secs(1));
    let before = ticks();
    std::thread::sleep(Duration::from_secs(5));
    let used = ticks().zip(before).map(|(after, before)| after - before);
    let resident = status("VmRSS:").unwrap_or_default();
    let threads = status("Threads:").unwrap_or_default();
    println!(
        "one idle connection: resident {resident}, threads {threads}, CPU ticks in 5 s {used:?}"
    );
}

fn status(name: &str) -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    Some(
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))?
            .trim()
            .to_owned(),
    )
}

/// Ticks of processor time that this process has used, in it and for it.
fn ticks() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

//! What the facade costs: the same bytes over TCP, moved by it and by a bare loop.
//!
//! `cargo bench -p dongle-tests --bench facade`
#![allow(missing_docs, clippy::expect_used)]

mod bare;
mod server;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dongle::{Address, Characteristic, DeviceConnection, Dongle, Notified, Uuid};
use futures_lite::future::block_on;

/// What this program is to be, when it starts itself.
const ROLE: &str = "FACADE_BENCH_ROLE";
const READS: u32 = 20_000;
const COMMANDS: u32 = 100_000;
const NOTIFICATIONS: u32 = 100_000;
const ROUNDS: usize = 7;

fn main() {
    match std::env::var(ROLE).as_deref() {
        Ok("server") => server::run().expect("the server runs"),
        Ok(port) => block_on(idle(port.parse().expect("a port"))),
        Err(_) => measure(),
    }
}

/// Starts this program again; it and its first line.
fn start(role: &str) -> (Killed, String) {
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .env(ROLE, role)
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

async fn connect(port: u16) -> (Dongle, DeviceConnection, Characteristic) {
    let dongle = Dongle::open(format!("tcp-client:127.0.0.1:{port}"));
    let dongle = dongle
        .bond_store(dongle::security::MemoryStore::default())
        .await;
    let dongle = dongle.expect("it opens");
    let connection = dongle
        .device(Address::random([0xC6, 5, 4, 3, 2, 1]))
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

/// The median of some rounds, in operations a second.
fn rate(count: u32, mut round: impl FnMut() -> Duration) -> f64 {
    let mut times: Vec<_> = (0..ROUNDS).map(|_| round()).collect();
    times.sort();
    f64::from(count) / times[ROUNDS / 2].as_secs_f64()
}

fn measure() {
    let (_server, port) = start("server");
    let port: u16 = port.parse().expect("a port");
    let (_dongle, _connection, value) = block_on(connect(port));
    println!(
        "{:<28} {:>12} {:>12} {:>8}",
        "20 octets, over TCP", "bare loop", "facade", "ratio"
    );
    let line = |what: &str, bare: f64, ours: f64| {
        println!(
            "{what:<28} {bare:>10.0}/s {ours:>10.0}/s {:>8.2}",
            ours / bare
        );
    };

    let mut wire = bare::Wire::connect(port).expect("it connects");
    let bare = rate(READS, || timed(|| wire.read(READS)));
    let ours = rate(READS, || {
        timed(|| {
            block_on(async {
                for _ in 0..READS {
                    assert_eq!(value.read().await.expect("a value").len(), 20);
                }
            });
        })
    });
    line("read", bare, ours);
    println!(
        "{:<28} {:>10.1}us {:>10.1}us",
        "  a round trip",
        1e6 / bare,
        1e6 / ours
    );

    let bare = rate(COMMANDS, || timed(|| wire.write(COMMANDS)));
    let ours = rate(COMMANDS, || {
        timed(|| {
            block_on(async {
                for _ in 0..COMMANDS {
                    value.write(&[9; 20]).response(false).await.expect("queued");
                }
                // Answered behind all of them.
                value.read().await.expect("a value");
            });
        })
    });
    line("write without response", bare, ours);

    let bare = rate(NOTIFICATIONS, || timed(|| wire.notified(NOTIFICATIONS)));
    let mut values = block_on(value.subscribe().into_future()).expect("a subscription");
    let mut missed = 0;
    let ours = rate(NOTIFICATIONS, || {
        timed(|| {
            block_on(async {
                let count = NOTIFICATIONS.to_le_bytes();
                value.write(&count).response(true).await.expect("written");
                let mut expected = 0;
                while expected < NOTIFICATIONS {
                    match values.notified().await.expect("connected") {
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
            });
        })
    });
    line("notification", bare, ours);
    println!("  missed of {}: {missed}", NOTIFICATIONS as usize * ROUNDS);
    if missed > 0 {
        println!("  the rate counts what was missed, and is worth nothing");
    }

    let (_idle, line) = start(&port.to_string());
    println!("{line}");
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// Holds a connection and does nothing; tells what that takes.
async fn idle(port: u16) {
    let (_dongle, _connection, value) = connect(port).await;
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

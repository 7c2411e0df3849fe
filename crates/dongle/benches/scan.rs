//! Advertising reports per second through the whole host, from the controller's packets to a
//! scan's filter: with few devices on the air, and with many; under lasting addresses, and under
//! private ones that may be a bonded device's.
//!
//! The controller is a thread that answers commands and then sends reports as fast as they are
//! taken, so no radio and no simulation is in the way.

#![allow(missing_docs, clippy::expect_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dongle::security::{BondStore as _, MemoryStore};
use dongle::{Address, Dongle};
use futures_lite::future::block_on;
use hci_transport::HciPort;
use serde_json::{Value, json};

const OURS: Address = Address::random([0xC0, 1, 2, 3, 4, 5]);
/// The most significant octet of an advertiser's address: a random static one, and a resolvable
/// private one (Core Vol 6 Part B, 1.3.2).
const LASTING: u8 = 0xC0;
const PRIVATE: u8 = 0x40;

/// Advertisers on the air, what their addresses are, and how many bonds there are. None of the
/// bonded devices is there, so that each of the keys is tried on a private address.
const CROWDS: [(u32, u8, u8); 6] = [
    (10, LASTING, 0),
    (1_000, LASTING, 0),
    (50_000, LASTING, 0),
    (10_000, PRIVATE, 0),
    (10_000, PRIVATE, 8),
    // More than are remembered.
    (50_000, PRIVATE, 8),
];
/// Reports in one measurement: every device is heard, and again.
const REPORTS: u64 = 100_000;
/// Reports in one event; a controller sends what it has.
const IN_EVENT: u64 = 4;

/// Answers commands: success, and zeros for what they return.
fn answer(port: &HciPort, command: &[u8]) {
    let &[0x01, low, high, ..] = command else {
        return;
    };
    let returned: &[u8] = match u16::from_le_bytes([low, high]) {
        0x1001 | 0x2003 | 0x2018 => &[0; 8],
        0x1002 => &[0; 64],
        0x1009 => &[1, 2, 3, 4, 5, 6],
        0x2002 => &[251, 0, 8],
        0x200F | 0x202A => &[16],
        _ => &[],
    };
    let mut event = vec![0x04, 0x0E, 4 + returned.len() as u8, 1, low, high, 0];
    event.extend_from_slice(returned);
    port.deliver_blocking(&event).expect("the host listens");
}

/// The next event with reports of devices in turn, each with 31 bytes of data.
fn event(out: &mut Vec<u8>, next: u64, crowd: u32, kind: u8) {
    out.clear();
    out.extend_from_slice(&[0x04, 0x3E, 0, 0x02, IN_EVENT as u8]);
    for number in next..next + IN_EVENT {
        let device = (number % u64::from(crowd)) as u32;
        out.extend_from_slice(&[3, 1]);
        out.extend_from_slice(&device.to_le_bytes());
        out.extend_from_slice(&[0xD0, kind, 31]);
        out.extend_from_slice(&[2, 0x01, 0x06, 3, 0x03, 0x0D, 0x18, 9, 0x09]);
        out.extend_from_slice(b"a device");
        out.extend_from_slice(&[13, 0xFF, 0x4C, 0x00, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
        // Its strength changes: each report is news.
        out.push(200 + (number / u64::from(crowd) % 20) as u8);
    }
    let len = out.len() - 3;
    if let Some(place) = out.get_mut(2) {
        *place = len as u8;
    }
}

/// Bonds with devices that may go by private addresses, each with a key of its own.
fn store(bonds: u8) -> MemoryStore {
    let bonds = (1..=bonds).map(|number| {
        json!({
            "address": format!("C6:05:04:03:02:{number:02X}/random"),
            "ltk": format!("{number:02x}").repeat(16),
            "irk": format!("{:02x}", 0x80 | number).repeat(16),
            "key_size": 16,
        })
    });
    let text = json!({"version": 1, "bonds": bonds.collect::<Vec<Value>>()}).to_string();
    let store = MemoryStore::default();
    store.save(OURS, text.as_bytes()).expect("it is kept");
    store
}

struct Rig {
    dongle: Dongle,
    port: Arc<HciPort>,
}

impl Rig {
    /// With so many bonds.
    fn new(bonds: u8) -> Self {
        let (channel, port) = hci_transport::channel("bench", 64 * 1024);
        let port = Arc::new(port);
        let answering = Arc::clone(&port);
        thread::spawn(move || {
            let mut packet = Vec::new();
            while let Ok(true) = answering.next_blocking(&mut packet, None) {
                answer(&answering, &packet);
            }
        });
        let open = Dongle::on(channel).address(OURS).bond_store(store(bonds));
        let dongle = block_on(open.into_future()).expect("it opens");
        assert_eq!(dongle.bonds().len(), usize::from(bonds));
        Self { dongle, port }
    }

    /// How long so many rounds of reports take.
    fn measure(&self, crowd: u32, kind: u8, rounds: u64) -> Duration {
        let heard = Arc::new(AtomicU64::new(0));
        let counting = Arc::clone(&heard);
        let scan = self
            .dongle
            .scan()
            .passive()
            .max_devices(64 * 1024)
            .filter(move |found| {
                black_box(found.rssi());
                counting.fetch_add(1, Ordering::Relaxed);
                false
            });
        let _scan = scan.start().expect("it scans");
        let mut packet = Vec::new();
        let mut next = 0;
        let mut send = |until: u64| {
            while next < until {
                event(&mut packet, next, crowd, kind);
                self.port
                    .deliver_blocking(&packet)
                    .expect("the host listens");
                next += IN_EVENT;
            }
            while heard.load(Ordering::Relaxed) < until {
                thread::sleep(Duration::from_micros(50));
            }
        };
        // The scan has begun once a report is heard; what came before it was in vain.
        thread::sleep(Duration::from_millis(50));
        let all = u64::from(crowd).next_multiple_of(IN_EVENT);
        send(all);
        let begun = Instant::now();
        send(all + rounds * REPORTS);
        begun.elapsed()
    }
}

fn reports(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan reports");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(REPORTS));
    for (crowd, kind, bonds) in CROWDS {
        let rig = Rig::new(bonds);
        let name = match kind {
            PRIVATE => format!("{crowd} private, {bonds} bonds"),
            _ => crowd.to_string(),
        };
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| rig.measure(crowd, kind, rounds));
        });
    }
    group.finish();
}

criterion_group!(benches, reports);
criterion_main!(benches);

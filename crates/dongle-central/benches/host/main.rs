//! What the host costs: dongle-central beside trouble-host's own GATT client, on one controller in
//! memory that answers at once, on one thread.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod allocations;
mod controller;
mod ours;
mod pool;
mod trouble;

use std::time::{Duration, Instant};

use controller::Controller;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const DONGLE: &str = "dongle-central";
const TROUBLE: &str = "trouble-host";
/// Notifications that come back to back before the reader's turn.
const BURST: u64 = 256;

macro_rules! beside {
    ($criterion:ident, $name:literal, $work:ident) => {{
        let mut group = $criterion.benchmark_group($name);
        group.bench_function(BenchmarkId::from_parameter(DONGLE), |bencher| {
            bencher.iter_custom(|count| {
                ours::connected(&Controller::new(), async |client| {
                    timed(ours::$work(client, count)).await
                })
            });
        });
        group.bench_function(BenchmarkId::from_parameter(TROUBLE), |bencher| {
            bencher.iter_custom(|count| {
                trouble::connected(&Controller::new(), async |client| {
                    timed(trouble::$work(client, count)).await
                })
            });
        });
        group.finish();
    }};
}

async fn timed(work: impl Future<Output = ()>) -> Duration {
    let begun = Instant::now();
    work.await;
    begun.elapsed()
}

fn requests(criterion: &mut Criterion) {
    beside!(criterion, "read of 20 bytes", read);
    beside!(criterion, "write of 20 bytes", write);
    beside!(criterion, "write of 20 bytes without response", command);
}

fn discovery(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("discovery of 12 services with 5 characteristics");
    let everything = [12, 60, 36];
    let mut needed = [0; 2];
    group.bench_function(BenchmarkId::from_parameter(DONGLE), |bencher| {
        bencher.iter_custom(|count| {
            let controller = Controller::new();
            ours::connected(&controller, async |client| {
                let (begun, before) = (Instant::now(), controller.requests());
                for _ in 0..count {
                    assert_eq!(ours::discover(client).await, everything);
                }
                needed[0] = (controller.requests() - before) / count;
                begun.elapsed()
            })
        });
    });
    group.bench_function(BenchmarkId::from_parameter(TROUBLE), |bencher| {
        bencher.iter_custom(|count| {
            let controller = Controller::new();
            trouble::connected(&controller, async |client| {
                let (begun, before) = (Instant::now(), controller.requests());
                for _ in 0..count {
                    assert_eq!(trouble::discover(client).await, everything);
                }
                needed[1] = (controller.requests() - before) / count;
                begun.elapsed()
            })
        });
    });
    group.finish();
    println!(
        "requests for it: {DONGLE} {}, {TROUBLE} {}\n",
        needed[0], needed[1]
    );
}

fn notifications(criterion: &mut Criterion) {
    for (name, burst) in [
        ("notification of 20 bytes, by itself", 1),
        ("notification of 20 bytes, in a burst", BURST),
    ] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        let mut came = [(0, 0); 2];
        group.bench_function(BenchmarkId::from_parameter(DONGLE), |bencher| {
            bencher.iter_custom(|count| {
                let controller = Controller::new();
                ours::connected(&controller, async |client| {
                    let begun = Instant::now();
                    let received = ours::notified(client, &controller, count, burst).await;
                    came[0] = (received, count);
                    begun.elapsed()
                })
            });
        });
        group.bench_function(BenchmarkId::from_parameter(TROUBLE), |bencher| {
            bencher.iter_custom(|count| {
                let controller = Controller::new();
                trouble::connected(&controller, async |client| {
                    let begun = Instant::now();
                    let received = trouble::notified(client, &controller, count, burst).await;
                    came[1] = (received, count);
                    begun.elapsed()
                })
            });
        });
        group.finish();
        for (who, (received, sent)) in [DONGLE, TROUBLE].iter().zip(came) {
            println!("{who}: {received} of {sent} came");
        }
        println!();
    }
}

/// Nothing is allocated for a notification, from the transport to the one who reads it.
fn allocation_free(_: &mut Criterion) {
    let controller = Controller::new();
    let allocated = ours::connected(&controller, async |client| {
        ours::notified(client, &controller, BURST, BURST).await;
        let before = allocations::count();
        ours::notified(client, &controller, 100_000, BURST).await;
        allocations::count() - before
    });
    println!("allocations for 100,000 notifications: {allocated}\n");
    // The peer of this benchmark allocates for the one write that subscribes.
    assert!(allocated < 10, "{allocated} allocations");
}

/// At least a million notifications a second come through, and each of them.
fn a_million_a_second(_: &mut Criterion) {
    const COUNT: u64 = 1_000_000;
    let controller = Controller::new();
    let (received, took) = ours::connected(&controller, async |client| {
        let begun = Instant::now();
        let received = ours::notified(client, &controller, COUNT, BURST).await;
        (received, begun.elapsed())
    });
    let rate = received as f64 / took.as_secs_f64();
    println!("notifications of 20 bytes a second: {DONGLE} {rate:.0}\n");
    assert_eq!(received, COUNT);
    assert!(rate >= 1e6, "{rate:.0} notifications a second");
}

criterion_group! {
    name = host;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = allocation_free, a_million_a_second, notifications, requests, discovery
}
criterion_main!(host);

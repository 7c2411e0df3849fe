//! A central on trouble-host, for tests that want a host that nobody here wrote.

use std::future::Future;
use std::time::{Duration, Instant};

use bt_hci::controller::ExternalController;
use dongle_virtual::peripheral::HeapPool;
use dongle_virtual::{Air, ControllerConfig};
use embassy_futures::select::{Either, select};
use futures_lite::future;
use hci_transport::HciChannel;
use trouble_host::prelude::*;

/// No wait in a test takes longer: what has not happened by then has failed.
const MINUTE: Duration = Duration::from_secs(60);

pub type HostController = ExternalController<HciChannel, 10>;
pub type HostStack<'r> = Stack<'r, HostController, HeapPool>;

/// Runs a host on a controller of its own and `body` with it; panics if that takes a minute.
pub fn with_host<R>(
    air: &Air,
    config: ControllerConfig,
    body: impl AsyncFnOnce(&HostStack<'_>) -> R,
) -> R {
    let mut resources: HostResources<HeapPool, 2, 4> = HostResources::new();
    let controller = HostController::new(air.controller(config));
    let stack = trouble_host::new(controller, &mut resources)
        .set_random_address(Address::random([1, 2, 3, 4, 5, 0xC6]))
        .build();
    let mut runner = stack.runner();
    block_on(async {
        match select(runner.run(), body(&stack)).await {
            Either::First(end) => panic!("the host ended: {end:?}"),
            Either::Second(result) => result,
        }
    })
}

/// Like the usual one, but no test waits for ever.
pub fn block_on<R>(body: impl Future<Output = R>) -> R {
    let late = async {
        embassy_time::Timer::after_secs(MINUTE.as_secs()).await;
        panic!("a minute has passed");
    };
    future::block_on(future::or(body, late))
}

/// Waits until a condition holds that nothing announces; panics if that takes a minute.
#[track_caller]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < MINUTE, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Connects to a peripheral by its address, by the legacy or the extended commands.
pub async fn connect<'s>(
    stack: &'s HostStack<'_>,
    address: Address,
    extended: bool,
) -> Connection<'s, HeapPool> {
    let config = ConnectConfig {
        connect_params: RequestedConnParams {
            min_connection_interval: embassy_time::Duration::from_micros(7500),
            max_connection_interval: embassy_time::Duration::from_micros(7500),
            ..Default::default()
        },
        scan_config: ScanConfig {
            filter_accept_list: &[address],
            ..Default::default()
        },
    };
    let mut central = stack.central();
    let connected = if extended {
        central.connect_ext(&config).await
    } else {
        central.connect(&config).await
    };
    connected.expect("connects")
}

//! The program of `heart-rate` on trouble-host's own central and GATT client, with which its sizes
//! are compared.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicUsize, Ordering};

use board::hci::{self, HciTransport};
use board::println;
use bt_hci::cmd::le::LeReadLocalSupportedFeatures;
use bt_hci::controller::ExternalController;
use bt_hci::param::{AddrKind, BdAddr, LeAdvReportsIter, LeExtAdvReportsIter};
use embassy_executor::Spawner;
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Timer};
use static_cell::StaticCell;
use trouble_host::advertise::AdStructure;
use trouble_host::prelude::*;

const CONNECTIONS: usize = if cfg!(feature = "four") { 4 } else { 1 };
const CHANNELS: usize = 1;
const ADVERTISING_SETS: usize = 1;
const SERVICES: usize = 1;

const HEART_RATE: Uuid = Uuid::new_short(0x180D);
const MEASUREMENT: Uuid = Uuid::new_short(0x2A37);
const PATIENCE: Duration = Duration::from_secs(5);
const LINKS: u32 = 2;
const VALUES: u32 = 10;
const ADDRESS: [u8; 6] = [0x5E, 0x1F, 0x00, 0xAC, 0xEE, 0xC3];

type Controller = ExternalController<HciTransport, 4>;
type Pool = DefaultPacketPool;
type HeartStack = Stack<'static, Controller, Pool>;
type Resources = HostResources<Pool, CONNECTIONS, CHANNELS, ADVERTISING_SETS, CONNECTIONS>;

static RESOURCES: StaticCell<Resources> = StaticCell::new();
static STACK: StaticCell<HeartStack> = StaticCell::new();
static FINDER: StaticCell<Finder> = StaticCell::new();
static FOLLOWED: AtomicUsize = AtomicUsize::new(0);

/// Receives all reports and remembers the last sensor.
struct Finder {
    found: Signal<NoopRawMutex, Address>,
    radio: Mutex<NoopRawMutex, ()>,
}

impl Finder {
    /// Waits for the next sensor that is heard.
    async fn next(&self) -> Address {
        self.found.reset();
        self.found.wait().await
    }
}

impl EventHandler for Finder {
    fn on_adv_reports(&self, reports: LeAdvReportsIter<'_>) {
        for report in reports.flatten() {
            if advertises_heart_rate(report.data) {
                self.found
                    .signal(Address::new(report.addr_kind, report.addr));
            }
        }
    }

    fn on_ext_adv_reports(&self, reports: LeExtAdvReportsIter<'_>) {
        for report in reports.flatten() {
            if advertises_heart_rate(report.data) {
                self.found
                    .signal(Address::new(report.addr_kind, report.addr));
            }
        }
    }
}

fn advertises_heart_rate(data: &[u8]) -> bool {
    AdStructure::decode(data)
        .flatten()
        .any(|structure| match structure {
            AdStructure::CompleteServiceUuids16(uuids)
            | AdStructure::IncompleteServiceUuids16(uuids) => uuids.contains(&[0x0D, 0x18]),
            _ => false,
        })
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    board::init();
    let (stack, finder) = set_up();
    let mut runner = stack.runner();

    for _ in 0..CONNECTIONS {
        if let Ok(token) = follow_one(stack, finder) {
            spawner.spawn(token);
        }
    }
    let _ = runner.run_with_handler(finder).await;
    println!("the controller failed");
    board::exit(false)
}

/// Initialises the statics. Not part of `main`, because a stack frame of `main` stays below
/// everything that runs later, and trouble-host's resources are built on the stack.
#[inline(never)]
fn set_up() -> (&'static HeartStack, &'static Finder) {
    let resources = RESOURCES.init_with(Resources::new);
    let stack = trouble_host::new(ExternalController::new(hci::open()), resources)
        .set_random_address(Address::new(AddrKind::RANDOM, BdAddr::new(ADDRESS)))
        .build();
    let finder = FINDER.init(Finder {
        found: Signal::new(),
        radio: Mutex::new(()),
    });
    (STACK.init(stack), finder)
}

/// Follows one sensor. The last task to finish ends the program.
#[embassy_executor::task(pool_size = CONNECTIONS)]
async fn follow_one(stack: &'static HeartStack, finder: &'static Finder) {
    follow(stack, finder).await;
    if FOLLOWED.fetch_add(1, Ordering::Relaxed) + 1 == CONNECTIONS {
        board::memory::report();
        println!("done");
        board::exit(true)
    }
}

/// Follows a sensor for as many links as it should see.
async fn follow(stack: &'static HeartStack, finder: &Finder) {
    let mut links = 0;
    while links < LINKS {
        let turn = finder.radio.lock().await;
        let Some(connection) = connect(stack, finder).await else {
            continue;
        };
        drop(turn);
        #[cfg(feature = "security")]
        if !secure(&connection).await {
            println!("not secured");
            continue;
        }
        links += 1;
        let values = if links == LINKS { VALUES } else { u32::MAX };
        let work = select(watch(stack, &connection, values), ended(stack, &connection));
        match work.await {
            Either::First(Ok(())) => {
                connection.disconnect();
                ended(stack, &connection).await;
                println!("enough");
            }
            // It doesn't report which.
            Either::First(Err(())) => println!("disconnected, or failed"),
            Either::Second(()) => println!("disconnected"),
        }
    }
}

/// Finds a sensor and connects to it.
async fn connect(stack: &'static HeartStack, finder: &Finder) -> Option<Connection<'static, Pool>> {
    // A controller that supports the extended commands must not be given the legacy ones. Only one
    // task at a time asks, because two concurrent commands of one kind would wait for each other
    // forever.
    let features = stack.command(LeReadLocalSupportedFeatures::new()).await;
    let extended = features.ok()?.into_inner()[1] & 1 << 4 != 0;
    let mut central = stack.central();
    let peer = {
        let mut scanner = Scanner::new(&mut central);
        let config = ScanConfig {
            active: false,
            ..Default::default()
        };
        if extended {
            let session = scanner.scan_ext(&config).await.ok()?;
            let peer = finder.next().await;
            session.stop().await;
            peer
        } else {
            let session = scanner.scan(&config).await.ok()?;
            let peer = finder.next().await;
            session.stop().await;
            peer
        }
    };
    println!("found {:?}", peer.addr);
    let config = ConnectConfig {
        connect_params: RequestedConnParams {
            supervision_timeout: Duration::from_secs(1),
            ..Default::default()
        },
        scan_config: ScanConfig {
            filter_accept_list: &[peer],
            ..Default::default()
        },
    };
    let connecting = async {
        match extended {
            true => central.connect_ext(&config).await,
            false => central.connect(&config).await,
        }
    };
    match select(connecting, Timer::after(PATIENCE)).await {
        Either::First(Ok(connection)) => {
            println!("connected");
            Some(connection)
        }
        _ => {
            println!("no connection");
            None
        }
    }
}

/// Encrypts the link with the existing bond, or by pairing.
#[cfg(feature = "security")]
async fn secure(connection: &Connection<'_, Pool>) -> bool {
    let begun = connection
        .set_bondable(true)
        .and_then(|()| connection.request_security());
    if begun.is_err() {
        return false;
    }
    loop {
        match connection.next().await {
            ConnectionEvent::Encrypted { .. } => {
                println!("secured");
                return true;
            }
            ConnectionEvent::PairingFailed(_)
            | ConnectionEvent::BondLost
            | ConnectionEvent::Disconnected { .. } => return false,
            _ => {}
        }
    }
}

/// Waits until the link ends, and meanwhile accepts the parameters that the peer requests.
async fn ended(stack: &HeartStack, connection: &Connection<'_, Pool>) {
    loop {
        match connection.next().await {
            ConnectionEvent::Disconnected { .. } => return,
            ConnectionEvent::RequestConnectionParams(request) => {
                let _ = request.accept(None, stack).await;
            }
            _ => {}
        }
    }
}

/// Subscribes and prints this many values, or until the link is lost.
async fn watch(
    stack: &HeartStack,
    connection: &Connection<'static, Pool>,
    values: u32,
) -> Result<(), ()> {
    let client = GattClient::<_, _, SERVICES>::new(stack, connection)
        .await
        .map_err(drop)?;
    println!("MTU {}", connection.att_mtu());
    let work = async {
        let services = client.services_by_uuid(&HEART_RATE).await.map_err(drop)?;
        let service = services.first().ok_or(())?;
        let measurement: Characteristic<[u8]> = client
            .characteristic_by_uuid(service, &MEASUREMENT)
            .await
            .map_err(drop)?;
        let mut notifications = client.subscribe(&measurement, false).await.map_err(drop)?;
        println!("subscribed");
        for _ in 0..values {
            beat(notifications.next().await.as_ref());
        }
        Ok(())
    };
    match select(work, client.task()).await {
        Either::First(result) => result,
        Either::Second(_) => Err(()),
    }
}

/// Heart Rate Measurement (Heart Rate Service, 3.1): flags, then the rate in one octet or two.
fn beat(value: &[u8]) {
    match *value {
        [flags, low, high, ..] if flags & 1 != 0 => {
            println!("{} bpm", u16::from_le_bytes([low, high]));
        }
        [_, rate, ..] => println!("{rate} bpm"),
        _ => println!("no rate"),
    }
}

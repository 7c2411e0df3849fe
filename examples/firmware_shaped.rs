//! A firmware-like program on a desktop: `cargo run --example firmware_shaped`
//!
//! No facade, no host thread, no heap: `dongle-central` alone, which needs neither std nor an
//! allocator. Its memory is a few statics of chosen sizes, everything runs in one task, and the
//! transport is written by hand. On a board, the bytes come from a UART; here they come from a TCP
//! connection, by default to a simulated controller.

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;

use bt_hci::ReadHciError;
use bt_hci::transport::{PacketKind, PacketToController, PacketToHost, Transport, WithIndicator};
use dongle_central::adv::AdvertisingData;
use dongle_central::assigned::{characteristics, services};
use dongle_central::bearer::ValueKind;
use dongle_central::central::{Central, ConnectConfig, ScanConfig};
use dongle_central::client::{Client, Error, Notified};
use dongle_central::gatt::{ClientConfiguration, uuids::CLIENT_CONFIGURATION};
use dongle_central::links::{Address, StaticLinks};
use dongle_central::mux::{Mux, Report, ReportHandler};
use dongle_central::{Duration, Instant};
use dongle_examples::{Arguments, Result};
use dongle_virtual::{Air, AirConfig, ControllerConfig, HeartRateConfig, HeartRateSensor, serve};
use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, NoopRawMutex};
use embassy_sync::pipe::Pipe;
use embassy_sync::signal::Signal;
use futures_lite::future;

/// Connections at a time.
const CONNECTIONS: usize = 1;
/// The size of an ATT PDU buffer: one octet more than the MTU that is requested.
const PDU: usize = 248;
/// Simultaneous requests, subscriptions, and bytes of values waiting to be read.
const CALLS: usize = 2;
const SUBSCRIPTIONS: usize = 1;
const QUEUE: usize = 256;
/// The largest HCI packet.
const PACKET: usize = 259;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

type Links = StaticLinks<CriticalSectionRawMutex, CONNECTIONS, PDU, CALLS, SUBSCRIPTIONS, QUEUE>;

/// The memory of all connections. On a board, this is all of it.
static LINKS: Links = Links::new();

fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(run())
}

fn run() -> Result<()> {
    let Arguments { dongle, count } =
        dongle_examples::arguments("A heart rate, as firmware gets it; --dongle tcp-client:…")?;
    // On a board: the controller behind the UART.
    let (address, _simulated) = match dongle.strip_prefix("tcp-client:") {
        Some(address) => (address.to_owned(), None),
        None => {
            let air = Air::with(AirConfig::paced());
            let sensor = HeartRateSensor::start(&air, HeartRateConfig::default());
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let server = serve::serve_tcp(listener, &air, ControllerConfig::zephyr_uart())?;
            (server.local_addr().to_string(), Some((sensor, server)))
        }
    };
    let mux: Mux<'_, Wire, Links, Finder, PACKET> =
        Mux::new(Wire::open(&address)?, &LINKS, Finder::default());
    // Many controllers have no address of their own.
    let central = Central::new(&mux);
    central.set_random_address([0x5E, 0x1F, 0x00, 0xAC, 0xEE, 0xC3]);

    let work = async {
        let scan = central
            .scan(ScanConfig::default())
            .await
            .map_err(|e| e.to_string())?;
        let peer = mux.reports().found.wait().await;
        drop(scan);
        let deadline = Some(Instant::now() + PATIENCE);
        let connection = central
            .connect(peer, &ConnectConfig::default(), deadline)
            .await;
        let connection = connection.map_err(|e| e.to_string())?;
        println!("connected");
        watch(connection.client().timeout(PATIENCE), count).await?;
        println!("disconnected: {}", connection.disconnect().await);
        Ok(())
    };
    // The host stack runs as long as there is work.
    future::block_on(future::or(work, async {
        Err(central.run().await.to_string().into())
    }))
}

/// Subscribes, and prints this many values.
async fn watch(client: Client<&Links>, count: u64) -> Result<(), Error> {
    let mut buffer = [0; PDU];
    println!("MTU {}", client.exchange_mtu(PDU as u16 - 1).await?.get());
    let Some(service) = client
        .services_by_uuid(services::HEART_RATE, &mut buffer)
        .next()
        .await?
    else {
        return Ok(());
    };
    let wanted = Some(characteristics::HEART_RATE_MEASUREMENT);
    let found = client
        .characteristics(service.range, wanted, &mut buffer)
        .next()
        .await?;
    let Some(measurement) = found else {
        return Ok(());
    };
    // First the queue, then the subscription, so that no value is missed.
    let mut values = client.subscribe(measurement.value_handle, ValueKind::Notification)?;
    let mut descriptors = client.descriptors(measurement.descriptors(), &mut buffer);
    while let Some(descriptor) = descriptors.next().await? {
        if descriptor.uuid == CLIENT_CONFIGURATION {
            let on = ClientConfiguration::NOTIFICATIONS.to_le_bytes();
            client.write(descriptor.handle, &on).await?;
        }
    }
    drop(descriptors);
    for _ in 0..count {
        match values.notified(&mut buffer).await? {
            Notified::Value(len) => {
                // An octet of flags, then the rate in one octet or two.
                match *buffer.get(..len).unwrap_or_default() {
                    [flags, low, high, ..] if flags & 1 == 1 => {
                        println!("{} bpm", u16::from_le_bytes([low, high]));
                    }
                    [flags, rate, ..] if flags & 1 == 0 => println!("{rate} bpm"),
                    _ => println!("not a heart rate"),
                }
            }
            Notified::Missed(missed) => println!("{missed} values missed"),
        }
    }
    Ok(())
}

/// Looks at all advertisements, and remembers the last sensor.
#[derive(Default)]
struct Finder {
    found: Signal<NoopRawMutex, Address>,
}

impl ReportHandler for Finder {
    fn report(&self, report: &Report<'_>) {
        let is_sensor = AdvertisingData::new(report.data).has_service(services::HEART_RATE);
        if let Some(address) = report.address.filter(|_| is_sensor && report.connectable) {
            self.found.signal(address);
        }
    }
}

/// The transport: whole HCI packets over a stream of bytes (H4).
struct Wire {
    /// Received bytes. On a board, the UART's interrupt fills it; here, a thread does.
    received: &'static Pipe<CriticalSectionRawMutex, 512>,
    stream: TcpStream,
    /// A byte stream that is out of step is of no use any more.
    broken: Cell<bool>,
}

#[derive(Debug)]
struct WireError(String);

impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the wire: {}", self.0)
    }
}

impl std::error::Error for WireError {}

impl Wire {
    fn open(address: &str) -> Result<Self> {
        static RECEIVED: Pipe<CriticalSectionRawMutex, 512> = Pipe::new();
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut reader = stream.try_clone()?;
        std::thread::spawn(move || {
            let mut bytes = [0; 256];
            while let Ok(count) = reader.read(&mut bytes) {
                if count == 0 {
                    break;
                }
                future::block_on(RECEIVED.write_all(bytes.get(..count).unwrap_or_default()));
            }
        });
        Ok(Self {
            received: &RECEIVED,
            stream,
            broken: Cell::new(false),
        })
    }
}

impl embedded_io::ErrorType for Wire {
    type Error = WireError;
}

impl Transport for Wire {
    async fn read<'a, P: PacketToHost<'a>>(&self, buffer: &'a mut [u8]) -> Result<P, WireError> {
        if self.broken.get() {
            return Err(WireError("out of step".into()));
        }
        let mut reader = self.received;
        let packet = async {
            let kind = PacketKind::read_async(&mut reader).await?;
            P::read_hci_async(kind, &mut reader, buffer).await
        };
        packet.await.map_err(|error: ReadHciError<_>| {
            self.broken.set(true);
            WireError(format!("{error:?}"))
        })
    }

    async fn write<P: PacketToController>(&self, packet: &P) -> Result<(), WireError> {
        let packet = WithIndicator::new(packet);
        let mut bytes = vec![0; packet.size()];
        let written = packet.write_hci(bytes.as_mut_slice());
        written.map_err(|error| WireError(format!("{error:?}")))?;
        // A packet is short and the socket has room: this does not block for long.
        (&self.stream)
            .write_all(&bytes)
            .map_err(|error| WireError(error.to_string()))
    }
}

impl embedded_io::Error for WireError {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::BrokenPipe
    }
}

impl From<ReadHciError<std::convert::Infallible>> for WireError {
    fn from(error: ReadHciError<std::convert::Infallible>) -> Self {
        Self(format!("{error:?}"))
    }
}

//! The Rust code of docs/aioble.md as one program: `cargo run --example aioble`
//!
//! A test checks that the page and this program agree.

use std::process::ExitCode;
use std::time::Duration;

use dongle::security::{Answer, FileStore, IoCapabilities, Level, PairingAgent, Passkey};
use dongle::{Address, Device, DeviceConnection, Dongle, Error, Notified, Properties, Uuid};
use dongle_examples::{Arguments, Result};
use dongle_virtual::{Air, AirConfig, ControllerConfig, Echo, Lock, LockConfig};
use futures_lite::future::{block_on, zip};

fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(block_on(run()))
}

async fn run() -> Result<()> {
    let Arguments { dongle, .. } =
        dongle_examples::arguments("The parts of docs/aioble.md, one after another.")?;
    let simulated = dongle == "virtual";
    let dongle = Dongle::open(dongle).await?;
    everything(&dongle).await?;
    let device = find_heart_rate(&dongle)
        .await?
        .ok_or("no heart-rate sensor")?;
    let mut connection = connect(&device).await?;
    connection = connect_by_stored_address(&dongle, device.address(), connection).await?;
    println!("MTU {}", connection.exchange_mtu(512).await?);
    discover_what_is_known(&connection).await?;
    discover_everything(&connection).await?;
    read(&connection).await?;
    write(&connection).await?;
    notified(&connection).await?;
    // Its three outcomes: done, timed out, disconnected in the middle.
    let patience = Duration::from_secs(5);
    sequence(&connection, patience).await?;
    sequence(&connection, Duration::from_millis(1)).await?;
    let (ended, _) = zip(sequence(&connection, patience), connection.disconnect()).await;
    ended?;
    stream(&dongle).await?;
    keep_connected(&device).await?;
    dongle.close().await;
    if simulated {
        // Not every sensor can do the rest, so it has simulated devices of its own.
        room().await?;
    }
    Ok(())
}

async fn room() -> Result<()> {
    let air = Air::with(AirConfig::paced());
    let lock = Lock::start(&air, LockConfig::default());
    let echo_address = dongle_virtual::Address::random([0x0E, 0xC4, 0x00, 0x0E, 0xC4, 0xC0]);
    let _echo = Echo::start(&air, echo_address);
    let folder = std::env::temp_dir().join(format!("dongle-{}", std::process::id()));
    let channel = air.controller(ControllerConfig::default());
    let store = FileStore::in_folder(&folder);
    let dongle = Dongle::on(channel).bond_store(store).await?;

    let mut connection = connect_to(&dongle, lock.address()).await?;
    read_what_is_long(&connection).await?;
    pair(&connection).await?;
    connection.disconnect().await;
    connection = connect_to(&dongle, lock.address()).await?;
    println!("again: {}", connection.security().level());
    connection.disconnect().await;
    for bond in dongle.bonds() {
        println!("bonded with {}", bond.address);
    }
    dongle.forget(address(lock.address()))?;

    connection = connect_to(&dongle, echo_address).await?;
    channels(&connection).await?;
    dongle.close().await;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn address(of: dongle_virtual::Address) -> Address {
    let mut octets = of.bytes;
    octets.reverse();
    Address::random(octets)
}

async fn connect_to(dongle: &Dongle, to: dongle_virtual::Address) -> Result<DeviceConnection> {
    Ok(dongle.device(address(to)).connect().await?)
}

async fn everything(dongle: &Dongle) -> Result<()> {
    let mut scan = dongle.scan().duration(Duration::from_secs(1)).start()?;
    while let Some(result) = scan.next().await? {
        let services: Vec<_> = result.services().collect();
        println!(
            "{} {:?} {:?} {services:?}",
            result.address(),
            result.name(),
            result.rssi()
        );
        for data in result.manufacturer_data() {
            println!("company {:#06x}: {:02x?}", data.company, data.data);
        }
    }
    Ok(())
}

const HEART_RATE: Uuid = Uuid::from_u16(0x180D);

async fn find_heart_rate(dongle: &Dongle) -> Result<Option<Device>, Error> {
    let five = Duration::from_secs(5);
    let mut scan = dongle.scan().service(HEART_RATE).duration(five).start()?;
    Ok(scan.next().await?.map(|result| result.device()))
}

async fn connect(device: &Device) -> Result<DeviceConnection, Error> {
    match device.connect().timeout(Duration::from_secs(2)).await {
        Err(Error::Timeout) => println!("Timeout"),
        other => return other,
    }
    device.connect().await
}

async fn connect_by_stored_address(
    dongle: &Dongle,
    stored: Address,
    known: DeviceConnection,
) -> Result<DeviceConnection> {
    // As a program would get it from its settings.
    let stored = format!("{stored:#}");
    known.disconnect().await;

    let address: Address = stored.parse()?; // "D0:18:0D:48:52:4D", or with "/public" behind it
    let connection = dongle.device(address).connect().await?;
    Ok(connection)
}

async fn discover_what_is_known(connection: &DeviceConnection) -> Result<()> {
    let service = connection.service(HEART_RATE).await?;
    let measurement = service.characteristic(0x2A37).await?;
    let configuration = measurement.descriptor(0x2902).await?;
    println!("{service:?} {measurement:?} {configuration:?}");
    let batteries = connection.services_by_uuid(0x180F).all().await?;
    println!("{} battery", batteries.len());
    Ok(())
}

async fn discover_everything(connection: &DeviceConnection) -> Result<()> {
    let mut services = connection.services();
    while let Some(service) = services.next().await? {
        println!("{}", service.uuid());
        for characteristic in service.characteristics().all().await? {
            println!(
                "  {} {:?}",
                characteristic.uuid(),
                characteristic.properties()
            );
            if characteristic.properties().contains(Properties::READ) {
                println!("    {:02x?}", characteristic.read().await?);
            }
        }
    }
    Ok(())
}

async fn read(connection: &DeviceConnection) -> Result<()> {
    let service = connection.service(0x180F).await?;
    let battery = service.characteristic(0x2A19).await?;
    let level = battery.read().timeout(Duration::from_secs(1)).await?;
    println!("{level:?}");
    println!("{} %", battery.read_as::<u8>().await?);
    Ok(())
}

async fn read_what_is_long(connection: &DeviceConnection) -> Result<()> {
    let owner = connection.characteristic(0x181C, 0x2A8A).await?;
    let name = [b'A'; 300];
    owner.write(&name).response(true).await?; // in parts, where it does not fit the MTU
    let long = owner.read().await?; // all of it, up to 512 octets
    println!("{} octets, MTU {}", long.len(), connection.mtu());
    Ok(())
}

/// The passkey is on the lock's case.
struct Case;

impl PairingAgent for Case {
    fn capabilities(&self) -> IoCapabilities {
        IoCapabilities::KeyboardOnly
    }

    fn enter(&self, _: Address) -> Answer<'_, Option<Passkey>> {
        Box::pin(async { Passkey::new(123_456) })
    }
}

async fn pair(connection: &DeviceConnection) -> Result<()> {
    let patience = Duration::from_secs(20);
    let pairing = connection.pair().authenticated().agent(Case);
    let security = pairing.timeout(patience).await?;
    println!("{}, {} octets", security.level(), security.key_size);
    if security.level() >= Level::Authenticated {
        let bolt = connection.characteristic(0x1815, 0x2AE2).await?;
        bolt.write(&[1]).await?;
    }
    Ok(())
}

async fn channels(connection: &DeviceConnection) -> Result<()> {
    let mut channel = connection.l2cap_connect(0x80).mtu(512).await?;
    println!(
        "{} octets here, {} there",
        channel.mtu(),
        channel.peer_mtu()
    );
    channel.send(b"hello").await?;
    if let Some(unit) = channel.receive().await? {
        println!("{}", unit.escape_ascii());
    }
    channel.disconnect().await;

    match connection.l2cap_connect(0x81).await {
        Err(Error::L2cap(refusal)) => println!("{refusal}"),
        other => println!("{other:?}"),
    }
    let second = Duration::from_secs(1);
    match connection.l2cap_accept(0x82).timeout(second).await {
        Err(Error::Timeout) => println!("the device opens none"),
        other => println!("{other:?}"),
    }
    Ok(())
}

async fn write(connection: &DeviceConnection) -> Result<()> {
    let service = connection.service(HEART_RATE).await?;
    let control = service.characteristic(0x2A39).await?;
    control.write(&[1]).await?; // with a response if it can't be written without one
    control.write(&[1]).response(true).await?;
    if control
        .properties()
        .contains(Properties::WRITE_WITHOUT_RESPONSE)
    {
        control.write(&[1]).response(false).await?; // an error where it can't be written so
    }
    match control.write(&[2]).response(true).await {
        Err(error) => println!("refused: {error}, code {:?}", error.att().map(|e| e.code)),
        Ok(()) => println!("written"),
    }
    Ok(())
}

async fn notified(connection: &DeviceConnection) -> Result<()> {
    let service = connection.service(HEART_RATE).await?;
    let measurement = service.characteristic(0x2A37).await?;
    let mut values = measurement.subscribe().await?;
    println!("{:?}", values.notified().await?);
    match values.notified().timeout(Duration::from_millis(100)).await {
        Err(error) if error.is_timeout() => println!("nothing within 100 ms"),
        other => println!("{:?}", other?),
    }
    Ok(())
}

async fn sequence(connection: &DeviceConnection, patience: Duration) -> Result<()> {
    let work = connection.timeout(Some(patience), async {
        let service = connection.service(HEART_RATE).await?;
        let place = service.characteristic(0x2A38).await?;
        place.read().await
    });
    match work.await {
        Err(Error::Timeout) => println!("Timeout"),
        Err(Error::Disconnected(reason)) => println!("Disconnected: {reason}"),
        other => println!("{:?}", other?),
    }
    Ok(())
}

async fn stream(dongle: &Dongle) -> Result<()> {
    let device = find_heart_rate(dongle)
        .await?
        .ok_or("no heart-rate sensor")?;
    let connection = device.connect().await?;
    connection.exchange_mtu(512).await?;
    let service = connection.service(HEART_RATE).await?;
    let measurement = service.characteristic(0x2A37).await?;
    let mut values = measurement.subscribe().await?;
    for _ in 0..3 {
        match values.notified().await? {
            Notified::Value(value) => println!("{value:02x?}"),
            Notified::Missed(count) => println!("{count} values were missed"),
        }
    }
    connection.disconnect().await;
    Ok(())
}

async fn keep_connected(device: &Device) -> Result<()> {
    let mut connections = device.stay_connected();
    for _ in 0..2 {
        let connection = connections.next().await?;
        if let Err(error) = one_connection(&connection).await {
            println!("{error}; connecting again");
        }
    }
    Ok(())
}

async fn one_connection(connection: &DeviceConnection) -> Result<()> {
    let service = connection.service(HEART_RATE).await?;
    let measurement = service.characteristic(0x2A37).await?;
    let mut values = measurement.subscribe().await?;
    println!("{:02x?}", values.notified().await?);
    connection.disconnect().await;
    // What the device sends to nobody is an error like any other that ends a connection.
    values.notified().await?;
    Ok(())
}

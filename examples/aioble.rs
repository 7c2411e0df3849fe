//! What docs/aioble.md shows, as one program: `cargo run --example aioble`
//!
//! Each part is a few lines of Python's and what they are here. A test sees that the page and this
//! program say the same.

use std::process::ExitCode;
use std::time::Duration;

use dongle::{Address, Device, DeviceConnection, Dongle, Error, Notified, Properties, Uuid};
use dongle_examples::{Arguments, Result};
use futures_lite::future::block_on;

fn main() -> ExitCode {
    env_logger::init();
    dongle_examples::finish(block_on(run()))
}

async fn run() -> Result<()> {
    let Arguments { dongle, .. } =
        dongle_examples::arguments("The parts of docs/aioble.md, one after another.")?;
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
    sequence(&connection).await?;
    connection.disconnect().await;
    stream(&dongle).await?;
    keep_connected(&device).await?;
    dongle.close().await;
    Ok(())
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
    // As a program would have it from its settings.
    let stored = format!("{stored:#}");
    known.disconnect().await;

    let address: Address = stored.parse()?; // "D0:18:0D:48:52:4D", or with "/public" behind it
    let connection = dongle.device(address).connect().await?;
    Ok(connection)
}

async fn discover_what_is_known(connection: &DeviceConnection) -> Result<()> {
    let service = connection.service(HEART_RATE).await?;
    let measurement = service.characteristic(Uuid::from_u16(0x2A37)).await?;
    let configuration = measurement.descriptor(Uuid::from_u16(0x2902)).await?;
    println!("{service:?} {measurement:?} {configuration:?}");
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
    let service = connection.service(Uuid::from_u16(0x180F)).await?;
    let battery = service.characteristic(Uuid::from_u16(0x2A19)).await?;
    let level = battery.read().timeout(Duration::from_secs(1)).await?;
    println!("{level:?}");

    let service = connection.service(Uuid::from_u16(0x180A)).await?;
    let model = service.characteristic(Uuid::from_u16(0x2A24)).await?;
    let long = model.read().await?; // all of it, up to 512 octets
    println!("{}", String::from_utf8_lossy(&long));
    Ok(())
}

async fn write(connection: &DeviceConnection) -> Result<()> {
    let service = connection.service(HEART_RATE).await?;
    let control = service.characteristic(Uuid::from_u16(0x2A39)).await?;
    control.write(&[1]).await?; // with a response if it can't be written without one
    control.write(&[1]).response(true).await?;
    control.write(&[1]).response(false).await?;
    match control.write(&[2]).response(true).await {
        Err(error) => println!("refused: {error}, code {:?}", error.att().map(|e| e.code)),
        Ok(()) => println!("written"),
    }
    Ok(())
}

async fn notified(connection: &DeviceConnection) -> Result<()> {
    let service = connection.service(HEART_RATE).await?;
    let measurement = service.characteristic(Uuid::from_u16(0x2A37)).await?;
    let mut values = measurement.subscribe().await?;
    println!("{:?}", values.notified().await?);
    match values.notified().timeout(Duration::from_millis(100)).await {
        Err(error) if error.is_timeout() => println!("nothing within 100 ms"),
        other => println!("{:?}", other?),
    }
    Ok(())
}

async fn sequence(connection: &DeviceConnection) -> Result<()> {
    let budget = Some(Duration::from_secs(5));
    let work = connection.timeout(budget, async {
        let service = connection.service(HEART_RATE).await?;
        let place = service.characteristic(Uuid::from_u16(0x2A38)).await?;
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
    let measurement = service.characteristic(Uuid::from_u16(0x2A37)).await?;
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
    let measurement = service.characteristic(Uuid::from_u16(0x2A37)).await?;
    let mut values = measurement.subscribe().await?;
    println!("{:02x?}", values.notified().await?);
    connection.disconnect().await;
    // What the device sends to nobody is an error like any other that ends a connection.
    values.notified().await?;
    Ok(())
}

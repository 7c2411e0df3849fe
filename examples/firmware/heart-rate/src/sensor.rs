//! Follows one sensor: finds it, connects, subscribes, and starts again when the link has ended.

use board::println;
use dongle_central::Duration;
use dongle_central::att::Uuid;
use dongle_central::bearer::ValueKind;
use dongle_central::central::{ConnectConfig, NoPool, ScanConfig};
use dongle_central::client::{Client, Error, Notified};
use dongle_central::gatt::ClientConfiguration;
use dongle_central::gatt::uuids::CLIENT_CONFIGURATION;
use embassy_time::Instant;

use crate::HeartCentral;
use crate::sizes::{Links, MTU, PDU};

pub const HEART_RATE: Uuid = Uuid::from_u16(0x180D);
const MEASUREMENT: Uuid = Uuid::from_u16(0x2A37);
/// Longer than any operation on the radio takes, but shorter than a person would wait.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many links to use: the first is lost, and the second shows that the program reconnects.
const LINKS: u32 = 2;
/// How many values to print on the last of them.
const VALUES: u32 = 10;

/// Follows a sensor for as many links as it should see.
pub async fn follow(central: &HeartCentral) {
    let mut links = 0;
    while links < LINKS {
        let turn = central.mux().reports().turn().await;
        let Some(connection) = connect(central).await else {
            continue;
        };
        drop(turn);
        #[cfg(feature = "security")]
        {
            use dongle_central::security::{Nobody, Requirements};
            let bonds = &central.mux().reports().bonds;
            let wanted = Requirements::default();
            if connection.secure(&wanted, &Nobody, bonds).await.is_err() {
                println!("not secured");
                continue;
            }
            println!("secured");
        }
        links += 1;
        let values = if links == LINKS { VALUES } else { u32::MAX };
        match watch(connection.client().timeout(PATIENCE), values).await {
            Ok(()) => {
                connection.disconnect().await;
                println!("enough");
            }
            // Printing the error would say why, but add 3 KB of text for all possible errors.
            Err(Error::Disconnected(_)) => println!("disconnected"),
            Err(_) => println!("failed"),
        }
    }
}

type Connection<'c> = dongle_central::central::Connection<
    'c,
    'static,
    'static,
    board::hci::HciTransport,
    Links,
    NoPool,
    crate::Finder,
    { crate::sizes::PACKET },
>;

/// Finds a sensor and connects to it.
async fn connect(central: &HeartCentral) -> Option<Connection<'_>> {
    let scan = central.scan(ScanConfig::default()).await.ok()?;
    let peer = central.mux().reports().next().await;
    drop(scan);
    println!("found {:?}", peer.addr);
    let mut config = ConnectConfig::default();
    config.parameters.supervision_timeout = Duration::from_secs(1);
    match central
        .connect(peer, &config, Some(Instant::now() + PATIENCE))
        .await
    {
        Ok(connection) => {
            println!("connected");
            Some(connection)
        }
        Err(_) => {
            println!("no connection");
            None
        }
    }
}

/// Subscribes and prints this many values, or until the link is lost.
async fn watch(client: Client<&Links>, values: u32) -> Result<(), Error> {
    let mut buffer = [0; PDU];
    println!("MTU {}", client.exchange_mtu(MTU).await?.get());
    let Some(service) = client
        .services_by_uuid(HEART_RATE, &mut buffer)
        .next()
        .await?
    else {
        println!("no heart rate");
        return Ok(());
    };
    let mut found = client.characteristics(service.range, Some(MEASUREMENT), &mut buffer);
    let Some(measurement) = found.next().await? else {
        println!("no measurement");
        return Ok(());
    };
    drop(found);
    let mut subscription = client.subscribe(measurement.value_handle, ValueKind::Notification)?;
    let mut descriptors = client.descriptors(measurement.descriptors(), &mut buffer);
    while let Some(descriptor) = descriptors.next().await? {
        if descriptor.uuid == CLIENT_CONFIGURATION {
            let on = ClientConfiguration::NOTIFICATIONS.to_le_bytes();
            client.write(descriptor.handle, &on).await?;
        }
    }
    drop(descriptors);
    println!("subscribed");
    for _ in 0..values {
        match subscription.notified(&mut buffer).await? {
            Notified::Value(length) => beat(buffer.get(..length).unwrap_or_default()),
            Notified::Missed(count) => println!("{count} missed"),
        }
    }
    Ok(())
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

//! The GATT client through the facade, against servers that are not ours and one that is scripted.

#[cfg(unix)]
mod bumble;
mod scripted;
mod server;
mod trouble;

use dongle::{Characteristic, DeviceConnection, Notified, Service, Uuid};
use dongle_tests::bumble::database;

/// The UUID of a number.
fn uuid(number: u16) -> Uuid {
    Uuid::from_le_bytes(database::uuid(number))
}

/// The number of a 128-bit UUID, or the 16-bit one.
fn number(uuid: Uuid) -> u16 {
    let [.., low, high, _, _] = uuid.to_le_bytes();
    uuid.as_u16().unwrap_or(u16::from_le_bytes([low, high]))
}

/// The service with the characteristics that tests are about.
async fn main_service(connection: &DeviceConnection) -> Service {
    connection
        .service(uuid(database::MAIN))
        .await
        .expect("the main service")
}

/// A characteristic of it.
async fn characteristic(service: &Service, number: u16) -> Characteristic {
    service
        .characteristic(uuid(number))
        .await
        .expect("a characteristic")
}

/// The number that a value begins with.
fn counted(value: Notified) -> u32 {
    let value = value.value().expect("nothing is missed");
    u32::from_le_bytes(*value.first_chunk().expect("four octets"))
}

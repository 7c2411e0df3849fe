//! The simulated heart-rate sensor, and the way from a dongle to its values.

use std::time::Duration;

use dongle::{Characteristic, DeviceConnection, Dongle, Uuid};
use dongle_virtual::{Air, HeartRateConfig, HeartRateSensor};

use crate::bench::PATIENCE;

/// The Heart Rate service.
pub const HEART_RATE: Uuid = Uuid::from_u16(0x180D);
/// Its Heart Rate Measurement.
pub const MEASUREMENT: Uuid = Uuid::from_u16(0x2A37);

/// A sensor that notifies at this interval.
pub fn every(air: &Air, interval: Duration) -> HeartRateSensor {
    HeartRateSensor::start(air, HeartRateConfig::default().with_interval(interval))
}

/// Scans for a sensor, connects, and finds its measurement.
pub async fn measurement(dongle: &Dongle) -> (DeviceConnection, Characteristic) {
    let scan = dongle.scan().service(HEART_RATE).duration(PATIENCE).start();
    let mut scan = scan.expect("it scans");
    let sensor = scan.next().await.expect("no error").expect("a sensor");
    drop(scan);
    let connection = sensor.device().connect().await.expect("it connects");
    connection.exchange_mtu(247).await.expect("an MTU");
    let measurement = connection.characteristic(HEART_RATE, MEASUREMENT).await;
    (connection, measurement.expect("a characteristic"))
}

/// The same, and so many values, none of which is missed.
pub async fn beats(dongle: &Dongle, count: usize) -> DeviceConnection {
    let (connection, measurement) = measurement(dongle).await;
    let mut values = measurement.subscribe().await.expect("it subscribes");
    for _ in 0..count {
        let value = values.notified().await.expect("it is connected");
        let value = value.value().expect("none missed");
        assert!(value.len() >= 2 && value[1] > 30, "{value:?}");
    }
    connection
}

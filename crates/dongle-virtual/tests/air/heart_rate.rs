//! The heart-rate sensor as a client sees it.

use std::time::Duration;

use dongle_virtual::peripheral::HeapPool;
use dongle_virtual::{Air, AirConfig, ControllerConfig, HeartRateConfig, HeartRateSensor};
use embassy_futures::select::{Either, select};
use trouble_host::prelude::*;

use super::central::{HostController, HostStack, connect, with_host};

const HRM: Uuid = Uuid::new_short(0x180D);

async fn measurements(stack: &HostStack<'_>, address: Address, count: usize) -> Vec<Vec<u8>> {
    let connection = connect(stack, address).await;
    let client = GattClient::<HostController, HeapPool, 4>::new(stack, &connection).await.unwrap();
    let body = async {
        let services = client.services_by_uuid(&HRM).await.unwrap();
        let service = services.first().expect("a heart rate service").clone();
        let location: Characteristic<u8> =
            client.characteristic_by_uuid(&service, &Uuid::new_short(0x2A38)).await.unwrap();
        let mut place = [0; 1];
        client.read_characteristic(&location, &mut place).await.unwrap();
        assert_eq!(place, [1], "the chest");
        let measurement: Characteristic<[u8]> =
            client.characteristic_by_uuid(&service, &Uuid::new_short(0x2A37)).await.unwrap();
        let mut listener = client.subscribe(&measurement, false).await.unwrap();
        let mut values = Vec::new();
        while values.len() < count {
            values.push(listener.next().await.as_ref().to_vec());
        }
        values
    };
    match select(client.task(), body).await {
        Either::First(end) => panic!("the client ended: {end:?}"),
        Either::Second(values) => values,
    }
}

fn sensor_address(config: &HeartRateConfig) -> Address {
    Address::random(config.address.bytes)
}

#[test]
fn a_client_finds_the_service_and_gets_a_live_heart_rate() {
    let air = Air::new();
    let config = HeartRateConfig::default().with_interval(Duration::from_millis(20));
    let address = sensor_address(&config);
    let _sensor = HeartRateSensor::start(&air, config);
    let values = with_host(&air, ControllerConfig::legacy(), async |stack| {
        measurements(stack, address, 20).await
    });
    for value in &values {
        assert_eq!(value[0] & 0b111, 0b110, "8-bit rate, contact supported and detected");
        assert!((50..110).contains(&value[1]), "{value:?}");
    }
    assert!(values.iter().any(|value| value[0] & 0x08 != 0), "energy now and then");
    assert_eq!(air.violations(), 0);
}

#[test]
fn it_is_there_again_after_a_disconnect() {
    let air = Air::new();
    let config = HeartRateConfig::default().with_interval(Duration::from_millis(5));
    let address = sensor_address(&config);
    let sensor = HeartRateSensor::start(&air, config);
    for _ in 0..3 {
        with_host(&air, ControllerConfig::legacy(), async |stack| {
            assert_eq!(measurements(stack, address, 2).await.len(), 2);
        });
    }
    assert_eq!(sensor.controller().stats().unwrap().connections, 3);
}

#[test]
fn with_pacing_notifications_keep_the_interval() {
    let air = Air::with(AirConfig::paced());
    let config = HeartRateConfig::default().with_interval(Duration::from_millis(100));
    let address = sensor_address(&config);
    let _sensor = HeartRateSensor::start(&air, config);
    with_host(&air, ControllerConfig::zephyr_uart(), async |stack| {
        measurements(stack, address, 5).await;
    });
    assert_eq!(air.violations(), 0);
}

#[test]
fn it_works_on_the_smallest_controllers() {
    for buffers in [1, 2, 8] {
        let air = Air::new();
        let small = ControllerConfig::zephyr_uart().with_acl(buffers, 27);
        let config = HeartRateConfig::default()
            .with_interval(Duration::from_millis(5))
            .with_controller(small.clone());
        let address = sensor_address(&config);
        let sensor = HeartRateSensor::start(&air, config);
        with_host(&air, small, async |stack| {
            measurements(stack, address, 10).await;
        });
        assert_eq!(air.violations(), 0);
        let stats = sensor.controller().stats().unwrap();
        assert!(stats.max_in_flight <= usize::from(buffers), "{stats:?}");
    }
}

#[test]
fn dropping_it_takes_it_out_of_the_air() {
    let air = Air::new();
    let sensor = HeartRateSensor::start(&air, HeartRateConfig::named("gone"));
    assert!(air.find("gone").is_some());
    drop(sensor);
    for _ in 0..500 {
        if air.find("gone").is_none() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("still there");
}

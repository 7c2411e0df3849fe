//! The heart-rate sensor as a client sees it.

use std::time::Duration;

use dongle_virtual::peripheral::HeapPool;
use dongle_virtual::{Air, AirConfig, ControllerConfig, HeartRateConfig, HeartRateSensor};
use embassy_futures::select::{Either, select};
use trouble_host::prelude::*;

use super::central::{HostController, HostStack, connect, until, with_host};
use super::host::Host;

const HRM: Uuid = Uuid::new_short(0x180D);

async fn measurements(stack: &HostStack<'_>, address: Address, count: usize) -> Vec<Vec<u8>> {
    measurements_by(stack, address, count, false).await
}

async fn measurements_by(
    stack: &HostStack<'_>,
    address: Address,
    count: usize,
    extended: bool,
) -> Vec<Vec<u8>> {
    let connection = connect(stack, address, extended).await;
    let client = GattClient::<HostController, HeapPool, 4>::new(stack, &connection)
        .await
        .unwrap();
    let body = async {
        let services = client.services_by_uuid(&HRM).await.unwrap();
        let service = services.first().expect("a heart rate service").clone();
        let location: Characteristic<u8> = client
            .characteristic_by_uuid(&service, &Uuid::new_short(0x2A38))
            .await
            .unwrap();
        let mut place = [0; 1];
        client
            .read_characteristic(&location, &mut place)
            .await
            .unwrap();
        assert_eq!(place, [1], "the chest");
        let measurement: Characteristic<[u8]> = client
            .characteristic_by_uuid(&service, &Uuid::new_short(0x2A37))
            .await
            .unwrap();
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
        assert_eq!(
            value[0] & 0b111,
            0b110,
            "8-bit rate, contact supported and detected"
        );
        assert!((50..110).contains(&value[1]), "{value:?}");
    }
    assert!(
        values.iter().any(|value| value[0] & 0x08 != 0),
        "energy now and then"
    );
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
fn a_central_with_extended_commands_connects_as_well() {
    let air = Air::new();
    let config = HeartRateConfig::default()
        .with_interval(Duration::from_millis(5))
        .with_controller(ControllerConfig::default());
    let address = sensor_address(&config);
    let _sensor = HeartRateSensor::start(&air, config);
    with_host(&air, ControllerConfig::default(), async |stack| {
        measurements_by(stack, address, 3, true).await;
    });
    assert_eq!(air.violations(), 0);
}

#[test]
fn dropping_it_takes_it_out_of_the_air() {
    let air = Air::new();
    let sensor = HeartRateSensor::start(&air, HeartRateConfig::named("gone"));
    assert!(air.find("gone").is_some());
    drop(sensor);
    until("it has gone", || air.find("gone").is_none());
}

#[test]
fn a_burst_of_five_thousand_arrives_whole_and_in_order() {
    let air = Air::new();
    let config = HeartRateConfig::default().with_burst(5000);
    let address = config.address;
    let sensor = HeartRateSensor::start(&air, config);
    let mut host = Host::new(&air, ControllerConfig::zephyr_uart());
    host.connect(address);
    // Read By Type: characteristic declarations, until that of the measurement.
    let mut start = 1_u16;
    let value = loop {
        let [low, high] = start.to_le_bytes();
        host.send_att(&[0x08, low, high, 0xFF, 0xFF, 0x03, 0x28]);
        let answer = host.att();
        assert_eq!(answer[0], 0x09, "{answer:02x?}");
        let found = answer[2..]
            .chunks(usize::from(answer[1]))
            .find(|d| d[5..] == [0x37, 0x2A]);
        match found {
            Some(declaration) => break u16::from_le_bytes([declaration[3], declaration[4]]),
            None => {
                let last = &answer[answer.len() - usize::from(answer[1])..];
                start = u16::from_le_bytes([last[0], last[1]]) + 1;
            }
        }
    };
    let [low, high] = (value + 1).to_le_bytes();
    host.send_att(&[0x12, low, high, 1, 0]);
    assert_eq!(host.att(), [0x13]);
    let [low, high] = value.to_le_bytes();
    for number in 0..5000_u16 {
        let [n0, n1] = number.to_le_bytes();
        assert_eq!(host.att(), [0x1B, low, high, 0x16, 72, n0, n1]);
    }
    assert_eq!(air.violations(), 0);
    assert!(sensor.controller().stats().unwrap().acl_from_host >= 5000);
}

#[test]
fn one_that_never_notifies_serves_all_the_same() {
    let air = Air::new();
    let config = HeartRateConfig::default().with_interval(Duration::MAX);
    let address = sensor_address(&config);
    let _sensor = HeartRateSensor::start(&air, config);
    for _ in 0..2 {
        with_host(&air, ControllerConfig::legacy(), async |stack| {
            measurements(stack, address, 0).await;
        });
    }
}

//! A simulated sensor that pairs, on trouble-host's own peripheral role.

use dongle::security::Level;
use dongle::{Dongle, Uuid};
use dongle_tests::bench::soon;
use dongle_virtual::{Air, AirConfig, ControllerConfig, HeartRateConfig, HeartRateSensor};

#[test]
fn a_sensor_pairs_and_is_encrypted_from_then_on() {
    let air = Air::with(AirConfig::free_running());
    let _sensor = HeartRateSensor::start(&air, HeartRateConfig::default());
    let dongle = soon(Dongle::on(air.controller(ControllerConfig::default())));
    let dongle = dongle.expect("the dongle opens");
    let mut scan = dongle
        .scan()
        .service(Uuid::from_u16(0x180D))
        .start()
        .expect("it scans");
    let sensor = soon(scan.next())
        .expect("it scans")
        .expect("a sensor")
        .device();
    drop(scan);

    let connection = soon(sensor.connect()).expect("the sensor is there");
    let security = soon(connection.pair()).expect("it pairs");
    assert_eq!(security.level(), Level::Encrypted);
    assert!(security.secure_connections && security.bonded);
    // Its answer comes behind our last key, without which it keeps no bond.
    soon(connection.service(Uuid::from_u16(0x180D))).expect("a service");
    soon(connection.disconnect());

    for _ in 0..3 {
        let connection = soon(sensor.connect()).expect("the sensor is there");
        assert_eq!(connection.security(), security);
        let service = soon(connection.service(Uuid::from_u16(0x180D))).expect("a service");
        let value = soon(service.characteristic(Uuid::from_u16(0x2A37))).expect("a value");
        let mut values = soon(value.subscribe()).expect("it subscribes");
        soon(values.notified()).expect("it beats");
        soon(connection.disconnect());
    }
}

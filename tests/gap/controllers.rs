//! Controllers that are not as most are, and are served all the same.

use dongle::{Dongle, Uuid};
use dongle_tests::bench::soon;
use dongle_virtual::{Air, ControllerConfig};

use crate::World;

/// Finds a device, connects, and reads and writes more than fits one packet.
fn assert_serves(world: &World) {
    let (_peer, address) = world.peer(1);
    let scan = world.dongle.scan().address(address).start();
    assert!(soon(scan.unwrap().next()).unwrap().is_some());
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    soon(connection.exchange_mtu(247)).unwrap();
    let service = soon(connection.service(Uuid::from_u16(0x180D))).unwrap();
    let control = soon(service.characteristic(Uuid::from_u16(0x2A39))).unwrap();
    for _ in 0..50 {
        soon(control.write(&[7; 240])).unwrap();
    }
    assert_eq!(world.air.violations(), 0);
}

#[test]
fn one_that_shares_its_buffers_with_br_edr_is_served() {
    let mut config = ControllerConfig::legacy().with_acl(3, 192);
    config.shared_buffers = true;
    let world = World::with(config);
    let info = world.dongle.info();
    assert_eq!((info.acl_packets, info.acl_data_length), (3, 192));
    assert_serves(&world);
}

#[test]
fn one_that_tells_of_no_buffers_at_all_is_refused_with_the_reason() {
    let mut config = ControllerConfig::legacy();
    config.shared_buffers = true;
    config.read_buffer_size = false;
    let error = soon(Dongle::on(Air::new().controller(config))).unwrap_err();
    assert!(error.to_string().contains("no buffers for data"), "{error}");
}

#[test]
fn one_with_br_edr_is_told_that_its_host_knows_le() {
    let mut config = ControllerConfig::legacy();
    config.dual_mode = true;
    assert_serves(&World::with(config));
}

#[test]
fn one_that_knows_no_other_than_br_edr_is_refused_with_the_reason() {
    let (controller, channel) = Air::new().attach(ControllerConfig::default());
    // All of LE that is asked of it at first.
    for opcode in [0x2001, 0x2005, 0x2018] {
        controller.refuse(opcode, Some(0x01));
    }
    let error = soon(Dongle::on(channel)).unwrap_err();
    assert!(
        error.to_string().contains("does not know Bluetooth LE"),
        "{error}"
    );
}

#[test]
fn one_that_refuses_events_newer_than_itself_is_served_without_them() {
    for status in [0x01, 0x11, 0x12] {
        let (controller, channel) = Air::new().attach(ControllerConfig::legacy());
        // Set Event Mask Page 2.
        controller.refuse(0x0C63, Some(status));
        soon(Dongle::on(channel)).unwrap();
    }
}

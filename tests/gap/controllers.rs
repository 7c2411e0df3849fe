//! Controllers that are not as most are, and are served all the same.

use std::thread;
use std::time::Duration;

use dongle::{Address, Dongle, Error, Phys, Uuid};
use dongle_tests::bench::{soon, until};
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

/// LE Set Scan Parameters, LE Set Scan Enable, and the same of extended scanning.
const SCANS: [(u16, u16); 2] = [(0x200B, 0x200C), (0x2041, 0x2042)];

#[test]
fn one_that_refuses_to_scan_ends_the_scan_and_neither_connections_nor_the_next_one() {
    for (config, (parameters, enable)) in [ControllerConfig::legacy(), ControllerConfig::default()]
        .into_iter()
        .zip(SCANS)
    {
        let world = World::with(config);
        let (_peer, address) = world.peer(1);
        let connection = soon(world.dongle.device(address).connect()).unwrap();
        for opcode in [parameters, enable] {
            for status in [0x07, 0x09, 0x0C, 0x12] {
                world.controller.refuse(opcode, Some(status));
                let mut scan = world.dongle.scan().start().unwrap();
                let error = soon(scan.next()).unwrap_err();
                assert!(matches!(error, Error::Hci(s) if s == status), "{error}");
                assert!(soon(connection.rssi()).is_ok(), "{opcode:04X} {status:02X}");
                world.controller.refuse(opcode, None);
                let (_other, other) = world.peer(2);
                let mut scan = world.dongle.scan().address(other).start().unwrap();
                assert!(soon(scan.next()).unwrap().is_some());
                drop(scan);
                soon(until("it has ended", || !world.controller.is_scanning()));
            }
        }
    }
}

/// A status that a command is refused with for good says nothing of the kind where an attempt ends with it.
#[test]
fn an_attempt_that_ends_with_unsupported_feature_leaves_extended_commands_as_they_are() {
    for status in [0x01, 0x11] {
        let world = World::with(ControllerConfig::default());
        let nobody = world.dongle.device(Address::random([0xC9; 6]));
        let connecting = thread::spawn(move || soon(nobody.connect()));
        soon(until("it looks", || world.controller.is_initiating()));
        let mut complete = vec![0x04, 0x3E, 31, 0x0A, status];
        complete.resize(34, 0);
        world.controller.inject(&complete);
        let error = connecting.join().unwrap().unwrap_err();
        assert!(matches!(error, Error::Hci(s) if s == status), "{error:?}");
        let coded = world.dongle.scan().phys(Phys::Coded);
        let mut coded = coded.duration(Duration::from_millis(50)).start().unwrap();
        assert!(soon(coded.next()).unwrap().is_none());
    }
}

/// It would not take legacy commands after an extended one that it knows, and counts that.
#[test]
fn one_that_claims_extended_commands_and_refuses_them_is_served_by_legacy_ones() {
    for status in [0x01, 0x11] {
        for opcodes in [&[0x2041_u16, 0x2042, 0x2043][..], &[0x2043]] {
            let world = World::with(ControllerConfig::default());
            for opcode in opcodes {
                world.controller.refuse(*opcode, Some(status));
            }
            let (_peer, address) = world.peer(1);
            let device = world.dongle.device(address);
            if opcodes.len() == 1 {
                drop(soon(device.connect()).unwrap());
            }
            assert_serves(&world);
            assert!(soon(device.connect()).unwrap().is_connected());
            // It is not asked again.
            for opcode in opcodes {
                world.controller.leave_unanswered(*opcode, true);
                world.controller.refuse(*opcode, None);
            }
            assert_serves(&world);
            let coded = world.dongle.scan().phys(Phys::Coded).start();
            let error = soon(coded.unwrap().next()).unwrap_err();
            assert!(matches!(error, Error::Hci(0x11)), "{error}");
        }
    }
}

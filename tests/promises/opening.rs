//! What a user reads when a dongle can not be opened: one line, soon.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use dongle::{Dongle, Error};
use dongle_tests::bench::{STALL, soon};

/// Opens what can't be opened; the line it gives, and does not keep the user waiting for.
fn refused(spec: &str) -> String {
    let begun = Instant::now();
    let error = soon(Dongle::open(spec)).unwrap_err();
    let took = begun.elapsed();
    assert!(took < STALL, "{spec}: {took:?}");
    let line = error.to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

#[test]
fn a_wrong_spec_names_the_spellings() {
    let line = refused("bluetooth0");
    assert!(
        line.contains("bluetooth0") && line.contains("serial:"),
        "{line}"
    );
}

#[test]
fn a_missing_device_is_named() {
    let line = refused("serial:/dev/ttyNOSUCH7,1000000");
    assert!(line.contains("/dev/ttyNOSUCH7"), "{line}");
}

#[test]
fn a_refused_connection_is_named() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let line = refused(&format!("tcp-client:{free}"));
    assert!(line.contains(&free.port().to_string()), "{line}");
}

#[test]
fn a_controller_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let spec = format!("tcp-client:{}", silent.local_addr().unwrap());
    let line = refused(&spec);
    assert!(line.contains("did not answer"), "{line}");
    drop(silent);
}

#[test]
fn a_controller_without_bluetooth_le_is_refused_with_the_reason() {
    let air = dongle_virtual::Air::new();
    let (controller, channel) = air.attach(dongle_virtual::ControllerConfig::default());
    // LE Set Event Mask: Unknown HCI Command.
    controller.refuse(0x2001, Some(0x01));
    let error = soon(Dongle::on(channel)).unwrap_err();
    assert!(
        error.to_string().contains("does not know Bluetooth LE"),
        "{error}"
    );
}

#[test]
fn what_can_never_be_opened_is_not_tried_again() {
    let air = dongle_virtual::Air::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = dongle_virtual::serve::serve_tcp(listener, &air, Default::default()).unwrap();
    let spec = format!("tcp-client:{}", server.local_addr());
    let public = "C6:05:04:03:02:01/public".parse().unwrap();
    let open = Dongle::open(spec).address(public);
    let error = soon(open.retry(Duration::from_millis(200))).unwrap_err();
    assert!(matches!(error, Error::InvalidParameter(_)), "{error}");
}

#[test]
fn what_the_controller_is_can_be_read() {
    let air = dongle_virtual::Air::new();
    let config = dongle_virtual::ControllerConfig::default().with_acl(3, 100);
    let dongle = soon(Dongle::on(air.controller(config))).unwrap();
    let info = dongle.info();
    assert_eq!((info.acl_packets, info.acl_data_length), (3, 100));
    assert!(info.hci_version.is_some() && info.manufacturer.is_some());
}

#[test]
fn what_crossed_the_wire_is_counted_and_can_be_read_when_it_is_down() {
    let air = dongle_virtual::Air::new();
    let (controller, channel) = air.attach(dongle_virtual::ControllerConfig::default());
    let dongle = soon(Dongle::on(channel)).unwrap();
    let open = dongle.statistics();
    assert!(open.packets_to_controller > 0 && open.packets_to_host > 0);
    soon(dongle.close());
    drop(controller);
    let after = dongle.statistics();
    assert!(after.packets_to_controller >= open.packets_to_controller);
    assert_eq!(dongle.statistics(), after);
}

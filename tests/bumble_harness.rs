//! The harness around Bumble does what the tests that use it rely on.
#![cfg(unix)]
// What the tests share panics as they do.
#![allow(clippy::expect_used, clippy::panic)]

use dongle_tests::bumble::{self, Bumble, PATIENCE, Wire, python_environment};
use hci_transport::HciChannel;
use serde_json::json;

const READ_BD_ADDR: u16 = 0x1009;
const READ_REMOTE_VERSION: u16 = 0x041d;
const LE_READ_BUFFER_SIZE: u16 = 0x2002;
const LE_SET_RANDOM_ADDRESS: u16 = 0x2005;
const LE_SET_SCAN_ENABLE: u16 = 0x200c;
const LE_CREATE_CONNECTION: u16 = 0x200d;
const LE_CREATE_CONNECTION_CANCEL: u16 = 0x200e;

#[test]
fn a_controller_answers_over_tcp() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    answers(&bumble, Wire::Tcp);
}

#[test]
fn a_controller_answers_over_a_pty() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    answers(&bumble, Wire::Pty);
}

fn answers(bumble: &Bumble, wire: Wire) {
    let controller = bumble.controller(wire).acl_buffers(2, 251).start();
    // A host that leaves in the middle of a scan, and another after it.
    for _ in 0..3 {
        let host = Host::open(controller.spec());
        assert_eq!(
            host.complete(READ_BD_ADDR, &[]),
            [0x00, 0x01, 0x00, 0x00, 0xee, 0xff, 0xc0],
        );
        assert_eq!(host.complete(LE_READ_BUFFER_SIZE, &[]), [0x00, 251, 0, 2]);
        assert_eq!(host.complete(LE_SET_SCAN_ENABLE, &[1, 0]), [0x00]);
        host.event(0x3e);
    }
}

#[test]
fn bumble_s_host_finds_bumble_s_heart_rate() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let mut controller = bumble.controller(Wire::Tcp).extended().start();
    let mut host = bumble.host(controller.spec(), &["--count", "5", "--cycles", "2"]);
    for _ in 0..2 {
        assert_eq!(host.event("found")["name"], "Bumble Heart");
        assert_eq!(host.event("mtu")["mtu"], 247);
        assert_eq!(host.event("battery")["percent"], 87);
        for bpm in 60..65 {
            assert_eq!(host.event("notified")["bpm"], bpm);
        }
        assert_eq!(controller.event("connected")["peripheral"], "Bumble Heart");
        assert_eq!(controller.event("subscribed")["uuid"], "2A37");
        assert_eq!(controller.event("disconnected")["reason"], 0x13);
    }
    host.event("finished");
    host.finish();
}

#[test]
fn a_peripheral_is_told_to_advertise_and_to_disconnect() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let mut controller = bumble.controller(Wire::Tcp).silent().start();
    let mut host = bumble.host(controller.spec(), &["--count", "1000000"]);
    host.event("powered_on");
    controller.command(&json!({"do": "advertise", "on": true}));
    host.event("subscribed");
    controller.command(&json!({"do": "disconnect", "reason": 0x15}));
    assert_eq!(controller.event("disconnected")["reason"], 0x15);
}

#[test]
fn every_command_of_a_repaired_controller_is_answered() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let controller = bumble.controller(Wire::Tcp).start();
    let host = Host::open(controller.spec());
    assert_eq!(host.status(READ_REMOTE_VERSION, &[1, 0]), 0x01);
    // One that Bumble has never heard of.
    assert_eq!(host.status(0xfc42, &[]), 0x01);
}

#[test]
fn a_controller_that_is_as_it_is_leaves_a_command_unanswered() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let controller = bumble.controller(Wire::Tcp).as_is().start();
    let host = Host::open(controller.spec());
    host.send(READ_REMOTE_VERSION, &[1, 0]);
    // Commands are carried out in order, so the next one's answer shows that there is none.
    host.send(READ_BD_ADDR, &[]);
    let next = host.packet();
    assert_eq!(next.get(4..6), Some(&READ_BD_ADDR.to_le_bytes()[..]));
}

#[test]
fn a_repaired_controller_cancels_a_connection() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let controller = bumble.controller(Wire::Tcp).peripherals(0).start();
    let host = Host::open(controller.spec());
    host.complete(LE_SET_RANDOM_ADDRESS, &[1, 2, 3, 4, 5, 0xc6]);
    let create = [
        0x10, 0x00, 0x10, 0x00, 0x00, 0x01, 1, 1, 1, 1, 1, 0xc1, 0x01, 0x18, 0x00, 0x18, 0x00,
        0x00, 0x00, 0x48, 0x00, 0x00, 0x00, 0x00, 0x00,
    ];
    for _ in 0..2 {
        assert_eq!(host.status(LE_CREATE_CONNECTION, &create), 0x00);
        assert_eq!(host.complete(LE_CREATE_CONNECTION_CANCEL, &[]), [0x00]);
        // LE Connection Complete: Unknown Connection Identifier.
        assert_eq!(host.event(0x3e).get(3..5), Some(&[0x01, 0x02][..]));
    }
    assert_eq!(host.complete(LE_CREATE_CONNECTION_CANCEL, &[]), [0x0c]);
}

#[test]
fn the_gatt_server_starts() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let controller = bumble.controller(Wire::Tcp).gatt_server().start();
    let arguments = ["--service", "180f", "--count", "0"];
    let mut host = bumble.host(controller.spec(), &arguments);
    let services = &host.event("discovered")["services"];
    let crowd = "D09E0002-3C1F-4E4B-9A52-6D1F1C0FFEE0";
    let characteristics = services[crowd].as_array().map(Vec::len);
    assert_eq!(characteristics, Some(bumble::database::CROWD_SIZE.into()));
}

#[test]
fn a_dropped_script_is_gone() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let controller = bumble.controller(Wire::Tcp).start();
    let spec = controller.spec().parse().expect("a spec");
    drop(controller);
    let error = hci_transport::open(&spec).expect_err("nobody listens");
    assert_eq!(error.kind(), hci_transport::ErrorKind::NotFound);
}

#[test]
fn a_script_that_fails_shows_why() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let mut script = bumble.script("controller.py", &["--transport", "pigeon"]);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        script.event("ready");
    }));
    let payload = outcome.expect_err("there is no such transport");
    let message = payload.downcast_ref::<String>().map(String::as_str);
    assert!(
        message.is_some_and(|text| text.contains("invalid choice: 'pigeon'")),
        "{message:?}"
    );
}

#[test]
fn the_environment_is_made_once() {
    let Some(_bumble) = bumble::required() else {
        return;
    };
    let made = || {
        let python = python_environment().expect("it was there a moment ago");
        // ENVIRONMENT/bin/python
        let environment = python.ancestors().nth(2).expect("a folder");
        let ready = std::fs::metadata(environment.join("ready")).expect("it is whole");
        ready.modified().expect("a time")
    };
    assert_eq!(made(), made());
}

/// A host that sends raw commands.
struct Host {
    channel: HciChannel,
}

impl Host {
    fn open(spec: &str) -> Self {
        let spec = spec.parse().expect("a spec");
        let channel = hci_transport::open(&spec).expect("a controller that answers");
        Self { channel }
    }

    fn send(&self, opcode: u16, parameters: &[u8]) {
        let [low, high] = opcode.to_le_bytes();
        let length = u8::try_from(parameters.len()).expect("parameters fit a command");
        let command = [&[0x01, low, high, length], parameters].concat();
        self.channel.write_packet_blocking(&command).expect("sent");
    }

    /// The return parameters of a command that completes.
    fn complete(&self, opcode: u16, parameters: &[u8]) -> Vec<u8> {
        self.send(opcode, parameters);
        loop {
            let packet = self.event(0x0e);
            if packet.get(4..6) == Some(&opcode.to_le_bytes()) {
                return packet.get(6..).unwrap_or_default().to_vec();
            }
        }
    }

    /// The status of a command that begins something.
    fn status(&self, opcode: u16, parameters: &[u8]) -> u8 {
        self.send(opcode, parameters);
        match *self.event(0x0f) {
            [_, _, _, status, _, low, high] if u16::from_le_bytes([low, high]) == opcode => status,
            ref packet => panic!("no status of {opcode:#06x}: {packet:02x?}"),
        }
    }

    /// The next event of a kind; others are thrown away.
    fn event(&self, code: u8) -> Vec<u8> {
        loop {
            let packet = self.packet();
            if packet.starts_with(&[0x04, code]) {
                return packet;
            }
        }
    }

    fn packet(&self) -> Vec<u8> {
        let mut packet = Vec::new();
        let read = self.channel.read_packet_timeout(&mut packet, PATIENCE);
        assert!(read.expect("the controller is there"), "a packet");
        packet
    }
}

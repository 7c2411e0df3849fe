//! Which adapter is opened, what is said where there is none, and how those that are there are listed.

use hci_transport::{Error, ErrorKind, open};

use super::tests::{RESET_DONE, adapter, open_with, opened, spec};
use super::usbfs::{self, Config};

fn refused(line: &str, kind: ErrorKind, parts: &[&str]) -> Error {
    let error = open(&spec(line)).unwrap_err();
    let said = error.to_string();
    assert_eq!(error.kind(), kind, "{said}");
    for part in parts {
        assert!(said.contains(part), "'{part}' isn't in: {said}");
    }
    assert!(said.contains(line) && !said.contains('\n'), "{said}");
    error
}

pub fn busy() {
    let _device = adapter(Config {
        claimed: true,
        driver: Some("usbfs"),
        ..Config::default()
    });
    refused(
        "usb:0",
        ErrorKind::Busy,
        &["held by another program; end it (sudo lsof /dev/bus/usb/001/002 shows it)"],
    );
}

pub fn denied() {
    let _device = adapter(Config {
        open_error: Some(libc::EACCES),
        ..Config::default()
    });
    refused(
        "usb:0a12:0001",
        ErrorKind::PermissionDenied,
        &[
            "ATTR{idVendor}==\"0a12\", ATTR{idProduct}==\"0001\"",
            "/etc/udev/rules.d",
            "udevadm",
        ],
    );
}

pub fn no_bus() {
    usbfs::install();
    refused("usb:0", ErrorKind::NotFound, &["no USB bus", "container"]);
}

pub fn instead() {
    let _device = adapter(Config {
        vendor: 0x046d,
        product: 0xc31c,
        device_class: [0, 0, 0],
        interface_class: [3, 1, 1],
        manufacturer: "Logitech",
        name: "USB Keyboard",
        ..Config::default()
    });
    refused(
        "usb:0",
        ErrorKind::NotFound,
        &[
            "no Bluetooth adapter on USB",
            "046d:c31c (Logitech USB Keyboard)",
        ],
    );
}

pub fn several() {
    usbfs::install();
    let serials = ["A1", "B2", "C3"];
    let devices = serials.map(|serial| {
        usbfs::plug_in(Config {
            serial,
            ..Config::default()
        })
    });
    for (index, device) in devices.iter().enumerate() {
        drop(open_with(&format!("usb:{index}"), device, |_| ()));
        let line = format!("usb:0a12:0001/{}", serials[index]);
        let channel = open_with(&line, device, |_| ());
        assert_eq!(channel.name(), line);
    }
    drop(open_with("usb:0a12:0001", &devices[0], |_| ()));
    refused(
        "usb:3",
        ErrorKind::NotFound,
        &["those there are: usb:0 is 0a12:0001 (Emulated Dongle)"],
    );
    refused(
        "usb:1234:5678",
        ErrorKind::NotFound,
        &["those there are: usb:0"],
    );
    refused(
        "usb:0a12:0001/D4",
        ErrorKind::NotFound,
        &["another serial number: A1, B2, C3"],
    );
}

pub fn vendor_class() {
    usbfs::install();
    let class = Config {
        device_class: [0xff, 1, 1],
        interface_class: [0xff, 1, 1],
        ..Config::default()
    };
    let _other = usbfs::plug_in(Config {
        vendor: 0x1111,
        ..class.clone()
    });
    let known = usbfs::plug_in(Config {
        vendor: 0x0a5c,
        product: 0x21e8,
        ..class
    });
    drop(open_with("usb:0", &known, |_| ()));
}

pub fn firmware() {
    let device = adapter(Config {
        vendor: 0x0bda,
        product: 0x8771,
        ..Config::default()
    });
    refused(
        "usb:0",
        ErrorKind::NoAnswer,
        &["did not answer HCI Reset", "Realtek", "linux-firmware"],
    );
    assert!(device.has_driver());
}

pub fn listed() {
    usbfs::install();
    assert_eq!(hci_transport::list(), []);
    let same = |serial| {
        usbfs::plug_in(Config {
            serial,
            ..Config::default()
        })
    };
    same("A1");
    same("B2");
    let single = Config {
        vendor: 0x0bda,
        product: 0x8771,
        name: "RTL8761B",
        driver: None,
        ..Config::default()
    };
    usbfs::plug_in(single);
    usbfs::plug_in(Config {
        device_class: [0, 0, 0],
        interface_class: [3, 1, 1],
        ..Config::default()
    });
    let lines: Vec<_> = hci_transport::list()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        lines[..3],
        [
            "usb:0a12:0001/A1  Emulated Dongle, serial number A1, held by btusb",
            "usb:0a12:0001/B2  Emulated Dongle, serial number B2, held by btusb",
            "usb:0bda:8771  Emulated RTL8761B, serial number 0001, needs firmware",
        ]
    );
    // What nobody can type names nothing.
    same("\x1B[2J");
    same("C 3");
    let specs: Vec<_> = hci_transport::list()
        .iter()
        .map(|candidate| candidate.spec.to_string())
        .collect();
    assert_eq!(specs[3..], ["usb:3", "usb:4"], "{specs:?}");
}

pub fn captured() {
    let path = std::env::var(hci_transport::SNOOP_VARIABLE).unwrap();
    let device = adapter(Config::default());
    let _channel = opened(&device);
    let bytes = std::fs::read(path).unwrap();
    // The reset and its completion, from the very first packet on.
    assert!(bytes.starts_with(b"btsnoop\0"));
    assert_eq!(bytes[16 + 24..16 + 24 + 4], [0x01, 0x03, 0x0c, 0x00]);
    assert!(bytes.ends_with(&RESET_DONE));
}

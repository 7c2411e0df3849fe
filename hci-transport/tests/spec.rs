//! The lines that name controllers: what they mean, and what is said about wrong ones.
#![allow(clippy::unwrap_used)]

use hci_transport::{ErrorKind, Snoop, Spec, UsbAddress};

fn parse(line: &str) -> Spec {
    line.parse().unwrap()
}

fn serial(path: &str, baud: u32, rtscts: bool) -> Spec {
    Spec::Serial {
        path: path.into(),
        baud,
        rtscts,
    }
}

fn recorded(spec: Spec, snoop: Snoop) -> Spec {
    Spec::Recorded {
        spec: Box::new(spec),
        snoop,
    }
}

fn tcp(host: &str, port: u16) -> Spec {
    Spec::TcpClient {
        host: host.into(),
        port,
    }
}

#[test]
fn every_spelling_means_what_it_says() {
    for (line, spec) in [
        (
            "serial:/dev/ttyACM0",
            serial("/dev/ttyACM0", 1_000_000, false),
        ),
        (
            "serial:/dev/ttyACM0,1000000,rtscts",
            serial("/dev/ttyACM0", 1_000_000, true),
        ),
        (
            "serial:/dev/ttyUSB1,rtscts,115200",
            serial("/dev/ttyUSB1", 115_200, true),
        ),
        (
            "serial:/dev/ttyUSB1,nortscts",
            serial("/dev/ttyUSB1", 1_000_000, false),
        ),
        ("serial:COM3", serial("COM3", 1_000_000, false)),
        (" serial:COM3, 230400 ", serial("COM3", 230_400, false)),
        (
            "serial:/dev/ttyUSB0,h5,115200",
            Spec::ThreeWire {
                path: "/dev/ttyUSB0".into(),
                baud: 115_200,
                rtscts: false,
            },
        ),
        ("tcp-client:localhost:9000", tcp("localhost", 9000)),
        ("tcp-client:[::1]:9000", tcp("::1", 9000)),
        ("tcp-client:192.0.2.1:1", tcp("192.0.2.1", 1)),
        (
            "unix-client:/tmp/a:b,c",
            Spec::UnixClient {
                path: "/tmp/a:b,c".into(),
            },
        ),
        ("usb:0", Spec::Usb(UsbAddress::Index(0))),
        (
            "usb:0a12:0001",
            Spec::Usb(UsbAddress::Id {
                vendor: 0x0a12,
                product: 1,
            }),
        ),
        (
            "usb:0a12:0001/A1:B2",
            Spec::Usb(UsbAddress::Serial {
                vendor: 0x0a12,
                product: 1,
                serial: "A1:B2".into(),
            }),
        ),
        ("hci-user:1", Spec::HciUser(1)),
        ("virtual", Spec::Virtual),
        (
            "virtual,snoop=a b.btsnoop",
            recorded(Spec::Virtual, Snoop::to("a b.btsnoop")),
        ),
        (
            "serial:COM3,snoop=x,115200,snoop-keys",
            recorded(serial("COM3", 115_200, false), Snoop::to("x").keys(true)),
        ),
        (
            "unix-client:/tmp/a,b,snoop=/tmp/c",
            recorded(
                Spec::UnixClient {
                    path: "/tmp/a,b".into(),
                },
                Snoop::to("/tmp/c"),
            ),
        ),
    ] {
        assert_eq!(parse(line), spec, "{line}");
    }
}

#[test]
fn a_spec_is_shown_as_it_is_written() {
    for line in [
        "serial:/dev/ttyACM0,1000000,rtscts",
        "serial:COM3,115200",
        "serial:COM3,115200,rtscts,h5",
        "tcp-client:localhost:9000",
        "tcp-client:[fe80::1%eth0]:9000",
        "unix-client:/run/hci",
        "usb:3",
        "usb:0a12:0001",
        "usb:0a12:0001/5CF3",
        "hci-user:0",
        "virtual",
        "usb:0,snoop=trace.btsnoop",
        "serial:COM3,115200,snoop=/tmp/x,snoop-keys",
    ] {
        assert_eq!(parse(line).to_string(), line);
    }
}

#[test]
fn a_wrong_line_is_told_what_is_wrong_and_how_to_write_it() {
    for (line, expected) in [
        (
            "",
            "'' names no controller: no controller is named; write serial:PATH[,BAUD][,rtscts][,h5], tcp-client:HOST:PORT, unix-client:PATH, usb:INDEX, usb:VENDOR:PRODUCT[/SERIAL] (hexadecimal), hci-user:INDEX or virtual, and behind any of them ,snoop=FILE to record it",
        ),
        (
            "bluetooth:0",
            "there is no transport 'bluetooth'; write serial:PATH",
        ),
        (
            "/dev/ttyACM0",
            "no kind of transport; write serial:/dev/ttyACM0",
        ),
        ("COM3", "no kind of transport; write serial:COM3"),
        (
            "serial",
            "no serial port; write serial:PATH[,BAUD][,rtscts|nortscts][,h5], for example serial:/dev/ttyACM0,1000000,rtscts",
        ),
        ("serial:,115200", "no serial port"),
        (
            "serial:/dev/ttyACM0,fast",
            "unknown option 'fast', known are a baud rate, rtscts, nortscts, h5 and snoop=FILE",
        ),
        ("serial:/dev/ttyACM0,115200x", "'115200x' is no baud rate"),
        ("serial:/dev/ttyACM0,0", "'0' is no baud rate"),
        (
            "serial:/dev/ttyACM0,99999999999",
            "'99999999999' is no baud rate",
        ),
        ("serial:/dev/ttyACM0,,rtscts", "an option is empty"),
        (
            "serial:/dev/ttyACM0,rtscts,nortscts",
            "'nortscts' says it twice",
        ),
        (
            "tcp-client:localhost",
            "no port; write tcp-client:HOST:PORT",
        ),
        ("tcp-client:localhost:", "'' is no port (1 to 65535)"),
        ("tcp-client:localhost:0", "'0' is no port"),
        ("tcp-client:localhost:http", "'http' is no port"),
        ("tcp-client::9000", "no host"),
        ("tcp-client:[]:9000", "no host"),
        ("tcp-client:::1:9000", "an IPv6 address stands in brackets"),
        ("unix-client:", "no path; write unix-client:PATH"),
        ("usb", "no USB adapter"),
        ("usb:first", "'first' is no adapter's number"),
        ("usb:0a12:", "'' is no USB identifier"),
        ("usb:0a12:00001", "'00001' is no USB identifier"),
        ("usb:+a12:0001", "'+a12' is no USB identifier"),
        ("usb:0a12:0001/", "the serial number is empty; write usb:0"),
        (
            "hci-user:hci0",
            "'hci0' is no controller's number; write hci-user:0",
        ),
        ("usb:0,snoop=", "no file to record to; write ,snoop=FILE"),
        ("usb:0,snoop=a,snoop=b", "two files to record to"),
        ("usb:0,snoop-keys", "snoop-keys without a file to record to"),
        (
            "virtual:2",
            "a virtual controller takes no options; write virtual",
        ),
    ] {
        let error = line.parse::<Spec>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidSpec, "{line}");
        let said = error.to_string();
        assert!(said.contains(expected), "{line}: {said}");
        assert!(
            said.starts_with(&format!("'{line}' names no controller: ")),
            "{said}"
        );
        assert!(!said.contains('\n'));
    }
}

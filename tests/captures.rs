//! Captures of whole sessions, read by Wireshark's own dissectors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dongle::Dongle;
use dongle_tests::bench::soon;
use dongle_tests::sensor::{self, beats};
use dongle_virtual::serve::serve_tcp;
use dongle_virtual::{Air, ControllerConfig};

const VALUES: usize = 5;

/// The capture of a session in which a heart rate sensor is found, read and heard.
fn session(path: &Path) {
    let air = Air::new();
    let _sensor = sensor::every(&air, Duration::from_millis(20));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _server = serve_tcp(listener, &air, ControllerConfig::default()).unwrap();
    let spec = format!("tcp-client:{address},snoop={}", path.display());
    soon(async {
        let dongle = Dongle::open(spec).await.unwrap();
        let connection = beats(&dongle, VALUES).await;
        connection.disconnect().await;
        dongle.close().await;
    });
}

/// tshark, for a test that needs it: told where it is missing, and a failure where `CI` is set.
fn has_tshark() -> bool {
    let found = Command::new("tshark").arg("--version").output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        assert!(
            std::env::var_os("CI").is_none(),
            "tshark can't be run: apt install tshark"
        );
        let line = "skipped: tshark can't be run; apt install tshark";
        // Not `eprintln!`, which the test runner keeps to itself when a test passes.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    found
}

/// The fields of the packets that `filter` finds, a packet a line.
fn tshark(path: &Path, filter: &str, fields: &[&str]) -> Vec<String> {
    let mut command = Command::new("tshark");
    command
        .arg("-r")
        .arg(path)
        .args(["-Y", filter, "-T", "fields"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

struct Capture(PathBuf);

impl Capture {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("{name}-{}.btsnoop", std::process::id())))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn wireshark_finds_the_whole_exchange_of_a_session() {
    if !has_tshark() {
        return;
    }
    let capture = Capture::new("session");
    let before = SystemTime::now();
    session(&capture.0);
    let path = &capture.0;

    // The first packet is the reset, the second its completion.
    let opcodes = tshark(
        path,
        "bthci_cmd.opcode",
        &["frame.number", "bthci_cmd.opcode"],
    );
    assert_eq!(opcodes[0], "1\t0x0c03");
    assert!(tshark(path, "_ws.malformed", &["frame.number"]).is_empty());

    // MTU, discovery, the CCCD, and the values: in this order.
    let methods = tshark(path, "btatt", &["btatt.opcode.method"]);
    let first = |method: &str| {
        let found = methods.iter().position(|line| line == method);
        found.unwrap_or_else(|| panic!("no {method} in {methods:?}"))
    };
    assert!(first("0x02") < first("0x03"));
    assert!(first("0x03") < first("0x1b"));
    assert!(first("0x12") < first("0x13"));
    assert!(first("0x13") < first("0x1b"));
    assert!(methods.iter().filter(|method| *method == "0x1b").count() >= VALUES);
    let mtu = tshark(path, "btatt.opcode == 0x02", &["btatt.client_rx_mtu"]);
    assert_eq!(mtu, ["247"]);

    // Both directions, and times that are true.
    let sent = tshark(path, "btatt.opcode.method == 0x02", &["hci_h4.direction"]);
    let received = tshark(path, "btatt.opcode.method == 0x03", &["hci_h4.direction"]);
    assert_ne!(sent, received);
    let times = tshark(path, "frame", &["frame.time_epoch"]);
    let times: Vec<f64> = times.iter().map(|time| time.parse().unwrap()).collect();
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    assert!(times.is_sorted());
    assert!(seconds(before) - 0.001 <= times[0]);
    assert!(*times.last().unwrap() <= seconds(SystemTime::now()) + 0.001);
}

#[test]
fn a_capture_that_was_cut_off_is_still_read() {
    if !has_tshark() {
        return;
    }
    let capture = Capture::new("cut");
    session(&capture.0);
    let all = tshark(&capture.0, "frame", &["frame.number"]).len();
    // As a machine that lost its power leaves it: the last record is half there.
    let bytes = std::fs::read(&capture.0).unwrap();
    std::fs::write(&capture.0, &bytes[..bytes.len() - 3]).unwrap();
    let output = Command::new("tshark")
        .arg("-r")
        .arg(&capture.0)
        .output()
        .unwrap();
    let left = String::from_utf8_lossy(&output.stdout).lines().count();
    assert_eq!(left, all - 1);
}

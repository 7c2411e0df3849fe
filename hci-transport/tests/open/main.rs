//! Opening controllers for real: over TCP, over a Unix socket, and over a pseudo-terminal through
//! the serial port's own path.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod carrying;
mod opening;
mod refused;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hci_transport::packet::RESET;
use hci_transport::{Direction, Error, ErrorKind, H4Deframer, HciChannel, Limits, Spec};
use serialport::{SerialPort, TTYPort};

const RESET_DONE: &[u8] = &[0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00];
const SET_EVENT_MASK: &[u8] = &[0x01, 0x01, 0x0c, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
const MASK_DONE: &[u8] = &[0x04, 0x0e, 0x04, 0x01, 0x01, 0x0c, 0x00];
const COMPLETED: &[u8] = &[0x04, 0x13, 0x05, 0x01, 0x40, 0x00, 0x01, 0x00];
/// The end of a report, a boot message, and a packet of an earlier program.
const STALE: &[u8] = b"\x18\xc8*** Booting ***\r\n\x04\x0e\x04\x01\x05\x10\x00\x04\x0e\x04";

const MINUTE: Duration = Duration::from_secs(60);
/// What ends soon has ended by then, however slow the machine is; what does not end takes longer.
const STALL: Duration = Duration::from_secs(20);

/// Reads a host's packets from `stream`, and answers each with what `answer` gives.
fn controller<S: Read + Write>(stream: S, mut answer: impl FnMut(&[u8]) -> Vec<u8>) {
    controller_until(stream, |packet| Some(answer(packet)));
}

/// As [`controller`], until `answer` gives nothing.
fn controller_until<S: Read + Write>(
    mut stream: S,
    mut answer: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) {
    let mut deframer = H4Deframer::new(Direction::ToController, Limits::default());
    let mut chunk = [0; 1024];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => deframer.feed(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => continue,
            Err(_) => return,
        }
        while let Some(packet) = deframer.next_packet() {
            let Some(reply) = answer(packet) else {
                return;
            };
            // Who has hung up may have written more before.
            let _ = stream.write_all(&reply);
        }
    }
}

/// Completes a reset, after something stale, and any other command with success.
fn answer(packet: &[u8]) -> Vec<u8> {
    match packet {
        [0x01, 0x03, 0x0c, ..] => [STALE, RESET_DONE].concat(),
        [0x01, low, high, ..] => vec![0x04, 0x0e, 0x04, 0x01, *low, *high, 0x00],
        _ => vec![0x04, 0x13, 0x05, 0x01, 0x40, 0x00, 0x01, 0x00],
    }
}

/// A channel that has just been opened answers a command, and nothing stale comes before.
fn assert_usable(channel: &HciChannel) {
    let mut packet = Vec::new();
    channel.write_packet_blocking(SET_EVENT_MASK).unwrap();
    assert!(channel.read_packet_timeout(&mut packet, MINUTE).unwrap());
    assert_eq!(packet, MASK_DONE);
}

fn assert_says(result: Result<HciChannel, Error>, kind: ErrorKind, parts: &[&str]) {
    let error = result.expect_err("an error");
    let said = error.to_string();
    assert_eq!(error.kind(), kind, "{said}");
    for part in parts {
        assert!(said.contains(part), "'{part}' isn't in: {said}");
    }
    assert!(!said.contains('\n'), "{said}");
}

fn tcp_listener() -> (TcpListener, Spec) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let spec = format!("tcp-client:127.0.0.1:{port}").parse().unwrap();
    (listener, spec)
}

/// A path for a socket of this test's own.
fn socket_path() -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("hci-transport-{}-{number}", std::process::id()))
}

/// A pseudo-terminal: the controlling side, the other side (held, so that opening and closing it
/// leaves the first alone; it locks nothing), and the spec of the other side.
fn pty() -> (TTYPort, TTYPort, Spec) {
    let (master, slave) = TTYPort::pair().unwrap();
    let spec = format!("serial:{},115200", slave.name().unwrap());
    (master, slave, spec.parse().unwrap())
}

/// Completes one reset, and gives back the stream.
fn answer_once<S: Read + Write>(mut stream: S) -> S {
    let mut reset = Vec::new();
    while reset.len() < RESET.len() {
        let mut byte = [0];
        if stream.read(&mut byte).is_ok_and(|count| count > 0) {
            reset.extend(byte);
        }
    }
    assert_eq!(reset, RESET);
    stream.write_all(RESET_DONE).unwrap();
    stream
}

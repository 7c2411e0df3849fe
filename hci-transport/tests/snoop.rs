//! Captures of what crosses a channel.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hci_transport::packet::RESET;
use hci_transport::{ErrorKind, HciChannel, HciPort, Snoop, channel};

const RESET_DONE: &[u8] = &[0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00];
/// LE Enable Encryption with a key of 0xAA.
const ENCRYPT: &[u8] = &[
    0x01, 0x19, 0x20, 28, 0x40, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
    0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
];

/// A file of a test's own, gone with it.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("snoop-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// Whether each packet came from the controller, when it crossed, and its bytes.
    fn records(&self) -> Vec<(bool, SystemTime, Vec<u8>)> {
        let bytes = std::fs::read(&self.0).unwrap();
        let mut rest = bytes
            .strip_prefix(b"btsnoop\0\0\0\0\x01\0\0\x03\xea")
            .unwrap();
        let mut records = Vec::new();
        while !rest.is_empty() {
            let number = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap());
            let length = number(0) as usize;
            assert_eq!(number(4) as usize, length);
            let time = u64::from(number(16)) << 32 | u64::from(number(20));
            let since = Duration::from_micros(time - 0x00dc_ddb3_0f2f_8000);
            let packet = rest[24..24 + length].to_vec();
            records.push((number(8) & 1 == 1, UNIX_EPOCH + since, packet));
            rest = &rest[24 + length..];
        }
        records
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn exchange(channel: &HciChannel, port: &HciPort, command: &[u8], event: &[u8]) {
    let mut packet = Vec::new();
    channel.write_packet_blocking(command).unwrap();
    assert!(port.try_next(&mut packet).unwrap());
    port.try_deliver(event).unwrap();
    assert!(
        channel
            .read_packet_timeout(&mut packet, Duration::ZERO)
            .unwrap()
    );
}

#[test]
fn both_directions_are_recorded_in_order_with_the_time_they_crossed() {
    let file = File::new();
    let (channel, port) = channel("recorded", 4096);
    channel.record(&Snoop::to(&file.0)).unwrap();
    let before = SystemTime::now() - Duration::from_micros(1);
    exchange(&channel, &port, &RESET, RESET_DONE);
    std::thread::sleep(Duration::from_millis(20));
    exchange(&channel, &port, &RESET, RESET_DONE);
    let after = SystemTime::now();
    // Everything is there while the channel is still open.
    let records = file.records();
    let what: Vec<_> = records
        .iter()
        .map(|(from, _, packet)| (*from, packet.as_slice()))
        .collect();
    let once = [(false, &RESET[..]), (true, RESET_DONE)];
    assert_eq!(what, [once, once].concat());
    let times: Vec<_> = records.iter().map(|(_, time, _)| *time).collect();
    assert!(
        times.is_sorted() && before <= times[0] && times[3] <= after,
        "{times:?}"
    );
    assert!(times[2].duration_since(times[1]).unwrap() >= Duration::from_millis(20));
}

#[test]
fn what_is_never_taken_is_not_recorded_as_sent() {
    let file = File::new();
    let (channel, port) = channel("recorded", 4096);
    channel.record(&Snoop::to(&file.0)).unwrap();
    channel.write_packet_blocking(&RESET).unwrap();
    drop(port);
    assert!(file.records().is_empty());
}

#[test]
fn keys_are_recorded_only_if_asked_for() {
    for keys in [false, true] {
        let file = File::new();
        let (channel, port) = channel("recorded", 4096);
        channel.record(&Snoop::to(&file.0).keys(keys)).unwrap();
        exchange(&channel, &port, ENCRYPT, RESET_DONE);
        let recorded = &file.records()[0].2;
        assert_eq!(recorded.contains(&0xaa), keys);
        assert_eq!(recorded[..16], ENCRYPT[..16]);
        assert_eq!(recorded.len(), ENCRYPT.len());
    }
}

#[test]
fn a_capture_goes_on_when_its_controller_is_opened_again() {
    let file = File::new();
    for _ in 0..2 {
        let (channel, port) = channel("recorded", 4096);
        channel.record(&Snoop::to(&file.0)).unwrap();
        exchange(&channel, &port, &RESET, RESET_DONE);
    }
    assert_eq!(file.records().len(), 4);
}

#[test]
fn an_older_capture_is_replaced_and_another_file_left_alone() {
    let file = File::new();
    std::fs::write(
        &file.0,
        b"btsnoop\0\0\0\0\x01\0\0\x03\xeaan older program's",
    )
    .unwrap();
    let (channel, _port) = channel("recorded", 4096);
    channel.record(&Snoop::to(&file.0)).unwrap();
    assert!(file.records().is_empty());

    let file = File::new();
    std::fs::write(&file.0, b"my thesis, the only copy").unwrap();
    let (channel, _port) = hci_transport::channel("recorded", 4096);
    let error = channel.record(&Snoop::to(&file.0)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("of another kind already; name another"),
        "{error}"
    );
    assert_eq!(std::fs::read(&file.0).unwrap(), b"my thesis, the only copy");
}

#[test]
fn a_file_that_can_not_be_written_is_told() {
    let (channel, _port) = channel("recorded", 4096);
    let error = channel.record(&Snoop::to("/nowhere/at/all")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidSpec);
    let said = error.to_string();
    assert!(
        said.starts_with("the capture /nowhere/at/all can't be written"),
        "{said}"
    );
}

//! Opening controllers for real: over TCP, over a Unix socket, and over a pseudo-terminal through
//! the serial port's own path.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use hci_transport::packet::{self, RESET};
use hci_transport::{
    Direction, Error, ErrorKind, H4Deframer, HciChannel, Limits, OpenOptions, Spec, Wire,
    bridge_controller, channel, open,
};
use serialport::{SerialPort, TTYPort};

const RESET_DONE: &[u8] = &[0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00];
const SET_EVENT_MASK: &[u8] = &[0x01, 0x01, 0x0c, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
const MASK_DONE: &[u8] = &[0x04, 0x0e, 0x04, 0x01, 0x01, 0x0c, 0x00];
const COMPLETED: &[u8] = &[0x04, 0x13, 0x05, 0x01, 0x40, 0x00, 0x01, 0x00];
/// The end of a report, a boot message, and a packet of an earlier program.
const STALE: &[u8] = b"\x18\xc8*** Booting ***\r\n\x04\x0e\x04\x01\x05\x10\x00\x04\x0e\x04";

const MINUTE: Duration = Duration::from_secs(60);

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

#[test]
fn a_controller_on_tcp_is_opened_twice_in_a_row() {
    let (listener, spec) = tcp_listener();
    let server = thread::spawn(move || {
        for _ in 0..2 {
            controller(listener.accept().unwrap().0, answer);
        }
    });
    for _ in 0..2 {
        let channel = open(&spec).unwrap();
        assert_eq!(channel.name(), spec.to_string());
        assert_eq!(channel.statistics().discarded_bytes, STALE.len() as u64);
        assert_usable(&channel);
    }
    server.join().unwrap();
}

#[test]
fn a_host_name_is_resolved() {
    let (listener, spec) = tcp_listener();
    let spec = spec
        .to_string()
        .replace("127.0.0.1", "localhost")
        .parse()
        .unwrap();
    let server = thread::spawn(move || controller(listener.accept().unwrap().0, answer));
    assert_usable(&open(&spec).unwrap());
    server.join().unwrap();
}

#[test]
fn a_controller_on_a_unix_socket_is_opened_twice_in_a_row() {
    let path = socket_path();
    let listener = UnixListener::bind(&path).unwrap();
    let spec = Spec::UnixClient { path: path.clone() };
    let server = thread::spawn(move || {
        for _ in 0..2 {
            controller(listener.accept().unwrap().0, answer);
        }
    });
    for _ in 0..2 {
        assert_usable(&open(&spec).unwrap());
    }
    server.join().unwrap();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_controller_on_a_serial_port_is_opened_twice_in_a_row() {
    let (master, slave, spec) = pty();
    // A rate that no constant stands for, and flow control.
    let spec: Spec = spec
        .to_string()
        .replace(",115200", ",1234567,rtscts")
        .parse()
        .unwrap();
    let server = thread::spawn(move || controller(master, answer));
    for _ in 0..2 {
        let channel = open(&spec).unwrap();
        assert!(spec.to_string().starts_with(channel.name()));
        assert_usable(&channel);
    }
    drop(slave);
    server.join().unwrap();
}

#[test]
fn thousands_of_packets_cross_a_serial_port_both_ways_and_none_is_lost() {
    const COUNT: usize = 5_000;
    let (master, slave, spec) = pty();
    let server = thread::spawn(move || {
        let mut writer = answer_once(master.try_clone_native().unwrap());
        writer.set_timeout(MINUTE).unwrap();
        let sender = thread::spawn(move || {
            for number in 0..COUNT as u32 {
                let [a, b, c, d] = number.to_le_bytes();
                let event = [0x04, 0xff, 0x08, a, b, c, d, 0x11, 0x13, 0x0a, 0x03];
                writer.write_all(&event).unwrap();
            }
        });
        let mut commands = 0;
        controller_until(master.try_clone_native().unwrap(), |packet| {
            assert_eq!(packet, SET_EVENT_MASK);
            commands += 1;
            (commands < COUNT).then(Vec::new)
        });
        sender.join().unwrap();
        // A pseudo-terminal that is closed takes with it what wasn't read.
        (commands, master)
    });
    let channel = open(&spec).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..COUNT {
                channel.write_packet_blocking(SET_EVENT_MASK).unwrap();
            }
        });
        let mut packet = Vec::new();
        for number in 0..COUNT as u32 {
            assert!(channel.read_packet_timeout(&mut packet, MINUTE).unwrap());
            assert_eq!(packet[3..7], number.to_le_bytes());
        }
    });
    assert_eq!(channel.statistics().discarded_bytes, 0);
    assert_eq!(server.join().unwrap().0, COUNT);
    drop(slave);
}

#[test]
fn a_serial_port_held_by_another_is_busy() {
    let (master, slave, spec) = pty();
    let server = thread::spawn(move || controller(master, answer));
    let held = open(&spec).unwrap();
    let path = slave.name().unwrap();
    assert_says(
        open(&spec),
        ErrorKind::Busy,
        &[
            &format!("serial:{path}: held by another program"),
            &format!("close it (lsof {path} shows it)"),
        ],
    );
    assert_usable(&held);
    drop(held);
    drop(slave);
    server.join().unwrap();
}

#[test]
fn a_serial_port_that_vanishes_disconnects_its_reader_and_its_writer() {
    let (mut master, slave, spec) = pty();
    let server = thread::spawn(move || {
        let mut reset = [0; RESET.len()];
        master.set_timeout(MINUTE).unwrap();
        master.read_exact(&mut reset).unwrap();
        master.write_all(RESET_DONE).unwrap();
        master.read_exact(&mut [0; SET_EVENT_MASK.len()]).unwrap();
        master
    });
    let channel = open(&spec).unwrap();
    channel.write_packet_blocking(SET_EVENT_MASK).unwrap();
    let master = server.join().unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| channel.read_packet_timeout(&mut Vec::new(), MINUTE));
        drop(master);
        let error = reader.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        assert!(error.to_string().starts_with(channel.name()), "{error}");
    });
    let error = channel.write_packet_blocking(SET_EVENT_MASK).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    drop(slave);
}

#[test]
fn what_a_controller_sent_before_it_hung_up_is_still_read() {
    let (listener, spec) = tcp_listener();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut commands = 0;
        controller_until(stream, |packet| {
            commands += 1;
            match commands {
                1 => Some(answer(packet)),
                2 => Some(COMPLETED.repeat(1000)),
                _ => None,
            }
        });
    });
    let channel = open(&spec).unwrap();
    channel.write_packet_blocking(SET_EVENT_MASK).unwrap();
    channel.write_packet_blocking(SET_EVENT_MASK).unwrap();
    server.join().unwrap();
    let mut packet = Vec::new();
    for _ in 0..1000 {
        assert!(channel.read_packet_timeout(&mut packet, MINUTE).unwrap());
        assert_eq!(packet, COMPLETED);
    }
    let error = channel
        .read_packet_timeout(&mut packet, MINUTE)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    let error = channel.write_packet_blocking(SET_EVENT_MASK).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
}

#[test]
fn what_was_written_goes_out_before_a_dropped_channel_lets_go() {
    let (listener, spec) = tcp_listener();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut seen = 0;
        controller(stream, |packet| {
            seen += usize::from(packet == SET_EVENT_MASK);
            answer(packet)
        });
        seen
    });
    let channel = open(&spec).unwrap();
    for _ in 0..100 {
        channel.write_packet_blocking(SET_EVENT_MASK).unwrap();
    }
    // With nothing left to read, the connection ends in order.
    for _ in 0..100 {
        channel
            .read_packet_timeout(&mut Vec::new(), MINUTE)
            .unwrap();
    }
    for _ in 0..3 {
        channel.write_packet_blocking(SET_EVENT_MASK).unwrap();
    }
    drop(channel);
    assert_eq!(server.join().unwrap(), 103);
}

#[test]
fn what_was_written_goes_out_even_if_nobody_reads_what_comes_in() {
    let (listener, spec) = tcp_listener();
    let (filled, is_filled) = mpsc::channel();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; RESET.len()]).unwrap();
        stream.write_all(RESET_DONE).unwrap();
        stream.write_all(&COMPLETED.repeat(1000)).unwrap();
        filled.send(()).unwrap();
        let mut seen = 0;
        controller(stream, |packet| {
            seen += usize::from(packet == SET_EVENT_MASK);
            COMPLETED.to_vec()
        });
        seen
    });
    let channel = OpenOptions::default().capacity(4096).open(&spec).unwrap();
    is_filled.recv().unwrap();
    for _ in 0..1000 {
        channel.write_packet_blocking(SET_EVENT_MASK).unwrap();
    }
    drop(channel);
    assert_eq!(server.join().unwrap(), 1000);
}

#[test]
fn a_controller_that_takes_nothing_does_not_hold_up_a_drop() {
    let (listener, tcp) = tcp_listener();
    let (master, slave, serial) = pty();
    let on_tcp = thread::spawn(move || answer_once(listener.accept().unwrap().0));
    let on_serial = thread::spawn(move || answer_once(master));
    let opened = [&tcp, &serial].map(|spec| open(spec).unwrap());
    // The other sides stay open, and are read no more.
    let _held = (on_tcp.join().unwrap(), on_serial.join().unwrap());
    for channel in opened {
        let large = [&[0x02, 0x40, 0x00, 0x00, 0x10][..], &[0; 4096]].concat();
        let patience = Duration::from_millis(300);
        while channel.write_packet_timeout(&large, patience).unwrap() {}
        let (start, name) = (Instant::now(), channel.name().to_owned());
        drop(channel);
        assert!(
            start.elapsed() < Duration::from_millis(1_400),
            "{name}: {:?}",
            start.elapsed()
        );
    }
    drop(slave);
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

#[test]
fn a_slow_application_holds_the_controller_back_and_loses_nothing() {
    const COUNT: usize = 100_000;
    let (listener, spec) = tcp_listener();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; RESET.len()]).unwrap();
        stream.write_all(RESET_DONE).unwrap();
        for number in 0..COUNT as u32 {
            let [a, b, c, d] = number.to_le_bytes();
            stream.write_all(&[0x04, 0xff, 0x04, a, b, c, d]).unwrap();
        }
    });
    let channel = OpenOptions::default().capacity(4096).open(&spec).unwrap();
    let mut packet = Vec::new();
    for number in 0..COUNT as u32 {
        assert!(channel.read_packet_timeout(&mut packet, MINUTE).unwrap());
        assert_eq!(packet[3..], number.to_le_bytes());
    }
    assert_eq!(channel.statistics().discarded_bytes, 0);
    server.join().unwrap();
}

#[test]
fn a_controller_that_never_answers_is_an_error_in_time() {
    let start = Instant::now();
    let (listener, tcp) = tcp_listener();
    let (mut master, slave, serial) = pty();
    thread::scope(|scope| {
        let on_tcp = scope.spawn(|| open(&tcp));
        let on_serial = scope.spawn(|| open(&serial));
        let _silent = listener.accept().unwrap();
        master.write_all(b"login: ").unwrap();
        assert_says(
            on_tcp.join().unwrap(),
            ErrorKind::NoAnswer,
            &[
                "controller at tcp-client:127.0.0.1:",
                "did not answer HCI Reset within 2 s; check",
            ],
        );
        assert_says(
            on_serial.join().unwrap(),
            ErrorKind::NoAnswer,
            &[
                &format!(
                    "controller at serial:{} did not answer",
                    slave.name().unwrap()
                ),
                "within 2 s (it sent 7 bytes that are no answer); check the baud rate (115200), \
                 that flow control is as the firmware expects (rtscts is off), or reset the board",
            ],
        );
    });
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_lost_reset_is_sent_again_and_a_second_completion_thrown_away() {
    for deaf_to in [0, 1] {
        let (listener, spec) = tcp_listener();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reset = [0; RESET.len()];
            stream.read_exact(&mut reset).unwrap();
            stream.read_exact(&mut reset).unwrap();
            stream.write_all(&RESET_DONE.repeat(2 - deaf_to)).unwrap();
            controller(stream, answer);
        });
        assert_usable(&open(&spec).unwrap());
        server.join().unwrap();
    }
}

/// A program that is killed while it writes leaves a controller waiting for the rest of a packet, into
/// which a reset would fall, and no closing of the port tells the controller.
#[test]
fn a_controller_that_waits_for_the_rest_of_a_packet_is_brought_back_into_step() {
    for there in [1, 5, 100] {
        let (master, slave, spec) = pty();
        let server = thread::spawn(move || by_the_length(master));
        let mut killed = TTYPort::open(&serialport::new(slave.name().unwrap(), 115_200)).unwrap();
        let data = [&[0x02, 0x40, 0x00, 0xfb, 0x00][..], &[0x01; 251]].concat();
        killed.write_all(&data[..there]).unwrap();
        drop(killed);
        let channel = open(&spec).unwrap();
        assert_usable(&channel);
        drop((channel, slave));
        server.join().unwrap();
    }
}

/// A controller that goes by the lengths of packets alone, however long their rest is in coming, and
/// passes over what begins none, as Zephyr's does.
fn by_the_length(mut stream: TTYPort) {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 64];
        match stream.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => continue,
            Err(_) => return,
        }
        loop {
            let length = match bytes.first() {
                Some(0x01 | 0x02) => packet::total_length(&bytes),
                Some(_) => {
                    bytes.remove(0);
                    continue;
                }
                None => None,
            };
            let Some(length) = length.filter(|length| *length <= bytes.len()) else {
                break;
            };
            let packet: Vec<_> = bytes.drain(..length).collect();
            let _ = stream.write_all(&answer(&packet));
        }
    }
}

#[test]
fn a_controller_that_refuses_the_reset_is_asked_again_and_then_an_error() {
    let refused: &[u8] = &[0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x0c];
    for answers in [[refused, RESET_DONE], [refused, refused]] {
        let (listener, spec) = tcp_listener();
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut answers = answers.iter();
            controller(stream, |packet| match answers.next() {
                Some(reply) => reply.to_vec(),
                None => answer(packet),
            });
        });
        let opened = open(&spec);
        if answers[1] == refused {
            assert_says(
                opened,
                ErrorKind::Protocol,
                &["refused HCI Reset with status 0x0c"],
            );
        } else {
            assert_usable(&opened.unwrap());
        }
        server.join().unwrap();
    }
}

#[test]
fn a_server_that_hangs_up_at_once_is_an_error_at_once() {
    let (listener, spec) = tcp_listener();
    let server = thread::spawn(move || drop(listener.accept().unwrap()));
    assert_says(
        open(&spec),
        ErrorKind::Disconnected,
        &["hung up before it answered HCI Reset"],
    );
    server.join().unwrap();
}

#[test]
fn what_is_not_there_is_said_to_be_missing() {
    let missing: Spec = "serial:/dev/ttyNone7".parse().unwrap();
    assert_says(
        open(&missing),
        ErrorKind::NotFound,
        &["serial:/dev/ttyNone7: no such device; plug it in, or "],
    );
    let other: Spec = "serial:/dev/null".parse().unwrap();
    assert_says(
        open(&other),
        ErrorKind::NotFound,
        &["serial:/dev/null: not a serial port; "],
    );

    let (listener, spec) = tcp_listener();
    drop(listener);
    assert_says(
        open(&spec),
        ErrorKind::NotFound,
        &[&format!(
            "{spec}: nothing listens there; start the controller's server"
        )],
    );
    let unknown = "tcp-client:no-such-host.invalid:9000".parse().unwrap();
    assert_says(
        open(&unknown),
        ErrorKind::NotFound,
        &["there is no host 'no-such-host.invalid'"],
    );

    let path = socket_path();
    let spec = Spec::UnixClient { path: path.clone() };
    assert_says(open(&spec), ErrorKind::NotFound, &["no such socket"]);
    drop(UnixListener::bind(&path).unwrap());
    assert_says(
        open(&spec),
        ErrorKind::NotFound,
        &["nothing listens on that socket"],
    );
    std::fs::remove_file(path).unwrap();
}

#[test]
fn what_is_not_supported_says_what_to_use() {
    for line in ["virtual", "virtual,snoop=never-made"] {
        assert_says(
            open(&line.parse().unwrap()),
            ErrorKind::Unsupported,
            &["the dongle crate"],
        );
    }
}

/// All that can be said about it without a controller.
#[test]
#[cfg(target_os = "linux")]
fn a_controller_that_the_kernel_does_not_have_is_refused_with_a_cure() {
    let error = open(&Spec::HciUser(77)).unwrap_err();
    let known = [
        (ErrorKind::NotFound, "btmgmt info"),
        (ErrorKind::PermissionDenied, "setcap cap_net_admin"),
        (ErrorKind::Unsupported, "modprobe bluetooth"),
    ];
    let said = error.to_string();
    let cured = known
        .iter()
        .any(|(kind, cure)| *kind == error.kind() && said.contains(cure));
    assert!(cured && said.starts_with("hci-user:77: "), "{said}");
}

#[test]
fn a_wire_of_ones_own_is_opened_like_any_other() {
    let (listener, _) = tcp_listener();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || controller(listener.accept().unwrap().0, answer));
    let stream = std::net::TcpStream::connect(address).unwrap();
    let (reader, handle) = (stream.try_clone().unwrap(), stream.try_clone().unwrap());
    let wire = Wire::new(reader, stream, move || {
        handle.shutdown(Shutdown::Both).unwrap()
    });
    let channel = OpenOptions::default().open_wire("mine", wire).unwrap();
    assert_eq!(channel.name(), "mine");
    assert_usable(&channel);
    drop(channel);
    server.join().unwrap();
}

#[test]
fn a_bridge_serves_one_host_after_another_until_the_controller_goes() {
    let (listener, spec) = tcp_listener();
    let (controllers, port) = channel("simulated", 4096);
    let simulated = thread::spawn(move || {
        let (mut packet, mut commands) = (Vec::new(), 0);
        // Both hosts reset and set a mask; the third reset is the end of it.
        while commands < 5 && port.next_blocking(&mut packet, None).is_ok() {
            commands += 1;
            port.deliver_blocking(&answer(&packet)[answer(&packet).len() - 7..])
                .unwrap();
        }
    });
    let server = thread::spawn(move || {
        let mut results = Vec::new();
        for _ in 0..3 {
            let (stream, _) = listener.accept().unwrap();
            let (reader, handle) = (stream.try_clone().unwrap(), stream.try_clone().unwrap());
            let hang_up = move || drop(handle.shutdown(Shutdown::Both));
            results.push(bridge_controller(reader, stream, hang_up, &controllers));
        }
        results
    });
    for _ in 0..2 {
        assert_usable(&open(&spec).unwrap());
    }
    // The controller goes after it has answered this reset: the host finds the wire gone.
    match open(&spec) {
        Ok(channel) => {
            let error = channel
                .read_packet_timeout(&mut Vec::new(), MINUTE)
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Disconnected);
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}"),
    }
    simulated.join().unwrap();
    let results = server.join().unwrap();
    assert!(results[0].is_ok() && results[1].is_ok(), "{results:?}");
    let error = results[2].as_ref().unwrap_err();
    assert!(error.to_string().starts_with("simulated: "), "{error}");
}

/// The host that was killed while it wrote, seen from the controller's side.
#[test]
fn a_bridge_does_not_wait_for_ever_for_the_rest_of_a_packet() {
    let (controllers, port) = channel("simulated", 4096);
    let simulated = thread::spawn(move || {
        let mut packet = Vec::new();
        port.next_blocking(&mut packet, Some(MINUTE)).unwrap();
        packet
    });
    let (mut host, end) = UnixStream::pair().unwrap();
    end.set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let served = thread::spawn(move || {
        bridge_controller(end.try_clone().unwrap(), end, || (), &controllers)
    });
    host.write_all(&[0x02, 0x40, 0x00, 0xfb, 0x00, 1, 2, 3])
        .unwrap();
    thread::sleep(Duration::from_millis(1_500));
    host.write_all(&RESET).unwrap();
    assert_eq!(simulated.join().unwrap(), RESET);
    drop(host);
    // Either may be noticed first: that the host is gone, or the controller.
    let _ = served.join().unwrap();
}

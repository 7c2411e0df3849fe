//! Controllers that are opened, on each kind of wire, and answer: whatever state they were in.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::thread;

use hci_transport::packet::RESET;
use hci_transport::{OpenOptions, Spec, Wire, open, packet};
use serialport::{SerialPort, TTYPort};

use super::{RESET_DONE, STALE, answer, assert_usable, controller, pty, socket_path, tcp_listener};

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

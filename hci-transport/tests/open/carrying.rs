//! What crosses an open wire, and how it ends.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use hci_transport::packet::RESET;
use hci_transport::{ErrorKind, OpenOptions, bridge_controller, channel, open};
use serialport::SerialPort;

use super::{
    COMPLETED, MINUTE, RESET_DONE, SET_EVENT_MASK, STALL, answer, answer_once, assert_usable,
    controller, controller_until, pty, tcp_listener,
};

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
        assert!(start.elapsed() < STALL, "{name}: {:?}", start.elapsed());
    }
    drop(slave);
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

#[test]
fn a_bridge_ends_with_a_host_that_hangs_up_while_it_reads_nothing() {
    let (controllers, port) = channel("simulated", 4096);
    let (host, end) = UnixStream::pair().unwrap();
    // More than any socket holds.
    thread::spawn(move || while port.deliver_blocking(COMPLETED).is_ok() {});
    let (done, served) = mpsc::channel();
    thread::spawn(move || {
        let (reader, handle) = (end.try_clone().unwrap(), end.try_clone().unwrap());
        let hang_up = move || drop(handle.shutdown(Shutdown::Both));
        let result = bridge_controller(reader, end, hang_up, &controllers);
        done.send(result).unwrap();
    });
    // By then it waits for the host to read.
    thread::sleep(Duration::from_millis(300));
    host.shutdown(Shutdown::Write).unwrap();
    served.recv_timeout(STALL).expect("it ends").unwrap();
}

//! Controllers that can not be opened: what is said, and that it is said in time.

use std::io::Write;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Instant;

use hci_transport::{ErrorKind, Spec, open};
use serialport::SerialPort;

use super::{
    RESET_DONE, STALL, answer, assert_says, assert_usable, controller, pty, socket_path,
    tcp_listener,
};

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
    assert!(start.elapsed() < STALL);
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

//! A controller served to a host outside: over TCP, and at a pseudo-terminal.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use dongle_virtual::serve::{serve_pty, serve_tcp};
use dongle_virtual::{Air, ControllerConfig};

use super::central::until;

const RESET: [u8; 4] = [1, 3, 0x0C, 0];
const RESET_DONE: [u8; 7] = [4, 0x0E, 4, 1, 3, 0x0C, 0];

fn resets(mut reader: impl Read, mut writer: impl Write) {
    writer.write_all(&RESET).unwrap();
    let mut answer = [0; 7];
    reader.read_exact(&mut answer).unwrap();
    assert_eq!(answer, RESET_DONE);
}

/// Controllers leave the air once its thread has noticed that their channels are closed.
fn all_gone(air: &Air) {
    until("all have gone", || air.controllers().is_empty());
}

#[test]
fn every_tcp_client_has_a_controller_of_its_own() {
    let air = Air::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = serve_tcp(listener, &air, ControllerConfig::default().named("served")).unwrap();
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let stream = TcpStream::connect(server.local_addr()).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            resets(&stream, &stream);
            stream
        })
        .collect();
    assert_eq!(air.controllers().len(), 3);
    drop(clients);
    all_gone(&air);
    let stream = TcpStream::connect(server.local_addr()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    resets(&stream, &stream);
    drop(server);
    assert_eq!((&stream).read(&mut [0; 1]).unwrap_or(0), 0, "hung up");
}

#[cfg(unix)]
#[test]
fn a_pseudo_terminal_serves_one_host_after_the_other() {
    let air = Air::new();
    let path = std::env::temp_dir().join(format!("dongle-virtual-{}", std::process::id()));
    let server = serve_pty(&path, &air, ControllerConfig::zephyr_uart()).unwrap();
    for _ in 0..3 {
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        resets(&file, &file);
    }
    assert!(serve_pty("/proc/nowhere/at/all", &air, ControllerConfig::default()).is_err());
    let in_the_way = path.with_extension("file");
    std::fs::write(&in_the_way, "mine").unwrap();
    assert!(serve_pty(&in_the_way, &air, ControllerConfig::default()).is_err());
    std::fs::remove_file(&in_the_way).unwrap();
    drop(server);
    assert!(path.symlink_metadata().is_err(), "the link has gone");
    all_gone(&air);
}

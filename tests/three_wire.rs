//! A heart rate over H5: the facade on a serial port that damages bytes, and behind it a simulated
//! controller that speaks the three-wire UART.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dongle::Dongle;
use dongle_tests::bench::soon;
use dongle_tests::sensor::{self, beats};
use dongle_virtual::{Air, ControllerConfig};
use hci_transport::{H5Link, HciChannel};
use serialport::{SerialPort as _, TTYPort};

/// Serves `controller` in H5 at a pseudo-terminal until `stop`; every `damage`th byte is wrong.
fn serve(mut master: TTYPort, controller: HciChannel, damage: usize, stop: Arc<AtomicBool>) {
    master.set_timeout(Duration::from_millis(2)).unwrap();
    let mut link = H5Link::new(Instant::now());
    let (mut chunk, mut out, mut packet) = ([0; 512], Vec::new(), Vec::new());
    let mut position = 0;
    let mut spoil = |bytes: &mut [u8]| {
        for byte in bytes {
            position += 1;
            if position % damage == 0 {
                *byte ^= 0x04;
            }
        }
    };
    while !stop.load(Ordering::SeqCst) {
        // Nothing came: the port timed out.
        let count = master.read(&mut chunk).unwrap_or(0);
        spoil(&mut chunk[..count]);
        link.handle_bytes(Instant::now(), &chunk[..count]);
        while let Some(packet) = link.poll_packet() {
            controller.write_packet_blocking(&packet).unwrap();
        }
        while link.has_room()
            && let Ok(true) = controller.read_packet_timeout(&mut packet, Duration::ZERO)
        {
            link.send(&packet);
        }
        while link.poll_transmit(Instant::now(), &mut out) {}
        spoil(&mut out);
        let _ = master.write_all(&out);
        out.clear();
    }
}

#[test]
fn a_heart_beats_over_three_wires_that_damage_bytes() {
    let air = Air::new();
    let _sensor = sensor::every(&air, Duration::from_millis(50));
    let controller = air.controller(ControllerConfig::default());
    let (master, slave) = TTYPort::pair().unwrap();
    let spec = format!("serial:{},115200,h5", slave.name().unwrap());
    let stop = Arc::<AtomicBool>::default();
    let board = thread::spawn({
        let stop = Arc::clone(&stop);
        move || serve(master, controller, 701, stop)
    });
    soon(async {
        let dongle = Dongle::open(spec).await.unwrap();
        let connection = beats(&dongle, 20).await;
        connection.disconnect().await;
        dongle.close().await;
    });
    stop.store(true, Ordering::SeqCst);
    board.join().unwrap();
    assert_eq!(air.violations(), 0);
}

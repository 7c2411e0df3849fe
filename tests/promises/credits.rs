//! The controller's buffers are shared, and never overrun.

use std::sync::atomic::{AtomicBool, Ordering};

use dongle_tests::bench::{Bench, soon, until};
use dongle_tests::peer::Server;
use dongle_virtual::{Address, ControllerConfig, ScriptedConfig, ScriptedPeripheral};

/// L2CAP Connection Parameter Update Request (Core Vol 3 Part A, 4.20), which is answered.
fn parameter_request(identifier: u8) -> Vec<u8> {
    let mut signal = vec![0x12, identifier, 8, 0];
    signal.extend(24_u16.to_le_bytes());
    signal.extend(40_u16.to_le_bytes());
    signal.extend(0_u16.to_le_bytes());
    signal.extend(500_u16.to_le_bytes());
    signal
}

fn never_more_in_flight_than_buffers(buffers: u8) {
    let config = ControllerConfig::default().with_acl(buffers, 27);
    let bench = Bench::with(config, ScriptedConfig::default());
    soon(async {
        let (connection, _) = bench.measurement().await;
        let control = connection.characteristic(0x180D, 0x2A39).await.unwrap();
        for i in 0..40_u8 {
            // A command takes ten packets, and an answer one in between.
            bench.peer.send_frame(5, &parameter_request(i + 1)).unwrap();
            for _ in 0..10 {
                control.write(&[i; 240]).response(false).await.unwrap();
            }
            assert_eq!(control.read().await.unwrap(), vec![i; 240]);
        }
        let stats = bench.controller.stats().unwrap();
        assert!(stats.acl_from_host > 40 * 10 * 10, "{stats:?}");
        assert_eq!(stats.violations(), 0, "{stats:?}");
        assert!(stats.max_in_flight <= usize::from(buffers), "{stats:?}");
        assert!(connection.is_connected());
        until("all are given back", || {
            bench.controller.stats().unwrap().in_flight == 0
        })
        .await;
    });
}

#[test]
fn one_buffer_is_shared_in_turn() {
    never_more_in_flight_than_buffers(1);
}

#[test]
fn two_buffers_are_never_overrun() {
    never_more_in_flight_than_buffers(2);
}

#[test]
fn eight_buffers_are_never_overrun() {
    never_more_in_flight_than_buffers(8);
}

/// Whichever of the two links the host serves first.
#[test]
fn a_connection_that_floods_leaves_others_their_turn() {
    let config = ControllerConfig::default().with_acl(1, 27);
    let bench = Bench::with(config, ScriptedConfig::default());
    let (server, _) = Server::heart_rate(247);
    let address = Address::numbered(2);
    let _other = ScriptedPeripheral::start(
        &bench.air,
        ScriptedConfig::default().with_address(address),
        move |pdu: &[u8]| server.handle(pdu),
    );
    let mut bytes = address.bytes;
    bytes.reverse();
    let (first, _) = soon(bench.measurement());
    let second = bench.dongle.device(dongle::Address::random(bytes));
    let second = soon(second.connect()).unwrap();
    for (floods, reads) in [(&first, &second), (&second, &first)] {
        let flooded = soon(floods.characteristic(0x180D, 0x2A39)).unwrap();
        let read = soon(reads.characteristic(0x180D, 0x2A39)).unwrap();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    soon(flooded.write(&[7; 20]).response(false)).unwrap();
                }
            });
            let values: Vec<_> = (0..50).map(|_| soon(read.read())).collect();
            over.store(true, Ordering::SeqCst);
            for value in values {
                value.unwrap();
            }
        });
    }
}

//! The controller's buffers are shared, and never overrun.

use dongle_tests::bench::{Bench, soon, until};
use dongle_virtual::{ControllerConfig, ScriptedConfig};

/// L2CAP Connection Parameter Update Request (Core Vol 3 Part A, 4.20), which trouble-host answers.
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
            // A command takes ten packets, and an answer of trouble-host one in between.
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

//! What a peer or a controller sends, however odd, neither panics nor stops the link.

use std::time::Duration;

use dongle::Notified;
use dongle_tests::bench::{Bench, soon, until};
use dongle_tests::peer::notification;

#[test]
fn the_peers_own_mtu_request_and_discovery_are_answered() {
    let bench = Bench::new();
    soon(async {
        let _connection = bench.connect().await;
        let ask = async |request: &[u8], answer: &[u8]| {
            let before = bench.server.requests().len();
            bench.peer.send(request).unwrap();
            until("an answer", || bench.server.requests().len() > before).await;
            let heard = bench.server.requests().split_off(before);
            assert!(heard[0].starts_with(answer), "{request:02X?}: {heard:02X?}");
        };
        // Exchange MTU: 517 is offered, whoever asks.
        ask(&[0x02, 100, 0], &[0x03, 0x05, 0x02]).await;
        // All primary services: Generic Access, and then no more.
        ask(
            &[0x10, 1, 0, 0xFF, 0xFF, 0x00, 0x28],
            &[0x11, 6, 1, 0, 5, 0, 0x00, 0x18],
        )
        .await;
        ask(
            &[0x10, 6, 0, 0xFF, 0xFF, 0x00, 0x28],
            &[0x01, 0x10, 6, 0, 0x0A],
        )
        .await;
        // Its characteristics, its name.
        ask(&[0x08, 1, 0, 5, 0, 0x03, 0x28], &[0x09, 7, 2, 0]).await;
        ask(&[0x0A, 3, 0], b"\x0BDongle").await;
        // What we do not know is refused, and at once.
        ask(&[0x3E, 1, 2, 3], &[0x01, 0x3E, 0, 0, 0x06]).await;
    });
}

#[test]
fn odd_pdus_of_the_peer_do_no_harm() {
    let bench = Bench::new();
    soon(async {
        let (connection, measurement) = bench.measurement().await;
        bench.peer.send(&[]).unwrap();
        for opcode in 0..=255 {
            for rest in [&[][..], &[1], &[1, 0], &[1, 0, 2, 0, 3]] {
                // The peer may only ask again when it was answered; here it does not care.
                bench.peer.send(&[&[opcode], rest].concat()).unwrap();
            }
        }
        // Fragments that belong to nothing, frames that are longer than they say.
        bench.peer.send_fragment(false, &[1, 2, 3]).unwrap();
        bench.peer.send_fragment(true, &[1]).unwrap();
        bench
            .peer
            .send_fragment(true, &[1, 0, 4, 0, 1, 2, 3, 4])
            .unwrap();
        bench
            .peer
            .send_fragment(true, &[0xFF, 0xFF, 4, 0, 1, 2, 3])
            .unwrap();
        assert_eq!(
            measurement
                .read()
                .timeout(Duration::from_secs(5))
                .await
                .unwrap(),
            [0, 60]
        );
        assert!(connection.is_connected());
    });
}

#[test]
fn odd_packets_of_the_controller_do_no_harm() {
    let bench = Bench::new();
    soon(async {
        let (connection, measurement) = bench.measurement().await;
        for code in 0..=255_u8 {
            // A hardware error is meant to end it all.
            if code == 0x10 {
                continue;
            }
            for len in 0..4_u8 {
                let mut event = vec![0x04, code, len];
                event.extend((0..len).map(|i| i.wrapping_mul(77)));
                // What would say that this connection ended is not odd.
                bench.controller.inject(&event);
            }
        }
        for subevent in 0..=255_u8 {
            for len in 0..6_u8 {
                let mut event = vec![0x04, 0x3E, len + 1, subevent];
                event.extend(std::iter::repeat_n(0xEE, usize::from(len)));
                bench.controller.inject(&event);
            }
        }
        // A command that returns more than there is room for, and one that was never sent.
        bench
            .controller
            .inject(&[&[0x04, 0x0E, 200, 1, 0x05, 0x14][..], &[0; 197]].concat());
        bench.controller.inject(&[0x04, 0x0E, 4, 1, 0x77, 0xFC, 0]);
        // Data for a connection that does not exist, and of no known kind.
        bench
            .controller
            .inject(&[0x02, 0xEF, 0x2E, 5, 0, 1, 0, 4, 0, 9]);
        assert_eq!(
            measurement
                .read()
                .timeout(Duration::from_secs(5))
                .await
                .unwrap(),
            [0, 60]
        );
        assert!(connection.rssi().await.is_ok());
        assert!(connection.is_connected());
    });
}

#[test]
fn a_hardware_error_ends_everything_with_a_word_about_it() {
    let bench = Bench::new();
    soon(async {
        let (_connection, measurement) = bench.measurement().await;
        bench.controller.hardware_error(0x42);
        let failed = bench.dongle.failed().await;
        assert!(
            failed.to_string().contains("hardware error 0x42"),
            "{failed}"
        );
        assert!(measurement.read().await.unwrap_err().is_disconnected());
    });
}

/// The channel of signalling commands, and one to end a channel (Core Vol 3 Part A, 4.6).
#[test]
fn a_peer_that_closes_channels_that_are_not_open_does_no_harm() {
    let bench = Bench::new();
    soon(async {
        let (connection, measurement) = bench.measurement().await;
        for cid in [0, 1, 0x3F, 0x40, 0x41, 0xFFFF_u16] {
            let [low, high] = cid.to_le_bytes();
            for code in [0x06, 0x07] {
                let command = [code, 1, 4, 0, low, high, low, high];
                bench.peer.send_frame(0x0005, &command).unwrap();
            }
            // Data for nobody; two commands in one frame; one in parts.
            if cid >= 0x40 {
                bench.peer.send_frame(cid, &[1, 0, 7]).unwrap();
            }
            let two = [6, 1, 4, 0, low, high, low, high].repeat(2);
            bench.peer.send_frame(0x0005, &two).unwrap();
            let first = [8, 0, 5, 0, 6, 1];
            bench.peer.send_fragment(true, &first).unwrap();
            let rest = [4, 0, low, high, low, high];
            bench.peer.send_fragment(false, &rest).unwrap();
        }
        let mut values = measurement.subscribe().await.unwrap();
        let value = notification(bench.measurement, b"still here");
        bench.peer.send_async(&value).await.unwrap();
        let heard = values.notified().await.unwrap();
        assert_eq!(heard, Notified::Value(b"still here".to_vec()));
        assert!(connection.is_connected());
        assert!(bench.dongle.failure().is_none());
    });
}

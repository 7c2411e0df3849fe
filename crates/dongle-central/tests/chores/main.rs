//! What keeps links and scans in order is looked at when there is news of it. Here nothing else
//! happens that would have it looked at, so that news which is not told is never acted on.

#![allow(clippy::unwrap_used, clippy::panic)]

#[cfg(feature = "channels")]
#[path = "../../benches/host/pool.rs"]
mod pool;
mod world;

#[cfg(feature = "channels")]
use std::pin::Pin;
use std::pin::pin;
use std::task::Poll;

use bt_hci::transport::PacketKind;
use dongle_central::central::{ConnectConfig, Error, ScanConfig};
use dongle_central::links::{Address, Links as _, Reason};
use embassy_time::{Duration, Instant};

#[cfg(feature = "channels")]
use trouble_host::l2cap::{L2capChannel, L2capChannelConfig};
use world::{CONNECTION, World, peer, world};
#[cfg(feature = "security")]
use {
    dongle_central::security::{Key, Nobody, Privacy, Requirements},
    world::{HostCentral, world_beside},
};

// Commands (Core Vol 4 Part E, 7.1, 7.4 and 7.8).
const DISCONNECT: u16 = 0x0406;
const READ_BD_ADDR: u16 = 0x1009;
#[cfg(feature = "security")]
const SET_RANDOM_ADDRESS: u16 = 0x2005;
const SET_SCAN_ENABLE: u16 = 0x200C;
const CREATE_CONNECTION: u16 = 0x200D;
const CREATE_CONNECTION_CANCEL: u16 = 0x200E;
const CONNECTION_UPDATE: u16 = 0x2013;
const PARAMETER_REQUEST_REPLY: u16 = 0x2020;

/// Commands of the Security Manager Protocol (Core Vol 3 Part H, 3.3).
#[cfg(feature = "security")]
const PAIRING_REQUEST: u8 = 0x01;
#[cfg(feature = "security")]
const PAIRING_FAILED: u8 = 0x05;

/// Error codes (Core Vol 1 Part F, 2.2 and 2.9).
const UNKNOWN_CONNECTION: u8 = 0x02;
const CONNECTION_LIMIT_EXCEEDED: u8 = 0x09;

impl World<'_> {
    /// What the host had the controller do about scanning since this was asked last.
    fn scans(&self) -> Vec<bool> {
        let packets = self.controller.take();
        let [low, high] = SET_SCAN_ENABLE.to_le_bytes();
        let enabled = |packet: &Vec<u8>| match packet[..] {
            [0x01, l, h, _, enabled, ..] if [l, h] == [low, high] => Some(enabled == 1),
            _ => None,
        };
        packets.iter().filter_map(enabled).collect()
    }
}

#[test]
fn a_peer_that_asks_the_link_layer_for_parameters_is_answered() {
    world(|world, central| {
        let config = ConnectConfig::default();
        let _connection = world.run(central.connect(peer(), &config, None)).unwrap();
        world.controller.take();
        let asked = [0x06, 0x40, 0, 24, 0, 40, 0, 0, 0, 0x48, 0];
        for _ in 0..2 {
            world.controller.event(0x3E, &asked);
            world.settle();
            assert_eq!(world.controller.commands(), [PARAMETER_REQUEST_REPLY]);
        }
    });
}

#[test]
fn a_peer_that_asks_for_parameters_by_a_signal_is_answered() {
    world(|world, central| {
        let config = ConnectConfig::default();
        let _connection = world.run(central.connect(peer(), &config, None)).unwrap();
        world.controller.take();
        for identifier in [7, 8] {
            let asked = [0x12, identifier, 8, 0, 24, 0, 40, 0, 1, 0, 0x48, 0];
            world.controller.frame(5, &asked);
            world.settle();
            let packets = world.controller.take();
            let [update, answer] = &packets[..] else {
                panic!("{packets:02X?}");
            };
            assert_eq!(update[1..3], CONNECTION_UPDATE.to_le_bytes());
            assert_eq!(answer[0], PacketKind::AclData as u8);
            assert_eq!(answer[7..], [5, 0, 0x13, identifier, 2, 0, 0, 0]);
        }
    });
}

#[test]
fn a_link_that_a_request_had_no_response_on_is_disconnected() {
    world(|world, central| {
        let config = ConnectConfig::default();
        let connection = world.run(central.connect(peer(), &config, None)).unwrap();
        let client = connection.client();
        {
            let mut asked = pin!(client.exchange_mtu(100));
            assert!(world.turn(asked.as_mut()).is_pending());
        }
        world.controller.take();
        // As if 30 s had passed.
        let late = Instant::now() + Duration::from_secs(31);
        world.links.with(0, |link| link.bearer.handle_timeout(late));
        world.links.doorbell().ring(0);
        world.settle();
        assert_eq!(world.controller.commands(), [DISCONNECT]);
        let reason = world.run(connection.disconnected());
        assert_eq!(reason, Reason::TransactionTimeout);
    });
}

/// The controller takes no command for a while, in which the connection ends and its handle goes to the next.
#[test]
fn a_connection_that_has_the_handle_of_one_that_was_to_be_disconnected_stays() {
    world(|world, central| {
        let config = ConnectConfig::default();
        let first = world.run(central.connect(peer(), &config, None)).unwrap();
        world.controller.peer_is_away.set(true);
        let mut connecting = pin!(central.connect(peer(), &config, None));
        assert!(world.turn(connecting.as_mut()).is_pending());
        assert!(world.controller.commands().contains(&CREATE_CONNECTION));

        world.controller.event(0x0E, &[0, 0, 0]);
        world.settle();
        first.begin_to_disconnect();
        world.settle();
        let [low, high] = CONNECTION.to_le_bytes();
        world.controller.event(0x05, &[0, low, high, 0x08]);
        world.controller.connect(0);
        world.settle();
        assert!(world.controller.commands().is_empty());
        world.controller.event(0x0E, &[1, 0, 0]);
        let second = world.run(connecting).unwrap();
        world.settle();
        assert!(!world.controller.commands().contains(&DISCONNECT));
        assert!(world.turn(pin!(second.disconnected())).is_pending());
    });
}

#[test]
fn a_connection_whose_caller_went_away_is_disconnected() {
    world(|world, central| {
        world.controller.peer_is_away.set(true);
        {
            let config = ConnectConfig::default();
            let mut connecting = pin!(central.connect(peer(), &config, None));
            assert!(world.turn(connecting.as_mut()).is_pending());
            assert!(world.controller.commands().contains(&CREATE_CONNECTION));
        }
        world.settle();
        world.controller.take();
        // It is the faster one.
        world.controller.connect(0);
        world.settle();
        assert!(world.controller.commands().contains(&DISCONNECT));
    });
}

#[test]
fn an_attempt_whose_caller_went_away_is_cancelled_before_anything_else_begins() {
    world(|world, central| {
        world.controller.peer_is_away.set(true);
        let _scan = world.run(central.scan(ScanConfig::default())).unwrap();
        {
            let config = ConnectConfig::default();
            let mut connecting = pin!(central.connect(peer(), &config, None));
            assert!(world.turn(connecting.as_mut()).is_pending());
            world.controller.take();
        }
        world.settle();
        assert_eq!(world.controller.commands(), [CREATE_CONNECTION_CANCEL]);
        world.controller.connect(UNKNOWN_CONNECTION);
        world.settle();
        assert_eq!(world.scans(), [true], "the scan goes on");
    });
}

/// It is at an attempt, or at a scan, that was told to be over.
#[test]
fn what_the_controller_does_not_allow_is_begun_again_once_what_it_is_at_is_ended() {
    world(|world, central| {
        let config = ConnectConfig::default();
        world.controller.refuses.set(Some(CREATE_CONNECTION));
        let _connection = world.run(central.connect(peer(), &config, None)).unwrap();
        let commands = world.controller.commands();
        let begun = [
            CREATE_CONNECTION,
            CREATE_CONNECTION_CANCEL,
            CREATE_CONNECTION,
        ];
        assert!(commands.starts_with(&begun), "{commands:04X?}");
        world.controller.refuses.set(Some(SET_SCAN_ENABLE));
        let _scan = world.run(central.scan(ScanConfig::default())).unwrap();
        assert_eq!(world.scans(), [true, false, true]);
    });
}

#[test]
fn a_connection_to_another_peer_than_was_asked_for_is_disconnected() {
    world(|world, central| {
        let (config, peers) = (ConnectConfig::default(), [Address::random([9; 6])]);
        let never = std::future::pending();
        let connected = world.run(central.connect_first(&peers, &config, never));
        assert!(matches!(connected, Err(Error::Hci(0x3E))), "{connected:?}");
        world.settle();
        assert!(world.controller.commands().contains(&DISCONNECT));
    });
}

#[test]
fn a_scan_begins_and_ends_with_whoever_wants_it() {
    world(|world, central| {
        for _ in 0..2 {
            let scan = world.run(central.scan(ScanConfig::default())).unwrap();
            assert_eq!(world.scans(), [true]);
            drop(scan);
            world.settle();
            assert_eq!(world.scans(), [false]);
        }
    });
}

#[test]
fn a_scan_gives_its_place_to_the_next() {
    world(|world, central| {
        let first = world.run(central.scan(ScanConfig::default())).unwrap();
        let active = ScanConfig {
            active: true,
            ..ScanConfig::default()
        };
        let second = world.run(central.scan(active)).unwrap();
        assert!(!first.is_running());
        assert!(second.is_running());
        assert_eq!(world.scans(), [true, false, true]);
    });
}

#[test]
fn a_scan_makes_way_for_an_attempt_to_connect_and_goes_on_after_it_whatever_comes_of_it() {
    for status in [0, CONNECTION_LIMIT_EXCEEDED] {
        world(|world, central| {
            let scan = world.run(central.scan(ScanConfig::default())).unwrap();
            world.scans();
            world.controller.peer_is_away.set(true);
            let config = ConnectConfig::default();
            let mut connecting = pin!(central.connect(peer(), &config, None));
            assert!(world.turn(connecting.as_mut()).is_pending());
            assert_eq!(world.scans(), [false]);
            world.controller.connect(status);
            let Poll::Ready(connected) = world.turn(connecting) else {
                panic!("the attempt goes on");
            };
            assert_eq!(connected.is_ok(), status == 0);
            assert_eq!(world.scans(), [true]);
            assert!(scan.is_running());
        });
    }
}

#[test]
fn a_controller_that_says_nothing_is_asked() {
    world(|world, central| {
        let _scan = world.run(central.scan(ScanConfig::default())).unwrap();
        world.controller.take();
        let mut commands = Vec::new();
        while commands.is_empty() {
            world.sleep();
            commands = world.controller.commands();
        }
        assert_eq!(commands, [READ_BD_ADDR]);
    });
}

#[cfg(feature = "security")]
#[test]
fn another_address_is_taken_when_it_is_time() {
    let privacy = Privacy::new(Key::new([7; 16]), peer(), [1, 2, 3]);
    let private = async |central: &HostCentral<'_, '_>| {
        let interval = Duration::from_millis(20);
        central.go_private(privacy, interval).await;
    };
    world_beside(private, |world, _| {
        // Nothing else is due as soon.
        world.sleep();
        let commands = world.controller.commands();
        assert!(commands.contains(&SET_RANDOM_ADDRESS), "{commands:04X?}");
    });
}

#[cfg(feature = "security")]
#[test]
fn a_peer_is_told_of_a_pairing_that_was_given_up() {
    world(|world, central| {
        central.set_random(&|octets| {
            octets.fill(7);
            true
        });
        let config = ConnectConfig::default();
        let connection = world.run(central.connect(peer(), &config, None)).unwrap();
        let smp = |world: &World<'_>| -> Vec<u8> {
            let packets = world.controller.take();
            let frames = packets.iter().filter(|p| p.get(7) == Some(&6));
            frames.filter_map(|p| p.get(9).copied()).collect()
        };
        {
            let wanted = Requirements::default();
            let mut pairing = pin!(connection.pair(&wanted, &Nobody));
            assert!(world.turn(pairing.as_mut()).is_pending());
            assert_eq!(smp(world), [PAIRING_REQUEST]);
        }
        world.settle();
        assert_eq!(smp(world), [PAIRING_FAILED]);
    });
}

/// Runs a scenario in which trouble-host has asked for a channel. It keeps one in a place that is free again as
/// soon as it is closed, and panics if who opens one finds somebody else's, or nobody's, there.
#[cfg(feature = "channels")]
fn opening(scenario: impl FnOnce(&mut World<'_>, Pin<&mut dyn Future<Output = bool>>)) {
    world(|world, central| {
        let config = ConnectConfig::default();
        let connection = world.run(central.connect(peer(), &config, None)).unwrap();
        let (stack, host) = (central.stack().unwrap(), connection.host().unwrap());
        let config = L2capChannelConfig::default();
        let opened = L2capChannel::create(stack, host, 0x80, &config);
        let mut opening: Pin<&mut dyn Future<Output = bool>> = pin!(async { opened.await.is_ok() });
        assert!(world.fairly(opening.as_mut()).is_pending());
        scenario(world, opening);
    });
}

#[cfg(feature = "channels")]
#[test]
fn a_channel_that_is_accepted_and_closed_in_one_go_is_opened_first() {
    opening(|world, opening| {
        let sent = world.controller.take();
        // LE Credit Based Connection Request (Core Vol 3 Part A, 4.22): identifier, and our channel.
        let request = sent.iter().find(|packet| packet.get(9) == Some(&0x14));
        let request = request.unwrap();
        let (identifier, [low, high]) = (request[10], [request[15], request[16]]);
        let accepted = [0x15, identifier, 10, 0, 0x51, 0, 100, 0, 100, 0, 1, 0, 0, 0];
        world.controller.frame(5, &accepted);
        let closed = [0x06, 0x77, 4, 0, low, high, 0x51, 0];
        world.controller.frame(5, &closed);
        assert_eq!(world.fairly(opening), Poll::Ready(true));
    });
}

#[cfg(feature = "channels")]
#[test]
fn a_channel_of_a_connection_that_has_ended_is_none_of_the_next_ones() {
    opening(|world, opening| {
        let [low, high] = CONNECTION.to_le_bytes();
        world.controller.event(0x05, &[0, low, high, 0x13]);
        world.controller.connect(0);
        assert_eq!(world.fairly(opening), Poll::Ready(false));
    });
}

//! A scripted peripheral before a host made of bytes; and what can go wrong on the air.

use std::time::{Duration, Instant};

use dongle_virtual::{
    Air, AirConfig, ControllerConfig, PeerEvent, ScriptedConfig, ScriptedPeripheral,
};
use hci_transport::ErrorKind;

use super::central::{block_on, until};
use super::host::{Host, OWN};

const LONG: Duration = Duration::from_secs(20);

fn echo(pdu: &[u8]) -> Vec<Vec<u8>> {
    vec![pdu.to_vec()]
}

/// A peripheral that echoes, and a host connected to it.
fn linked(air: &Air, config: ScriptedConfig) -> (ScriptedPeripheral, Host) {
    let address = config.address;
    let peer = ScriptedPeripheral::start(air, config, echo);
    let mut host = Host::new(air, ControllerConfig::legacy());
    host.connect(address);
    let connected = peer.next_event(LONG);
    assert!(matches!(connected, Some(PeerEvent::Connected { .. })));
    (peer, host)
}

#[test]
fn the_handler_answers_and_the_test_pushes() {
    let air = Air::new();
    let config = ScriptedConfig::default();
    let peer = ScriptedPeripheral::start(&air, config.clone(), echo);
    assert!(peer.send(&[1]).is_err(), "nobody is connected");
    let mut host = Host::new(&air, ControllerConfig::legacy());
    host.connect(config.address);
    let Some(PeerEvent::Connected { central }) = peer.next_event(LONG) else {
        panic!()
    };
    assert_eq!(central.bytes, OWN);
    host.send_att(&[1, 2, 3]);
    assert_eq!(host.att(), [1, 2, 3]);
    let long: Vec<u8> = (0..200).collect();
    peer.send(&long).unwrap();
    assert_eq!(host.att(), long);
    peer.send(&[]).unwrap();
    assert_eq!(host.att(), [], "even none at all");
    peer.disconnect(0x13).unwrap();
    assert_eq!(host.disconnected(), 0x13);
    assert_eq!(
        peer.next_event(LONG),
        Some(PeerEvent::Disconnected { reason: 0x16 })
    );
    host.connect(config.address);
    assert!(
        matches!(peer.next_event(LONG), Some(PeerEvent::Connected { .. })),
        "there again"
    );
}

#[test]
fn five_thousand_notifications_back_to_back_arrive_in_order() {
    for (buffers, length) in [(1, 27), (2, 27), (8, 251)] {
        let air = Air::new();
        let small = ControllerConfig::zephyr_uart().with_acl(buffers, length);
        let config = ScriptedConfig::default().with_controller(small);
        let peer = ScriptedPeripheral::start(&air, config.clone(), echo);
        let mut host = Host::new(&air, ControllerConfig::zephyr_uart());
        host.connect(config.address);
        assert!(matches!(
            peer.next_event(LONG),
            Some(PeerEvent::Connected { .. })
        ));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..5000_u32 {
                    let mut pdu = vec![0x1B, 3, 0];
                    pdu.extend_from_slice(&[0; 13]);
                    pdu.extend_from_slice(&number.to_le_bytes());
                    peer.send(&pdu).unwrap();
                }
            });
            for number in 0..5000_u32 {
                assert_eq!(host.att()[16..], number.to_le_bytes());
                if number == 10 {
                    // A host that pauses, while the peer goes on, loses nothing.
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        });
        assert_eq!(air.violations(), 0);
        let stats = peer.controller().stats().unwrap();
        assert!(stats.max_in_flight <= usize::from(buffers), "{stats:?}");
    }
}

#[test]
fn a_key_that_both_know_encrypts() {
    let air = Air::new();
    let config = ScriptedConfig::default().with_long_term_key([5; 16]);
    let (peer, mut host) = linked(&air, config);
    let mut parameters = host.handle.to_le_bytes().to_vec();
    parameters.extend_from_slice(&[0; 10]);
    parameters.extend_from_slice(&[5; 16]);
    host.command(0x2019, &parameters);
    let event = host.wait(|packet| matches!(packet, [4, 0x08, ..]));
    assert_eq!((event[3], event[6]), (0, 1));
    assert_eq!(peer.next_event(LONG), Some(PeerEvent::Encrypted));
}

#[test]
fn both_hosts_notice_a_link_that_was_lost() {
    let air = Air::new();
    let (peer, mut host) = linked(&air, ScriptedConfig::default());
    host.controller.drop_links();
    assert_eq!(host.disconnected(), 0x08);
    assert_eq!(
        peer.next_event(LONG),
        Some(PeerEvent::Disconnected { reason: 0x08 })
    );
}

#[test]
fn with_pacing_a_lost_link_takes_its_supervision_timeout() {
    let air = Air::with(AirConfig::paced());
    let (_peer, mut host) = linked(&air, ScriptedConfig::default());
    let began = Instant::now();
    host.controller.drop_link(host.handle);
    assert_eq!(host.disconnected(), 0x08);
    // 1 s as connected, by a clock of the air's own.
    assert!(began.elapsed() >= Duration::from_millis(990));
}

#[test]
fn an_unplugged_controller_fails_its_host_s_wire_and_its_peer() {
    let air = Air::new();
    let (peer, host) = linked(&air, ScriptedConfig::default());
    host.controller.unplug();
    let error = loop {
        let mut packet = Vec::new();
        if let Err(error) = block_on(host.channel.read_packet(&mut packet)) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert_eq!(
        peer.next_event(LONG),
        Some(PeerEvent::Disconnected { reason: 0x08 })
    );
    assert_eq!(host.controller.stats(), None);
}

#[test]
fn a_host_that_does_not_read_stops_only_itself() {
    let air = Air::new();
    let config = ScriptedConfig::default();
    let peer = ScriptedPeripheral::start(&air, config.clone(), |_| Vec::new());
    let mut deaf = Host::new(&air, ControllerConfig::legacy());
    deaf.connect(config.address);
    peer.next_event(LONG);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2000 {
                peer.send(&[0x1B, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap();
            }
        });
        // Meanwhile the air serves others, until nothing more goes out for this one.
        let mut other = Host::new(&air, ControllerConfig::legacy());
        let mut before = 0;
        until("nothing more goes out", || {
            for _ in 0..100 {
                other.command(0x2018, &[]);
            }
            let sent = peer.sent();
            sent > 0 && std::mem::replace(&mut before, sent) == sent
        });
        assert!(before < 1000, "held back at {before}");
        for _ in 0..2000 {
            deaf.att();
        }
    });
    assert_eq!(peer.sent(), 2000);
}

#[test]
fn an_air_without_handles_goes_on_for_the_channels_it_gave() {
    let channel = Air::new().controller(ControllerConfig::default());
    block_on(channel.write_packet(&[1, 3, 0x0C, 0])).unwrap();
    let mut packet = Vec::new();
    block_on(channel.read_packet(&mut packet)).unwrap();
    assert_eq!(packet, [4, 0x0E, 4, 1, 3, 0x0C, 0]);
}

#[test]
fn an_event_can_be_waited_for_without_end() {
    let air = Air::new();
    let config = ScriptedConfig::default();
    let address = config.address;
    let peer = ScriptedPeripheral::start(&air, config, echo);
    let mut host = Host::new(&air, ControllerConfig::legacy());
    host.connect(address);
    let event = peer.next_event(Duration::MAX);
    assert!(matches!(event, Some(PeerEvent::Connected { .. })));
}

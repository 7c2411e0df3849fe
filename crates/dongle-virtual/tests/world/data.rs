//! Data over links: credits, fragments, order, and who is held back by whom.

use std::collections::VecDeque;

use dongle_virtual::{ControllerConfig, ControllerId, Pacing};

use super::rig::{PERIPHERAL, Rig, with_handle};

/// Credits that came back for a handle.
fn completed(rig: &mut Rig, id: ControllerId) -> usize {
    let events = rig.events(id, 0x13);
    events
        .iter()
        .map(|event| usize::from(u16::from_le_bytes([event[3], event[4]])))
        .sum()
}

#[test]
fn data_arrives_with_the_boundary_flags_of_the_other_direction() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let link = rig.connected(ControllerConfig::legacy(), ControllerConfig::legacy());
    rig.acl(link.central, link.handle, 0b00, &[1, 2, 3]);
    rig.acl(link.central, link.handle, 0b01, &[4, 5]);
    rig.acl(link.central, link.handle, 0b10, &[6]);
    rig.run_ms(1);
    let handle = link.peer_handle;
    assert_eq!(
        rig.data(link.peripheral),
        [
            (handle, 0b10, vec![1, 2, 3]),
            (handle, 0b01, vec![4, 5]),
            (handle, 0b10, vec![6])
        ]
    );
    assert_eq!(completed(&mut rig, link.central), 3);
    assert_eq!(completed(&mut rig, link.peripheral), 0);
}

#[test]
fn a_long_packet_is_cut_to_the_link_until_both_agree_on_more() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let link = rig.connected(ControllerConfig::default(), ControllerConfig::default());
    let data: Vec<u8> = (0..100).collect();
    rig.acl(link.central, link.handle, 0, &data);
    rig.run_ms(1);
    let got = rig.data(link.peripheral);
    let shape: Vec<_> = got
        .iter()
        .map(|(_, flag, data)| (*flag, data.len()))
        .collect();
    assert_eq!(shape, [(0b10, 27), (0b01, 27), (0b01, 27), (0b01, 19)]);
    assert_eq!(got.concat_data(), data);
    assert_eq!(completed(&mut rig, link.central), 1);

    rig.ok(
        link.central,
        0x2022,
        &with_handle(link.handle, &[251, 0, 0x48, 0x08]),
    );
    rig.run_ms(1);
    rig.acl(link.central, link.handle, 0, &data);
    rig.run_ms(1);
    assert_eq!(rig.data(link.peripheral), [(link.peer_handle, 0b10, data)]);
}

trait ConcatData {
    fn concat_data(&self) -> Vec<u8>;
}

impl ConcatData for Vec<(u16, u16, Vec<u8>)> {
    fn concat_data(&self) -> Vec<u8> {
        self.iter().flat_map(|(_, _, data)| data.clone()).collect()
    }
}

#[test]
fn more_packets_than_buffers_overflow_and_are_counted() {
    let mut rig = Rig::new(Pacing::Paced);
    let small = ControllerConfig::zephyr_uart().with_acl(2, 27);
    let link = rig.connected(small, ControllerConfig::legacy());
    for number in 0..3 {
        rig.acl(link.central, link.handle, 0, &[number]);
    }
    assert_eq!(rig.events(link.central, 0x1A), [[1]]);
    let stats = rig.world.stats(link.central).unwrap();
    assert_eq!(
        (stats.overflows, stats.max_in_flight, stats.in_flight),
        (1, 2, 2)
    );
    rig.run_ms(100);
    assert_eq!(completed(&mut rig, link.central), 2);
    assert_eq!(rig.data(link.peripheral).len(), 2);
    rig.acl(link.central, link.handle, 0, &[0; 28]);
    assert_eq!(rig.world.stats(link.central).unwrap().oversized, 1);
    assert_eq!(rig.world.stats(link.central).unwrap().violations(), 2);
}

#[test]
fn with_pacing_data_waits_for_connection_events() {
    let mut rig = Rig::new(Pacing::Paced);
    let link = rig.connected(ControllerConfig::legacy(), ControllerConfig::legacy());
    let began = rig.now;
    let mut sent = 0;
    let mut received = 0;
    while received < 40 {
        while sent < 40 && rig.world.stats(link.central).unwrap().in_flight < 8 {
            rig.acl(link.central, link.handle, 0, &[sent]);
            sent += 1;
        }
        rig.run_ms(5);
        received += rig.data(link.peripheral).len();
    }
    // 6 packets in each event, one event every 30 ms.
    let millis = (rig.now - began).as_millis();
    assert!((150..=250).contains(&millis), "{millis} ms");
}

#[test]
fn a_slow_host_holds_its_peer_back_and_nobody_else() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let mut slow = ControllerConfig::legacy();
    slow.receive_buffers = 4;
    let link = rig.connected(ControllerConfig::legacy(), slow);
    let other = rig.host(ControllerConfig::legacy(), [9; 6]);
    rig.advertise(other, &[], &[]);
    rig.create_connection(link.central, [9; 6]);
    rig.run_ms(50);
    let second = u16::from(rig.le(link.central, 0x0A)[0][1]);

    for number in 0..6 {
        rig.acl(link.central, link.handle, 0, &[number]);
    }
    rig.world.handle_timeout(rig.now);
    assert_eq!(
        rig.world.stats(link.central).unwrap().in_flight,
        2,
        "four arrived, two wait"
    );
    rig.acl(link.central, second, 0, &[99]);
    rig.world.handle_timeout(rig.now);
    assert!(rig.world.pop_output(other).is_some(), "the other is served");
    // Now the slow host reads, and everything comes in order.
    let mut seen = VecDeque::new();
    for _ in 0..6 {
        while let Some(packet) = rig.world.pop_output(link.peripheral) {
            seen.push_back(packet[5]);
        }
        rig.world.handle_timeout(rig.now);
    }
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
    assert_eq!(rig.world.stats(link.central).unwrap().in_flight, 0);
}

#[test]
fn host_flow_control_bounds_what_the_host_is_given() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let peripheral = rig.host(ControllerConfig::legacy(), PERIPHERAL);
    rig.ok(peripheral, 0x0C33, &[255, 0, 0, 2, 0, 0, 0]);
    rig.ok(peripheral, 0x0C31, &[1]);
    let central = rig.host(ControllerConfig::legacy(), super::rig::CENTRAL);
    let link = rig.link(central, peripheral);
    for number in 0..5 {
        rig.acl(central, link.handle, 0, &[number]);
    }
    rig.run_ms(1);
    assert_eq!(rig.data(peripheral).len(), 2);
    let [h0, h1] = link.peer_handle.to_le_bytes();
    for expected in [2, 1] {
        rig.world
            .handle_packet(rig.now, peripheral, &[1, 0x35, 0x0C, 5, 1, h0, h1, 2, 0]);
        rig.run_ms(1);
        assert_eq!(rig.data(peripheral).len(), expected);
    }
    assert_eq!(
        rig.status(peripheral, 0x0C31, &[0]),
        0x0C,
        "not while there is a link"
    );
}

#[test]
fn two_links_share_the_air_fairly() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let link = rig.connected(
        ControllerConfig::legacy().with_acl(40, 27),
        ControllerConfig::legacy(),
    );
    let other = rig.host(ControllerConfig::legacy(), [9; 6]);
    rig.advertise(other, &[], &[]);
    rig.create_connection(link.central, [9; 6]);
    rig.run_ms(50);
    let second = u16::from(rig.le(link.central, 0x0A)[0][1]);
    rig.all(link.central);
    for number in 0..20 {
        rig.acl(link.central, link.handle, 0, &[number]);
        rig.acl(link.central, second, 0, &[number]);
    }
    rig.run_ms(1);
    let order: Vec<u8> = rig
        .events(link.central, 0x13)
        .iter()
        .map(|event| event[1])
        .collect();
    let half = &order[..order.len() / 2];
    let first = half
        .iter()
        .filter(|&&handle| u16::from(handle) == link.handle)
        .count();
    assert!(first.abs_diff(half.len() - first) <= 2, "{order:?}");
}

#[test]
fn ten_thousand_packets_both_ways_keep_their_order() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let link = rig.connected(
        ControllerConfig::legacy().with_acl(1, 27),
        ControllerConfig::legacy().with_acl(8, 27),
    );
    let ends = [
        (link.central, link.handle),
        (link.peripheral, link.peer_handle),
    ];
    let (mut sent, mut received) = ([0_u32; 2], [0_u32; 2]);
    let mut credits = [1_usize, 8];
    while received != [10_000; 2] {
        for side in 0..2 {
            let (id, handle) = ends[side];
            while credits[side] > 0 && sent[side] < 10_000 {
                rig.acl(id, handle, 0, &sent[side].to_le_bytes());
                sent[side] += 1;
                credits[side] -= 1;
            }
        }
        let now = rig.now;
        rig.world.handle_timeout(now);
        for side in 0..2 {
            let (id, _) = ends[side];
            for (_, _, data) in rig.data(id) {
                assert_eq!(data, received[side].to_le_bytes());
                received[side] += 1;
            }
            credits[side] += completed(&mut rig, id);
        }
    }
    for (id, most) in [(link.central, 1), (link.peripheral, 8)] {
        let stats = rig.world.stats(id).unwrap();
        assert_eq!((stats.max_in_flight, stats.violations()), (most, 0));
    }
}

#[test]
fn what_is_queued_goes_with_the_link() {
    let mut rig = Rig::new(Pacing::Paced);
    let link = rig.connected(ControllerConfig::legacy(), ControllerConfig::legacy());
    rig.world.drop_link(rig.now, link.central, link.handle);
    for number in 0..5 {
        rig.acl(link.central, link.handle, 0, &[number]);
    }
    rig.run_ms(1100);
    assert_eq!(completed(&mut rig, link.central), 0);
    assert_eq!(rig.world.stats(link.central).unwrap().in_flight, 0);
    rig.acl(link.central, link.handle, 0, &[1]);
    let stats = rig.world.stats(link.central).unwrap();
    assert_eq!((stats.unknown_handle, stats.violations()), (1, 0));
}

//! Making and ending links.

use std::time::Duration;

use dongle_virtual::{ControllerConfig, Pacing};

use super::rig::{CENTRAL, PERIPHERAL, Rig, create_connection, with_handle};

#[test]
fn both_sides_learn_of_the_link() {
    let mut rig = Rig::new(Pacing::Paced);
    let peripheral = rig.host(ControllerConfig::legacy(), PERIPHERAL);
    let central = rig.host(ControllerConfig::legacy(), CENTRAL);
    rig.create_connection(central, PERIPHERAL);
    rig.run_ms(200);
    assert!(rig.le(central, 0x0A).is_empty(), "it is not there yet");
    rig.advertise(peripheral, &[2, 1, 6], &[]);
    rig.run_ms(50);
    let event = rig.le(central, 0x0A).remove(0);
    assert_eq!(
        (event[0], event[3], event[4], &event[5..11]),
        (0, 0, 1, &PERIPHERAL[..])
    );
    assert_eq!(
        &event[23..],
        &[24, 0, 0, 0, 100, 0, 0],
        "interval, latency, timeout, accuracy"
    );
    let event = rig.le(peripheral, 0x0A).remove(0);
    assert_eq!(
        (event[0], event[3], event[4], &event[5..11]),
        (0, 1, 1, &CENTRAL[..])
    );
    // Advertising has ended with it.
    rig.ok(central, 0x200B, &[0, 0x10, 0, 0x10, 0, 1, 0]);
    rig.ok(central, 0x200C, &[1, 0]);
    rig.run_ms(200);
    assert!(rig.le(central, 0x02).is_empty());
}

#[test]
fn by_the_extended_commands_a_set_says_it_was_taken() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let peripheral = rig.host(ControllerConfig::default(), PERIPHERAL);
    let central = rig.host(ControllerConfig::default(), CENTRAL);
    let mut parameters = vec![3, 1, 0, 0x20, 0, 0, 0x20, 0, 0, 7, 1];
    parameters.extend_from_slice(&[0; 7]);
    parameters.extend_from_slice(&[0, 127, 1, 0, 2, 0, 0]);
    rig.ok(peripheral, 0x2036, &parameters);
    rig.ok(
        peripheral,
        0x2035,
        &[&[3][..], &[7, 7, 7, 7, 7, 0xC7]].concat(),
    );
    rig.ok(peripheral, 0x2039, &[1, 1, 3, 0, 0, 0]);
    let mut parameters = vec![0, 1, 1, 7, 7, 7, 7, 7, 0xC7, 1];
    for field in [0x10_u16, 0x10, 24, 24, 0, 100, 0, 0] {
        parameters.extend_from_slice(&field.to_le_bytes());
    }
    rig.ok(central, 0x2043, &parameters);
    rig.run_ms(50);
    let event = rig.le(central, 0x0A).remove(0);
    assert_eq!(event[0], 0);
    let handle = rig.le(peripheral, 0x0A).remove(0)[1];
    assert_eq!(rig.le(peripheral, 0x12), [[0, 3, handle, 0, 1]]);
    assert_eq!(
        rig.le(central, 0x14).len(),
        1,
        "channel selection algorithm"
    );
}

#[test]
fn a_connection_attempt_can_be_cancelled_and_made_again() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let central = rig.host(ControllerConfig::legacy(), CENTRAL);
    rig.create_connection(central, PERIPHERAL);
    assert_eq!(
        rig.status(central, 0x200D, &create_connection([5; 6], 24, 0, 100)),
        0x0C
    );
    rig.ok(central, 0x200E, &[]);
    let event = rig.le(central, 0x0A).remove(0);
    assert_eq!((event[0], &event[5..11]), (0x02, &PERIPHERAL[..]));
    let peripheral = rig.host(ControllerConfig::legacy(), PERIPHERAL);
    let linked = rig.link(central, peripheral);
    let again = create_connection(PERIPHERAL, 24, 0, 100);
    assert_eq!(
        rig.status(linked.central, 0x200D, &again),
        0x0B,
        "connected already"
    );
}

#[test]
fn the_accept_list_names_whom_to_connect_to() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let peripheral = rig.host(ControllerConfig::legacy(), PERIPHERAL);
    let other = rig.host(ControllerConfig::legacy(), [9; 6]);
    let central = rig.host(ControllerConfig::legacy(), CENTRAL);
    rig.advertise(other, &[], &[]);
    rig.advertise(peripheral, &[], &[]);
    rig.ok(central, 0x2011, &[&[1][..], &PERIPHERAL].concat());
    let mut parameters = create_connection([0; 6], 24, 0, 100);
    parameters[4] = 1;
    rig.ok(central, 0x200D, &parameters);
    rig.run_ms(50);
    let event = rig.le(central, 0x0A).remove(0);
    assert_eq!((event[0], &event[5..11]), (0, &PERIPHERAL[..]));
}

#[test]
fn each_side_is_told_who_ended_the_link() {
    let mut rig = Rig::new(Pacing::Paced);
    let link = rig.connected(ControllerConfig::legacy(), ControllerConfig::legacy());
    assert_eq!(
        rig.status(link.central, 0x0406, &with_handle(link.handle, &[0x42])),
        0x12
    );
    rig.ok(link.central, 0x0406, &with_handle(link.handle, &[0x13]));
    rig.run_ms(100);
    assert_eq!(rig.events(link.central, 0x05)[0][3], 0x16);
    assert_eq!(rig.events(link.peripheral, 0x05)[0][3], 0x13);
    let link = rig.link(link.central, link.peripheral);
    rig.ok(
        link.peripheral,
        0x0406,
        &with_handle(link.peer_handle, &[0x15]),
    );
    rig.run_ms(100);
    assert_eq!(rig.events(link.central, 0x05)[0][3], 0x15);
    assert_eq!(rig.events(link.peripheral, 0x05)[0][3], 0x16);
    assert_eq!(
        rig.status(link.central, 0x0406, &with_handle(link.handle, &[0x13])),
        0x02
    );
}

#[test]
fn what_was_sent_before_a_disconnect_still_arrives_if_the_peer_takes_it() {
    for pacing in [Pacing::Paced, Pacing::FreeRunning] {
        let mut rig = Rig::new(pacing);
        let mut slow = ControllerConfig::legacy();
        slow.receive_buffers = 4;
        let link = rig.connected(ControllerConfig::legacy(), slow);
        for number in 0..8 {
            rig.acl(link.central, link.handle, 0, &[number]);
        }
        rig.ok(link.central, 0x0406, &with_handle(link.handle, &[0x13]));
        rig.run_ms(190);
        assert_eq!(rig.data(link.peripheral).len(), 8);
        assert_eq!(rig.events(link.central, 0x05)[0][3], 0x16);
        // And a peer whose host never reads does not hold the disconnection up for ever.
        let link = rig.link(link.central, link.peripheral);
        for number in 0..8 {
            rig.acl(link.central, link.handle, 0, &[number]);
        }
        let mut command = vec![1, 0x06, 0x04, 3];
        command.extend_from_slice(&with_handle(link.handle, &[0x13]));
        rig.world.handle_packet(rig.now, link.central, &command);
        for _ in 0..300 {
            rig.now += Duration::from_millis(1);
            rig.world.handle_timeout(rig.now);
        }
        assert_eq!(rig.events(link.central, 0x05)[0][3], 0x16);
    }
}

#[test]
fn a_lost_link_ends_after_the_supervision_timeout() {
    let mut rig = Rig::new(Pacing::Paced);
    let link = rig.connected(ControllerConfig::legacy(), ControllerConfig::legacy());
    rig.world.drop_link(rig.now, link.central, link.handle);
    rig.run_ms(990);
    assert!(rig.events(link.central, 0x05).is_empty());
    rig.run_ms(20);
    assert_eq!(rig.events(link.central, 0x05)[0][3], 0x08);
    assert_eq!(rig.events(link.peripheral, 0x05)[0][3], 0x08);
}

#[test]
fn a_peer_that_was_unplugged_or_reset_is_missed() {
    let mut rig = Rig::new(Pacing::Paced);
    let link = rig.connected(ControllerConfig::legacy(), ControllerConfig::legacy());
    rig.ok(link.peripheral, 0x0C03, &[]);
    rig.run_ms(1010);
    assert_eq!(rig.events(link.central, 0x05)[0][3], 0x08);
    assert!(
        rig.events(link.peripheral, 0x05).is_empty(),
        "a reset asks for no event"
    );
    for (opcode, mask) in [(0x0C01, [0xFF; 8]), (0x2001, [0xFF; 8])] {
        rig.ok(link.peripheral, opcode, &mask);
    }
    rig.ok(link.peripheral, 0x2005, &PERIPHERAL);
    let link = rig.link(link.central, link.peripheral);
    rig.world.remove_controller(rig.now, link.central);
    rig.run_ms(1010);
    assert_eq!(rig.events(link.peripheral, 0x05)[0][3], 0x08);
}

#[test]
fn a_link_may_fail_to_be_established() {
    let mut rig = Rig::new(Pacing::Paced);
    let peripheral = rig.host(ControllerConfig::legacy(), PERIPHERAL);
    let central = rig.host(ControllerConfig::legacy(), CENTRAL);
    rig.world.fail_establishment(Duration::ZERO, central, 2);
    rig.advertise(peripheral, &[], &[]);
    for _ in 0..2 {
        rig.create_connection(central, PERIPHERAL);
        rig.run_ms(400);
        assert_eq!(rig.le(central, 0x0A)[0][0], 0);
        assert_eq!(rig.events(central, 0x05)[0][3], 0x3E);
        assert!(
            rig.all(peripheral).is_empty(),
            "the peripheral has heard nothing"
        );
    }
    rig.create_connection(central, PERIPHERAL);
    rig.run_ms(1000);
    assert_eq!(rig.le(peripheral, 0x0A).len(), 1);
    assert!(rig.events(central, 0x05).is_empty());
}

#[test]
fn links_have_a_limit() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let mut config = ControllerConfig::legacy();
    config.connections = 2;
    let central = rig.host(config, CENTRAL);
    for number in 1..=2 {
        let address = [number; 6];
        let peripheral = rig.host(ControllerConfig::legacy(), address);
        rig.advertise(peripheral, &[], &[]);
        rig.create_connection(central, address);
        rig.run_ms(50);
        assert_eq!(rig.le(central, 0x0A)[0][0], 0);
    }
    assert_eq!(
        rig.status(central, 0x200D, &create_connection([9; 6], 24, 0, 100)),
        0x09
    );
    assert_eq!(rig.world.handles(central), [0, 1]);
}

#[test]
fn high_duty_directed_advertising_gives_up() {
    let mut rig = Rig::new(Pacing::Paced);
    let peripheral = rig.host(ControllerConfig::legacy(), PERIPHERAL);
    let mut parameters = vec![0, 0, 0, 0, 1, 1, 1];
    parameters.extend_from_slice(&CENTRAL);
    parameters.extend_from_slice(&[7, 0]);
    rig.ok(peripheral, 0x2006, &parameters);
    rig.ok(peripheral, 0x200A, &[1]);
    rig.run_ms(1270);
    assert!(rig.le(peripheral, 0x0A).is_empty());
    rig.run_ms(20);
    let event = rig.le(peripheral, 0x0A).remove(0);
    assert_eq!((event[0], event[3]), (0x3C, 1));
}

#[test]
fn a_cycle_of_five_hundred_links_leaves_nothing_behind() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let peripheral = rig.host(ControllerConfig::legacy(), PERIPHERAL);
    let central = rig.host(ControllerConfig::legacy(), CENTRAL);
    for _ in 0..500 {
        let link = rig.link(central, peripheral);
        assert_eq!((link.handle, link.peer_handle), (0, 0));
        rig.acl(central, link.handle, 0, &[1; 10]);
        rig.ok(central, 0x0406, &with_handle(link.handle, &[0x13]));
        rig.run_ms(10);
        assert_eq!(rig.world.stats(central).unwrap().in_flight, 0);
    }
    assert!(rig.world.handles(central).is_empty());
    assert_eq!(rig.world.poll_timeout(), None);
}

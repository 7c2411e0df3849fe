//! What a host finds out about its controller, and the rules of commands.

use dongle_virtual::{ControllerConfig, Pacing, World};

use super::rig::{CENTRAL, Got, Rig, create_connection};

fn rig() -> Rig {
    Rig::new(Pacing::FreeRunning)
}

#[test]
fn a_host_learns_what_its_controller_is() {
    let mut rig = rig();
    let config = ControllerConfig::default()
        .with_acl(3, 64)
        .with_public_address([9, 8, 7, 6, 5, 4]);
    let id = rig.host(config, CENTRAL);
    assert_eq!(rig.ok(id, 0x1009, &[]), [9, 8, 7, 6, 5, 4]);
    assert_eq!(rig.ok(id, 0x2002, &[]), [64, 0, 3]);
    assert_eq!(rig.ok(id, 0x2060, &[]), [64, 0, 3, 0, 0, 0]);
    assert_eq!(rig.ok(id, 0x1005, &[]), [64, 0, 0, 3, 0, 0, 0]);
    let features = rig.ok(id, 0x2003, &[]);
    assert_eq!(features[1] & 0x11, 0x11, "2M and extended advertising");
    let commands = rig.ok(id, 0x1002, &[]);
    assert_eq!(commands.len(), 64);
    assert_eq!(commands[37] >> 7, 1, "LE Extended Create Connection");
    assert_ne!(rig.ok(id, 0x2018, &[]), rig.ok(id, 0x2018, &[]), "LE Rand");
}

#[test]
fn a_small_board_lacks_what_small_boards_lack() {
    let mut rig = rig();
    let id = rig.host(ControllerConfig::zephyr_uart(), CENTRAL);
    assert_eq!(rig.ok(id, 0x1009, &[]), [0; 6]);
    assert_eq!(rig.ok(id, 0x2002, &[]), [27, 0, 7]);
    for opcode in [0x1005, 0x2060, 0x2036, 0x2041, 0x2022, 0x2025, 0xFC01] {
        assert_eq!(
            rig.command(id, opcode, &[]),
            Got::Status {
                opcode,
                status: 0x01
            }
        );
    }
    let commands = rig.ok(id, 0x1002, &[]);
    assert_eq!((commands[36], commands[37]), (0, 0));
}

#[test]
fn encrypt_is_the_aes_of_the_specification() {
    // FIPS-197 C.1, in HCI's byte order.
    let mut rig = rig();
    let id = rig.host(ControllerConfig::default(), CENTRAL);
    let key: Vec<u8> = (0..16).rev().collect();
    let plain: Vec<u8> = (0..16).rev().map(|n| n * 0x11).collect();
    let mut cipher = 0x69c4_e0d8_6a7b_0430_d8cd_b780_70b4_c55a_u128
        .to_be_bytes()
        .to_vec();
    cipher.reverse();
    assert_eq!(rig.ok(id, 0x2017, &[key, plain].concat()), cipher);
}

#[test]
fn masks_hold_events_back() {
    let mut rig = rig();
    let id = rig.host(ControllerConfig::legacy(), CENTRAL);
    rig.ok(id, 0x2001, &[0x01, 0, 0, 0, 0, 0, 0, 0]);
    rig.create_connection(id, [5; 6]);
    rig.ok(id, 0x200E, &[]);
    let legacy = rig.le(id, 0x01);
    assert_eq!(
        legacy.len(),
        1,
        "Connection Complete, as Enhanced is masked"
    );
    assert_eq!((legacy[0][0], legacy[0].len()), (0x02, 18));
    rig.ok(id, 0x0C01, &[0; 8]);
    rig.create_connection(id, [5; 6]);
    rig.ok(id, 0x200E, &[]);
    assert_eq!(rig.all(id), []);
}

#[test]
fn after_reset_le_events_are_masked() {
    let mut rig = rig();
    let id = rig.host(ControllerConfig::legacy(), CENTRAL);
    rig.ok(id, 0x0C03, &[]);
    rig.ok(id, 0x2005, &CENTRAL);
    rig.create_connection(id, [5; 6]);
    rig.ok(id, 0x200E, &[]);
    assert_eq!(rig.all(id), []);
}

#[test]
fn the_two_families_of_commands_do_not_mix() {
    let mut rig = rig();
    let id = rig.host(ControllerConfig::default(), CENTRAL);
    rig.ok(id, 0x200B, &[0, 0x10, 0, 0x10, 0, 1, 0]);
    let extended = [1, 0, 1, 0, 0x10, 0, 0x10, 0];
    assert_eq!(rig.status(id, 0x2041, &extended), 0x0C);
    assert_eq!(rig.status(id, 0x2043, &[]), 0x0C);
    rig.ok(id, 0x0C03, &[]);
    rig.ok(id, 0x2041, &extended);
    assert_eq!(rig.status(id, 0x200C, &[1, 0]), 0x0C);
    assert_eq!(
        rig.status(id, 0x200D, &create_connection([5; 6], 24, 0, 100)),
        0x0C
    );
}

#[test]
fn parameters_out_of_range_are_refused() {
    let mut rig = rig();
    let id = rig.host(ControllerConfig::legacy(), CENTRAL);
    for (interval, latency, timeout) in [
        (5, 0, 100),
        (3201, 0, 3200),
        (24, 500, 3200),
        (24, 0, 9),
        (80, 4, 100),
    ] {
        let parameters = create_connection([5; 6], interval, latency, timeout);
        assert_eq!(
            rig.status(id, 0x200D, &parameters),
            0x12,
            "{interval} {latency} {timeout}"
        );
    }
    assert_eq!(rig.status(id, 0x200D, &[1, 2, 3]), 0x12, "too short");
    assert_eq!(
        rig.status(id, 0x200B, &[0, 0x10, 0, 0x20, 0, 1, 0]),
        0x12,
        "window > interval"
    );
    assert_eq!(rig.status(id, 0x200C, &[2, 0]), 0x12);
    assert_eq!(rig.status(id, 0x2008, &[32; 32]), 0x12);
    assert_eq!(rig.status(id, 0x200E, &[]), 0x0C, "nothing to cancel");
    assert_eq!(rig.status(id, 0x0406, &[7, 0, 0x13]), 0x02, "no such link");
}

#[test]
fn a_random_address_has_to_be_set_before_it_is_used() {
    let mut rig = rig();
    let id = rig.host(ControllerConfig::legacy(), CENTRAL);
    rig.ok(id, 0x0C03, &[]);
    rig.ok(id, 0x200B, &[0, 0x10, 0, 0x10, 0, 1, 0]);
    assert_eq!(rig.status(id, 0x200C, &[1, 0]), 0x12);
    rig.ok(id, 0x2005, &CENTRAL);
    rig.ok(id, 0x200C, &[1, 0]);
    assert_eq!(
        rig.status(id, 0x2005, &CENTRAL),
        0x0C,
        "not while it is in use"
    );
}

#[test]
fn lists_have_a_size_and_are_locked_while_in_use() {
    let mut rig = rig();
    let mut config = ControllerConfig::legacy();
    config.accept_list = 2;
    let id = rig.host(config, CENTRAL);
    assert_eq!(rig.ok(id, 0x200F, &[]), [2]);
    rig.ok(id, 0x2011, &[0, 1, 1, 1, 1, 1, 1]);
    rig.ok(id, 0x2011, &[0, 1, 1, 1, 1, 1, 1]);
    rig.ok(id, 0x2011, &[1, 2, 2, 2, 2, 2, 2]);
    assert_eq!(rig.status(id, 0x2011, &[1, 3, 3, 3, 3, 3, 3]), 0x07);
    rig.ok(id, 0x200B, &[0, 0x10, 0, 0x10, 0, 1, 1]);
    rig.ok(id, 0x200C, &[1, 0]);
    assert_eq!(rig.status(id, 0x2010, &[]), 0x0C);
    rig.ok(id, 0x200C, &[0, 0]);
    rig.ok(id, 0x2012, &[0, 1, 1, 1, 1, 1, 1]);
    rig.ok(id, 0x2010, &[]);
}

#[test]
fn rubbish_from_a_host_is_counted_and_nothing_else() {
    let mut rig = rig();
    let id = rig.host(ControllerConfig::default(), CENTRAL);
    for packet in [
        &[][..],
        &[1],
        &[1, 3, 0x0C],
        &[1, 3, 0x0C, 9],
        &[2, 0, 0, 5, 0, 1],
        &[7, 7],
    ] {
        rig.world.handle_packet(rig.now, id, packet);
    }
    assert_eq!(rig.world.stats(id).unwrap().malformed, 6);
}

#[test]
fn any_command_with_any_parameters_is_survived() {
    for seed in 0..4 {
        let mut rig = rig();
        let mut random = fastrand::Rng::with_seed(seed);
        let link = rig.connected(ControllerConfig::default(), ControllerConfig::default());
        for _ in 0..20_000 {
            let id = if random.bool() {
                link.central
            } else {
                link.peripheral
            };
            let ogf = [1_u16, 3, 4, 5, 8, 8, 8, 8][random.usize(0..8)];
            let opcode = ogf << 10 | random.u16(0..0x80);
            // Resets would end the link too soon.
            let opcode = if opcode == 0x0C03 && random.u8(..) > 2 {
                0x2018
            } else {
                opcode
            };
            let bytes = (0..random.usize(0..40)).map(|_| {
                if random.bool() {
                    random.u8(..)
                } else {
                    random.u8(0..3)
                }
            });
            let bytes: Vec<u8> = bytes.collect();
            let mut packet = if random.u8(..) < 200 {
                vec![1]
            } else {
                vec![2]
            };
            if packet == [1] {
                packet.extend_from_slice(&opcode.to_le_bytes());
                packet.push(bytes.len() as u8);
            } else {
                packet.extend_from_slice(&[0, random.u8(..) & 0xF0, bytes.len() as u8, 0]);
            }
            packet.extend_from_slice(&bytes);
            rig.world.handle_packet(rig.now, id, &packet);
            if random.u8(..) < 8 {
                rig.run_ms(20);
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let run = |seed| {
        let mut world = World::new(seed);
        let id = world.add_controller(ControllerConfig::default());
        world.handle_packet(std::time::Duration::ZERO, id, &[1, 0x18, 0x20, 0]);
        world.poll_output()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn one_command_at_a_time_is_watched() {
    let mut rig = rig();
    let id = rig.host(ControllerConfig::default(), CENTRAL);
    assert_eq!(rig.world.stats(id).unwrap().command_overlaps, 0);
    for _ in 0..2 {
        rig.world.handle_packet(rig.now, id, &[1, 0x09, 0x10, 0]);
    }
    assert_eq!(rig.world.stats(id).unwrap().command_overlaps, 1);
}

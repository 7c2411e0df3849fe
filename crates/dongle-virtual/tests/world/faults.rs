//! Faults on request.

use std::time::Duration;

use dongle_virtual::{ControllerConfig, Pacing};

use super::rig::{Got, Rig, with_handle};

#[test]
fn a_lossy_link_delivers_everything_later() {
    let mut rig = Rig::new(Pacing::Paced);
    let link = rig.connected(ControllerConfig::legacy(), ControllerConfig::legacy());
    rig.world.set_loss(rig.now, link.peripheral, 0.7);
    for number in 0..8 {
        rig.acl(link.central, link.handle, 0, &[number]);
    }
    rig.run_ms(3000);
    let order: Vec<u8> = rig
        .data(link.peripheral)
        .iter()
        .map(|(_, _, data)| data[0])
        .collect();
    assert_eq!(order, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn total_loss_ends_the_link_unless_it_passes_in_time() {
    let mut rig = Rig::new(Pacing::Paced);
    let link = rig.connected(ControllerConfig::legacy(), ControllerConfig::legacy());
    rig.world.set_loss(rig.now, link.central, 1.0);
    rig.run_ms(500);
    rig.world.set_loss(rig.now, link.central, 0.0);
    rig.run_ms(2000);
    assert!(rig.events(link.central, 0x05).is_empty());
    rig.world.set_loss(rig.now, link.central, 1.0);
    rig.run_ms(1010);
    assert_eq!(rig.events(link.central, 0x05)[0][3], 0x08);
    assert_eq!(rig.events(link.peripheral, 0x05)[0][3], 0x08);
}

#[test]
fn a_delay_holds_data_but_not_its_order() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let link = rig.connected(ControllerConfig::legacy(), ControllerConfig::legacy());
    rig.world
        .set_delay(rig.now, link.central, Duration::from_millis(80));
    rig.acl(link.central, link.handle, 0, &[1]);
    rig.acl(link.central, link.handle, 0, &[2]);
    rig.run_ms(79);
    assert!(rig.data(link.peripheral).is_empty());
    rig.run_ms(2);
    assert_eq!(rig.data(link.peripheral).len(), 2);
}

#[test]
fn a_frozen_controller_says_nothing_and_its_peer_notices() {
    let mut rig = Rig::new(Pacing::Paced);
    let link = rig.connected(ControllerConfig::legacy(), ControllerConfig::legacy());
    rig.world.freeze(rig.now, link.central);
    rig.world
        .handle_packet(rig.now, link.central, &[1, 3, 0x0C, 0]);
    rig.run_ms(1010);
    assert!(rig.all(link.central).is_empty());
    assert_eq!(rig.events(link.peripheral, 0x05)[0][3], 0x08);
    rig.world.thaw(rig.now, link.central);
    rig.ok(link.central, 0x0C03, &[]);
}

#[test]
fn commands_are_refused_or_swallowed_on_request() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let link = rig.connected(ControllerConfig::legacy(), ControllerConfig::legacy());
    rig.world.refuse(rig.now, link.central, 0x200B, Some(0x0D));
    let scan = [0, 0x10, 0, 0x10, 0, 1, 0];
    assert_eq!(rig.status(link.central, 0x200B, &scan), 0x0D);
    rig.world.refuse(rig.now, link.central, 0x200B, None);
    rig.ok(link.central, 0x200B, &scan);
    rig.world.refuse(rig.now, link.central, 0x0406, Some(0x1F));
    let disconnect = with_handle(link.handle, &[0x13]);
    assert_eq!(
        rig.command(link.central, 0x0406, &disconnect),
        Got::Status {
            opcode: 0x0406,
            status: 0x1F
        }
    );
    rig.world
        .leave_unanswered(rig.now, link.central, 0x1009, true);
    rig.world
        .handle_packet(rig.now, link.central, &[1, 0x09, 0x10, 0]);
    assert!(rig.all(link.central).is_empty());
}

#[test]
fn any_bytes_can_be_put_before_a_host() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let link = rig.connected(ControllerConfig::legacy(), ControllerConfig::legacy());
    rig.world.inject(rig.now, link.central, &[4, 0x3E, 1, 0x77]);
    rig.world.hardware_error(rig.now, link.central, 0x42);
    assert_eq!(
        rig.all(link.central),
        [
            Got::Le {
                subevent: 0x77,
                parameters: vec![]
            },
            Got::Event {
                code: 0x10,
                parameters: vec![0x42]
            }
        ]
    );
}

#[test]
fn a_delay_without_end_holds_data_for_good() {
    for pacing in [Pacing::FreeRunning, Pacing::Paced] {
        let mut rig = Rig::new(pacing);
        let link = rig.connected(ControllerConfig::legacy(), ControllerConfig::legacy());
        rig.world.set_delay(rig.now, link.central, Duration::MAX);
        rig.acl(link.central, link.handle, 0, &[1]);
        rig.acl(link.peripheral, link.peer_handle, 0, &[2]);
        rig.run(Duration::from_secs(100));
        assert!(rig.data(link.peripheral).is_empty());
        assert_eq!(rig.data(link.central).len(), 1);
    }
}

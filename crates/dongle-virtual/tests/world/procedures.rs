//! Link layer procedures between two controllers.

use dongle_virtual::{ControllerConfig, Pacing};

use super::rig::{Linked, Rig, with_handle};

fn linked(central: ControllerConfig, peripheral: ControllerConfig) -> (Rig, Linked) {
    let mut rig = Rig::new(Pacing::Paced);
    let link = rig.connected(central, peripheral);
    (rig, link)
}

fn update(interval: u8) -> [u8; 12] {
    [interval, 0, interval, 0, 0, 0, 200, 0, 0, 0, 0, 0]
}

#[test]
fn a_central_updates_the_parameters_of_the_link() {
    let (mut rig, link) = linked(ControllerConfig::legacy(), ControllerConfig::legacy());
    rig.ok(link.central, 0x2013, &with_handle(link.handle, &update(12)));
    assert_eq!(
        rig.status(link.central, 0x2013, &with_handle(link.handle, &update(9))),
        0x0C
    );
    rig.run_ms(100);
    assert!(
        rig.le(link.central, 0x03).is_empty(),
        "not before the instant"
    );
    rig.run_ms(150);
    for (id, handle) in [
        (link.central, link.handle),
        (link.peripheral, link.peer_handle),
    ] {
        let [low, high] = handle.to_le_bytes();
        assert_eq!(rig.le(id, 0x03), [[0, low, high, 12, 0, 0, 0, 200, 0]]);
    }
}

#[test]
fn a_peripheral_asks_and_the_central_s_host_decides() {
    let (mut rig, link) = linked(ControllerConfig::legacy(), ControllerConfig::legacy());
    rig.ok(
        link.peripheral,
        0x2013,
        &with_handle(link.peer_handle, &update(40)),
    );
    rig.run_ms(50);
    let request = rig.le(link.central, 0x06).remove(0);
    assert_eq!(&request[2..], &[40, 0, 40, 0, 0, 0, 200, 0]);
    rig.ok(link.central, 0x2021, &with_handle(link.handle, &[0x3B]));
    rig.run_ms(50);
    assert_eq!(rig.le(link.peripheral, 0x03)[0][0], 0x3B);

    rig.ok(
        link.peripheral,
        0x2013,
        &with_handle(link.peer_handle, &update(40)),
    );
    rig.run_ms(50);
    rig.le(link.central, 0x06);
    rig.ok(link.central, 0x2020, &with_handle(link.handle, &update(40)));
    rig.run_ms(250);
    assert_eq!(rig.le(link.peripheral, 0x03)[0][3], 40);
    assert_eq!(rig.le(link.central, 0x03)[0][3], 40);
    assert_eq!(
        rig.status(link.central, 0x2020, &with_handle(link.handle, &update(40))),
        0x0C
    );
}

#[test]
fn a_central_that_masks_the_question_refuses_it() {
    let (mut rig, link) = linked(ControllerConfig::legacy(), ControllerConfig::legacy());
    rig.ok(link.central, 0x2001, &[0x1F, 0, 0, 0, 0, 0, 0, 0]);
    rig.ok(
        link.peripheral,
        0x2013,
        &with_handle(link.peer_handle, &update(40)),
    );
    rig.run_ms(50);
    assert_eq!(rig.le(link.peripheral, 0x03)[0][0], 0x1A);
}

#[test]
fn data_length_is_what_both_can_do() {
    let (mut rig, link) = linked(
        ControllerConfig::default(),
        ControllerConfig::default().with_data_length(100),
    );
    rig.ok(
        link.central,
        0x2022,
        &with_handle(link.handle, &[251, 0, 0x48, 0x08]),
    );
    rig.run_ms(50);
    let event = rig.le(link.central, 0x07).remove(0);
    assert_eq!(&event[2..4], &[100, 0], "what the peripheral can receive");
    assert_eq!(
        &event[6..8],
        &[27, 0],
        "the peripheral's host has asked for nothing"
    );
    let event = rig.le(link.peripheral, 0x07).remove(0);
    assert_eq!((&event[2..4], &event[6..8]), (&[27, 0][..], &[100, 0][..]));
    rig.ok(
        link.peripheral,
        0x2022,
        &with_handle(link.peer_handle, &[251, 0, 0x48, 0x08]),
    );
    rig.run_ms(50);
    assert_eq!(&rig.le(link.peripheral, 0x07)[0][2..4], &[100, 0]);
    rig.ok(
        link.central,
        0x2022,
        &with_handle(link.handle, &[251, 0, 0x48, 0x08]),
    );
    rig.run_ms(50);
    assert_eq!(
        rig.le(link.central, 0x07).len(),
        1,
        "the one before; nothing changed since"
    );
}

#[test]
fn a_suggested_length_is_asked_for_on_every_new_link() {
    let mut rig = Rig::new(Pacing::FreeRunning);
    let peripheral = rig.host(ControllerConfig::default(), super::rig::PERIPHERAL);
    let central = rig.host(ControllerConfig::default(), super::rig::CENTRAL);
    assert_eq!(rig.ok(central, 0x2023, &[]), [27, 0, 0x48, 1]);
    rig.ok(central, 0x2024, &[200, 0, 0x48, 0x08]);
    assert_eq!(rig.ok(central, 0x202F, &[])[..2], [251, 0]);
    rig.advertise(peripheral, &[], &[]);
    rig.create_connection(central, super::rig::PERIPHERAL);
    rig.run_ms(50);
    assert_eq!(&rig.le(central, 0x07)[0][2..4], &[200, 0]);
}

#[test]
fn phys_change_for_both_sides() {
    let (mut rig, link) = linked(ControllerConfig::default(), ControllerConfig::default());
    assert_eq!(
        rig.ok(link.central, 0x2030, &with_handle(link.handle, &[]))[2..],
        [1, 1]
    );
    rig.ok(
        link.central,
        0x2032,
        &with_handle(link.handle, &[0, 2, 2, 0, 0]),
    );
    rig.run_ms(50);
    assert_eq!(&rig.le(link.central, 0x0C)[0][3..], &[2, 2]);
    assert_eq!(&rig.le(link.peripheral, 0x0C)[0][3..], &[2, 2]);
    assert_eq!(
        rig.ok(link.peripheral, 0x2030, &with_handle(link.peer_handle, &[]))[2..],
        [2, 2]
    );
    // Nothing new: only who asked is answered.
    rig.ok(
        link.peripheral,
        0x2032,
        &with_handle(link.peer_handle, &[3, 0, 0, 0, 0]),
    );
    rig.run_ms(50);
    assert_eq!(rig.le(link.peripheral, 0x0C).len(), 1);
    assert!(rig.le(link.central, 0x0C).is_empty());
}

#[test]
fn a_phy_the_peer_lacks_is_not_taken() {
    let mut plain = ControllerConfig::default();
    plain.phy_2m = false;
    let (mut rig, link) = linked(ControllerConfig::default(), plain);
    rig.ok(
        link.central,
        0x2032,
        &with_handle(link.handle, &[0, 2, 2, 0, 0]),
    );
    rig.run_ms(50);
    assert_eq!(&rig.le(link.central, 0x0C)[0][3..], &[1, 1]);
    let asked = with_handle(link.peer_handle, &[0, 2, 2, 0, 0]);
    assert_eq!(rig.status(link.peripheral, 0x2032, &asked), 0x11);
}

#[test]
fn features_version_rssi_and_power_can_be_read() {
    let (mut rig, link) = linked(
        ControllerConfig::default(),
        ControllerConfig::legacy().with_rssi(-77),
    );
    rig.ok(link.central, 0x2016, &with_handle(link.handle, &[]));
    rig.ok(link.central, 0x041D, &with_handle(link.handle, &[]));
    rig.run_ms(50);
    let features = rig.le(link.central, 0x04).remove(0);
    assert_eq!(
        (features[0], features[4] & 0x10),
        (0, 0),
        "the peer has no extended advertising"
    );
    assert_eq!(rig.events(link.central, 0x0C)[0][3], 0x0C);
    let rssi = rig.ok(link.central, 0x1405, &with_handle(link.handle, &[]))[2];
    assert!((-80..=-74).contains(&i8::from_le_bytes([rssi])));
    assert_eq!(
        rig.ok(link.central, 0x0C2D, &with_handle(link.handle, &[0]))[2],
        0
    );
    assert_eq!(rig.status(link.central, 0x1405, &[9, 0]), 0x02);
}

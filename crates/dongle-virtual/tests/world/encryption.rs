//! Encrypting a link with keys that are equal, different, or missing.

use dongle_virtual::{ControllerConfig, Pacing};

use super::rig::{Linked, Rig, with_handle};

const KEY: [u8; 16] = [0xAB; 16];

fn start(rig: &mut Rig, link: Linked) {
    let rest = [&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10][..], &KEY].concat();
    rig.ok(link.central, 0x2019, &with_handle(link.handle, &rest));
    rig.run_ms(50);
    let request = rig.le(link.peripheral, 0x05).remove(0);
    assert_eq!(&request[2..], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
}

/// The peripheral's host gives the key it has.
fn answer(rig: &mut Rig, link: Linked, key: &[u8; 16]) {
    rig.ok(link.peripheral, 0x201A, &with_handle(link.peer_handle, key));
    rig.run_ms(50);
}

fn linked() -> (Rig, Linked) {
    let mut rig = Rig::new(Pacing::Paced);
    let link = rig.connected(ControllerConfig::legacy(), ControllerConfig::legacy());
    (rig, link)
}

#[test]
fn equal_keys_encrypt_and_refresh() {
    let (mut rig, link) = linked();
    start(&mut rig, link);
    answer(&mut rig, link, &KEY);
    for id in [link.central, link.peripheral] {
        let event = rig.events(id, 0x08).remove(0);
        assert_eq!((event[0], event[3]), (0, 1));
    }
    start(&mut rig, link);
    answer(&mut rig, link, &KEY);
    for id in [link.central, link.peripheral] {
        assert_eq!(rig.events(id, 0x30).len(), 1, "key refresh");
        assert!(rig.events(id, 0x08).is_empty());
    }
}

#[test]
fn different_keys_end_the_link() {
    let (mut rig, link) = linked();
    start(&mut rig, link);
    answer(&mut rig, link, &[0xAC; 16]);
    for id in [link.central, link.peripheral] {
        assert_eq!(rig.events(id, 0x05)[0][3], 0x3D);
        assert!(rig.events(id, 0x08).is_empty());
    }
}

#[test]
fn a_missing_key_leaves_the_link_as_it_was() {
    let (mut rig, link) = linked();
    start(&mut rig, link);
    rig.acl(link.central, link.handle, 0, &[1]);
    rig.run_ms(100);
    assert!(
        rig.data(link.peripheral).is_empty(),
        "data waits for the answer"
    );
    rig.ok(link.peripheral, 0x201B, &with_handle(link.peer_handle, &[]));
    rig.run_ms(50);
    let event = rig.events(link.central, 0x08).remove(0);
    assert_eq!((event[0], event[3]), (0x06, 0));
    assert!(rig.events(link.peripheral, 0x08).is_empty());
    assert_eq!(rig.data(link.peripheral).len(), 1);
    assert_eq!(rig.world.handles(link.central).len(), 1);
}

#[test]
fn only_the_central_starts_and_only_who_was_asked_answers() {
    let (mut rig, link) = linked();
    let rest = [&[0; 10][..], &KEY].concat();
    assert_eq!(
        rig.status(
            link.peripheral,
            0x2019,
            &with_handle(link.peer_handle, &rest)
        ),
        0x0C
    );
    assert_eq!(
        rig.status(
            link.peripheral,
            0x201A,
            &with_handle(link.peer_handle, &KEY)
        ),
        0x0C
    );
    start(&mut rig, link);
    assert_eq!(
        rig.status(link.central, 0x2019, &with_handle(link.handle, &rest)),
        0x0C
    );
    assert_eq!(
        rig.status(link.central, 0x201A, &with_handle(link.handle, &KEY)),
        0x0C
    );
}

#[test]
fn a_host_that_never_answers_costs_the_link() {
    let (mut rig, link) = linked();
    start(&mut rig, link);
    rig.run_ms(39_000);
    assert!(rig.events(link.central, 0x05).is_empty());
    rig.run_ms(1_000);
    assert_eq!(rig.events(link.central, 0x05)[0][3], 0x22);
}

#[test]
fn a_host_that_masks_the_request_has_no_key() {
    let (mut rig, link) = linked();
    rig.ok(link.peripheral, 0x2001, &[0x0F, 0, 0, 0, 0, 0, 0, 0]);
    let rest = [&[0; 10][..], &KEY].concat();
    rig.ok(link.central, 0x2019, &with_handle(link.handle, &rest));
    rig.run_ms(50);
    assert_eq!(rig.events(link.central, 0x08)[0][0], 0x06);
}

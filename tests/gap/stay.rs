//! Staying connected to one device.

use std::thread::sleep;
use std::time::{Duration, Instant};

use dongle::{Error, Reason};
use dongle_tests::bench::{soon, until};

use crate::{World, of};

#[test]
fn a_device_that_comes_and_goes_is_connected_to_each_time() {
    let world = World::new();
    let address = of(dongle_virtual::Address::numbered(1));
    let mut connections = world.dongle.device(address).stay_connected();
    for _ in 0..3 {
        let (peer, _) = world.peer(1);
        let connection = soon(connections.next()).unwrap();
        soon(world.knows(&peer, true));
        drop(peer);
        assert_eq!(soon(connection.disconnected()), Reason::Hci(0x08));
    }
}

#[test]
fn a_connection_that_is_let_go_is_followed_by_the_next() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    let mut connections = world
        .dongle
        .device(address)
        .connect()
        .mtu(185)
        .stay_connected();
    let begun = Instant::now();
    for _ in 0..4 {
        let connection = soon(connections.next()).unwrap();
        assert_eq!(connection.mtu(), 185);
    }
    let took = begun.elapsed();
    assert!(
        took > Duration::from_millis(75 + 150 + 300),
        "pauses grow: {took:?}"
    );
    assert_eq!(world.controller.stats().unwrap().connections, 4);
}

#[test]
fn dropped_it_ends_and_what_it_gave_stays() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    let mut connections = world.dongle.device(address).stay_connected();
    let connection = soon(connections.next()).unwrap();
    drop(connections);
    // Time to end it, and then to look for another, if it did.
    sleep(Duration::from_millis(100));
    assert!(connection.is_connected());
    soon(connection.disconnect());
    sleep(Duration::from_millis(500));
    assert_eq!(
        world.controller.stats().unwrap().connections,
        1,
        "nobody asked for another"
    );
}

#[test]
fn refusals_are_outlasted_and_the_end_of_the_dongle_is_told() {
    let world = World::new();
    let (_peer, address) = world.peer(1);
    world.controller.refuse(0x2043, Some(0x0D));
    let mut connections = world.dongle.device(address).stay_connected();
    std::thread::scope(|scope| {
        let commands = || world.controller.stats().unwrap().commands;
        let before = commands();
        let next = scope.spawn(|| soon(connections.next()));
        soon(until("it was tried again", || commands() > before + 4));
        world.controller.refuse(0x2043, None);
        assert!(next.join().unwrap().unwrap().is_connected());
    });
    soon(world.dongle.close());
    assert!(matches!(
        soon(connections.next()).unwrap_err(),
        Error::Closed
    ));
    assert!(matches!(
        soon(connections.next()).unwrap_err(),
        Error::Closed
    ));
}

//! L2CAP channels: devices that do not answer, and connections that end in the middle.

use std::future::IntoFuture as _;
use std::time::{Duration, Instant};

use dongle::Error;
use dongle_tests::bench::{STALL, soon, until};
use dongle_virtual::{Address, AirController, Echo};
use futures_lite::AsyncWriteExt as _;
use futures_lite::future::poll_once;

use crate::raw::Raw;
use crate::{World, of};

#[test]
fn a_device_that_does_not_answer_holds_up_no_channel_of_another() {
    let world = World::new();
    let silent = Raw::new(&world, 1);
    silent.advertise(0, None, &[2, 1, 6]);
    let echo = Echo::start(&world.air, Address::numbered(2));
    let one = soon(world.dongle.device(silent.address).connect()).unwrap();
    let other = soon(world.dongle.device(of(echo.address())).connect()).unwrap();
    silent.connected();
    let begun = Instant::now();
    let mut waiting = one.l2cap_connect(0x80).into_future();
    assert!(soon(poll_once(&mut waiting)).is_none());
    silent.received(5);
    let mut channel = soon(other.l2cap_connect(Echo::SPSM)).unwrap();
    soon(channel.send(b"heard")).unwrap();
    assert_eq!(soon(channel.receive()).unwrap().unwrap(), b"heard");
    // What is not answered is given up after 30 s.
    assert!(begun.elapsed() < STALL, "{:?}", begun.elapsed());
    assert!(soon(poll_once(&mut waiting)).is_none());
}

/// More than fits where the reader takes it from.
#[test]
fn what_came_and_is_lost_with_the_connection_or_the_dongle_is_told() {
    const UNITS: u8 = 20;
    let ends: [fn(&AirController); 2] = [AirController::drop_links, AirController::unplug];
    for end in ends {
        let world = World::new();
        let echo = Echo::start(&world.air, Address::numbered(1));
        let connection = soon(world.dongle.device(of(echo.address())).connect()).unwrap();
        let mut channel = soon(connection.l2cap_connect(Echo::SPSM)).unwrap();
        for number in 0..UNITS {
            soon(channel.send(&[number; 10])).unwrap();
        }
        // The opening of the channel has an answer, too.
        let came_back = || {
            let stats = world.controller.stats();
            stats.is_some_and(|stats| stats.acl_to_host > u64::from(UNITS))
        };
        soon(until("all came back", came_back));
        end(&world.controller);
        soon(connection.disconnected());
        let mut came = 0;
        let end = loop {
            match soon(channel.receive()) {
                Ok(Some(unit)) => assert_eq!(unit, [came; 10]),
                end => break end,
            }
            came += 1;
        };
        assert!(matches!(end, Err(Error::ChannelDataLost)), "{end:?}");
        assert!(came < UNITS, "there was room for all");
    }
}

#[test]
fn a_channel_that_was_read_to_its_end_ends_with_its_connection() {
    let world = World::new();
    let echo = Echo::start(&world.air, Address::numbered(1));
    let connection = soon(world.dongle.device(of(echo.address())).connect()).unwrap();
    let mut channel = soon(connection.l2cap_connect(Echo::SPSM)).unwrap();
    for number in 0..10 {
        soon(channel.send(&[number; 10])).unwrap();
        assert_eq!(soon(channel.receive()).unwrap().unwrap(), [number; 10]);
    }
    soon(connection.disconnect());
    assert!(matches!(soon(channel.receive()), Ok(None)));
}

#[test]
fn a_receive_that_is_given_up_takes_nothing_from_the_next() {
    let world = World::new();
    let echo = Echo::start(&world.air, Address::numbered(1));
    let connection = soon(world.dongle.device(of(echo.address())).connect()).unwrap();
    let mut channel = soon(connection.l2cap_connect(Echo::SPSM)).unwrap();
    for number in 0..10 {
        let receive = channel.receive().timeout(Duration::from_millis(5));
        let error = soon(receive).unwrap_err();
        assert!(matches!(error, Error::Timeout), "{error:?}");
        soon(channel.send(&[number; 10]).timeout(STALL)).unwrap();
        let unit = soon(channel.receive().timeout(STALL));
        assert_eq!(unit.unwrap().unwrap(), [number; 10]);
    }
}

#[test]
fn nothing_written_to_a_stream_is_nothing_sent() {
    let world = World::new();
    let echo = Echo::start(&world.air, Address::numbered(1));
    let connection = soon(world.dongle.device(of(echo.address())).connect()).unwrap();
    let mut channel = soon(connection.l2cap_connect(Echo::SPSM)).unwrap();
    assert_eq!(soon(channel.write(&[])).unwrap(), 0);
    soon(channel.write_all(b"something")).unwrap();
    assert_eq!(soon(channel.receive()).unwrap().unwrap(), b"something");
}

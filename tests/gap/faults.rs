//! Disconnections in every phase.

use std::time::Duration;

use dongle::{Error, Uuid};
use dongle_tests::bench::soon;
use dongle_virtual::AirConfig;
use futures_lite::future::or;

use crate::World;

/// Whatever a program does when the device goes away, it ends, and says so.
#[test]
fn a_disconnection_ends_whatever_is_going_on() {
    for after in [0_u64, 300, 1000, 3000, 10_000, 30_000] {
        let world = World::new();
        let (peer, address) = world.peer(1);
        let device = world.dongle.device(address);
        for by_peer in [true, false] {
            let work = async {
                let connection = device.connect().timeout(Duration::from_secs(5)).await?;
                loop {
                    connection.exchange_mtu(247).await?;
                    let service = connection.service(Uuid::from_u16(0x180D)).await?;
                    service
                        .characteristic(Uuid::from_u16(0x2A37))
                        .await?
                        .subscribe()
                        .await?;
                    connection.rssi().await?;
                    let interval = Duration::from_millis(30)..=Duration::from_millis(30);
                    connection
                        .update_parameters(interval, 0, Duration::from_secs(3))
                        .await?;
                }
            };
            let end = async {
                world.knows(&peer, true).await;
                embassy_time::Timer::after_micros(after).await;
                if by_peer {
                    let _ = peer.disconnect(0x13);
                } else {
                    world.controller.drop_links();
                }
                std::future::pending::<Result<(), Error>>().await
            };
            let error = soon(or(work, end)).unwrap_err();
            assert!(error.is_disconnected(), "after {after} us: {error}");
            soon(world.links(0));
            soon(world.knows(&peer, false));
        }
        assert!(soon(device.connect()).unwrap().is_connected());
    }
}

#[test]
fn an_unplugged_controller_ends_everything() {
    let world = World::on(AirConfig::paced(), Default::default());
    let (_peer, address) = world.peer(1);
    let connection = soon(world.dongle.device(address).connect()).unwrap();
    let mut scan = world.dongle.scan().start().unwrap();
    world.controller.unplug();
    soon(connection.disconnected());
    let end = loop {
        match soon(scan.next()) {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert!(matches!(end, Err(Error::Transport(_))), "{end:?}");
    let error = soon(world.dongle.device(address).connect()).unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error}");
    assert!(matches!(
        soon(connection.rssi()).unwrap_err(),
        Error::Transport(_)
    ));
}

/// The command that meets the failure first tells the same as what only waits.
#[test]
fn whatever_was_under_way_says_that_the_controller_was_unplugged() {
    for _ in 0..20 {
        let world = World::new();
        let (_peer, address) = world.peer(1);
        let connection = soon(world.dongle.device(address).connect()).unwrap();
        std::thread::scope(|scope| {
            let rssi = scope.spawn(|| {
                loop {
                    if let Err(error) = soon(connection.rssi()) {
                        break error;
                    }
                }
            });
            let find = scope.spawn(|| {
                loop {
                    if let Err(error) = soon(connection.service(Uuid::from_u16(0x1800))) {
                        break error;
                    }
                }
            });
            world.controller.unplug();
            for error in [rssi.join().unwrap(), find.join().unwrap()] {
                assert!(matches!(error, Error::Transport(_)), "{error:?}");
            }
        });
    }
}

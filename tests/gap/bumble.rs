//! Finding and connecting through a controller that is not ours, to a device that is not either.

use std::time::Duration;

use dongle::{Address, DeviceConnection, Dongle, Error, Reason, Uuid};
use dongle_tests::bench::soon;
use dongle_tests::bumble::{self, Controller, Wire};

const HEART_RATE: Uuid = Uuid::from_u16(0x180D);
const CYCLES: usize = 100;

fn started(extended: bool) -> Option<(Controller, Dongle)> {
    let bumble = bumble::required()?;
    let options = bumble.controller(Wire::Tcp);
    let controller = if extended {
        options.extended().start()
    } else {
        options.start()
    };
    let dongle = soon(Dongle::open(controller.spec())).unwrap();
    Some((controller, dongle))
}

fn find(dongle: &Dongle) -> Address {
    let mut scan = dongle.scan().service(HEART_RATE).start().unwrap();
    soon(scan.next()).unwrap().unwrap().address()
}

fn works(connection: &DeviceConnection) {
    assert!(soon(connection.service(HEART_RATE)).is_ok());
}

fn one_after_another(extended: bool) {
    let Some((_controller, dongle)) = started(extended) else {
        return;
    };
    let device = dongle.device(find(&dongle));
    for cycle in 0..CYCLES {
        let connection = soon(device.connect()).unwrap_or_else(|e| panic!("cycle {cycle}: {e}"));
        if cycle % 10 == 0 {
            works(&connection);
        }
        // Bumble's controller repeats the reason that the command gives.
        let reason = soon(connection.disconnect());
        assert!(matches!(reason, Reason::Hci(0x13 | 0x16)), "{reason}");
    }
    // It still scans, and still gives up in time.
    assert_eq!(find(&dongle), device.address());
    let nobody: Address = "C0:00:00:00:00:99".parse().unwrap();
    let connect = dongle
        .device(nobody)
        .connect()
        .timeout(Duration::from_millis(500));
    assert!(matches!(soon(connect).unwrap_err(), Error::Timeout));
    let connection = soon(device.connect()).unwrap();
    works(&connection);
}

#[test]
fn a_hundred_connections_through_bumbles_legacy_controller() {
    one_after_another(false);
}

#[test]
fn a_hundred_connections_through_bumbles_extended_controller() {
    one_after_another(true);
}

#[test]
fn the_connection_comes_back_after_bumble_ends_it() {
    for extended in [false, true] {
        let Some((mut controller, dongle)) = started(extended) else {
            return;
        };
        let mut connections = dongle.device(find(&dongle)).stay_connected();
        for _ in 0..3 {
            let connection = soon(connections.next()).unwrap();
            works(&connection);
            controller.command(&serde_json::json!({"do": "disconnect", "reason": 0x13}));
            let reason = soon(connection.disconnected());
            assert!(matches!(reason, Reason::Hci(_)), "{reason}");
        }
    }
}

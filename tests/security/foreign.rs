//! Private addresses, ours and a device's, through Bumble's controller: one that takes a resolving
//! list and ignores it, and tells nothing of private addresses.

use dongle::security::{Level, MemoryStore};
use dongle::{Address, AddressKind, Dongle, Open};
use dongle_tests::bench::soon;
use dongle_tests::bumble::{self, Script};

use crate::lock::{ADDRESS, connect};
use crate::own_address::{INTERVAL, another, pair, visit};
use crate::privacy::OURS;
use crate::private::rotate;

/// With its gaps closed, with extended advertising, too, and as it is: see docs/bumble.md.
const CONTROLLERS: [&[&str]; 3] = [&[], &["--extended"], &["--as-is"]];

/// A Bumble device, and a dongle that is not open yet on a Bumble controller that hears it.
fn started(arguments: &[&str]) -> Option<(Script, Open)> {
    let _ = env_logger::builder().is_test(true).try_init();
    let bumble = bumble::required()?;
    let arguments = [&["--serve", "tcp"], arguments].concat();
    let mut lock = bumble.script("security.py", &arguments);
    let ready = lock.event("ready");
    let spec = ready["spec"].as_str().expect("where it is served");
    let open = Dongle::open(spec).bond_store(MemoryStore::default());
    Some((lock, open.address(OURS)))
}

fn hears(dongle: &Dongle, address: Address) {
    let mut scan = dongle.scan().address(address).start().expect("it scans");
    let found = soon(scan.next()).expect("it scans").expect("no end");
    assert_eq!(found.address(), address);
}

#[test]
fn a_bumble_device_sees_a_private_address_and_knows_us_once_it_is_bonded() {
    for controller in CONTROLLERS {
        let Some((mut lock, open)) = started(controller) else {
            return;
        };
        let dongle = soon(open.privacy(true)).expect("the dongle opens");
        hears(&dongle, ADDRESS);
        let stranger = visit(&mut lock, &dongle, Level::None);
        assert_eq!(stranger.from.kind(), AddressKind::ResolvablePrivate);
        assert_eq!(stranger.known_as, None);
        pair(&mut lock, &dongle);
        let friend = visit(&mut lock, &dongle, Level::Encrypted);
        assert_eq!(friend.known_as, Some(OURS));
        hears(&dongle, ADDRESS);
    }
}

#[test]
fn another_address_of_ours_is_taken_by_bumbles_controller_and_known_to_its_device() {
    // As it is, it sends what a connection carries under the address that it has by then.
    for controller in CONTROLLERS.iter().take(2) {
        let Some((mut lock, open)) = started(controller) else {
            return;
        };
        let open = open.privacy(true).private_address_interval(INTERVAL);
        let dongle = soon(open).expect("the dongle opens");
        let before = visit(&mut lock, &dongle, Level::None).from;
        let before = another(&mut lock, &dongle, Level::None, before).from;
        pair(&mut lock, &dongle);
        let friend = another(&mut lock, &dongle, Level::Encrypted, before);
        assert_eq!(friend.known_as, Some(OURS));
        hears(&dongle, ADDRESS);
    }
}

#[test]
fn a_bonded_bumble_device_is_itself_through_bumbles_controller() {
    for controller in CONTROLLERS {
        let arguments = [controller, &["--private"]].concat();
        let Some((mut lock, open)) = started(&arguments) else {
            return;
        };
        let dongle = soon(open.privacy(true)).expect("the dongle opens");
        let first = rotate(&mut lock);
        let connection = soon(dongle.device(first).connect());
        let connection = connection.unwrap_or_else(|error| panic!("{controller:?}: {error}"));
        soon(connection.pair()).expect("it pairs");
        lock.event("paired");
        soon(connection.disconnect());
        lock.event("disconnected");
        for _ in 0..2 {
            let now = rotate(&mut lock);
            let mut scan = dongle.scan().every_report().start().expect("it scans");
            let found = soon(async {
                loop {
                    let found = scan.next().await.expect("it scans").expect("no end");
                    if found.address() == now {
                        return found;
                    }
                }
            });
            drop(scan);
            assert_eq!(found.identity(), Some(ADDRESS));
            assert_eq!(found.device().address(), ADDRESS);
            let connection = connect(&dongle);
            assert_eq!(connection.device().address(), ADDRESS);
            assert_eq!(connection.security().level(), Level::Encrypted);
            soon(connection.disconnect());
            lock.event("disconnected");
        }
    }
}

//! Who the dongle is, and who others are.

use dongle::{Address, AddressKind, Dongle, Error};
use dongle_tests::bench::soon;
use dongle_virtual::{Air, ControllerConfig};

#[test]
fn a_controller_with_an_address_goes_by_it() {
    let air = Air::new();
    let config = ControllerConfig::default().with_public_address([6, 5, 4, 3, 2, 1]);
    let dongle = soon(Dongle::on(air.controller(config))).unwrap();
    assert_eq!(dongle.address(), Some(Address::public([1, 2, 3, 4, 5, 6])));
}

#[test]
fn a_controller_without_has_the_same_random_static_one_each_time() {
    let folder = std::env::temp_dir().join(format!("dongle-gap-{}", std::process::id()));
    let air = Air::new();
    let open = |name: &str| {
        let channel = air.controller(ControllerConfig::zephyr_uart().named(name));
        let dongle = soon(Dongle::on(channel).data_folder(&folder)).unwrap();
        dongle.address().unwrap()
    };
    let first = open("one");
    assert_eq!(first.kind(), AddressKind::RandomStatic);
    assert_eq!(open("one"), first);
    assert_ne!(open("two"), first, "each controller has its own");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_address_can_be_chosen() {
    let air = Air::new();
    let wanted: Address = "C6:05:04:03:02:01".parse().unwrap();
    let dongle = soon(Dongle::on(air.controller(ControllerConfig::default())).address(wanted));
    assert_eq!(dongle.unwrap().address(), Some(wanted));
    for wrong in ["C6:05:04:03:02:01/public", "46:05:04:03:02:01/random"] {
        let open = Dongle::on(air.controller(ControllerConfig::default()));
        let error = soon(open.address(wrong.parse().unwrap())).unwrap_err();
        assert!(matches!(error, Error::InvalidParameter(_)));
    }
}

#[test]
fn the_kinds_of_addresses_are_told_apart() {
    let kind = |text: &str| text.parse::<Address>().unwrap().kind();
    assert_eq!(kind("C6:05:04:03:02:01"), AddressKind::RandomStatic);
    assert_eq!(kind("46:05:04:03:02:01"), AddressKind::Public);
    assert_eq!(
        kind("46:05:04:03:02:01/random"),
        AddressKind::ResolvablePrivate
    );
    assert_eq!(
        kind("06:05:04:03:02:01/random"),
        AddressKind::NonResolvablePrivate
    );
    assert_eq!(kind("C6:05:04:03:02:01/public"), AddressKind::Public);
}

#[test]
fn the_text_of_an_address_is_the_address_again() {
    for text in [
        "C6:05:04:03:02:01/random",
        "00:1A:7D:DA:71:13/public",
        "4F:00:00:00:00:01/random",
    ] {
        let address: Address = text.parse().unwrap();
        assert_eq!(format!("{address:#}"), text);
        assert_eq!(format!("{address:#}").parse(), Ok(address));
    }
    assert_eq!(
        "c6:05:04:03:02:01".parse::<Address>(),
        "C6:05:04:03:02:01".parse()
    );
    for wrong in [
        "",
        "C6",
        "C6:05:04:03:02",
        "C6:05:04:03:02:01:00",
        "C6:05:04:03:02:0g",
        "C6-05-04-03-02-01",
        "C6:05:04:03:02:+1",
        "C6:05:04:03:02:01/",
        "C6:05:04:03:02:01/static",
        " C6:05:04:03:02:01",
    ] {
        assert!(wrong.parse::<Address>().is_err(), "{wrong}");
    }
}

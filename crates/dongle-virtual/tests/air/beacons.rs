//! Crowds of advertisers.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use dongle_virtual::{Address, Air, BeaconConfig, ControllerConfig};

use super::central::until;
use super::host::Host;

fn crowd(count: u32, interval: Duration) -> impl Iterator<Item = BeaconConfig> {
    (0..count).map(move |number| {
        BeaconConfig::new(Address::numbered(number), [2, 1, 4]).with_interval(interval)
    })
}

fn scan(host: &mut Host) {
    host.command(0x200B, &[0, 0x10, 0, 0x10, 0, 1, 0]);
    host.command(0x200C, &[1, 0]);
}

fn report(host: &mut Host) -> [u8; 6] {
    let packet = host.wait(|packet| matches!(packet, [4, 0x3E, _, 0x02, ..]));
    packet[7..13].try_into().unwrap()
}

#[test]
fn fifty_thousand_are_all_heard() {
    let air = Air::new();
    air.add_beacons(crowd(50_000, Duration::ZERO));
    let mut host = Host::new(&air, ControllerConfig::legacy());
    scan(&mut host);
    let mut heard = HashSet::new();
    let began = Instant::now();
    for _ in 0..50_000 {
        heard.insert(report(&mut host));
    }
    println!("50,000 reports in {:?}", began.elapsed());
    assert_eq!(heard.len(), 50_000, "each in its turn");
    assert_eq!(host.controller.stats().unwrap().reports_discarded, 0);
}

#[test]
fn a_host_too_slow_for_the_air_is_given_what_it_can_take() {
    let air = Air::new();
    air.add_beacons(crowd(5_000, Duration::from_millis(100)));
    let mut host = Host::new(&air, ControllerConfig::legacy());
    scan(&mut host);
    until("reports are left out", || {
        host.controller.stats().unwrap().reports_discarded > 1000
    });
    // And the controller still answers.
    host.command(0x200C, &[0, 0]);
    air.clear_beacons();
    host.command(0x2018, &[]);
}

//! A dongle that went away and came back, without restarting the program.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dongle::Dongle;
use dongle_tests::bench::soon;
use dongle_tests::sensor::{self, beats};
use dongle_virtual::serve::serve_tcp;
use dongle_virtual::{Air, ControllerConfig, HeartRateSensor};
use futures_lite::future::or;

fn world() -> (Air, HeartRateSensor) {
    let air = Air::new();
    let sensor = sensor::every(&air, Duration::from_millis(20));
    (air, sensor)
}

#[test]
fn a_dongle_across_tcp_is_opened_again_when_it_is_back() {
    let (air, _sensor) = world();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve_tcp(listener, &air, ControllerConfig::default()).unwrap();
    let dongle = soon(Dongle::open(format!("tcp-client:{address}"))).unwrap();
    soon(beats(&dongle, 1));
    drop(server);
    let why = soon(dongle.failed());
    assert!(why.is_disconnected(), "{why}");
    assert!(dongle.scan().start().is_err());
    // It comes back while we try.
    let again = std::thread::spawn({
        let air = air.clone();
        move || {
            std::thread::sleep(Duration::from_millis(300));
            let listener = TcpListener::bind(address).unwrap();
            serve_tcp(listener, &air, ControllerConfig::default()).unwrap()
        }
    });
    let dongle = soon(dongle.reopen().unwrap().retry(Duration::from_millis(200))).unwrap();
    soon(beats(&dongle, 1));
    drop(again.join().unwrap());
}

#[test]
#[cfg(unix)]
fn a_dongle_at_a_serial_port_is_opened_again_when_it_is_back() {
    use dongle_virtual::serve::serve_pty;

    let (air, _sensor) = world();
    let path = std::env::temp_dir().join(format!("dongle-reopened-{}", std::process::id()));
    let server = serve_pty(&path, &air, ControllerConfig::default()).unwrap();
    let dongle = soon(Dongle::open(format!("serial:{}", path.display()))).unwrap();
    soon(beats(&dongle, 1));
    drop(server);
    let why = soon(dongle.failed());
    assert!(why.is_disconnected(), "{why}");
    let error = soon(dongle.reopen().unwrap()).unwrap_err();
    assert!(error.to_string().contains("no such device"), "{error}");
    let _server = serve_pty(&path, &air, ControllerConfig::default()).unwrap();
    let dongle = soon(dongle.reopen().unwrap().retry(Duration::from_millis(200))).unwrap();
    soon(beats(&dongle, 1));
}

#[test]
fn what_names_nothing_is_not_tried_again() {
    let error = soon(Dongle::open("bluetooth0").retry(Duration::from_millis(10))).unwrap_err();
    assert!(error.to_string().contains("bluetooth0"), "{error}");
}

#[test]
fn auto_says_what_it_found_where_that_is_not_one() {
    let plugged_in = dongle::list();
    if plugged_in
        .iter()
        .filter(|c| c.needs_firmware.is_none())
        .count()
        != 1
    {
        let error = soon(Dongle::open("auto")).unwrap_err();
        assert!(error.to_string().starts_with("auto: "), "{error}");
    }
}

#[test]
fn what_is_tried_again_without_a_pause_has_one_all_the_same() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let tries = Arc::new(AtomicUsize::new(0));
    // Nobody serves a controller there: it hangs up at once.
    std::thread::spawn({
        let tries = Arc::clone(&tries);
        move || {
            while let Ok(client) = listener.accept() {
                tries.fetch_add(1, Ordering::Relaxed);
                drop(client);
            }
        }
    });
    let open = Dongle::open(format!("tcp-client:{address}")).retry(Duration::ZERO);
    let while_ = async {
        embassy_time::Timer::after_millis(500).await;
        None
    };
    let opened = async { Some(open.await.map(|_| ())) };
    assert!(soon(or(opened, while_)).is_none());
    // At 0, 100, 200 ms and so on.
    let tries = tries.load(Ordering::Relaxed);
    assert!((1..=7).contains(&tries), "{tries}");
}

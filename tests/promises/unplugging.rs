//! A controller that is pulled while values stream through it.

use std::net::TcpListener;
use std::time::Duration;

use dongle::Dongle;
use dongle_tests::bench::soon;
use dongle_tests::stream::Stream;
use dongle_virtual::ControllerConfig;
use dongle_virtual::serve::serve_tcp;

#[test]
fn a_stream_across_tcp_ends_with_all_that_came_and_begins_again() {
    let stream = Stream::default();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve_tcp(listener, &stream.air, ControllerConfig::default()).unwrap();
    let dongle = soon(Dongle::open(format!("tcp-client:{address}"))).unwrap();
    soon(stream.is_cut(&dongle, || drop(server)));

    let listener = TcpListener::bind(address).unwrap();
    let server = serve_tcp(listener, &stream.air, ControllerConfig::default()).unwrap();
    let dongle = soon(dongle.reopen().unwrap().retry(Duration::from_millis(50))).unwrap();
    soon(stream.is_cut(&dongle, || drop(server)));
}

#[test]
#[cfg(unix)]
fn a_stream_through_a_serial_port_ends_with_all_that_came_and_begins_again() {
    use dongle_virtual::serve::serve_pty;

    let stream = Stream::default();
    let path = std::env::temp_dir().join(format!("dongle-unplugged-{}", std::process::id()));
    let server = serve_pty(&path, &stream.air, ControllerConfig::default()).unwrap();
    let dongle = soon(Dongle::open(format!("serial:{}", path.display()))).unwrap();
    soon(stream.is_cut(&dongle, || drop(server)));

    let server = serve_pty(&path, &stream.air, ControllerConfig::default()).unwrap();
    let dongle = soon(dongle.reopen().unwrap().retry(Duration::from_millis(50))).unwrap();
    soon(stream.is_cut(&dongle, || drop(server)));
}

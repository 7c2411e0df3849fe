//! The first thing a user runs, against controllers and peers that are ours and that are not.

use std::time::Duration;

use dongle_tests::bench::STALL;
#[cfg(unix)]
use dongle_tests::bumble::{self, Wire};
use dongle_tests::example::{Ended, Example};

const PATIENCE: Duration = Duration::from_secs(60);

/// A whole session of `heart_rate` with five values.
fn session(spec: &str) -> Ended {
    Example::start("heart_rate", &["--dongle", spec, "--count", "5"]).end(PATIENCE)
}

fn assert_five_beats(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let beats = ended
        .output
        .lines()
        .filter(|line| line.contains("bpm"))
        .count();
    assert_eq!(beats, 5, "{ended:?}");
    assert!(ended.output.contains("Disconnected"), "{ended:?}");
    assert!(ended.output.contains("MTU"), "{ended:?}");
}

#[test]
fn the_simulated_sensor_beats() {
    assert_five_beats(&session("virtual"));
}

#[test]
#[cfg(unix)]
fn it_beats_through_bumbles_controller_over_tcp() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let controller = bumble.controller(Wire::Tcp).start();
    assert_five_beats(&session(controller.spec()));
}

#[test]
#[cfg(unix)]
fn it_beats_through_bumbles_extended_controller() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let controller = bumble.controller(Wire::Tcp).extended().start();
    assert_five_beats(&session(controller.spec()));
}

#[test]
#[cfg(unix)]
fn it_beats_through_bumbles_controller_over_a_serial_port() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let controller = bumble.controller(Wire::Pty).start();
    assert_five_beats(&session(controller.spec()));
    // The port is free again, and the controller as good as new.
    assert_five_beats(&session(controller.spec()));
}

#[test]
#[cfg(unix)]
fn it_beats_through_a_controller_that_leaves_commands_unanswered() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    // Bumble as it is never answers LE Set PHY, which we ask for after connecting.
    let interval = Duration::from_millis(500);
    let controller = bumble
        .controller(Wire::Tcp)
        .as_is()
        .beat_every(interval)
        .start();
    let begun = std::time::Instant::now();
    let ended = Example::start(
        "heart_rate",
        &["--dongle", controller.spec(), "--count", "8"],
    );
    let ended = ended.end(PATIENCE);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // Long enough for the watchdog to have noticed.
    assert!(begun.elapsed() > Duration::from_secs(3), "{ended:?}");
}

#[test]
#[cfg(unix)]
fn bumble_finds_the_sensor_through_the_dongle_we_serve_over_tcp() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let mut served = Example::start("virtual_dongle", &["tcp:0"]);
    let line = served.line("tcp-client:", PATIENCE);
    let transport = line.split_whitespace().last().expect("a spec");
    let mut host = bumble.host(transport, &[]);
    for event in [
        "powered_on",
        "found",
        "connected",
        "mtu",
        "discovered",
        "subscribed",
        "notified",
    ] {
        host.event(event);
    }
    host.event("disconnected");
}

#[test]
#[cfg(unix)]
fn bumble_finds_the_sensor_through_the_dongle_we_serve_over_a_terminal() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let path = std::env::temp_dir().join(format!("dongle-served-{}", std::process::id()));
    let mut served = Example::start("virtual_dongle", &[&format!("pty:{}", path.display())]);
    served.line("serial:", PATIENCE);
    let mut host = bumble.host(&format!("serial:{}", path.display()), &[]);
    for event in [
        "powered_on",
        "found",
        "connected",
        "discovered",
        "subscribed",
        "notified",
    ] {
        host.event(event);
    }
    host.event("disconnected");
}

#[test]
#[cfg(unix)]
fn ctrl_c_disconnects_the_device() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let mut controller = bumble.controller(Wire::Tcp).start();
    let mut example = Example::start(
        "heart_rate",
        &["--dongle", controller.spec(), "--count", "0"],
    );
    example.line("bpm", PATIENCE);
    example.interrupt();
    let ended = example.end(PATIENCE);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // The peer has seen the link end, and not by a timeout.
    let event = controller.event("disconnected");
    assert_eq!(event["reason"].as_u64(), Some(0x13), "{event}");
}

/// One that shows values in main, one in a task, one in a thread.
#[test]
fn an_example_whose_reader_has_left_ends_without_a_word() {
    for name in ["heart_rate", "with_tokio", "gateway"] {
        let mut example = Example::start(name, &["--count", "0"]);
        example.line("bpm", PATIENCE);
        example.stop_reading();
        assert_eq!(example.errors(), "", "{name}");
    }
}

/// Not even where the one that notices is not the one that would disconnect.
#[test]
#[cfg(unix)]
fn an_example_whose_reader_has_left_disconnects_the_device() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let mut controller = bumble.controller(Wire::Tcp).start();
    let mut example = Example::start("gateway", &["--dongle", controller.spec(), "--count", "0"]);
    example.line("bpm", PATIENCE);
    example.stop_reading();
    assert_eq!(example.errors(), "");
    let event = controller.event("disconnected");
    assert_eq!(event["reason"].as_u64(), Some(0x13), "{event}");
}

#[test]
fn what_can_not_be_opened_gives_one_line_and_an_exit_code() {
    for (spec, says) in [
        ("bluetooth0", "bluetooth0"),
        ("serial:/dev/ttyNOSUCH7", "/dev/ttyNOSUCH7"),
        ("tcp-client:127.0.0.1:1", "127.0.0.1"),
        ("serial:/dev/null", "/dev/null"),
    ] {
        let ended = session(spec);
        assert_eq!(ended.code, Some(1), "{spec}: {ended:?}");
        assert!(ended.took < STALL, "{spec}: {ended:?}");
        assert_eq!(ended.errors.trim().lines().count(), 1, "{spec}: {ended:?}");
        assert!(ended.errors.contains(says), "{spec}: {ended:?}");
    }
}

#[test]
#[cfg(unix)]
fn a_port_held_by_someone_else_is_busy() {
    let Some(bumble) = bumble::required() else {
        return;
    };
    let controller = bumble.controller(Wire::Pty).start();
    let mut holder = Example::start(
        "heart_rate",
        &["--dongle", controller.spec(), "--count", "0"],
    );
    holder.line("bpm", PATIENCE);
    let ended = session(controller.spec());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.took < STALL, "{ended:?}");
    assert!(
        ended.errors.contains("held by another program"),
        "{ended:?}"
    );
}

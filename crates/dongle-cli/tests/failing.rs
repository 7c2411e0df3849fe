//! What goes wrong, and the exit codes that tell it apart.

// Tests may panic: that is how they fail.
#![allow(clippy::expect_used, clippy::panic)]

mod common;

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use common::{LOCK, NOBODY, SENSOR, World, finish, first_lines, run};
use dongle_virtual::{LockPairing, PeerEvent, ScriptedConfig, ScriptedPeripheral};

const OTHER: i32 = 1;
const USAGE: i32 = 2;
const NOT_FOUND: i32 = 3;
const TIMEOUT: i32 = 4;
const DISCONNECTED: i32 = 5;
const REFUSED: i32 = 6;

#[track_caller]
fn fails(ran: &common::Ran, code: i32, told: &str) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert!(ran.err.contains(told), "{told:?} in {ran:?}");
    assert_eq!(
        ran.out, "",
        "what goes wrong is not told on standard output"
    );
    assert!(!ran.err.contains("panicked"), "{ran:?}");
}

#[test]
fn a_command_line_without_sense_is_refused_at_once() {
    let long = "00".repeat(513);
    for (args, told) in [
        (&["read", "nonsense", "2a19"][..], "not a device address"),
        (&["read", SENSOR, "nonsense"], "neither a UUID"),
        (&["read", SENSOR, "heart-rate"], "the name of a service"),
        (&["read", SENSOR, "nonsense"], "dongle inspect"),
        (
            &["scan", "--service", "heart-rate-measurement"],
            "the name of a characteristic",
        ),
        (&["scan", "--company", "aple"], "no company"),
        (&["read", SENSOR, "@0"], "not a handle"),
        (&["write", SENSOR, "2a39", "xyz"], "not hexadecimal"),
        (&["write", SENSOR, "2a39", "300", "--as", "u8"], "not u8"),
        (&["write", SENSOR, "2a39", &long], "at most 512"),
        (&["scan", "--timeout", "soon"], "not a time"),
        (&["scan", "--timeout", "0"], "greater than zero"),
        (&["scan", "--timeout", "-1"], "not a time"),
        (&["scan", "--timeout", "1e30"], "too long"),
        (&["scan", "--dongle", "nonsense"], "nonsense"),
        (&["serve", "nowhere"], "tcp-server:"),
        (&["serve", "tcp-server:"], "tcp-server:HOST:PORT"),
        (&["serve", "tcp-server:localhost"], "tcp-server:HOST:PORT"),
        (&["nonsense"], "unrecognized subcommand"),
    ] {
        fails(&run(args), USAGE, told);
    }
}

#[test]
fn what_is_told_of_a_failure_does_nothing_to_a_terminal() {
    for args in [
        &["scan", "--dongle", "serial:/dev/\x1B[2Jx"][..],
        &["scan", "--company", "0x\x1B[2J"],
        &["capture", "/nowhere/\x1B[2J", "scan"],
        &["serve", "pty:/nowhere/\x1B[2J"],
    ] {
        let ran = run(args);
        assert!(ran.code != 0 && !ran.err.contains('\x1B'), "{ran:?}");
    }
}

#[test]
fn a_dongle_that_is_not_there_is_not_found() {
    for (spec, told) in [
        ("tcp-client:127.0.0.1:1", "127.0.0.1:1"),
        ("serial:/dev/no-such-port", "no-such-port"),
        #[cfg(target_os = "linux")]
        ("serial:/dev", "not a serial port"),
    ] {
        fails(&run(&["scan", "--dongle", spec]), NOT_FOUND, told);
    }
}

#[test]
fn bonds_that_can_not_be_kept_there_are_told_with_the_place_and_the_cure() {
    let world = World::with_lock(LockPairing::JustWorks);
    let ran = world.run(&["pair", LOCK, "--yes", "--folder", "/dev/null"]);
    fails(&ran, OTHER, "/dev/null/bonds-");
    assert!(ran.err.contains("--folder"), "{ran:?}");
}

#[test]
fn what_the_device_does_not_have_is_not_found() {
    let world = World::new();
    for (args, told) in [
        (&["read", SENSOR, "2a6e"][..], "Temperature (0x2A6E)"),
        (&["read", SENSOR, "1809/2a6e"], "service Health Thermometer"),
        (
            &["read", SENSOR, "180d/2a6e"],
            "service Heart Rate (0x180D) has no characteristic Temperature (0x2A6E)",
        ),
        (&["read", SENSOR, "@60000"], "handle 60000"),
        (&["notify", SENSOR, "2a6e"], "Temperature"),
        (
            &["read", SENSOR, "2a37", "--descriptor", "2901"],
            "characteristic Heart Rate Measurement (0x2A37) has no descriptor Characteristic User \
             Description (0x2901)",
        ),
    ] {
        fails(&world.run(args), NOT_FOUND, told);
    }
}

#[test]
fn a_value_that_is_no_such_number_is_not_taken_for_one() {
    let world = World::new();
    let level = ["read", SENSOR, "2a19", "--as", "u16"];
    fails(
        &world.run(&level),
        OTHER,
        "the value is 1 byte (57); u16 needs 2",
    );
    fails(
        &world.run(&[&level[..], &["--json"]].concat()),
        OTHER,
        "u16 needs 2",
    );
    let values = world.out(&["notify", SENSOR, "2a37", "--count", "1", "--as", "u64"]);
    assert!(values.contains("; u64 needs 8"), "{values}");
}

#[test]
fn a_place_that_is_taken_is_not_served_at() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = format!("tcp-server:{}", listener.local_addr().expect("a port"));
    fails(&run(&["serve", &place]), REFUSED, "choose another port");
    #[cfg(unix)]
    for (place, code, told) in [
        ("pty:/dev/null", OTHER, "does not exist yet"),
        ("pty:/nowhere/at/all", NOT_FOUND, "a folder that exists"),
    ] {
        fails(&run(&["serve", place]), code, told);
    }
}

#[test]
fn a_device_out_of_range_is_a_timeout() {
    let world = World::new();
    let ran = world.run(&["inspect", NOBODY, "--timeout", "300ms"]);
    fails(&ran, TIMEOUT, "did not appear within 300 ms");
    assert!(ran.err.contains("in range"), "{ran:?}");
    assert!(world.is_free());
    let public = world.run(&["inspect", "5A:01:02:03:04:05", "--timeout", "300ms"]);
    fails(&public, TIMEOUT, "needs /random behind it");
}

#[test]
fn values_that_do_not_come_are_a_timeout() {
    let world = World::new();
    // The battery is quiet for a minute.
    let ran = world.run(&["notify", SENSOR, "2a19", "--timeout", "1"]);
    fails(&ran, TIMEOUT, "no value came within 1 s");
}

#[test]
fn a_device_that_falls_silent_is_a_timeout() {
    let world = World::new();
    let _silent = ScriptedPeripheral::start(&world.air, ScriptedConfig::default(), |pdu| {
        // It settles on an MTU, and that was the last of it.
        match pdu {
            [0x02, ..] => vec![vec![0x03, 23, 0]],
            _ => Vec::new(),
        }
    });
    let silent = "D1:ED:97:21:5C:01";
    for (args, told) in [
        (
            &["inspect", silent][..],
            "inspecting D1:ED:97:21:5C:01 timed out after ",
        ),
        (
            &["read", silent, "2a19"],
            "discovering characteristic Battery Level (0x2A19) timed out after ",
        ),
        (
            &["bench", silent],
            "discovering characteristics timed out after ",
        ),
    ] {
        let args = [args, &["--timeout", "1"]].concat();
        fails(&world.run(&args), TIMEOUT, told);
    }
}

#[test]
fn what_the_device_refuses_is_refused() {
    let world = World::new();
    for (args, told) in [
        (&["read", SENSOR, "2a39"][..], "Read Not Permitted"),
        (&["write", SENSOR, "2a39", "02"], "0x80"),
        (&["write", SENSOR, "2a37", "02"], "can not be written"),
        (&["notify", SENSOR, "2a38"], "does not send"),
    ] {
        fails(&world.run(args), REFUSED, told);
    }
}

#[test]
fn a_device_that_goes_away_is_told_as_disconnected() {
    let world = World::new();
    let mut child = world
        .command(&["notify", SENSOR, "2a37", "--json"])
        .spawn()
        .expect("a child");
    let (_, rest) = first_lines(&mut child, 2);
    world.sensor.controller().drop_links();
    child.stdout = Some(rest.into_inner());
    let ran = finish(child);
    assert_eq!(ran.code, DISCONNECTED, "{ran:?}");
    assert!(ran.err.contains("disconnected"), "{ran:?}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let world = World::new();
    let mut child = world
        .command(&["notify", SENSOR, "2a37", "--json"])
        .spawn()
        .expect("a child");
    drop(first_lines(&mut child, 1));
    let ran = finish(child);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(world.is_free());
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_what_has_no_other_end_and_interrupts_what_has() {
    let world = World::new();
    let notify = ["notify", SENSOR, "2a37", "--json"];
    for (args, code) in [
        (&notify[..], 0),
        (&[&notify[..], &["--count", "1000000"]].concat(), 130),
        // It has shown what there is so far.
        (&["scan", "--timeout", "60"], 0),
    ] {
        let mut child = world.command(args).spawn().expect("a child");
        let (_, rest) = first_lines(&mut child, 1);
        common::interrupt(&child);
        child.stdout = Some(rest.into_inner());
        let ran = finish(child);
        assert_eq!((ran.code, ran.err.as_str()), (code, ""), "{ran:?}");
        assert!(world.is_free(), "the device is disconnected");
    }
}

/// How the device sees its connection end when Ctrl-C comes at such a time.
#[cfg(unix)]
fn ended_by_ctrl_c(when: impl Fn(&ScriptedPeripheral) -> bool) -> Option<PeerEvent> {
    let world = World::new();
    // It never answers.
    let silent = ScriptedPeripheral::start(&world.air, ScriptedConfig::default(), |_| Vec::new());
    let address = "D1:ED:97:21:5C:01";
    let child = world
        .command(&["inspect", address])
        .spawn()
        .expect("a child");
    let limit = Duration::from_secs(20);
    let connected = silent.next_event(limit);
    assert!(
        matches!(connected, Some(PeerEvent::Connected { .. })),
        "{connected:?}"
    );
    let began = Instant::now();
    while !when(&silent) {
        assert!(began.elapsed() < limit, "it is not asked anything");
        std::thread::sleep(Duration::from_millis(1));
    }
    common::interrupt(&child);
    assert_eq!(finish(child).code, 130);
    silent.next_event(limit)
}

/// Remote User Terminated Connection, and not a supervision timeout.
#[cfg(unix)]
const IN_ORDER: Option<PeerEvent> = Some(PeerEvent::Disconnected { reason: 0x13 });

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_connection_in_order() {
    assert_eq!(ended_by_ctrl_c(|silent| silent.received() > 0), IN_ORDER);
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_connecting_ends_the_connection_in_order() {
    for _ in 0..10 {
        assert_eq!(ended_by_ctrl_c(|_| true), IN_ORDER);
    }
}

#[cfg(unix)]
#[test]
fn the_second_ctrl_c_ends_at_once() {
    let world = World::new();
    let silent = ScriptedPeripheral::start(&world.air, ScriptedConfig::default(), |_| Vec::new());
    let mut child = world
        .command(&["inspect", "D1:ED:97:21:5C:01", "-v"])
        .spawn()
        .expect("a child");
    let limit = Duration::from_secs(20);
    assert!(matches!(
        silent.next_event(limit),
        Some(PeerEvent::Connected { .. })
    ));
    // The controller does not even disconnect any more, and that is waited for.
    world
        .air
        .find("controller")
        .expect("the controller")
        .freeze();
    common::interrupt(&child);
    let rest = common::said(&mut child, "closing");
    common::interrupt(&child);
    child.stderr = Some(rest.into_inner());
    let ran = finish(child);
    assert_eq!(ran.code, 130);
    // The controller was given up by nobody yet.
    assert!(!ran.err.contains("did not answer"), "{ran:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_before_the_work_is_done_is_told() {
    let world = World::new();
    for command in ["read", "notify"] {
        let args = [command, NOBODY, "2a19", "--timeout", "60", "-v"];
        let mut child = world.command(&args).spawn().expect("a child");
        let rest = common::said(&mut child, "connecting to");
        common::interrupt(&child);
        child.stderr = Some(rest.into_inner());
        let ran = finish(child);
        assert_eq!(ran.code, 130, "{ran:?}");
        assert!(!ran.err.contains("error"), "{ran:?}");
        assert!(world.is_free());
    }
}

#[cfg(unix)]
#[test]
fn a_scan_ends_when_nobody_reads_it_though_it_has_nothing_more_to_say() {
    let world = World::new();
    // The sensor is told of once, and a minute of silence follows.
    let args = ["scan", "--once", "--timeout", "60"];
    let mut child = world.command(&args).spawn().expect("a child");
    drop(first_lines(&mut child, 1));
    let ran = finish(child);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn a_value_too_long_for_the_way_it_is_written_makes_no_sense() {
    let world = World::with_lock(LockPairing::JustWorks);
    let long = "00".repeat(300);
    let write = ["write", LOCK, "first-name", &long];
    fails(
        &world.run(&[&write[..], &["--no-response"]].concat()),
        USAGE,
        "300 octets where 248 can be written",
    );
    // In parts, it fits.
    assert_eq!(world.run(&write).code, 0);
    let bolt = world.run(&["write", LOCK, "boolean", "0102", "--yes"]);
    fails(&bolt, REFUSED, "Invalid Attribute Value Length");
}

#[test]
fn a_controller_that_is_lost_is_told_as_disconnected() {
    let world = World::new();
    let mut child = world
        .command(&["notify", SENSOR, "2a37", "--json"])
        .spawn()
        .expect("a child");
    let (_, rest) = first_lines(&mut child, 2);
    drop(world);
    child.stdout = Some(rest.into_inner());
    let ran = finish(child);
    assert_eq!(ran.code, DISCONNECTED, "{ran:?}");
    assert!(ran.err.contains("hung up"), "{ran:?}");
}

#[test]
fn a_controller_that_refuses_to_be_reset_is_as_good_as_lost() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let spec = format!("tcp-client:{}", listener.local_addr().expect("a port"));
    let refusing = std::thread::spawn(move || {
        let (mut host, _) = listener.accept().expect("a host");
        let mut reset = [0; 4];
        // Once may be while it boots. Then it is given up.
        while host.read_exact(&mut reset).is_ok() {
            assert_eq!(reset, [0x01, 0x03, 0x0C, 0x00]);
            // HCI_Command_Complete: Command Disallowed.
            let _ = host.write_all(&[0x04, 0x0E, 0x04, 0x01, 0x03, 0x0C, 0x0C]);
        }
    });
    let ran = run(&["scan", "--dongle", &spec]);
    fails(&ran, DISCONNECTED, "refused HCI Reset");
    refusing.join().expect("nothing but resets");
}

#[test]
fn what_is_at_the_other_end_but_no_controller_is_a_timeout() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let spec = format!("tcp-client:{}", listener.local_addr().expect("a port"));
    fails(&run(&["scan", "--dongle", &spec]), TIMEOUT, "Reset");
}

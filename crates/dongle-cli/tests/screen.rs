//! What is drawn in a terminal: the table of a scan, the values and the plot of `notify`.

// Tests may panic: that is how they fail.
#![allow(clippy::expect_used, clippy::panic)]
#![cfg(unix)]

mod common;

use std::io::BufRead as _;
use std::time::Duration;

use common::terminal::Terminal;
use common::{NOBODY, SENSOR, World};
use dongle_virtual::{Address, BeaconConfig, ScriptedConfig, ScriptedPeripheral};

const SHOWN_AGAIN: &str = "\x1B[?25h";

/// What a terminal shows of it: without escape sequences.
fn plain(screen: &str) -> String {
    let mut plain = String::new();
    let mut chars = screen.chars();
    while let Some(c) = chars.next() {
        match c {
            '\x1B' => while chars.next().is_some_and(|c| !c.is_ascii_alphabetic()) {},
            c => plain.push(c),
        }
    }
    plain
}

#[test]
fn a_name_can_not_act_on_the_terminal() {
    let world = World::new();
    // Clears the screen; one octet that begins a sequence, as UTF-8; turns what follows; rubbish.
    let name = "\x1B[2J\u{9B}31m\u{202E}\r\nevil".as_bytes();
    let name = [name, &[0xFF, 0xFE]].concat();
    let data = [&[1 + name.len() as u8, 0x09][..], &name].concat();
    let address = Address::random([1, 0, 0, 0xBE, 0xAC, 0xC0]);
    world.air.add_beacons([BeaconConfig::new(address, data)]);
    let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202E}';

    let args = ["scan", "--once", "--timeout", "1", "--name", "evil"];
    let json = world.out(&args);
    assert!(!json.contains(acts), "{json:?}");
    let line: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let told = line["name"].as_str().expect("a name");
    assert_eq!(told, String::from_utf8_lossy(&name), "it is all there");

    let (code, screen) = Terminal::start(world.command(&args)).end();
    assert_eq!(code, 0, "{screen}");
    assert!(
        screen.contains("evil") && !screen.contains("\x1B[2J"),
        "{screen:?}"
    );
    assert!(!screen.contains(['\u{9B}', '\u{202E}']), "{screen:?}");
    // In its row, and in one.
    let plain = plain(&screen);
    let row = plain.lines().rfind(|line| line.contains("evil"));
    assert!(
        row.is_some_and(|row| row.starts_with("C0:AC:BE")),
        "{plain}"
    );
}

/// What a terminal makes of some signs, and what their tables say, are not the same.
#[test]
fn a_row_that_is_wider_than_it_should_be_does_not_wrap() {
    let world = World::new();
    let mut terminal = Terminal::start(world.command(&["scan"]));
    terminal.wait_for("1 device through");
    terminal.wait_for("\x1B[J");
    let frame = terminal.wait_for("1 device through");
    let place = |part: &str| {
        frame
            .find(part)
            .unwrap_or_else(|| panic!("{part:?}: {frame:?}"))
    };
    let rest = terminal.wait_for("\x1B[J");
    assert!(place("\x1B[?7l") < place("ADDRESS"), "{frame:?}");
    assert!(
        !frame.contains("\x1B[?7h") && rest.contains("\x1B[?7h"),
        "{rest:?}"
    );
    terminal.interrupt();
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn what_is_shown_until_ctrl_c_ends_without_a_word_of_it() {
    let world = World::new();
    for (args, shown) in [
        (&["scan"][..], "1 device through"),
        (&["scan", "--name", "nobody"], "Nothing heard through"),
        (&["notify", SENSOR, "2a37"], "values in"),
    ] {
        let mut terminal = Terminal::start(world.command(args));
        terminal.wait_for(shown);
        terminal.interrupt();
        let (code, rest) = terminal.end();
        assert_eq!(code, 0, "{rest}");
        let rest = plain(&rest);
        let last = rest.trim_end().lines().last().unwrap_or_default();
        assert!(last.ends_with(" s.") && !last.contains("Ctrl-C"), "{rest}");
    }
}

#[test]
fn what_is_typed_meanwhile_does_not_spoil_what_is_drawn() {
    let world = World::new();
    for (args, shown) in [
        (&["scan"][..], "1 device through"),
        (&["notify", SENSOR, "2a37"], "values in"),
    ] {
        let mut terminal = Terminal::start(world.command(args));
        terminal.wait_for(shown);
        assert!(!terminal.echoes());
        terminal.enter("typed");
        terminal.wait_for(shown);
        let frame = terminal.wait_for(shown);
        assert!(!frame.contains("typed"), "{frame:?}");
        terminal.interrupt();
        let (code, rest) = terminal.end();
        assert!(code == 0 && !rest.contains("typed"), "{rest:?}");
    }
}

#[test]
fn what_is_typed_while_something_takes_its_time_does_not_spoil_its_line() {
    let world = World::new();
    let read = ["read", NOBODY, "2a19", "--timeout", "3"];
    let mut terminal = Terminal::start(world.command(&read));
    terminal.wait_for("Connecting to");
    assert!(!terminal.echoes());
    terminal.enter("typed");
    let (code, rest) = terminal.end();
    assert!(code == 4 && !rest.contains("typed"), "{rest:?}");
}

#[test]
fn who_waits_for_a_device_sees_what_for() {
    let world = World::new();
    // It settles on an MTU, and that was the last of it.
    let _silent =
        ScriptedPeripheral::start(&world.air, ScriptedConfig::default(), |pdu| match pdu {
            [0x02, ..] => vec![vec![0x03, 23, 0]],
            _ => Vec::new(),
        });
    let silent = "D1:ED:97:21:5C:01";
    for (command, shown) in [
        (&["read", silent, "2a19"][..], "Reading"),
        (&["write", silent, "2a19", "01"], "Writing"),
        (&["notify", silent, "2a19"], "Subscribing"),
    ] {
        let args = [command, &["--timeout", "2"]].concat();
        let mut terminal = Terminal::start(world.command(&args));
        terminal.wait_for(shown);
        terminal.wait_for("timed out");
        assert_eq!(terminal.end().0, 4);
    }
}

#[test]
fn ctrl_c_ends_the_wait_for_a_value_that_is_typed() {
    let world = World::new();
    let mut terminal = Terminal::start(world.command(&["write", SENSOR, "2a39", "-"]));
    terminal.wait_for("Ctrl-D ends it:");
    terminal.interrupt();
    assert_eq!(terminal.end().0, 130);
}

fn beacons(count: u8) -> impl Iterator<Item = BeaconConfig> {
    (0..count).map(|number| {
        let address = Address::random([number, 0, 0, 0xBE, 0xAC, 0xC0]);
        let mut data = vec![16, 0x09];
        data.extend_from_slice(b"A beacon far off");
        data[0] = data.len() as u8 - 1;
        BeaconConfig::new(address, data).with_rssi(-90)
    })
}

#[test]
fn the_table_of_a_scan_fits_any_terminal() {
    let world = World::new();
    world.air.add_beacons(beacons(50));
    for (columns, rows) in [(80, 24), (60, 12), (30, 6)] {
        let mut terminal = Terminal::of_size(world.command(&["scan"]), columns, rows);
        terminal.wait_for("51 devices");
        // One whole frame.
        let frame = terminal.wait_for("51 devices");
        let frame = plain(&frame);
        let lines: Vec<_> = frame.split("\r\n").skip(1).collect();
        assert!(lines.len() < usize::from(rows), "{lines:#?}");
        for line in &lines {
            let width = line.trim_matches('\r').chars().count();
            assert!(width <= usize::from(columns), "{width}: {line:?}");
        }
        terminal.interrupt();
        let (code, rest) = terminal.end();
        assert_eq!(code, 0, "{rest}");
        assert!(rest.contains(SHOWN_AGAIN), "the cursor is back: {rest:?}");
        // The last word is all of them.
        assert!(plain(&rest).contains("C0:AC:BE:00:00:31"), "{rest}");
    }
}

#[test]
fn where_there_is_little_room_the_name_and_the_way_out_are_shown_all_the_same() {
    let world = World::new();
    for (args, shown, told) in [
        (&["scan"][..], "ends the scan.", "Dongle HRM"),
        (&["notify", SENSOR, "2a37"], "values in", "Ctrl-C ends it."),
    ] {
        let mut terminal = Terminal::of_size(world.command(args), 40, 24);
        terminal.wait_for(shown);
        terminal.wait_for(told);
        terminal.interrupt();
        let (code, rest) = terminal.end();
        assert_eq!(code, 0, "{rest}");
    }
}

#[test]
fn colours_are_left_out_where_they_are_not_wanted() {
    let world = World::new();
    let scan = |variable: Option<(&str, &str)>| {
        let mut command = world.command(&["scan", "--timeout", "1"]);
        command.envs(variable);
        let (code, screen) = Terminal::start(command).end();
        assert_eq!(code, 0, "{screen}");
        screen
    };
    assert!(scan(None).contains("\x1B[1m"));
    for unwanted in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        assert!(!scan(Some(unwanted)).contains("\x1B[1m"), "{unwanted:?}");
    }
}

#[test]
fn numbers_are_plotted_below_the_values() {
    let world = World::new();
    let notify = ["notify", SENSOR, "2a37", "--count", "20"];
    let mut terminal = Terminal::start(world.command(&notify));
    terminal.wait_for("┤");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    let screen = plain(&screen);
    assert!(
        screen.contains("Heart Rate Measurement (0x2A37) in bpm: 20 values"),
        "{screen}"
    );
    assert!(screen.contains('█'), "{screen}");
    let without = [&notify[..], &["--no-plot"]].concat();
    let (code, screen) = Terminal::start(world.command(&without)).end();
    assert!(code == 0 && !screen.contains('┤'), "{screen}");
}

#[test]
fn a_controller_that_is_lost_while_a_table_is_drawn_leaves_the_terminal_in_order() {
    let world = World::new();
    let mut terminal = Terminal::start(world.command(&["scan"]));
    terminal.wait_for("1 device");
    drop(world);
    let (code, screen) = terminal.end();
    assert_eq!(code, 5, "{screen}");
    assert!(
        screen.contains(SHOWN_AGAIN) && screen.contains("hung up"),
        "{screen:?}"
    );
}

#[test]
fn who_reads_a_scan_too_slowly_is_told_how_much_is_missing() {
    let world = World::new();
    world.air.add_beacons(beacons(200));
    let mut child = world
        .command(&["scan", "--timeout", "60"])
        .spawn()
        .expect("a child");
    let (_, mut reader) = common::first_lines(&mut child, 1);
    let mut told = false;
    for _ in 0..5000 {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        if line["missed"].as_u64().is_some_and(|missed| missed > 0) {
            told = true;
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(reader);
    assert_eq!(common::finish(child).code, 0);
    assert!(told, "nothing was missed");
}

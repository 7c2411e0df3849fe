//! `serve`, `list`, `help`, `completions`, `man`.

// Tests may panic: that is how they fail.
#![allow(clippy::expect_used, clippy::panic)]

mod common;

use common::{Folder, NOTE, SENSOR, dongle, finish, first_lines, run};

#[test]
fn help_is_worth_reading() {
    let short = run(&["--help"]);
    assert_eq!(short.code, 0);
    for part in [
        "dongle scan",
        "DONGLE",
        "Exit codes:",
        "timed out",
        "simulated",
    ] {
        assert!(short.out.contains(part), "{part:?} in\n{}", short.out);
    }
    for command in [
        "list", "scan", "inspect", "read", "write", "notify", "bench", "serve",
    ] {
        let help = run(&["help", command]);
        assert_eq!(help.code, 0, "{command}");
        assert!(help.out.contains("--dongle"), "{command}");
    }
    let notify = run(&["help", "notify"]);
    assert!(notify.out.contains("numbers are plotted"), "{notify:?}");
    // Without a word, it shows what there is.
    assert_eq!(run(&[]).code, 2);
}

#[test]
fn completions_and_the_manual_come_from_the_parser() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(&["completions", shell]);
        assert_eq!(script.code, 0, "{shell}");
        assert!(script.out.contains("inspect"), "{shell}");
    }
    let page = run(&["man"]);
    assert_eq!(page.code, 0);
    assert!(page.out.contains(".TH dongle 1") && page.out.contains("DONGLE NOTIFY"));
}

#[test]
fn the_simulated_dongle_is_always_listed() {
    let text = run(&["list"]);
    assert!(text.out.contains("virtual"), "{text:?}");
    let lines = run(&["list", "--json"]);
    let last = lines.out.lines().last().expect("a line");
    let last: serde_json::Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(last["dongle"], "virtual");
}

#[test]
fn the_simulated_dongle_works_without_a_word() {
    let read = ["read", SENSOR, "2a19"];
    let folder = Folder::new("simulated");
    std::fs::create_dir_all(&folder.0).expect("a folder");
    let file = folder.0.join("trace.btsnoop");
    let capture = ["capture", file.to_str().expect("a path")];
    // Who has only forgotten to name a controller is told.
    for args in [&read[..], &[&capture[..], &read].concat()] {
        let ran = run(args);
        assert_eq!((ran.code, ran.out.as_str()), (0, "87 %\n"), "{ran:?}");
        assert_eq!(ran.err.matches(NOTE).count(), 1, "{ran:?}");
    }
    let named = run(&[&read[..], &["--dongle", "virtual"]].concat());
    let mut by_variable = dongle(&read);
    by_variable.env("DONGLE", "virtual");
    let by_variable = finish(by_variable.spawn().expect("the tool starts"));
    for ran in [named, by_variable] {
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("87 %\n", ""));
    }
}

#[test]
fn the_traffic_of_a_command_is_recorded() {
    let file = std::env::temp_dir().join(format!("dongle-cli-{}.btsnoop", std::process::id()));
    let path = file.display().to_string();
    let ran = run(&["capture", &path, "read", SENSOR, "2a19"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "87 %\n"), "{ran:?}");
    let recorded = std::fs::read(&file).expect("a file");
    std::fs::remove_file(&file).expect("a file");
    assert!(recorded.starts_with(b"btsnoop\0"), "{recorded:02x?}");
    assert!(recorded.len() > 500);
    assert_eq!(run(&["capture", &path, "list"]).code, 2);
    assert_eq!(run(&["capture", &path, "read", "nonsense", "2a19"]).code, 2);
}

#[test]
fn the_dongle_that_is_recorded_is_the_one_that_is_named_wherever_that_is() {
    let folder = Folder::new("named");
    std::fs::create_dir_all(&folder.0).expect("a folder");
    let file = folder.0.join("trace.btsnoop");
    let file = file.to_str().expect("a path");
    let nobody = ["--dongle", "tcp-client:127.0.0.1:1"];
    let read = ["read", SENSOR, "2a19"];
    for line in [
        [&nobody[..], &["capture", file], &read].concat(),
        [&["capture", file], &nobody[..], &read].concat(),
        [&["capture", file], &read[..], &nobody].concat(),
        // The nearest counts.
        [&["-d", "virtual", "capture", file], &read[..], &nobody].concat(),
    ] {
        let ran = run(&line);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{line:?}: {ran:?}");
    }
}

#[test]
fn a_capture_that_can_not_be_made_is_told_by_its_name() {
    let named = "the capture /nowhere/at/all can't be written";
    let mut by_variable = dongle(&["read", SENSOR, "2a19"]);
    by_variable.env("DONGLE_SNOOP", "/nowhere/at/all");
    let by_variable = finish(by_variable.spawn().expect("the tool starts"));
    for (ran, told) in [
        (
            run(&["capture", "/nowhere/at/all", "read", SENSOR, "2a19"]),
            named,
        ),
        (
            by_variable,
            "/nowhere/at/all of DONGLE_SNOOP can't be written",
        ),
        (
            run(&["capture", env!("CARGO_MANIFEST_PATH"), "scan"]),
            "of another kind already",
        ),
    ] {
        assert_eq!(ran.code, 2, "{ran:?}");
        let said = ran.err.strip_prefix("error: the capture ");
        assert!(
            said.is_some() && ran.err.contains(told),
            "{told:?} in {ran:?}"
        );
        assert!(!ran.err.contains("Recorded"), "{ran:?}");
    }
}

#[cfg(unix)]
fn serves(args: &[&str], seen: &str) {
    let mut server = dongle(&[&["serve"][..], args].concat())
        .spawn()
        .expect("a server");
    let (lines, rest) = first_lines(&mut server, 1);
    let spec = lines[0].strip_prefix("Serving ").expect("where").to_owned();
    let ran = run(&["scan", "--timeout", "1", "--dongle", &spec]);
    common::interrupt(&server);
    server.stdout = Some(rest.into_inner());
    let served = finish(server);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains(seen), "{ran:?}");
    assert_eq!(served.code, 0, "{served:?}");
}

#[cfg(unix)]
#[test]
fn a_controller_is_served_over_tcp() {
    serves(
        &["--fast", "--sensors", "2", "--beacons", "3"],
        "Dongle HRM 2",
    );
    serves(&["tcp-server:127.0.0.1:0", "--fast", "--zephyr"], SENSOR);
}

#[cfg(unix)]
#[test]
fn a_meter_is_served_to_be_measured() {
    let mut server = dongle(&["serve", "--bench"]).spawn().expect("a server");
    let (lines, rest) = first_lines(&mut server, 3);
    let spec = lines[0].strip_prefix("Serving ").expect("where").to_owned();
    let meter = lines[2].strip_prefix("  a meter at ").expect("a meter");
    let ran = run(&[
        "bench",
        meter,
        "--dongle",
        &spec,
        "--write",
        "fff2",
        "--duration",
        "1s",
        "--timeout",
        "25",
        "--json",
    ]);
    common::interrupt(&server);
    server.stdout = Some(rest.into_inner());
    assert_eq!(finish(server).code, 0);
    assert_eq!(ran.code, 0, "{ran:?}");
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(report["read"]["octets"], 20, "{report}");
    assert_eq!(report["mtu"], 247, "{report}");
    for what in ["read", "notify", "write"] {
        assert!(report[what]["count"].as_u64() > Some(1), "{report}");
        assert!(report[what]["per_second"].as_f64() > Some(0.0), "{report}");
    }
    assert_eq!(report["notify"]["missed"], 0, "{report}");
}

#[cfg(unix)]
#[test]
fn a_controller_is_served_as_a_serial_port() {
    let path = std::env::temp_dir().join(format!("dongle-cli-{}", std::process::id()));
    serves(&[&format!("pty:{}", path.display()), "--fast"], SENSOR);
    assert!(!path.exists());
}

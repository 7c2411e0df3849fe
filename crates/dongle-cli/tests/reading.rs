//! `scan`, `inspect`, `read`, `write`, `notify`: what they print, as text and as JSON.

// Tests may panic: that is how they fail.
#![allow(clippy::expect_used, clippy::panic)]

mod common;

use common::{SENSOR, World};

#[test]
fn a_scan_tells_of_each_device_in_a_line_of_json() {
    let world = World::new();
    let found = world.lines(&["scan", "--timeout", "1"]);
    let sensor = found
        .iter()
        .find(|line| line["address"] == SENSOR)
        .expect("the sensor");
    assert_eq!(sensor["name"], "Dongle HRM");
    assert_eq!(sensor["address_type"], "random");
    assert_eq!(sensor["connectable"], true);
    assert_eq!(sensor["services"][0]["id"], "0x180D");
    assert_eq!(sensor["services"][0]["name"], "Heart Rate");
    assert!(sensor["rssi"].is_i64());
    assert!(
        sensor["time"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z'))
    );
}

#[test]
fn filters_of_a_scan_leave_out_what_does_not_match() {
    let world = World::new();
    for matching in [
        ["--name", "dongle"],
        ["--service", "heart-rate"],
        ["--service", "180f"],
        ["--address", SENSOR],
        ["--rssi", "-90"],
    ] {
        let found = world.lines(&[&["scan", "--timeout", "500ms"][..], &matching].concat());
        assert!(!found.is_empty(), "{matching:?}");
    }
    for other in [
        ["--name", "nobody"],
        ["--service", "1809"],
        ["--address", common::NOBODY],
        ["--rssi", "0"],
        ["--company", "apple"],
        ["--company", "0x004c"],
    ] {
        let found = world.lines(&[&["scan", "--timeout", "300ms"][..], &other].concat());
        assert!(found.is_empty(), "{other:?}");
    }
}

#[test]
fn inspect_shows_the_whole_database_as_a_tree() {
    let world = World::new();
    let tree = world.out(&["inspect", SENSOR]);
    for part in [
        "D0:18:0D:48:52:4D  Dongle HRM",
        "├─ Heart Rate  0x180D",
        "│  ├─ Heart Rate Measurement  0x2A37",
        "notify",
        "Client Characteristic Configuration  0x2902",
        "off  00 00",
        "87 %  57",
        "chest  01",
        "└─ Device Information  0x180A",
        "\"Simulated heart-rate sensor\"  53 69",
    ] {
        assert!(tree.contains(part), "{part:?} in\n{tree}");
    }
    assert!(!tree.contains('\x1B'), "no colours in a pipe");
}

#[test]
fn inspect_gives_the_whole_database_as_json() {
    let world = World::new();
    let device = world.json(&["inspect", SENSOR, "--json"]);
    assert_eq!(device["name"], "Dongle HRM");
    let services = device["services"].as_array().expect("services");
    let battery = services
        .iter()
        .find(|service| service["uuid"] == "0x180F")
        .expect("battery");
    let level = &battery["characteristics"][0];
    assert_eq!(level["name"], "Battery Level");
    assert_eq!(level["properties"], serde_json::json!(["read", "notify"]));
    assert_eq!(level["value"]["hex"], "57");
    assert_eq!(level["value"]["value"], 87);
    assert_eq!(level["value"]["unit"], "%");
    assert_eq!(level["descriptors"][0]["uuid"], "0x2902");
    let without = world.json(&["inspect", SENSOR, "--json", "--no-values"]);
    assert!(without["services"][0]["characteristics"][0]["value"].is_null());
}

#[test]
fn mtu_and_interval_are_as_one_says() {
    let world = World::new();
    let inspect = ["inspect", SENSOR, "--json", "--no-values"];
    let device = world.json(&[&inspect[..], &["--mtu", "40", "--interval", "15ms"]].concat());
    assert_eq!(device["mtu"], 40);
    assert_eq!(device["interval_ms"], 15.0);
    let refused = world.run(&[&inspect[..], &["--interval", "1ms"]].concat());
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("7.5ms to 4s"), "{refused:?}");
}

#[test]
fn a_value_is_read_as_what_it_is_or_as_one_says() {
    let world = World::new();
    for (args, out) in [
        (&["2a19"][..], "87 %\n"),
        (&["battery-level"], "87 %\n"),
        (&["180f/2a19"], "87 %\n"),
        (&["@17"], "87 %\n"),
        (&["2a19", "--as", "hex"], "57\n"),
        (&["2a19", "--as", "u8"], "87\n"),
        (&["2a19", "--as", "text"], "W\n"),
        (&["2a00"], "\"Dongle HRM\"\n"),
        (&["2a00", "--raw"], "Dongle HRM"),
        (&["2a37", "--descriptor", "2902"], "off\n"),
    ] {
        assert_eq!(
            world.out(&[&["read", SENSOR][..], args].concat()),
            out,
            "{args:?}"
        );
    }
    let level = world.json(&["read", SENSOR, "2a19", "--json"]);
    assert_eq!(level["value"], 87);
    assert_eq!(level["handle"], 17);
    let name = world.json(&["read", SENSOR, "2a00", "--json"]);
    assert_eq!(name["text"], "Dongle HRM");
}

#[test]
fn a_value_is_written() {
    let world = World::new();
    let said = world.out(&["write", SENSOR, "2a39", "01"]);
    assert_eq!(said, "Wrote 1 octet to Heart Rate Control Point (0x2A39)\n");
    let said = world.json(&[
        "write",
        SENSOR,
        "2a39",
        "1",
        "--as",
        "u8",
        "--response",
        "--json",
    ]);
    assert_eq!(said["hex"], "01");
    let said = world.json(&[
        "write",
        SENSOR,
        "2a37",
        "0100",
        "--descriptor",
        "2902",
        "--json",
    ]);
    assert_eq!(said["uuid"], "0x2902");
}

#[test]
fn values_are_shown_as_they_come() {
    let world = World::new();
    let text = world.out(&["notify", SENSOR, "2a37", "--count", "3"]);
    assert_eq!(text.lines().count(), 3);
    assert!(text.lines().all(|line| line.contains(" bpm  ")), "{text}");

    let lines = world.lines(&["notify", SENSOR, "2a37", "--count", "3", "--json"]);
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["unit"], "bpm");
    assert_eq!(lines[0]["elapsed"], 0.0);
    assert!(lines[2]["elapsed"].as_f64() > Some(0.0));

    let csv = world.out(&["notify", SENSOR, "2a37", "--count", "2", "--csv"]);
    let rows: Vec<_> = csv.lines().collect();
    assert_eq!(rows[0], "time,elapsed,value,unit,hex,missed");
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1].split(',').nth(3), Some("bpm"));
    assert!(rows[1].ends_with(",0"), "nothing was missed: {csv}");
}

#[test]
fn bench_measures_reads_and_notifications() {
    let world = World::new();
    let report = world.json(&["bench", SENSOR, "--duration", "300ms", "--json"]);
    assert!(report["read"]["count"].as_u64() > Some(1), "{report}");
    assert!(report["read"]["p50_ms"].as_f64() <= report["read"]["max_ms"].as_f64());
    assert!(report["notify"]["count"].as_u64() > Some(1), "{report}");
    assert!(report["write"].is_null(), "nothing is written unasked");
    let text = world.out(&["bench", SENSOR, "--duration", "300ms"]);
    assert!(
        text.contains("Reads") && text.contains("Notifications"),
        "{text}"
    );
}

//! `pair`, `bonds`, and pairing because a device asks for it.

// Tests may panic: that is how they fail.
#![allow(clippy::expect_used, clippy::panic)]
#![cfg(unix)]

mod common;

use std::time::Duration;

use common::terminal::Terminal;
use common::{Folder, LOCK, NOBODY, PASSKEY, SENSOR, World, give, said_out};
use dongle_virtual::{
    Address, BeaconConfig, LockPairing, PeerEvent, ScriptedConfig, ScriptedPeripheral,
};

const NOT_FOUND: i32 = 3;
const REFUSED: i32 = 6;
const SAFEST: &str = "encrypted and authenticated by LE Secure Connections";

fn locked() -> World {
    World::with_lock(LockPairing::Passkey(123_456))
}

#[test]
fn a_passkey_is_asked_for_in_the_terminal() {
    let world = locked();
    let mut terminal = Terminal::start(world.command(&["pair", LOCK]));
    terminal.wait_for("Passkey (Enter");
    assert!(terminal.echoes(), "nobody types it blind");
    // A slip is asked again.
    terminal.enter("12345x");
    terminal.wait_for("up to six digits");
    terminal.enter(PASSKEY);
    terminal.wait_for(SAFEST);
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn who_does_not_answer_with_a_passkey_refuses() {
    let world = locked();
    let mut terminal = Terminal::start(world.command(&["pair", LOCK]));
    terminal.wait_for("Passkey (Enter");
    terminal.enter("");
    let (code, screen) = terminal.end();
    assert_eq!(code, REFUSED, "{screen}");
    assert!(screen.contains("the passkey was not entered"), "{screen}");
}

#[test]
fn a_wrong_passkey_is_refused_by_the_device() {
    let world = locked();
    let ran = world.run(&["pair", LOCK, "--passkey", "111111"]);
    assert_eq!(ran.code, REFUSED, "{ran:?}");
    assert!(ran.err.contains("another passkey"), "{ran:?}");
    world.out(&["pair", LOCK, "--passkey", PASSKEY]);
}

#[test]
fn numbers_are_compared_in_the_terminal() {
    let world = World::with_lock(LockPairing::Compare);
    for (answer, code, told) in [
        ("y", 0, SAFEST),
        ("", REFUSED, "not confirmed to be the same"),
    ] {
        let mut terminal = Terminal::start(world.command(&["pair", LOCK]));
        terminal.wait_for("[y/N]");
        terminal.enter(answer);
        let screen = terminal.wait_for(told);
        assert_eq!(terminal.end().0, code, "{screen}");
    }
}

#[test]
fn a_device_that_wants_to_be_paired_with_is_while_somebody_is_there() {
    let world = locked();
    let write = ["write", LOCK, "boolean", "01", "--timeout", "4"];
    let mut terminal = Terminal::start(world.command(&write));
    terminal.wait_for("Passkey (Enter");
    // To look at the case takes longer than the device may.
    std::thread::sleep(Duration::from_millis(4500));
    terminal.enter(PASSKEY);
    terminal.wait_for("Paired with");
    terminal.wait_for("Wrote 1 octet");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn a_tree_with_several_locked_values_asks_once() {
    let world = locked();
    let mut terminal = Terminal::start(world.command(&["inspect", LOCK]));
    terminal.wait_for("Passkey (Enter");
    terminal.enter("");
    let screen = terminal.wait_for("Simulated lock");
    assert!(!screen.contains("Passkey (Enter"), "{screen}");
    assert!(screen.contains("the passkey was not entered"), "{screen}");
    assert_eq!(terminal.end().0, 0);

    let mut terminal = Terminal::start(world.command(&["inspect", LOCK]));
    terminal.wait_for("Passkey (Enter");
    terminal.enter(PASSKEY);
    terminal.wait_for("ada@example.org");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn ctrl_c_at_a_question_ends_it() {
    let world = locked();
    let mut terminal = Terminal::start(world.command(&["pair", LOCK]));
    terminal.wait_for("Passkey (Enter");
    terminal.interrupt();
    let (code, screen) = terminal.end();
    assert_eq!(code, 130, "{screen}");
    world.out(&["pair", LOCK, "--passkey", PASSKEY]);
}

#[test]
fn a_script_pairs_only_as_it_says() {
    let world = locked();
    let read = ["read", LOCK, "email-address"];
    let ran = world.run(&read);
    assert_eq!(ran.code, REFUSED, "{ran:?}");
    assert!(ran.err.contains("Pair first: "), "{ran:?}");
    let ran = world.run(&["pair", LOCK, "--authenticated"]);
    assert_eq!(ran.code, REFUSED, "{ran:?}");
    assert!(
        ran.err.contains("There is no terminal to ask in"),
        "{ran:?}"
    );

    let with = [&read[..], &["--passkey", PASSKEY]].concat();
    assert_eq!(world.out(&with), "\"ada@example.org\"\n");
    let mut from_environment = world.command(&read);
    from_environment.env("DONGLE_PASSKEY", PASSKEY);
    let ran = common::finish(from_environment.spawn().expect("a child"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = world.run(&[&with[..], &["--no-pair"]].concat());
    assert_eq!(ran.code, REFUSED, "{ran:?}");

    let compared = World::with_lock(LockPairing::Compare);
    let ran = compared.run(&[&read[..], &["--yes"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn what_authenticates_is_not_passed_over_by_a_device_that_asks_for_nothing() {
    let world = World::with_lock(LockPairing::JustWorks);
    let write = ["write", LOCK, "boolean", "01"];
    let key = "07".repeat(16);
    for command in [&write[..], &["pair", LOCK]] {
        for given in [["--passkey", PASSKEY], ["--oob", &key]] {
            let ran = world.run(&[command, &given].concat());
            assert_eq!((ran.code, ran.out.as_str()), (REFUSED, ""), "{ran:?}");
            let told = match given {
                ["--passkey", _] => "asked for neither a passkey",
                _ => "out of band data is not available",
            };
            assert!(ran.err.contains(told), "{ran:?}");
        }
    }
    let ran = world.run(&["pair", LOCK, "--our-oob", "-"]);
    assert_eq!(ran.code, REFUSED, "{ran:?}");
    // Who gives nothing of that takes it as it is.
    world.out(&[&write[..], &["--yes"]].concat());
}

#[test]
fn a_bond_is_kept_used_listed_and_forgotten() {
    let mut world = locked();
    let folder = Folder::new("bonds");
    let run =
        |world: &World, args: &[&str]| world.run(&[args, &["--folder", folder.path()]].concat());
    let ran = run(&world, &["pair", LOCK, "--passkey", PASSKEY, "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let paired: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(paired["authenticated"], true);
    assert_eq!(paired["key_size"], 16);
    assert_eq!(paired["bonded"], true);

    // The key does it: nobody is asked.
    let ran = run(&world, &["read", LOCK, "email-address"]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "\"ada@example.org\"\n"),
        "{ran:?}"
    );
    let ran = run(&world, &["bonds"]);
    assert!(
        ran.out.contains(LOCK) && ran.out.contains(SAFEST),
        "{ran:?}"
    );
    let ran = run(&world, &["bonds", "--json"]);
    let bond: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(bond["address"], LOCK);

    // The lock is another one now, or was reset.
    world.change_lock(LockPairing::Passkey(123_456));
    let ran = run(&world, &["read", LOCK, "email-address"]);
    assert_eq!(ran.code, REFUSED, "{ran:?}");
    assert!(ran.err.contains("pair --again"), "{ran:?}");
    let ran = run(&world, &["pair", LOCK, "--again", "--passkey", PASSKEY]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("the bond is kept"), "{ran:?}");

    assert_eq!(run(&world, &["bonds", "--forget", NOBODY]).code, NOT_FOUND);
    let ran = run(&world, &["bonds", "--forget", LOCK, "--json"]);
    let forgotten: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(forgotten["forgotten"], LOCK);
    assert_eq!(run(&world, &["bonds", "--forget", LOCK]).code, NOT_FOUND);
    let ran = run(&world, &["bonds"]);
    assert!(ran.out.contains("no bonds"), "{ran:?}");
}

#[test]
fn bonds_that_can_not_be_read_are_put_aside_and_told() {
    let world = locked();
    let folder = Folder::new("damaged");
    let run = |args: &[&str]| world.run(&[args, &["--folder", folder.path()]].concat());
    let ran = run(&["pair", LOCK, "--passkey", PASSKEY]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let file = folder.bonds();
    std::fs::write(&file, "rubbish").expect("a file");
    let ran = run(&["bonds"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.err.contains("warning:") && ran.err.contains("kept as"),
        "{ran:?}"
    );
}

/// What is on the lock's tag, in hexadecimal.
fn tag_of(world: &World) -> String {
    let lock = world.lock.as_ref().expect("a lock");
    let tag = lock.tag().expect("it has a tag");
    tag.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn octets(hex: &str) -> Vec<u8> {
    let octet = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(octet).collect()
}

#[test]
fn what_is_on_the_tag_of_a_device_authenticates_it() {
    let world = World::with_lock(LockPairing::OutOfBand);
    let tag = tag_of(&world);
    let pair = ["pair", LOCK, "--authenticated", "--oob"];
    let out = world.out(&[&pair[..], &[&tag]].concat());
    assert!(out.contains(SAFEST), "{out}");
    // Where a program writes it.
    let mut child = world.command(&[&pair[..], &["-"]].concat());
    let child = give(&mut child, &format!("{tag}\n"));
    let ran = common::finish(child);
    assert!(ran.code == 0 && ran.out.contains(SAFEST), "{ran:?}");
    // Whoever asks for a value may bring it along.
    let write = ["write", LOCK, "boolean", "01", "--oob", &tag];
    assert_eq!(world.run(&write).code, 0);

    let another = tag.replace('0', "1");
    let ran = world.run(&[&pair[..], &[&another]].concat());
    assert_eq!(ran.code, REFUSED, "{ran:?}");
    let ran = world.run(&["pair", LOCK, "--authenticated"]);
    assert_eq!(ran.code, REFUSED, "without it, nothing does: {ran:?}");
}

#[test]
fn our_data_that_a_device_was_given_authenticates_us() {
    for both in [false, true] {
        let world = World::with_lock(LockPairing::OutOfBand);
        let mut pair = vec!["pair", LOCK, "--authenticated", "--our-oob", "-", "--json"];
        if both {
            pair.extend(["--oob", "-"]);
        }
        let mut command = world.command(&pair);
        command.stdin(std::process::Stdio::piped());
        let mut child = command.spawn().expect("the tool starts");
        let ours: serde_json::Value = serde_json::from_str(&said_out(&mut child)).expect("JSON");
        let ours = octets(ours["our_oob"].as_str().expect("hexadecimal"));
        let lock = world.lock.as_ref().expect("a lock");
        assert!(lock.read_tag(&ours));
        // The device has it: now ours may go on.
        let line = if both { tag_of(&world) } else { String::new() };
        common::tell(&mut child, &format!("{line}\n"));
        let ran = common::finish(child);
        assert_eq!(ran.code, 0, "{ran:?}");
        let paired: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
        assert_eq!(paired["authenticated"], true);
        assert_eq!(paired["secure_connections"], true);
    }
}

#[test]
fn our_data_goes_to_a_file_of_ours_and_enter_says_that_the_device_has_it() {
    let world = World::with_lock(LockPairing::OutOfBand);
    let folder = Folder::new("our-oob");
    std::fs::create_dir_all(&folder.0).expect("a folder");
    let file = folder.0.join("tag.txt");
    let path = file.to_str().expect("a path");
    let mut terminal = Terminal::start(world.command(&["pair", LOCK, "--our-oob", path]));
    terminal.wait_for("Enter when the device has it:");
    let ours = std::fs::read_to_string(&file).expect("it is written");
    let lock = world.lock.as_ref().expect("a lock");
    assert!(lock.read_tag(&octets(ours.trim())));
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o077, 0, "whoever has it could take our place");
    terminal.enter("");
    terminal.wait_for(SAFEST);
    assert_eq!(terminal.end().0, 0);

    let nowhere = world.run(&["pair", LOCK, "--our-oob", "/nowhere/at/all"]);
    assert_eq!(nowhere.code, NOT_FOUND, "{nowhere:?}");
    assert!(nowhere.err.contains("/nowhere/at/all"), "{nowhere:?}");
}

#[test]
fn a_bonded_device_is_known_by_any_address_it_goes_by() {
    let world = locked();
    let folder = Folder::new("identity");
    let run = |args: &[&str]| world.run(&[args, &["--folder", folder.path()]].concat());
    let ran = run(&["pair", LOCK, "--passkey", PASSKEY]);
    assert_eq!(ran.code, 0, "{ran:?}");
    // Its key is that of the specification's own example (Core Vol 3 Part H, Appendix D.7), least
    // significant octet first.
    let file = folder.bonds();
    let kept = std::fs::read_to_string(&file).expect("a file");
    let mut kept: serde_json::Value = serde_json::from_str(&kept).expect("JSON");
    kept["bonds"][0]["irk"] = "9b7d390aa610103405adc857a33402ec".into();
    std::fs::write(&file, kept.to_string()).expect("a file");
    let private = Address::random([0xAA, 0xFB, 0x0D, 0x94, 0x81, 0x70]);
    let beacon = BeaconConfig::new(private, vec![2, 1, 6]);
    world.air.add_beacons([beacon]);

    let ran = run(&["scan", "--timeout", "2", "--address", LOCK]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let found: Vec<serde_json::Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert!(found.iter().all(|line| line["identity"] == LOCK), "{ran:?}");
    let goes_by = "70:81:94:0D:FB:AA/random";
    assert!(
        found.iter().any(|line| line["address"] == goes_by),
        "{ran:?}"
    );
    // A stranger has none.
    let ran = run(&["scan", "--once", "--timeout", "1", "--address", SENSOR]);
    assert!(
        !ran.out.is_empty() && !ran.out.contains("identity"),
        "{ran:?}"
    );

    let scan = ["scan", "--folder", folder.path(), "--address", LOCK];
    let mut terminal = Terminal::of_size(world.command(&scan), 120, 24);
    let screen = terminal.wait_for("bonded, goes by 70:81:94:0D:FB:AA/random");
    assert!(screen.contains(LOCK), "{screen}");
    terminal.interrupt();
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn privacy_hides_our_own_address() {
    let world = World::new();
    let folder = Folder::new("privacy");
    let seen = |privacy: &[&str]| {
        let device =
            ScriptedPeripheral::start(&world.air, ScriptedConfig::default(), |_| Vec::new());
        let read = ["read", "D1:ED:97:21:5C:01", "2a19", "--timeout", "1"];
        let place = ["--folder", folder.path()];
        let ran = world.run(&[&read[..], &place, privacy].concat());
        match device.next_event(Duration::from_secs(10)) {
            Some(PeerEvent::Connected { central }) => central,
            other => panic!("{other:?}, {ran:?}"),
        }
    };
    let plain = seen(&[]);
    let (private, another) = (seen(&["--privacy"]), seen(&["--privacy"]));
    // Resolvable (Core Vol 6 Part B, 1.3.2.2).
    assert_eq!(private.bytes[5] >> 6, 0b01, "{private:?}");
    assert!(private != plain && private != another);
    let bonds = world.run(&["bonds", "--privacy", "--folder", folder.path()]);
    let own = format!("{plain}");
    assert!(bonds.out.contains(&own), "it is still the same: {bonds:?}");

    // Devices that got a key which is lost would never know us again.
    let nowhere = ["--folder", "/proc/no-such-folder"];
    let lost = world.run(&[&["scan", "--once", "--privacy"][..], &nowhere].concat());
    assert_eq!(lost.code, 1, "{lost:?}");
    assert!(lost.err.contains("no-such-folder"), "{lost:?}");
}

#[test]
fn secrets_are_not_in_the_log() {
    let world = locked();
    let tag = "5a".repeat(16);
    let ran = world.run(&["pair", LOCK, "--passkey", PASSKEY, "--oob", &tag, "-vvv"]);
    assert!(ran.err.contains("TRACE"), "{ran:?}");
    for secret in [PASSKEY, &tag, "1e240", "123_456"] {
        assert!(!ran.err.contains(secret), "{secret} in {}", ran.err);
    }
    for wrong in [["--passkey", "12345x"], ["--oob", "5a5a"]] {
        let ran = world.run(&[&["pair", LOCK][..], &wrong].concat());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(!ran.err.contains(wrong[1]), "{ran:?}");
    }
}

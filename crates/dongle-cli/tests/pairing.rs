//! `pair`, `bonds`, and pairing because a device asks for it.

// Tests may panic: that is how they fail.
#![allow(clippy::expect_used, clippy::panic)]
#![cfg(unix)]

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::terminal::Terminal;
use common::{LOCK, NOBODY, PASSKEY, World};
use dongle_virtual::LockPairing;

const NOT_FOUND: i32 = 3;
const REFUSED: i32 = 6;
const SAFEST: &str = "encrypted and authenticated by LE Secure Connections";

fn locked() -> World {
    World::with_lock(LockPairing::Passkey(123_456))
}

/// A folder for the bonds of one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("dongle-cli-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_passkey_is_asked_for_in_the_terminal() {
    let world = locked();
    let mut terminal = Terminal::start(world.command(&["pair", LOCK]));
    terminal.wait_for("Passkey (Enter");
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
    assert!(ran.err.contains("wants to be paired with"), "{ran:?}");
    let ran = world.run(&["pair", LOCK, "--authenticated"]);
    assert_eq!(ran.code, REFUSED, "{ran:?}");
    assert!(ran.err.contains("Nobody can be asked here"), "{ran:?}");

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
    assert_eq!(run(&world, &["bonds", "--forget", LOCK]).code, 0);
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
    let file = std::fs::read_dir(&folder.0)
        .expect("a folder")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .expect("a file of bonds");
    std::fs::write(&file, "rubbish").expect("a file");
    let ran = run(&["bonds"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.err.contains("warning:") && ran.err.contains("kept as"),
        "{ran:?}"
    );
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

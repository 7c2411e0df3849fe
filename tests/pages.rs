//! The pages in docs/: what they show of a program is in that program, and the programs run.

// Tests may panic: that is how they fail.
#![allow(clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use dongle_tests::example::{Ended, Example};

/// What an example that comes to its end takes at most.
const LIMIT: Duration = Duration::from_secs(240);

fn text(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The blocks of a page that begin with this fence.
fn blocks(page: &str, fence: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<Vec<&str>> = None;
    for line in page.lines() {
        match &mut block {
            None if line == fence => block = Some(Vec::new()),
            None => {}
            Some(lines) if line == "```" => {
                blocks.push(lines.join("\n"));
                block = None;
            }
            Some(lines) => lines.push(line),
        }
    }
    blocks
}

/// The text without what depends on where its lines are broken.
fn flush(text: &str) -> String {
    let dense: String = text.split_whitespace().collect();
    dense.replace(",)", ")")
}

#[track_caller]
fn shows(page: &str, fence: &str, program: &str, at_least: usize) {
    let source = flush(&text(program));
    let blocks = blocks(&text(page), fence);
    assert!(
        blocks.len() >= at_least,
        "{page} has only {} blocks",
        blocks.len()
    );
    for block in blocks {
        assert!(
            source.contains(&flush(&block)),
            "{page} shows what is not in {program}:\n{block}"
        );
    }
}

/// All Rust below a folder.
fn sources(folder: &Path, found: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&std::fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn the_tests_that_a_page_names_are_there() {
    let mut found = String::new();
    for folder in ["crates", "hci-transport", "tests"] {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        sources(&root.join(folder), &mut found);
    }
    for page in [
        "known-faults",
        "security",
        "conformance",
        "architecture",
        "bumble",
    ] {
        let page = text(&format!("docs/{page}.md"));
        let is_sentence = |name: &&str| {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            name.bytes().all(plain) && name.matches('_').count() >= 4
        };
        for name in page.split('`').skip(1).step_by(2).filter(is_sentence) {
            assert!(
                found.contains(&format!("fn {name}(")),
                "no test is called {name}"
            );
        }
    }
}

#[track_caller]
fn ends_well(name: &str, arguments: &[&str], printed: &str) -> Ended {
    let ended = Example::start(name, arguments).end(LIMIT);
    assert_eq!(ended.code, Some(0), "{name}: {ended:#?}");
    assert!(
        ended.output.contains(printed),
        "{name} does not print {printed:?}: {ended:#?}"
    );
    assert!(!ended.errors.contains("panicked"), "{name}: {ended:#?}");
    ended
}

#[test]
fn the_page_for_those_who_know_aioble_shows_a_program() {
    shows("docs/aioble.md", "```rust", "examples/aioble.rs", 22);
}

#[test]
fn the_guide_shows_a_gateway() {
    shows("docs/guide.md", "```rs", "examples/gateway.rs", 2);
}

#[test]
fn what_the_page_for_those_who_know_aioble_shows_runs() {
    let ended = ends_well("aioble", &[], "MTU 251");
    for printed in [
        "1 battery",
        "Timeout",
        "Disconnected: terminated by us",
        "connecting again",
        "300 octets",
        "encrypted and authenticated",
        "hello",
        "the device opens none",
    ] {
        assert!(ended.output.contains(printed), "{printed:?}: {ended:#?}");
    }
}

#[test]
fn the_gateway_runs() {
    ends_well("gateway", &["--count", "2"], "has sent enough");
}

#[test]
fn a_heart_rate_comes_without_async_and_under_each_runtime() {
    for name in ["blocking", "with_tokio", "with_smol", "with_embassy"] {
        ends_well(name, &["--count", "2"], " bpm\n");
    }
}

#[test]
fn the_explorer_runs() {
    ends_well(
        "explorer",
        &[],
        "characteristic 0x2A37 Heart Rate Measurement (notify)",
    );
}

#[test]
fn beacons_are_watched() {
    ends_well("beacon_watch", &["--count", "12"], "1/11");
}

#[test]
fn many_devices_are_heard_at_a_time() {
    ends_well("many_devices", &["--count", "20"], "6 sensors");
}

#[test]
fn a_lost_device_comes_back() {
    ends_well("reconnect", &["--count", "9"], "is lost: disconnected");
}

#[test]
fn what_firmware_does_runs_on_a_desktop() {
    ends_well("firmware_shaped", &["--count", "2"], " bpm");
}

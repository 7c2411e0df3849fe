//! No key is in a log, an error, a `Debug` output or a capture, whatever was paired.
#![cfg(unix)]

#[path = "security/smp/mod.rs"]
#[allow(dead_code)]
mod smp;

use std::fmt::Debug;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;

use dongle::security::{Answer, IoCapabilities, Key, OutOfBand, PairingAgent, Passkey};
use dongle::{Address, Dongle};
use dongle_tests::bench::soon;
use dongle_virtual::ControllerConfig;
use hci_transport::Snoop;
use log::{LevelFilter, Log, Metadata, Record};

use smp::crypto::Block;
use smp::pairing::{IRK, LEGACY, resolvable};
use smp::{DONGLE, Pairing, Peer, World, device_address};

/// What a person types, and what a legacy device gives to keep.
const PASSKEY: u32 = 493_817;
const KEPT: Block = [
    0x6B, 0x1F, 0x92, 0xC4, 0x3D, 0xE8, 0x57, 0xA0, 0x2C, 0x74, 0xB9, 0x0E, 0xD1, 0x48, 0xF3, 0x65,
];
const TEMPORARY: Block = [
    0x71, 0x0D, 0x83, 0xBE, 0x49, 0xF2, 0x16, 0xA7, 0x5B, 0xC9, 0x34, 0xE0, 0x8F, 0x62, 0xDA, 0x1C,
];

/// Takes whatever is logged, at every level, by all who log.
struct Everything(Mutex<String>);

static LOG: Everything = Everything(Mutex::new(String::new()));

impl Everything {
    fn add(&self, text: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push_str(text);
        all.push('\n');
    }
}

impl Log for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.add(&format!("{}: {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

/// Shows whatever can be shown of a value.
fn show(value: &impl Debug) {
    LOG.add(&format!("{value:?}"));
    LOG.add(&format!("{value:#?}"));
}

struct Person {
    capabilities: IoCapabilities,
    oob: Option<OutOfBand>,
}

impl PairingAgent for Person {
    fn capabilities(&self) -> IoCapabilities {
        self.capabilities
    }

    fn has_out_of_band(&self, _: Address) -> bool {
        self.oob.is_some()
    }

    fn enter(&self, _: Address) -> Answer<'_, Option<Passkey>> {
        let passkey = Passkey::new(PASSKEY);
        show(&passkey);
        Box::pin(async move { passkey })
    }

    fn out_of_band(&self, _: Address) -> Answer<'_, Option<OutOfBand>> {
        show(&self.oob);
        Box::pin(async { self.oob.clone() })
    }
}

/// A file that is gone after the test.
struct Capture(PathBuf);

impl Capture {
    fn new(name: &str) -> Self {
        let name = format!("dongle-secrets-{name}-{}.btsnoop", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    SecureConnections,
    Passkey,
    Legacy,
    LegacyOutOfBand,
}

/// Pairs in one way, encrypts the next connection with the bond, and fails once; the secrets.
fn session(way: Way, snoop: Snoop) -> Vec<(&'static str, Block)> {
    let world = World::new();
    let channel = world.air.controller(ControllerConfig::default());
    channel.record(&snoop).expect("a capture");
    let capabilities = match way {
        Way::Passkey => IoCapabilities::KeyboardOnly,
        _ => IoCapabilities::NoInputNoOutput,
    };
    let oob = (way == Way::LegacyOutOfBand)
        .then(|| OutOfBand::Legacy(Key::new(smp::crypto::reversed(TEMPORARY))));
    let agent = Person { capabilities, oob };
    let dongle = soon(Dongle::on(channel).address(DONGLE).agent(agent)).expect("it opens");
    let mut peer = Peer::at(&world, Address::random(resolvable(&IRK, [1, 2, 3])));
    let connection = soon(dongle.device(peer.address).connect()).expect("the peer is there");
    peer.connected();
    let pairing = thread::spawn({
        let connection = connection.clone();
        move || soon(connection.pair())
    });
    let mut secrets = vec![("IRK", IRK)];
    let identity = device_address(Address::random([0xF2, 2, 2, 2, 2, 2]));
    let io = if way == Way::Passkey { 0 } else { 3 };
    let kept = match way {
        Way::SecureConnections | Way::Passkey => {
            let mut book = Pairing::begin(&mut peer, [io, 0, 13, 16, 3, 3]).exchange_keys();
            let secret = match way {
                Way::Passkey => {
                    book.passkey(PASSKEY);
                    PASSKEY
                }
                _ => {
                    book.compare();
                    0
                }
            };
            assert!(book.check(secret));
            book.encrypt();
            book.give_identity(IRK, identity);
            secrets.push(("LTK", book.key));
            secrets.extend(book.more_secrets());
            book.key
        }
        Way::Legacy | Way::LegacyOutOfBand => {
            let flag = u8::from(way == Way::LegacyOutOfBand);
            let mut book = Pairing::begin(&mut peer, [3, flag, LEGACY[2], 16, 3, 3]);
            match way {
                Way::LegacyOutOfBand => {
                    book.legacy_with(TEMPORARY);
                    secrets.push(("TK", TEMPORARY));
                }
                _ => book.legacy(0),
            }
            book.encrypt();
            book.give_key(KEPT, 0x1234, [8; 8]);
            book.give_identity(IRK, identity);
            secrets.extend([("STK", book.key), ("LTK", KEPT)]);
            KEPT
        }
    };
    let security = pairing.join().expect("no panic").expect("it pairs");
    show(&security);
    show(&connection);
    show(&dongle);
    show(&dongle.bonds());
    soon(connection.disconnect());
    peer.disconnected();

    // The next connection, and one that fails.
    for key in [Some(kept), None] {
        peer.advertise();
        let connecting = thread::spawn({
            let device = dongle.device(peer.address);
            move || soon(device.connect())
        });
        peer.connected();
        match key {
            Some(key) => assert!(peer.encrypt(&key)),
            None => peer.refuse_key(),
        }
        let connected = connecting.join().expect("no panic");
        assert_eq!(connected.is_ok(), key.is_some());
        show(&connected);
        if let Err(error) = &connected {
            LOG.add(&error.to_string());
        } else if let Ok(connection) = connected {
            soon(connection.disconnect());
        }
        peer.disconnected();
    }
    soon(dongle.close());
    show(&dongle.failure());
    secrets
}

/// How a key, or the greater part of it, could be written.
fn spellings(key: &Block) -> Vec<String> {
    let mut spellings = Vec::new();
    for octets in [*key, smp::crypto::reversed(*key)] {
        let part = &octets[..8];
        let joined = |separator: &str, each: fn(&u8) -> String| {
            let texts: Vec<String> = part.iter().map(each).collect();
            texts.join(separator)
        };
        for separator in ["", " ", ":", ", ", "-"] {
            spellings.push(joined(separator, |octet| format!("{octet:02x}")));
            spellings.push(joined(separator, |octet| format!("{octet:02X}")));
        }
        spellings.push(joined(", ", |octet| format!("{octet:x}")));
        spellings.push(joined(", ", |octet| format!("{octet:X}")));
        spellings.push(joined(", ", |octet| format!("{octet:#04x}")));
        spellings.push(joined(", ", |octet| octet.to_string()));
        // As in `{:#?}`.
        spellings.push(joined("", |octet| format!("\n{octet},")));
        spellings.push(u128::from_be_bytes(octets).to_string());
    }
    spellings
}

fn contains(bytes: &[u8], key: &Block) -> bool {
    [*key, smp::crypto::reversed(*key)]
        .iter()
        .any(|key| bytes.windows(8).any(|window| window == &key[..8]))
}

#[test]
fn no_key_is_in_a_log_an_error_a_debug_output_or_a_capture() {
    log::set_logger(&LOG).expect("nobody else logs");
    log::set_max_level(LevelFilter::Trace);
    for way in [
        Way::SecureConnections,
        Way::Passkey,
        Way::Legacy,
        Way::LegacyOutOfBand,
    ] {
        let capture = Capture::new("without");
        let secrets = session(way, Snoop::to(&capture.0));
        let bytes = fs::read(&capture.0).expect("it is there");
        assert!(bytes.len() > 1000);
        let log = LOG.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(log.contains("dongle"), "something is logged");
        for (name, key) in &secrets {
            assert!(!contains(&bytes, key), "{way:?}: {name} is in the capture");
            assert!(!contains(log.as_bytes(), key));
            let shown = log.replace([' ', '\t'], "");
            for spelling in spellings(key) {
                let bare = spelling.replace(' ', "");
                assert!(!shown.contains(&bare), "{way:?}: {name} is in the log");
            }
        }
        assert!(!log.contains(&PASSKEY.to_string()), "the passkey is shown");
        assert!(
            !log.contains(&format!("{PASSKEY:x}")),
            "the passkey is shown"
        );
    }

    // The search would find them, in whatever way they are written.
    for text in [
        format!("{KEPT:?}"),
        format!("{KEPT:#?}"),
        format!("{KEPT:02X?}"),
        format!("{:032x}", u128::from_le_bytes(KEPT)),
        u128::from_be_bytes(KEPT).to_string(),
    ] {
        let shown = text.replace([' ', '\t'], "");
        let mut bare = spellings(&KEPT)
            .into_iter()
            .map(|spelling| spelling.replace(' ', ""));
        assert!(bare.any(|bare| shown.contains(&bare)), "{text}");
    }
    // Who wants keys in a capture gets them.
    let capture = Capture::new("with");
    let secrets = session(Way::Legacy, Snoop::to(&capture.0).keys(true));
    let bytes = fs::read(&capture.0).expect("it is there");
    for (name, key) in secrets {
        assert!(contains(&bytes, &key), "{name} was never there");
    }
}

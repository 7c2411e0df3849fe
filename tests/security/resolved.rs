//! A controller that resolves addresses by itself, and tells identities in place of what was on the
//! air: address types 2 and 3 (Core Vol 4 Part E, 7.7.65.2, 7.7.65.10 and 7.7.65.13).
//!
//! Nothing of ours puts keys into its resolving list, but it may come with some.

use std::sync::Arc;
use std::thread;

use dongle::security::{BondStore as _, Level, MemoryStore};
use dongle::{Address, Dongle};
use dongle_tests::bench::soon;
use hci_transport::HciPort;
use serde_json::json;

use crate::privacy::{OURS, made};

const IRK: [u8; 16] = [0x5A; 16];
const HANDLE: [u8; 2] = [0x40, 0];

/// How the controller tells who it is.
#[derive(Debug, Clone, Copy)]
enum Told {
    /// As a controller of version 4.0 does.
    Plain,
    /// With the address that was on the air.
    Enhanced,
}

/// A controller that has one device in its air, and knows its key.
struct Resolver {
    port: Arc<HciPort>,
    identity: Address,
    told: Told,
}

impl Resolver {
    fn serve(&self) {
        let mut packet = Vec::new();
        while let Ok(true) = self.port.next_blocking(&mut packet, None) {
            if let [0x01, low, high, _, parameters @ ..] = packet.as_slice() {
                self.obey([*low, *high], parameters);
            }
        }
    }

    fn obey(&self, opcode: [u8; 2], parameters: &[u8]) {
        match u16::from_le_bytes(opcode) {
            // LE Create Connection: by its identity, or it is not there.
            0x200D => {
                self.status(opcode, 0);
                if parameters.get(5..12) == Some(self.address(0).as_slice()) {
                    self.connected();
                }
            }
            // LE Enable Encryption.
            0x2019 => {
                self.status(opcode, 0);
                self.event(&[&[0x08, 4, 0], HANDLE.as_slice(), &[1]].concat());
            }
            // Disconnect.
            0x0406 => {
                self.status(opcode, 0);
                self.event(&[&[0x05, 4, 0], HANDLE.as_slice(), &[0x16]].concat());
            }
            // What would be told by an event of its own: unknown.
            0x041D | 0x2013 | 0x2016 => self.status(opcode, 0x01),
            command => {
                let returned: &[u8] = match command {
                    0x1001 | 0x2003 | 0x2018 => &[0; 8],
                    0x1002 => &[0; 64],
                    0x1009 => &[0; 6],
                    0x2002 => &[251, 0, 8],
                    0x200F | 0x202A => &[16],
                    _ => &[],
                };
                let len = 4 + returned.len() as u8;
                let head = [0x0E, len, 1, opcode[0], opcode[1], 0];
                self.event(&[&head, returned].concat());
                // LE Set Scan Enable.
                if command == 0x200C && parameters.first() == Some(&1) {
                    self.report();
                }
            }
        }
    }

    /// LE Advertising Report, and the extended one with the same.
    fn report(&self) {
        let data = [2, 1, 6];
        let legacy = [&[1, 0], self.address(2).as_slice(), &[3], &data, &[200]].concat();
        self.le_event(0x02, &legacy);
        let head = [1, 0x13, 0];
        let rest = [1, 0, 0xFF, 127, 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3];
        let address = self.address(2);
        self.le_event(0x0D, &[&head, address.as_slice(), &rest, &data].concat());
    }

    fn connected(&self) {
        let (status, central) = (&[0], &[0]);
        let timing = [24, 0, 0, 0, 0xF4, 1, 0];
        let peer = self.address(2);
        let begin = [status, HANDLE.as_slice(), central, &peer].concat();
        match self.told {
            Told::Plain => self.le_event(0x01, &[&begin, timing.as_slice()].concat()),
            Told::Enhanced => {
                let mut private = made(IRK, 1).octets();
                private.reverse();
                let ours = [0; 6];
                self.le_event(0x0A, &[&begin, &ours[..], &private, &timing].concat());
            }
        }
    }

    /// Its type and octets, as the controller is told it or (with 2 added) tells it.
    fn address(&self, resolved: u8) -> Vec<u8> {
        let mut address = self.identity.octets().to_vec();
        address.push(resolved | u8::from(self.identity.is_random()));
        address.reverse();
        address
    }

    fn status(&self, [low, high]: [u8; 2], status: u8) {
        self.event(&[0x0F, 4, status, 1, low, high]);
    }

    fn le_event(&self, subevent: u8, parameters: &[u8]) {
        let head = [0x3E, 1 + parameters.len() as u8, subevent];
        self.event(&[&head, parameters].concat());
    }

    fn event(&self, event: &[u8]) {
        // The host may be gone by now.
        let _ = self.port.deliver_blocking(&[&[0x04], event].concat());
    }
}

/// A dongle on such a controller, bonded with its device.
fn bonded(identity: Address, told: Told) -> Dongle {
    let (channel, port) = hci_transport::channel("resolver", 4096);
    let port = Arc::new(port);
    let resolver = Resolver {
        port,
        identity,
        told,
    };
    thread::spawn(move || resolver.serve());
    let bond = json!({
        "address": format!("{identity:#}"),
        "ltk": "07".repeat(16), "irk": "5a".repeat(16), "key_size": 16,
    });
    let store = MemoryStore::default();
    let text = json!({"version": 1, "bonds": [bond]}).to_string();
    store.save(OURS, text.as_bytes()).expect("it is kept");
    let open = Dongle::on(channel).address(OURS).bond_store(store);
    soon(open.attribute_cache(false)).expect("the dongle opens")
}

const IDENTITIES: [Address; 2] = [
    Address::public([0x00, 0x1B, 0xDC, 3, 2, 1]),
    Address::random([0xC6, 5, 4, 3, 2, 1]),
];

#[test]
fn a_device_that_the_controller_has_resolved_is_itself_in_a_scan() {
    for identity in IDENTITIES {
        for by_address in [false, true] {
            let dongle = bonded(identity, Told::Plain);
            let scan = dongle.scan().every_report();
            let scan = match by_address {
                true => scan.address(identity),
                false => scan,
            };
            let mut scan = scan.start().expect("it scans");
            // By a legacy report, and by an extended one.
            for _ in 0..2 {
                let found = soon(scan.next()).expect("it scans").expect("no end");
                assert_eq!(found.identity(), Some(identity));
                assert_eq!(found.device().address(), identity);
                assert_eq!(found.address(), identity);
            }
        }
    }
}

#[test]
fn a_connection_that_the_controller_has_resolved_is_the_devices() {
    let on_air = made(IRK, 1);
    for identity in IDENTITIES {
        for told in [Told::Plain, Told::Enhanced] {
            for called in [identity, on_air] {
                let dongle = bonded(identity, told);
                let connection = soon(dongle.device(called).connect());
                let connection = connection.unwrap_or_else(|error| panic!("{told:?}: {error}"));
                assert_eq!(connection.device().address(), identity);
                assert_eq!(connection.security().level(), Level::Encrypted);
                for again in [identity, on_air] {
                    let again = soon(dongle.device(again).connect()).expect("it is shared");
                    assert_eq!(again.device().address(), identity);
                }
                soon(connection.disconnect());
            }
        }
    }
}

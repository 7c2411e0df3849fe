//! A scripted device with a bond or without one, and dongles that come and go with their store.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dongle::security::BondStore;
use dongle::{Address, Characteristic, DeviceConnection, Dongle, Error, Uuid};
use dongle_tests::bench::soon;
use dongle_tests::peer::Server;
use dongle_virtual::{
    Air, AirConfig, ControllerConfig, PeerEvent, ScriptedConfig, ScriptedPeripheral,
};
use serde_json::{Value, json};

const KEY: [u8; 16] = [7; 16];
/// Where another device is.
pub const OTHER: Address = Address::random([0xD2, 1, 2, 3, 4, 5]);
/// The service that tests are about, and its characteristic.
pub const SERVICE: u16 = 0xFFF0;
pub const VALUE: u16 = 0xFFF1;

/// Opcodes of what was asked.
pub const FIND_INFORMATION: u8 = 0x04;
pub const FIND_BY_TYPE_VALUE: u8 = 0x06;
pub const READ_BY_TYPE: u8 = 0x08;
pub const READ: u8 = 0x0A;

/// A store whose text the test can read and change.
#[derive(Clone, Default)]
pub struct Shelf(Arc<Mutex<Option<Vec<u8>>>>);

impl Shelf {
    pub fn text(&self) -> Value {
        let text = self.kept().clone().expect("something was kept");
        serde_json::from_slice(&text).expect("JSON")
    }

    pub fn set(&self, text: &Value) {
        *self.kept() = Some(text.to_string().into_bytes());
    }

    /// What is kept of the attributes of the first device.
    pub fn attributes(&self) -> Value {
        self.text()["bonds"][0]["gatt"].clone()
    }

    fn kept(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BondStore for Shelf {
    fn load(&self, _: Address) -> io::Result<Option<zeroize::Zeroizing<Vec<u8>>>> {
        Ok(self.kept().clone().map(zeroize::Zeroizing::new))
    }

    fn save(&self, _: Address, text: &[u8]) -> io::Result<()> {
        *self.kept() = Some(text.to_vec());
        Ok(())
    }

    fn set_aside(&self, _: Address) -> io::Result<String> {
        panic!("what is kept can't be read")
    }
}

/// What a database has besides the value.
#[derive(Clone, Copy, Default)]
pub struct Kind {
    pub service_changed: bool,
    pub hash: Option<u8>,
    /// Attributes in front of the value.
    pub shift: u16,
}

/// The handles of a database.
#[derive(Clone, Copy)]
pub struct Handles {
    pub changed: u16,
    pub features: u16,
    pub value: u16,
}

pub fn database(kind: Kind) -> (Server, Handles) {
    let server = Server::new(23);
    let (mut changed, mut features) = (0, 0);
    if kind.service_changed || kind.hash.is_some() {
        server.service(0x1801);
    }
    if kind.service_changed {
        changed = server.characteristic(0x2A05, 0x20, &[]);
        server.descriptor(0x2902, &[0, 0]);
    }
    if let Some(hash) = kind.hash {
        features = server.characteristic(0x2B29, 0x0A, &[0]);
        server.characteristic(0x2B2A, 0x02, &[hash; 16]);
    }
    server.service(SERVICE);
    for _ in 0..kind.shift {
        server.characteristic(0xFFF2, 0x0A, b"another");
    }
    let value = server.characteristic(VALUE, 0x0A, b"value");
    server.service(0x180F);
    (
        server,
        Handles {
            changed,
            features,
            value,
        },
    )
}

/// The device, and the air.
pub struct Bench {
    pub air: Air,
    pub peer: ScriptedPeripheral,
    pub server: Server,
    pub handles: Handles,
    pub shelf: Shelf,
}

impl Bench {
    /// A device that is bonded since before it had a cache.
    pub fn bonded(kind: Kind) -> Self {
        Self::unbonded(kind).with_bond()
    }

    /// The same at this address.
    pub fn bonded_at(address: Address, server: Server) -> Self {
        let bench = Self::unbonded(Kind::default());
        let peer = bench.peer_at(address, server.clone());
        let bench = Self {
            peer,
            server,
            ..bench
        };
        bench.with_bond()
    }

    pub fn unbonded(kind: Kind) -> Self {
        let _ = env_logger::builder().is_test(true).try_init();
        let air = Air::with(AirConfig::free_running());
        let (server, handles) = database(kind);
        let peer = start(&air, ScriptedConfig::default(), server.clone());
        Self {
            air,
            peer,
            server,
            handles,
            shelf: Shelf::default(),
        }
    }

    /// Another device on the same air.
    pub fn peer_at(&self, address: Address, server: Server) -> ScriptedPeripheral {
        let mut octets = address.octets();
        octets.reverse();
        let address = dongle_virtual::Address::random(octets);
        let config = ScriptedConfig::default().with_address(address);
        start(&self.air, config, server)
    }

    fn with_bond(self) -> Self {
        self.shelf.set(&json!({"version": 1, "bonds": [{
            "address": format!("{:#}", self.address()),
            "ltk": "07".repeat(16),
            "key_size": 16,
            "secure_connections": true,
        }]}));
        self
    }

    pub fn address(&self) -> Address {
        let mut octets = self.peer.address().bytes;
        octets.reverse();
        Address::random(octets)
    }

    pub fn dongle(&self) -> Dongle {
        self.dongle_with(true)
    }

    pub fn dongle_with(&self, cache: bool) -> Dongle {
        let open = Dongle::on(self.air.controller(ControllerConfig::default()));
        let open = open.address(Address::random([0xC0, 1, 2, 3, 4, 5]));
        let open = open.attribute_cache(cache).bond_store(self.shelf.clone());
        soon(open).expect("the dongle opens")
    }

    pub fn connect(&self, dongle: &Dongle) -> DeviceConnection {
        soon(dongle.device(self.address()).connect()).expect("the device is there")
    }

    /// Finds and reads the value on a new connection; the opcodes of what that took.
    pub fn reads(&self, dongle: &Dongle) -> Vec<u8> {
        let before = self.server.requests().len();
        let connection = self.connect(dongle);
        assert_eq!(
            soon(value(&connection).read()).expect("it is read"),
            b"value"
        );
        let asked = self.asked(before);
        assert_eq!(connection.requests() as usize, asked.len());
        soon(connection.disconnect());
        asked
    }

    /// The opcodes of the requests since then.
    pub fn asked(&self, before: usize) -> Vec<u8> {
        const CONFIRMATION: u8 = 0x1E;
        let requests = self.server.requests();
        let since = requests.iter().skip(before).map(|pdu| pdu[0]);
        since.filter(|opcode| *opcode != CONFIRMATION).collect()
    }

    /// Waits until the link is encrypted.
    pub fn encrypted(&self) {
        let next = || self.peer.next_event(dongle_tests::bench::PATIENCE);
        while next().expect("it is encrypted") != PeerEvent::Encrypted {}
    }

    /// Waits until so many PDUs of this kind have come since then.
    pub fn came(&self, before: usize, opcode: u8, count: usize) {
        let came = || {
            let requests = self.server.requests();
            let since = requests.iter().skip(before);
            since.filter(|pdu| pdu[0] == opcode).count() >= count
        };
        soon(dongle_tests::bench::until("it came", came));
    }
}

fn start(air: &Air, config: ScriptedConfig, server: Server) -> ScriptedPeripheral {
    let config = config.with_long_term_key(KEY);
    ScriptedPeripheral::start(air, config, move |pdu: &[u8]| server.handle(pdu))
}

pub fn value(connection: &DeviceConnection) -> Characteristic {
    try_value(connection).expect("the value is there")
}

pub fn try_value(connection: &DeviceConnection) -> Result<Characteristic, Error> {
    let service = soon(connection.service(Uuid::from_u16(SERVICE)))?;
    soon(service.characteristic(Uuid::from_u16(VALUE)))
}

/// The value's handle is not what it was.
pub fn is_stale<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    match result {
        Err(Error::ServiceChanged(_)) => true,
        other => panic!("{other:?}"),
    }
}

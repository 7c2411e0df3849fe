//! Reads and writes bonds as text. What a later version wrote and this one doesn't know is
//! preserved.

use dongle_central::security::{Bond, Key};
use serde_json::{Map, Value, json};
use zeroize::{Zeroize as _, Zeroizing};

use crate::address::Address;
use crate::gatt::cache::{self, Cached};

/// The version that [`Document::write`] writes. A later one may add to the format.
const VERSION: u64 = 1;
/// The fields that hold keys.
const KEYS: [&str; 2] = ["ltk", "irk"];
/// The field that holds attributes.
const ATTRIBUTES: &str = "gatt";

/// A bond, and the other fields of its entry.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) bond: Bond,
    /// What is known of the device's attributes.
    pub(super) cached: Option<Cached>,
    /// Distinguishes successive bonds with the same device while the program runs.
    pub(super) number: u64,
    /// All other fields, but not the keys and the attributes.
    pub(super) other: Map<String, Value>,
}

/// All bonds, and the other fields of the text.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) entries: Vec<Entry>,
    /// Our own identity resolving key, once there is one.
    pub(super) own_irk: Option<Key>,
    /// Entries that this version can't interpret.
    unread: Vec<Value>,
    other: Map<String, Value>,
}

impl Document {
    /// Reads a text. An error says what is wrong with it without quoting it.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let value = serde_json::from_slice(text)
            .map_err(|e| format!("not JSON at line {}, column {}", e.line(), e.column()))?;
        let Value::Object(mut other) = value else {
            return Err("not a JSON object".into());
        };
        let Some(Value::Array(bonds)) = other.remove("bonds") else {
            return Err("no list of \"bonds\"".into());
        };
        let own_irk = match other.remove("irk") {
            Some(value) => {
                let irk = value.as_str().and_then(octets);
                if let Value::String(mut text) = value {
                    text.zeroize();
                }
                let irk = irk.ok_or("our own \"irk\" is not a key")?;
                Some(Key::new(*irk))
            }
            None => None,
        };
        let mut document = Self {
            own_irk,
            other,
            ..Self::default()
        };
        for value in bonds {
            match entry(&value) {
                Some(entry) => {
                    document.entries.push(entry);
                    wipe(value);
                }
                // It may be of a kind that a later version has added. If it is damaged instead,
                // keeping it does no harm.
                None => document.unread.push(value),
            }
        }
        Ok(document)
    }

    pub(super) fn unread(&self) -> usize {
        self.unread.len()
    }

    pub(super) fn write(&self) -> Zeroizing<Vec<u8>> {
        let mut top = self.other.clone();
        let version = top
            .get("version")
            .and_then(Value::as_u64)
            .unwrap_or(0)
            .max(VERSION);
        top.insert("version".into(), version.into());
        if let Some(irk) = &self.own_irk {
            top.insert("irk".into(), hex(irk.reveal()).into());
        }
        let known = self.entries.iter().map(written);
        let bonds = known.chain(self.unread.iter().cloned()).collect();
        top.insert("bonds".into(), Value::Array(bonds));
        let top = Value::Object(top);
        let mut text = Zeroizing::new(Vec::with_capacity(64 * 1024));
        // Writing can fail only for keys that aren't strings.
        let _ = serde_json::to_writer_pretty(&mut *text, &top);
        text.push(b'\n');
        wipe(top);
        text
    }
}

fn entry(value: &Value) -> Option<Entry> {
    let fields = value.as_object()?;
    let text = |name| fields.get(name).and_then(Value::as_str);
    let number = |name| fields.get(name).and_then(Value::as_u64);
    let flag = |name| fields.get(name).and_then(Value::as_bool).unwrap_or(false);
    let address: Address = text("address")?.parse().ok()?;
    let irk = match text("irk") {
        Some(irk) => Some(Key::new(*octets(irk)?)),
        None => None,
    };
    let rand = text("rand").map_or(Some(Zeroizing::new([0; 8])), octets)?;
    let bond = Bond {
        identity: address.for_host(),
        irk,
        ltk: Key::new(*octets(text("ltk")?)?),
        ediv: u16::try_from(number("ediv").unwrap_or(0)).ok()?,
        rand: *rand,
        key_size: number("key_size")
            .and_then(|n| u8::try_from(n).ok())
            .filter(|n| (7..=16).contains(n))?,
        authenticated: flag("authenticated"),
        secure_connections: flag("secure_connections"),
    };
    let cached = fields.get(ATTRIBUTES).and_then(|value| {
        let cached = cache::read(value, address);
        if cached.is_none() {
            log::warn!("{address}: what was known of its services is damaged; it is discarded");
        }
        cached
    });
    // Attributes in a later format are not preserved: they would miss changes that the device
    // indicates to us.
    let known = |name: &str| KEYS.contains(&name) || name == ATTRIBUTES;
    let other = fields.iter().filter(|(name, _)| !known(name));
    let other = other
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Some(Entry {
        bond,
        cached,
        number: 0,
        other,
    })
}

fn written(entry: &Entry) -> Value {
    let Entry {
        bond,
        cached,
        other,
        ..
    } = entry;
    let address = Address::from_host(bond.identity);
    let mut fields = other.clone();
    let mut set = |name: &str, value: Value| _ = fields.insert(name.into(), value);
    set("address", json!(format!("{address:#}")));
    set("ltk", hex(bond.ltk.reveal()).into());
    if let Some(irk) = &bond.irk {
        set("irk", hex(irk.reveal()).into());
    }
    set("ediv", bond.ediv.into());
    set("rand", hex(&bond.rand).into());
    set("key_size", bond.key_size.into());
    set("authenticated", bond.authenticated.into());
    set("secure_connections", bond.secure_connections.into());
    if let Some(cached) = cached {
        set(ATTRIBUTES, cache::write(cached, address));
    }
    Value::Object(fields)
}

/// Overwrites the keys in a value.
fn wipe(mut value: Value) {
    fn walk(value: &mut Value) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(walk),
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    match value {
                        Value::String(text) if KEYS.contains(&name.as_str()) => text.zeroize(),
                        value => walk(value),
                    }
                }
            }
            _ => {}
        }
    }
    walk(&mut value);
}

/// Octets in hexadecimal, least significant first, as in SMP.
fn hex(octets: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |n: u8| DIGITS.get(usize::from(n)).copied().unwrap_or('0');
    octets
        .iter()
        .flat_map(|octet| [digit(octet >> 4), digit(octet & 0xF)])
        .collect()
}

fn octets<const N: usize>(text: &str) -> Option<Zeroizing<[u8; N]>> {
    let mut octets = Zeroizing::new([0; N]);
    // Parsing the number alone would accept a sign.
    if text.len() != 2 * N || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (octet, digits) in octets.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *octet = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
        "version": 7, "later": [1],
        "bonds": [
            {"address": "C6:05:04:03:02:01/random", "ltk": "000102030405060708090a0b0c0d0e0f",
             "irk": "101112131415161718191a1b1c1d1e1f", "key_size": 16, "later": {"a": 1}},
            {"of another kind": true}
        ]
    }"#;

    #[test]
    fn what_a_later_version_wrote_is_kept() {
        let document = Document::read(TEXT.as_bytes()).expect("it is good");
        assert_eq!(document.entries.len(), 1);
        assert_eq!(document.unread(), 1);
        let written: Value = serde_json::from_slice(&document.write()).expect("JSON");
        assert_eq!(written["version"], 7);
        assert_eq!(written["later"], json!([1]));
        assert_eq!(written["bonds"][0]["later"], json!({"a": 1}));
        assert_eq!(
            written["bonds"][0]["ltk"],
            "000102030405060708090a0b0c0d0e0f"
        );
        assert_eq!(written["bonds"][1], json!({"of another kind": true}));
    }

    #[test]
    fn a_bond_comes_back_as_it_was() {
        let document = Document::read(TEXT.as_bytes()).expect("it is good");
        let again = Document::read(&document.write()).expect("it is good, too");
        assert_eq!(again.entries[0].bond, document.entries[0].bond);
        assert!(again.entries[0].bond.irk.is_some());
    }

    #[test]
    fn our_own_key_comes_back_as_it_was() {
        let mut document = Document::read(TEXT.as_bytes()).expect("it is good");
        assert!(document.own_irk.is_none());
        document.own_irk = Some(Key::new([0x20; 16]));
        let text = document.write();
        let again = Document::read(&text).expect("it is good, too");
        assert_eq!(again.own_irk, document.own_irk);
        assert_eq!(again.write(), text);
        assert!(!format!("{again:?}").contains("2020"));
    }

    #[test]
    fn what_is_damaged_is_refused_without_being_quoted() {
        for text in [
            "",
            "[]",
            "{}",
            "{\"bonds\": 1}",
            "{\"bonds\": [], \"irk\": \"0011\"}",
            "{\"bonds\": [\"ltk 0011\"",
        ] {
            let error = Document::read(text.as_bytes()).expect_err(text);
            assert!(!error.contains("0011"), "{error}");
        }
    }

    #[test]
    fn a_key_with_anything_but_digits_in_it_is_none() {
        for damage in ["+0", "0x", " 0", "0g", "é"] {
            let text = TEXT.replacen("\"000102", &format!("\"{damage}0102"), 1);
            assert_ne!(text, TEXT);
            let document = Document::read(text.as_bytes()).expect("the rest is good");
            assert_eq!(document.entries.len(), 0, "{damage}");
            assert_eq!(document.unread(), 2, "{damage}");
        }
    }

    #[test]
    fn attributes_are_kept_beside_their_bond_and_damaged_ones_dropped() {
        let mut document = Document::read(TEXT.as_bytes()).expect("it is good");
        assert_eq!(document.entries[0].cached, None);
        let cached = Cached {
            hash: Some([1; 16]),
            ..Cached::default()
        };
        document.entries[0].cached = Some(cached.clone());
        let text = document.write();
        let again = Document::read(&text).expect("it is good, too");
        assert_eq!(again.entries[0].cached, Some(cached));

        let text = String::from_utf8(text.to_vec()).expect("JSON");
        let damaged = text.replace("\"hash\": \"01", "\"hash\": \"02");
        assert_ne!(damaged, text);
        let again = Document::read(damaged.as_bytes()).expect("the bonds are good");
        assert_eq!(again.entries[0].cached, None);
        assert_eq!(again.entries[0].bond, document.entries[0].bond);
        let written: Value = serde_json::from_slice(&again.write()).expect("JSON");
        assert_eq!(written["bonds"][0].get(ATTRIBUTES), None);
    }

    #[test]
    fn no_key_is_in_what_is_printed() {
        let document = Document::read(TEXT.as_bytes()).expect("it is good");
        let printed = format!("{document:?}");
        assert!(!printed.contains("0405"), "{printed}");
        assert!(!printed.contains("1415"), "{printed}");
    }
}

//! Out of band data: the device's from the command line, a file or standard input, ours to a file or
//! to standard output.

use std::fmt;
use std::io::Write as _;
use std::path::Path;

use dongle::Address;
use dongle::adv::{AdType, AdvertisingData};
use dongle::security::{Key, OobData, OutOfBand};

use crate::failure::Failure;
use crate::secret::Parse;
use crate::value::{hex, parse_hex};

/// Out of band data of a device: a temporary key of legacy pairing, or random and confirm value of
/// LE Secure Connections, as on a tag (Core Supplement, Part A 1.6 and 1.8).
#[derive(Clone)]
pub enum Oob {
    Data(OutOfBand),
    /// To be read from standard input later.
    Later,
}

const WRONG: &str = "not out of band data: give a temporary key of 16 octets, or AD structures \
                     with the random and the confirm value, in hexadecimal, or @FILE";

impl Oob {
    /// What was written in hexadecimal.
    pub fn written(text: &str) -> Result<Self, String> {
        let octets = parse_hex(text);
        let read = octets.and_then(|octets| Self::read(&octets));
        read.ok_or_else(|| WRONG.into())
    }

    /// A key of 16 octets, or AD structures.
    fn read(octets: &[u8]) -> Option<Self> {
        if let Ok(key) = <[u8; 16]>::try_from(octets) {
            return Some(Self::Data(OutOfBand::Legacy(Key::new(key))));
        }
        let find = |wanted| {
            let mut structures = AdvertisingData::new(octets).structures();
            let data = structures.find(|s| s.ad_type == wanted)?.data;
            data.try_into().ok().map(Key::new)
        };
        let random = find(AdType::SECURE_CONNECTIONS_RANDOM);
        let confirm = find(AdType::SECURE_CONNECTIONS_CONFIRMATION);
        match (random, confirm) {
            (Some(random), Some(confirm)) => Some(Self::Data(OutOfBand::SecureConnections {
                peer: Some(OobData { random, confirm }),
                local: None,
            })),
            _ => {
                let key = find(AdType::SECURITY_MANAGER_TK)?;
                Some(Self::Data(OutOfBand::Legacy(key)))
            }
        }
    }
}

/// Our own data as on a tag, with our address and our role beside it (Core Supplement, Part A 1.16
/// and 1.17).
pub fn tag(own: Option<Address>, data: &OobData) -> String {
    const CENTRAL_ONLY: u8 = 0x01;
    let mut tag = Vec::new();
    let mut put = |kind: AdType, value: &[u8]| {
        // Type and value, of which the longest here has 16 octets.
        tag.extend_from_slice(&[1 + value.len() as u8, kind.0]);
        tag.extend_from_slice(value);
    };
    if let Some(own) = own {
        let [a, b, c, d, e, f] = own.octets();
        let kind = u8::from(own.is_random());
        put(AdType::LE_DEVICE_ADDRESS, &[f, e, d, c, b, a, kind]);
    }
    put(AdType::LE_ROLE, &[CENTRAL_ONLY]);
    put(
        AdType::SECURE_CONNECTIONS_CONFIRMATION,
        data.confirm.reveal(),
    );
    put(AdType::SECURE_CONNECTIONS_RANDOM, data.random.reveal());
    hex(&tag)
}

/// Writes our data to a file that nobody else may read.
pub fn save(file: &Path, tag: &str) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let saved = options
        .open(file)
        .and_then(|mut file| writeln!(file, "{tag}"));
    saved.map_err(Failure::io(file.display().to_string()))
}

impl Parse for Oob {
    /// Hexadecimal; `@` and a file, which is hexadecimal or binary; or `-`.
    fn parse(text: &str) -> Result<Self, String> {
        let file = match text.strip_prefix('@') {
            Some(file) => file,
            None if text == "-" => return Ok(Self::Later),
            None => return Self::written(text),
        };
        let octets = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        let written = std::str::from_utf8(&octets).ok().and_then(parse_hex);
        Self::read(&written.unwrap_or(octets)).ok_or_else(|| WRONG.into())
    }
}

impl fmt::Debug for Oob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Oob(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(text: &str) -> OutOfBand {
        match Oob::parse(text) {
            Ok(Oob::Data(data)) => data,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn tags_and_keys_are_read() {
        let key = "07".repeat(16);
        let tag = format!("1122{key}1123{}", "08".repeat(16));
        match data(&key) {
            OutOfBand::Legacy(key) => assert_eq!(key.reveal(), &[7; 16]),
            other => panic!("{other:?}"),
        }
        match data(&tag) {
            OutOfBand::SecureConnections {
                peer: Some(peer), ..
            } => {
                assert_eq!(peer.confirm.reveal(), &[7; 16]);
                assert_eq!(peer.random.reveal(), &[8; 16]);
            }
            other => panic!("{other:?}"),
        }
        let key = data(&format!("1110{key}"));
        assert!(matches!(key, OutOfBand::Legacy(_)));
        assert!(matches!(Oob::parse("-"), Ok(Oob::Later)));
    }

    #[test]
    fn our_own_is_written_as_a_tag_has_it() {
        let ours = OobData {
            random: Key::new([8; 16]),
            confirm: Key::new([7; 16]),
        };
        let own = Address::random([0xC0, 1, 2, 3, 4, 5]);
        let tag = tag(Some(own), &ours);
        let (confirm, random) = ("07".repeat(16), "08".repeat(16));
        let expected = format!("081b0504030201c001021c011122{confirm}1123{random}");
        assert_eq!(tag, expected);
        match data(&tag) {
            OutOfBand::SecureConnections {
                peer: Some(peer), ..
            } => assert_eq!(peer.random.reveal(), &[8; 16]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_has_it_in_hexadecimal_or_as_it_is() {
        let file = std::env::temp_dir().join(format!("dongle-oob-{}", std::process::id()));
        let named = format!("@{}", file.display());
        for text in ["07".repeat(16).into_bytes(), vec![7; 16]] {
            std::fs::write(&file, text).unwrap();
            assert!(Oob::parse(&named).is_ok());
        }
        std::fs::remove_file(&file).unwrap();
        assert!(Oob::parse(&named).is_err());
    }

    #[test]
    fn what_is_wrong_is_not_repeated() {
        let key = "07".repeat(16);
        for text in ["", "0707", "secret", "1122070707"] {
            let error = Oob::parse(text).unwrap_err();
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
        let oob = Oob::parse(&key).unwrap();
        assert_eq!(format!("{oob:?}"), "Oob(..)");
    }
}

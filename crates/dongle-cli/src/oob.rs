//! What went from device to computer by another way than Bluetooth: from the command line, or from
//! a file.

use std::fmt;

use dongle::adv::{AdType, AdvertisingData};
use dongle::security::{Key, OobData, OutOfBand};

use crate::secret::Parse;
use crate::value::parse_hex;

/// Out of band data of a device: a temporary key of legacy pairing, or random and confirm value of
/// LE Secure Connections, as a tag has them (Core Supplement, Part A 1.6 and 1.8).
#[derive(Clone)]
pub struct Oob(OutOfBand);

impl Oob {
    pub fn data(&self) -> OutOfBand {
        self.0.clone()
    }

    /// A key of 16 octets, or AD structures.
    fn read(octets: &[u8]) -> Option<Self> {
        if let Ok(key) = <[u8; 16]>::try_from(octets) {
            return Some(Self(OutOfBand::Legacy(Key::new(key))));
        }
        let find = |wanted| {
            let mut structures = AdvertisingData::new(octets).structures();
            let data = structures.find(|s| s.ad_type == wanted)?.data;
            data.try_into().ok().map(Key::new)
        };
        let random = find(AdType::SECURE_CONNECTIONS_RANDOM);
        let confirm = find(AdType::SECURE_CONNECTIONS_CONFIRMATION);
        match (random, confirm) {
            (Some(random), Some(confirm)) => Some(Self(OutOfBand::SecureConnections {
                peer: Some(OobData { random, confirm }),
                local: None,
            })),
            _ => Some(Self(OutOfBand::Legacy(find(AdType::SECURITY_MANAGER_TK)?))),
        }
    }
}

impl Parse for Oob {
    /// Hexadecimal, or `@` and a file, which has it in hexadecimal or as it is.
    fn parse(text: &str) -> Result<Self, String> {
        let octets = match text.strip_prefix('@') {
            Some(file) => {
                let octets = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
                let written = std::str::from_utf8(&octets).ok().and_then(parse_hex);
                Some(written.unwrap_or(octets))
            }
            None => parse_hex(text),
        };
        octets.and_then(|octets| Self::read(&octets)).ok_or_else(|| {
            "not out of band data: it is a temporary key of 16 octets, or AD structures with the \
             random and the confirm value, in hexadecimal, or @ and a file"
                .into()
        })
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

    #[test]
    fn tags_and_keys_are_read() {
        let key = "07".repeat(16);
        let tag = format!("1122{key}1123{}", "08".repeat(16));
        match Oob::parse(&key).map(|oob| oob.data()) {
            Ok(OutOfBand::Legacy(key)) => assert_eq!(key.reveal(), &[7; 16]),
            other => panic!("{other:?}"),
        }
        match Oob::parse(&tag).map(|oob| oob.data()) {
            Ok(OutOfBand::SecureConnections {
                peer: Some(peer), ..
            }) => {
                assert_eq!(peer.confirm.reveal(), &[7; 16]);
                assert_eq!(peer.random.reveal(), &[8; 16]);
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            Oob::parse(&format!("1110{key}")).map(|oob| oob.data()),
            Ok(OutOfBand::Legacy(_))
        ));
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

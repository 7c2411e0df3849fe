//! Names of Bluetooth's assigned numbers: services, characteristics, descriptors, companies,
//! appearances.
//!
//! ```
//! use dongle_names::{appearance, characteristic, company, service};
//!
//! assert_eq!(service(0x180D), Some("Heart Rate"));
//! assert_eq!(characteristic(0x2A37), Some("Heart Rate Measurement"));
//! assert_eq!(company(0x0059), Some("Nordic Semiconductor ASA"));
//! assert_eq!(appearance(0x0341), Some("Heart Rate Belt"));
//! assert_eq!(service(0x1234), None);
//! ```
//!
//! All tables together take about 150 KB, but only those that a program uses are linked: a program
//! that never looks up a company carries no companies. Neither std nor an allocator is needed, and
//! there are no dependencies.
//!
//! `generate.py`, next to `src`, writes the tables, and says where the names come from.
#![no_std]
#![forbid(unsafe_code)]

mod tables;

/// The low 96 bits of the Bluetooth Base UUID (Core Vol 3 Part B, 2.5.1).
const BASE: u128 = 0x1000_8000_0080_5F9B_34FB;

/// The name of a service, or of the member that a UUID from 0xFC00 on was given to.
pub fn service(uuid: u16) -> Option<&'static str> {
    find(tables::services::TABLE, uuid).or_else(|| find(tables::members::TABLE, uuid))
}

/// The name of a characteristic.
pub fn characteristic(uuid: u16) -> Option<&'static str> {
    find(tables::characteristics::TABLE, uuid)
}

/// The name of a descriptor.
pub fn descriptor(uuid: u16) -> Option<&'static str> {
    find(tables::descriptors::TABLE, uuid)
}

/// The name of a company, by its identifier in manufacturer data.
pub fn company(identifier: u16) -> Option<&'static str> {
    find(tables::companies::TABLE, identifier)
}

/// The name of an appearance, or else of its category.
pub fn appearance(appearance: u16) -> Option<&'static str> {
    let category = appearance & !0x3F;
    find(tables::appearances::TABLE, appearance)
        .or_else(|| find(tables::appearances::TABLE, category))
}

/// The name of any UUID of 16 or 128 bits, given as its 128-bit number: a service, a
/// characteristic, a descriptor, a declaration, a member, or a well-known vendor-specific UUID.
///
/// ```
/// use dongle_names::uuid;
///
/// assert_eq!(uuid(0x0000180D_0000_1000_8000_00805F9B34FB), Some("Heart Rate"));
/// assert_eq!(uuid(0x6E400001_B5A3_F393_E0A9_E50E24DCCA9E), Some("Nordic UART Service"));
/// ```
pub fn uuid(uuid: u128) -> Option<&'static str> {
    match short(uuid) {
        Some(short) => find(tables::declarations::TABLE, short)
            .or_else(|| descriptor(short))
            .or_else(|| characteristic(short))
            .or_else(|| service(short)),
        None => find(tables::vendors::TABLE, uuid),
    }
}

/// The service of this name, however it is spelled: `"Heart Rate"`, `"heart_rate"`, `"heartrate"`.
///
/// ```
/// assert_eq!(dongle_names::service_named("heart-rate"), Some(0x180D));
/// ```
pub fn service_named(name: &str) -> Option<u16> {
    named(tables::services::TABLE, name)
}

/// The characteristic of this name, however it is spelled.
pub fn characteristic_named(name: &str) -> Option<u16> {
    named(tables::characteristics::TABLE, name)
}

/// The descriptor of this name, however it is spelled.
pub fn descriptor_named(name: &str) -> Option<u16> {
    named(tables::descriptors::TABLE, name)
}

fn short(uuid: u128) -> Option<u16> {
    if uuid & ((1 << 96) - 1) != BASE {
        return None;
    }
    u16::try_from(uuid >> 96).ok()
}

fn find<N: Ord + Copy>(table: &'static [(N, &'static str)], number: N) -> Option<&'static str> {
    let index = table.binary_search_by_key(&number, |entry| entry.0).ok()?;
    table.get(index).map(|entry| entry.1)
}

fn named(table: &[(u16, &str)], name: &str) -> Option<u16> {
    let wanted = letters(name);
    wanted.clone().next()?;
    table
        .iter()
        .find(|(_, name)| letters(name).eq(wanted.clone()))
        .map(|entry| entry.0)
}

/// The characters of a name that are compared.
fn letters(name: &str) -> impl Iterator<Item = u8> + Clone + '_ {
    name.bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_sorted<N: Ord>(table: &[(N, &str)]) -> bool {
        table.is_sorted_by(|a, b| a.0 < b.0) && table.iter().all(|entry| !entry.1.trim().is_empty())
    }

    #[test]
    fn all_tables_are_sorted_and_without_doubles() {
        use tables::*;
        for table in [
            appearances::TABLE,
            characteristics::TABLE,
            companies::TABLE,
            declarations::TABLE,
            descriptors::TABLE,
            members::TABLE,
            services::TABLE,
        ] {
            assert!(is_sorted(table));
        }
        assert!(is_sorted(vendors::TABLE));
    }

    #[test]
    fn an_unknown_appearance_has_the_name_of_its_category() {
        assert_eq!(appearance(0x0340), Some("Heart Rate Sensor"));
        assert_eq!(appearance(0x037F), Some("Heart Rate Sensor"));
        assert_eq!(appearance(0xFFFF), None);
    }

    #[test]
    fn any_uuid_has_the_name_of_what_it_is() {
        let full = |short: u128| short << 96 | BASE;
        assert_eq!(
            uuid(full(0x2902)),
            Some("Client Characteristic Configuration")
        );
        assert_eq!(uuid(full(0x2803)), Some("Characteristic"));
        assert_eq!(uuid(full(0xFE59)), Some("Nordic Semiconductor ASA"));
        assert_eq!(uuid(full(0x1_180D)), None, "32 bits");
        assert_eq!(uuid(0), None);
    }

    #[test]
    fn names_are_found_however_they_are_spelled() {
        for name in [
            "Heart Rate Measurement",
            "heart_rate_measurement",
            "HEARTRATEMEASUREMENT",
        ] {
            assert_eq!(characteristic_named(name), Some(0x2A37), "{name}");
        }
        assert_eq!(
            descriptor_named("characteristic user description"),
            Some(0x2901)
        );
        assert_eq!(service_named(""), None);
        assert_eq!(service_named("--"), None);
    }
}

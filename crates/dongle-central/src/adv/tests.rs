//! Advertising data of every kind, valid and damaged.

use super::*;
use crate::att::Uuid;
use core::time::Duration;
use std::format;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

const FULL: Uuid = Uuid::from_u128(0x0F0E0D0C_0B0A_0908_0706_050403020100);
const FULL_LE: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

fn element(ad_type: u8, data: &[u8]) -> AdElement<'_> {
    AdElement::from(AdStructure {
        ad_type: AdType(ad_type),
        data,
    })
}

fn uuids(element: AdElement<'_>) -> Vec<Uuid> {
    match element {
        AdElement::Services { uuids, .. } | AdElement::SolicitedServices(uuids) => {
            uuids.iter().collect()
        }
        _ => panic!("{element:?}"),
    }
}

#[test]
fn every_known_type_is_understood() {
    let ms = |ms| Some(Duration::from_micros(ms));
    for (ad_type, data, expected) in [
        (
            0x01,
            &[0x06][..],
            AdElement::Flags(Flags::from_bits_retain(6)),
        ),
        (0x01, &[], AdElement::Flags(Flags::empty())),
        (
            0x08,
            b"He",
            AdElement::LocalName {
                name: Name::new(b"He"),
                complete: false,
            },
        ),
        (
            0x09,
            b"Heart",
            AdElement::LocalName {
                name: Name::new(b"Heart"),
                complete: true,
            },
        ),
        (0x0A, &[0xF4], AdElement::TxPower(-12)),
        (
            0x12,
            &[6, 0, 0x80, 0x0C],
            AdElement::ConnectionIntervalRange {
                min: ms(7_500),
                max: ms(4_000_000),
            },
        ),
        (
            0x12,
            &[0xFF, 0xFF, 0xFF, 0xFF],
            AdElement::ConnectionIntervalRange {
                min: None,
                max: None,
            },
        ),
        (
            0x16,
            &[0x0F, 0x18, 90],
            AdElement::ServiceData(ServiceData {
                uuid: Uuid::from_u16(0x180F),
                data: &[90],
            }),
        ),
        (
            0x20,
            &[0x0F, 0x18, 1, 0],
            AdElement::ServiceData(ServiceData {
                uuid: Uuid::from_u32(0x1180F),
                data: &[],
            }),
        ),
        (
            0x21,
            &FULL_LE,
            AdElement::ServiceData(ServiceData {
                uuid: FULL,
                data: &[],
            }),
        ),
        (0x19, &[0x41, 0x03], AdElement::Appearance(0x0341)),
        (
            0x1A,
            &[0xA0, 0],
            AdElement::AdvertisingInterval(Duration::from_millis(100)),
        ),
        (
            0x2F,
            &[0, 0, 1],
            AdElement::AdvertisingInterval(Duration::from_millis(40_960)),
        ),
        (
            0x2F,
            &[0, 0, 1, 0],
            AdElement::AdvertisingInterval(Duration::from_millis(40_960)),
        ),
        (
            0x1B,
            &[1, 2, 3, 4, 5, 6, 1],
            AdElement::DeviceAddress {
                address: [1, 2, 3, 4, 5, 6],
                random: true,
            },
        ),
        (0x1C, &[2], AdElement::LeRole(LeRole::PeripheralPreferred)),
        (
            0x24,
            b"\x17//x.org",
            AdElement::Uri(Uri::new(b"\x17//x.org")),
        ),
        (0x27, &[1, 2], AdElement::LeSupportedFeatures(&[1, 2])),
        (
            0x2E,
            &[1, 2, 3, 4, 5, 6],
            AdElement::ResolvableSetIdentifier([1, 2, 3, 4, 5, 6]),
        ),
        (
            0x30,
            b"Radio",
            AdElement::BroadcastName(Name::new(b"Radio")),
        ),
        (
            0xFF,
            &[0x4C, 0, 9],
            AdElement::ManufacturerData(ManufacturerData {
                company: 0x4C,
                data: &[9],
            }),
        ),
    ] {
        assert_eq!(element(ad_type, data), expected);
    }
}

#[test]
fn uuids_of_all_widths_are_understood() {
    for (ad_type, data, expected) in [
        (
            0x02,
            &[0x0D, 0x18, 0x0F, 0x18][..],
            vec![0x180D.into(), 0x180F.into()],
        ),
        (0x03, &[0x0D, 0x18, 0x0F], vec![0x180D.into()]),
        (0x04, &[0x0D, 0x18, 1, 0], vec![Uuid::from_u32(0x1180D)]),
        (0x05, &[0x0D, 0x18, 0, 0], vec![0x180D.into()]),
        (0x06, &FULL_LE, vec![FULL]),
        (0x07, &[], vec![]),
        (0x14, &[0x0D, 0x18], vec![Uuid::from_u16(0x180D)]),
        (0x1F, &[0x0D, 0x18, 0, 0], vec![0x180D.into()]),
        (0x15, &FULL_LE, vec![FULL]),
    ] {
        let expected: Vec<Uuid> = expected;
        assert_eq!(uuids(element(ad_type, data)), expected, "{ad_type:02X}");
    }
    let AdElement::Services { complete, .. } = element(0x02, &[]) else {
        panic!()
    };
    assert!(!complete);
    let AdElement::RandomTargets(list) = element(0x18, &[1, 2, 3, 4, 5, 6, 7]) else {
        panic!()
    };
    assert_eq!(list.iter().collect::<Vec<_>>(), vec![[1, 2, 3, 4, 5, 6]]);
    assert!(matches!(element(0x17, &[]), AdElement::PublicTargets(_)));
}

#[test]
fn what_is_unknown_or_too_short_is_given_as_it_came() {
    for (ad_type, data) in [
        (0x00, &[1][..]),
        (0x77, &[1, 2]),
        (0x31, &[1, 2]),
        (0x0A, &[]),
        (0x12, &[6, 0, 6]),
        (0x16, &[0x0D]),
        (0x19, &[1]),
        (0x1A, &[1]),
        (0x2F, &[1, 2]),
        (0x1B, &[1, 2, 3, 4, 5, 6]),
        (0x1C, &[4]),
        (0x2E, &[1]),
        (0xFF, &[1]),
    ] {
        let structure = AdStructure {
            ad_type: AdType(ad_type),
            data,
        };
        assert_eq!(AdElement::from(structure), AdElement::Raw(structure));
    }
    assert_eq!(AdType(0x31).to_string(), "Encrypted Advertising Data");
    assert_eq!(AdType(0x77).to_string(), "AD type 0x77");
}

#[test]
fn a_scanner_gets_its_questions_answered() {
    let data = AdvertisingData::new(
        b"\x02\x01\x06\x03\x02\x0D\x18\x05\x03\x0F\x18\x0A\x18\x03\x08He\x06\x09Heart\
          \x02\x0A\xF4\x03\x19\x41\x03\x04\x16\x0F\x18\x5A\x04\xFF\x4C\x00\x01\x03\x14\x12\x18",
    );
    assert_eq!(data.local_name().unwrap(), "Heart");
    assert_eq!(
        data.services().collect::<Vec<_>>(),
        [0x180D, 0x180F, 0x180A].map(Uuid::from_u16)
    );
    assert!(data.has_service(Uuid::from_u16(0x180A)));
    assert!(!data.has_service(Uuid::from_u16(0x1812)));
    assert!(data.solicited_services().eq([Uuid::from_u16(0x1812)]));
    assert_eq!(data.service_data(Uuid::from_u16(0x180F)), Some(&[90][..]));
    assert_eq!(data.service_data(Uuid::from_u16(0x180D)), None);
    assert_eq!(data.tx_power(), Some(-12));
    assert_eq!(data.appearance(), Some(0x0341));
    let flags = Flags::LE_GENERAL_DISCOVERABLE | Flags::BR_EDR_NOT_SUPPORTED;
    assert_eq!(data.flags(), Some(flags));
    assert_eq!(data.manufacturer_data().next().unwrap().data, [1]);

    let nothing = AdvertisingData::default();
    assert_eq!(
        (nothing.local_name(), nothing.flags(), nothing.tx_power()),
        (None, None, None)
    );
    assert_eq!(nothing.elements().count(), 0);
}

#[test]
fn damaged_data_gives_what_is_whole() {
    let types = |bytes| -> Vec<u8> {
        AdvertisingData::new(bytes)
            .structures()
            .map(|structure| structure.ad_type.0)
            .collect()
    };
    assert_eq!(types(&[2, 1, 6, 5, 9, b'H', b'e']), vec![1]);
    assert_eq!(types(&[2, 1, 6, 3]), vec![1]);
    assert_eq!(types(&[2, 1, 6, 0, 0, 0, 0]), vec![1]);
    assert_eq!(types(&[0, 0, 2, 1, 6, 0, 2, 10, 4, 0]), vec![1, 10]);
    assert_eq!(types(&[1, 9, 2, 1, 6]), vec![9, 1]);
    assert_eq!(types(&[255; 255]), vec![]);
}

#[test]
fn names_that_are_not_utf8_are_shown_as_far_as_they_go() {
    let cut = Name::new(b"Caf\xC3");
    assert_eq!(cut.to_string(), "Caf\u{FFFD}");
    assert_eq!(cut.as_str(), None);
    assert_eq!(format!("{cut:?}"), "\"Caf\u{FFFD}\"");
    let damaged = Name::new(b"\xFFa\x80\x80b");
    assert_eq!(damaged.to_string(), "\u{FFFD}a\u{FFFD}\u{FFFD}b");
    let good = Name::new("Café".as_bytes());
    assert_eq!(
        (good.as_str(), good.to_string()),
        (Some("Café"), "Café".to_string())
    );
    assert_eq!(format!("[{good:<6}]"), "[Café  ]");
    assert_eq!(format!("{:?}", Name::new(b"a\"\n")), "\"a\\\"\\n\"");
}

#[test]
fn uris_are_spelled_out() {
    assert_eq!(
        Uri::new(b"\x17//bluetooth.com").to_string(),
        "https://bluetooth.com"
    );
    assert_eq!(Uri::new(b"\x16//a\xFF").to_string(), "http://a\u{FFFD}");
    assert_eq!(Uri::new(b"\x01odd:x").to_string(), "odd:x");
    assert_eq!(Uri::new(b"\x02//x").to_string(), "<scheme 0x02>://x");
    assert_eq!(Uri::new(b"").to_string(), "");
    assert_eq!(Uri::new(b"\x17x").scheme(), Some('\u{17}'));
    assert_eq!(Uri::new(b"\xFF").scheme(), None);
}

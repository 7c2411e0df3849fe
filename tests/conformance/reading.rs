//! GAR: reading, one value or many, short or long, by handle or by UUID.

use dongle_central::att::Uuid;

use crate::case::{Act::*, *};

const VALUE: u16 = 3;
const DESCRIPTOR: u16 = 4;
const NONE_THERE: u16 = 0x99;
const SEVERAL: &str = "not applicable: needs several ATT bearers on one link, Dongle has one";

pub fn table() -> Vec<Case> {
    let mut table = vec![
        case(
            "GATT/CL/GAR/BV-01-C",
            "Read Characteristic Value",
            &[Read(VALUE)],
            &["> 0A 0300", "< 0B 010203"],
            &["0x0003 = 010203"],
        ),
        read_refused(
            "BI-01",
            "Read Characteristic Value: invalid handle",
            NONE_THERE,
            INVALID_HANDLE,
        ),
        read_refused(
            "BI-02",
            "Read Characteristic Value: not permitted",
            VALUE,
            READ_NOT_PERMITTED,
        ),
        read_refused(
            "BI-03",
            "Read Characteristic Value: not authorized",
            VALUE,
            AUTHORIZATION,
        ),
        read_refused(
            "BI-04",
            "Read Characteristic Value: not authenticated",
            VALUE,
            AUTHENTICATION,
        ),
        read_refused(
            "BI-05",
            "Read Characteristic Value: encryption key too short",
            VALUE,
            KEY_SIZE,
        ),
    ];
    table.extend(by_uuid());
    table.extend(long());
    table.extend(multiple());
    table.extend(descriptors());
    table.extend(variable());
    table
}

fn by_uuid() -> Vec<Case> {
    let refused = |id: &str, why: &str, handle, code| {
        let act = ReadByUuid(Uuid::from_u16(0x2A0D));
        let scenario = refused_at_once(
            act,
            "08 0100 FFFF 0D2A",
            "Read By Type Request",
            handle,
            code,
        );
        cases(&format!("GATT/CL/GAR/{id}-C"), why, vec![scenario])
    };
    vec![
        cases(
            "GATT/CL/GAR/BV-03-C",
            "Read Using Characteristic UUID, of 16 and of 128 bits; several values of it",
            vec![
                scenario(
                    &[ReadByUuid(Uuid::from_u16(0x2A0D))],
                    &[
                        "> 08 0100 FFFF 0D2A",
                        "< 09 05 0A00 010203 2000 040506",
                        "> 08 2100 FFFF 0D2A",
                        "< 09 03 FFFF 07",
                    ],
                    &["0x000A = 010203", "0x0020 = 040506", "0xFFFF = 07"],
                ),
                scenario(
                    &[ReadByUuid(Uuid::from_u128(
                        0x0F0E0D0C_0B0A_0908_0706_050403020100,
                    ))],
                    &[
                        "> 08 0100 FFFF 000102030405060708090A0B0C0D0E0F",
                        "< 09 05 0A00 010203",
                        "> 08 0B00 FFFF 000102030405060708090A0B0C0D0E0F",
                        "< 01 08 0B00 0A",
                    ],
                    &["0x000A = 010203"],
                ),
            ],
        ),
        refused(
            "BI-06",
            "Read Using Characteristic UUID: not permitted",
            0x0B,
            READ_NOT_PERMITTED,
        ),
        refused(
            "BI-07",
            "Read Using Characteristic UUID: none there",
            0x01,
            NOT_FOUND,
        ),
        refused(
            "BI-09",
            "Read Using Characteristic UUID: not authorized",
            0x0B,
            AUTHORIZATION,
        ),
        refused(
            "BI-10",
            "Read Using Characteristic UUID: not authenticated",
            0x0B,
            AUTHENTICATION,
        ),
        refused(
            "BI-11",
            "Read Using Characteristic UUID: encryption key too short",
            0x0B,
            KEY_SIZE,
        ),
    ]
}

/// A long read of an attribute, of every length that matters.
fn long_values(handle: u8) -> Vec<Scenario> {
    let number = u16::from(handle);
    let whole = |mtu: u16, answers: &[&str], end: Option<&str>, value: &str| {
        let [low, high] = mtu.to_le_bytes();
        let mut script = vec![
            format!("> 02 {low:02X}{high:02X}"),
            format!("< 03 {low:02X}{high:02X}"),
        ];
        for (index, answer) in answers.iter().enumerate() {
            let [low, high] = (index as u16 * (mtu - 1)).to_le_bytes();
            if index == 0 {
                script.extend([format!("> 0A {handle:02X}00"), format!("< 0B {answer}")]);
            } else {
                let request = format!("> 0C {handle:02X}00 {low:02X}{high:02X}");
                let last = end.filter(|_| index + 1 == answers.len());
                script.extend([request, last.map_or(format!("< 0D {answer}"), Into::into)]);
            }
        }
        Scenario {
            acts: vec![Mtu(mtu), Read(number)],
            peer: Peer::Script(script),
            expected: vec![format!("MTU {mtu}"), format!("0x{number:04X} = {value}")],
        }
    };
    let refusal = format!("< 01 0C {handle:02X}00 07");
    let not_long = format!("< 01 0C {handle:02X}00 0B");
    vec![
        whole(23, &["A1*21"], None, "A1*21"),
        whole(23, &["A1*22", ""], None, "A1*22"),
        whole(23, &["A1*22", ""], Some(&not_long), "A1*22"),
        whole(23, &["A1*22", ""], Some(&refusal), "A1*22"),
        whole(23, &["A1*22", "A2*22", "A3*6"], None, "A1*22 A2*22 A3*6"),
        whole(23, &["A1*22", "A2*22", ""], None, "A1*22 A2*22"),
        whole(257, &["A1*256", "A2*256"], None, "A1*256 A2*256"),
        whole(512, &["A1*511", "A2"], None, "A1*511 A2"),
        whole(517, &["A1*512"], None, "A1*512"),
    ]
}

/// A long read that is refused: whole, and from an offset on.
fn long_refused(id: &str, why: &str, handle: u16, code: Code) -> Case {
    let [low, high] = handle.to_le_bytes();
    let request = format!("0A {low:02X}{high:02X}");
    let blob = format!("0C {low:02X}{high:02X} 0000");
    let scenarios = vec![
        refused_at_once(Read(handle), &request, "Read Request", handle, code),
        refused_at_once(
            ReadFrom(handle, 0),
            &blob,
            "Read Blob Request",
            handle,
            code,
        ),
    ];
    cases(&format!("GATT/CL/GAR/{id}-C"), why, scenarios)
}

/// A read behind the end of a value.
fn behind(id: &str, why: &str, handle: u16) -> Case {
    let [low, high] = handle.to_le_bytes();
    let blob = format!("0C {low:02X}{high:02X} F000");
    let act = ReadFrom(handle, 0xF0);
    let scenario = refused_at_once(act, &blob, "Read Blob Request", handle, INVALID_OFFSET);
    cases(&format!("GATT/CL/GAR/{id}-C"), why, vec![scenario])
}

fn long() -> Vec<Case> {
    vec![
        cases(
            "GATT/CL/GAR/BV-04-C",
            "Read Long Characteristic Value: any length to 512, full PDUs, every way it may end",
            long_values(3),
        ),
        long_refused(
            "BI-12",
            "Read Long Characteristic Value: not permitted",
            VALUE,
            READ_NOT_PERMITTED,
        ),
        behind(
            "BI-13",
            "Read Long Characteristic Value: invalid offset",
            VALUE,
        ),
        long_refused(
            "BI-14",
            "Read Long Characteristic Value: invalid handle",
            NONE_THERE,
            INVALID_HANDLE,
        ),
        long_refused(
            "BI-15",
            "Read Long Characteristic Value: not authorized",
            VALUE,
            AUTHORIZATION,
        ),
        long_refused(
            "BI-16",
            "Read Long Characteristic Value: not authenticated",
            VALUE,
            AUTHENTICATION,
        ),
        long_refused(
            "BI-17",
            "Read Long Characteristic Value: encryption key too short",
            VALUE,
            KEY_SIZE,
        ),
    ]
}

fn multiple() -> Vec<Case> {
    let refused = |id: &str, why: &str, handle, code| {
        let act = ReadMultiple(&[3, 0x99]);
        let scenario = refused_at_once(act, "0E 0300 9900", "Read Multiple Request", handle, code);
        cases(&format!("GATT/CL/GAR/{id}-C"), why, vec![scenario])
    };
    vec![
        case(
            "GATT/CL/GAR/BV-05-C",
            "Read Multiple Characteristic Values",
            &[ReadMultiple(&[3, 7]), ReadMultiple(&[3, 7])],
            &[
                "> 0E 0300 0700",
                "< 0F 010203",
                "> 0E 0300 0700",
                "< 0F AA*22",
            ],
            &["together: 010203", "together: AA*22, maybe more"],
        ),
        refused(
            "BI-18",
            "Read Multiple Characteristic Values: not permitted",
            3,
            READ_NOT_PERMITTED,
        ),
        refused(
            "BI-19",
            "Read Multiple Characteristic Values: invalid handle",
            0x99,
            INVALID_HANDLE,
        ),
        refused(
            "BI-20",
            "Read Multiple Characteristic Values: not authorized",
            3,
            AUTHORIZATION,
        ),
        refused(
            "BI-21",
            "Read Multiple Characteristic Values: not authenticated",
            3,
            AUTHENTICATION,
        ),
        refused(
            "BI-22",
            "Read Multiple Characteristic Values: encryption key too short",
            3,
            KEY_SIZE,
        ),
    ]
}

fn read_refused(id: &str, why: &str, handle: u16, code: Code) -> Case {
    let [low, high] = handle.to_le_bytes();
    let request = format!("0A {low:02X}{high:02X}");
    let scenario = refused_at_once(Read(handle), &request, "Read Request", handle, code);
    cases(&format!("GATT/CL/GAR/{id}-C"), why, vec![scenario])
}

fn descriptors() -> Vec<Case> {
    vec![
        case(
            "GATT/CL/GAR/BV-06-C",
            "Read Characteristic Descriptor",
            &[Read(DESCRIPTOR)],
            &["> 0A 0400", "< 0B 010203"],
            &["0x0004 = 010203"],
        ),
        read_refused(
            "BI-23",
            "Read Characteristic Descriptor: not permitted",
            DESCRIPTOR,
            READ_NOT_PERMITTED,
        ),
        read_refused(
            "BI-24",
            "Read Characteristic Descriptor: invalid handle",
            NONE_THERE,
            INVALID_HANDLE,
        ),
        read_refused(
            "BI-25",
            "Read Characteristic Descriptor: not authorized",
            DESCRIPTOR,
            AUTHORIZATION,
        ),
        read_refused(
            "BI-26",
            "Read Characteristic Descriptor: not authenticated",
            DESCRIPTOR,
            AUTHENTICATION,
        ),
        read_refused(
            "BI-27",
            "Read Characteristic Descriptor: encryption key too short",
            DESCRIPTOR,
            KEY_SIZE,
        ),
        cases(
            "GATT/CL/GAR/BV-07-C",
            "Read Long Characteristic Descriptor: as a long value, of any length to 512",
            long_values(4),
        ),
        long_refused(
            "BI-28",
            "Read Long Characteristic Descriptor: not permitted",
            DESCRIPTOR,
            READ_NOT_PERMITTED,
        ),
        behind(
            "BI-29",
            "Read Long Characteristic Descriptor: invalid offset",
            DESCRIPTOR,
        ),
        long_refused(
            "BI-30",
            "Read Long Characteristic Descriptor: invalid handle",
            NONE_THERE,
            INVALID_HANDLE,
        ),
        long_refused(
            "BI-31",
            "Read Long Characteristic Descriptor: not authorized",
            DESCRIPTOR,
            AUTHORIZATION,
        ),
        long_refused(
            "BI-32",
            "Read Long Characteristic Descriptor: not authenticated",
            DESCRIPTOR,
            AUTHENTICATION,
        ),
        long_refused(
            "BI-33",
            "Read Long Characteristic Descriptor: encryption key too short",
            DESCRIPTOR,
            KEY_SIZE,
        ),
        skip(
            "GATT/CL/GAR/BI-34-C",
            "Reading over BR/EDR a value that exists only for LE",
            "not applicable: an ATT bearer on BR/EDR, and Dongle speaks LE only",
        ),
        read_refused(
            "BI-35",
            "Reading over LE a value that exists only for BR/EDR: the application error is passed on",
            VALUE,
            APPLICATION,
        ),
    ]
}

fn variable() -> Vec<Case> {
    let refused = |id: &str, why: &str, handle, code| {
        let act = ReadVariable(&[3, 0x99]);
        let name = "Read Multiple Variable Request";
        let scenario = refused_at_once(act, "20 0300 9900", name, handle, code);
        cases(&format!("GATT/CL/GAR/{id}-C"), why, vec![scenario])
    };
    vec![
        cases(
            "GATT/CL/GAR/BV-08-C",
            "Read Multiple Variable Length Characteristic Values, also if they need two responses",
            vec![
                scenario(
                    &[ReadVariable(&[3, 5, 7])],
                    &["> 20 0300 0500 0700", "< 21 0100 09 0000 0200 0808"],
                    &["0x0003 = 09", "0x0005 = nothing", "0x0007 = 0808"],
                ),
                scenario(
                    &[ReadVariable(&[3, 5])],
                    &[
                        "> 20 0300 0500",
                        "< 21 0A00 AA*10 1400 BB*8",
                        "> 0A 0500",
                        "< 0B BB*20",
                    ],
                    &["0x0003 = AA*10", "0x0005 = BB*20"],
                ),
            ],
        ),
        skip(
            "GATT/CL/GAR/BV-10-C",
            "Read Multiple Variable Length over several bearers",
            SEVERAL,
        ),
        skip(
            "GATT/CL/GAR/BV-11-C",
            "Read Multiple Variable Length over several bearers",
            SEVERAL,
        ),
        refused(
            "BI-36",
            "Read Multiple Variable Length: not permitted",
            3,
            READ_NOT_PERMITTED,
        ),
        refused(
            "BI-38",
            "Read Multiple Variable Length: invalid handle",
            0x99,
            INVALID_HANDLE,
        ),
        refused(
            "BI-40",
            "Read Multiple Variable Length: not authorized",
            3,
            AUTHORIZATION,
        ),
        refused(
            "BI-42",
            "Read Multiple Variable Length: not authenticated",
            3,
            AUTHENTICATION,
        ),
        refused(
            "BI-44",
            "Read Multiple Variable Length: encryption key too short",
            3,
            KEY_SIZE,
        ),
    ]
}

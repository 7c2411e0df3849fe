//! GAW: writing, with response or without, short, long or reliably.

use crate::case::{Act::*, refused as refusal_line, *};

const VALUE: u16 = 7;
const DESCRIPTOR: u16 = 8;
const NONE_THERE: u16 = 0x99;

pub fn table() -> Vec<Case> {
    let mut table = vec![
        case(
            "GATT/CL/GAW/BV-01-C",
            "Write Without Response",
            &[
                WriteCommand(7, "010203"),
                WriteCommand(7, "AA*21"),
                WriteCommand(7, "AA*20"),
            ],
            &["> 52 0700 010203", "> 52 0700 AA*20"],
            &["error: a value of 21 octets where 20 can be written"],
        ),
        skip(
            "GATT/CL/GAW/BV-02-C",
            "Write Without Response with authentication (a Signed Write Command)",
            "not implemented: signing needs a key of the bond (CSRK), which Dongle neither hands out nor \
             keeps; the PDU itself is encoded and decoded",
        ),
        case(
            "GATT/CL/GAW/BV-03-C",
            "Write Characteristic Value",
            &[Write(7, "010203"), Write(7, "AA*21")],
            &["> 12 0700 010203", "< 13"],
            &[
                "written",
                "error: a value of 21 octets where 20 can be written",
            ],
        ),
    ];
    table.extend([
        write_refused(
            "BI-02",
            "Write Characteristic Value: invalid handle",
            NONE_THERE,
            INVALID_HANDLE,
        ),
        write_refused(
            "BI-03",
            "Write Characteristic Value: not permitted",
            VALUE,
            WRITE_NOT_PERMITTED,
        ),
        write_refused(
            "BI-04",
            "Write Characteristic Value: not authorized",
            VALUE,
            AUTHORIZATION,
        ),
        write_refused(
            "BI-05",
            "Write Characteristic Value: not authenticated",
            VALUE,
            AUTHENTICATION,
        ),
        write_refused(
            "BI-06",
            "Write Characteristic Value: encryption key too short",
            VALUE,
            KEY_SIZE,
        ),
    ]);
    table.extend(long());
    table.extend(reliable());
    table.extend(descriptors());
    table
}

fn write_refused(id: &str, why: &str, handle: u16, code: Code) -> Case {
    let [low, high] = handle.to_le_bytes();
    let request = format!("12 {low:02X}{high:02X} 010203");
    let scenario = refused_at_once(
        Write(handle, "010203"),
        &request,
        "Write Request",
        handle,
        code,
    );
    cases(&format!("GATT/CL/GAW/{id}-C"), why, vec![scenario])
}

/// A long write, whole.
fn long_write(handle: u8) -> Vec<Scenario> {
    let number = u16::from(handle);
    let mut short = Vec::new();
    for (offset, part) in [("0000", "A1*18"), ("1200", "A2*18"), ("2400", "A3*4")] {
        short.push(format!("> 16 {handle:02X}00 {offset} {part}"));
        short.push(format!("< 17 {handle:02X}00 {offset} {part}"));
    }
    short.extend(["> 18 01".into(), "< 19".into()]);
    let longest = vec![
        "> 02 0502".into(),
        "< 03 0002".into(),
        format!("> 16 {handle:02X}00 0000 A1*507"),
        format!("< 17 {handle:02X}00 0000 A1*507"),
        format!("> 16 {handle:02X}00 FB01 A2*5"),
        format!("< 17 {handle:02X}00 FB01 A2*5"),
        "> 18 01".into(),
        "< 19".into(),
    ];
    let scenario = |acts: &[Act], script, expected: &[&str]| Scenario {
        acts: acts.to_vec(),
        peer: Peer::Script(script),
        expected: expected.iter().map(|line| (*line).into()).collect(),
    };
    vec![
        scenario(
            &[WriteLong(number, "A1*18 A2*18 A3*4")],
            short,
            &["written"],
        ),
        scenario(
            &[Mtu(517), WriteLong(number, "A1*507 A2*5")],
            longest,
            &["MTU 512", "written"],
        ),
        scenario(
            &[WriteLong(number, "AA*513")],
            vec![],
            &["error: a value of 513 octets where 512 can be written"],
        ),
    ]
}

/// A long write refused at its first part, and at its second, when the queue must be emptied.
fn long_refused(id: &str, why: &str, handle: u16, code: Code) -> Case {
    let [low, high] = handle.to_le_bytes();
    let first = format!("16 {low:02X}{high:02X} 0000 A1*18");
    let name = "Prepare Write Request";
    let act = WriteLong(handle, "A1*18 A2*4");
    let scenarios = vec![
        refused_at_once(act, &first, name, handle, code),
        Scenario {
            acts: vec![act],
            peer: Peer::Script(vec![
                format!("> {first}"),
                format!("< 17 {low:02X}{high:02X} 0000 A1*18"),
                format!("> 16 {low:02X}{high:02X} 1200 A2*4"),
                refusal(0x16, handle, code),
                "> 18 00".into(),
                "< 19".into(),
            ]),
            expected: vec![refused(name, handle, code)],
        },
    ];
    cases(&format!("GATT/CL/GAW/{id}-C"), why, scenarios)
}

fn long() -> Vec<Case> {
    vec![
        cases(
            "GATT/CL/GAW/BV-05-C",
            "Write Long Characteristic Value: in parts, each echoed, then executed",
            long_write(7),
        ),
        long_refused(
            "BI-07",
            "Write Long Characteristic Value: invalid handle",
            NONE_THERE,
            INVALID_HANDLE,
        ),
        long_refused(
            "BI-08",
            "Write Long Characteristic Value: not permitted",
            VALUE,
            WRITE_NOT_PERMITTED,
        ),
        case(
            "GATT/CL/GAW/BI-09-C",
            "Write Long Characteristic Value: invalid offset, found when it is executed",
            &[WriteLongAt(7, 100, "AABB")],
            &[
                "> 16 0700 6400 AABB",
                "< 17 0700 6400 AABB",
                "> 18 01",
                "< 01 18 0700 07",
            ],
            &["error: Execute Write Request for handle 0x0007 was refused: Invalid Offset (0x07)"],
        ),
        long_refused(
            "BI-11",
            "Write Long Characteristic Value: not authorized",
            VALUE,
            AUTHORIZATION,
        ),
        long_refused(
            "BI-12",
            "Write Long Characteristic Value: not authenticated",
            VALUE,
            AUTHENTICATION,
        ),
        long_refused(
            "BI-13",
            "Write Long Characteristic Value: encryption key too short",
            VALUE,
            KEY_SIZE,
        ),
    ]
}

fn reliable() -> Vec<Case> {
    let refused = |id: &str, why: &str, handle: u16, code: Code| {
        let [low, high] = handle.to_le_bytes();
        let act = match handle {
            NONE_THERE => WriteReliable(&[(5, "AABB"), (NONE_THERE, "CC")]),
            _ => WriteReliable(&[(5, "AABB"), (VALUE, "CC")]),
        };
        let name = "Prepare Write Request";
        let scenarios = vec![
            refused_at_once(act, "16 0500 0000 AABB", name, 5, code),
            Scenario {
                acts: vec![act],
                peer: Peer::Script(vec![
                    "> 16 0500 0000 AABB".into(),
                    "< 17 0500 0000 AABB".into(),
                    format!("> 16 {low:02X}{high:02X} 0000 CC"),
                    refusal(0x16, handle, code),
                    "> 18 00".into(),
                    "< 19".into(),
                ]),
                expected: vec![refusal_line(name, handle, code)],
            },
        ];
        cases(&format!("GATT/CL/GAW/{id}-C"), why, scenarios)
    };
    vec![
        case(
            "GATT/CL/GAW/BV-06-C",
            "Characteristic Value Reliable Writes: several values, all at once",
            &[WriteReliable(&[(5, "A1*20"), (7, "CC")])],
            &[
                "> 16 0500 0000 A1*18",
                "< 17 0500 0000 A1*18",
                "> 16 0500 1200 A1A1",
                "< 17 0500 1200 A1A1",
                "> 16 0700 0000 CC",
                "< 17 0700 0000 CC",
                "> 18 01",
                "< 19",
            ],
            &["written"],
        ),
        refused(
            "BI-14",
            "Reliable Writes: invalid handle",
            NONE_THERE,
            INVALID_HANDLE,
        ),
        refused(
            "BI-15",
            "Reliable Writes: not permitted",
            VALUE,
            WRITE_NOT_PERMITTED,
        ),
        refused(
            "BI-17",
            "Reliable Writes: not authorized",
            VALUE,
            AUTHORIZATION,
        ),
        refused(
            "BI-18",
            "Reliable Writes: not authenticated",
            VALUE,
            AUTHENTICATION,
        ),
        refused(
            "BI-19",
            "Reliable Writes: encryption key too short",
            VALUE,
            KEY_SIZE,
        ),
        cases(
            "GATT/CL/GAW/BI-32-C",
            "Reliable Writes are cancelled when an echo differs: value, offset, handle, length",
            [
                "0700 0000 CD",
                "0700 0100 CC",
                "0800 0000 CC",
                "0700 0000 CCCC",
                "0700 0000",
            ]
            .map(|echo| Scenario {
                acts: vec![WriteReliable(&[(5, "AABB"), (7, "CC")])],
                peer: Peer::Script(vec![
                    "> 16 0500 0000 AABB".into(),
                    "< 17 0500 0000 AABB".into(),
                    "> 16 0700 0000 CC".into(),
                    format!("< 17 {echo}"),
                    "> 18 00".into(),
                    "< 19".into(),
                ]),
                expected: vec![
                    "error: the server misheard what was to be written to 0x0007".into(),
                ],
            })
            .into(),
        ),
    ]
}

fn descriptors() -> Vec<Case> {
    vec![
        case(
            "GATT/CL/GAW/BV-08-C",
            "Write Characteristic Descriptor",
            &[Write(8, "010203")],
            &["> 12 0800 010203", "< 13"],
            &["written"],
        ),
        write_refused(
            "BI-20",
            "Write Characteristic Descriptor: invalid handle",
            NONE_THERE,
            INVALID_HANDLE,
        ),
        write_refused(
            "BI-21",
            "Write Characteristic Descriptor: not permitted",
            DESCRIPTOR,
            WRITE_NOT_PERMITTED,
        ),
        write_refused(
            "BI-22",
            "Write Characteristic Descriptor: not authorized",
            DESCRIPTOR,
            AUTHORIZATION,
        ),
        write_refused(
            "BI-23",
            "Write Characteristic Descriptor: not authenticated",
            DESCRIPTOR,
            AUTHENTICATION,
        ),
        write_refused(
            "BI-24",
            "Write Characteristic Descriptor: encryption key too short",
            DESCRIPTOR,
            KEY_SIZE,
        ),
        cases(
            "GATT/CL/GAW/BV-09-C",
            "Write Long Characteristic Descriptor: as a long value",
            long_write(8),
        ),
        long_refused(
            "BI-25",
            "Write Long Characteristic Descriptor: invalid handle",
            NONE_THERE,
            INVALID_HANDLE,
        ),
        long_refused(
            "BI-26",
            "Write Long Characteristic Descriptor: not permitted",
            DESCRIPTOR,
            WRITE_NOT_PERMITTED,
        ),
        long_refused(
            "BI-29",
            "Write Long Characteristic Descriptor: not authorized",
            DESCRIPTOR,
            AUTHORIZATION,
        ),
        long_refused(
            "BI-30",
            "Write Long Characteristic Descriptor: not authenticated",
            DESCRIPTOR,
            AUTHENTICATION,
        ),
        long_refused(
            "BI-31",
            "Write Long Characteristic Descriptor: encryption key too short",
            DESCRIPTOR,
            KEY_SIZE,
        ),
    ]
}

//! GAN, GAI, GAS, GAT, GPA and GPM: what the server sends unasked, and the rest of GATT.

use dongle_central::att::Uuid;
use dongle_central::bearer::ValueKind::{Indication, Notification};

use crate::case::{Act::*, *};

const SEVERAL: &str = "not applicable: needs several ATT bearers on one link, Dongle has one";
const NO_EATT: &str =
    "not applicable: announces the Enhanced ATT bearer, which Dongle does not have";

pub fn table() -> Vec<Case> {
    let mut table = vec![
        case(
            "GATT/CL/GAN/BV-01-C",
            "Characteristic Value Notification, after the descriptor was written",
            &[Listen(3, Notification), Write(4, "0100")],
            &[
                "> 12 0400 0100",
                "< 13",
                "< 1B 0300 010203",
                "< 1B 0300",
                "< 1B 0900 FF",
            ],
            &[
                "written",
                "0x0003 notified 010203",
                "0x0003 notified nothing",
            ],
        ),
        case(
            "GATT/CL/GAN/BV-02-C",
            "Multiple Handle Value Notification",
            &[Listen(3, Notification), Listen(6, Notification)],
            &["< 23 0300 0200 0102 0600 0000 0300 0100 07"],
            &[
                "0x0003 notified 0102",
                "0x0003 notified 07",
                "0x0006 notified nothing",
            ],
        ),
        case(
            "GATT/CL/GAI/BV-01-C",
            "Characteristic Value Indication, confirmed",
            &[Listen(3, Indication), Write(4, "0200")],
            &["> 12 0400 0200", "< 13", "< 1D 0300 010203", "> 1E"],
            &["written", "0x0003 indicated 010203"],
        ),
        case(
            "GATT/CL/GAI/BI-01-C",
            "Several indications in a row: each is confirmed and reported",
            &[Listen(3, Indication)],
            &["< 1D 0300 01", "> 1E", "< 1D 0300 02", "> 1E"],
            &["0x0003 indicated 01", "0x0003 indicated 02"],
        ),
        case(
            "GATT/CL/GAS/BV-01-C",
            "Service Changed: confirmed, and understood",
            &[ListenForChanges(3)],
            &["< 1D 0300 1000 2F00", "> 1E", "< 1D 0300 0100 FFFF", "> 1E"],
            &[
                "services changed at 0x0010..=0x002F",
                "services changed at 0x0001..=0xFFFF",
            ],
        ),
        case(
            "GATT/CL/GAS/BV-02-C",
            "Reading the Database Hash, by its UUID",
            &[ReadFirstByUuid(Uuid::from_u16(0x2B2A))],
            &["> 08 0100 FFFF 2A2B", "< 09 12 0A00 AA*16"],
            &["0x000A = AA*16"],
        ),
        case(
            "GATT/CL/GAS/BV-03-C",
            "Enabling Robust Caching in the Client Supported Features",
            &[Write(12, "01"), Read(20)],
            &["> 12 0C00 01", "< 13", "> 0A 1400", "< 01 0A 1400 12"],
            &[
                "written",
                "error: Read Request for handle 0x0014 was refused: Database Out Of Sync (0x12)",
            ],
        ),
        skip(
            "GATT/CL/GAS/BV-04-C",
            "Enabling the Enhanced ATT bearer in the Client Supported Features",
            NO_EATT,
        ),
        case(
            "GATT/CL/GAS/BV-05-C",
            "Enabling Multiple Handle Value Notifications in the Client Supported Features",
            &[Listen(3, Notification), Write(12, "04")],
            &["> 12 0C00 04", "< 13", "< 23 0300 0100 01 0300 0100 02"],
            &["written", "0x0003 notified 01", "0x0003 notified 02"],
        ),
        timeout("BV-01", "Read", Read(3), "> 0A 0300"),
        timeout("BV-02", "Write", Write(3, "01"), "> 12 0300 01"),
        timeout(
            "BV-03",
            "Read Multiple Variable Length",
            ReadVariable(&[3, 5]),
            "> 20 0300 0500",
        ),
        case(
            "GATT/CL/GPA/BV-11-C",
            "Characteristic Aggregate Format: found and read, raw",
            &[Descriptors(5, 6), Read(6)],
            &[
                "> 04 0500 0600",
                "< 05 01 0500 0429 0600 0529",
                "> 0A 0600",
                "< 0B 0500 0900",
            ],
            &["0x0005: 0x2904", "0x0006: 0x2905", "0x0006 = 05000900"],
        ),
        case(
            "GATT/CL/GPA/BV-12-C",
            "Characteristic Presentation Format: found and read, raw",
            &[Descriptors(5, 5), Read(5)],
            &[
                "> 04 0500 0500",
                "< 05 01 0500 0429",
                "> 0A 0500",
                "< 0B 0E FE 2F27 01 0000",
            ],
            &["0x0005: 0x2904", "0x0005 = 0EFE2F27010000"],
        ),
    ];
    for number in 7..=12 {
        let purpose = "Requests on several bearers to a database that changed";
        table.push(skip(
            &format!("GATT/CL/GPM/BV-{number:02}-C"),
            purpose,
            SEVERAL,
        ));
    }
    table
}

fn timeout(id: &str, what: &str, act: Act, request: &str) -> Case {
    case(
        &format!("GATT/CL/GAT/{id}-C"),
        &format!("{what}: no response for 30 s ends the bearer, and nothing more is sent on it"),
        &[act, Read(9), WriteCommand(9, "01")],
        &[request, "+ 29", "+ 1"],
        &[
            "error: no response within 30 s",
            "error: Closed",
            "error: Closed",
            "the bearer has ended",
        ],
    )
}

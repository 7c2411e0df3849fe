//! Rules of the Attribute Protocol that no case of the test suite covers.

use dongle_central::bearer::ValueKind::{Indication, Notification};

use crate::case::{Act::*, *};

pub fn table() -> Vec<Case> {
    let mut table = vec![
        case(
            "ATT/late-response",
            "A response that arrives after its caller gave up answers no other request",
            &[Timeout(2), Read(3), Timeout(0), Read(5)],
            &["> 0A 0300", "+ 2", "< 0B 11", "> 0A 0500", "< 0B 22"],
            &["error: timed out", "0x0005 = 22"],
        ),
        case(
            "ATT/late-error",
            "So does a late Error Response",
            &[Timeout(2), Write(3, "01"), Timeout(0), Write(5, "01")],
            &[
                "> 12 0300 01",
                "+ 2",
                "< 01 12 0300 03",
                "> 12 0500 01",
                "< 13",
            ],
            &["error: timed out", "written"],
        ),
        case(
            "ATT/never-answered",
            "An abandoned request still ends the bearer after 30 s",
            &[Timeout(2), Read(3), Read(5)],
            &["> 0A 0300", "+ 2", "+ 2", "+ 26"],
            &[
                "error: timed out",
                "error: timed out",
                "the bearer has ended",
            ],
        ),
        case(
            "ATT/unsolicited-response",
            "Unsolicited responses change nothing",
            &[Read(3)],
            &[
                "> 0A 0300",
                "< 0D 99",
                "< 13",
                "< 03 4000",
                "< 01 0C 0300 0A",
                "< 0B 11",
                "< 0B 22",
            ],
            &["0x0003 = 11"],
        ),
        case(
            "ATT/unknown-opcode",
            "An unknown request is refused, an unknown command ignored, at any time",
            &[Read(3)],
            &[
                "> 0A 0300",
                "< 3E 0102",
                "> 01 3E 0000 06",
                "< 7E 01",
                "< FE 01",
                "< 0B 11",
            ],
            &["0x0003 = 11"],
        ),
        case(
            "ATT/empty-pdu",
            "An empty PDU changes nothing",
            &[Read(3)],
            &["> 0A 0300", "<", "< 0B 11"],
            &["0x0003 = 11"],
        ),
        case(
            "ATT/confirmation-of-nothing",
            "An unsolicited confirmation changes nothing",
            &[Read(3)],
            &["> 0A 0300", "< 1E", "< 0B 11"],
            &["0x0003 = 11"],
        ),
        cases(
            "ATT/mtu-below-23",
            "An MTU below 23 counts as 23",
            ["0000", "0100", "1600", "1700"]
                .map(|mtu| {
                    let answer = format!("< 03 {mtu}");
                    let script = ["> 02 0502", &answer, "> 12 0300 AA*20", "< 13"];
                    scenario(
                        &[Mtu(517), Write(3, "AA*20")],
                        &script,
                        &["MTU 23", "written"],
                    )
                })
                .into(),
        ),
        case(
            "ATT/mtu-refused",
            "With a server that does not support the exchange, the default MTU stays",
            &[Mtu(517), Read(3)],
            &["> 02 0502", "< 01 02 0000 06", "> 0A 0300", "< 0B 11"],
            &["MTU 23", "0x0003 = 11"],
        ),
        case(
            "ATT/mtu-once",
            "The MTU is requested only once on a link",
            &[Mtu(517), Mtu(100)],
            &["> 02 0502", "< 03 4000"],
            &["MTU 64", "error: the MTU was asked for already"],
        ),
        case(
            "ATT/mtu-asked-by-peer",
            "If the peer requests it first, the client need not",
            &[Mtu(64), Read(3)],
            &[
                "> 02 4000",
                "< 02 3200",
                "> 03 4000",
                "< 03 3200",
                "> 0A 0300",
                "< 0B AA*10",
            ],
            &["MTU 50", "0x0003 = AA*10"],
        ),
        case(
            "ATT/peer-discovers",
            "The peer's requests are answered while one of the client's is pending",
            &[Read(3)],
            &[
                "> 0A 0300",
                "< 10 0100 FFFF 0028",
                "> 11 06 0100 0500 0018",
                "< 10 0600 FFFF 0028",
                "> 01 10 0600 0A",
                "< 08 0100 FFFF 0028",
                "> 09 04 0100 0018",
                "< 0A 0900",
                "> 01 0A 0900 01",
                "< 18 01",
                "> 01 18 0000 06",
                "< 0B 11",
            ],
            &["0x0003 = 11"],
        ),
        case(
            "ATT/notified-in-between",
            "Notifications and indications are handled between a request and its response",
            &[Listen(5, Notification), Listen(7, Indication), Read(3)],
            &[
                "> 0A 0300",
                "< 1B 0500 01",
                "< 1D 0700 02",
                "> 1E",
                "< 1B 0500 03",
                "< 0B 11",
            ],
            &[
                "0x0003 = 11",
                "0x0005 notified 01",
                "0x0005 notified 03",
                "0x0007 indicated 02",
            ],
        ),
        case(
            "ATT/indication-to-nobody",
            "An indication that nobody subscribed to is confirmed, so that the server can continue",
            &[],
            &[
                "< 1D 0300 01",
                "> 1E",
                "< 1D",
                "> 1E",
                "< 1D 0000 01",
                "> 1E",
            ],
            &[],
        ),
        case(
            "ATT/indication-held-back",
            "An indication that leaves no room for another is confirmed once there is room again",
            &[Mtu(517), Listen(3, Indication), Read(9), Unlisten],
            &[
                "> 02 0502",
                "< 03 0502",
                "> 0A 0900",
                "< 1D 0300 AA*512",
                "> 1E",
                "< 1D 0300 BB*512",
                "< 0B 11",
                "> 1E",
            ],
            &["MTU 517", "0x0009 = 11"],
        ),
        case(
            "ATT/multiple-notification-cut",
            "Of a truncated Multiple Handle Value Notification, the complete values count",
            &[Listen(3, Notification)],
            &["< 23 0300 0100 07 0300 0200 08", "< 23 0300", "< 23"],
            &["0x0003 notified 07"],
        ),
        case(
            "ATT/left-midway",
            "A long write that is abandoned midway is cancelled in the server before anything else",
            &[LeaveLongWrite(7, "A1*18 A2*18 A3", 2), Read(3)],
            &[
                "> 16 0700 0000 A1*18",
                "< 17 0700 0000 A1*18",
                "> 16 0700 1200 A2*18",
                "< 17 0700 1200 A2*18",
                "> 18 00",
                "< 19",
                "> 0A 0300",
                "< 0B 11",
            ],
            &["0x0003 = 11"],
        ),
    ];
    table.extend(wrong_lengths());
    table
}

/// Answers that are not what their opcode promises, each to the request of one act.
fn wrong_lengths() -> Vec<Case> {
    let each = |act: Act, request: &str, answers: &[(&str, &str)]| -> Vec<Scenario> {
        answers
            .iter()
            .map(|(answer, error)| {
                scenario(&[act], &[request, answer], &[&format!("error: {error}")])
            })
            .collect()
    };
    let length = |name: &str| format!("malformed {name}: it has the wrong length");
    let groups = "malformed Read By Group Type Response";
    let types = "malformed Read By Type Response";
    let information = "malformed Find Information Response";
    vec![
        cases(
            "ATT/wrong-length-services",
            "Service lists of wrong lengths are errors",
            each(
                Services,
                "> 10 0100 FFFF 0028",
                &[
                    ("< 11", &length("Read By Group Type Response")),
                    ("< 11 06", &format!("{groups}: its list is empty")),
                    (
                        "< 11 00 0100 0500 0018",
                        &format!("{groups}: its entries cannot be 0 octets long"),
                    ),
                    (
                        "< 11 06 0100 0500 0018 06",
                        &format!("{groups}: its list ends amid an entry"),
                    ),
                    (
                        "< 11 07 0100 0500 000018",
                        "the server gave a declaration of 3 octets",
                    ),
                ],
            ),
        ),
        cases(
            "ATT/wrong-length-characteristics",
            "Characteristic lists of wrong lengths are errors",
            each(
                Characteristics(1, 9),
                "> 08 0100 0900 0328",
                &[
                    ("< 09", &length("Read By Type Response")),
                    ("< 09 07", &format!("{types}: its list is empty")),
                    (
                        "< 09 07 0200 02 0300",
                        &format!("{types}: its list ends amid an entry"),
                    ),
                    (
                        "< 09 06 0200 02 0300 00",
                        "the server gave a declaration of 4 octets",
                    ),
                    (
                        "< 09 0B 0200 02 0300 000000 000000",
                        "the server gave a declaration of 9 octets",
                    ),
                ],
            ),
        ),
        cases(
            "ATT/wrong-length-descriptors",
            "Descriptor lists of wrong lengths or formats are errors",
            each(
                Descriptors(1, 9),
                "> 04 0100 0900",
                &[
                    ("< 05", &length("Find Information Response")),
                    ("< 05 01", &format!("{information}: its list is empty")),
                    (
                        "< 05 01 0200 0229 03",
                        &format!("{information}: its list ends amid an entry"),
                    ),
                    (
                        "< 05 03 0200 0229",
                        &format!("{information}: its format is 0x03"),
                    ),
                ],
            ),
        ),
        cases(
            "ATT/wrong-length-values",
            "Values longer than the PDU allows, and parts of wrong lengths, are errors",
            [
                each(
                    Read(3),
                    "> 0A 0300",
                    &[("< 0B AA*23", "the server gave a value of 23 octets or more")],
                ),
                each(
                    Write(3, "01"),
                    "> 12 0300 01",
                    &[("< 13 00", &length("Write Response"))],
                ),
                each(
                    ReadVariable(&[3, 5]),
                    "> 20 0300 0500",
                    &[
                        ("< 21", "the server gave 0 values where 2 were asked for"),
                        (
                            "< 21 0100 07",
                            "the server gave 1 values where 2 were asked for",
                        ),
                        (
                            "< 21 0100 07 0100 07 0000",
                            "the server gave 3 values where 2 were asked for",
                        ),
                    ],
                ),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        case(
            "ATT/wrong-length-error",
            "A truncated Error Response still ends its request",
            &[Read(3), Read(5)],
            &["> 0A 0300", "< 01 0A 03", "> 0A 0500", "< 0B 11"],
            &[
                "error: malformed Error Response: it has the wrong length",
                "0x0005 = 11",
            ],
        ),
    ]
}

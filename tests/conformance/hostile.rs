//! Servers that would keep a client busy for ever, or lead it astray. Each ends with an error, or
//! at the last handle, in a bounded number of requests.

use dongle_central::att::Uuid;

use crate::case::{Act::*, *};

const ANY: Uuid = Uuid::from_u16(0x180D);

pub fn table() -> Vec<Case> {
    let mut table = repeating();
    table.extend(backwards());
    table.extend(endless());
    table
}

/// The start of the range that a request asks about.
fn start(request: &[u8]) -> [u8; 2] {
    [
        request.get(1).copied().unwrap_or(0),
        request.get(2).copied().unwrap_or(0),
    ]
}

/// The same answer whatever is asked, to each kind of request.
fn repeat(request: &[u8], _: usize) -> Vec<u8> {
    match request[0] {
        0x04 => vec![0x05, 1, 1, 0, 0x02, 0x29],
        0x06 => vec![0x07, 1, 0, 5, 0],
        0x08 if request[5..] == [0x03, 0x28] => vec![0x09, 7, 1, 0, 0x02, 2, 0, 0x00, 0x2A],
        0x08 if request[5..] == [0x02, 0x28] => vec![0x09, 8, 1, 0, 8, 0, 9, 0, 0x0F, 0x18],
        0x08 => vec![0x09, 3, 1, 0, 7],
        0x10 => vec![0x11, 6, 1, 0, 5, 0, 0x0D, 0x18],
        _ => vec![],
    }
}

fn repeating() -> Vec<Case> {
    let again = "error: the server named 0x0001 after a handle as high or higher";
    let expected = |found: &'static str| [found, again, "2 requests"];
    let purpose = "A server that repeats its response is given up on after the second request";
    [
        ("services", Services, "0x180D at 0x0001..=0x0005"),
        (
            "services-by-uuid",
            ServicesByUuid(ANY),
            "0x180D at 0x0001..=0x0005",
        ),
        (
            "included",
            Included(1, 99),
            "0x0001: 0x180F at 0x0008..=0x0009",
        ),
        ("descriptors", Descriptors(1, 99), "0x0001: 0x2902"),
        ("values", ReadByUuid(ANY), "0x0001 = 07"),
    ]
    .map(|(name, act, found)| {
        against(
            &format!("ATT/repeats/{name}"),
            purpose,
            act,
            repeat,
            2,
            &expected(found),
        )
    })
    .into_iter()
    .chain([against(
        "ATT/repeats/characteristics",
        purpose,
        Characteristics(1, 99),
        repeat,
        2,
        &[again, "2 requests"],
    )])
    .collect()
}

fn backwards() -> Vec<Case> {
    let each = |act: Act, request: &str, answers: &[(&str, &str)]| {
        answers
            .iter()
            .map(|(answer, error)| {
                scenario(&[act], &[request, answer], &[&format!("error: {error}")])
            })
            .collect::<Vec<_>>()
    };
    let order =
        |handle: &str| format!("the server named {handle} after a handle as high or higher");
    let range = |handle: &str| format!("the server named {handle}, which was not asked for");
    let zero = |name: &str| format!("malformed {name}: a handle is zero");
    let group = "Read By Group Type Response";
    vec![
        cases(
            "ATT/astray/services",
            "Services at handle 0, inverted, overlapping, nested or in the wrong order are errors",
            each(
                Services,
                "> 10 0100 FFFF 0028",
                &[
                    ("< 11 06 0000 0500 0018", &zero(group)),
                    (
                        "< 11 06 0500 0400 0018",
                        &format!("malformed {group}: a range starts at 0x0005 and ends at 0x0004"),
                    ),
                    (
                        "< 11 06 0500 0000 0018",
                        &format!("malformed {group}: a range starts at 0x0005 and ends at 0x0000"),
                    ),
                    ("< 11 06 0100 0500 0018 0500 0900 0118", &order("0x0005")),
                    ("< 11 06 0100 0900 0018 0200 0300 0118", &order("0x0002")),
                    ("< 11 06 0600 0900 0018 0100 0500 0118", &order("0x0001")),
                ],
            ),
        ),
        cases(
            "ATT/astray/services-by-uuid",
            "The same for services found by UUID",
            each(
                ServicesByUuid(ANY),
                "> 06 0100 FFFF 0028 0D18",
                &[
                    ("< 07 0000 0500", &zero("Find By Type Value Response")),
                    ("< 07 0100 0500 0300 0900", &order("0x0003")),
                ],
            ),
        ),
        cases(
            "ATT/astray/included",
            "Included services at handle 0, or declared outside the range, are errors",
            each(
                Included(1, 20),
                "> 08 0100 1400 0228",
                &[
                    (
                        "< 09 08 0000 0800 0900 0F18",
                        &zero("Read By Type Response"),
                    ),
                    ("< 09 08 0200 0000 0900 0F18", &order("0x0002")),
                    ("< 09 08 1500 0800 0900 0F18", &range("0x0015")),
                    (
                        "< 09 08 0400 0800 0900 0F18 0300 0800 0900 0F18",
                        &order("0x0003"),
                    ),
                ],
            ),
        ),
        cases(
            "ATT/astray/characteristics",
            "Characteristics with values at handle 0, before them, out of range or in another one are errors",
            each(
                Characteristics(1, 12),
                "> 08 0100 0C00 0328",
                &[
                    ("< 09 07 0000 02 0300 002A", &zero("Read By Type Response")),
                    ("< 09 07 0200 02 0000 002A", &order("0x0002")),
                    ("< 09 07 0200 02 0200 002A", &order("0x0002")),
                    ("< 09 07 0200 02 0D00 002A", &range("0x000D")),
                    ("< 09 07 0D00 02 0E00 002A", &range("0x000E")),
                    (
                        "< 09 07 0200 02 0500 002A 0400 02 0600 002A",
                        &order("0x0004"),
                    ),
                ],
            ),
        ),
        cases(
            "ATT/astray/descriptors",
            "Descriptors at handle 0, out of range or in the wrong order are errors",
            each(
                Descriptors(3, 9),
                "> 04 0300 0900",
                &[
                    ("< 05 01 0000 0229", &zero("Find Information Response")),
                    ("< 05 01 0A00 0229", &range("0x000A")),
                    ("< 05 01 0200 0229", &order("0x0002")),
                    ("< 05 01 0400 0229 0300 0129", &order("0x0003")),
                ],
            ),
        ),
        cases(
            "ATT/astray/value-by-uuid",
            "Values by UUID at handle 0 or in the wrong order are errors",
            each(
                ReadByUuid(Uuid::from_u16(0x2A19)),
                "> 08 0100 FFFF 192A",
                &[
                    ("< 09 03 0000 07", &zero("Read By Type Response")),
                    ("< 09 03 0400 07 0300 07", &order("0x0003")),
                ],
            ),
        ),
        case(
            "ATT/astray/answer-to-another",
            "A discovery that receives the response of another procedure waits for its own",
            &[Services],
            &[
                "> 10 0100 FFFF 0028",
                "< 07 0100 0500",
                "< 11 06 0100 FFFF 0018",
            ],
            &["0x1800 at 0x0001..=0xFFFF"],
        ),
    ]
}

fn endless() -> Vec<Case> {
    vec![
        against(
            "ATT/endless/services",
            "A service at every handle: the last handle is the end",
            ServicesByUuid(ANY),
            |request, _| {
                let [low, high] = start(request);
                match u16::from_le_bytes([low, high]) {
                    0xFFFF => vec![0x01, 0x06, low, high, 0x0E],
                    _ => vec![0x07, low, high, low, high],
                }
            },
            65_535,
            &[
                "65534 found, the last 0x180D at 0xFFFE..=0xFFFE",
                "error: Find By Type Value Request for handle 0xFFFF was refused: Unlikely Error (0x0E)",
                "65535 requests",
            ],
        ),
        against(
            "ATT/endless/included",
            "An included service at every handle, each with a UUID that must be read: two requests each",
            Included(1, 500),
            |request, _| {
                let [low, high] = start(request);
                match request[0] {
                    0x0A => [&[0x0B][..], &[0xAA; 16]].concat(),
                    _ => vec![0x09, 6, low, high, 9, 0, 9, 0],
                }
            },
            1_000,
            &[
                "500 found, the last 0x01F4: aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa at \
                 0x0009..=0x0009",
                "1000 requests",
            ],
        ),
        against(
            "ATT/endless/characteristics",
            "Values that are always at the next handle, in a service that ends",
            Characteristics(0xFF00, 0xFF05),
            |request, _| {
                let [low, high] = start(request);
                vec![0x09, 7, low, high, 0x02, low + 1, high, 0x00, 0x2A]
            },
            6,
            &[
                "error: the server named 0xFF01 after a handle as high or higher",
                "2 requests",
            ],
        ),
        against(
            "ATT/endless/value",
            "Reading a long value that never ends stops after 512 octets",
            Read(3),
            |request, _| vec![request[0] + 1; 23],
            24,
            &[
                "error: the server gave a value of 528 octets or more",
                "24 requests",
            ],
        ),
        against(
            "ATT/endless/value-empty",
            "Reading a value that shrinks to nothing ends",
            Read(3),
            |request, asked| vec![request[0] + 1; if asked < 3 { 23 } else { 1 }],
            3,
            &["0x0003 = 0B*22 0D*22", "3 requests"],
        ),
        against(
            "ATT/endless/variable",
            "A server that returns one value at a time is asked once for each",
            ReadVariable(&[3, 4, 5]),
            |request, _| match request[0] {
                0x0A => vec![0x0B, 7],
                _ => [&[0x21, 20, 0][..], &[7; 20]].concat(),
            },
            3,
            &[
                "0x0003 = 07*20",
                "0x0004 = 07*20",
                "0x0005 = 07",
                "3 requests",
            ],
        ),
        against(
            "ATT/endless/prepare",
            "A server that accepts every part except the last: the write is cancelled",
            WriteLong(3, "AA*512"),
            |request, asked| match request[0] {
                0x16 if asked == 29 => vec![0x01, 0x16, 3, 0, 0x09],
                0x16 => [&[0x17][..], &request[1..]].concat(),
                _ => vec![0x19],
            },
            30,
            &[
                "error: Prepare Write Request for handle 0x0003 was refused: Prepare Queue Full (0x09)",
                "30 requests",
            ],
        ),
    ]
}

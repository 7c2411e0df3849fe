//! GAC and GAD: the MTU, and finding what a server has.

use dongle_central::att::Uuid;

use crate::case::{Act::*, *};

const LONG: Uuid = Uuid::from_u128(0x0F0E0D0C_0B0A_0908_0706_050403020100);
const NOT_LE: &str = "not applicable: concerns service records of BR/EDR; Dongle is LE only";

pub fn table() -> Vec<Case> {
    vec![
        case(
            "GATT/CL/GAC/BV-01-C",
            "Exchange MTU: the client requests it, and both sides use the smaller value",
            &[Mtu(517), Write(7, "AA*61"), Read(9)],
            &[
                "> 02 0502",
                "< 03 4000",
                "> 12 0700 AA*61",
                "< 13",
                "> 0A 0900",
                "< 0B BB*62",
            ],
            &["MTU 64", "written", "0x0009 = BB*62"],
        ),
        case(
            "GATT/CL/GAD/BV-01-C",
            "Discover All Primary Services, with UUIDs of both lengths",
            &[Services],
            &[
                "> 10 0100 FFFF 0028",
                "< 11 06 0100 0700 0018 1000 1300 0118 1400 1F00 0D18",
                "> 10 2000 FFFF 0028",
                "< 11 14 9000 9600 000102030405060708090A0B0C0D0E0F",
                "> 10 9700 FFFF 0028",
                "< 01 10 9700 0A",
            ],
            &[
                "0x1800 at 0x0001..=0x0007",
                "0x1801 at 0x0010..=0x0013",
                "0x180D at 0x0014..=0x001F",
                "0f0e0d0c-0b0a-0908-0706-050403020100 at 0x0090..=0x0096",
            ],
        ),
        cases(
            "GATT/CL/GAD/BV-02-C",
            "Discover Primary Services by Service UUID, of 16 and of 128 bits",
            vec![
                scenario(
                    &[ServicesByUuid(Uuid::from_u16(0x180D))],
                    &[
                        "> 06 0100 FFFF 0028 0D18",
                        "< 07 1000 1700 3000 3700",
                        "> 06 3800 FFFF 0028 0D18",
                        "< 01 06 3800 0A",
                    ],
                    &["0x180D at 0x0010..=0x0017", "0x180D at 0x0030..=0x0037"],
                ),
                scenario(
                    &[ServicesByUuid(LONG)],
                    &[
                        "> 06 0100 FFFF 0028 000102030405060708090A0B0C0D0E0F",
                        "< 07 1000 FFFF",
                    ],
                    &["0f0e0d0c-0b0a-0908-0706-050403020100 at 0x0010..=0xFFFF"],
                ),
                scenario(
                    &[ServicesByUuid(Uuid::from_u16(0x180D))],
                    &["> 06 0100 FFFF 0028 0D18", "< 01 06 0100 0A"],
                    &[],
                ),
            ],
        ),
        case(
            "GATT/CL/GAD/BV-03-C",
            "Find Included Services; those with a UUID of 128 bits are read one by one",
            &[Included(1, 32)],
            &[
                "> 08 0100 2000 0228",
                "< 09 08 0200 0001 0F01 0F18",
                "> 08 0300 2000 0228",
                "< 09 06 0300 1001 1F01 0400 2001 2F01",
                "> 0A 1001",
                "< 0B 000102030405060708090A0B0C0D0E0F",
                "> 0A 2001",
                "< 0B 010102030405060708090A0B0C0D0E0F",
                "> 08 0500 2000 0228",
                "< 01 08 0500 0A",
            ],
            &[
                "0x0002: 0x180F at 0x0100..=0x010F",
                "0x0003: 0f0e0d0c-0b0a-0908-0706-050403020100 at 0x0110..=0x011F",
                "0x0004: 0f0e0d0c-0b0a-0908-0706-050403020101 at 0x0120..=0x012F",
            ],
        ),
        case(
            "GATT/CL/GAD/BV-04-C",
            "Discover All Characteristics of a Service",
            &[Characteristics(16, 32)],
            &[
                "> 08 1000 2000 0328",
                "< 09 07 1100 02 1200 002A 1300 12 1400 372A",
                "> 08 1400 2000 0328",
                "< 09 15 1600 08 1700 000102030405060708090A0B0C0D0E0F",
                "> 08 1700 2000 0328",
                "< 01 08 1700 0A",
            ],
            &[
                "0x2A00 declared 0x0011 value 0x0012 end 0x0012 properties 02",
                "0x2A37 declared 0x0013 value 0x0014 end 0x0015 properties 12",
                "0f0e0d0c-0b0a-0908-0706-050403020100 declared 0x0016 value 0x0017 end 0x0020 \
                 properties 08",
            ],
        ),
        cases(
            "GATT/CL/GAD/BV-05-C",
            "Discover Characteristics by UUID, of 16 and of 128 bits",
            [
                (
                    Uuid::from_u16(0x2A37),
                    "0x2A37 declared 0x0013 value 0x0014 end 0x0015 properties 12",
                ),
                (
                    LONG,
                    "0f0e0d0c-0b0a-0908-0706-050403020100 declared 0x0016 value 0x0017 end 0x0017 \
                     properties 08",
                ),
            ]
            .map(|(uuid, found)| {
                scenario(
                    &[CharacteristicsByUuid(16, 23, uuid)],
                    &[
                        "> 08 1000 1700 0328",
                        "< 09 07 1100 02 1200 002A 1300 12 1400 372A",
                        "> 08 1400 1700 0328",
                        "< 09 15 1600 08 1700 000102030405060708090A0B0C0D0E0F",
                    ],
                    &[found],
                )
            })
            .into(),
        ),
        case(
            "GATT/CL/GAD/BV-06-C",
            "Discover All Characteristic Descriptors",
            &[Descriptors(0x13, 0x16)],
            &[
                "> 04 1300 1600",
                "< 05 01 1300 0229 1400 0129 1500 0429",
                "> 04 1600 1600",
                "< 05 02 1600 000102030405060708090A0B0C0D0E0F",
            ],
            &[
                "0x0013: 0x2902",
                "0x0014: 0x2901",
                "0x0015: 0x2904",
                "0x0016: 0f0e0d0c-0b0a-0908-0706-050403020100",
            ],
        ),
        skip(
            "GATT/CL/GAD/BV-07-C",
            "Discover primary services using SDP",
            NOT_LE,
        ),
        skip(
            "GATT/CL/GAD/BV-08-C",
            "Discover services by UUID using SDP",
            NOT_LE,
        ),
    ]
}

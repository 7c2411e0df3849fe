//! The H4 deframer: every split, garbage of every kind, and bytes that make no sense at all.

use hci_transport::{Direction, H4Deframer, Limits};

/// Command Complete for HCI_Reset.
const RESET_DONE: &[u8] = &[0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00];
/// Number Of Completed Packets: one on handle 0x0040.
const COMPLETED: &[u8] = &[0x04, 0x13, 0x05, 0x01, 0x40, 0x00, 0x01, 0x00];
/// An LE Advertising Report with flags and a Heart Rate service.
const REPORT: &[u8] = &[
    0x04, 0x3e, 0x13, 0x02, 0x01, 0x00, 0x01, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x07, 0x02, 0x01,
    0x06, 0x03, 0x03, 0x0d, 0x18, 0xc8,
];
/// ACL data: a Handle Value Notification of two bytes.
const NOTIFICATION: &[u8] = &[
    0x02, 0x40, 0x20, 0x09, 0x00, 0x05, 0x00, 0x04, 0x00, 0x1b, 0x03, 0x00, 0x06, 0x48,
];
/// ACL data that goes on with an L2CAP PDU.
const CONTINUED: &[u8] = &[0x02, 0x40, 0x10, 0x03, 0x00, 0xaa, 0xbb, 0xcc];
/// A complete ISO SDU of two bytes.
const ISO: &[u8] = &[
    0x05, 0x60, 0x20, 0x06, 0x00, 0x01, 0x00, 0x02, 0x00, 0xaa, 0xbb,
];
/// A vendor event.
const VENDOR: &[u8] = &[0x04, 0xff, 0x02, 0x12, 0x34];

const ALL: [&[u8]; 7] = [
    RESET_DONE,
    REPORT,
    NOTIFICATION,
    CONTINUED,
    COMPLETED,
    VENDOR,
    ISO,
];

/// The default limits, with isochronous data.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.iso_data = 512;
    limits
}

fn to_host() -> H4Deframer {
    H4Deframer::new(Direction::ToHost, limits())
}

/// Feeds `stream` in pieces of at most `piece` bytes.
fn deframe_in(deframer: &mut H4Deframer, stream: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for piece in stream.chunks(piece) {
        deframer.feed(piece);
        while let Some(packet) = deframer.next_packet() {
            packets.push(packet.to_vec());
        }
    }
    packets
}

/// Deframes in every size of piece, asserts that it makes no difference, and answers the packets
/// and how many bytes were discarded.
fn deframe(direction: Direction, stream: &[u8]) -> (Vec<Vec<u8>>, u64) {
    let fresh = || H4Deframer::new(direction, limits());
    let mut whole = fresh();
    let packets = deframe_in(&mut whole, stream, stream.len().max(1));
    for piece in 1..stream.len() {
        let mut split = fresh();
        assert_eq!(
            deframe_in(&mut split, stream, piece),
            packets,
            "in pieces of {piece}"
        );
        assert_eq!(split.discarded(), whole.discarded(), "in pieces of {piece}");
        assert_eq!(split.pending(), whole.pending(), "in pieces of {piece}");
    }
    (packets, whole.discarded())
}

#[test]
fn packets_come_out_whole_however_the_bytes_are_split() {
    let stream = ALL.concat();
    assert_eq!(
        deframe(Direction::ToHost, &stream),
        (ALL.map(<[u8]>::to_vec).to_vec(), 0)
    );
    // Every split in two, and every split in three.
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            let mut deframer = to_host();
            let mut packets = Vec::new();
            for piece in [&stream[..first], &stream[first..second], &stream[second..]] {
                packets.extend(deframe_in(&mut deframer, piece, usize::MAX));
            }
            assert_eq!(packets, ALL);
            assert_eq!(deframer.discarded(), 0);
        }
    }
}

#[test]
fn the_commands_and_data_of_a_host_come_out_whole() {
    let reset: &[u8] = &[0x01, 0x03, 0x0c, 0x00];
    let set_scan: &[u8] = &[0x01, 0x0c, 0x20, 0x02, 0x01, 0x00];
    let data: &[u8] = &[
        0x02, 0x40, 0x00, 0x07, 0x00, 0x03, 0x00, 0x04, 0x00, 0x02, 0x17, 0x00,
    ];
    let stream = [reset, set_scan, data, reset].concat();
    let (packets, discarded) = deframe(Direction::ToController, &stream);
    assert_eq!(packets, [reset, set_scan, data, reset]);
    assert_eq!(discarded, 0);
    let (packets, discarded) = deframe(Direction::ToController, &[VENDOR, reset, data].concat());
    assert_eq!(packets, [reset, data]);
    assert_eq!(discarded, VENDOR.len() as u64);
}

#[test]
fn a_packet_right_behind_garbage_is_found() {
    for garbage in [
        &[0x00][..],
        &[0xff; 40],
        b"*** Booting Zephyr OS build v4.0.0 ***\r\n",
        // Headers that may not be: an unknown event, a handle and a length out of range.
        &[0x04, 0x16, 0x08],
        &[0x02, 0x00, 0x0f, 0x01, 0x00],
        &[0x02, 0x40, 0x20, 0x01, 0x10],
        &[0x04, 0x0e, 0x02],
        &[0x04, 0x3e, 0x00],
        // A command, and synchronous data.
        &[0x01, 0x03, 0x0c, 0x00],
        &[0x03, 0x40, 0x00, 0x20],
    ] {
        for packet in [RESET_DONE, REPORT, NOTIFICATION, CONTINUED, COMPLETED, ISO] {
            let stream = [garbage, packet, REPORT].concat();
            let (packets, discarded) = deframe(Direction::ToHost, &stream);
            assert_eq!(packets, [packet, REPORT], "behind {garbage:02x?}");
            assert_eq!(discarded, garbage.len() as u64);
        }
    }
}

#[test]
fn a_long_header_in_the_garbage_does_not_swallow_the_packet_behind_it() {
    // The garbage ends in what reads as an event of 255 bytes, as an ACL packet of 4,096, and as
    // the two nested.
    for garbage in [
        &[0xff, 0x04, 0x3e, 0xff][..],
        &[0xff, 0x02, 0x40, 0x20, 0x00, 0x10],
        &[0xff, 0x02, 0x40, 0x20, 0x00, 0x10, 0x04, 0x3e, 0xff],
    ] {
        let (packets, discarded) = deframe(
            Direction::ToHost,
            &[garbage, COMPLETED, VENDOR, NOTIFICATION].concat(),
        );
        assert_eq!(
            packets,
            [COMPLETED, VENDOR, NOTIFICATION],
            "behind {garbage:02x?}"
        );
        assert_eq!(discarded, garbage.len() as u64);
    }
}

#[test]
fn garbage_between_packets_costs_none_of_them() {
    let stream = [
        REPORT,
        &[0x77, 0x00],
        NOTIFICATION,
        &[0xee; 3],
        COMPLETED,
        &[0x00],
        REPORT,
    ];
    let (packets, discarded) = deframe(Direction::ToHost, &stream.concat());
    assert_eq!(packets, [REPORT, NOTIFICATION, COMPLETED, REPORT]);
    assert_eq!(discarded, 6);
}

#[test]
fn a_packet_that_lost_bytes_costs_itself_and_its_neighbour_and_no_more() {
    for lost in 1..REPORT.len() - 3 {
        let cut = &REPORT[..REPORT.len() - lost];
        let stream = [NOTIFICATION, cut, REPORT, COMPLETED, NOTIFICATION, REPORT].concat();
        let (packets, _) = deframe(Direction::ToHost, &stream);
        assert_eq!(packets[0], NOTIFICATION);
        let found = &packets[packets.len().saturating_sub(3)..];
        assert_eq!(found, [COMPLETED, NOTIFICATION, REPORT], "{lost} lost");
    }
}

#[test]
fn data_marked_as_from_a_host_is_passed_on_if_it_begins_an_l2cap_pdu() {
    let mut marked = NOTIFICATION.to_vec();
    marked[2] = 0;
    let (packets, discarded) = deframe(Direction::ToHost, &[REPORT, &marked, REPORT].concat());
    assert_eq!(packets, [REPORT, &marked, REPORT]);
    assert_eq!(discarded, 0);
}

#[test]
fn a_packet_that_gained_bytes_costs_no_other() {
    let stream = [REPORT, &[0x55], NOTIFICATION, REPORT].concat();
    assert_eq!(
        deframe(Direction::ToHost, &stream).0,
        [REPORT, NOTIFICATION, REPORT]
    );
}

#[test]
fn doubt_lets_another_packet_overtake_one_that_never_ends() {
    let mut deframer = to_host();
    // Says 255 bytes, and then there is silence.
    assert_eq!(
        deframe_in(&mut deframer, &[0x04, 0x3e, 0xff, 0x02], 1),
        [[0_u8; 0]; 0]
    );
    deframer.doubt();
    assert_eq!(deframe_in(&mut deframer, RESET_DONE, 1), [RESET_DONE]);
    assert_eq!(deframer.discarded(), 4);
}

#[test]
fn doubt_costs_nothing_if_the_rest_comes_after_all() {
    for split in 1..REPORT.len() {
        let mut deframer = to_host();
        assert_eq!(deframe_in(&mut deframer, &REPORT[..split], 100).len(), 0);
        deframer.doubt();
        let rest = [&REPORT[split..], COMPLETED].concat();
        assert_eq!(deframe_in(&mut deframer, &rest, 1), [REPORT, COMPLETED]);
        assert_eq!(deframer.discarded(), 0);
    }
}

#[test]
fn while_a_reset_is_awaited_nothing_else_counts() {
    let stale = [
        REPORT,
        NOTIFICATION,
        &RESET_DONE[..6],
        COMPLETED,
        &[0x04, 0x0e, 0x04, 0x04],
    ];
    let stream = [&stale.concat(), RESET_DONE, REPORT].concat();
    for piece in 1..stream.len() {
        let mut deframer = to_host();
        deframer.await_reset();
        // `RESET_DONE[..6]` takes the first byte of what follows for its status, as it must.
        let packets = deframe_in(&mut deframer, &stream, piece);
        assert_eq!(packets[0][..6], RESET_DONE[..6]);
        assert_eq!(packets.last().unwrap(), REPORT);
    }
    let stream = [
        REPORT,
        &[0x04, 0x0e],
        &[0x04, 0x0e, 0x04, 0x02, 0x03, 0x0c, 0x0c],
        REPORT,
    ];
    for piece in 1..40 {
        let mut deframer = to_host();
        deframer.await_reset();
        let packets = deframe_in(&mut deframer, &stream.concat(), piece);
        assert_eq!(
            packets,
            [&[0x04, 0x0e, 0x04, 0x02, 0x03, 0x0c, 0x0c][..], REPORT]
        );
        assert_eq!(deframer.discarded(), REPORT.len() as u64 + 2);
    }
}

#[test]
fn the_limits_decide_what_is_garbage() {
    let mut deframer = H4Deframer::new(Direction::ToHost, Limits::default());
    assert_eq!(
        deframe_in(&mut deframer, &[ISO, COMPLETED].concat(), 3),
        [COMPLETED]
    );

    let mut limits = Limits::default();
    limits.sync_data = 60;
    limits.acl_data = 8;
    let sync: &[u8] = &[0x03, 0x40, 0x00, 0x02, 0xaa, 0xbb];
    let mut deframer = H4Deframer::new(Direction::ToHost, limits);
    let packets = deframe_in(
        &mut deframer,
        &[sync, NOTIFICATION, COMPLETED, sync].concat(),
        3,
    );
    assert_eq!(packets, [sync, COMPLETED, sync]);
    assert_eq!(deframer.discarded(), NOTIFICATION.len() as u64);
}

/// xorshift64*, so that a failure can be repeated from its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }
}

#[test]
fn random_bytes_neither_panic_nor_pile_up() {
    let most = 5 + usize::from(Limits::default().acl_data);
    for seed in 1..=40 {
        let mut random = Random(seed);
        let direction = if seed % 2 == 0 {
            Direction::ToHost
        } else {
            Direction::ToController
        };
        let mut deframer = H4Deframer::new(direction, limits());
        let (mut fed, mut taken) = (0, 0);
        for _ in 0..400 {
            // Bytes that begin packets are made common, to get past the first check.
            let piece: Vec<u8> = (0..random.below(200))
                .map(|_| match random.below(4) {
                    0 => [0x01, 0x02, 0x04, 0x05, 0x0e, 0x3e, 0x13, 0x00][random.below(8)],
                    _ => random.next() as u8,
                })
                .collect();
            fed += piece.len();
            deframer.feed(&piece);
            while let Some(packet) = deframer.next_packet() {
                assert_eq!(
                    hci_transport::packet::total_length(packet),
                    Some(packet.len())
                );
                taken += packet.len();
            }
            if random.below(20) == 0 {
                deframer.doubt();
            }
            assert!(
                deframer.pending() < most,
                "seed {seed}: {} pending",
                deframer.pending()
            );
            assert_eq!(
                taken + deframer.discarded() as usize + deframer.pending(),
                fed
            );
        }
    }
}

#[test]
fn random_streams_are_cut_the_same_however_they_are_split() {
    for seed in 1..=60 {
        let mut random = Random(seed);
        let mut stream = Vec::new();
        for _ in 0..30 {
            match random.below(3) {
                0 => stream.extend((0..random.below(12)).map(|_| random.next() as u8)),
                _ => {
                    let packet = ALL[random.below(ALL.len())];
                    let cut = if random.below(4) == 0 {
                        random.below(packet.len())
                    } else {
                        0
                    };
                    stream.extend_from_slice(&packet[cut..]);
                }
            }
        }
        deframe(Direction::ToHost, &stream);
    }
}

#[test]
fn after_any_noise_the_stream_is_followed_again_within_a_few_packets() {
    for seed in 1..=300 {
        let mut random = Random(seed);
        let mut stream = NOTIFICATION.to_vec();
        stream.extend((0..random.below(300)).map(|_| random.next() as u8));
        let behind: Vec<&[u8]> = [REPORT, COMPLETED, NOTIFICATION].repeat(50);
        stream.extend(behind.concat());

        let packets = deframe_in(&mut to_host(), &stream, 64);
        let good = packets.iter().rev().zip(behind.iter().rev());
        let found = good.take_while(|(packet, sent)| packet == *sent).count();
        // These seeds show no loss at all; a header that noise made up may cost a few.
        assert!(found >= behind.len() - 3, "seed {seed}: only {found} found");
    }
}

//! Frames of L2CAP channels, on their way to trouble-host.

use super::*;
use crate::links::LinkId;
use crate::mux::Opener;

/// trouble-host asks for channel 0x40 with identifier 1.
const REQUEST: [u8; 18] = [
    14, 0, 5, 0, 0x14, 1, 10, 0, 0x80, 0, 0x40, 0, 0, 1, 0, 1, 1, 0,
];
const ACCEPTED: [u8; 22] = [
    7, 0x20, 18, 0, 14, 0, 5, 0, 0x15, 1, 10, 0, 0x41, 0, 0, 1, 0, 1, 1, 0, 0, 0,
];
const CLOSING: [u8; 16] = [7, 0x20, 12, 0, 8, 0, 5, 0, 6, 1, 4, 0, 0x40, 0, 0x41, 0];

impl Bench {
    /// Connections 7 and 8, the first with channel 0x40.
    fn with_channel() -> Self {
        let mut bench = Self::connected(8);
        bench.state.take_attempt();
        let mut other = CONNECTED;
        (other[4], other[8]) = (8, 9);
        assert!(bench.event(&other).is_some());
        bench.asks(7);
        assert_eq!(bench.acl(&ACCEPTED), Some(ACCEPTED.to_vec()));
        bench
    }

    fn id(&self, handle: u16) -> LinkId {
        self.links.find(handle).unwrap()
    }

    /// trouble-host asks this connection for channel 0x40.
    fn asks(&self, handle: u16) {
        let id = self.id(handle);
        for other in [7, 8] {
            if let Some(id) = self.links.find(other) {
                self.links.with_link(id, |l| l.info.sdus.forget(0x40));
            }
        }
        self.links
            .with_link(id, |l| l.info.sdus.outbound(&mut REQUEST.clone()));
    }

    fn acl(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        self.inbound(PacketKind::AclData, packet)
    }
}

#[test]
fn a_peer_has_no_say_on_the_channels_of_another() {
    let mut bench = Bench::with_channel();
    let data = [7, 0x20, 6, 0, 2, 0, 0x40, 0, 0, 0];
    let from = |peer: u8, packet: &[u8]| [&[peer], &packet[1..]].concat();
    assert!(bench.acl(&data).is_some());
    assert_eq!(bench.acl(&from(8, &data)), None);
    let passed = bench.acl(&from(8, &CLOSING)).unwrap();
    assert_eq!(passed[12..14], [0xFF, 0xFF], "no channel of his");
    assert_eq!(bench.acl(&CLOSING), Some(CLOSING.to_vec()));
}

#[test]
fn a_closing_that_was_held_back_closes_no_channel_of_another_connection() {
    let mut bench = Bench::with_channel();
    let id = bench.id(7);
    bench.links.with_link(id, |l| l.info.sdus.keep(Opener::Us));
    assert_eq!(bench.acl(&CLOSING), None);
    let held = bench.links.with_link(id, |l| l.info.sdus.let_go(0x40));
    bench.state.pass(&held.flatten().unwrap());
    // trouble-host has closed it meanwhile, and gives its number to the other.
    bench.asks(8);
    let passed = bench.state.passed(&bench.links).unwrap();
    assert_eq!(passed[12..14], [0xFF, 0xFF]);
}

#[test]
fn a_request_that_is_rejected_is_refused() {
    let mut bench = Bench::connected(8);
    bench.asks(7);
    let reject = [7, 0x20, 10, 0, 6, 0, 5, 0, 0x01, 1, 2, 0, 0, 0];
    assert_eq!(bench.acl(&reject), None);
    let refused = bench.state.passed(&bench.links).unwrap();
    assert_eq!(refused[4..12], ACCEPTED[4..12]);
    assert_eq!(refused[20..], [2, 0]);
    // Nobody waits for an answer any more.
    assert_eq!(bench.acl(&reject), Some(reject.to_vec()));
    assert_eq!(bench.acl(&ACCEPTED), None);
}

#[test]
fn a_frame_in_parts_ends_where_it_says() {
    let mut bench = Bench::with_channel();
    assert!(
        bench
            .acl(&[7, 0x20, 7, 0, 5, 0, 0x40, 0, 100, 0, 1])
            .is_some()
    );
    let passed = bench.acl(&[7, 0x10, 4, 0, 2, 3, 4, 5]);
    assert_eq!(passed, Some(std::vec![7, 0x10, 2, 0, 2, 3]));
    assert_eq!(bench.acl(&[7, 0x10, 1, 0, 6]), None);
}

#[test]
fn a_frame_whose_rest_does_not_come_ends_its_connection() {
    let mut bench = Bench::with_channel();
    assert!(
        bench
            .acl(&[7, 0x20, 7, 0, 5, 0, 0x40, 0, 100, 0, 1])
            .is_some()
    );
    let next = [7, 0x20, 6, 0, 2, 0, 0x40, 0, 0, 0];
    assert_eq!(bench.acl(&next), None);
    assert_eq!(bench.acl(&next), None);
    assert_eq!(bench.state.next_disconnection(), Some(7));
    assert_eq!(bench.state.next_disconnection(), None);
}

#[test]
fn a_frame_of_no_channel_in_parts_is_left_out_whole() {
    let mut bench = Bench::with_channel();
    assert_eq!(bench.acl(&[7, 0x20, 6, 0, 10, 0, 0x3A, 0, 1, 2]), None);
    assert_eq!(bench.acl(&[7, 0x10, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8]), None);
    assert!(bench.acl(&[7, 0x20, 6, 0, 2, 0, 0x40, 0, 0, 0]).is_some());
    assert_eq!(bench.state.next_disconnection(), None);
}

//! What becomes of a packet from the controller.

use super::*;

#[test]
fn a_connection_has_a_link_from_its_event_to_its_end() {
    let mut bench = Bench::connected(4);
    let id = bench.links.find(7).unwrap();
    let peer = bench
        .links
        .with_link(id, |link| link.info.peer)
        .unwrap()
        .unwrap();
    assert_eq!(peer.addr.raw(), &[1, 2, 3, 4, 5, 0xC6]);
    assert_eq!(bench.state.take_attempt(), Attempt::Connected(id));
    assert!(bench.event(&[0x05, 4, 0, 7, 0, 0x13]).is_some());
    assert_eq!(bench.links.find(7), None);
    let ended = bench
        .links
        .with_link(id, |link| (link.info.phase(), link.info.reason()));
    assert_eq!(ended, Some((LinkPhase::Closed, Some(Reason::Hci(0x13)))));
}

#[test]
fn features_that_are_refused_are_not_those_of_a_peer_that_has_none() {
    let mut bench = Bench::connected(4);
    let id = bench.links.find(7).unwrap();
    let features = |bench: &Bench| {
        let info = bench.links.with_link(id, |link| link.info.remote_features);
        info.expect("the link is there")
    };
    assert_eq!(features(&bench), None);
    // LE Read Remote Features Complete (Core Vol 4 Part E, 7.7.65.4).
    bench.event(&[0x3E, 12, 0x04, 0x1A, 7, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(features(&bench), Some(Err(0x1A)));
    bench.event(&[0x3E, 12, 0x04, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(features(&bench), Some(Ok(0)));
}

#[test]
fn what_does_not_decode_is_counted_and_never_passed_on() {
    let mut bench = Bench::connected(4);
    let before = bench.undecodable();
    let odd: [&[u8]; 9] = [
        &[],
        &[0x0E],
        &[0x0E, 2, 1, 2],
        &[0x0E, 4, 1, 3, 12],
        &[0x0F, 3, 0, 1, 2],
        &[0x05, 3, 0, 7, 0],
        &[0x13, 4, 1, 7, 0, 1],
        &[0x3E, 0],
        &[0x3E, 3, 0x01, 0, 7],
    ];
    for event in odd {
        assert_eq!(bench.event(event), None, "{event:02X?}");
    }
    assert_eq!(bench.undecodable() - before, odd.len() as u32);
    // What decodes and is of no use to trouble-host is not counted.
    assert_eq!(bench.event(&[0xFF, 1, 9]), None);
    assert_eq!(bench.event(&[0x3E, 1, 0x7E]), None);
    assert_eq!(bench.undecodable() - before, odd.len() as u32);
}

#[test]
fn every_prefix_of_an_event_is_survived() {
    let mut bench = Bench::connected(4);
    let events: [&[u8]; 4] = [
        &CONNECTED,
        &[
            0x3E, 15, 0x02, 1, 0, 1, 1, 2, 3, 4, 5, 0xC6, 3, 2, 1, 6, 0xC8,
        ],
        &[0x0E, 7, 1, 0x02, 0x20, 0, 27, 0, 4],
        &[0x13, 5, 1, 7, 0, 1, 0],
    ];
    for event in events {
        for len in 0..event.len() {
            // Cut, and cut with a length that fits what is left.
            assert_eq!(bench.event(&event[..len]), None);
            if len > 2 {
                let mut cut = event[..len].to_vec();
                cut[1] = (len - 2) as u8;
                let passed = bench.event(&cut);
                assert!(passed.is_none_or(|p| p.len() <= len));
            }
        }
    }
}

#[test]
fn advertising_reports_go_to_the_scan_and_not_to_trouble_host() {
    let mut bench = Bench::new();
    let report = [
        0x3E, 15, 0x02, 1, 0, 1, 1, 2, 3, 4, 5, 0xC6, 3, 2, 1, 6, 0xC8,
    ];
    assert_eq!(bench.event(&report), None);
    assert_eq!((*bench.reports.borrow(), bench.undecodable()), (1, 0));
    let mut damaged = report;
    damaged[12] = 99;
    assert_eq!(bench.event(&damaged), None);
    assert_eq!((*bench.reports.borrow(), bench.undecodable()), (1, 1));
}

#[test]
fn no_pdu_is_agreed_on_that_there_is_no_room_for_on_its_way_out() {
    let mut bench = Bench::new();
    bench.state.set_longest_pdu(50);
    bench.answer(&[0x0E, 7, 1, 0x02, 0x20, 0, 27, 0, 4]);
    assert!(bench.event(&CONNECTED).is_some());
    let id = bench.links.find(7).unwrap();
    let offered = bench.links.with_link(id, |link| link.bearer.largest_mtu());
    assert_eq!(offered.map(|mtu| mtu.get()), Some(50));
}

#[test]
fn an_att_pdu_in_many_packets_reaches_the_bearer_once() {
    let mut bench = Bench::connected(4);
    // The peer asks for the MTU, in packets of five bytes and two.
    assert_eq!(
        bench.inbound(PacketKind::AclData, &[7, 0x20, 5, 0, 3, 0, 4, 0, 2]),
        None
    );
    assert_eq!(
        bench.inbound(PacketKind::AclData, &[7, 0x10, 2, 0, 100, 0]),
        None
    );
    let id = bench.links.find(7).unwrap();
    let mut out = [0; 32];
    let answer = bench.links.with_link(id, |link| {
        link.bearer.poll_transmit(Instant::from_secs(0), &mut out)
    });
    assert_eq!(answer.flatten(), Some(3));
    assert_eq!(out[0], 0x03);
    // Other channels pass through as they are, where there are any.
    let signal = [7, 0x20, 8, 0, 4, 0, 5, 0, 1, 1, 0, 0];
    assert_eq!(
        bench.inbound(PacketKind::AclData, &signal),
        CARRIES_ACL.then(|| signal.to_vec())
    );
    // And a connection nobody knows of is none.
    assert_eq!(
        bench.inbound(PacketKind::AclData, &[9, 0x20, 5, 0, 1, 0, 4, 0, 2]),
        None
    );
    assert_eq!(bench.undecodable(), 1);
}

#[test]
fn a_controller_without_le_is_refused_with_the_reason() {
    for opcode in [0x01, 0x05, 0x18] {
        let mut bench = Bench::new();
        bench.answer(&[0x0E, 4, 1, opcode, 0x20, 0x01]);
        assert_eq!(bench.state.failure(), Some(Failure::NotLe));
    }
}

#[test]
fn the_buffers_that_le_shares_with_br_edr_count_where_it_has_none_of_its_own() {
    let mut bench = Bench::new();
    bench.answer(&[0x0E, 7, 1, 0x02, 0x20, 0, 0, 0, 0]);
    assert_eq!(bench.state.buffers(), (0, 0));
    bench.answer(&[0x0E, 11, 1, 0x05, 0x10, 0, 0x36, 1, 64, 10, 0, 8, 0]);
    assert_eq!(bench.state.buffers(), (310, 10));
    assert_eq!(bench.state.failure(), None);
}

#[test]
fn a_connection_that_failed_is_over_whatever_else_its_event_says() {
    for (code, len) in [(0x01, 19), (0x0A, 31)] {
        let mut bench = Bench::new();
        let mut event = std::vec![0xFF; usize::from(len) + 2];
        event[..4].copy_from_slice(&[0x3E, len, code, 0x02]);
        assert_eq!(bench.event(&event), None);
        assert_eq!(bench.state.take_attempt(), Attempt::Failed(0x02));
    }
}

#[cfg(not(feature = "channels"))]
#[test]
fn without_channels_a_peer_that_asks_for_one_is_told_that_it_is_not_understood() {
    let mut bench = Bench::connected(2);
    let now = Instant::from_secs(0);
    let asks = [
        7, 0x20, 18, 0, 14, 0, 5, 0, 0x14, 3, 10, 0, 0x80, 0, 0x40, 0, 0, 1, 0, 1, 1, 0,
    ];
    // However often it asks before it has its answer, that is one.
    for _ in 0..20 {
        assert_eq!(bench.inbound(PacketKind::AclData, &asks), None);
    }
    let rejected = [6, 0, 5, 0, 0x01, 3, 2, 0, 0, 0];
    assert_eq!(bench.state.next_answer(now), Some((7, rejected)));
    assert_eq!(bench.state.next_answer(now), None);
    // What it answers that nobody asked is not answered in turn.
    let answers = [7, 0x20, 8, 0, 4, 0, 5, 0, 0x15, 1, 0, 0];
    assert_eq!(bench.inbound(PacketKind::AclData, &answers), None);
    assert_eq!(bench.state.next_answer(now), None);
}

//! Controllers that say what can not be.

use super::*;

/// A Disconnect of connection 7 is due.
fn is_doomed(bench: &mut Bench) -> bool {
    bench.state.next_disconnection() == Some(7)
}

#[test]
fn no_connection_has_a_handle_that_there_is_not() {
    for handle in [0x0F00_u16, 0x0F07, 0x0FFF, 0xFFFF] {
        for (code, len) in [(0x01, 19), (0x0A, 31)] {
            let mut bench = Bench::new();
            let mut event = std::vec![0; usize::from(len) + 2];
            event[..21].copy_from_slice(&CONNECTED);
            event[1..3].copy_from_slice(&[len, code]);
            event[4..6].copy_from_slice(&handle.to_le_bytes());
            assert_eq!(bench.event(&event), None);
            assert_eq!(bench.state.take_attempt(), Attempt::Failed(0x1F));
            assert!(bench.links.find(handle).is_none() && !bench.state.turns().any_connected());
        }
    }
}

#[test]
fn what_is_said_of_a_connection_that_can_not_be_goes_nowhere() {
    let mut bench = Bench::connected(4);
    let mut asked = [0x3E, 11, 0x06, 0xFF, 0xFF, 6, 0, 12, 0, 0, 0, 200, 0];
    assert_eq!(bench.event(&asked), None);
    assert!(bench.state.next_request().is_none());
    for event in [
        &[0x05, 4, 0, 7, 0x0F, 0x13][..],
        &[0x08, 4, 0, 7, 0x0F, 1],
        &[0x3E, 10, 0x03, 0, 7, 0x0F, 24, 0, 0, 0, 0xF4, 1],
        &[0x3E, 11, 0x07, 7, 0x0F, 251, 0, 0, 8, 251, 0, 0, 8],
    ] {
        assert_eq!(bench.event(event), None, "{event:02X?}");
    }
    assert_eq!(bench.undecodable(), 5);
    asked[3..5].copy_from_slice(&[7, 0]);
    assert_eq!(bench.event(&asked), None);
    assert_eq!(bench.state.next_request().unwrap().handle, 7);
}

/// They are reserved for future use, so they may be anything (Core Vol 1 Part E, 2.10).
#[test]
fn the_bits_above_a_handle_mean_nothing() {
    let mut bench = Bench::new();
    let mut connected = CONNECTED;
    connected[5] = 0x30;
    assert_eq!(bench.event(&connected), Some(CONNECTED.to_vec()));
    assert!(bench.links.find(7).is_some());
    let seen = bench.event(&[0x05, 4, 0, 7, 0xA0, 0x13]);
    assert_eq!(seen.as_deref(), Some(&[0x05, 4, 0, 7, 0, 0x13][..]));
    assert!(bench.links.find(7).is_none());
}

/// trouble-host would wait for an advertiser to take it.
#[test]
fn a_connection_is_the_centrals_whatever_role_it_is_told_to_have() {
    let mut bench = Bench::new();
    let mut peripheral = CONNECTED;
    peripheral[6] = 1;
    assert_eq!(bench.event(&peripheral), Some(CONNECTED.to_vec()));
}

#[test]
fn a_handle_that_is_given_twice_is_given_back_and_neither_connection_is_used() {
    let mut bench = Bench::connected(4);
    let id = bench.links.find(7).unwrap();
    assert_eq!(bench.state.take_attempt(), Attempt::Connected(id));
    assert_eq!(bench.event(&CONNECTED), None);
    assert_eq!(bench.state.take_attempt(), Attempt::Failed(0x1F));
    let phase = bench.links.with_link(id, |link| link.info.phase());
    assert_eq!(phase, Some(LinkPhase::Closed));
    assert!(is_doomed(&mut bench), "it is disconnected");
    assert!(bench.event(&[0x05, 4, 0, 7, 0, 0x16]).is_some());
    assert!(bench.event(&CONNECTED).is_some());
    assert!(bench.links.find(7).is_some());
}

/// Its place would never be free again, and its device never be connected to: the controller says that it is.
#[test]
fn a_connection_that_nobody_has_taken_is_ended_when_more_is_told() {
    let mut other = CONNECTED;
    other[4] = 8;
    let mut failed = other;
    failed[3] = 0x3E;
    for more in [other, failed] {
        let mut bench = Bench::connected(4);
        let id = bench.links.find(7).unwrap();
        bench.event(&more);
        assert!(is_doomed(&mut bench));
        let taken = bench.state.take_attempt();
        assert!(!matches!(taken, Attempt::Connected(of) if of == id));
        // One that was taken is somebody's.
        assert_eq!(bench.event(&failed), None);
        assert_eq!(bench.state.next_disconnection(), None);
    }
}

/// The first, which never was, was to be ended already: the controller has said that it does not know it
/// before it made the second, or ends the one and not the other.
#[test]
fn of_a_handle_that_is_given_twice_both_connections_are_ended() {
    let mut bench = Bench::connected(4);
    let id = bench.links.find(7).unwrap();
    bench.state.doom(id);
    assert!(is_doomed(&mut bench));
    bench
        .state
        .command_sent(&command(0x0406, &[7, 0, 0x13]), Instant::from_secs(9));
    assert_eq!(bench.event(&CONNECTED), None);
    bench.event(&[0x0F, 4, 0x02, 1, 0x06, 0x04]);
    let over = bench.state.next_stand_in().unwrap();
    assert!(bench.event(&over).is_some());
    assert!(is_doomed(&mut bench), "the other one");
}

#[test]
fn a_connection_event_that_is_cut_ends_no_connection() {
    let mut bench = Bench::connected(4);
    let mut cut = CONNECTED[..20].to_vec();
    cut[1] = 18;
    assert_eq!(bench.event(&cut), None);
    assert!(bench.links.find(7).is_some());
}

/// Else whoever disconnects would wait for that for ever.
#[test]
fn a_connection_that_the_controller_does_not_know_is_over_when_it_is_disconnected() {
    let mut bench = Bench::connected(4);
    let disconnect = command(0x0406, &[7, 0, 0x13]);
    let sent = Instant::from_secs(1);
    bench.state.command_sent(&disconnect, sent);
    bench.event(&[0x0F, 4, 0x0C, 1, 0x06, 0x04]);
    assert_eq!(bench.state.next_stand_in(), None, "it may be on its way");
    bench.state.command_sent(&disconnect, sent);
    bench.event(&[0x0F, 4, 0x02, 1, 0x06, 0x04]);
    let over = bench.state.next_stand_in().unwrap();
    assert_eq!(
        bench.event(&over).as_deref(),
        Some(&[0x05, 4, 0, 7, 0, 0x02][..])
    );
    assert!(bench.links.find(7).is_none());
}

/// By the link layer's own rules it is over then, whatever becomes of the peer: Core Vol 6 Part B, 5.1.6.
#[test]
fn a_connection_whose_end_the_controller_never_tells_is_over_after_its_supervision_timeout() {
    for status in [0x00, 0x0C] {
        let mut bench = Bench::connected(4);
        let id = bench.links.find(7).unwrap();
        assert!(bench.att_sends());
        let disconnect = command(0x0406, &[7, 0, 0x13]);
        let answer = [0x0F, 4, status, 1, 0x06, 0x04];
        let (asked, ms) = (Instant::from_secs(60), Duration::from_millis);
        bench.state.command_sent(&disconnect, asked);
        bench.event(&answer);
        // Whoever asks once more does not prolong it.
        bench.state.command_sent(&disconnect, asked + ms(1500));
        bench.event(&answer);
        bench.state.handle_timeout(asked + ms(2500));
        bench.state.handle_timeout(asked + ms(3500));
        assert_eq!(bench.state.next_stand_in(), None);
        bench.state.take_news(Waker::noop());
        // 5 s of supervision timeout, and 2 s.
        let due = asked + ms(7000);
        bench.state.handle_timeout(due - ms(1));
        assert!(!is_doomed(&mut bench));
        assert!(bench.state.deadline() <= due);
        bench.state.handle_timeout(due);
        assert!(bench.state.take_news(Waker::noop()));
        assert!(is_doomed(&mut bench), "it is asked once more");
        assert!(bench.state.deadline() > due, "and no more");
        assert_eq!(bench.links.find(7), Some(id));
        bench.state.command_sent(&disconnect, due);
        bench.event(&answer);
        let over = bench.state.next_stand_in().unwrap();
        assert!(bench.event(&over).is_some(), "trouble-host is told");
        let reason = bench.links.with_link(id, |link| link.info.reason());
        assert_eq!(reason, Some(Some(Reason::DisconnectUnconfirmed)));
        assert!(!bench.state.turns().any_connected(), "its buffers are free");
        assert_eq!(bench.state.link(7), None);
    }
}

#[test]
fn a_connection_whose_end_is_told_in_time_has_that_reason() {
    let mut bench = Bench::connected(4);
    let id = bench.links.find(7).unwrap();
    let asked = Instant::from_secs(60);
    bench
        .state
        .command_sent(&command(0x0406, &[7, 0, 0x13]), asked);
    bench.event(&[0x0F, 4, 0, 1, 0x06, 0x04]);
    assert!(bench.event(&[0x05, 4, 0, 7, 0, 0x16]).is_some());
    bench.state.handle_timeout(asked + Duration::from_secs(60));
    assert!(!is_doomed(&mut bench));
    let reason = bench.links.with_link(id, |link| link.info.reason());
    assert_eq!(reason, Some(Some(Reason::Hci(0x16))));
}

#[test]
fn a_disconnection_that_failed_is_none() {
    let mut bench = Bench::connected(4);
    assert_eq!(bench.event(&[0x05, 4, 0x0C, 7, 0, 0]), None);
    assert!(bench.links.find(7).is_some());
}

/// trouble-host would end itself for the fourth of them.
#[test]
fn what_only_a_peripheral_is_asked_goes_nowhere() {
    let mut bench = Bench::connected(4);
    let mut key_request = std::vec![0x3E, 13, 0x05, 7, 0];
    key_request.resize(15, 0);
    assert_eq!(bench.event(&key_request), None);
    assert_eq!(bench.event(&[0x3E, 6, 0x12, 0, 0, 7, 0, 0]), None);
    assert_eq!(bench.undecodable(), 0);
}

#[test]
fn an_answer_that_nobody_asked_for_changes_nothing() {
    let mut bench = Bench::connected(4);
    bench.event(&[0x0E, 4, 1, 0x03, 0x0C, 0]);
    bench.event(&[0x0E, 7, 1, 0x02, 0x20, 0, 0xFF, 0xFF, 200]);
    bench.event(&[0x0F, 4, 0x0C, 1, 0x0D, 0x20]);
    bench.event(&[0x0E, 4, 1, 0x01, 0x20, 0x01]);
    assert_eq!(bench.state.buffers(), (27, 4));
    assert!(matches!(bench.state.take_attempt(), Attempt::Connected(_)));
    assert_eq!(bench.state.failure(), None);
}

#[test]
fn a_command_that_has_begun_is_still_awaited() {
    let mut bench = Bench::new();
    let sent = Instant::from_secs(10);
    bench.state.command_sent(&command(0x1009, &[]), sent);
    bench.event(&[0x0F, 4, 0, 1, 0x09, 0x10]);
    bench.state.handle_timeout(sent + Duration::from_secs(2));
    assert_eq!(bench.read_all(), Some(Failure::Silent(0x1009)));
}

/// As the ROM of early Intel sticks does: it has said that it takes no command, and says no more.
#[test]
fn a_controller_that_takes_no_command_after_its_first_reset_is_sent_one_all_the_same() {
    let mut bench = Bench::new();
    bench.answer(&[0x0E, 4, 0, 0x03, 0x0C, 0]);
    for go_on in [true, false] {
        let begun = Instant::from_secs(10);
        bench.state.room_awaited(begun);
        bench.state.handle_timeout(begun + Duration::from_secs(2));
        let failure = bench.read_all();
        let room = go_on.then_some([0x0F, 4, 0x01, 1, 0, 0]);
        assert_eq!(bench.state.next_stand_in(), room);
        assert_eq!(failure.is_none(), go_on);
    }
}

/// What Zephyr's `hci_uart` sends when an assertion fails, and then it stands still.
#[test]
fn a_controller_that_falls_silent_after_a_failed_assertion_is_told_to_have_failed_so() {
    let mut bench = Bench::new();
    let mut assertion = std::vec![0xFF, 11, 0xAA];
    assertion.extend(*b"lll.c\0\xD2\x04\0\0");
    let sent = Instant::from_secs(10);
    for asserts in [false, true] {
        if asserts {
            assert_eq!(bench.event(&assertion), None);
            assert_eq!(bench.state.failure(), None, "it may be another vendor's");
        }
        bench.state.command_sent(&command(0x1009, &[]), sent);
        if !asserts {
            bench.event(&[0x0E, 10, 1, 0x09, 0x10, 0, 1, 2, 3, 4, 5, 6]);
        }
        bench.state.handle_timeout(sent + Duration::from_secs(2));
    }
    assert_eq!(bench.read_all(), Some(Failure::Asserted(1234)));
}

/// Else whoever has cancelled it would wait for that for ever.
#[test]
fn an_attempt_that_the_controller_can_not_cancel_is_over() {
    let mut bench = Bench::connected(4);
    bench.state.take_attempt();
    let now = Instant::from_secs(9);
    bench.state.command_sent(&command(0x200D, &[0; 25]), now);
    bench.event(&[0x0F, 4, 0, 1, 0x0D, 0x20]);
    assert_eq!(bench.state.take_attempt(), Attempt::Running);
    bench.state.command_sent(&command(0x200E, &[]), now);
    bench.event(&[0x0E, 4, 1, 0x0E, 0x20, 0x0C]);
    assert_eq!(bench.state.take_attempt(), Attempt::Failed(0x02));
}

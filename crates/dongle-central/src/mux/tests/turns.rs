//! Who may send, and whose buffer comes back.

use super::*;

#[test]
fn trouble_host_hears_only_of_its_own_completed_packets() {
    let mut bench = Bench::connected(8);
    assert!(bench.att_sends());
    assert!(bench.host_sends(true, 4, 8));
    assert!(bench.att_sends());
    assert_eq!(bench.event(&[0x13, 5, 1, 7, 0, 1, 0]), None, "one of ours");
    let theirs = bench.event(&[0x13, 5, 1, 7, 0, 2, 0]).unwrap();
    assert_eq!(theirs, [0x13, 5, 1, 7, 0, 1, 0]);
}

#[test]
fn the_end_of_a_connection_frees_its_buffers() {
    let mut bench = Bench::connected(1);
    assert!(bench.att_sends());
    assert!(!bench.host_sends(true, 4, 8));
    bench.event(&[0x05, 4, 0, 7, 0, 0x08]);
    bench.event(&CONNECTED);
    assert!(bench.host_sends(true, 4, 8));
}

#[test]
fn fragments_of_two_frames_never_mix_on_one_connection() {
    let mut bench = Bench::connected(8);
    // trouble-host is in the middle of a frame of 30 bytes.
    assert!(bench.host_sends(true, 30, 27));
    assert!(!bench.att_sends());
    assert!(bench.host_sends(false, 0, 7));
    // And a bearer in the middle of one of its own.
    assert!(bench.state.turns().att_may_begin(7, Instant::from_secs(0)));
    bench.state.turns().begin_att_frame(7);
    assert!(bench.att_packet());
    assert!(!bench.host_sends(true, 4, 8));
    assert!(bench.att_packet());
    bench.state.turns().end_att_frame();
    assert!(bench.host_sends(true, 4, 8));
}

#[test]
fn a_frame_that_trouble_host_gives_up_does_not_hold_up_the_bearers_for_ever() {
    let mut bench = Bench::connected(8);
    assert!(bench.host_sends(true, 30, 27));
    assert!(
        !bench
            .state
            .turns()
            .att_may_begin(7, Instant::from_millis(900))
    );
    // The pump is told when to look again.
    assert_eq!(bench.state.deadline(), Instant::from_secs(1));
    assert!(
        bench
            .state
            .turns()
            .att_may_begin(7, Instant::from_millis(1100))
    );
}

#[test]
fn a_frame_that_waits_for_a_buffer_is_not_given_up_however_long_the_link_stands_still() {
    let mut bench = Bench::connected(1);
    assert!(bench.host_sends(true, 56, 27));
    assert!(!bench.host_sends(false, 56, 27), "no buffer");
    let later = Instant::from_secs(3);
    assert!(!bench.state.turns().att_may_begin(7, later));
    bench.state.handle_timeout(later);
    // The peer is heard again.
    bench.event(&[0x13, 5, 1, 7, 0, 1, 0]);
    assert!(!bench.state.turns().att_may_begin(7, later));
    assert!(bench.host_sends(false, 56, 27));
    // Now its writer has gone.
    assert!(!bench.host_sends(false, 56, 6), "no buffer");
    bench.state.turns().host_gave_up(7);
    bench.event(&[0x13, 5, 1, 7, 0, 1, 0]);
    assert!(bench.state.turns().att_may_begin(7, later));
}

#[test]
fn with_one_buffer_both_sides_have_their_turn() {
    let mut bench = Bench::connected(1);
    let mut sent = Vec::new();
    for _ in 0..40 {
        // Both always want to; trouble-host is asked first.
        if bench.host_sends(true, 4, 8) {
            sent.push('h');
        }
        if bench.att_sends() {
            sent.push('a');
        }
        bench.event(&[0x13, 5, 1, 7, 0, 1, 0]);
    }
    let hosts = sent.iter().filter(|s| **s == 'h').count();
    assert!(sent.len() >= 20, "{sent:?}");
    assert!(
        hosts * 3 >= sent.len() && hosts * 3 <= sent.len() * 2,
        "{sent:?}"
    );
}

#[test]
fn a_side_that_lost_interest_does_not_hold_up_the_other() {
    let mut bench = Bench::connected(1);
    assert!(bench.att_sends());
    assert!(!bench.host_sends(true, 4, 8), "waits");
    bench.event(&[0x13, 5, 1, 7, 0, 1, 0]);
    // Its future was dropped meanwhile; it is let go first once, and never again.
    assert!(!bench.att_sends());
    assert!(bench.att_sends());
}

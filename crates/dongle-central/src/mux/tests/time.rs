//! What is owed for too long, and what is told of that.

use super::*;

#[test]
fn a_command_without_answer_for_two_seconds_fails_the_controller() {
    let mut bench = Bench::new();
    let sent = Instant::from_secs(10);
    bench.state.command_sent(&command(0x1009, &[]), sent);
    bench
        .state
        .handle_timeout(sent + Duration::from_millis(1999));
    assert_eq!(bench.state.failure(), None);
    assert_eq!(bench.state.deadline(), sent + Duration::from_secs(2));
    bench.state.handle_timeout(sent + Duration::from_secs(2));
    assert_eq!(bench.read_all(), Some(Failure::Silent(0x1009)));
}

/// A machine that is busy may let both come at once, the end of the time and the answer.
#[test]
fn an_answer_that_lies_there_unread_when_its_time_is_over_counts() {
    let mut bench = Bench::new();
    let sent = Instant::from_secs(10);
    bench.state.command_sent(&command(0x1009, &[]), sent);
    let wakes = Wakes::default();
    assert!(
        bench
            .state
            .poll_owed(&mut Context::from_waker(&wakes.waker()))
            .is_pending()
    );
    bench.state.handle_timeout(sent + Duration::from_secs(2));
    assert_eq!(wakes.count(), 1, "whoever reads is to look");
    bench.event(&[0x0E, 10, 1, 0x09, 0x10, 0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(bench.read_all(), None);
    bench.state.handle_timeout(sent + Duration::from_secs(60));
    assert_eq!(bench.read_all(), None);
}

#[test]
fn a_controller_that_nobody_reads_from_is_failed_all_the_same() {
    let mut bench = Bench::new();
    let sent = Instant::from_secs(10);
    bench.state.command_sent(&command(0x1009, &[]), sent);
    bench.state.handle_timeout(sent + Duration::from_secs(2));
    assert_eq!(bench.state.failure(), None);
    bench.state.handle_timeout(sent + Duration::from_secs(4));
    assert_eq!(bench.state.failure(), Some(Failure::Silent(0x1009)));
}

#[test]
fn a_host_that_was_kept_from_reading_looks_once_more_for_the_answer() {
    let mut bench = Bench::new();
    let sent = Instant::from_secs(10);
    let late = sent + Duration::from_secs(5);
    bench.state.command_sent(&command(0x1009, &[]), sent);
    bench.state.handle_timeout(late);
    assert_eq!(bench.read_all(), None);
    let again = late + Duration::from_millis(100);
    assert_eq!(bench.state.deadline(), again);
    bench.state.handle_timeout(again + Duration::from_secs(5));
    assert_eq!(bench.read_all(), Some(Failure::Silent(0x1009)));
}

#[test]
fn a_controller_that_takes_no_command_for_two_seconds_is_failed() {
    let begun = Instant::from_secs(1);
    let wait = |state: &mut MuxState| {
        state.room_awaited(begun);
        // Whoever else waits for it does not prolong it.
        state.room_awaited(begun + Duration::from_secs(1));
    };
    let mut bench = Bench::new();
    wait(&mut bench.state);
    assert_eq!(bench.state.deadline(), begun + Duration::from_secs(2));
    bench.state.handle_timeout(begun + Duration::from_secs(2));
    assert_eq!(bench.read_all(), Some(Failure::Silent(0)));
    let mut bench = Bench::new();
    wait(&mut bench.state);
    bench.state.room_came();
    bench.state.handle_timeout(begun + Duration::from_secs(2));
    assert_eq!(bench.state.failure(), None);
}

#[test]
fn a_controller_that_answers_a_command_is_not_failed_for_it() {
    let mut bench = Bench::new();
    let sent = Instant::from_secs(10);
    bench.state.command_sent(&command(0x1009, &[]), sent);
    bench.event(&[0x0E, 10, 1, 0x09, 0x10, 0, 1, 2, 3, 4, 5, 6]);
    bench.state.handle_timeout(sent + Duration::from_secs(60));
    assert_eq!(bench.state.failure(), None);
}

fn silence(bench: &mut Bench) -> Option<Lull> {
    bench.state.take_silence()
}

#[test]
fn a_controller_that_says_nothing_for_a_second_is_noticed_and_one_that_talks_is_not() {
    let mut bench = Bench::new();
    let second = Duration::from_secs(1);
    let sent = Instant::from_secs(10);
    bench.state.command_sent(&command(0x1009, &[]), sent);
    bench.event(&[0x0E, 10, 1, 0x09, 0x10, 0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(bench.state.deadline(), sent + second);
    bench.state.handle_timeout(sent + second);
    assert_eq!(silence(&mut bench), None, "it has answered");
    assert_eq!(bench.state.deadline(), sent + second * 2);
    bench.state.handle_timeout(sent + second * 2);
    assert_eq!(silence(&mut bench), Some(Lull::Short));
    assert_eq!(silence(&mut bench), None, "that is told once");
    assert_eq!(
        bench.state.deadline(),
        Instant::MAX,
        "there is no connection"
    );
}

#[test]
fn a_connection_at_rest_is_listened_to_every_ten_seconds_and_what_is_sent_every_second() {
    let mut bench = Bench::connected(4);
    let (second, ten) = (Duration::from_secs(1), Duration::from_secs(10));
    // What it was asked before the connection was long ago.
    bench.state.handle_timeout(Instant::from_secs(1));
    bench.state.handle_timeout(Instant::from_secs(2));
    assert_eq!(silence(&mut bench), Some(Lull::Short));
    let sent = Instant::from_secs(10);
    bench.state.listen(sent);
    bench.state.handle_timeout(sent + second);
    assert_eq!(silence(&mut bench), Some(Lull::Short));
    let rest = sent + second + ten;
    assert_eq!(bench.state.deadline(), rest);
    bench.state.handle_timeout(rest);
    assert_eq!(silence(&mut bench), Some(Lull::Long));
    assert_eq!(bench.state.deadline(), rest + ten);
    bench.state.listen(rest);
    assert_eq!(bench.state.deadline(), rest + second);
    bench.state.listen(rest + second);
    assert_eq!(bench.state.deadline(), rest + second, "first things first");
}

#[test]
fn whatever_the_central_role_has_to_act_on_wakes_it() {
    let mut bench = Bench::connected(4);
    let id = bench.links.find(7).unwrap();
    let asks = [
        7, 0x20, 16, 0, 12, 0, 5, 0, 0x12, 7, 8, 0, 24, 0, 40, 0, 1, 0, 0x48, 0,
    ];
    let happens: [&dyn Fn(&mut Bench); 6] = [
        &|_| {},
        &|bench| bench.state.doom(id),
        &|bench| bench.state.stir(),
        &|bench| _ = bench.inbound(PacketKind::AclData, &asks),
        &|bench| _ = bench.event(&CONNECTED),
        &|bench| {
            let sent = Instant::from_secs(10);
            bench.state.command_sent(&command(0x1009, &[]), sent);
            bench.event(&[0x0E, 10, 1, 0x09, 0x10, 0, 1, 2, 3, 4, 5, 6]);
            bench.state.handle_timeout(sent + Duration::from_secs(1));
            bench.state.handle_timeout(sent + Duration::from_secs(2));
        },
    ];
    bench.state.take_news(Waker::noop());
    for (number, happens) in happens.iter().enumerate() {
        let wakes = Wakes::default();
        assert!(!bench.state.take_news(&wakes.waker()));
        happens(&mut bench);
        let is_news = number > 0;
        assert_eq!(wakes.count() > 0, is_news, "{number}");
        assert_eq!(bench.state.take_news(Waker::noop()), is_news, "{number}");
    }
    assert_eq!(bench.state.next_disconnection(), Some(7));
    assert_eq!(bench.state.next_request().unwrap().identifier, Some(7));
    assert_eq!(bench.state.take_silence(), Some(Lull::Short));
}

#[cfg(feature = "security")]
#[test]
fn news_that_was_asked_for_comes_at_the_earliest_of_the_times() {
    let mut bench = Bench::new();
    let second = |n| Instant::from_secs(n);
    bench.state.wake_at(second(20));
    bench.state.wake_at(second(10));
    bench.state.wake_at(second(30));
    assert_eq!(bench.state.deadline(), second(10));
    bench.state.take_news(Waker::noop());
    bench.state.handle_timeout(second(9));
    assert!(!bench.state.take_news(Waker::noop()));
    bench.state.handle_timeout(second(10));
    assert!(bench.state.take_news(Waker::noop()));
    assert_eq!(bench.state.deadline(), Instant::MAX);
}

#[test]
fn a_command_that_can_be_done_without_is_answered_in_the_controllers_place() {
    for (opcode, parameters) in [
        (0x2032, [7, 0, 0, 2, 2, 0, 0].as_slice()),
        (0x041D, &[7, 0]),
    ] {
        let mut bench = Bench::new();
        let sent = Instant::from_secs(10);
        let command = command(opcode, parameters);
        bench.state.command_sent(&command, sent);
        bench.state.handle_timeout(sent + Duration::from_secs(2));
        assert_eq!(bench.read_all(), None);
        let [low, high] = opcode.to_le_bytes();
        let stand_in = bench.state.next_stand_in();
        assert_eq!(stand_in, Some([0x0F, 4, 0x01, 1, low, high]));
    }
}

//! Requests: order, cancellation, timeouts, and responses that answer nothing.

use super::*;

#[test]
fn a_read_that_was_cancelled_in_flight_never_answers_the_next_one() {
    let mut rig = Rig::new();
    let first = rig.read(1);
    assert_eq!(rig.sent(), [0x0A, 1, 0]);
    rig.bearer().abandon(first);
    let second = rig.read(2);
    assert_eq!(rig.sent(), [], "the first transaction is still open");

    rig.receive(&[0x0B, 11]);
    assert_eq!(rig.answer(second), Poll::Pending);
    assert_eq!(rig.counters().late, 1);
    assert_eq!(rig.sent(), [0x0A, 2, 0]);
    rig.receive(&[0x0B, 22]);
    assert_eq!(rig.answer(second), answered(&[0x0B, 22]));
    assert_eq!(rig.answer(first), failed(CallError::Closed));
}

#[test]
fn a_read_that_was_cancelled_while_queued_is_never_sent() {
    let mut rig = Rig::new();
    let first = rig.read(1);
    let second = rig.read(2);
    let third = rig.read(3);
    rig.sent();
    rig.bearer().abandon(second);
    rig.receive(&[0x0B, 11]);
    assert_eq!(rig.answer(first), answered(&[0x0B, 11]));
    assert_eq!(rig.sent(), [0x0A, 3, 0]);
    rig.receive(&[0x0B, 33]);
    assert_eq!(rig.answer(third), answered(&[0x0B, 33]));
    assert_eq!(rig.sent(), []);
    assert_eq!(rig.counters().requests, 2);
}

#[test]
fn an_answer_that_nobody_fetched_goes_with_its_call() {
    let mut rig = Rig::new();
    let first = rig.read(1);
    rig.sent();
    rig.receive(&[0x0B, 11]);
    rig.bearer().abandon(first);
    let second = rig.read(2);
    assert_eq!(rig.answer(second), Poll::Pending);
    assert_eq!(rig.sent(), [0x0A, 2, 0]);
    rig.receive(&[0x0B, 22]);
    assert_eq!(rig.answer(second), answered(&[0x0B, 22]));
}

#[test]
fn a_call_s_own_timeout_ends_the_call_and_not_the_transaction() {
    let mut rig = Rig::new();
    let deadline = rig.now + Duration::from_secs(2);
    let first = rig.start_until(&[0x0A, 1, 0], Some(deadline)).unwrap();
    rig.sent();
    assert_eq!(rig.bearer().poll_timeout(), Some(deadline));
    rig.wait(Duration::from_millis(1999));
    assert_eq!(rig.answer(first), Poll::Pending);
    rig.wait(Duration::from_millis(1));
    assert_eq!(rig.wakes(), 1);
    assert_eq!(rig.answer(first), failed(CallError::Timeout));
    assert!(rig.bearer().is_open());

    let second = rig.read(2);
    assert_eq!(rig.sent(), []);
    rig.receive(&[0x0B, 11]);
    assert_eq!(rig.answer(second), Poll::Pending);
    assert_eq!(rig.sent(), [0x0A, 2, 0]);
    rig.receive(&[0x0B, 22]);
    assert_eq!(rig.answer(second), answered(&[0x0B, 22]));
    assert_eq!(rig.counters().late, 1);
}

#[test]
fn a_call_that_times_out_in_the_queue_is_never_sent() {
    let mut rig = Rig::new();
    let first = rig.read(1);
    rig.sent();
    let deadline = rig.now + Duration::from_secs(1);
    let second = rig.start_until(&[0x0A, 2, 0], Some(deadline)).unwrap();
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.answer(second), failed(CallError::Timeout));
    rig.receive(&[0x0B, 11]);
    assert_eq!(rig.answer(first), answered(&[0x0B, 11]));
    assert_eq!(rig.sent(), []);
}

#[test]
fn thirty_seconds_without_response_end_the_bearer_and_every_call() {
    let mut rig = Rig::new();
    let first = rig.read(1);
    let second = rig.read(2);
    rig.sent();
    assert_eq!(
        rig.bearer().poll_timeout(),
        Some(rig.now + TRANSACTION_TIMEOUT)
    );
    rig.wait(TRANSACTION_TIMEOUT - Duration::from_millis(1));
    assert!(rig.bearer().is_open());
    assert!(!rig.bearer().take_expired());

    rig.wait(Duration::from_millis(1));
    assert!(!rig.bearer().is_open());
    assert!(rig.bearer().take_expired());
    assert!(!rig.bearer().take_expired(), "it is told once");
    assert_eq!(rig.answer(first), failed(CallError::TransactionTimeout));
    assert_eq!(rig.answer(second), failed(CallError::TransactionTimeout));
    assert_eq!(rig.start(&[0x0A, 3, 0]), Err(StartError::Closed));
    assert_eq!(rig.command(3, &[]), Err(StartError::Closed));
    assert_eq!(rig.bearer().poll_timeout(), None);
}

#[test]
fn an_abandoned_request_ends_the_bearer_after_thirty_seconds_too() {
    let mut rig = Rig::new();
    let first = rig.read(1);
    rig.sent();
    rig.bearer().abandon(first);
    rig.wait(TRANSACTION_TIMEOUT);
    assert!(rig.bearer().take_expired());
}

#[test]
fn time_in_the_queue_does_not_count_towards_the_thirty_seconds() {
    let mut rig = Rig::new();
    rig.read(1);
    rig.sent();
    let second = rig.read(2);
    rig.wait(Duration::from_secs(29));
    rig.receive(&[0x0B]);
    rig.sent();
    rig.wait(Duration::from_secs(29));
    rig.receive(&[0x0B, 22]);
    assert_eq!(rig.answer(second), answered(&[0x0B, 22]));
}

#[test]
fn responses_that_are_none_change_nothing() {
    let mut rig = Rig::new();
    rig.receive(&[0x0B, 1]);
    assert_eq!(rig.counters().violations, 1, "nothing was asked");

    let call = rig.read(1);
    rig.receive(&[0x0B, 1]);
    assert_eq!(rig.answer(call), Poll::Pending, "nothing was sent yet");
    rig.sent();
    for pdu in [
        &[0x0D, 1][..],
        &[0x13],
        &[0x03, 100, 0],
        &[0x01, 0x0C, 1, 0, 0x0A],
        &[0x01],
    ] {
        let before = rig.counters().violations;
        rig.receive(pdu);
        assert_eq!(rig.answer(call), Poll::Pending, "{pdu:02X?}");
        assert_eq!(rig.counters().violations, before + 1, "{pdu:02X?}");
    }
    rig.receive(&[0x01, 0x0A, 1, 0, 0x0A]);
    assert_eq!(rig.answer(call), answered(&[0x01, 0x0A, 1, 0, 0x0A]));
    rig.receive(&[0x0B, 1]);
    assert_eq!(rig.answer(call), failed(CallError::Closed));
    assert_eq!(rig.bearer().mtu(), Mtu::DEFAULT);
}

#[test]
fn calls_go_out_in_order_one_at_a_time() {
    let mut rig = Rig::new();
    // Slots are freed and reused out of order, which must not affect the order of calls.
    let a = rig.read(100);
    let b = rig.read(101);
    let mut queue = std::collections::VecDeque::from([(a, 100), (b, 101)]);
    for number in 0..100 {
        let (call, handle) = queue.pop_front().unwrap();
        assert_eq!(rig.sent(), [0x0A, handle, 0]);
        queue.push_back((rig.read(number), number));
        queue.push_back((rig.read(number + 100), number + 100));
        assert_eq!(rig.sent(), [], "one is in flight");
        rig.receive(&[0x0B, handle]);
        assert_eq!(rig.answer(call), answered(&[0x0B, handle]));
        let (last, _) = queue.pop_back().unwrap();
        rig.bearer().abandon(last);
    }
}

#[test]
fn a_fifth_call_waits_until_one_is_over() {
    let mut rig = Rig::new();
    let first = rig.read(1);
    for handle in 2..=4 {
        rig.read(handle);
    }
    assert_eq!(rig.start(&[0x0A, 5, 0]), Err(StartError::Full));
    let waker = rig.wakes.waker();
    rig.bearer().wait_for_change(&waker);
    rig.bearer().wait_for_change(&waker);
    rig.sent();
    rig.receive(&[0x0B]);
    assert_eq!(
        rig.start(&[0x0A, 5, 0]),
        Err(StartError::Full),
        "its answer is not fetched"
    );
    let before = rig.wakes();
    assert_eq!(rig.answer(first), answered(&[0x0B]));
    assert_eq!(rig.wakes(), before + 1);
    assert!(rig.start(&[0x0A, 5, 0]).is_ok());
}

#[test]
fn more_callers_may_wait_than_there_are_places_for() {
    let mut rig = Rig::new();
    let wakes: Vec<Wakes> = (0..9).map(|_| Wakes::default()).collect();
    for each in &wakes {
        rig.bearer().wait_for_change(&each.waker());
    }
    assert_eq!(
        wakes.last().map(Wakes::count),
        Some(0),
        "who has a place is not woken for nothing"
    );
    rig.bearer().changed();
    for each in wakes {
        assert!(each.count() > 0, "none is forgotten");
    }
}

#[test]
fn a_request_longer_than_the_mtu_is_refused() {
    let mut rig = Rig::new();
    let started = rig.bearer().start(None, |mtu, out| {
        assert_eq!((mtu, out.len()), (Mtu::DEFAULT, 23));
        Ok::<_, ()>(24)
    });
    assert_eq!(started, Err(StartError::TooLong));
    let refused = rig.bearer().start(None, |_, _| Err("no"));
    assert_eq!(refused, Ok(Err("no")));
    assert_eq!(rig.sent(), []);
}

#[test]
fn a_response_longer_than_its_reader_s_buffer_tells_its_length() {
    let mut rig = Rig::new();
    let call = rig.read(1);
    rig.sent();
    rig.receive(&[0x0B, 1, 2, 3]);
    let mut out = [0; 2];
    let mut cx = Context::from_waker(Waker::noop());
    let polled = rig.bearer().poll_call(call, &mut cx, &mut out);
    assert_eq!((polled, out), (Poll::Ready(Ok(4)), [0x0B, 1]));
}

#[test]
fn closing_ends_every_call_and_wakes_its_caller() {
    let mut rig = Rig::new();
    let first = rig.read(1);
    let second = rig.read(2);
    rig.sent();
    assert_eq!(rig.answer(first), Poll::Pending);
    assert_eq!(rig.answer(second), Poll::Pending);
    rig.bearer().close();
    assert_eq!(rig.wakes(), 2);
    assert_eq!(rig.answer(first), failed(CallError::Closed));
    assert_eq!(rig.answer(second), failed(CallError::Closed));
    assert_eq!((rig.sent(), rig.bearer().poll_timeout()), (vec![], None));
}

#[test]
fn an_answer_that_came_before_the_end_can_still_be_fetched() {
    let mut rig = Rig::new();
    let call = rig.read(1);
    rig.sent();
    rig.receive(&[0x0B, 1]);
    rig.bearer().close();
    assert_eq!(rig.answer(call), answered(&[0x0B, 1]));
}

#[test]
fn a_call_of_an_earlier_connection_means_nothing_in_the_next() {
    let mut rig = Rig::new();
    let old = rig.read(1);
    rig.sent();
    rig.bearer().open();
    assert_eq!(rig.counters(), Counters::default());
    let new = rig.read(2);
    rig.sent();
    rig.receive(&[0x0B, 22]);
    assert_eq!(rig.answer(old), failed(CallError::Closed));
    rig.bearer().abandon(old);
    assert_eq!(rig.answer(new), answered(&[0x0B, 22]));
}

#[test]
fn an_alarm_wakes_those_who_wait_and_rings_once() {
    let mut rig = Rig::new();
    let waker = rig.wakes.waker();
    rig.bearer().wait_for_change(&waker);
    let at = rig.now + Duration::from_secs(5);
    assert!(rig.bearer().set_alarm(at));
    assert!(!rig.bearer().set_alarm(at + Duration::from_secs(1)));
    assert_eq!(rig.bearer().poll_timeout(), Some(at));
    rig.wait(Duration::from_secs(5));
    assert_eq!((rig.wakes(), rig.bearer().poll_timeout()), (1, None));
}

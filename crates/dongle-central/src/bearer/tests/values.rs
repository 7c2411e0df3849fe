//! Notifications and indications: in order, counted when lost, confirmed when kept.

use super::ValueKind::{Indication, Notification};
use super::*;

const CONFIRMATION: [u8; 1] = [0x1E];

fn notify(rig: &mut Rig, handle: u8, value: &[u8]) {
    let mut pdu = vec![0x1B, handle, 0];
    pdu.extend_from_slice(value);
    rig.receive(&pdu);
}

fn indicate(rig: &mut Rig, handle: u8, value: &[u8]) {
    let mut pdu = vec![0x1D, handle, 0];
    pdu.extend_from_slice(value);
    rig.receive(&pdu);
}

#[test]
fn a_subscription_hears_its_values_and_no_others() {
    let mut rig = Rig::new();
    notify(&mut rig, 3, b"early");
    let id = rig.subscribe(3, Notification);
    assert_eq!(rig.next(id), Poll::Pending);
    notify(&mut rig, 3, b"one");
    notify(&mut rig, 4, b"other");
    indicate(&mut rig, 3, b"other kind");
    notify(&mut rig, 3, b"");
    assert_eq!(rig.wakes(), 1);
    assert_eq!(rig.bearer().pending(id), 2);
    assert_eq!(rig.next(id), value(b"one"));
    assert_eq!(rig.next(id), value(b""));
    assert_eq!(rig.next(id), Poll::Pending);
    let counters = rig.counters();
    assert_eq!(
        (
            counters.notifications,
            counters.indications,
            counters.unclaimed
        ),
        (4, 1, 3)
    );
}

#[test]
fn five_thousand_values_to_a_slow_reader_keep_their_order_and_none_vanishes_uncounted() {
    for capacity in [66, 67, 71, 100, 101, 1000, 4096] {
        let mut random = Random(capacity as u64);
        let mut rig = Rig::with_queues(100, capacity);
        let id = rig.subscribe(3, Notification);
        let (mut sent, mut expected, mut missed) = (0u32, 0u32, 0u32);
        while expected < 5000 {
            for _ in 0..random.below(9) {
                if sent < 5000 {
                    let mut bytes = sent.to_le_bytes().to_vec();
                    bytes.resize(4 + random.below(17), 0xA5);
                    notify(&mut rig, 3, &bytes);
                    sent += 1;
                }
            }
            for _ in 0..random.below(3) {
                match rig.next(id) {
                    Poll::Pending => assert_eq!(expected, sent, "nothing is kept back"),
                    Poll::Ready(Ok(Heard::Missed(count))) => {
                        assert!(count > 0);
                        missed += count;
                        expected += count;
                        // Reported at once, and once: next comes the oldest value left.
                        let Poll::Ready(Ok(Heard::Value(bytes))) = rig.next(id) else {
                            panic!("the oldest make room for newer ones");
                        };
                        assert_eq!(bytes[..4], expected.to_le_bytes());
                        expected += 1;
                    }
                    Poll::Ready(Ok(Heard::Value(bytes))) => {
                        assert_eq!(bytes[..4], expected.to_le_bytes());
                        assert!(bytes[4..].iter().all(|b| *b == 0xA5));
                        expected += 1;
                    }
                    Poll::Ready(Err(error)) => panic!("{error}"),
                }
            }
        }
        assert!(missed > 100, "the queue of {capacity} did overflow");
        assert_eq!(rig.counters().missed, missed);
    }
}

#[test]
fn a_full_queue_keeps_the_newest_and_tells_the_loss_once() {
    // Each value of 10 octets takes 14, so seven fit.
    let mut rig = Rig::with_queues(100, 100);
    let id = rig.subscribe(3, Notification);
    for number in 0..10 {
        notify(&mut rig, 3, &[number; 10]);
    }
    assert_eq!(rig.bearer().pending(id), 7);
    assert_eq!(rig.next(id), Poll::Ready(Ok(Heard::Missed(3))));
    for number in 3..10 {
        assert_eq!(rig.next(id), value(&[number; 10]));
    }
    assert_eq!(rig.next(id), Poll::Pending);
}

#[test]
fn readers_who_keep_up_use_only_the_front_of_the_queue() {
    let mut rig = Rig::with_queues(100, 1000);
    let (one, other) = (
        rig.subscribe(3, Notification),
        rig.subscribe(4, Notification),
    );
    for number in 0..500u16 {
        let bytes = number.to_le_bytes();
        notify(&mut rig, 3, &bytes);
        notify(&mut rig, 4, &bytes);
        assert_eq!(rig.next(one), value(&bytes));
        assert_eq!(rig.next(other), value(&bytes));
    }
    assert!(rig.notifications[12..].iter().all(|byte| *byte == 0));
    // A subscription that lags behind keeps its values in place.
    notify(&mut rig, 3, b"a");
    notify(&mut rig, 4, b"b");
    assert_eq!(rig.next(one), value(b"a"));
    notify(&mut rig, 3, b"c");
    assert_eq!(rig.next(other), value(b"b"));
    assert_eq!(rig.next(one), value(b"c"));
    assert_eq!(
        (rig.next(one), rig.next(other)),
        (Poll::Pending, Poll::Pending)
    );
}

#[test]
fn several_subscriptions_each_hear_every_value_and_count_their_own_losses() {
    let mut rig = Rig::with_queues(100, 100);
    let quick = rig.subscribe(3, Notification);
    let slow = rig.subscribe(3, Notification);
    let other = rig.subscribe(4, Notification);
    for number in 0..50 {
        notify(&mut rig, 3, &[number; 10]);
        assert_eq!(rig.next(quick), value(&[number; 10]));
    }
    assert_eq!(rig.next(quick), Poll::Pending);
    assert_eq!(rig.next(slow), Poll::Ready(Ok(Heard::Missed(43))));
    for number in 43..50 {
        assert_eq!(rig.next(slow), value(&[number; 10]));
    }
    assert_eq!(rig.next(slow), Poll::Pending);
    assert_eq!(rig.next(other), Poll::Pending);
    let handle = AttributeHandle::new(3).unwrap();
    assert_eq!(rig.bearer().subscriptions_to(handle, Notification), 2);
    assert_eq!(rig.bearer().subscriptions_to(handle, Indication), 0);
}

#[test]
fn a_later_subscription_is_not_charged_for_values_before_it() {
    let mut rig = Rig::with_queues(100, 100);
    let early = rig.subscribe(3, Notification);
    for number in 0..5 {
        notify(&mut rig, 3, &[number; 10]);
    }
    let late = rig.subscribe(3, Notification);
    for number in 5..10 {
        notify(&mut rig, 3, &[number; 10]);
    }
    assert_eq!(rig.next(late), value(&[5; 10]));
    assert_eq!(rig.next(early), Poll::Ready(Ok(Heard::Missed(3))));
}

#[test]
fn a_reader_who_was_idle_for_ages_hears_the_next_value() {
    let mut rig = Rig::new();
    let busy = rig.subscribe(3, Notification);
    let idle = rig.subscribe(4, Notification);
    // As if after 2^31 + 5 values of the other attribute.
    for number in [1, 0x8000_0005_u32] {
        rig.state.notifications = RingState::empty_at(number);
        notify(&mut rig, 3, b"a");
        notify(&mut rig, 4, b"b");
        notify(&mut rig, 3, b"c");
        assert_eq!(rig.next(busy), value(b"a"));
        assert_eq!(rig.next(busy), value(b"c"));
        assert_eq!(rig.next(idle), value(b"b"));
        assert_eq!(rig.next(idle), Poll::Pending);
    }
}

#[test]
fn a_reader_who_never_reads_is_not_overtaken_by_the_count_of_values() {
    let mut rig = Rig::with_queues(100, 100);
    let idle = rig.subscribe(3, Notification);
    for number in 0..50 {
        notify(&mut rig, 3, &[number; 10]);
    }
    // If it lagged by 2^31 values, it would count as ahead.
    let oldest = Ring {
        state: &mut rig.state.notifications,
        bytes: &mut rig.notifications,
    }
    .start();
    assert_eq!(rig.subscribers[0].lag(oldest), 0);
    assert_eq!(rig.next(idle), Poll::Ready(Ok(Heard::Missed(43))));
    assert_eq!(rig.next(idle), value(&[43; 10]));
}

#[test]
fn places_for_subscriptions_are_bounded_and_given_back() {
    let mut rig = Rig::new();
    let handle = AttributeHandle::new(3).unwrap();
    let ids: Vec<_> = (0..4).map(|_| rig.subscribe(3, Notification)).collect();
    assert_eq!(
        rig.bearer().subscribe(handle, Notification),
        Err(SubscribeError::Full)
    );
    notify(&mut rig, 3, b"x");
    rig.bearer().unsubscribe(ids[1]);
    assert_eq!(rig.next(ids[1]), Poll::Ready(Err(ValueError::Unsubscribed)));
    let again = rig.subscribe(3, Notification);
    assert_eq!(
        rig.next(again),
        Poll::Pending,
        "another's value is not its own"
    );
    assert_eq!(rig.next(ids[1]), Poll::Ready(Err(ValueError::Unsubscribed)));
    rig.bearer().unsubscribe(ids[1]);
    notify(&mut rig, 3, b"y");
    assert_eq!(rig.next(again), value(b"y"));
}

#[test]
fn values_received_before_the_end_are_read_before_it_is_told() {
    let mut rig = Rig::new();
    let notified = rig.subscribe(3, Notification);
    let indicated = rig.subscribe(5, Indication);
    let idle = rig.subscribe(7, Notification);
    notify(&mut rig, 3, b"last");
    indicate(&mut rig, 5, b"too");
    assert_eq!(rig.next(idle), Poll::Pending);
    rig.bearer().close();
    assert_eq!(rig.wakes(), 1);
    notify(&mut rig, 3, b"after the end");
    assert_eq!(rig.next(notified), value(b"last"));
    assert_eq!(rig.next(notified), Poll::Ready(Err(ValueError::Closed)));
    assert_eq!(rig.next(indicated), value(b"too"));
    assert_eq!(rig.next(indicated), Poll::Ready(Err(ValueError::Closed)));
    assert_eq!(rig.next(idle), Poll::Ready(Err(ValueError::Closed)));
    assert_eq!(rig.sent(), [], "nothing is confirmed on a dead link");
    let handle = AttributeHandle::new(3).unwrap();
    assert_eq!(
        rig.bearer().subscribe(handle, Notification),
        Err(SubscribeError::Closed)
    );
    rig.bearer().open();
    assert_eq!(
        rig.next(notified),
        Poll::Ready(Err(ValueError::Unsubscribed))
    );
}

#[test]
fn several_values_in_one_notification_are_told_apart() {
    let mut rig = Rig::new();
    let three = rig.subscribe(3, Notification);
    let five = rig.subscribe(5, Notification);
    rig.receive(&[
        0x23, 3, 0, 2, 0, 1, 2, 4, 0, 1, 0, 9, 5, 0, 0, 0, 3, 0, 1, 0, 7,
    ]);
    assert_eq!(rig.next(three), value(&[1, 2]));
    assert_eq!(rig.next(three), value(&[7]));
    assert_eq!(rig.next(five), value(&[]));
    let counters = rig.counters();
    assert_eq!(
        (
            counters.notifications,
            counters.unclaimed,
            counters.violations
        ),
        (4, 1, 0)
    );
}

#[test]
fn a_cut_notification_of_several_values_gives_those_that_are_whole() {
    let whole = [0x23, 3, 0, 1, 0, 7, 3, 0, 2, 0, 8, 9];
    for length in 1..=whole.len() {
        let mut rig = Rig::new();
        let id = rig.subscribe(3, Notification);
        rig.receive(&whole[..length]);
        if length >= 6 {
            assert_eq!(rig.next(id), value(&[7]));
        }
        if length == whole.len() {
            assert_eq!(rig.next(id), value(&[8, 9]));
        }
        assert_eq!(rig.next(id), Poll::Pending);
        let boundary = matches!(length, 1 | 6 | 12);
        assert_eq!(rig.counters().violations, u32::from(!boundary), "{length}");
    }
}

#[test]
fn an_indication_is_confirmed_once_it_is_queued() {
    let mut rig = Rig::new();
    let id = rig.subscribe(3, Indication);
    indicate(&mut rig, 3, b"one");
    assert_eq!(rig.sent(), CONFIRMATION);
    assert_eq!(rig.sent(), []);
    assert_eq!(rig.next(id), value(b"one"));
    assert_eq!(rig.next(id), Poll::Pending);
    assert_eq!(rig.sent(), [], "once");
}

#[test]
fn an_indication_that_nobody_wants_is_confirmed_at_once() {
    let mut rig = Rig::new();
    rig.subscribe(3, Notification);
    indicate(&mut rig, 3, b"one");
    assert_eq!(rig.sent(), CONFIRMATION);
    assert_eq!(rig.counters().unclaimed, 1);
    rig.receive(&[0x1D]);
    assert_eq!(rig.sent(), CONFIRMATION, "even one without a handle");
}

/// Indicates as long as confirmations come; returns how many came.
fn fill(rig: &mut Rig, length: usize) -> u8 {
    for number in 0..100 {
        indicate(rig, 3, &vec![number; length]);
        if rig.sent() != CONFIRMATION {
            return number;
        }
    }
    panic!("it never held back")
}

#[test]
fn a_full_queue_holds_the_peer_back_and_loses_nothing() {
    for length in [0, 1, 20, 61, 62] {
        let mut rig = Rig::new();
        let id = rig.subscribe(3, Indication);
        let held = fill(&mut rig, length);
        let mut next = held + 1;
        for number in 0..200 {
            assert_eq!(rig.next(id), value(&vec![number; length]), "of {length}");
            if rig.sent() == CONFIRMATION {
                indicate(&mut rig, 3, &vec![next; length]);
                next += 1;
            }
        }
        assert_eq!(rig.counters().violations, 0);
    }
}

#[test]
fn the_slowest_reader_holds_the_peer_back() {
    let mut rig = Rig::new();
    let quick = rig.subscribe(3, Indication);
    let slow = rig.subscribe(3, Indication);
    let held = fill(&mut rig, 62);
    assert_eq!(held, 1);
    for number in 0..=held {
        assert_eq!(rig.next(quick), value(&[number; 62]));
    }
    assert_eq!(rig.sent(), []);
    assert_eq!(rig.next(slow), value(&[0; 62]));
    assert_eq!(rig.sent(), CONFIRMATION);
    assert_eq!(rig.next(slow), value(&[1; 62]));
    assert_eq!(rig.next(slow), Poll::Pending);
}

#[test]
fn without_memory_for_indications_none_is_subscribed_to_and_the_peer_is_not_held_up() {
    let mut rig = Rig::new();
    rig.indications = vec![];
    let handle = AttributeHandle::new(7).unwrap();
    let refused = rig.bearer().subscribe(handle, Indication);
    assert_eq!(refused, Err(SubscribeError::Full));
    let notified = rig.subscribe(7, Notification);
    rig.receive(&[0x1D, 7, 0, 1]);
    assert_eq!(rig.sent(), [0x1E]);
    rig.receive(&[0x1B, 7, 0, 2]);
    assert_eq!(rig.next(notified), value(&[2]));
}

#[test]
fn unsubscribing_frees_an_indication_held_back() {
    let mut rig = Rig::new();
    let id = rig.subscribe(3, Indication);
    fill(&mut rig, 62);
    rig.bearer().unsubscribe(id);
    assert_eq!(rig.sent(), CONFIRMATION);
    assert_eq!(rig.sent(), []);
}

#[test]
fn an_indication_of_another_attribute_finds_room_after_those_read() {
    let mut rig = Rig::new();
    let three = rig.subscribe(3, Indication);
    let five = rig.subscribe(5, Indication);
    for number in 0..100 {
        indicate(&mut rig, 3, &[number; 62]);
        assert_eq!(rig.sent(), CONFIRMATION);
        indicate(&mut rig, 5, &[number; 62]);
        assert_eq!(rig.sent(), [], "there is room for no third");
        assert_eq!(rig.next(three), value(&[number; 62]));
        assert_eq!(rig.sent(), CONFIRMATION);
        assert_eq!(rig.next(five), value(&[number; 62]));
    }
}

#[test]
fn an_indication_that_a_grown_mtu_lets_be_longer_is_not_lost() {
    let mut rig = Rig::new();
    let id = rig.subscribe(3, Indication);
    let held = fill(&mut rig, 20);
    for number in 0..=held {
        assert_eq!(rig.next(id), value(&[number; 20]));
        if rig.sent() == CONFIRMATION {
            break;
        }
    }
    rig.receive(&[0x02, 65, 0]);
    rig.sent();
    indicate(&mut rig, 3, &[99; 62]);
    assert_eq!(rig.counters().violations, 0);
    while let Poll::Ready(Ok(Heard::Value(bytes))) = rig.next(id) {
        if bytes == [99; 62] {
            return;
        }
    }
    panic!("it was lost");
}

#[test]
fn a_peer_that_does_not_wait_for_the_confirmation_loses_only_what_finds_no_room() {
    let mut rig = Rig::new();
    let id = rig.subscribe(3, Indication);
    for number in 0..5 {
        indicate(&mut rig, 3, &[number; 62]);
    }
    assert_eq!(rig.counters().violations, 3);
    assert_eq!(rig.next(id), value(&[0; 62]));
    assert_eq!(rig.next(id), value(&[1; 62]));
    assert_eq!(rig.next(id), Poll::Pending);
    assert_eq!(rig.sent(), CONFIRMATION);
}

#[test]
fn a_notification_longer_than_any_mtu_is_counted_and_pushes_nothing_out() {
    let mut rig = Rig::with_queues(100, 70);
    let id = rig.subscribe(3, Notification);
    notify(&mut rig, 3, b"kept");
    notify(&mut rig, 3, &[0; 67]);
    assert_eq!(rig.next(id), value(b"kept"));
    assert_eq!(rig.next(id), Poll::Pending);
    assert_eq!(rig.counters().violations, 1);
}

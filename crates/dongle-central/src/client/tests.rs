//! The client's futures, polled by hand, against a peer that the test plays.

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Waker};
use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;

use super::*;
use crate::gatt::Misbehaviour;
use crate::links::{Address, ConnectionParameters, StaticLinks};
use crate::testing::put_forward_by;

type Places = StaticLinks<NoopRawMutex, 2, 66, 2, 2, 100>;

const MINUTE: Duration = Duration::from_secs(60);
/// How long a queued write waits for another that makes no progress.
const LIMIT: Duration = Duration::from_secs(30);

fn connect(links: &Places) -> Client<&Places> {
    let parameters = ConnectionParameters::from_hci(24, 0, 100);
    let id = links.open(0x40, Address::random([1, 2, 3, 4, 5, 0xC6]), parameters);
    Client::new(links, id.unwrap())
}

/// The next PDU sent; empty if there is none.
fn sent(links: &Places) -> Vec<u8> {
    let mut out = [0; 66];
    let length = links.with(0, |link| {
        link.bearer.poll_transmit(Instant::now(), &mut out)
    });
    length
        .flatten()
        .map_or(vec![], |length| out[..length].to_vec())
}

fn receive(links: &Places, pdu: &[u8]) {
    links.with(0, |link| link.bearer.handle_pdu(pdu));
}

fn pass(links: &Places, time: Duration) {
    links.with(0, |link| link.bearer.handle_timeout(Instant::now() + time));
}

fn poll<F: Future>(future: &mut Pin<impl core::ops::DerefMut<Target = F>>) -> Poll<F::Output> {
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

/// Whether the task that sends was notified.
fn rung(links: &Places) -> bool {
    links
        .doorbell()
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

fn handle(number: u16) -> AttributeHandle {
    AttributeHandle::new(number).unwrap()
}

#[test]
fn a_read_that_is_dropped_leaves_the_next_one_its_own_answer() {
    let links = Places::new();
    let client = connect(&links);
    let (mut buffer, mut out) = ([0; 65], [0; 512]);
    let mut first = Box::pin(client.read(handle(1), &mut buffer, &mut out));
    assert!(poll(&mut first).is_pending());
    assert!(rung(&links));
    assert_eq!(sent(&links), [0x0A, 1, 0]);
    drop(first);
    {
        let mut second = pin!(client.read(handle(2), &mut buffer, &mut out));
        assert!(poll(&mut second).is_pending());
        assert_eq!(sent(&links), []);
        receive(&links, &[0x0B, 11]);
        assert_eq!(sent(&links), [0x0A, 2, 0]);
        receive(&links, &[0x0B, 22]);
        assert_eq!(poll(&mut second), Poll::Ready(Ok(1)));
    }
    assert_eq!(out[0], 22);
}

#[test]
fn a_value_that_was_read_whole_stands_though_the_link_has_ended() {
    let links = Places::new();
    let client = connect(&links);
    let (mut buffer, mut out) = ([0; 65], [0; 512]);
    {
        let mut read = pin!(client.read(handle(1), &mut buffer, &mut out));
        assert!(poll(&mut read).is_pending());
        assert_eq!(sent(&links), [0x0A, 1, 0]);
        receive(&links, &[0x0B, 11]);
        links.close(client.link(), Reason::Hci(0x13));
        assert_eq!(poll(&mut read), Poll::Ready(Ok(1)));
    }
    assert_eq!(out[0], 11);
}

#[test]
fn a_third_caller_waits_for_a_place_and_gets_one() {
    let links = Places::new();
    let client = connect(&links);
    let mut first = Box::pin(client.write(handle(1), &[1]));
    let mut second = pin!(client.write(handle(2), &[2]));
    let mut third = pin!(client.write(handle(3), &[3]));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    assert!(poll(&mut third).is_pending());
    assert_eq!(sent(&links), [0x12, 1, 0, 1]);
    receive(&links, &[0x13]);
    assert_eq!(poll(&mut first), Poll::Ready(Ok(())));
    assert!(poll(&mut third).is_pending());
    assert_eq!(sent(&links), [0x12, 2, 0, 2]);
    receive(&links, &[0x01, 0x12, 2, 0, 0x03]);
    let error = poll(&mut second);
    let Poll::Ready(Err(error)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(error.att().map(|error| error.code.0), Some(0x03));
    assert_eq!(sent(&links), [0x12, 3, 0, 3]);
}

#[test]
fn a_long_write_that_nobody_goes_on_with_is_waited_for_in_vain_and_that_is_told() {
    let links = Places::new();
    let client = connect(&links);
    let value = [7; 30];
    let mut first = Box::pin(client.write_long(handle(1), &value));
    assert!(poll(&mut first).is_pending());
    let mut second = pin!(client.write_long(handle(2), &[8]));
    // The first write makes progress, so the second waits on.
    for _ in 0..2 {
        assert!(poll(&mut second).is_pending());
        let mut echo = sent(&links);
        echo[0] = 0x17;
        receive(&links, &echo);
        assert!(poll(&mut first).is_pending());
        put_forward_by(LIMIT);
    }
    assert!(poll(&mut second).is_pending());
    put_forward_by(LIMIT / 2);
    assert!(poll(&mut second).is_pending());
    put_forward_by(LIMIT / 2);
    assert_eq!(poll(&mut second), Poll::Ready(Err(Error::QueueHeld)));
    drop(first);
    let mut third = pin!(client.write_long(handle(2), &[8]));
    assert!(poll(&mut third).is_pending());
    // What the first prepared must not be written together with the third.
    assert_eq!(sent(&links), [0x18, 0]);
}

#[test]
fn a_long_write_that_is_dropped_is_cancelled_before_the_next_begins() {
    let links = Places::new();
    let client = connect(&links);
    let value = [7; 30];
    let mut first = Box::pin(client.write_long(handle(1), &value));
    let mut second = pin!(client.write_long(handle(2), &[8]));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    let part = sent(&links);
    assert_eq!(part[..5], [0x16, 1, 0, 0, 0]);
    assert_eq!(sent(&links), [], "one long write at a time");
    rung(&links);
    drop(first);
    assert!(rung(&links));
    assert!(poll(&mut second).is_pending());
    let mut echo = part.clone();
    echo[0] = 0x17;
    receive(&links, &echo);
    assert_eq!(sent(&links), [0x18, 0]);
    receive(&links, &[0x19]);
    assert_eq!(sent(&links), [0x16, 2, 0, 0, 0, 8]);
    receive(&links, &[0x17, 2, 0, 0, 0, 8]);
    assert!(poll(&mut second).is_pending());
    assert_eq!(sent(&links), [0x18, 1]);
    receive(&links, &[0x19]);
    assert_eq!(poll(&mut second), Poll::Ready(Ok(())));
}

#[test]
fn a_long_write_refused_at_once_cancels_nothing() {
    let links = Places::new();
    let client = connect(&links);
    {
        let mut write = pin!(client.write_long(handle(1), &[7; 30]));
        assert!(poll(&mut write).is_pending());
        sent(&links);
        receive(&links, &[0x01, 0x16, 1, 0, 0x03]);
        assert!(matches!(
            poll(&mut write),
            Poll::Ready(Err(Error::Procedure(_)))
        ));
    }
    assert_eq!(sent(&links), []);
}

#[test]
fn writes_without_response_wait_for_room_and_are_all_sent() {
    let links = Places::new();
    let client = connect(&links);
    let mut received = 0;
    for number in 0..100u8 {
        let value = [number; 20];
        let mut write = pin!(client.write_without_response(handle(9), &value));
        while poll(&mut write).is_pending() {
            assert_eq!(sent(&links)[3..], [received; 20]);
            received += 1;
        }
    }
    assert!(received > 90);
    let mut write = pin!(client.write_without_response(handle(9), &[0; 21]));
    let error = ProcedureError::ValueTooLong {
        length: 21,
        limit: 20,
    };
    assert_eq!(poll(&mut write), Poll::Ready(Err(error.into())));
}

#[test]
fn two_callers_exchange_the_mtu_once() {
    let links = Places::new();
    let client = connect(&links);
    let mut first = pin!(client.exchange_mtu(60));
    let mut second = pin!(client.exchange_mtu(517));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    assert_eq!(sent(&links), [0x02, 60, 0]);
    receive(&links, &[0x03, 50, 0]);
    assert_eq!(sent(&links), []);
    assert_eq!(poll(&mut second), Poll::Ready(Ok(Mtu::clamped(50))));
    assert_eq!(poll(&mut first), Poll::Ready(Ok(Mtu::clamped(50))));
    let mut third = pin!(client.exchange_mtu(517));
    assert_eq!(poll(&mut third), Poll::Ready(Ok(Mtu::clamped(50))));
}

#[test]
fn an_mtu_is_not_in_force_on_a_link_that_has_ended() {
    let links = Places::new();
    let client = connect(&links);
    let mut exchange = pin!(client.exchange_mtu(65));
    assert!(poll(&mut exchange).is_pending());
    sent(&links);
    receive(&links, &[0x03, 65, 0]);
    assert!(matches!(poll(&mut exchange), Poll::Ready(Ok(mtu)) if mtu.get() == 65));
    let reason = Reason::Hci(0x13);
    links.close(client.link(), reason);
    let mut exchange = pin!(client.exchange_mtu(65));
    let gone = Err(Error::Disconnected(reason));
    assert_eq!(poll(&mut exchange), Poll::Ready(gone));
}

#[test]
fn an_mtu_exchange_that_was_given_up_before_it_was_sent_is_made_by_the_next_caller() {
    let links = Places::new();
    let client = connect(&links);
    let mut first = Box::pin(client.exchange_mtu(60));
    let mut second = pin!(client.exchange_mtu(55));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    drop(first);
    assert!(poll(&mut second).is_pending());
    assert_eq!(sent(&links), [0x02, 55, 0]);
    receive(&links, &[0x01, 0x02, 0, 0, 0x06]);
    assert_eq!(poll(&mut second), Poll::Ready(Ok(Mtu::DEFAULT)));
}

#[test]
fn a_timeout_ends_the_call_and_the_link_stays() {
    let links = Places::new();
    let client = connect(&links).timeout(MINUTE / 4);
    let mut read = pin!(client.write(handle(1), &[1]));
    assert!(poll(&mut read).is_pending());
    sent(&links);
    pass(&links, MINUTE / 3);
    assert_eq!(poll(&mut read), Poll::Ready(Err(Error::Timeout)));
    assert!(links.open_at(0).is_some());
}

#[test]
fn a_timeout_ends_waiting_for_a_place_and_for_values_too() {
    let links = Places::new();
    let client = connect(&links);
    let hurried = client.timeout(Duration::from_ticks(0));
    let mut first = pin!(client.write(handle(1), &[1]));
    let mut second = pin!(client.write(handle(1), &[1]));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    let mut third = pin!(hurried.write(handle(1), &[1]));
    assert_eq!(poll(&mut third), Poll::Ready(Err(Error::Timeout)));
    let mut subscription = hurried
        .subscribe(handle(3), ValueKind::Notification)
        .unwrap();
    let mut out = [0; 20];
    let mut notified = pin!(subscription.notified(&mut out));
    assert_eq!(poll(&mut notified), Poll::Ready(Err(Error::Timeout)));
}

#[test]
fn a_deadline_rings_so_that_it_is_waited_for() {
    let links = Places::new();
    let client = connect(&links).timeout(MINUTE);
    let mut subscription = client
        .subscribe(handle(3), ValueKind::Notification)
        .unwrap();
    rung(&links);
    let mut out = [0; 20];
    let mut notified = pin!(subscription.notified(&mut out));
    assert!(poll(&mut notified).is_pending());
    assert!(rung(&links));
    assert!(
        links
            .with(0, |link| link.bearer.poll_timeout())
            .flatten()
            .is_some()
    );
}

#[test]
fn a_deadline_that_is_not_the_next_rings_nobody_and_those_that_passed_by_leave_nothing() {
    let links = Places::new();
    let client = connect(&links).timeout(MINUTE);
    let mut subscription = client
        .subscribe(handle(3), ValueKind::Notification)
        .unwrap();
    let mut out = [0; 20];
    assert!(poll(&mut pin!(subscription.notified(&mut out))).is_pending());
    assert!(rung(&links));
    for _ in 0..100 {
        assert!(poll(&mut pin!(subscription.notified(&mut out))).is_pending());
        assert!(!rung(&links), "the first is due before");
    }
    let timeout = || links.with(0, |link| link.bearer.poll_timeout()).flatten();
    assert!(timeout().is_some());
    pass(&links, MINUTE * 2);
    assert_eq!(timeout(), None);
}

#[test]
fn every_call_ends_with_the_link_and_tells_its_reason() {
    let links = Places::new();
    let client = connect(&links);
    let gone = Error::Disconnected(Reason::Hci(0x13));
    let mut subscription = client
        .subscribe(handle(3), ValueKind::Notification)
        .unwrap();
    let mut out = [0; 20];
    let mut first = pin!(client.write(handle(1), &[1]));
    let mut second = pin!(client.exchange_mtu(65));
    let mut third = pin!(client.write(handle(1), &[1]));
    let mut ended = pin!(client.disconnected());
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    assert!(poll(&mut third).is_pending());
    assert!(poll(&mut ended).is_pending());
    receive(&links, &[0x1B, 3, 0, 9]);
    links.close(client.link(), Reason::Hci(0x13));
    links.close(client.link(), Reason::Hci(0x16));
    assert_eq!(poll(&mut first), Poll::Ready(Err(gone)));
    assert_eq!(poll(&mut second), Poll::Ready(Err(gone)));
    assert_eq!(poll(&mut third), Poll::Ready(Err(gone)));
    assert_eq!(poll(&mut ended), Poll::Ready(Reason::Hci(0x13)));
    assert_eq!(
        poll(&mut pin!(subscription.notified(&mut out))),
        Poll::Ready(Ok(Notified::Value(1)))
    );
    assert_eq!(
        poll(&mut pin!(subscription.notified(&mut out))),
        Poll::Ready(Err(gone))
    );
}

#[test]
fn the_client_of_an_old_connection_does_not_touch_the_one_in_its_place() {
    let links = Places::new();
    let old = connect(&links);
    let stale = old.subscribe(handle(3), ValueKind::Notification).unwrap();
    links.close(old.link(), Reason::Hci(0x13));
    links.release(old.link());
    let new = connect(&links);
    assert_ne!(old.link(), new.link());
    let _kept = new.subscribe(handle(3), ValueKind::Notification).unwrap();
    links.close(old.link(), Reason::Hci(0x13));
    drop(stale);
    assert!(links.open_at(0).is_some());
    let mut write = pin!(old.write(handle(1), &[1]));
    let gone = Error::Disconnected(Reason::Unknown);
    assert_eq!(poll(&mut write), Poll::Ready(Err(gone)));
    let count = |link: &mut Link<'_>| {
        link.bearer
            .subscriptions_to(handle(3), ValueKind::Notification)
    };
    assert_eq!(links.with(0, count), Some(1));
}

#[test]
fn a_link_that_was_given_back_stays_free() {
    let links = Places::new();
    let client = connect(&links);
    links.close(client.link(), Reason::Hci(0x13));
    links.release(client.link());
    links.close(client.link(), Reason::Hci(0x16));
    assert_eq!(
        links.with(0, |link| link.info.phase()),
        Some(crate::links::LinkPhase::Free)
    );
}

#[test]
fn reading_an_indication_has_the_one_held_back_confirmed() {
    let links = Places::new();
    let client = connect(&links);
    let mut subscription = client.subscribe(handle(3), ValueKind::Indication).unwrap();
    let mut pdu = vec![0x1D, 3, 0];
    pdu.resize(65, 7);
    receive(&links, &pdu);
    assert_eq!(sent(&links), [0x1E]);
    receive(&links, &pdu);
    assert_eq!(sent(&links), []);
    rung(&links);
    let mut out = [0; 62];
    assert_eq!(
        poll(&mut pin!(subscription.notified(&mut out))),
        Poll::Ready(Ok(Notified::Value(62)))
    );
    assert!(rung(&links), "or nobody would send the confirmation");
    assert_eq!(sent(&links), [0x1E]);
}

#[test]
fn a_value_longer_than_the_buffer_is_an_error_and_not_cut() {
    let links = Places::new();
    let client = connect(&links);
    let mut subscription = client
        .subscribe(handle(3), ValueKind::Notification)
        .unwrap();
    receive(&links, &[0x1B, 3, 0, 1, 2, 3]);
    let mut out = [0; 2];
    let error = ProcedureError::BufferTooSmall {
        needed: 3,
        available: 2,
    };
    assert_eq!(
        poll(&mut pin!(subscription.notified(&mut out))),
        Poll::Ready(Err(error.into()))
    );
}

#[test]
fn a_timeout_without_end_is_none() {
    let links = Places::new();
    let client = connect(&links).timeout(Duration::MAX);
    let (mut buffer, mut out) = ([0; 65], [0; 512]);
    let mut read = pin!(client.read(handle(1), &mut buffer, &mut out));
    assert!(poll(&mut read).is_pending());
    assert_eq!(sent(&links), [0x0A, 1, 0]);
    receive(&links, &[0x0B, 11]);
    assert_eq!(poll(&mut read), Poll::Ready(Ok(1)));
}

#[test]
fn a_read_that_the_mtu_grows_under_gets_all_of_its_value() {
    let value = [7; 100];
    // Our own exchange goes out before the read, or the peer asks while the read is on its way; the
    // server then answers within the old MTU, or within the new one.
    for (ours, first) in [(true, 22), (true, 64), (true, 40), (false, 22), (false, 64)] {
        let links = Places::new();
        let client = connect(&links);
        let (mut buffer, mut out) = ([0; 65], [0; 512]);
        {
            let mut exchange = pin!(client.exchange_mtu(65));
            if ours {
                assert!(poll(&mut exchange).is_pending());
            }
            let mut read = pin!(client.read(handle(1), &mut buffer, &mut out));
            assert!(poll(&mut read).is_pending());
            if ours {
                assert_eq!(sent(&links), [0x02, 65, 0]);
                receive(&links, &[0x03, 65, 0]);
                assert_eq!(sent(&links), [0x0A, 1, 0]);
            } else {
                assert_eq!(sent(&links), [0x0A, 1, 0]);
                receive(&links, &[0x02, 65, 0]);
                assert_eq!(sent(&links), [0x03, 65, 0]);
            }
            receive(&links, &[&[0x0B], &value[..first]].concat());
            let length = loop {
                if let Poll::Ready(length) = poll(&mut read) {
                    break length;
                }
                let request = sent(&links);
                let [0x0C, 1, 0, offset, 0] = request[..] else {
                    panic!("{request:?}")
                };
                let rest = &value[usize::from(offset)..];
                receive(&links, &[&[0x0D], &rest[..rest.len().min(64)]].concat());
            };
            let expected = if first == 40 { 40 } else { 100 };
            assert_eq!(length, Ok(expected), "{first} of them at first");
        }
        assert_eq!(out[..40], value[..40]);
    }
}

#[test]
fn an_answer_longer_than_the_mtu_is_refused_though_it_has_grown() {
    let links = Places::new();
    let client = connect(&links);
    let (mut buffer, mut out) = ([0; 65], [0; 512]);
    let mut read = pin!(client.read(handle(1), &mut buffer, &mut out));
    assert!(poll(&mut read).is_pending());
    assert_eq!(sent(&links), [0x0A, 1, 0]);
    receive(&links, &[0x02, 50, 0]);
    receive(&links, &[&[0x0B], &[7; 50][..]].concat());
    let error = Misbehaviour::ValueTooLong(50).into();
    assert_eq!(poll(&mut read), Poll::Ready(Err(Error::Procedure(error))));
}

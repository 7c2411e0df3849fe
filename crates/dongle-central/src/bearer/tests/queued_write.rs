//! The server's only prepare queue: who may use it, and how it is emptied.

use super::*;

const CANCEL: [u8; 2] = [0x18, 0];

#[test]
fn one_caller_at_a_time_uses_the_queue() {
    let mut rig = Rig::new();
    assert!(rig.bearer().begin_queued_write());
    assert!(!rig.bearer().begin_queued_write());
    let waker = rig.wakes.waker();
    rig.bearer().wait_for_change(&waker);
    rig.bearer().end_queued_write(false);
    assert_eq!(rig.wakes(), 1);
    assert!(rig.bearer().begin_queued_write());
    assert_eq!(rig.sent(), []);
}

#[test]
fn a_write_left_midway_is_cancelled_before_the_next_one_prepares() {
    let mut rig = Rig::new();
    assert!(rig.bearer().begin_queued_write());
    let prepare = rig.start(&[0x16, 3, 0, 0, 0, 7]).unwrap();
    rig.sent();
    rig.bearer().abandon(prepare);
    rig.bearer().end_queued_write(true);
    assert!(rig.bearer().begin_queued_write());
    let next = rig.start(&[0x16, 5, 0, 0, 0, 8]).unwrap();

    assert_eq!(rig.sent(), [], "the first part is still in flight");
    rig.receive(&[0x17, 3, 0, 0, 0, 7]);
    assert_eq!(rig.sent(), CANCEL);
    assert_eq!(
        rig.sent(),
        [],
        "the cancellation is a request like any other"
    );
    assert_eq!(
        rig.bearer().poll_timeout(),
        Some(rig.now + TRANSACTION_TIMEOUT)
    );
    rig.receive(&[0x19]);
    assert_eq!(rig.sent(), [0x16, 5, 0, 0, 0, 8]);
    rig.receive(&[0x17, 5, 0, 0, 0, 8]);
    assert_eq!(rig.answer(next), answered(&[0x17, 5, 0, 0, 0, 8]));
}

#[test]
fn a_cancellation_keeps_its_place_among_requests_and_commands() {
    let mut rig = Rig::new();
    rig.command(1, &[]).unwrap();
    rig.read(2);
    assert!(rig.bearer().begin_queued_write());
    rig.bearer().end_queued_write(true);
    rig.command(3, &[]).unwrap();
    rig.read(4);
    assert_eq!(rig.sent(), [0x52, 1, 0]);
    assert_eq!(rig.sent(), [0x0A, 2, 0]);
    rig.receive(&[0x0B]);
    assert_eq!(rig.sent(), CANCEL);
    assert_eq!(rig.sent(), [0x52, 3, 0]);
    assert_eq!(rig.sent(), []);
    rig.receive(&[0x01, 0x18, 0, 0, 0x06]);
    assert_eq!(rig.sent(), [0x0A, 4, 0], "whatever the answer");
}

#[test]
fn a_cancellation_without_response_ends_the_bearer_too() {
    let mut rig = Rig::new();
    assert!(rig.bearer().begin_queued_write());
    rig.bearer().end_queued_write(true);
    rig.sent();
    rig.wait(TRANSACTION_TIMEOUT);
    assert!(rig.bearer().take_expired());
}

#[test]
fn nothing_is_cancelled_on_a_link_that_is_gone() {
    let mut rig = Rig::new();
    assert!(rig.bearer().begin_queued_write());
    rig.bearer().close();
    rig.bearer().end_queued_write(true);
    assert_eq!(rig.sent(), []);
    rig.bearer().open();
    assert_eq!(rig.sent(), []);
    assert!(rig.bearer().begin_queued_write());
}

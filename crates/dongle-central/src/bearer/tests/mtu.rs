//! The MTU exchange: one MTU for both directions, whichever side asked and whatever the answer.

use super::*;

fn ask(rig: &mut Rig) -> CallId {
    let call = rig.start(&[0x02, 65, 0]).unwrap();
    assert_eq!(rig.sent(), [0x02, 65, 0]);
    call
}

fn mtu(rig: &mut Rig) -> u16 {
    rig.bearer().mtu().get()
}

#[test]
fn the_memory_says_what_is_offered() {
    assert_eq!(Rig::new().bearer().largest_mtu().get(), 65);
    let mut rig = Rig::with_queues(100, 54);
    assert_eq!(rig.bearer().largest_mtu().get(), 53);
    let mut rig = Rig::with_queues(100, 0);
    assert_eq!(rig.bearer().largest_mtu().get(), 23);
    let mut rig = Rig::new();
    rig.indications = vec![];
    assert_eq!(rig.bearer().largest_mtu().get(), 65);
    let mut rig = Rig::with_queues(100, 70_000);
    rig.call_bytes = vec![0; 4 * 65_546];
    rig.indications = vec![0; 2 * 70_000];
    assert_eq!(rig.bearer().largest_mtu(), Mtu::MAX);
}

#[test]
fn our_request_settles_on_the_lesser() {
    for (theirs, agreed) in [(64, 64), (65, 65), (517, 65), (23, 23), (22, 23), (0, 23)] {
        let mut rig = Rig::new();
        let waker = rig.wakes.waker();
        let call = ask(&mut rig);
        assert_eq!((mtu(&mut rig), rig.bearer().mtu_is_settled()), (23, false));
        rig.bearer().wait_for_change(&waker);
        let [low, high] = u16::to_le_bytes(theirs);
        rig.receive(&[0x03, low, high]);
        assert_eq!(rig.wakes(), 1);
        assert_eq!(
            (mtu(&mut rig), rig.bearer().mtu_is_settled()),
            (agreed, true)
        );
        assert_eq!(rig.answer(call), answered(&[0x03, low, high]));
    }
}

#[test]
fn a_request_whose_caller_went_away_settles_all_the_same() {
    let mut rig = Rig::new();
    let call = ask(&mut rig);
    rig.bearer().abandon(call);
    rig.receive(&[0x03, 50, 0]);
    assert_eq!(mtu(&mut rig), 50);
}

#[test]
fn the_peer_s_request_settles_too() {
    let mut rig = Rig::new();
    rig.receive(&[0x02, 50, 0]);
    assert_eq!(rig.sent(), [0x03, 65, 0]);
    assert_eq!((mtu(&mut rig), rig.bearer().mtu_is_settled()), (50, true));
    assert_eq!(rig.start(&[0x02, 65, 0]), Err(StartError::MtuAsked));
    rig.receive(&[0x02, 30, 0]);
    assert_eq!(
        rig.sent(),
        [0x03, 65, 0],
        "it is answered, but an MTU holds"
    );
    assert_eq!(mtu(&mut rig), 50);
}

#[test]
fn both_requests_may_cross() {
    let mut rig = Rig::new();
    let call = rig.start(&[0x02, 40, 0]).unwrap();
    rig.sent();
    rig.receive(&[0x02, 50, 0]);
    assert_eq!(rig.sent(), [0x03, 40, 0], "we say the same to both");
    rig.receive(&[0x03, 50, 0]);
    assert_eq!(rig.answer(call), answered(&[0x03, 50, 0]));
    assert_eq!(mtu(&mut rig), 40);
}

#[test]
fn a_refusal_takes_nothing_from_what_the_peer_asked_meanwhile() {
    let mut rig = Rig::new();
    let call = ask(&mut rig);
    rig.receive(&[0x02, 50, 0]);
    rig.sent();
    rig.receive(&[0x01, 0x02, 0, 0, 0x06]);
    assert_eq!(rig.answer(call), answered(&[0x01, 0x02, 0, 0, 0x06]));
    assert_eq!((mtu(&mut rig), rig.bearer().mtu_is_settled()), (50, true));
}

#[test]
fn a_peer_that_asks_after_us_hears_what_we_offered_before() {
    let mut rig = Rig::new();
    rig.start(&[0x02, 40, 0]).unwrap();
    rig.sent();
    rig.receive(&[0x03, 60, 0]);
    rig.receive(&[0x02, 60, 0]);
    assert_eq!(rig.sent(), [0x03, 40, 0]);
    assert_eq!(mtu(&mut rig), 40);
}

#[test]
fn a_refusal_or_nonsense_leaves_the_default() {
    for pdu in [
        &[0x01, 0x02, 0, 0, 0x06][..],
        &[0x03],
        &[0x03, 60],
        &[0x03, 60, 0, 0],
    ] {
        let mut rig = Rig::new();
        let call = ask(&mut rig);
        rig.receive(pdu);
        assert_eq!((mtu(&mut rig), rig.bearer().mtu_is_settled()), (23, true));
        assert_eq!(rig.answer(call), answered(pdu));
        assert_eq!(rig.start(&[0x02, 65, 0]), Err(StartError::MtuAsked));
    }
}

#[test]
fn it_is_asked_for_once() {
    let mut rig = Rig::new();
    let queued = rig.start(&[0x02, 65, 0]).unwrap();
    assert_eq!(
        rig.start(&[0x02, 65, 0]),
        Err(StartError::MtuAsked),
        "one is queued"
    );
    rig.bearer().abandon(queued);
    let call = ask(&mut rig);
    assert_eq!(
        rig.start(&[0x02, 65, 0]),
        Err(StartError::MtuAsked),
        "one is in flight"
    );
    rig.receive(&[0x03, 65, 0]);
    assert_eq!(
        rig.start(&[0x02, 65, 0]),
        Err(StartError::MtuAsked),
        "one was answered"
    );
    assert_eq!(rig.answer(call), answered(&[0x03, 65, 0]));
    rig.bearer().open();
    assert!(
        rig.start(&[0x02, 65, 0]).is_ok(),
        "the next connection has its own"
    );
    assert_eq!(mtu(&mut rig), 23);
}

#[test]
fn an_mtu_response_that_was_not_asked_for_changes_nothing() {
    let mut rig = Rig::new();
    rig.receive(&[0x03, 65, 0]);
    rig.read(1);
    rig.sent();
    rig.receive(&[0x03, 65, 0]);
    assert_eq!((mtu(&mut rig), rig.bearer().mtu_is_settled()), (23, false));
}

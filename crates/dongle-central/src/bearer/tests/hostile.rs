//! A peer that sends anything at all: nothing panics, and all invariants hold.

use super::*;

/// One well-formed PDU of each kind that a peer may send.
const WELL_FORMED: &[&[u8]] = &[
    &[0x01, 0x0A, 1, 0, 0x0A],
    &[0x02, 23, 0],
    &[0x03, 23, 0],
    &[0x04, 1, 0, 5, 0],
    &[0x05, 1, 1, 0, 0, 0x28],
    &[0x06, 1, 0, 5, 0, 0, 0x28, 0, 0x18],
    &[0x07, 1, 0, 5, 0],
    &[0x08, 1, 0, 5, 0, 3, 0x28],
    &[0x09, 7, 2, 0, 2, 3, 0, 0, 0x2A],
    &[0x0A, 1, 0],
    &[0x0B, 1, 2],
    &[0x0C, 1, 0, 0, 0],
    &[0x0D, 1, 2],
    &[0x0E, 1, 0, 2, 0],
    &[0x0F, 1, 2],
    &[0x10, 1, 0, 5, 0, 0, 0x28],
    &[0x11, 6, 1, 0, 5, 0, 0, 0x18],
    &[0x12, 1, 0, 1],
    &[0x13],
    &[0x16, 1, 0, 0, 0, 1],
    &[0x17, 1, 0, 0, 0, 1],
    &[0x18, 1],
    &[0x19],
    &[0x1B, 3, 0, 1],
    &[0x1D, 5, 0, 1],
    &[0x1E],
    &[0x20, 1, 0, 2, 0],
    &[0x21, 1, 0, 7],
    &[0x23, 3, 0, 1, 0, 7],
    &[0x52, 1, 0, 1],
    &[0xD2, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
];

#[test]
fn a_pdu_cut_anywhere_ends_a_call_only_if_it_answers_it() {
    for pdu in WELL_FORMED.iter().copied().chain([&[][..]]) {
        for length in 0..=pdu.len() {
            let pdu = &pdu[..length];
            let mut rig = Rig::new();
            let call = rig.read(1);
            rig.sent();
            rig.receive(pdu);
            let answers = matches!(*pdu, [0x0B, ..] | [0x01, 0x0A, ..]);
            if answers {
                assert_eq!(rig.answer(call), answered(pdu));
            } else {
                assert_eq!(rig.answer(call), Poll::Pending, "{pdu:02X?}");
                while !rig.sent().is_empty() {}
                rig.receive(&[0x0B, 1]);
                assert_eq!(rig.answer(call), answered(&[0x0B, 1]), "after {pdu:02X?}");
            }
        }
    }
}

#[test]
fn an_empty_pdu_is_a_violation_and_no_more() {
    let mut rig = Rig::new();
    rig.receive(&[]);
    assert_eq!(rig.counters().violations, 1);
    assert_eq!(rig.sent(), []);
}

#[test]
fn commands_of_the_peer_are_ignored() {
    let mut rig = Rig::new();
    for opcode in (0..=255).map(Opcode).filter(|opcode| opcode.is_command()) {
        rig.receive(&[opcode.0, 1, 0]);
        rig.receive(&[opcode.0]);
    }
    assert_eq!(rig.sent(), []);
    assert_eq!(rig.counters(), Counters::default());
}

#[test]
fn a_closed_bearer_takes_nothing() {
    let mut rig = Rig::new();
    rig.bearer().close();
    for pdu in WELL_FORMED {
        rig.receive(pdu);
    }
    assert_eq!(rig.sent(), []);
    assert_eq!(rig.counters(), Counters::default());
}

/// A call that the test has made.
struct Asked {
    id: CallId,
    handle: u8,
}

/// Callers, readers, a peer and a clock, all acting at random. The peer is honest about reads (it
/// answers the one in flight with its handle) among arbitrary garbage, so each answer can be
/// checked; and at the end everything still works.
#[test]
fn whatever_happens_no_call_gets_another_s_answer_and_no_value_vanishes() {
    let (mut answers, mut expired, mut indicated) = (0, 0, 0);
    for seed in 1..=60 {
        let mut random = Random(seed * 0x9E37_79B9);
        let mut rig = Rig::with_queues(60, 70 + random.below(80));
        let mut asked: Vec<Asked> = vec![];
        let mut in_flight: Option<u8> = None;
        let mut may_indicate = true;
        let (mut sent_values, mut heard_values) = (0u32, 0u32);
        let (mut sent_indications, mut heard_indications) = (0u32, 0u32);
        let notified = rig.subscribe(3, ValueKind::Notification);
        let indications = rig.subscribe(5, ValueKind::Indication);
        for step in 0..2_000u32 {
            match random.below(12) {
                0 => {
                    let handle = step as u8 | 1;
                    let deadline = (random.below(4) == 0)
                        .then(|| rig.now + Duration::from_secs(random.below(9) as u64));
                    if let Ok(id) = rig.start_until(&[0x0A, handle, 0x77], deadline) {
                        asked.push(Asked { id, handle });
                    }
                }
                1 if !asked.is_empty() && random.below(3) == 0 => {
                    let gone = asked.swap_remove(random.below(asked.len()));
                    rig.bearer().abandon(gone.id);
                }
                2 | 3 => {
                    let sent = rig.sent();
                    match sent[..] {
                        [0x0A, handle, 0x77] => {
                            assert_eq!(in_flight.replace(handle), None, "one in flight");
                        }
                        [0x1E] => may_indicate = true,
                        _ => {}
                    }
                }
                4 => {
                    if let Some(handle) = in_flight.take() {
                        rig.receive(&[0x0B, handle]);
                    }
                }
                5 => {
                    let index = random.below(asked.len().max(1));
                    if let Some(Asked { id, handle }) = asked.get(index) {
                        let (id, handle) = (*id, *handle);
                        if let Poll::Ready(result) = rig.answer(id) {
                            if let Ok(pdu) = result {
                                assert_eq!(pdu, [0x0B, handle], "its own answer");
                                answers += 1;
                            }
                            asked.swap_remove(index);
                        }
                    }
                }
                6 | 7 => {
                    let mut pdu = vec![0x1B, 3, 0];
                    pdu.extend_from_slice(&sent_values.to_le_bytes());
                    pdu.resize(7 + random.below(14), 0);
                    rig.receive(&pdu);
                    sent_values += 1;
                }
                8 => match rig.next(notified) {
                    Poll::Ready(Ok(Heard::Value(bytes))) => {
                        assert_eq!(bytes[..4], heard_values.to_le_bytes());
                        heard_values += 1;
                    }
                    Poll::Ready(Ok(Heard::Missed(count))) => heard_values += count,
                    Poll::Ready(Err(error)) => panic!("{error}"),
                    Poll::Pending => assert_eq!(heard_values, sent_values),
                },
                9 if may_indicate && random.below(2) == 0 => {
                    let mut pdu = vec![0x1D, 5, 0];
                    pdu.extend_from_slice(&sent_indications.to_le_bytes());
                    pdu.resize(7 + random.below(58), 0);
                    rig.receive(&pdu);
                    sent_indications += 1;
                    may_indicate = false;
                }
                9 => match rig.next(indications) {
                    Poll::Ready(Ok(Heard::Value(bytes))) => {
                        assert_eq!(bytes[..4], heard_indications.to_le_bytes());
                        heard_indications += 1;
                    }
                    Poll::Ready(other) => panic!("{other:?}"),
                    Poll::Pending => assert_eq!(heard_indications, sent_indications),
                },
                10 => {
                    // Garbage, but no answer to a read, no subscribed value, and no MTU exchange.
                    let mut pdu: Vec<u8> =
                        (0..random.below(30)).map(|_| random.next() as u8).collect();
                    let taken = [0x01, 0x02, 0x0B, 0x1B, 0x1D, 0x23];
                    if pdu.first().is_some_and(|opcode| !taken.contains(opcode)) {
                        if let (true, Some(opcode)) = (random.below(2) == 0, pdu.first_mut()) {
                            *opcode = [0x03, 0x09, 0x0A, 0x11, 0x52, 0x18][random.below(6)];
                        }
                        rig.receive(&pdu);
                    }
                }
                _ if random.below(100) == 0 => {
                    let seconds = if random.below(4) == 0 {
                        31
                    } else {
                        1 + random.below(10)
                    };
                    rig.wait(Duration::from_secs(seconds as u64));
                    if rig.bearer().take_expired() {
                        assert!(in_flight.take().is_some());
                        expired += 1;
                        for Asked { id, .. } in asked.drain(..) {
                            assert!(rig.answer(id).is_ready());
                        }
                        break;
                    }
                }
                _ => {
                    let _ = rig.command(1, &[0; 9]);
                }
            }
        }
        if !rig.bearer().is_open() {
            continue;
        }
        // Finish everything: all queued calls are answered, all values are read.
        for _ in 0..100 {
            match rig.sent()[..] {
                [0x0A, handle, 0x77] => in_flight = Some(handle),
                _ => {
                    if let Some(handle) = in_flight.take() {
                        rig.receive(&[0x0B, handle]);
                    }
                }
            }
        }
        for Asked { id, handle } in asked {
            match rig.answer(id) {
                Poll::Ready(Ok(pdu)) => assert_eq!(pdu, [0x0B, handle]),
                other => assert_eq!(other, failed(CallError::Timeout)),
            }
        }
        while let Poll::Ready(Ok(heard)) = rig.next(notified) {
            match heard {
                Heard::Value(bytes) => {
                    assert_eq!(bytes[..4], heard_values.to_le_bytes());
                    heard_values += 1;
                }
                Heard::Missed(count) => heard_values += count,
            }
        }
        while let Poll::Ready(Ok(Heard::Value(_))) = rig.next(indications) {
            heard_indications += 1;
        }
        assert_eq!(heard_values, sent_values, "seed {seed}");
        assert_eq!(heard_indications, sent_indications, "seed {seed}");
        indicated += heard_indications;
    }
    assert!(
        answers > 500 && expired > 5 && indicated > 300,
        "{answers} answers, {expired} expired, {indicated} indicated"
    );
}

#[test]
fn pure_noise_leaves_the_bearer_at_work() {
    let mut random = Random(77);
    let mut rig = Rig::new();
    for handle in [1, 2, 257] {
        rig.subscribe(handle, ValueKind::Notification);
    }
    let indicated = rig.subscribe(1, ValueKind::Indication);
    for round in 0..100_000 {
        let mut pdu: Vec<u8> = (0..random.below(40))
            .map(|_| random.below(4) as u8)
            .collect();
        if let Some(opcode) = pdu.first_mut() {
            *opcode = round as u8;
        }
        rig.receive(&pdu);
        while !rig.sent().is_empty() {}
        while rig.next(indicated).is_ready() {}
        if random.below(4) == 0 {
            let _ = rig.start(&[[0x0A, 0x08, 0x12, 0x02][random.below(4)], 1, 0]);
        }
        let id = CallId::any(random.below(4) as u8, &rig.calls);
        let _ = rig.answer(id);
    }
    let counters = rig.counters();
    assert!(
        counters.requests > 100 && counters.peer_requests > 1_000,
        "{counters:?}"
    );
    assert!(
        counters.missed > 50 && counters.indications > 100,
        "{counters:?}"
    );
    rig.bearer().open();
    let call = rig.read(1);
    rig.sent();
    rig.receive(&[0x0B, 9]);
    assert_eq!(rig.answer(call), answered(&[0x0B, 9]));
}

//! The ring of records against a plain deque.

use super::super::ring::{Cursor, Ring, RingState, front_tag};
use super::*;
use std::collections::VecDeque;

#[test]
fn any_sequence_of_pushes_and_pops_is_a_queue() {
    for capacity in [4, 5, 7, 8, 12, 13, 16, 31, 40, 64, 100, 257] {
        let mut random = Random(capacity as u64 + 1);
        // Record numbers wrap around during the test.
        let mut state = RingState::empty_at(u32::MAX - 50);
        let mut bytes = vec![0xEE; capacity];
        let mut model: VecDeque<(u16, Vec<u8>)> = VecDeque::new();
        let mut cursors: VecDeque<Cursor> = VecDeque::new();
        let mut refused = 0;
        for step in 0..20_000 {
            let mut ring = Ring {
                state: &mut state,
                bytes: &mut bytes,
            };
            if random.below(2) == 0 {
                let length = random.below(capacity.min(30));
                let head = vec![step as u8; random.below(length + 1)];
                let tail = vec![!(step as u8); length - head.len()];
                let tag = random.next() as u16;
                let fits = ring.fits(length);
                let place = ring.end();
                let could = ring.could_ever_fit(length);
                assert_eq!(ring.push(tag, &head, &tail), fits);
                if fits {
                    assert!(could);
                    model.push_back((tag, [head, tail].concat()));
                    cursors.push_back(place);
                } else {
                    refused += 1;
                    assert!(
                        !model.is_empty() || !could,
                        "an empty ring takes what fits at all"
                    );
                    // Records are never split, so up to the length of the longest may be wasted.
                    let used: usize = model.iter().map(|(_, data)| data.len() + 4).sum();
                    assert!(
                        used + 33 + length + 4 > capacity,
                        "{used} of {capacity}, {length}"
                    );
                }
            } else {
                ring.pop();
                model.pop_front();
                cursors.pop_front();
            }
            let ring = Ring {
                state: &mut state,
                bytes: &mut bytes,
            };
            assert_eq!(ring.is_empty(), model.is_empty());
            let used: usize = model.iter().map(|(_, data)| data.len() + 4).sum();
            match ring.has_much_room() {
                true => assert!(used <= capacity / 2),
                // Padding at the end of the slice counts as used.
                false => assert!(used + 33 > capacity / 2 && used > 0),
            }
            assert_eq!(
                ring.front().map(|record| record.tag),
                model.front().map(|(tag, _)| *tag)
            );
            // From the start, following the records.
            let mut cursor = ring.start();
            for (tag, data) in &model {
                let record = ring.get(cursor).unwrap();
                assert_eq!((record.tag, record.data), (*tag, &data[..]));
                cursor = Ring::after(&record);
            }
            assert_eq!(ring.get(cursor), None);
            assert!(!cursor.is_before(ring.end()));
            // From where each was pushed.
            for (place, (tag, data)) in cursors.iter().zip(&model) {
                let record = ring.get(*place).unwrap();
                assert_eq!((record.tag, record.data), (*tag, &data[..]));
            }
            assert_eq!(
                front_tag(&state, &bytes),
                model.front().map(|(tag, _)| *tag)
            );
        }
        assert!(refused > 100 || capacity > 200, "{refused} of {capacity}");
    }
}

#[test]
fn a_cursor_to_a_record_that_is_gone_reads_the_oldest() {
    let mut state = RingState::new();
    let mut bytes = [0; 20];
    let mut ring = Ring {
        state: &mut state,
        bytes: &mut bytes,
    };
    let old = ring.end();
    for number in 0..50 {
        while !ring.push(number, &[], &[number as u8]) {
            ring.pop();
        }
        let oldest = ring.front().unwrap().tag;
        assert_eq!(ring.get(old).unwrap().tag, oldest);
        assert_eq!(oldest, number.saturating_sub(3));
    }
}

#[test]
fn what_never_fits_is_known() {
    let mut state = RingState::new();
    let mut bytes = [0; 10];
    let mut ring = Ring {
        state: &mut state,
        bytes: &mut bytes,
    };
    assert!(ring.could_ever_fit(6) && !ring.could_ever_fit(7));
    assert!(!ring.push(1, &[0; 4], &[0; 3]));
    assert!(ring.push(1, &[0; 4], &[0; 2]));
    assert!(!ring.push(1, &[], &[]));
    ring.pop();
    ring.pop();
    assert!(ring.is_empty());
    let mut bytes = vec![0; 70_000];
    let ring = Ring {
        state: &mut state,
        bytes: &mut bytes,
    };
    assert!(ring.could_ever_fit(65_534) && !ring.could_ever_fit(65_535));
}

#[test]
fn a_ring_without_memory_takes_nothing() {
    for capacity in 0..4 {
        let mut state = RingState::new();
        let mut bytes = vec![0; capacity];
        let mut ring = Ring {
            state: &mut state,
            bytes: &mut bytes,
        };
        assert!(!ring.push(1, &[], &[]));
        assert_eq!((ring.front(), ring.get(ring.start())), (None, None));
        assert_eq!(front_tag(&state, &bytes), None);
    }
}

//! Limits of time of half a minute and more: they pass at the same time, or all tests together would
//! take minutes longer.

use std::thread;

use crate::attacks::order::a_peer_can_not_keep_a_pairing_from_ending;
use crate::faults::{
    a_controller_that_never_ends_an_encryption_holds_nobody_up,
    a_device_that_never_answers_an_encryption_holds_nobody_up,
};
use crate::pairing::a_person_who_does_not_answer_ends_the_pairing_and_the_next_connection_can_pair;

#[test]
fn what_nobody_answers_ends_at_its_limit() {
    thread::scope(|scope| {
        scope.spawn(a_peer_can_not_keep_a_pairing_from_ending);
        scope.spawn(a_controller_that_never_ends_an_encryption_holds_nobody_up);
        scope.spawn(a_device_that_never_answers_an_encryption_holds_nobody_up);
        scope.spawn(a_person_who_does_not_answer_ends_the_pairing_and_the_next_connection_can_pair);
    });
}

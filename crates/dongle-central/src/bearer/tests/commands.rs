//! Commands: they wait for room and are never lost, and requests stay in order with them.

use super::*;

#[test]
fn a_request_goes_out_behind_earlier_commands_and_before_later_ones() {
    let mut rig = Rig::new();
    rig.command(1, &[]).unwrap();
    rig.command(2, &[]).unwrap();
    rig.read(3);
    rig.command(4, &[]).unwrap();
    rig.read(5);
    assert_eq!(rig.sent(), [0x52, 1, 0]);
    assert_eq!(rig.sent(), [0x52, 2, 0]);
    assert_eq!(rig.sent(), [0x0A, 3, 0]);
    // While a response is awaited, commands overtake the next request, since they need no response.
    rig.command(6, &[]).unwrap();
    assert_eq!(rig.sent(), [0x52, 4, 0]);
    assert_eq!(rig.sent(), [0x52, 6, 0]);
    assert_eq!(rig.sent(), []);
    rig.receive(&[0x0B]);
    rig.command(7, &[]).unwrap();
    assert_eq!(rig.sent(), [0x0A, 5, 0]);
    assert_eq!(rig.sent(), [0x52, 7, 0]);
}

#[test]
fn commands_wait_when_the_ring_is_full_and_none_is_lost() {
    let mut rig = Rig::with_queues(100, 100);
    let (mut queued, mut sent, mut held_back) = (0u16, 0u16, 0);
    while sent < 5000 {
        match rig.command(9, &queued.to_le_bytes()) {
            Ok(()) => queued += 1,
            Err(error) => {
                assert_eq!(error, StartError::Full);
                held_back += 1;
                let waker = rig.wakes.waker();
                rig.bearer().wait_for_change(&waker);
                let (before, full) = (rig.wakes(), queued - sent);
                while rig.wakes() == before {
                    let [low, high] = sent.to_le_bytes();
                    assert_eq!(rig.sent(), [0x52, 9, 0, low, high]);
                    sent += 1;
                }
                assert_eq!(
                    queued - sent,
                    full / 2,
                    "room is announced once it is worth it"
                );
            }
        }
    }
    assert!(held_back > 800);
    assert_eq!(rig.counters().commands, u32::from(sent));
}

#[test]
fn a_command_that_never_fits_is_refused_at_once() {
    let mut rig = Rig::with_queues(20, 100);
    assert_eq!(rig.command(1, &[0; 13]), Ok(()));
    assert_eq!(rig.command(1, &[0; 14]), Err(StartError::TooLong));
}

#[test]
fn a_request_waits_its_turn_however_many_commands_overtake_the_one_in_flight() {
    let mut rig = Rig::new();
    rig.read(1);
    rig.sent();
    rig.read(2);
    for _ in 0..70_000 {
        rig.command(9, &[]).unwrap();
        assert_eq!(rig.sent(), [0x52, 9, 0]);
        // Numbers for commands would wrap around at half of 2^16.
    }
    rig.command(8, &[]).unwrap();
    rig.receive(&[0x0B]);
    assert_eq!(rig.sent(), [0x0A, 2, 0]);
    assert_eq!(rig.sent(), [0x52, 8, 0]);
}

#[test]
fn commands_do_not_outlive_their_connection() {
    let mut rig = Rig::new();
    rig.command(1, &[]).unwrap();
    rig.bearer().open();
    assert_eq!(rig.sent(), []);
}

#[test]
fn without_memory_for_commands_none_is_taken() {
    let mut rig = Rig::with_queues(0, 200);
    assert_eq!(rig.command(9, &[]), Err(StartError::TooLong));
    rig.read(3);
    assert_eq!(rig.sent(), [0x0A, 3, 0]);
}

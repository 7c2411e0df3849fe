//! The world's deadlines in order of time, and in the order of creation if times are equal.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::controller::ControllerId;
use super::link::{LinkId, Side};

/// What is due. Timers aren't cancelled: each carries a generation, which shows when it is due
/// whether it is still valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Advertise {
        controller: ControllerId,
        set: u8,
        generation: u64,
    },
    AdvertisingEnds {
        controller: ControllerId,
        set: u8,
        generation: u64,
    },
    ScanEnds {
        controller: ControllerId,
        generation: u32,
    },
    DuplicatesForgotten {
        controller: ControllerId,
        generation: u32,
    },
    Beacon {
        index: usize,
        epoch: u32,
    },
    Link {
        link: LinkId,
        generation: u32,
    },
    Supervision {
        link: LinkId,
        side: Side,
        generation: u32,
    },
    NotEstablished {
        link: LinkId,
    },
    ProcedureTimeout {
        link: LinkId,
        generation: u32,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Duration, u64, Timer)>>,
    made: u64,
}

impl Timers {
    pub(crate) fn at(&mut self, when: Duration, timer: Timer) {
        self.made += 1;
        self.heap.push(Reverse((when, self.made, timer)));
    }

    pub(crate) fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse((when, ..))| *when)
    }

    pub(crate) fn due(&mut self, now: Duration) -> Option<(Duration, Timer)> {
        if self.next()? > now {
            return None;
        }
        self.heap
            .pop()
            .map(|Reverse((when, _, timer))| (when, timer))
    }
}

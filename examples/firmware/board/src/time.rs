//! embassy's time driver: one timer counts, the other one wakes tasks.

use core::cell::RefCell;
use core::task::Waker;

use critical_section::Mutex;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

use crate::register::{Interrupt, Registers};

const CONTROL: usize = 0x0;
const VALUE: usize = 0x4;
const RELOAD: usize = 0x8;
const INTERRUPT: usize = 0xC;
const ENABLE: u32 = 1 << 0;
const INTERRUPT_ENABLE: u32 = 1 << 3;

/// The timers run at 25 MHz; embassy's ticks are microseconds.
const CLOCKS_PER_TICK: u64 = 25;

// SAFETY: timer 0 of the board. It counts down and wraps around after 172 s at 25 MHz.
const COUNTER: Registers = unsafe { Registers::at(0x4000_0000) };
// SAFETY: timer 1 of the board.
const ALARM: Registers = unsafe { Registers::at(0x4000_1000) };

struct Time {
    /// How many times the counter has wrapped around.
    rounds: u32,
    queue: Queue,
}

struct TimeDriver(Mutex<RefCell<Time>>);

embassy_time_driver::time_driver_impl!(static DRIVER: TimeDriver =
    TimeDriver(Mutex::new(RefCell::new(Time { rounds: 0, queue: Queue::new() }))));

pub(crate) fn init() {
    COUNTER.write(RELOAD, u32::MAX);
    COUNTER.write(VALUE, u32::MAX);
    COUNTER.write(CONTROL, ENABLE | INTERRUPT_ENABLE);
    for number in [8, 9] {
        Interrupt(number).enable();
    }
}

/// Handles the counter's wrap-around and the alarm.
pub(crate) fn interrupt() {
    critical_section::with(|cs| {
        let mut time = DRIVER.0.borrow_ref_mut(cs);
        time.now();
        ALARM.write(CONTROL, 0);
        ALARM.write(INTERRUPT, 1);
        time.wake();
    });
}

impl Time {
    fn now(&mut self) -> u64 {
        let mut elapsed = !COUNTER.read(VALUE);
        if COUNTER.read(INTERRUPT) != 0 {
            COUNTER.write(INTERRUPT, 1);
            self.rounds += 1;
            elapsed = !COUNTER.read(VALUE);
        }
        (u64::from(self.rounds) << 32 | u64::from(elapsed)) / CLOCKS_PER_TICK
    }

    /// Wakes the tasks whose time has come, and sets the alarm for the next one.
    fn wake(&mut self) {
        let now = self.now();
        let next = self.queue.next_expiration(now);
        if next == u64::MAX {
            return;
        }
        // A time beyond the timer's range takes several alarms.
        let clocks = (next - now)
            .saturating_mul(CLOCKS_PER_TICK)
            .min(u64::from(u32::MAX)) as u32;
        ALARM.write(CONTROL, 0);
        ALARM.write(RELOAD, clocks);
        ALARM.write(VALUE, clocks);
        ALARM.write(CONTROL, ENABLE | INTERRUPT_ENABLE);
    }
}

impl Driver for TimeDriver {
    fn now(&self) -> u64 {
        critical_section::with(|cs| self.0.borrow_ref_mut(cs).now())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let mut time = self.0.borrow_ref_mut(cs);
            if time.queue.schedule_wake(at, waker) {
                time.wake();
            }
        });
    }
}

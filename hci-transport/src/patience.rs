//! Decides whether an idle thread keeps checking for a moment before it sleeps.
//!
//! Going to sleep and being woken takes a thread longer than a controller on the same machine needs
//! to answer. One behind a radio or a UART takes a hundred times as long, and staying awake that
//! long would waste the processor. So a thread stays awake only while answers keep coming within
//! the time that sleeping would cost.

use std::thread;
use std::time::{Duration, Instant};

/// How long a thread keeps checking: the time that a controller in another process takes to answer,
/// whose threads have to be woken as well.
const LOOK: Duration = Duration::from_micros(100);
/// How many short waits are remembered at most.
const MOST: u8 = 8;
/// How many short waits one long wait cancels out.
const LONG: u8 = 4;

/// How the last waits went.
#[derive(Debug)]
pub(crate) struct Patience {
    short: u8,
    /// There is only one processor: whoever is waited for couldn't run meanwhile.
    alone: bool,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self {
            short: 0,
            alone: thread::available_parallelism().is_ok_and(|count| count.get() == 1),
        }
    }

    /// Waits until `came` returns true: awake first, if that is worth it, then asleep in `sleep`,
    /// which may return early. Between checks, other threads get to run.
    pub(crate) fn wait<S>(
        &mut self,
        with: &mut S,
        mut came: impl FnMut(&mut S) -> bool,
        sleep: impl FnOnce(&mut S),
    ) {
        let begun = Instant::now();
        if self.short > 0 && !self.alone {
            while begun.elapsed() < LOOK {
                thread::yield_now();
                if came(with) {
                    self.short = MOST.min(self.short + 1);
                    return;
                }
            }
        }
        sleep(with);
        self.short = match begun.elapsed() < LOOK {
            true => MOST.min(self.short + 1),
            false => self.short.saturating_sub(LONG),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often it looked before it slept, for a wait of that long.
    fn looks(patience: &mut Patience, long: bool) -> u32 {
        let mut looks = 0;
        let look = |looks: &mut u32| {
            *looks += 1;
            !long
        };
        patience.wait(&mut looks, look, |_| {
            if long {
                thread::sleep(2 * LOOK);
            }
        });
        looks
    }

    #[test]
    fn it_looks_only_while_what_it_waits_for_comes_soon() {
        let mut patience = Patience {
            short: 0,
            alone: false,
        };
        assert_eq!(looks(&mut patience, true), 0);
        for _ in 0..20 {
            assert_eq!(
                looks(&mut patience, true),
                0,
                "whoever waits for long sleeps"
            );
        }
        patience.short = 1;
        assert_eq!(
            looks(&mut patience, false),
            1,
            "it was there at the first look"
        );
        for _ in 0..20 {
            looks(&mut patience, false);
        }
        for _ in 0..2 {
            assert!(looks(&mut patience, true) > 0, "one long wait is no habit");
        }
        assert_eq!(looks(&mut patience, true), 0);
    }

    #[test]
    fn a_single_processor_is_left_to_whoever_is_waited_for() {
        let mut patience = Patience {
            short: MOST,
            alone: true,
        };
        assert_eq!(looks(&mut patience, true), 0);
    }
}

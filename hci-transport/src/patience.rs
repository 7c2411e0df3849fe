//! Whether a thread that has nothing to do looks again for a moment before it sleeps.
//!
//! To sleep and be woken takes a thread longer than a controller next door needs for an answer; one
//! behind a radio or a UART needs a hundred times as long, and waiting for that awake would be waste.
//! So a thread stays awake only while what it waits for keeps coming within the time it would lose.

use std::thread;
use std::time::{Duration, Instant};

/// How long it looks: what a controller in another process takes to answer, whose threads have to be
/// woken in their turn.
const LOOK: Duration = Duration::from_micros(100);
/// Short waits that are remembered.
const MOST: u8 = 8;
/// How many of them one long wait outweighs.
const LONG: u8 = 4;

/// What the last waits were like.
#[derive(Debug)]
pub(crate) struct Patience {
    short: u8,
    /// On a single processor, who is waited for could not run meanwhile.
    alone: bool,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self {
            short: 0,
            alone: thread::available_parallelism().is_ok_and(|count| count.get() == 1),
        }
    }

    /// Waits until `came` says so: first awake, if that pays, then asleep by `sleep`, which may come
    /// back early. What others have to do goes before looking.
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

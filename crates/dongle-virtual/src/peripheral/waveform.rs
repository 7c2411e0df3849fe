//! A plausible heart rhythm, with breathing, slow drift and beat-to-beat variation.

use std::f64::consts::TAU;
use std::time::Duration;

/// A simulated heart. The same seed gives the same beats.
#[derive(Debug)]
pub(super) struct Heart {
    rng: fastrand::Rng,
    /// Seconds since it began, precise enough to tell beats apart for years.
    time: f64,
    /// The time of the next beat.
    next_beat: f64,
    last_beat: f64,
    energy: f64,
}

/// What the sensor has measured since the previous measurement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measurement {
    pub(super) rate: u8,
    /// In units of 1/1024 s.
    pub(super) intervals: Vec<u16>,
    /// In kilojoules.
    pub(super) energy: u16,
}

impl Heart {
    pub(super) fn new(seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        Self {
            rng,
            time: 0.0,
            next_beat: 0.5,
            last_beat: 0.0,
            energy: 0.0,
        }
    }

    fn rate_at(&self, time: f64) -> f64 {
        let drift = 9.0 * (TAU * time / 47.0).sin();
        let breathing = 3.5 * (TAU * time / 4.2).sin();
        74.0 + drift + breathing
    }

    pub(super) fn reset_energy(&mut self) {
        self.energy = 0.0;
    }

    /// Lets `time` pass, at most a minute: more than that would not fit into a measurement.
    pub(super) fn measure(&mut self, time: Duration) -> Measurement {
        let seconds = time.as_secs_f64().min(60.0);
        self.time += seconds;
        let mut intervals = Vec::new();
        while self.next_beat <= self.time {
            let interval = self.next_beat - self.last_beat;
            intervals.push((interval * 1024.0).clamp(1.0, 65535.0) as u16);
            self.last_beat = self.next_beat;
            let scatter = 1.0 + (self.rng.f64() - 0.5) * 0.04;
            self.next_beat += 60.0 / self.rate_at(self.next_beat) * scatter;
        }
        // After a long pause, only the latest beats fit into a notification.
        let surplus = intervals.len().saturating_sub(7);
        intervals.drain(..surplus);
        self.energy += seconds * 0.15;
        let rate = self.rate_at(self.time).round().clamp(30.0, 220.0) as u8;
        Measurement {
            rate,
            intervals,
            energy: self.energy as u16,
        }
    }
}

impl Measurement {
    /// The Heart Rate Measurement characteristic (Heart Rate Service 3.1): 8-bit rate, sensor
    /// contact supported and detected, RR-intervals, and energy expended if `with_energy`.
    pub(super) fn encode(&self, with_energy: bool) -> Vec<u8> {
        const CONTACT: u8 = 0b11 << 1;
        const ENERGY: u8 = 1 << 3;
        const INTERVALS: u8 = 1 << 4;
        let mut flags = CONTACT;
        flags |= if with_energy { ENERGY } else { 0 };
        flags |= if self.intervals.is_empty() {
            0
        } else {
            INTERVALS
        };
        let mut value = vec![flags, self.rate];
        if with_energy {
            value.extend_from_slice(&self.energy.to_le_bytes());
        }
        for interval in &self.intervals {
            value.extend_from_slice(&interval.to_le_bytes());
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_as_many_beats_as_the_rate_says() {
        let mut heart = Heart::new(3);
        let mut beats = 0;
        for _ in 0..60 {
            let measurement = heart.measure(Duration::from_secs(1));
            assert!((55..=95).contains(&measurement.rate), "{measurement:?}");
            for interval in &measurement.intervals {
                assert!((500..1300).contains(interval), "{measurement:?}");
            }
            beats += measurement.intervals.len();
        }
        assert!((65..85).contains(&beats), "{beats} beats");
    }

    #[test]
    fn it_beats_after_years_and_after_any_pause() {
        let mut heart = Heart::new(3);
        heart.measure(Duration::MAX);
        let years = 3.0 * 365.0 * 24.0 * 3600.0;
        (heart.time, heart.next_beat, heart.last_beat) = (years, years, years - 0.8);
        let beats = heart.measure(Duration::from_secs(5)).intervals;
        assert!((4..=7).contains(&beats.len()), "{beats:?}");
        assert!(
            beats.iter().all(|beat| (500..1300).contains(beat)),
            "{beats:?}"
        );
    }

    #[test]
    fn a_measurement_fits_the_smallest_notification() {
        let mut heart = Heart::new(3);
        assert!(heart.measure(Duration::from_secs(60)).encode(true).len() <= 20);
    }
}

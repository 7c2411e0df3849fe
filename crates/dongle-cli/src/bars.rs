//! Numbers as bars: signal strength, and a plot of values.

use std::collections::VecDeque;

const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Signal strength as five bars: -100 dBm or less is none, -40 dBm or more all.
pub fn signal(rssi: i8) -> String {
    let filled = ((i32::from(rssi) + 100).clamp(0, 60) * 5 + 30) / 60;
    (1..=5)
        .map(|bar| if bar <= filled { '▮' } else { '▯' })
        .collect()
}

/// Where numbers were missed.
const GAP: char = '┆';

/// The latest numbers, as columns.
pub struct Plot {
    /// `None` where some were missed.
    numbers: VecDeque<Option<f64>>,
}

impl Plot {
    /// As many columns as fit any terminal.
    const MOST: usize = 500;

    pub fn new() -> Self {
        Self {
            numbers: VecDeque::new(),
        }
    }

    pub fn push(&mut self, number: f64) {
        if number.is_finite() {
            self.put(Some(number));
        }
    }

    /// Some are missing here.
    pub fn gap(&mut self) {
        if !matches!(self.numbers.back(), None | Some(None)) {
            self.put(None);
        }
    }

    fn put(&mut self, number: Option<f64>) {
        if self.numbers.len() >= Self::MOST {
            self.numbers.pop_front();
        }
        self.numbers.push_back(number);
    }

    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The plot in this many rows, the top one first, with the scale at the left.
    pub fn rows(&self, columns: usize, rows: usize) -> Vec<String> {
        let shown = |number: f64| {
            let text = format!("{number:.2}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        // Scaled to what is shown: the rest has scrolled by.
        let wide = self
            .numbers
            .iter()
            .flatten()
            .map(|&number| shown(number).len())
            .max()
            .unwrap_or(0);
        let room = columns.saturating_sub(wide + 2);
        let first = self.numbers.len().saturating_sub(room);
        let (low, high) = self
            .numbers
            .iter()
            .skip(first)
            .flatten()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &n| {
                (l.min(n), h.max(n))
            });
        if low > high || rows == 0 {
            return Vec::new();
        }
        let margin = shown(low).len().max(shown(high).len());
        let height = rows * 8;
        // A column is never empty, so that a constant is a line and not nothing.
        let heights: Vec<Option<usize>> = self
            .numbers
            .iter()
            .skip(first)
            .map(|number| {
                number.map(|number| match high > low {
                    true => {
                        1 + ((number - low) / (high - low) * (height - 1) as f64).round() as usize
                    }
                    false => height / 2,
                })
            })
            .collect();
        (0..rows)
            .rev()
            .map(|row| {
                let label = match row {
                    _ if row + 1 == rows => shown(high),
                    0 => shown(low),
                    _ => String::new(),
                };
                let bars: String = heights
                    .iter()
                    .filter_map(|height| match height {
                        Some(height) => EIGHTHS.get(height.saturating_sub(row * 8).min(8)),
                        None => Some(&GAP),
                    })
                    .collect();
                format!("{label:>margin$} ┤{bars}")
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signal_strength_is_five_bars() {
        for (rssi, bars) in [
            (-128, "▯▯▯▯▯"),
            (-70, "▮▮▮▯▯"),
            (-40, "▮▮▮▮▮"),
            (20, "▮▮▮▮▮"),
        ] {
            assert_eq!(signal(rssi), bars, "{rssi}");
        }
    }

    #[test]
    fn a_plot_shows_the_last_that_fit_between_lowest_and_highest() {
        let mut plot = Plot::new();
        assert!(plot.rows(20, 2).is_empty());
        for number in [5.0, 0.0, 10.0, f64::NAN] {
            plot.push(number);
        }
        assert_eq!(plot.rows(20, 2), ["10 ┤▁ █", " 0 ┤█▁█"]);
        assert_eq!(plot.rows(6, 1), ["10 ┤▁█"]);
        let mut constant = Plot::new();
        constant.push(72.0);
        assert_eq!(constant.rows(20, 2), ["72 ┤ ", "72 ┤█"]);
        constant.gap();
        constant.gap();
        constant.push(72.0);
        assert_eq!(constant.rows(20, 2), ["72 ┤ ┆ ", "72 ┤█┆█"]);
    }
}

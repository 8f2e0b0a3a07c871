//! Axes with round numbers.

use super::Format;
use crate::report::format::decimal;

/// A linear axis between two different numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    /// Every labelled value, lowest first.
    pub(super) ticks: Vec<f64>,
    /// Lowest value of the axis.
    pub(super) low: f64,
    /// Highest value of the axis.
    pub(super) high: f64,
    /// Decimals that tell neighbouring ticks apart.
    decimals: usize,
}

impl Scale {
    /// The finest round steps that hold all finite `values` in at most `most` intervals.
    pub(super) fn fit(values: impl Iterator<Item = f64>, most: u32) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low < high { (low, high) } else { around(low) };
        let steps = (-9..=300).flat_map(|exponent| [(1, exponent), (2, exponent), (5, exponent)]);
        for (mantissa, exponent) in steps {
            let step = power_of_ten(mantissa, exponent);
            let (first, last) = ((low / step).floor(), (high / step).ceil());
            if last - first <= f64::from(most) && first.abs() < 1e15 && last.abs() < 1e15 {
                // Read as decimals, so that a tick at 0.3 is 0.3 and not three times 0.1.
                let ticks: Vec<f64> = (first as i64..=last as i64).map(|index| power_of_ten(index * mantissa, exponent)).collect();
                return Self::between(ticks, usize::try_from(-exponent).unwrap_or(0));
            }
        }
        Self::between(vec![0.0, 1.0], 0)
    }

    /// An axis from the first tick to the last.
    fn between(ticks: Vec<f64>, decimals: usize) -> Self {
        let (low, high) = (ticks.first().copied().unwrap_or(0.0), ticks.last().copied().unwrap_or(1.0));
        Self { ticks, low, high, decimals }
    }

    /// The same axis, ended at `high` in place of the round number above it.
    pub(super) fn ended_at(mut self, high: f64) -> Self {
        if self.low < high && high < self.high {
            self.ticks.retain(|tick| *tick <= high);
            self.high = high;
        }
        self
    }

    /// Where `value` lies when the axis runs from `from` to `to`.
    pub(super) fn place(&self, value: f64, from: f64, to: f64) -> f64 {
        from + (value - self.low) / (self.high - self.low) * (to - from)
    }

    /// The words beside a tick.
    pub(super) fn label(&self, tick: f64, format: Format) -> String {
        match format {
            Format::Number => decimal(tick, self.decimals),
            Format::Share => format!("{}%", decimal(tick * 100.0, self.decimals.saturating_sub(2))),
        }
    }
}

/// A span around a single value, or the unit span where there is none.
fn around(value: f64) -> (f64, f64) {
    if !value.is_finite() || value == 0.0 { (0.0, 1.0) } else { (value.min(0.0), value.max(0.0)) }
}

/// `digits x 10^exponent`, rounded once.
fn power_of_ten(digits: i64, exponent: i32) -> f64 {
    format!("{digits}e{exponent}").parse().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::{Format, Scale};

    fn ticks(values: &[f64], most: u32) -> Vec<f64> {
        Scale::fit(values.iter().copied(), most).ticks
    }

    #[test]
    fn ends_on_round_numbers() {
        assert_eq!(ticks(&[0.0, 0.27], 5), [0.0, 0.1, 0.2, 0.3]);
        assert_eq!(ticks(&[0.0, 26.0], 6), [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        assert_eq!(ticks(&[-0.02, 0.03], 5), [-0.02, -0.01, 0.0, 0.01, 0.02, 0.03]);
    }

    #[test]
    fn stands_on_anything() {
        assert_eq!(ticks(&[], 5), ticks(&[0.0, 1.0], 5));
        assert_eq!(ticks(&[f64::NAN], 5), ticks(&[0.0, 1.0], 5));
        assert_eq!(ticks(&[4.0, 4.0], 5), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(ticks(&[f64::MIN, f64::MAX], 5), [0.0, 1.0]);
        assert_eq!(ticks(&[0.0, 1e300], 5).len(), 6);
    }

    #[test]
    fn ends_where_it_is_told() {
        let scale = Scale::fit([0.0, 26.0].into_iter(), 7).ended_at(26.0);
        assert_eq!((scale.ticks.last(), scale.high), (Some(&25.0), 26.0));
        assert_eq!(scale.place(13.0, 0.0, 100.0), 50.0);
    }

    #[test]
    fn labels_tell_neighbours_apart() {
        let scale = Scale::fit([0.0, 0.012].into_iter(), 5);
        let labels: Vec<_> = scale.ticks.iter().map(|tick| scale.label(*tick, Format::Share)).collect();
        assert_eq!(labels, ["0.0%", "0.5%", "1.0%", "1.5%"]);
    }
}

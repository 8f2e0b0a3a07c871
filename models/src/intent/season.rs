//! The seasonal index: the log of the smoothed volume of all orders, known up to the cut and carried into the future.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Day;

/// Standard deviation of the smoothing kernel in days, and how far it reaches.
const KERNEL: (f64, i32) = (5.0, 28);
/// A year in whole weeks: weekdays meet weekdays.
const YEAR: i32 = 364;
/// Days after the first order that no year-later value is taken from: an extract starts unevenly.
const START: i32 = 14;
/// Purchases a day from which a market has an index of its own.
const OWN_INDEX: f64 = 20.0;
/// Purchases by which a day's volume is pulled to the mean.
const SHRINK: f64 = 10.0;

/// Purchases (customers by day) of each market and day.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Volume(BTreeMap<u16, BTreeMap<Day, f64>>);

impl Volume {
    pub(super) fn add(&mut self, market: u16, day: Day) {
        *self.0.entry(market).or_default().entry(day).or_default() += 1.0;
    }

    /// The index of each market, its own where it has volume enough, else that of all together; that one comes last.
    pub(super) fn seasons(&self, markets: usize, as_of: Day) -> Vec<Season> {
        let mut pool: BTreeMap<Day, f64> = BTreeMap::new();
        for (day, count) in self.0.values().flatten() {
            *pool.entry(*day).or_default() += count;
        }
        let pooled = Season::new(&pool, as_of);
        let own = |market: usize| {
            let volume = self.0.get(&(market as u16))?;
            let year: f64 = volume.range(as_of.plus(-YEAR)..as_of).map(|(_, count)| count).sum();
            (year >= OWN_INDEX * f64::from(YEAR)).then(|| Season::new(volume, as_of))
        };
        (0..=markets).map(|market| own(market).unwrap_or_else(|| pooled.clone())).collect()
    }
}

/// The index of one market, 0 on average over the last year.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Season {
    from: Day,
    /// One value a day from `from` up to the cut.
    values: Vec<f64>,
    /// Half the log growth of the last 56 days on a year before; absent without that year.
    growth: Option<f64>,
}

impl Season {
    fn new(volume: &BTreeMap<Day, f64>, as_of: Day) -> Self {
        let Some(from) = volume.keys().next().copied().filter(|day| *day < as_of) else {
            return Self { from: as_of, values: Vec::new(), growth: None };
        };
        let days = as_of.since(from);
        let count = |day: i32| volume.get(&from.plus(day)).copied().unwrap_or(0.0);
        let mean = recent_mean(days, &count);
        let smooth = |day: i32| {
            let (mut sum, mut weight) = (0.0, 0.0);
            for near in (day - KERNEL.1).max(0)..=(day + KERNEL.1).min(days - 1) {
                let distance = f64::from(near - day) / KERNEL.0;
                let here = (-0.5 * distance * distance).exp();
                sum += here * count(near);
                weight += here;
            }
            ((sum + SHRINK) / (mean * weight + SHRINK)).ln()
        };
        let mut values: Vec<f64> = (0..days).map(smooth).collect();
        let last = &values[values.len().saturating_sub(YEAR as usize)..];
        let level = (last.iter().map(|value| value.exp()).sum::<f64>() / last.len() as f64).ln();
        for value in &mut values {
            *value -= level;
        }
        let growth = growth(&values);
        Self { from, values, growth }
    }

    /// Whether a year's values lie behind the cut.
    pub(super) fn knows_a_year(&self) -> bool {
        self.values.len() >= (YEAR + START) as usize
    }

    /// The index on a day; 0 without any volume.
    pub(super) fn at(&self, day: Day) -> f64 {
        let (place, known) = (day.since(self.from), self.values.len() as i32);
        if known == 0 {
            return 0.0;
        }
        if place < known {
            return self.values[place.max(0) as usize];
        }
        let ahead = f64::from(place - known);
        let mut year_before = place - YEAR;
        while year_before >= known {
            year_before -= YEAR;
        }
        if year_before >= START {
            return self.values[year_before as usize] + self.growth.unwrap_or(0.0) * 0.5_f64.powf(ahead / 182.0);
        }
        let recent = &self.values[self.values.len().saturating_sub(28)..];
        recent.iter().sum::<f64>() / recent.len() as f64 * 0.5_f64.powf(ahead / 56.0)
    }
}

/// Mean daily count of the last year, or of what there is.
fn recent_mean(days: i32, count: &impl Fn(i32) -> f64) -> f64 {
    let from = (days - YEAR).max(0);
    (from..days).map(count).sum::<f64>() / f64::from((days - from).max(1))
}

fn growth(values: &[f64]) -> Option<f64> {
    let year = YEAR as usize;
    if values.len() <= year + 28 {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let days = 56.min(values.len() - year - START as usize);
    let now = &values[values.len() - days..];
    let before = &values[values.len() - days - year..values.len() - year];
    Some(0.5 * (mean(now) - mean(before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Volume that doubles from the first to the second half of every year.
    fn yearly(days: i32, count: f64) -> Volume {
        let mut volume = Volume::default();
        for day in 0..days {
            let times = if day % YEAR < YEAR / 2 { count } else { 2.0 * count };
            (0..times as i32).for_each(|_| volume.add(0, Day(day)));
        }
        volume
    }

    #[test]
    fn the_index_is_the_log_of_volume_and_repeats_after_a_year() {
        let season = &yearly(700, 20.0).seasons(1, Day(700))[0];
        let (low, high) = (season.at(Day(YEAR + 90)), season.at(Day(YEAR + 270)));
        assert!((high - low - 2_f64.ln()).abs() < 0.03, "{low} {high}");
        assert!((season.at(Day(700 + 90)) - season.at(Day(700 + 90 - YEAR))).abs() < 0.05);
        assert!((season.at(Day(700 + YEAR + 90)) - season.at(Day(700 + 90))).abs() < 0.1);
        assert_eq!(season.at(Day(-50)), season.at(Day(0)));
    }

    #[test]
    fn half_of_the_growth_goes_on_and_fades() {
        let mut volume = Volume::default();
        for day in 0..728 {
            (0..if day < YEAR { 40 } else { 80 }).for_each(|_| volume.add(0, Day(day)));
        }
        let season = &volume.seasons(1, Day(728))[0];
        let growth = season.at(Day(728)) - season.at(Day(728 - YEAR));
        assert!((growth - 0.5 * 2_f64.ln()).abs() < 0.05, "{growth}");
        let faded = season.at(Day(728 + 182)) - season.at(Day(728 + 182 - YEAR));
        assert!((faded - growth / 2.0).abs() < 1e-9, "{faded}");
    }

    #[test]
    fn without_a_year_behind_the_last_level_fades_to_the_mean() {
        let season = &yearly(250, 20.0).seasons(1, Day(250))[0];
        let (now, later) = (season.at(Day(250)), season.at(Day(250 + 112)));
        assert!(now > 0.2 && (later - now / 4.0).abs() < 1e-9, "{now} {later}");
    }

    #[test]
    fn a_small_market_reads_the_index_of_all_and_nothing_is_zero() {
        let mut volume = yearly(700, 20.0);
        volume.add(1, Day(3));
        let seasons = volume.seasons(2, Day(700));
        assert_eq!(seasons[1], seasons[2]);
        assert_ne!(seasons[0], seasons[2]);
        assert_eq!(Volume::default().seasons(1, Day(9))[0].at(Day(9)), 0.0);
    }
}

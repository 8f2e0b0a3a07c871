//! The known part of the log hazard: age curve, season, level of the market.
//!
//! log hazard of a day = log(age curve) + gamma x index + log(level); what a model adds starts at zero, so that this
//! is what remains where nothing can be learned.

use serde::{Deserialize, Serialize};

use super::cohorts::{Cohorts, OLDEST};
use super::season::Season;
use crate::Day;

/// Narrowest kernel over ages in days, and its growth with age.
const WIDTH: (f64, f64) = (0.7, 0.15);
/// Prior of gamma: mean and precision in units of its own curvature.
const GAMMA: (f64, f64) = (1.0, 25.0);
/// Rounds of curve, gamma and levels.
const ROUNDS: usize = 4;
/// Bounds of the events that a market's prior level weighs.
const PRIOR_EVENTS: (f64, f64) = (10.0, 10_000.0);

/// One customer at one landmark, as the offset sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Landmark {
    pub(super) market: u16,
    pub(super) at: Day,
    /// Days since the first purchase.
    pub(super) age: u16,
}

/// What one market's own level weighs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Level {
    /// Factor on the pool's hazard.
    pub(super) factor: f64,
    /// Events of the market.
    pub(super) events: f64,
    /// Events that the pool's hazard expects.
    pub(super) expected: f64,
    /// Weight of the market's own level against the pool's, 0..=1.
    pub(super) own_weight: f64,
}

/// The fitted offset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Offset {
    /// Daily hazard at each age in days; the last one holds for all older ages.
    curve: Vec<f64>,
    /// Its running sums: place a holds the hazard of ages 1..=a.
    sums: Vec<f64>,
    /// How strongly second purchases follow the index.
    pub(super) gamma: f64,
    /// Per market; the last one is the pool's, for markets that are not known.
    pub(super) seasons: Vec<Season>,
    /// Per market, as `seasons`.
    pub(super) levels: Vec<Level>,
}

impl Offset {
    /// Fits curve, gamma and levels in turn. Without any event the hazard is next to nothing.
    pub(super) fn fit(cohorts: &Cohorts, seasons: Vec<Season>) -> Self {
        let even = Level { factor: 1.0, events: 0.0, expected: 0.0, own_weight: 0.0 };
        let levels = vec![even; seasons.len()];
        let mut offset = Self { curve: vec![0.0; OLDEST], sums: vec![0.0; OLDEST], gamma: GAMMA.0, seasons, levels };
        for _ in 0..ROUNDS {
            offset.fit_curve(cohorts);
            offset.fit_gamma(cohorts);
            offset.fit_levels(cohorts);
        }
        offset.fit_curve(cohorts);
        offset
    }

    /// Cumulative hazard of week `week` (from 0) after a landmark at which the customer is `age` days old.
    ///
    /// The index is read in the week's middle; `calendar` false leaves it out.
    pub(super) fn hazard(&self, landmark: Landmark, week: u16, calendar: bool) -> f64 {
        let days = 7 * usize::from(week);
        let from = usize::from(landmark.age).max(1) + days - 1;
        let season = if calendar { self.season(landmark.market, landmark.at.plus(days as i32 + 3)) } else { 1.0 };
        self.factor(landmark.market) * (self.sum(from + 7) - self.sum(from)) * season
    }

    /// Whether it was read whole, for so many markets.
    pub(super) fn fits(&self, markets: usize) -> bool {
        [self.curve.len(), self.sums.len()] == [OLDEST; 2] && [self.seasons.len(), self.levels.len()] == [markets; 2]
    }

    /// Whether every season of a year was seen.
    pub(super) fn knows_a_year(&self) -> bool {
        self.seasons.iter().all(Season::knows_a_year)
    }

    /// exp(gamma x index).
    fn season(&self, market: u16, day: Day) -> f64 {
        self.seasons.get(usize::from(market)).map_or(1.0, |season| (self.gamma * season.at(day)).exp())
    }

    fn sum(&self, age: usize) -> f64 {
        let last = OLDEST - 1;
        if age <= last { self.sums[age] } else { self.sums[last] + (age - last) as f64 * self.curve[last] }
    }

    fn factor(&self, market: u16) -> f64 {
        self.levels.get(usize::from(market)).map_or(1.0, |level| level.factor)
    }

    fn fit_curve(&mut self, cohorts: &Cohorts) {
        let (mut events, mut exposure) = (vec![0.0; OLDEST], vec![0.0; OLDEST]);
        cohorts.for_each(|cell| {
            events[cell.age] += cell.events;
            exposure[cell.age] += cell.at_risk * self.factor(cell.market) * self.season(cell.market, cell.day);
        });
        self.curve = smooth(&events, &exposure);
        let mut sum = 0.0;
        self.sums = self
            .curve
            .iter()
            .map(|hazard| {
                sum += hazard;
                sum
            })
            .collect();
    }

    /// Newton steps on gamma and a free intercept, Poisson likelihood of the daily cells.
    fn fit_gamma(&mut self, cohorts: &Cohorts) {
        let mut intercept = 0.0;
        for _ in 0..6 {
            let (mut slope, mut curvature) = ([0.0; 2], [0.0; 3]);
            cohorts.for_each(|cell| {
                let index = self.seasons.get(usize::from(cell.market)).map_or(0.0, |season| season.at(cell.day));
                let rate = self.curve[cell.age] * self.factor(cell.market) * (intercept + self.gamma * index).exp() * cell.at_risk;
                let miss = cell.events - rate;
                slope = [slope[0] + miss, slope[1] + miss * index];
                curvature = [curvature[0] + rate, curvature[1] + rate * index, curvature[2] + rate * index * index];
            });
            let slope = [slope[0] - intercept, slope[1] - GAMMA.1 * (self.gamma - GAMMA.0)];
            let [a, b, c] = [curvature[0] + 1.0, curvature[1], curvature[2] + GAMMA.1];
            let determinant = a * c - b * b;
            let step = [(c * slope[0] - b * slope[1]) / determinant, (a * slope[1] - b * slope[0]) / determinant];
            intercept += step[0].clamp(-1.0, 1.0);
            self.gamma = (self.gamma + step[1].clamp(-1.0, 1.0)).clamp(0.0, 3.0);
            if step[0].abs().max(step[1].abs()) < 1e-6 {
                break;
            }
        }
    }

    /// Each market's events against the pool's expectation, shrunken by what markets really differ (method of moments).
    fn fit_levels(&mut self, cohorts: &Cohorts) {
        let (mut events, mut expected) = (vec![0.0; self.levels.len()], vec![0.0; self.levels.len()]);
        cohorts.for_each(|cell| {
            let market = usize::from(cell.market);
            if market < events.len() {
                events[market] += cell.events;
                expected[market] += self.curve[cell.age] * self.season(cell.market, cell.day) * cell.at_risk;
            }
        });
        let prior = prior_events(&events, &expected);
        let total = expected.iter().sum::<f64>();
        let scale = if total > 0.0 { events.iter().sum::<f64>() / total } else { 1.0 };
        for ((level, events), expected) in self.levels.iter_mut().zip(events).zip(expected) {
            let expected = expected * scale;
            *level = Level { factor: (events + prior) / (expected + prior), events, expected, own_weight: expected / (expected + prior) };
        }
    }
}

/// How many events the prior level of a market weighs: the reciprocal of the variance of true levels between markets.
fn prior_events(events: &[f64], expected: &[f64]) -> f64 {
    let (total, sum): (f64, f64) = (expected.iter().sum(), events.iter().sum());
    if total <= 0.0 || sum <= 0.0 || events.iter().filter(|events| **events > 0.0).count() < 2 {
        return PRIOR_EVENTS.1;
    }
    let (mut excess, mut square) = (0.0, 0.0);
    for (events, expected) in events.iter().zip(expected) {
        let expected = expected * sum / total;
        excess += (events - expected) * (events - expected) - expected;
        square += expected * expected;
    }
    let variance = (excess / square).max(1e-9);
    (1.0 / variance).clamp(PRIOR_EVENTS.0, PRIOR_EVENTS.1)
}

/// Events over exposure, both smoothed by a kernel that widens with age. Raw Kaplan-Meier has flat stretches: no mass.
fn smooth(events: &[f64], exposure: &[f64]) -> Vec<f64> {
    let oldest = exposure.iter().rposition(|exposure| *exposure > 0.0).unwrap_or(0);
    let at = |age: usize| {
        let age = age.min(oldest);
        let width = (WIDTH.1 * age as f64).max(WIDTH.0);
        let reach = (4.0 * width).ceil() as usize;
        let (mut sum, mut weight) = (0.0, 0.0);
        for near in age.saturating_sub(reach).max(1)..=(age + reach).min(oldest) {
            let distance = (near as f64 - age as f64) / width;
            let here = (-0.5 * distance * distance).exp();
            sum += here * events[near];
            weight += here * exposure[near];
        }
        (sum + 1e-4) / (weight + 0.05)
    };
    (0..events.len()).map(|age| if age == 0 { 0.0 } else { at(age).clamp(0.0, 1.0) }).collect()
}

#[cfg(test)]
mod tests;

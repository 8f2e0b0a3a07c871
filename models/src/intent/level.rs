//! The level of the last weeks: one factor on the hazard per market, forgotten as weeks go on.

use serde::{Deserialize, Serialize};

use crate::Day;

/// Events by which the pool's factor is pulled to 1.
const POOL_EVENTS: f64 = 10.0;
/// Events by which a market's factor is pulled to the pool's.
const MARKET_EVENTS: f64 = 30.0;
/// Days after which the log of a factor has halved.
const HALF_LIFE: f64 = 70.0;
/// Weeks looked back at, and how many when those hold fewer events than [`FEW_EVENTS`].
pub(super) const WEEKS: [u16; 2] = [4, 8];
/// See [`WEEKS`].
pub(super) const FEW_EVENTS: f64 = 20.0;

/// One market's events in the last weeks against what the model expected there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recent {
    pub(super) events: f64,
    pub(super) expected: f64,
}

/// The fitted factors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Calibration {
    /// The cut: from here on the factors fade.
    pub(super) at: Day,
    /// Weeks that gave the factors.
    pub(super) weeks: u16,
    /// Per market; the last one is the pool's, for markets that are not known.
    pub(super) factors: Vec<f64>,
    /// Per market, without the pool.
    pub(super) recent: Vec<Recent>,
}

impl Calibration {
    /// Factors of 1.
    pub(super) fn none(at: Day, markets: usize) -> Self {
        Self { at, weeks: 0, factors: vec![1.0; markets + 1], recent: vec![Recent::default(); markets] }
    }

    /// Factors from each market's events and expectations.
    pub(super) fn fit(at: Day, weeks: u16, recent: Vec<Recent>) -> Self {
        let (events, expected) =
            recent.iter().fold((0.0, 0.0), |(events, expected), market| (events + market.events, expected + market.expected));
        let pool = (events + POOL_EVENTS) / (expected + POOL_EVENTS);
        let own = |market: &Recent| pool * (market.events + MARKET_EVENTS) / (pool * market.expected + MARKET_EVENTS);
        let factors = recent.iter().map(own).chain([pool]).collect();
        Self { at, weeks, factors, recent }
    }

    /// Factor on the cumulative hazard of a week that starts on `day`: 1 - (1 - h)^factor.
    pub(super) fn factor(&self, market: u16, day: Day) -> f64 {
        let pool = self.factors.len() - 1;
        let factor = self.factors[usize::from(market).min(pool)];
        let ahead = f64::from(day.since(self.at).max(0));
        (factor.ln() * 0.5_f64.powf(ahead / HALF_LIFE)).exp()
    }

    /// Weight of a market's own level of the last weeks against the pool's.
    pub(super) fn own_weight(&self, market: usize) -> f64 {
        let pool = self.factors[self.factors.len() - 1];
        let expected = pool * self.recent[market].expected;
        expected / (expected + MARKET_EVENTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_market_is_pulled_to_the_pool_and_the_pool_to_one() {
        let recent = vec![Recent { events: 200.0, expected: 100.0 }, Recent { events: 0.0, expected: 1.0 }];
        let calibration = Calibration::fit(Day(0), 4, recent);
        let pool = 210.0 / 111.0;
        assert!((calibration.factors[2] - pool).abs() < 1e-12);
        assert!((calibration.factors[0] - pool * 230.0 / (pool * 100.0 + 30.0)).abs() < 1e-12);
        assert!(calibration.factors[1] > 0.9 * pool && calibration.own_weight(1) < 0.1 && calibration.own_weight(0) > 0.8);
    }

    #[test]
    fn its_log_halves_and_unknown_markets_take_the_pool() {
        let calibration = Calibration::fit(Day(0), 4, vec![Recent { events: 190.0, expected: 90.0 }]);
        let now = calibration.factor(7, Day(-3));
        assert_eq!(now, calibration.factors[1]);
        assert!((calibration.factor(7, Day(70)).ln() - now.ln() / 2.0).abs() < 1e-12);
        assert_eq!(Calibration::none(Day(0), 2).factor(1, Day(5)), 1.0);
    }
}

//! Exchange rates by day.

use std::collections::BTreeMap;

use reprise_models::Day;

/// Rates of currencies: units of one common currency per unit.
#[derive(Debug, Default)]
pub(super) struct Rates {
    days: BTreeMap<String, BTreeMap<Day, f64>>,
}

impl Rates {
    /// Adds the rate of `currency` from `day` on. Of two rates of one day the smaller counts, whichever came first.
    pub(super) fn insert(&mut self, currency: &str, day: Day, rate: f64) {
        let rates = self.days.entry(currency.to_owned()).or_default();
        let kept = rates.entry(day).or_insert(rate);
        *kept = kept.min(rate);
    }

    /// What an amount in `from` is worth in `to` on `day`, by the last rates known by then; a currency without any
    /// rate in the whole table is the common one. `None` where a rate is missing, and between two such currencies.
    pub(super) fn factor(&self, from: &str, to: &str, day: Day) -> Option<f64> {
        if from == to {
            return Some(1.0);
        }
        match (self.days.get(from), self.days.get(to)) {
            (Some(from), Some(to)) => Some(last(from, day)? / last(to, day)?),
            (Some(from), None) => last(from, day),
            (None, Some(to)) => last(to, day).map(|rate| 1.0 / rate),
            (None, None) => None,
        }
    }
}

fn last(rates: &BTreeMap<Day, f64>, day: Day) -> Option<f64> {
    rates.range(..=day).next_back().map(|(_, rate)| *rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_known_rate_counts_and_never_a_later_one() {
        let mut rates = Rates::default();
        rates.insert("SEK", Day(10), 0.1);
        rates.insert("SEK", Day(20), 0.2);
        rates.insert("NOK", Day(10), 0.05);
        assert_eq!(rates.factor("SEK", "EUR", Day(9)), None);
        assert_eq!(rates.factor("SEK", "EUR", Day(19)), Some(0.1));
        assert_eq!(rates.factor("SEK", "NOK", Day(20)), Some(4.0));
        assert_eq!(rates.factor("EUR", "SEK", Day(15)), Some(10.0));
        assert_eq!(rates.factor("USD", "EUR", Day(15)), None);
        assert_eq!(rates.factor("USD", "USD", Day(15)), Some(1.0));
    }
}

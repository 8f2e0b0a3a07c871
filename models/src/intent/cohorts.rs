//! When one-timers came back, counted by market, day of the first purchase and age.

use std::collections::BTreeMap;

use crate::Day;

/// Ages beyond this are not told apart.
pub(super) const OLDEST: usize = 1200;

/// Per market and first day: at each age in days, how many came back and how many were last seen waiting.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cohorts {
    markets: BTreeMap<u16, BTreeMap<Day, BTreeMap<u16, Exit>>>,
    /// Nobody is at risk before this day (delayed entry); `None`: from the first purchase on.
    from: Option<Day>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Exit {
    events: u32,
    censored: u32,
}

/// One day of one cohort.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) market: u16,
    /// The calendar day.
    pub(super) day: Day,
    /// Days since the first purchase, 1..[`OLDEST`].
    pub(super) age: usize,
    /// Customers still waiting at the start of the day.
    pub(super) at_risk: f64,
    /// Of these, those who came back on the day.
    pub(super) events: f64,
}

impl Cohorts {
    /// None yet, and none to be at risk before `from`.
    pub(super) fn from(from: Option<Day>) -> Self {
        Self { from, ..Self::default() }
    }

    /// A customer whose first purchase was on `first`: came back on `back`, or was seen waiting before `until`.
    pub(super) fn see(&mut self, market: u16, first: Day, back: Option<Day>, until: Day) {
        let age = back.map_or(until.since(first) - 1, |back| back.since(first));
        let oldest = OLDEST as i32 - 1;
        if age < 1 || Some(first.plus(age)) < self.from {
            return;
        }
        let exit = self.markets.entry(market).or_default().entry(first).or_default().entry(age.min(oldest) as u16).or_default();
        if back.is_some() && age <= oldest {
            exit.events += 1;
        } else {
            exit.censored += 1;
        }
    }

    /// Every day of every cohort, in order.
    pub(super) fn for_each(&self, mut visit: impl FnMut(Cell)) {
        for (market, cohorts) in &self.markets {
            for (first, exits) in cohorts {
                let mut at_risk: u32 = exits.values().map(|exit| exit.events + exit.censored).sum();
                let mut next = exits.iter().peekable();
                let mut age = 1;
                while at_risk > 0 {
                    let exit = next.next_if(|(at, _)| usize::from(**at) == age).map_or(Exit::default(), |(_, exit)| *exit);
                    let day = first.plus(age as i32);
                    if Some(day) >= self.from {
                        visit(Cell { market: *market, day, age, at_risk: f64::from(at_risk), events: f64::from(exit.events) });
                    }
                    at_risk -= exit.events + exit.censored;
                    age += 1;
                }
            }
        }
    }

    /// Customers and events of a market.
    pub(super) fn counts(&self, market: u16) -> (u64, u64) {
        let exits = self.markets.get(&market).into_iter().flat_map(BTreeMap::values).flat_map(BTreeMap::values);
        exits
            .fold((0, 0), |(customers, events), exit| (customers + u64::from(exit.events + exit.censored), events + u64::from(exit.events)))
    }
}

//! Journeys to training examples of the intent model: flat arrays, no padding.

mod law;
#[cfg(test)]
mod tests;

pub use law::{OLDEST_AGE, landmark_age};

use crate::draw;
use crate::encoder::Bound;
use crate::learn::{Journeys, Result};
use crate::{Day, Journey, View};

/// Which landmarks of a journey become examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landmarks {
    /// So many ages by the fixed law of [`landmark_age`].
    Drawn(u32),
    /// One day for all: what scoring on that day would see. Customers who come later stand at their first day after.
    From(Day),
    /// One day for all; customers who come later are left out.
    On(Day),
}

/// How examples are cut from journeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Seeds landmarks.
    pub seed: u64,
    /// See [`Landmarks`].
    pub landmarks: Landmarks,
    /// Nothing on or after this day is read.
    pub as_of: Day,
    /// No landmark lies before this day; `None`: from the first purchase on.
    pub from: Option<Day>,
    /// First purchases before this day are not known to be first ones, unless the source states it.
    pub known_from: Day,
}

/// Examples of the intent model, one per customer and landmark.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Features of one example.
    pub width: usize,
    /// `width` per example.
    pub features: Vec<f32>,
    /// Hash of the customer: landmarks of one customer are told from those of another.
    pub customers: Vec<u64>,
    /// Index of the market in the catalogue.
    pub markets: Vec<u16>,
    /// The landmark.
    pub landmarks: Vec<Day>,
    /// Days since the first purchase at the landmark, at least 1.
    pub ages: Vec<u16>,
    /// Days of outcome that were seen, whatever happened in them.
    pub observed: Vec<u16>,
    /// Days from the landmark to the second purchase, where one was seen.
    pub back: Vec<Option<u16>>,
}

/// What a weekly likelihood sees of an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whole weeks seen, the week of the purchase included and none after it.
    pub weeks: usize,
    /// Whether the last of them holds the purchase.
    pub bought: bool,
}

impl Dataset {
    /// Number of examples.
    pub fn len(&self) -> usize {
        self.ages.len()
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.ages.is_empty()
    }

    /// The features of one example.
    pub fn row(&self, example: usize) -> &[f32] {
        &self.features[example * self.width..(example + 1) * self.width]
    }

    /// The first `horizon` weeks of an example. A week that was not seen whole does not count, purchase or not: keeping
    /// only those with a purchase would bias upwards.
    pub fn seen(&self, example: usize, horizon: u16) -> Seen {
        let whole = (self.observed[example] / 7).min(horizon);
        match self.back[example].map(|day| day / 7).filter(|week| *week < whole) {
            Some(week) => Seen { weeks: usize::from(week) + 1, bought: true },
            None => Seen { weeks: usize::from(whole), bought: false },
        }
    }

    /// Adds the examples of one journey.
    pub fn see(&mut self, journey: &Journey, bound: &Bound<'_>, split: &Split) {
        for at in landmarks(journey, split) {
            let view = journey.as_of(at);
            let Some(first) = only_purchase(view, split.known_from) else { continue };
            let outcome = journey.outcome(at, split.as_of);
            let observed = outcome.observed_until.since(at).clamp(0, i32::from(u16::MAX)) as u16;
            if observed < 7 {
                continue;
            }
            let features = bound.features(view);
            self.width = features.len();
            self.features.extend(features);
            self.customers.push(draw::hash(journey.customer()));
            self.markets.push(journey.market());
            self.landmarks.push(at);
            self.ages.push(at.since(first).clamp(1, i32::from(u16::MAX)) as u16);
            self.observed.push(observed);
            self.back.push(outcome.purchased.map(|day| day.since(at) as u16));
        }
    }

    /// Adds the examples of another set with the same features.
    pub fn extend(&mut self, other: Dataset) {
        self.width = other.width;
        self.features.extend(other.features);
        self.customers.extend(other.customers);
        self.markets.extend(other.markets);
        self.landmarks.extend(other.landmarks);
        self.ages.extend(other.ages);
        self.observed.extend(other.observed);
        self.back.extend(other.back);
    }
}

/// The examples of all journeys, in their order.
pub fn examples(journeys: &Journeys<'_>, bound: &Bound<'_>, split: &Split) -> Result<Dataset> {
    let mut dataset = Dataset::default();
    journeys(&mut |journey| {
        dataset.see(&journey, bound, split);
        Ok(())
    })?;
    Ok(dataset)
}

/// The day of the only purchase of a known customer, if as of the view there is exactly one and it is the first ever.
pub fn only_purchase(view: View<'_>, known_from: Day) -> Option<Day> {
    let days = view.purchase_days();
    let &[day] = days.as_slice() else { return None };
    let stated = view.profile().first_purchased_on;
    let first = stated.map_or(day >= known_from, |stated| stated == day || (stated > day && day >= known_from));
    (first && view.known()).then_some(day)
}

fn landmarks(journey: &Journey, split: &Split) -> Vec<Day> {
    let customer = draw::hash(journey.customer());
    let Some(first) = journey.first_order_day() else { return Vec::new() };
    let mut days: Vec<Day> = match split.landmarks {
        Landmarks::Drawn(count) => (0..count).map(|number| first.plus(landmark_age(split.seed, customer, number, count))).collect(),
        Landmarks::From(day) => vec![day.max(first.plus(1))],
        Landmarks::On(day) => vec![day],
    };
    days.retain(|day| *day > first && *day < split.as_of && Some(*day) >= split.from);
    days.dedup();
    days
}

//! One pass over journeys as of the cut, and the encoder that it gives.

use std::collections::{BTreeMap, BTreeSet};

use super::features::{self, Attribute, Topic};
use super::products::Counting;
use super::{Amounts, Bound, Encoder, Feature};
use crate::draw::{self, Use};
use crate::examples::landmark_age;
use crate::journey::{EventKind, Journey, Value};
use crate::learn::Result;
use crate::{Catalogue, Day, View};

/// Customers of each market from whom scales and vocabularies are taken: those of the smallest draws.
const SAMPLE: usize = 2000;
/// Landmarks of each of them.
const LANDMARKS: u32 = 4;
/// Most categories of an attribute with a feature of their own; each needs [`FEWEST`] sampled customers.
const CATEGORIES: usize = 16;
/// See [`CATEGORIES`].
const FEWEST: usize = 20;

/// Learns an encoder from journeys as they were known at one cut.
#[derive(Debug)]
pub struct Fitting<'c> {
    catalogue: &'c Catalogue,
    seed: u64,
    counting: Counting,
    /// Per (market, currency): amounts of first baskets.
    amounts: BTreeMap<(u16, u16), Vec<f64>>,
    /// Per market: the sampled journeys by their draws.
    sample: BTreeMap<u16, BTreeMap<(u64, String), Journey>>,
    cut: Option<Day>,
}

impl<'c> Fitting<'c> {
    /// Nothing seen yet. Equal seeds and journeys make equal encoders.
    pub fn new(seed: u64, catalogue: &'c Catalogue) -> Self {
        Self { catalogue, seed, counting: Counting::new(catalogue), amounts: BTreeMap::new(), sample: BTreeMap::new(), cut: None }
    }

    /// Takes in one journey. All views must be as of the same day: the training cut.
    pub fn see(&mut self, view: View<'_>) {
        self.cut = Some(view.at());
        let first = view.purchase_days().first().copied();
        self.counting.see(self.catalogue, view, first);
        let Some(first) = first else { return };
        let mut baskets: BTreeMap<u16, f64> = BTreeMap::new();
        for order in view.orders().take_while(|order| order.day == first) {
            *baskets.entry(order.currency).or_default() += view.kept(order).map(|line| line.amount).sum::<f64>();
        }
        for (currency, amount) in baskets.into_iter().filter(|(_, amount)| *amount > 0.0) {
            self.amounts.entry((view.market(), currency)).or_default().push(amount);
        }
        let chance = draw::bits(self.seed, Use::Sample, draw::hash(view.customer()), 0);
        let sample = self.sample.entry(view.market()).or_default();
        if sample.len() < SAMPLE || sample.last_key_value().is_some_and(|((worst, _), _)| chance < *worst) {
            sample.insert((chance, view.customer().to_owned()), view.to_journey());
            if sample.len() > SAMPLE {
                sample.pop_last();
            }
        }
    }

    /// The encoder. Features that never vary in the sample are left out.
    pub fn finish(self) -> Result<Encoder> {
        let sample: Vec<&Journey> = self.sample.values().flat_map(BTreeMap::values).collect();
        let cut = self.cut.unwrap_or(Day(0));
        let mut encoder = Encoder {
            kinds: kinds(&sample, cut),
            attributes: attributes(self.catalogue, &sample, cut),
            amounts: Amounts::new(self.catalogue, self.amounts.clone()),
            products: self.counting.finish(self.catalogue),
            ..Encoder::default()
        };
        let rows = {
            let bound = Bound::new(&encoder, self.catalogue);
            let landmarks = sample.iter().flat_map(|journey| landmarks(self.seed, journey, cut).map(|at| journey.as_of(at)));
            landmarks.map(|view| features::raw(&bound, view)).collect::<Vec<_>>()
        };
        let names = features::names(&encoder.kinds, &encoder.attributes);
        encoder.features = names.into_iter().enumerate().map(|(place, name)| scale(name, rows.iter().map(|row| row[place]))).collect();
        encoder.seal()?;
        Ok(encoder)
    }
}

/// Days on which a sampled customer stands for the examples of training.
fn landmarks(seed: u64, journey: &Journey, cut: Day) -> impl Iterator<Item = Day> {
    let first = journey.first_order_day();
    let customer = draw::hash(journey.customer());
    (0..LANDMARKS).filter_map(move |number| {
        let at = first?.plus(landmark_age(seed, customer, number, LANDMARKS));
        (at < cut && journey.as_of(at).purchase_days().len() == 1).then_some(at)
    })
}

/// Mean, deviation and whether not knowing says something of its own.
fn scale((name, topic): (String, Topic), values: impl Iterator<Item = f64>) -> Feature {
    let (mut known, mut missing, mut sum, mut square) = (0.0, 0.0, 0.0, 0.0);
    for value in values {
        if value.is_finite() {
            known += 1.0;
            sum += value;
            square += value * value;
        } else {
            missing += 1.0;
        }
    }
    let mean = if known > 0.0 { sum / known } else { 0.0 };
    let variance = if known > 1.0 { (square / known - mean * mean).max(0.0) } else { 0.0 };
    let share = missing / f64::max(known + missing, 1.0);
    Feature {
        name,
        topic,
        mean,
        deviation: if variance > 1e-10 { variance.sqrt() } else { 0.0 },
        flagged: (0.005..=0.995).contains(&share),
    }
}

fn kinds(sample: &[&Journey], cut: Day) -> Vec<EventKind> {
    let seen: BTreeSet<EventKind> = sample.iter().flat_map(|journey| journey.as_of(cut).events()).map(|event| event.kind).collect();
    seen.into_iter().collect()
}

fn attributes(catalogue: &Catalogue, sample: &[&Journey], cut: Day) -> Vec<Attribute> {
    let mut attributes = Vec::new();
    for (column, described) in catalogue.attributes.iter().enumerate() {
        let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
        for journey in sample {
            if let Some(Value::Category(value)) = journey.as_of(cut).profile().attributes.get(column) {
                *counts.entry(value).or_default() += 1;
            }
        }
        let mut common: Vec<(&String, usize)> = counts.into_iter().filter(|(_, count)| *count >= FEWEST).collect();
        common.sort_by_key(|(value, count)| (std::cmp::Reverse(*count), *value));
        let mut categories: Vec<String> = common.into_iter().take(CATEGORIES).map(|(value, _)| value.clone()).collect();
        categories.sort_unstable();
        attributes.push(Attribute { name: described.name.clone(), categories: (!described.number).then_some(categories) });
    }
    attributes
}

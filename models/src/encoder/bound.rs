//! An encoder tied to one catalogue: indices of that catalogue to what was learned under names.

use std::collections::{BTreeMap, BTreeSet};

use super::features::{self, Attribute};
use super::products::{Tally, family};
use super::{Encoder, Row, steps};
use crate::journey::EventKind;
use crate::{Catalogue, View};

/// The steps of one routine that a basket holds.
#[derive(Clone, Debug, Default)]
pub(super) struct RoutineSteps {
    /// Distinct groups.
    pub(super) groups: usize,
    /// Distinct places in the routine.
    pub(super) steps: BTreeSet<u16>,
}

/// An encoder for journeys of one catalogue.
#[derive(Clone, Debug)]
pub struct Bound<'e> {
    encoder: &'e Encoder,
    /// Per group of the catalogue: its counts month by month.
    repeats: Vec<&'e [Tally]>,
    /// Per group: days until its family is bought again.
    gaps: Vec<Option<f64>>,
    /// Per group: its routine's number and its place in it.
    routines: Vec<Option<(usize, u16)>>,
    /// Per market of the catalogue, per currency: the median first basket.
    amounts: Vec<Vec<f64>>,
    /// Per attribute of the encoder: its column in the catalogue.
    columns: Vec<Option<usize>>,
}

impl<'e> Bound<'e> {
    pub(super) fn new(encoder: &'e Encoder, catalogue: &Catalogue) -> Self {
        let products = &encoder.products;
        let mut numbers = BTreeMap::new();
        let mut bound =
            Self { encoder, repeats: Vec::new(), gaps: Vec::new(), routines: Vec::new(), amounts: Vec::new(), columns: Vec::new() };
        for group in &catalogue.groups {
            bound.repeats.push(products.repeats.get(&group.id).map_or(&[], Vec::as_slice));
            let declared = group.replenishment_days.map(f64::from);
            bound.gaps.push(products.gaps.get(family(group)).copied().or(declared).or(products.gap));
            bound.routines.push(group.routine.as_ref().map(|(name, step)| {
                let next = numbers.len();
                (*numbers.entry(name.clone()).or_insert(next), *step)
            }));
        }
        for market in &catalogue.markets {
            bound.amounts.push(catalogue.currencies.iter().map(|currency| encoder.amounts.median(market, currency)).collect());
        }
        let column = |attribute: &Attribute| catalogue.attributes.iter().position(|column| column.name == attribute.name);
        bound.columns = encoder.attributes.iter().map(column).collect();
        bound
    }

    /// What the models see of a journey as it was known at the view's landmark.
    pub fn row(&self, view: View<'_>) -> Row {
        Row { features: self.features(view), steps: steps(view) }
    }

    /// The features alone: as many as [`Encoder::width`], finite, within -3 and 3.
    pub fn features(&self, view: View<'_>) -> Vec<f32> {
        self.encoder.standardise(&features::raw(self, view))
    }

    pub(super) fn attributes(&self) -> impl Iterator<Item = (&Attribute, Option<usize>)> {
        self.encoder.attributes.iter().zip(self.columns.iter().copied())
    }

    pub(super) fn kinds(&self) -> &[EventKind] {
        &self.encoder.kinds
    }

    /// `NaN` where no first basket of that currency was ever seen.
    /// Amount of the first purchase day, as log ratio to the median first basket of its market and currency: what a
    /// rule may choose by. 0 without a purchase or a median.
    pub fn first_basket(&self, view: View<'_>) -> f64 {
        let first = view.orders().next().map(|order| order.day);
        let kept = |order| view.kept(order).map(|line| line.amount).sum::<f64>();
        let orders = view.orders().take_while(|order| Some(order.day) == first);
        let ratio = orders.map(|order| kept(order) / self.median_amount(view.market(), order.currency)).sum::<f64>().ln();
        if ratio.is_finite() { ratio } else { 0.0 }
    }

    pub(super) fn median_amount(&self, market: u16, currency: u16) -> f64 {
        self.amounts.get(usize::from(market)).and_then(|row| row.get(usize::from(currency))).copied().unwrap_or(f64::NAN)
    }

    pub(super) fn gap(&self, group: u32) -> Option<f64> {
        self.gaps.get(group as usize).copied().flatten()
    }

    pub(super) fn repeat_share(&self, group: u32, month: i32) -> Option<f64> {
        self.repeats.get(group as usize).and_then(|tallies| self.encoder.products.repeat_share(tallies, month))
    }

    /// Routine by routine, what of it the distinct `groups` hold.
    pub(super) fn routine_steps(&self, groups: &[u32]) -> BTreeMap<usize, RoutineSteps> {
        let mut held: BTreeMap<usize, RoutineSteps> = BTreeMap::new();
        for (routine, step) in groups.iter().filter_map(|group| self.routines.get(*group as usize).copied().flatten()) {
            let steps = held.entry(routine).or_default();
            steps.groups += 1;
            steps.steps.insert(step);
        }
        held
    }
}

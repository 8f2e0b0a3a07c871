//! What each source says of every group for one customer, and what of it the ranker reads.

use std::collections::BTreeMap;

use super::model::Bound;
use super::tables::Tables;
use super::{Moment, Past, Target};
use crate::Day;
use crate::catalogue::Catalogue;

/// One group that the customer bought or, when events are the target, saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Owned {
    /// Whether it was bought.
    pub(super) bought: bool,
    /// Moments that held it.
    pub(super) count: f32,
    /// The same, each halved per 90 days of age.
    pub(super) decayed: f32,
    /// Day of the last.
    pub(super) last: Day,
    /// Whether the last moment held it.
    pub(super) in_last: bool,
}

/// Everything that sources say of one customer, by place in the catalogue.
pub(super) struct Opinion {
    /// Log-probability of the LSTM.
    pub(super) lstm: Vec<f32>,
    /// Item-kNN on everything bought (or seen, when events are the target).
    pub(super) near_all: Vec<f32>,
    /// Item-kNN on the last moments.
    pub(super) near_last: Vec<f32>,
    /// Groups bought or, when events are the target, seen.
    pub(super) owned: BTreeMap<u32, Owned>,
    /// Moments that count: orders or, when events are the target, all.
    pub(super) moments: f32,
    /// Market.
    pub(super) market: usize,
    /// Places that would be the missing step of a routine that the customer began.
    pub(super) completes: Vec<bool>,
}

const HALF_LIFE_DAYS: f32 = 90.0;
/// Log-probabilities below this are all alike.
const FLOOR: f32 = -14.0;

/// What the ranker reads, in this order.
pub(super) const FEATURES: [&str; 15] = [
    "lstm",
    "near_all",
    "near_last",
    "popularity",
    "completes",
    "near_all_first",
    "count",
    "decayed",
    "share",
    "gap_position",
    "rebuy_rate",
    "in_last",
    "owned",
    "lstm_owned",
    "near_all_owned",
];
/// Of these, the first that say anything about groups that the customer does not own.
pub(super) const NEW_FEATURES: usize = 6;

impl Opinion {
    /// Gathers what is known of a customer. `logits` are the LSTM's, for all places.
    pub(super) fn new(past: &Past<'_>, logits: &[f32], bound: &Bound<'_>) -> Self {
        let (tables, target) = (&bound.tables, bound.model.stored.settings.target);
        let mut owned: BTreeMap<u32, Owned> = BTreeMap::new();
        let counts = |moment: &Moment<'_>| target == Target::Event || moment.is_order();
        let last_day = past.moments().rfind(counts).map(|moment| moment.day);
        let mut moments = 0.0;
        for moment in past.moments().filter(counts) {
            moments += 1.0;
            let decay = 0.5_f32.powf(bound.at.since(moment.day) as f32 / HALF_LIFE_DAYS);
            for &group in moment.groups {
                let entry =
                    owned.entry(group).or_insert(Owned { bought: false, count: 0.0, decayed: 0.0, last: moment.day, in_last: false });
                entry.bought |= moment.is_order();
                entry.count += 1.0;
                entry.decayed += decay;
                (entry.last, entry.in_last) = (moment.day, Some(moment.day) == last_day);
            }
        }
        let seeds: Vec<(u32, f32)> = match target {
            Target::Purchase => owned.keys().map(|&group| (group, 1.0)).collect(),
            Target::Event => recent(past, 10),
        };
        let last = match target {
            Target::Purchase => owned.iter().filter(|(_, owned)| owned.in_last).map(|(&group, _)| (group, 1.0)).collect(),
            Target::Event => recent(past, 3),
        };
        let completes = completes(bound.catalogue, &owned);
        Self {
            lstm: log_softmax(logits),
            near_all: near(&seeds, tables),
            near_last: near(&last, tables),
            owned,
            moments,
            market: past.market(),
            completes,
        }
    }

    /// What the ranker reads of one group.
    pub(super) fn features(&self, place: usize, bound: &Bound<'_>) -> [f32; FEATURES.len()] {
        let tables = &bound.tables;
        let lstm = self.lstm[place].max(FLOOR);
        let near_all = (self.near_all[place] + 1e-3).ln();
        let popularity = (tables.recent[self.market][place] as f32 + 0.5).ln();
        let first = if self.moments <= 1.0 { near_all } else { 0.0 };
        let completes = f32::from(u8::from(self.completes[place]));
        let mut row = [0.0; FEATURES.len()];
        row[..NEW_FEATURES].copy_from_slice(&[lstm, near_all, (self.near_last[place] + 1e-3).ln(), popularity, completes, first]);
        let Some(owned) = self.owned.get(&(place as u32)) else {
            row[7] = 0.01_f32.ln();
            return row;
        };
        let days = bound.at.since(owned.last).max(0) as f32;
        row[NEW_FEATURES..].copy_from_slice(&[
            owned.count.ln_1p(),
            (owned.decayed + 0.01).ln(),
            ((owned.count + 0.1) / (self.moments + 1.0)).ln(),
            ((days + 1.0) / tables.gap[place].max(1.0)).ln().clamp(-3.0, 3.0),
            (tables.rebuy[place] + 0.01).ln(),
            f32::from(u8::from(owned.in_last)),
            1.0,
            lstm,
            near_all,
        ]);
        row
    }

    /// Whether the customer bought the group.
    pub(super) fn owns(&self, place: usize) -> bool {
        self.owned.get(&(place as u32)).is_some_and(|owned| owned.bought)
    }

    /// The rule by which candidates are drawn, the same when weights are fitted and when lists are made.
    pub(super) fn prospect(&self, place: usize) -> f32 {
        let own = self.owned.get(&(place as u32)).map_or(0.0, |owned| 8.0 * owned.count.ln_1p());
        self.lstm[place].max(FLOOR) + (self.near_all[place] + 1e-3).ln() + own
    }
}

/// The groups of the latest moments, the latest with weight 1, each earlier one .6 of it.
fn recent(past: &Past<'_>, moments: usize) -> Vec<(u32, f32)> {
    let weighted = past.moments().rev().take(moments).zip(0..);
    weighted.flat_map(|(moment, age)| moment.groups.iter().map(move |&group| (group, 0.6_f32.powi(age)))).collect()
}

/// Sum of the neighbours of some groups over the root of their number.
fn near(seeds: &[(u32, f32)], tables: &Tables) -> Vec<f32> {
    let mut scores = vec![0.0; tables.total.len()];
    let scale = 1.0 / (seeds.len().max(1) as f32).sqrt();
    for &(seed, weight) in seeds {
        for &(other, cosine) in &tables.neighbours[seed as usize] {
            scores[other as usize] += weight * cosine * scale;
        }
    }
    scores
}

fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&logit| f64::from(logit - most).exp()).sum();
    let total = most + sum.ln() as f32;
    logits.iter().map(|&logit| logit - total).collect()
}

/// Marks the groups whose step of a routine is missing while the customer owns another step of it.
fn completes(catalogue: &Catalogue, owned: &BTreeMap<u32, Owned>) -> Vec<bool> {
    let mut begun: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
    for &group in owned.keys() {
        if let Some((routine, step)) = &catalogue.groups[group as usize].routine {
            begun.entry(routine).or_default().push(*step);
        }
    }
    let missing = |(routine, step): &(String, u16)| begun.get(routine.as_str()).is_some_and(|steps| !steps.contains(step));
    catalogue.groups.iter().map(|group| group.routine.as_ref().is_some_and(missing)).collect()
}

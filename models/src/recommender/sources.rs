//! What each source says of every group for one customer.

use std::collections::BTreeMap;

use super::model::Bound;
use super::pairs::{Near, counts};
use super::paths::{Scratch, best, settings};
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
    /// The same, each halved per 30, 90 and 365 days of age.
    pub(super) decayed: [f32; 3],
    /// Day of the first and of the last.
    pub(super) first: Day,
    pub(super) last: Day,
    /// Moments since the last that held it; 1: the customer's last moment did.
    pub(super) back: f32,
    /// Whether the moment before the last held it.
    pub(super) in_previous: bool,
    /// Share of the last five moments that held it.
    pub(super) lately: f32,
}

/// Numbers of groups by place, ascending; all others are 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Votes(Vec<(u32, f32)>);

impl Votes {
    /// Of any order.
    pub(super) fn new(mut votes: Vec<(u32, f32)>) -> Self {
        votes.sort_unstable_by_key(|&(place, _)| place);
        Self(votes)
    }

    /// What is said of a group.
    pub(super) fn of(&self, place: u32) -> f32 {
        self.0.binary_search_by_key(&place, |&(place, _)| place).map_or(0.0, |at| self.0[at].1)
    }

    /// The best of the open places.
    pub(super) fn top(&self, most: usize, open: &[bool]) -> Vec<(u32, f32)> {
        let mut votes: Vec<(u32, f32)> = self.0.iter().copied().filter(|&(place, vote)| vote > 0.0 && open[place as usize]).collect();
        best(&mut votes, most);
        votes
    }
}

/// Everything that sources say of one customer, by place in the catalogue.
pub(super) struct Opinion {
    /// Log-probability of the LSTM.
    pub(super) lstm: Vec<f32>,
    /// Session-kNN in two settings, as shares.
    pub(super) broad: Votes,
    pub(super) close: Votes,
    /// Item-kNN on everything bought (or seen, when events are the target).
    pub(super) near_all: Votes,
    /// Item-kNN on the last moments.
    pub(super) near_last: Votes,
    /// Item-kNN on what was bought, halved per 180 days, as shares.
    pub(super) near_lately: Votes,
    /// What followed the last moments' groups elsewhere.
    pub(super) follows: Votes,
    /// What orders like the last one held, and those after them.
    pub(super) same: Votes,
    pub(super) next: Votes,
    /// EASE on what is owned and on what was bought, halved per 180 days.
    pub(super) ease_owned: Votes,
    pub(super) ease_lately: Votes,
    /// Likeness by attributes: to the last ten moments and to the last one.
    pub(super) taste: Vec<f32>,
    pub(super) taste_last: Vec<f32>,
    /// Groups bought or, when events are the target, seen.
    pub(super) owned: BTreeMap<u32, Owned>,
    /// Moments that count: orders or, when events are the target, all.
    pub(super) moments: f32,
    /// Market.
    pub(super) market: usize,
    /// Places that would be the missing step of a routine that the customer began.
    pub(super) completes: Vec<bool>,
}

const HALF_LIVES_DAYS: [f32; 3] = [30.0, 90.0, 365.0];
const PROFILE_DAYS: f32 = 180.0;
/// Weights of the last moments where only they speak.
const LAST: [f32; 3] = [1.0, 0.6, 0.3];
/// Best answers of each source that become candidates.
const CANDIDATES: usize = 120;
/// Of sources that say much the same as others.
const FEWER: usize = 60;
/// Best-sellers that become candidates, for customers of whom nobody knows anything.
const POPULAR: usize = 20;
/// Latest own groups that become candidates.
const OWN: usize = 200;

impl Opinion {
    /// Gathers what is known of a customer. `logits` are the LSTM's, for all places.
    pub(super) fn new(past: &Past<'_>, logits: &[f32], bound: &Bound<'_>, scratch: &mut Scratch) -> Self {
        let (tables, target) = (&bound.tables, bound.model.stored.settings.target);
        let owned = owned(past, bound.at, target);
        let moments: Vec<Moment<'_>> = past.moments().rev().filter(|moment| counts(moment, target)).collect();
        let everything: Vec<(u32, f32)> = match target {
            Target::Purchase => owned.keys().map(|&group| (group, 1.0)).collect(),
            Target::Event => fading(&moments, &[1.0, 0.6, 0.36, 0.216, 0.13, 0.078, 0.047, 0.028, 0.017, 0.01]),
        };
        let last = match target {
            Target::Purchase => fading(&moments, &LAST[..1]),
            Target::Event => fading(&moments, &LAST),
        };
        let lately = profile(&moments, bound.at);
        let baskets = bound.baskets.search(past, bound.at);
        let [broad, close] = settings(target).map(|setting| Votes::new(bound.paths.search(past, target, &setting, scratch)));
        let length = lately.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt().max(1e-9);
        let unit: Vec<(u32, f32)> = lately.iter().map(|&(group, weight)| (group, weight / length)).collect();
        let owns: Vec<(u32, f32)> = owned.keys().map(|&group| (group, 1.0)).collect();
        Self {
            lstm: log_softmax(logits),
            broad,
            close,
            near_all: near(&everything, &tables.neighbours, 0.5),
            near_last: near(&last, &tables.neighbours, 0.5),
            near_lately: share(near(&lately, &tables.neighbours, 0.0)),
            follows: near(&fading(&moments, &LAST), &tables.follows, 0.0),
            same: Votes::new(baskets.same),
            next: Votes::new(baskets.next),
            ease_owned: near(&owns, &tables.ease_owned, 0.0),
            ease_lately: near(&unit, &tables.ease_baskets, 0.0),
            taste: bound.content.profile(&fading(&moments, &[1.0, 0.8, 0.64, 0.51, 0.41, 0.33, 0.26, 0.21, 0.17, 0.13])),
            taste_last: bound.content.profile(&fading(&moments, &LAST[..1])),
            moments: moments.len() as f32,
            market: past.market(),
            completes: completes(bound.catalogue, &owned),
            owned,
        }
    }

    /// Whether the customer bought the group.
    pub(super) fn owns(&self, place: usize) -> bool {
        self.owned.get(&(place as u32)).is_some_and(|owned| owned.bought)
    }

    /// The candidates of the ranker among the open places, ascending: one rule for fitting and serving.
    pub(super) fn candidates(&self, places: &[u32], bound: &Bound<'_>) -> Vec<u32> {
        let mut open = vec![false; self.lstm.len()];
        for &place in places {
            open[place as usize] = true;
        }
        let recent = &bound.tables.recent[self.market];
        let mut chosen: Vec<u32> = Vec::new();
        let mut dense = |score: &dyn Fn(u32) -> f32, most: usize| {
            let mut scored: Vec<(u32, f32)> = places.iter().map(|&place| (place, score(place))).collect();
            best(&mut scored, most);
            chosen.extend(scored.iter().map(|&(place, _)| place));
        };
        dense(&|place| self.lstm[place as usize], CANDIDATES);
        dense(&|place| recent[place as usize] as f32, POPULAR);
        let wide = [&self.broad, &self.close, &self.same, &self.ease_owned, &self.ease_lately];
        let narrow = [&self.near_all, &self.near_lately, &self.follows, &self.next];
        for (votes, most) in wide.map(|votes| (votes, CANDIDATES)).into_iter().chain(narrow.map(|votes| (votes, FEWER))) {
            chosen.extend(votes.top(most, &open).iter().map(|&(place, _)| place));
        }
        let mut own: Vec<(u32, f32)> = self
            .owned
            .iter()
            .filter(|(place, _)| open[**place as usize])
            .map(|(&place, own)| (place, own.count - own.back * 1e-3))
            .collect();
        best(&mut own, OWN);
        chosen.extend(own.iter().map(|&(place, _)| place));
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }
}

fn owned(past: &Past<'_>, at: Day, target: Target) -> BTreeMap<u32, Owned> {
    let mut owned: BTreeMap<u32, Owned> = BTreeMap::new();
    for (back, moment) in (1_u16..).zip(past.moments().rev().filter(|moment| counts(moment, target))) {
        let age = at.since(moment.day).max(0) as f32;
        for &group in moment.groups {
            let new = || Owned {
                bought: false,
                count: 0.0,
                decayed: [0.0; 3],
                first: moment.day,
                last: moment.day,
                back: f32::from(back),
                in_previous: false,
                lately: 0.0,
            };
            let entry = owned.entry(group).or_insert_with(new);
            entry.bought |= moment.is_order();
            entry.count += 1.0;
            for (sum, days) in entry.decayed.iter_mut().zip(HALF_LIVES_DAYS) {
                *sum += 0.5_f32.powf(age / days);
            }
            entry.first = moment.day;
            entry.in_previous |= back == 2;
            entry.lately += if back <= 5 { 0.2 } else { 0.0 };
        }
    }
    owned
}

/// The groups of the latest moments with falling weights; a group counts at its latest.
fn fading(moments: &[Moment<'_>], weights: &[f32]) -> Vec<(u32, f32)> {
    let mut seen = BTreeMap::new();
    for (moment, &weight) in moments.iter().zip(weights) {
        for &group in moment.groups {
            seen.entry(group).or_insert(weight);
        }
    }
    seen.into_iter().collect()
}

/// What was bought, each order over the root of its size and halved per 180 days.
fn profile(moments: &[Moment<'_>], at: Day) -> Vec<(u32, f32)> {
    let mut sums = BTreeMap::new();
    for moment in moments {
        let weight = 0.5_f32.powf(at.since(moment.day).max(0) as f32 / PROFILE_DAYS) / (moment.groups.len() as f32).sqrt();
        for &group in moment.groups {
            *sums.entry(group).or_insert(0.0) += weight;
        }
    }
    sums.into_iter().collect()
}

/// Sum of the neighbours of some groups over a power of their number.
fn near(seeds: &[(u32, f32)], table: &[Near], power: f32) -> Votes {
    if table.is_empty() {
        return Votes::default();
    }
    let scale = (seeds.len().max(1) as f32).powf(-power);
    let mut sums: Vec<f32> = vec![0.0; table.len()];
    for &(seed, weight) in seeds {
        for &(other, cosine) in &table[seed as usize] {
            sums[other as usize] += weight * cosine * scale;
        }
    }
    Votes((0..).zip(sums).filter(|&(_, sum)| sum != 0.0).collect())
}

fn share(mut votes: Votes) -> Votes {
    let sum: f32 = votes.0.iter().map(|&(_, vote)| vote).sum();
    for (_, vote) in &mut votes.0 {
        *vote /= sum.max(1e-12);
    }
    votes
}

fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&logit| f64::from((logit - most).exp())).sum();
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

/// Attributes of every place, rare ones weighing more, at length 1.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    lines: Vec<Vec<(u32, f32)>>,
    attributes: usize,
}

impl Content {
    /// From the attribute rows of each place.
    pub(super) fn new(places: &[Vec<u32>]) -> Self {
        let attributes = places.iter().flatten().max().map_or(0, |&row| row as usize + 1);
        let mut counts = vec![0.0_f32; attributes];
        for &row in places.iter().flatten() {
            counts[row as usize] += 1.0;
        }
        let line = |rows: &Vec<u32>| {
            let weights: Vec<f32> = rows.iter().map(|&row| (places.len() as f32 / counts[row as usize]).ln()).collect();
            let length = weights.iter().map(|weight| weight * weight).sum::<f32>().sqrt().max(1e-9);
            rows.iter().zip(weights).map(|(&row, weight)| (row, weight / length)).collect()
        };
        Self { lines: places.iter().map(line).collect(), attributes }
    }

    /// The direction of some groups, by attribute row; empty where they have no attributes.
    fn profile(&self, groups: &[(u32, f32)]) -> Vec<f32> {
        if self.attributes == 0 {
            return Vec::new();
        }
        let mut sums = vec![0.0_f32; self.attributes];
        for &(group, weight) in groups {
            for &(row, value) in &self.lines[group as usize] {
                sums[row as usize] += weight * value;
            }
        }
        let length = sums.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-9);
        sums.iter().map(|value| value / length).collect()
    }

    /// Cosine of a place with a direction; 0 without attributes.
    pub(super) fn cosine(&self, place: usize, profile: &[f32]) -> f32 {
        if profile.is_empty() {
            return 0.0;
        }
        self.lines[place].iter().map(|&(row, value)| value * profile[row as usize]).sum()
    }
}

//! Which groups stand together: what neighbours, transitions and the start of the item table are made of.

use super::history::Moment;
use super::{Histories, Past, Target};

/// Neighbours kept of each group.
const NEIGHBOURS: usize = 50;
/// Groups of one moment counted at most: very large orders say little about any pair of theirs.
const LARGEST_ORDER: usize = 200;
/// Where orders hold fewer groups than this on average they say little of pairs: then a customer's whole path counts.
const SETS: f64 = 1.5;
/// Moments on either side that count when the whole path does.
const PATH_REACH: usize = 50;
/// Steps within which one group follows another.
const FOLLOWS: usize = 5;
/// Weight of going back from the later group to the earlier one.
const BACKWARD: f32 = 0.7;
/// Pairs kept of each group for the start of the item table: the most frequent ones. Bounds memory.
const PAIRS: usize = 400;

/// A group's partners with a weight each.
pub(super) type Near = Vec<(u32, f32)>;

/// One meeting of a row's group with another group.
struct Meeting {
    /// Moments from the row's to the other's; negative: the other came first.
    distance: i32,
    /// Groups in both moments.
    sizes: (usize, usize),
}

/// Finds who stands with whom.
pub(super) struct Pairs<'a> {
    histories: &'a Histories,
    rows: &'a [Option<u32>],
    target: Target,
    /// Customer and moment of each appearance, by row.
    places: Vec<Vec<(u32, u32)>>,
    together: Vec<f32>,
    touched: Vec<u32>,
    sets: bool,
}

/// Whether a moment counts for a target.
pub(super) fn counts(moment: &Moment<'_>, target: Target) -> bool {
    target == Target::Event || moment.is_order()
}

impl<'a> Pairs<'a> {
    /// `rows` finds the row of a group; `count` is their number.
    pub(super) fn new(histories: &'a Histories, rows: &'a [Option<u32>], count: usize, target: Target) -> Self {
        let mut places: Vec<Vec<(u32, u32)>> = vec![Vec::new(); count];
        let (mut moments, mut groups) = (0_u64, 0_u64);
        for (customer, past) in histories.iter().enumerate() {
            for (place, moment) in past.moments().enumerate().filter(|(_, moment)| counts(moment, target)) {
                moments += 1;
                groups += moment.groups.len() as u64;
                for row in moment.groups.iter().filter_map(|&group| rows[group as usize]) {
                    places[row as usize].push((customer as u32, place as u32));
                }
            }
        }
        let sets = target == Target::Purchase && groups as f64 >= SETS * moments as f64;
        Self { histories, rows, target, places, together: vec![0.0; count], touched: Vec::new(), sets }
    }

    /// All that one row met within `reach` moments, by row, weighed by the meeting.
    fn met(&mut self, row: usize, reach: usize, weigh: impl Fn(&Meeting) -> f32) -> Near {
        let (rows, target) = (self.rows, self.target);
        for &(customer, place) in &self.places[row] {
            let (past, place): (Past<'_>, usize) = (self.histories.past(customer as usize), place as usize);
            let size = past.moment(place).groups.len();
            for other in place.saturating_sub(reach)..(place + reach + 1).min(past.len()) {
                let moment = past.moment(other);
                if !counts(&moment, target) {
                    continue;
                }
                let weight = weigh(&Meeting { distance: other as i32 - place as i32, sizes: (size, moment.groups.len()) });
                for other in moment.groups.iter().take(LARGEST_ORDER).filter_map(|&group| rows[group as usize]) {
                    if weight > 0.0 && other as usize != row {
                        if self.together[other as usize] == 0.0 {
                            self.touched.push(other);
                        }
                        self.together[other as usize] += weight;
                    }
                }
            }
        }
        self.touched.sort_unstable();
        let met = self.touched.iter().map(|&other| (other, self.together[other as usize])).collect();
        for other in self.touched.drain(..) {
            self.together[other as usize] = 0.0;
        }
        met
    }

    /// Item-kNN: the cosine of two groups over the moments that hold them (Sarwar et al., 2001), over customers where
    /// orders hold hardly more than one group, within three events where events are the target.
    pub(super) fn neighbours(&mut self) -> Vec<Near> {
        let (reach, fade) = match (self.target, self.sets) {
            (Target::Event, _) => (3, 0.5_f32),
            (Target::Purchase, true) => (0, 1.0),
            (Target::Purchase, false) => (PATH_REACH, 1.0),
        };
        let weigh = |meeting: &Meeting| fade.powi((meeting.distance.abs() - 1).max(0));
        self.cosines(reach, weigh)
    }

    /// What follows what within a few moments, the nearest most; the way back counts somewhat less.
    pub(super) fn follows(&mut self) -> Vec<Near> {
        let fade = if self.target == Target::Event { 0.5_f32 } else { 0.8 };
        let reach = if self.target == Target::Event { 3 } else { FOLLOWS };
        let weigh = |meeting: &Meeting| match meeting.distance {
            0 => 0.0,
            distance if distance > 0 => fade.powi(distance - 1),
            distance => BACKWARD * fade.powi(-distance - 1),
        };
        self.cosines(reach, weigh)
    }

    fn cosines(&mut self, reach: usize, weigh: impl Fn(&Meeting) -> f32) -> Vec<Near> {
        let totals: Vec<f32> = self.places.iter().map(|places| places.len() as f32).collect();
        let mut result = Vec::with_capacity(totals.len());
        for row in 0..totals.len() {
            let mut best = self.met(row, reach, &weigh);
            for (other, weight) in &mut best {
                // Four figures are more than the data say, and a third of the bytes.
                *weight = (*weight / (totals[row] * totals[*other as usize]).sqrt() * 1e4).round() / 1e4;
            }
            best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            best.truncate(NEIGHBOURS);
            result.push(best);
        }
        result
    }

    /// Positive pointwise mutual information of the groups that stand together (Levy and Goldberg, 2014): within an
    /// order, or within five moments where orders hold hardly more than one group. Contexts are smoothed by the power
    /// of three quarters; each group keeps its most frequent partners.
    pub(super) fn information(&mut self) -> Vec<Near> {
        let reach = if self.sets { 0 } else { FOLLOWS };
        let weigh = |meeting: &Meeting| {
            let sizes = ((meeting.sizes.0 * meeting.sizes.1) as f32).sqrt();
            0.9_f32.powi((meeting.distance.abs() - 1).max(0)) / sizes
        };
        let count = self.places.len();
        let (mut lists, mut sums) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for row in 0..count {
            let mut met = self.met(row, reach, weigh);
            sums.push(met.iter().map(|&(_, weight)| f64::from(weight)).sum::<f64>());
            if met.len() > PAIRS {
                met.select_nth_unstable_by(PAIRS - 1, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                met.truncate(PAIRS);
                met.sort_unstable_by_key(|&(other, _)| other);
            }
            lists.push(met);
        }
        let total: f64 = sums.iter().sum::<f64>().max(1e-9);
        let smooth: f64 = sums.iter().map(|sum| sum.powf(0.75)).sum::<f64>().max(1e-9);
        for (row, list) in lists.iter_mut().enumerate() {
            for (other, weight) in list.iter_mut() {
                let expected = sums[row] * sums[*other as usize].powf(0.75) * total / smooth;
                *weight = (f64::from(*weight) * total / expected.max(1e-12)).ln() as f32;
            }
            list.retain(|&(_, weight)| weight > 0.0);
        }
        lists
    }
}

//! What is counted before the cut: popularity, re-buy gaps, what is bought together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::POPULARITY_DAYS;
use super::{Histories, Target};
use crate::Day;

/// Neighbours kept of each group.
const NEIGHBOURS: usize = 50;
/// Neighbours of one moment counted at most: very large orders say little about any pair of theirs.
const LARGEST_ORDER: usize = 200;
/// Moments on either side that count as together when events are the target, each further one half as much.
const EVENT_REACH: usize = 3;
/// Days to which a gap leans, and their weight in gaps seen.
const GAP_WEIGHT: f64 = 10.0;

/// Counts by item row. Rows are the vocabulary's in an artifact, the catalogue's places once bound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tables {
    /// Moments of all time that held the group.
    pub(super) total: Vec<u32>,
    /// Per market, those of the last 90 days before the cut.
    pub(super) recent: Vec<Vec<u32>>,
    /// Per market, those of all time.
    pub(super) market: Vec<Vec<u32>>,
    /// Median days between two purchases of the group by one customer, leaning on that of all groups.
    pub(super) gap: Vec<f32>,
    /// Share of purchases of the group that the same customer had made before, leaning on that of all groups.
    pub(super) rebuy: Vec<f32>,
    /// Cosine of the group with its nearest, best first.
    pub(super) neighbours: Vec<Vec<(u32, f32)>>,
}

impl Tables {
    /// Counts histories; `rows` finds a group's row (groups without one are left out), `count` is their number.
    pub(super) fn of(histories: &Histories, rows: &[Option<u32>], markets: usize, cut: Day, target: Target) -> Self {
        let count = rows.iter().flatten().max().map_or(0, |&row| row as usize + 1);
        let mut tables =
            Self { total: vec![0; count], recent: vec![vec![0; count]; markets], market: vec![vec![0; count]; markets], ..Self::default() };
        let since = cut.plus(-POPULARITY_DAYS);
        let mut gaps: Vec<Vec<i32>> = vec![Vec::new(); count];
        for past in histories.iter() {
            let mut last: BTreeMap<u32, Day> = BTreeMap::new();
            for moment in past.moments().filter(|moment| target == Target::Event || moment.is_order()) {
                for row in moment.groups.iter().filter_map(|&group| rows[group as usize]) {
                    let place = row as usize;
                    tables.total[place] += 1;
                    tables.market[past.market()][place] += 1;
                    tables.recent[past.market()][place] += u32::from(moment.day >= since);
                    if let Some(before) = last.insert(row, moment.day) {
                        gaps[place].push(moment.day.since(before));
                    }
                }
            }
        }
        tables.rebuys(gaps);
        tables.neighbours = neighbours(histories, rows, &tables.total, target);
        tables
    }

    fn rebuys(&mut self, mut gaps: Vec<Vec<i32>>) {
        let mut all: Vec<i32> = gaps.iter().flatten().copied().collect();
        let pool = median(&mut all).unwrap_or(f64::from(POPULARITY_DAYS));
        let bought: f64 = self.total.iter().map(|&total| f64::from(total)).sum::<f64>().max(1.0);
        let rate = all.len() as f64 / bought;
        for (own, &total) in gaps.iter_mut().zip(&self.total) {
            let seen = own.len() as f64;
            self.rebuy.push(((seen + 20.0 * rate) / (f64::from(total) + 20.0)) as f32);
            self.gap.push(median(own).map_or(pool, |gap| (gap * seen + pool * GAP_WEIGHT) / (seen + GAP_WEIGHT)) as f32);
        }
    }

    /// The same counts in the order of a catalogue: `rows[place]` is the row of its group. Groups without a row count
    /// nothing and lean on the pool; the last market list stands for markets that training never saw.
    pub(super) fn rearranged(&self, rows: &[Option<u32>], markets: &[Option<usize>]) -> Self {
        let take = |values: &[u32]| -> Vec<u32> { rows.iter().map(|row| row.map_or(0, |row| values[row as usize])).collect() };
        let mut place = vec![None; self.total.len()];
        for (group, row) in rows.iter().enumerate() {
            if let Some(row) = row {
                place[*row as usize] = Some(group as u32);
            }
        }
        let pooled =
            |lists: &[Vec<u32>]| -> Vec<u32> { (0..self.total.len()).map(|row| lists.iter().map(|list| list[row]).sum()).collect() };
        let by_market = |lists: &[Vec<u32>]| -> Vec<Vec<u32>> {
            let pool = pooled(lists);
            markets.iter().map(|market| take(market.map_or(&pool, |market| &lists[market]))).collect()
        };
        let mean = |values: &[f32]| if values.is_empty() { 0.0 } else { values.iter().sum::<f32>() / values.len() as f32 };
        let lean = |values: &[f32]| -> Vec<f32> { rows.iter().map(|row| row.map_or(mean(values), |row| values[row as usize])).collect() };
        let near = |row: &Option<u32>| {
            let list = row.map_or(&[][..], |row| &self.neighbours[row as usize]);
            list.iter().filter_map(|&(other, weight)| Some((place[other as usize]?, weight))).collect()
        };
        Self {
            total: take(&self.total),
            recent: by_market(&self.recent),
            market: by_market(&self.market),
            gap: lean(&self.gap),
            rebuy: lean(&self.rebuy),
            neighbours: rows.iter().map(near).collect(),
        }
    }
}

fn median(values: &mut [i32]) -> Option<f64> {
    values.sort_unstable();
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 1 => Some(f64::from(values[middle])),
        _ => Some(f64::from(values[middle - 1] + values[middle]) / 2.0),
    }
}

/// Item-kNN: the cosine of two groups over the moments that hold them (Sarwar et al., 2001), each group's best.
fn neighbours(histories: &Histories, rows: &[Option<u32>], total: &[u32], target: Target) -> Vec<Vec<(u32, f32)>> {
    let reach = if target == Target::Event { EVENT_REACH } else { 0 };
    let count = total.len();
    let mut places: Vec<Vec<(u32, u32)>> = vec![Vec::new(); count];
    for (customer, past) in histories.iter().enumerate() {
        for (place, moment) in past.moments().enumerate().filter(|(_, moment)| target == Target::Event || moment.is_order()) {
            for row in moment.groups.iter().filter_map(|&group| rows[group as usize]) {
                places[row as usize].push((customer as u32, place as u32));
            }
        }
    }
    let mut together = vec![0.0_f32; count];
    let mut touched = Vec::new();
    let mut result = Vec::with_capacity(count);
    for (row, own) in places.iter().enumerate() {
        for &(customer, place) in own {
            let (past, place) = (histories.past(customer as usize), place as usize);
            for other in place.saturating_sub(reach)..(place + reach + 1).min(past.len()) {
                let moment = past.moment(other);
                let weight = 0.5_f32.powi(place.abs_diff(other).saturating_sub(1) as i32);
                if target == Target::Purchase && !moment.is_order() {
                    continue;
                }
                for other in moment.groups.iter().take(LARGEST_ORDER).filter_map(|&group| rows[group as usize]) {
                    if together[other as usize] == 0.0 {
                        touched.push(other);
                    }
                    together[other as usize] += weight;
                }
            }
        }
        let cosine = |other: u32| together[other as usize] / (total[row] as f32 * total[other as usize] as f32).sqrt();
        let mut best: Vec<(u32, f32)> =
            touched.iter().filter(|&&other| other as usize != row).map(|&other| (other, cosine(other))).collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        best.truncate(NEIGHBOURS);
        result.push(best);
        for other in touched.drain(..) {
            together[other as usize] = 0.0;
        }
    }
    result
}

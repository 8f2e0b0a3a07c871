//! What is counted before the cut: popularity, re-buy gaps, what is bought together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::baskets::Baskets;
use super::config::POPULARITY_DAYS;
use super::ease::ease;
use super::pairs::{Near, Pairs};
use super::paths::Paths;
use super::{Histories, Target};
use crate::Day;
use crate::learn::Result;

/// Ridges of EASE over customers and over orders.
const EASE_RIDGES: (f32, f32) = (200.0, 10.0);
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
    pub(super) neighbours: Vec<Near>,
    /// What comes soon after the group, best first.
    pub(super) follows: Vec<Near>,
    /// EASE weights from the group to others, over customers and over orders; empty where the catalogue is too large.
    pub(super) ease_owned: Vec<Near>,
    pub(super) ease_baskets: Vec<Near>,
    /// Sequences for session-kNN, orders for basket-kNN.
    pub(super) paths: Paths,
    pub(super) baskets: Baskets,
}

impl Tables {
    /// Counts histories; `rows` finds a group's row (groups without one are left out), `count` is their number.
    pub(super) fn of(histories: &Histories, rows: &[Option<u32>], markets: usize, (cut, target): (Day, Target)) -> Result<Self> {
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
        let mut pairs = Pairs::new(histories, rows, count, target);
        (tables.neighbours, tables.follows) = (pairs.neighbours(), pairs.follows());
        tables.paths = Paths::of(histories, rows, target);
        if target == Target::Purchase {
            tables.baskets = Baskets::of(histories, rows);
            tables.ease_owned = ease(owned_sets(histories, rows), count, EASE_RIDGES.0)?;
            tables.ease_baskets = ease(order_sets(histories, rows), count, EASE_RIDGES.1)?;
        }
        Ok(tables)
    }

    /// Whether all lists are of `groups` rows and `markets` markets.
    pub(super) fn is_whole(&self, groups: usize, markets: usize) -> bool {
        let lists = [&self.total].into_iter().chain(&self.recent).chain(&self.market);
        let near = [&self.neighbours, &self.follows, &self.ease_owned, &self.ease_baskets];
        let full = |near: &&Vec<Near>| near.len() == groups || near.is_empty();
        let inside = near.iter().flat_map(|near| near.iter().flatten()).all(|&(other, _)| (other as usize) < groups);
        let leaning = self.gap.len() == groups && self.rebuy.len() == groups && self.neighbours.len() == groups;
        lists.map(Vec::len).all(|len| len == groups)
            && near.iter().all(full)
            && inside
            && leaning
            && (self.recent.len(), self.market.len()) == (markets, markets)
            && self.paths.is_whole(groups)
            && self.baskets.is_whole(groups)
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
        let near = |table: &[Near]| -> Vec<Near> {
            let line = |row: &Option<u32>| {
                let list = row.map_or(&[][..], |row| &table[row as usize]);
                list.iter().filter_map(|&(other, weight)| Some((place[other as usize]?, weight))).collect()
            };
            if table.is_empty() { Vec::new() } else { rows.iter().map(line).collect() }
        };
        Self {
            total: take(&self.total),
            recent: by_market(&self.recent),
            market: by_market(&self.market),
            gap: lean(&self.gap),
            rebuy: lean(&self.rebuy),
            neighbours: near(&self.neighbours),
            follows: near(&self.follows),
            ease_owned: near(&self.ease_owned),
            ease_baskets: near(&self.ease_baskets),
            paths: self.paths.rearranged(&place),
            baskets: self.baskets.rearranged(&place),
        }
    }
}

/// What each customer owns.
fn owned_sets<'a>(histories: &'a Histories, rows: &'a [Option<u32>]) -> impl Iterator<Item = (Vec<u32>, f32)> + 'a {
    histories.iter().map(|past| {
        let mut set: Vec<u32> = past.orders().flat_map(|order| order.groups).filter_map(|&group| rows[group as usize]).collect();
        set.sort_unstable();
        set.dedup();
        (set, 1.0)
    })
}

/// What each order holds; a large one says less of each of its pairs.
fn order_sets<'a>(histories: &'a Histories, rows: &'a [Option<u32>]) -> impl Iterator<Item = (Vec<u32>, f32)> + 'a {
    histories.iter().flat_map(|past| past.orders()).map(|order| {
        let set: Vec<u32> = order.groups.iter().filter_map(|&group| rows[group as usize]).collect();
        let scale = set.len().max(1) as f32;
        (set, scale)
    })
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

//! Basket-kNN: what stood in orders like the customer's last one, and in the orders that came after those.

use serde::{Deserialize, Serialize};

use super::paths::{best, shares};
use super::{Histories, Past};
use crate::Day;

/// Orders kept: the latest. Bounds memory.
const MOST_BASKETS: usize = 200_000;
/// Groups kept of one order.
const LARGEST: usize = 200;
/// Latest orders read of each group.
const SAMPLED: usize = 5_000;
/// Nearest orders that vote.
const NEIGHBOURS: usize = 200;
/// Days in which an order's say halves.
const HALF_LIFE_DAYS: f32 = 365.0;
/// Answers kept of one search: the best.
const ANSWERS: usize = 300;

/// Orders of at least two groups, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Baskets {
    groups: Vec<u32>,
    ends: Vec<u32>,
    days: Vec<i32>,
    /// Number of the same customer's next order + 1; 0: none.
    next: Vec<u32>,
}

impl Baskets {
    /// All orders of histories.
    pub(super) fn of(histories: &Histories, rows: &[Option<u32>]) -> Self {
        let mut found: Vec<(i32, usize, Vec<u32>)> = Vec::new();
        for (customer, past) in histories.iter().enumerate() {
            for order in past.orders() {
                let groups: Vec<u32> = order.groups.iter().filter_map(|&group| rows[group as usize]).take(LARGEST).collect();
                if groups.len() > 1 {
                    found.push((order.day.0, customer, groups));
                }
            }
        }
        found.sort_by_key(|&(day, customer, _)| (day, customer));
        let skip = found.len().saturating_sub(MOST_BASKETS);
        let mut baskets = Self::default();
        let mut last = std::collections::BTreeMap::new();
        for (number, (day, customer, groups)) in found.into_iter().skip(skip).enumerate() {
            if let Some(before) = last.insert(customer, number) {
                baskets.next[before] = number as u32 + 1;
            }
            baskets.groups.extend(groups);
            baskets.ends.push(baskets.groups.len() as u32);
            baskets.days.push(day);
            baskets.next.push(0);
        }
        baskets
    }

    /// Whether the lists fit each other and name only rows below `rows`.
    pub(super) fn is_whole(&self, rows: usize) -> bool {
        let count = self.ends.len();
        let ends =
            self.ends.windows(2).all(|pair| pair[0] <= pair[1]) && self.ends.last().copied().unwrap_or(0) as usize == self.groups.len();
        let lists = self.days.len() == count && self.next.len() == count && self.next.iter().all(|&next| next as usize <= count);
        ends && lists && self.groups.iter().all(|&row| (row as usize) < rows)
    }

    fn range(&self, basket: usize) -> std::ops::Range<usize> {
        let start = basket.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[basket] as usize
    }

    fn groups(&self, basket: usize) -> &[u32] {
        &self.groups[self.range(basket)]
    }

    /// The same orders by place in a catalogue; groups that it lacks leave.
    pub(super) fn rearranged(&self, place: &[Option<u32>]) -> Self {
        let mut baskets = Self { days: self.days.clone(), next: self.next.clone(), ..Self::default() };
        for basket in 0..self.ends.len() {
            let start = baskets.groups.len();
            baskets.groups.extend(self.groups(basket).iter().filter_map(|&group| place[group as usize]));
            baskets.groups[start..].sort_unstable();
            baskets.ends.push(baskets.groups.len() as u32);
        }
        baskets
    }
}

/// Orders with an index by group.
#[derive(Clone, Debug, Default)]
pub(super) struct BasketFinder {
    baskets: Baskets,
    /// Orders of each group, oldest first.
    holders: Vec<Vec<u32>>,
}

/// What the nearest orders hold, and what the orders after them hold, as shares, best first.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) same: Vec<(u32, f32)>,
    pub(super) next: Vec<(u32, f32)>,
}

impl BasketFinder {
    /// Indexes orders over `groups` places.
    pub(super) fn new(baskets: Baskets, groups: usize) -> Self {
        let mut holders = vec![Vec::new(); groups];
        for basket in 0..baskets.ends.len() {
            for &group in baskets.groups(basket) {
                holders[group as usize].push(basket as u32);
            }
        }
        Self { baskets, holders }
    }

    /// Whether there is any order to be near to.
    pub(super) fn speaks(&self) -> bool {
        !self.baskets.ends.is_empty()
    }

    /// Searches by the past's last order. Orders that the customer placed have no say.
    pub(super) fn search(&self, past: &Past<'_>, at: Day) -> Found {
        let Some(last) = past.orders().next_back().filter(|_| self.speaks()) else { return Found::default() };
        let mut similar = vec![0.0_f32; self.baskets.ends.len()];
        let mut touched = Vec::new();
        for &group in last.groups {
            let holders = &self.holders[group as usize];
            for &basket in &holders[holders.len().saturating_sub(SAMPLED)..] {
                if similar[basket as usize] == 0.0 {
                    touched.push(basket);
                }
                similar[basket as usize] += 1.0;
            }
        }
        let weight = |basket: u32| {
            let age = (at.0 - self.baskets.days[basket as usize]).max(0) as f32;
            let size = self.baskets.groups(basket as usize).len() as f32;
            similar[basket as usize] / size.sqrt() * 0.5_f32.powf(age / HALF_LIFE_DAYS)
        };
        let mut nearest: Vec<(u32, f32)> = touched.iter().map(|&basket| (basket, weight(basket))).collect();
        best(&mut nearest, NEIGHBOURS + past.len());
        nearest.retain(|&(basket, _)| !self.is_own(past, basket as usize));
        nearest.truncate(NEIGHBOURS);
        let (mut same, mut next) = (vec![0.0; self.holders.len()], vec![0.0; self.holders.len()]);
        for &(basket, weight) in &nearest {
            for &group in self.baskets.groups(basket as usize) {
                same[group as usize] += weight;
            }
            if let Some(after) = (self.baskets.next[basket as usize] as usize).checked_sub(1) {
                for &group in self.baskets.groups(after) {
                    next[group as usize] += weight;
                }
            }
        }
        Found { same: answers(&same), next: answers(&next) }
    }

    fn is_own(&self, past: &Past<'_>, basket: usize) -> bool {
        let (day, groups) = (self.baskets.days[basket], self.baskets.groups(basket));
        past.orders().any(|order| order.day.0 == day && groups.iter().all(|group| order.groups.binary_search(group).is_ok()))
    }
}

fn answers(votes: &[f32]) -> Vec<(u32, f32)> {
    let mut answers: Vec<(u32, f32)> = (0..).zip(votes.iter().copied()).filter(|&(_, vote)| vote > 0.0).collect();
    best(&mut answers, ANSWERS);
    shares(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{Step, StepKind};

    fn orders(orders: &[(i32, &[u32])]) -> Vec<Step> {
        let step = |&(day, groups): &(i32, &[u32])| Step {
            kind: StepKind::Order,
            day: Day(day),
            at: i64::from(day) * 86_400,
            gap_days: 0,
            session: None,
            groups: groups.to_vec(),
            units: vec![1.0; groups.len()],
            context: Vec::new(),
        };
        orders.iter().map(step).collect()
    }

    #[test]
    fn orders_like_the_last_one_vote_but_not_the_own_ones() {
        let mut histories = Histories::default();
        histories.push(0, 1, &orders(&[(10, &[0, 1, 2]), (40, &[5, 6])]), &[]);
        histories.push(0, 2, &orders(&[(20, &[0, 1, 3])]), &[]);
        histories.push(0, 3, &orders(&[(30, &[0, 1, 4]), (50, &[7])]), &[]);
        let rows: Vec<Option<u32>> = (0..8).map(Some).collect();
        let baskets = Baskets::of(&histories, &rows);
        assert!(baskets.is_whole(8) && baskets.ends.len() == 4, "an order of one group is near to nothing");
        let finder = BasketFinder::new(baskets, 8);
        let mut asked = Histories::default();
        asked.push(0, 2, &orders(&[(20, &[0, 1, 3])]), &[]);
        let found = finder.search(&asked.past(0), Day(60));
        let groups = |votes: &[(u32, f32)]| {
            let mut groups: Vec<u32> = votes.iter().map(|vote| vote.0).collect();
            groups.sort_unstable();
            groups
        };
        assert_eq!(groups(&found.same), [0, 1, 2, 4]);
        assert_eq!(groups(&found.next), [5, 6]);
    }
}

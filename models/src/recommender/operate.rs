//! How much popularity is held back, and how many slots go to what nobody was shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lists::{ANY_DEPTH, DEPTH, ListPolicy, Order, Shelf};
use super::model::Bound;
use super::{Histories, Past};
use crate::catalogue::Catalogue;
use crate::learn::Result;
use crate::metrics::{self, Exposure};
use crate::policy::VIRTUAL_SHARDS;

/// Strengths of the popularity penalty that are tried.
pub(super) const LAMBDAS: [f64; 6] = [0.0, 0.05, 0.1, 0.2, 0.3, 0.5];
/// Numbers of coverage slots that the backtest tries.
pub(super) const SLOTS: [usize; 4] = [0, 1, 2, 3];
/// Share of the backtest's NDCG that the chosen point must keep, and of the coverage that can be had so.
pub(super) const KEEP: f64 = 0.98;
/// Customers on whom serving is chosen.
pub const SAMPLE: usize = 20_000;
/// Customers worked at a time: bounds memory, changes nothing.
const CHUNK: usize = 256;

/// One operating point of the backtest, on the customers that choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Point {
    pub(super) lambda: f64,
    pub(super) slots: usize,
    pub(super) ndcg: f64,
    pub(super) coverage: f64,
    pub(super) gini: f64,
}

/// The operating points and the one that serves unless a coverage is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operating {
    pub(super) points: Vec<Point>,
    pub(super) lambda: f64,
    pub(super) slots: usize,
}

impl Operating {
    /// Chooses the largest coverage among the points that keep [`KEEP`] of the NDCG without penalty and slots; of those
    /// that come as near to it, the weakest penalty and then the fewest slots: what is kept is measured on few, and a
    /// little more coverage is not worth being wrong about it.
    pub(super) fn choose(points: Vec<Point>) -> Self {
        let base = points.iter().find(|point| point.lambda == 0.0 && point.slots == 0).map_or(0.0, |point| point.ndcg);
        let kept = || points.iter().filter(|point| point.ndcg >= KEEP * base);
        let most = kept().map(|point| point.coverage).fold(0.0, f64::max);
        let near = kept().filter(|point| point.coverage >= KEEP * most);
        let best = near.min_by(|a, b| a.lambda.total_cmp(&b.lambda).then(a.slots.cmp(&b.slots)));
        let (lambda, slots) = best.map_or((0.0, 0), |point| (point.lambda, point.slots));
        Self { points, lambda, slots }
    }

    /// Share of the NDCG that a point kept in the backtest; points between those tried take the next stronger one.
    fn kept(&self, lambda: f64, slots: usize) -> Option<f64> {
        let base = self.points.iter().find(|point| point.lambda == 0.0 && point.slots == 0)?.ndcg;
        let most = SLOTS.last().copied().unwrap_or(0);
        let near = self.points.iter().find(|point| point.lambda >= lambda && point.slots >= slots.min(most))?;
        (base > 0.0).then(|| near.ndcg / base)
    }
}

/// A group that is owed a showing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owed {
    /// The group.
    pub group_id: String,
    /// The virtual shard that owes it: its quota there is one, and none elsewhere.
    pub shard: u8,
}

/// What all shards of a scoring share, chosen on a sample of customers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Serving {
    /// Strength of the popularity penalty.
    pub lambda: f64,
    /// Last slots of each list for groups that are owed a showing.
    pub slots: usize,
    /// The groups that lists without such slots do not show, by id.
    pub owed: Vec<Owed>,
    /// Coverage that was asked for.
    pub target: Option<f64>,
    /// The most that the sample's lists could cover.
    pub ceiling: f64,
    /// Coverage reached on the sample.
    pub coverage: f64,
    /// Share of the backtest's NDCG that this point kept; absent without a backtest.
    pub ndcg_kept: Option<f64>,
}

impl Serving {
    /// Places in a catalogue of the groups that a virtual shard owes a showing.
    pub(super) fn places<'a>(&'a self, catalogue: &'a Catalogue, shard: u8) -> impl Iterator<Item = u32> + 'a {
        let place = move |owed: &Owed| catalogue.groups.binary_search_by(|group| group.id.cmp(&owed.group_id)).ok();
        self.owed.iter().filter(move |owed| owed.shard == shard).filter_map(place).map(|place| place as u32)
    }

    /// How deep in a list's order takers are looked for: everywhere when a coverage was asked for.
    pub(super) fn depth(&self) -> usize {
        if self.target.is_some() { ANY_DEPTH } else { DEPTH }
    }
}

/// Customers of a sample with their candidates at one strength of the penalty.
pub(super) struct Sample<'h> {
    pub(super) histories: &'h Histories,
    /// By customer.
    pub(super) orders: Vec<Order>,
    /// Virtual shard, by customer.
    pub(super) shards: Vec<u8>,
    /// Whether anyone of the sample may be shown the group, by place.
    pub(super) eligible: Vec<bool>,
}

/// The lists of a sample and what they showed.
pub(super) struct Simulated {
    pub(super) lists: Vec<Vec<u32>>,
    pub(super) exposure: Exposure,
    /// Owed places, each with the virtual shard that owes it, by place.
    pub(super) owed: Vec<(u32, u8)>,
}

impl Sample<'_> {
    /// Makes all lists with `slots` slots. With `goal`, no more groups are owed a showing than the goal needs.
    pub(super) fn simulate(&self, bound: &Bound<'_>, policy: &ListPolicy, slots: usize, goal: Option<f64>) -> Simulated {
        let depth = if goal.is_some() { ANY_DEPTH } else { DEPTH };
        let owed = self.owed(policy, slots, goal);
        // One shelf for all finds who takes what; each taker's virtual shard then owes it, and works by itself.
        let mut whole = Shelf::new(owed.iter().copied(), slots, depth);
        let mut home = BTreeMap::new();
        for (list, &shard) in self.lists(bound, policy, |_| 0, std::slice::from_mut(&mut whole)).iter().zip(&self.shards) {
            for place in list.iter().filter(|place| owed.binary_search(place).is_ok()) {
                home.entry(*place).or_insert(shard);
            }
        }
        let owed: Vec<(u32, u8)> = home.into_iter().collect();
        let shelf = |shard: u8| Shelf::new(owed.iter().filter(|owed| owed.1 == shard).map(|owed| owed.0), slots, depth);
        let mut shelves: Vec<Shelf> = (0..VIRTUAL_SHARDS).map(shelf).collect();
        let lists = self.lists(bound, policy, usize::from, &mut shelves);
        let mut exposure = Exposure::new(self.eligible.clone());
        for list in &lists {
            exposure.see(list.iter().copied());
        }
        Simulated { lists, exposure, owed }
    }

    /// Everybody's list; `shelf_of` finds the shelf of a virtual shard.
    fn lists(&self, bound: &Bound<'_>, policy: &ListPolicy, shelf_of: fn(u8) -> usize, shelves: &mut [Shelf]) -> Vec<Vec<u32>> {
        let customers = self.orders.iter().zip(&self.shards).zip(self.histories.iter());
        let list = |((order, &shard), past): ((&Order, &u8), Past<'_>)| {
            let list = shelves[shelf_of(shard)].list(order, policy.top_k, |place| may_see(bound, &past, place, policy));
            list.iter().map(|&((place, _), _)| place).collect()
        };
        customers.map(list).collect()
    }

    /// Places that lists without their last `slots` do not show, ascending; with `goal` those nearest to a list, as
    /// many as the goal needs.
    fn owed(&self, policy: &ListPolicy, slots: usize, goal: Option<f64>) -> Vec<u32> {
        if slots == 0 {
            return Vec::new();
        }
        let mut shown = vec![false; self.eligible.len()];
        let mut nearest = vec![usize::MAX; self.eligible.len()];
        for order in &self.orders {
            let length = policy.top_k - order.due.len().min(policy.top_k);
            let kept = length - slots.min(length);
            for (rank, &(place, _)) in order.discover.iter().enumerate() {
                shown[place as usize] |= rank < kept;
                nearest[place as usize] = nearest[place as usize].min(rank);
            }
            for &(place, _) in &order.due {
                shown[place as usize] = true;
            }
        }
        let open = |&place: &u32| self.eligible[place as usize] && !shown[place as usize];
        let mut owed: Vec<u32> = (0..shown.len() as u32).filter(open).collect();
        if let Some(goal) = goal {
            let count = self.eligible.iter().filter(|&&eligible| eligible).count();
            owed.sort_by_key(|&place| (nearest[place as usize], place));
            let needed = (goal * count as f64).ceil() as usize;
            owed.truncate(needed.saturating_sub(count - owed.len()));
            owed.sort_unstable();
        }
        owed
    }
}

fn may_see(bound: &Bound<'_>, past: &Past<'_>, place: u32, policy: &ListPolicy) -> bool {
    let owned = policy.exclude_owned && past.orders().any(|order| order.groups.binary_search(&place).is_ok());
    !owned && bound.catalogue.groups[place as usize].eligible(past.market() as u16, bound.at)
}

impl Bound<'_> {
    /// Which groups anyone of `histories` may be shown.
    pub(super) fn eligible_to_any(&self, histories: &Histories) -> Vec<bool> {
        let mut markets: Vec<u16> = histories.iter().map(|past| past.market() as u16).collect();
        markets.sort_unstable();
        markets.dedup();
        self.catalogue.groups.iter().map(|group| markets.iter().any(|&market| group.eligible(market, self.at))).collect()
    }

    /// The sample under each strength of the penalty.
    fn samples<'h>(&self, histories: &'h Histories, shards: &[u8], policy: &ListPolicy, lambdas: &[f64]) -> Result<Vec<Sample<'h>>> {
        let mut orders = vec![Vec::with_capacity(histories.len()); lambdas.len()];
        for chunk in histories.chunks(CHUNK) {
            for opinion in self.opinions(&chunk)? {
                for (orders, order) in orders.iter_mut().zip(self.orders(&opinion, policy, lambdas)) {
                    orders.push(order);
                }
            }
        }
        let sample = |orders| Sample { histories, orders, shards: shards.to_vec(), eligible: self.eligible_to_any(histories) };
        Ok(orders.into_iter().map(sample).collect())
    }

    /// Chooses how all shards make their lists, on a sample of at most [`SAMPLE`] customers (those of least hash, in
    /// the order of their ids; `shards` are their virtual shards).
    ///
    /// Without a target: the point that the backtest found to be nearly free. With one: the weakest penalty that
    /// reaches it, else the backtest's with as many slots as it takes; a target above the ceiling means the ceiling.
    ///
    /// # Errors
    /// [`crate::learn::Error::Compute`] when the tensor library fails.
    pub fn choose_serving(&self, histories: &Histories, shards: &[u8], policy: &ListPolicy) -> Result<Serving> {
        let operating = self.model.stored.operating.of(policy);
        let eligible = self.eligible_to_any(histories).iter().filter(|&&eligible| eligible).count();
        let ceiling = metrics::ceiling(histories.len() as u64, policy.top_k, eligible);
        let owe = |&(place, shard): &(u32, u8)| Owed { group_id: self.catalogue.groups[place as usize].id.clone(), shard };
        let finish = |lambda: f64, slots: usize, simulated: &Simulated| Serving {
            lambda,
            slots,
            owed: simulated.owed.iter().map(owe).collect(),
            target: policy.target_coverage,
            ceiling,
            coverage: simulated.exposure.coverage(1),
            ndcg_kept: operating.kept(lambda, slots),
        };
        let Some(target) = policy.target_coverage else {
            let samples = self.samples(histories, shards, policy, &[operating.lambda])?;
            let simulated = samples[0].simulate(self, policy, operating.slots, None);
            return Ok(finish(operating.lambda, operating.slots, &simulated));
        };
        let goal = target.min(ceiling);
        let mut lambdas: Vec<f64> = LAMBDAS.into_iter().filter(|&lambda| lambda < operating.lambda).collect();
        lambdas.push(operating.lambda);
        let samples = self.samples(histories, shards, policy, &lambdas)?;
        for (lambda, sample) in lambdas.into_iter().zip(&samples) {
            let simulated = sample.simulate(self, policy, 0, Some(goal));
            if simulated.exposure.coverage(1) >= goal {
                return Ok(finish(lambda, 0, &simulated));
            }
        }
        let mut slots = 1;
        loop {
            let simulated = samples[samples.len() - 1].simulate(self, policy, slots, Some(goal));
            if simulated.exposure.coverage(1) >= goal || slots >= policy.top_k {
                return Ok(finish(operating.lambda, slots, &simulated));
            }
            slots += 1;
        }
    }
}

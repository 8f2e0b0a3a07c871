//! Lists for customers: eligibility, roles, the popularity penalty and the coverage pass.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::model::Bound;
use super::operate::Serving;
use super::paths::best;
use super::sources::Opinion;
use super::{Histories, Past};
use crate::learn::Result;
use crate::policy::{Affinity, Recommendation, Role};

/// What a list should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListPolicy {
    /// Length of a list, at least 1.
    pub top_k: usize,
    /// Share of the eligible groups to be shown to somebody, 0..=1; `None`: what the backtest found to be free.
    pub target_coverage: Option<f64>,
    /// Most owned groups of a list, as `replenish`.
    pub replenish: usize,
    /// Whether owned groups leave discovery.
    pub exclude_owned: bool,
    /// What orders candidates.
    pub sources: Sources,
}

/// What orders candidates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sources {
    /// The LSTM and all sources beside it, weighed by the conditional logit.
    #[default]
    All,
    /// The LSTM alone.
    Lstm,
}

/// What scores a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scorer {
    /// The conditional logit that was fitted on all groups.
    AllGroups,
    /// The one that was fitted on groups that the customer did not own.
    NewGroups,
    /// The LSTM's log-probability.
    Lstm,
}

impl ListPolicy {
    /// What scores what is to be discovered.
    pub(super) fn scorer(&self) -> Scorer {
        if self.exclude_owned && self.sources == Sources::All { Scorer::NewGroups } else { self.scorer_of_all() }
    }

    /// What scores groups of every kind.
    fn scorer_of_all(&self) -> Scorer {
        match self.sources {
            Sources::All => Scorer::AllGroups,
            Sources::Lstm => Scorer::Lstm,
        }
    }
}

impl Default for ListPolicy {
    fn default() -> Self {
        Self { top_k: 10, target_coverage: None, replenish: 2, exclude_owned: true, sources: Sources::All }
    }
}

/// Candidates kept of an order: the best.
pub(super) const KEPT: usize = 300;
/// Candidates among which the coverage pass looks where nothing else was asked for.
pub(super) const DEPTH: usize = 120;
/// No bound to where the coverage pass looks.
pub(super) const ANY_DEPTH: usize = usize::MAX;
/// An owned group is due from this part of its re-buy gap on, up to that multiple of it.
const DUE: std::ops::Range<f32> = 0.75..3.0;
/// A group without a declared life is consumed when so large a share of its purchases are re-buys.
const CONSUMED: f32 = 0.25;

/// One candidate place with its score.
pub(super) type Scored = (u32, f32);

/// One customer's candidates, best first.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    /// Groups to discover (with `exclude_owned`: new ones), the best [`KEPT`].
    pub(super) discover: Vec<Scored>,
    /// Owned groups that are due.
    pub(super) due: Vec<Scored>,
    /// Where a due group would stand among the discovered: those of better score over all groups come first.
    pub(super) before_due: Vec<usize>,
}

impl Bound<'_> {
    /// What all sources say of the customers.
    pub(super) fn opinions(&self, histories: &Histories) -> Result<Vec<Opinion>> {
        let mut scratch = self.paths.scratch();
        let opinion = |(past, logits): (Past<'_>, Vec<f32>)| Opinion::new(&past, &logits, self, &mut scratch);
        Ok(histories.iter().zip(self.logits(histories)?).map(opinion).collect())
    }

    /// Places that a customer may be shown, ascending.
    pub(super) fn eligible(&self, opinion: &Opinion) -> Vec<u32> {
        let market = opinion.market as u16;
        let groups = self.catalogue.groups.iter().enumerate();
        groups.filter(|(_, group)| group.eligible(market, self.at)).map(|(place, _)| place as u32).collect()
    }

    fn score(&self, opinion: &Opinion, place: u32, scorer: Scorer) -> f32 {
        let rankers = &self.model.stored.rankers;
        let features = || opinion.features(place as usize, self);
        match scorer {
            Scorer::AllGroups => rankers.all.score(&features()),
            Scorer::NewGroups => rankers.new.score(&features()),
            Scorer::Lstm => opinion.lstm[place as usize],
        }
    }

    /// The best candidates of `places` by their score minus lambda x log popularity, for each lambda.
    pub(super) fn ranked(&self, opinion: &Opinion, places: &[u32], scorer: Scorer, lambdas: &[f64]) -> Vec<Vec<Scored>> {
        let recent = &self.tables.recent[opinion.market];
        let score = |place: u32| (place, self.score(opinion, place, scorer), (recent[place as usize] as f32).ln_1p());
        let scored: Vec<(u32, f32, f32)> = opinion.candidates(places, self).into_iter().map(score).collect();
        let under = |&lambda: &f64| {
            let mut order: Vec<Scored> = scored.iter().map(|&(place, score, popular)| (place, score - lambda as f32 * popular)).collect();
            best(&mut order, KEPT);
            order
        };
        lambdas.iter().map(under).collect()
    }

    /// One customer's candidates under a policy.
    pub(super) fn order(&self, opinion: &Opinion, policy: &ListPolicy, lambda: f64) -> Order {
        self.orders(opinion, policy, &[lambda]).pop().unwrap_or_default()
    }

    /// The same for several strengths of the penalty at the cost of one.
    pub(super) fn orders(&self, opinion: &Opinion, policy: &ListPolicy, lambdas: &[f64]) -> Vec<Order> {
        let eligible = self.eligible(opinion);
        let open: Vec<u32> = if policy.exclude_owned {
            eligible.iter().copied().filter(|&place| !opinion.owns(place as usize) && !self.spoken_for(opinion, place)).collect()
        } else {
            eligible.clone()
        };
        let ranked = self.ranked(opinion, &open, policy.scorer(), lambdas).into_iter();
        if !policy.exclude_owned || policy.replenish == 0 {
            return ranked.map(|discover| Order { discover, ..Order::default() }).collect();
        }
        let due: Vec<u32> = eligible.into_iter().filter(|&place| self.due(opinion, place)).collect();
        let all = |place: u32| self.score(opinion, place, policy.scorer_of_all());
        let mut due: Vec<Scored> = due.into_iter().map(|place| (place, all(place))).collect();
        sort(&mut due);
        due.truncate(policy.replenish);
        let order = |discover: Vec<Scored>| {
            let heads: Vec<f32> = discover.iter().take(policy.top_k).map(|&(place, _)| all(place)).collect();
            let before_due = due.iter().map(|&(_, score)| heads.iter().filter(|&&head| head > score).count()).collect();
            Order { discover, due: due.clone(), before_due }
        };
        ranked.map(order).collect()
    }

    /// A routine's step that the customer has by another product: not something to discover.
    fn spoken_for(&self, opinion: &Opinion, place: u32) -> bool {
        let Some((routine, step)) = &self.catalogue.groups[place as usize].routine else { return false };
        opinion
            .owned
            .iter()
            .filter(|(_, owned)| owned.bought)
            .any(|(&other, _)| self.catalogue.groups[other as usize].routine.as_ref().is_some_and(|(own, at)| own == routine && at == step))
    }

    /// Whether an owned group is used up about now.
    fn due(&self, opinion: &Opinion, place: u32) -> bool {
        let Some(owned) = opinion.owned.get(&place).filter(|owned| owned.bought) else { return false };
        let group = &self.catalogue.groups[place as usize];
        let consumed = group.replenishment_days.is_some() || group.routine.is_some() || self.tables.rebuy[place as usize] >= CONSUMED;
        let life = group.replenishment_days.map_or(self.tables.gap[place as usize], f32::from).max(1.0);
        consumed && DUE.contains(&(self.at.since(owned.last) as f32 / life))
    }

    /// How the customer's interest, as the LSTM sees it, falls on the axes of the catalogue; the largest first.
    pub(super) fn affinities(&self, opinion: &Opinion) -> Vec<Affinity> {
        let mut shares = std::collections::BTreeMap::<&str, f64>::new();
        for (group, log) in self.catalogue.groups.iter().zip(&opinion.lstm).filter(|(group, _)| !group.axis.is_empty()) {
            *shares.entry(&group.axis).or_default() += f64::from(*log).exp();
        }
        let mut shares: Vec<Affinity> =
            shares.into_iter().map(|(axis, share)| Affinity { axis: axis.to_owned(), share: share.min(1.0) }).collect();
        shares.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.axis.cmp(&b.axis)));
        shares
    }
}

/// The first `used` features of candidates, row after row.
pub(super) fn feature_rows(bound: &Bound<'_>, opinion: &Opinion, candidates: &[u32], used: usize) -> Vec<f32> {
    let mut rows = Vec::with_capacity(candidates.len() * used);
    for &place in candidates {
        rows.extend(&opinion.features(place as usize, bound)[..used]);
    }
    rows
}

/// Best first, ties by place.
pub(super) fn sort(scored: &mut [Scored]) {
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
}

/// The coverage pass over one virtual shard: the last slots of each list go to groups that the shard owes a showing.
/// A shard works its customers in the order of their ids, by itself; so the lists do not depend on how many
/// workers share the shards.
#[derive(Clone, Debug)]
pub struct Shelf {
    owed: BTreeSet<u32>,
    slots: usize,
    depth: usize,
}

impl Shelf {
    /// A shelf that owes these places a showing. It looks for takers among the best `depth` candidates of a list;
    /// with [`ANY_DEPTH`] in the end among all whom the place may be shown.
    pub(super) fn new(owed: impl Iterator<Item = u32>, slots: usize, depth: usize) -> Self {
        Self { owed: owed.collect(), slots, depth }
    }

    /// The places of one list, best first.
    pub(super) fn list(&mut self, order: &Order, top_k: usize, eligible: impl Fn(u32) -> bool) -> Vec<(Scored, Role)> {
        let due = order.due.len().min(top_k);
        let length = top_k - due;
        let kept = length - self.slots.min(length);
        let mut discover: Vec<Scored> = order.discover.iter().copied().take(kept).collect();
        for (place, _) in &discover {
            self.owed.remove(place);
        }
        for _ in kept..length {
            let taken = |place: u32| discover.iter().any(|&(other, _)| other == place);
            let wanted =
                order.discover.iter().take(self.depth).skip(kept).find(|(place, _)| self.owed.contains(place) && !taken(*place)).copied();
            // Nobody's candidate: whoever may be shown it comes last in line.
            let least = order.discover.last().map_or(0.0, |&(_, score)| score);
            let anyone = || self.owed.iter().copied().find(|&place| eligible(place) && !taken(place));
            let wanted = wanted.or_else(|| anyone().filter(|_| self.depth == ANY_DEPTH).map(|place| (place, least - 1.0)));
            let next = order.discover.iter().skip(kept).find(|(place, _)| !taken(*place)).copied();
            let Some(chosen) = wanted.or(next) else { break };
            self.owed.remove(&chosen.0);
            discover.push(chosen);
        }
        sort(&mut discover);
        let mut list: Vec<(Scored, Role)> = discover.into_iter().map(|scored| (scored, Role::Discover)).collect();
        for (&scored, &before) in order.due.iter().zip(&order.before_due).take(due).rev() {
            list.insert(before.min(list.len()), (scored, Role::Replenish));
        }
        list
    }
}

/// What a customer is shown, and the interests behind it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// The list, best first.
    pub recommendations: Vec<Recommendation>,
    /// Interests by axis, largest first.
    pub affinities: Vec<Affinity>,
}

impl Bound<'_> {
    /// The shelf of a virtual shard.
    pub fn shelf(&self, serving: &Serving, shard: u8) -> Shelf {
        Shelf::new(serving.places(self.catalogue, shard), serving.slots, serving.depth())
    }

    /// Lists for some customers of one virtual shard, in the order of their ids; call again with the same shelf for
    /// the next ones. How many come in one call changes nothing.
    ///
    /// # Errors
    /// [`crate::learn::Error::Compute`] when the tensor library fails.
    pub fn recommend(&self, histories: &Histories, policy: &ListPolicy, serving: &Serving, shelf: &mut Shelf) -> Result<Vec<Shown>> {
        let shown = |opinion: Opinion| {
            let order = self.order(&opinion, policy, serving.lambda);
            let eligible = |place: u32| {
                let hidden = policy.exclude_owned && (opinion.owns(place as usize) || self.spoken_for(&opinion, place));
                !hidden && self.catalogue.groups[place as usize].eligible(opinion.market as u16, self.at)
            };
            let list = shelf.list(&order, policy.top_k, eligible);
            Shown { recommendations: self.named(&opinion, &list), affinities: self.affinities(&opinion) }
        };
        Ok(self.opinions(histories)?.into_iter().map(shown).collect())
    }

    fn named(&self, opinion: &Opinion, list: &[(Scored, Role)]) -> Vec<Recommendation> {
        let name = |(rank, &((place, score), role)): (u32, &(Scored, Role))| {
            let group = &self.catalogue.groups[place as usize];
            let completes = role == Role::Discover && opinion.completes[place as usize];
            Recommendation {
                product_id: group.product.clone(),
                group_id: group.id.clone(),
                role: if completes { Role::CompleteRoutine } else { role },
                score,
                rank,
            }
        };
        (1..).zip(list).map(name).collect()
    }
}

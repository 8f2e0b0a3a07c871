//! Who is contacted, over all shards: one order, one cut.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Arm, ContactPolicy, CustomerHash, Suppressed};

/// One customer who may be contacted, as a shard tells the others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contender {
    /// Who.
    pub customer: CustomerHash,
    /// The arm of the experiment.
    pub arm: Arm,
    /// Bit i is set when the customer consented to the policy's channel i.
    pub channels: u32,
    /// What the model says, more is better; 0 without a selection by score.
    pub score: f64,
    /// Days since the last purchase.
    pub recency: u32,
    /// First-basket amount, as log ratio to the median of its market and currency.
    pub first_basket: f64,
}

/// A place in the order in which a pool is worked: primary and secondary descending, then the hash ascending.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Key(f64, f64, CustomerHash);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.total_cmp(&self.0).then(other.1.total_cmp(&self.1)).then(self.2.cmp(&other.2))
    }
}

impl Contender {
    /// The rule that works this customer's arm. Control stands in the model's order, so that the plan can say
    /// who of control would have been contacted.
    fn pool(&self) -> Pool {
        if self.arm == Arm::BusinessRule { Pool::Rule } else { Pool::Model }
    }

    fn key(&self) -> Key {
        match self.pool() {
            Pool::Model => Key(self.score, 0.0, self.customer),
            Pool::Rule => Key(-f64::from(self.recency), self.first_basket, self.customer),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pool {
    Model,
    Rule,
}

/// What a pool may fill: seats in all and per channel; `None` = no limit.
struct Seats {
    all: Option<u64>,
    channels: Vec<Option<u64>>,
}

impl Seats {
    fn of(policy: &ContactPolicy, pool: Pool) -> Self {
        let part = |seats: u64| {
            let rule = policy.experiment.as_ref().map_or(0, |experiment| experiment.rule_seats(seats));
            if pool == Pool::Rule { rule } else { seats - rule }
        };
        Self { all: policy.top.map(part), channels: policy.channels.iter().map(|channel| channel.capacity.map(part)).collect() }
    }

    /// The most that this pool can select; `None` = no limit.
    fn most(&self) -> Option<u64> {
        let channels: Option<u64> = self.channels.iter().copied().sum::<Option<u64>>().filter(|_| !self.channels.is_empty());
        match (self.all, channels) {
            (Some(all), Some(channels)) => Some(all.min(channels)),
            (one, other) => one.or(other),
        }
    }
}

/// Where the line fell. The same for every split of the customers into shards.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    model: PoolCut,
    rule: PoolCut,
}

/// The line of one pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct PoolCut {
    /// Everyone selected, best first.
    selected: Vec<Key>,
    /// The one who took the last seat; `None` when seats were left or unlimited.
    last: Option<Last>,
    /// Per channel, the one who took its last place; `None` when places were left.
    full: Vec<Option<Last>>,
}

/// Who took a last place; `Nobody` when there was none to take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Last {
    Nobody,
    Taken(Key),
}

impl Last {
    fn before(self, key: &Key) -> bool {
        match self {
            Self::Nobody => true,
            Self::Taken(last) => last < *key,
        }
    }
}

/// What the cut says of one contender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Contacted; `rank` from 1 within model-chosen or rule-chosen customers; `channel` indexes the policy's
    /// channels, absent when it names none.
    Selected {
        /// Place in the order.
        rank: u64,
        /// The channel.
        channel: Option<usize>,
    },
    /// A control customer who would have been contacted.
    Withheld,
    /// Not contacted.
    Suppressed(Suppressed),
}

impl Cut {
    /// What becomes of a contender.
    pub fn verdict(&self, contender: &Contender) -> Verdict {
        let (pool, key) = (self.of(contender.pool()), contender.key());
        let seat = pool.seat(contender.channels, &key);
        match seat {
            Err(reason) => Verdict::Suppressed(reason),
            Ok(_) if contender.arm == Arm::Control => Verdict::Withheld,
            Ok(channel) => {
                let rank = pool.selected.partition_point(|other| *other < key) as u64 + 1;
                Verdict::Selected { rank, channel }
            }
        }
    }

    /// How many are contacted.
    pub fn selected(&self) -> u64 {
        (self.model.selected.len() + self.rule.selected.len()) as u64
    }

    fn of(&self, pool: Pool) -> &PoolCut {
        match pool {
            Pool::Model => &self.model,
            Pool::Rule => &self.rule,
        }
    }
}

impl PoolCut {
    /// The channel of who stands at `key`: the first allowed one that had not been filled by better ones.
    fn seat(&self, channels: u32, key: &Key) -> Result<Option<usize>, Suppressed> {
        if self.last.is_some_and(|last| last.before(key)) {
            return Err(Suppressed::BelowThreshold);
        }
        if self.full.is_empty() {
            return Ok(None);
        }
        let room = |&index: &usize| channels >> index & 1 == 1 && !self.full[index].is_some_and(|full| full.before(key));
        (0..self.full.len()).find(room).map(Some).ok_or(Suppressed::Capacity)
    }

    fn fill(mut contenders: Vec<Contender>, seats: &Seats) -> Self {
        contenders.sort_by_key(Contender::key);
        let none = |limit: &Option<u64>| (*limit == Some(0)).then_some(Last::Nobody);
        let mut cut = Self { selected: Vec::new(), last: none(&seats.all), full: seats.channels.iter().map(none).collect() };
        let mut taken = vec![0; seats.channels.len()];
        for contender in &contenders {
            let key = contender.key();
            let Ok(channel) = cut.seat(contender.channels, &key) else { continue };
            cut.selected.push(key);
            if let Some(index) = channel {
                taken[index] += 1;
                if seats.channels[index] == Some(taken[index]) {
                    cut.full[index] = Some(Last::Taken(key));
                }
            }
            if seats.all == Some(cut.selected.len() as u64) {
                cut.last = Some(Last::Taken(key));
            }
        }
        cut
    }
}

/// Draws the line over the contenders of all shards: in each pool (chosen by the model; chosen by the rule) the
/// best first, ties by hash, each taking the first of its channels that has room, until `top` seats are taken.
/// The rule fills its arm's share of the seats and of each channel; control takes none.
///
/// The result depends neither on the order of the contenders nor on how shards split them.
pub fn select(contenders: impl IntoIterator<Item = Contender>, policy: &ContactPolicy) -> Cut {
    let (rule, model): (Vec<_>, Vec<_>) =
        contenders.into_iter().filter(|contender| contender.arm != Arm::Control).partition(|contender| contender.pool() == Pool::Rule);
    Cut { model: PoolCut::fill(model, &Seats::of(policy, Pool::Model)), rule: PoolCut::fill(rule, &Seats::of(policy, Pool::Rule)) }
}

/// The contenders of one shard that can matter to the cut, best first: of each pool and each set of channels as
/// many as the pool can select. Whoever is left out stands behind enough others with the same channels.
pub fn shortlist(contenders: impl IntoIterator<Item = Contender>, policy: &ContactPolicy) -> Vec<Contender> {
    let mut groups: BTreeMap<(Pool, u32), Vec<Contender>> = BTreeMap::new();
    for contender in contenders.into_iter().filter(|contender| contender.arm != Arm::Control) {
        groups.entry((contender.pool(), contender.channels)).or_default().push(contender);
    }
    let mut kept = Vec::new();
    for ((pool, _), mut members) in groups {
        members.sort_by_key(Contender::key);
        let most = Seats::of(policy, pool).most().unwrap_or(u64::MAX);
        members.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        kept.extend(members);
    }
    kept
}

//! Lists as a day in the past would have served them, to everybody, and what they were worth to some.

use std::collections::BTreeMap;

use super::backtest::{CHUNK, MOST_CHOOSERS, Side, TOP, label, places, side};
use super::lists::{DEPTH, ListPolicy, Order};
use super::model::{Bound, OperatingPoints};
use super::operate::{LAMBDAS, Operating, Point, SLOTS, Sample, Simulated};
use super::{Histories, Past, Target};
use crate::learn::Result;
use crate::metrics;
use crate::report_document::Groups;

/// Most customers who are served in a trial: bounds memory.
const MOST_SERVED: usize = 6_000;
/// Candidates that a trial's lists and its coverage pass can come to.
const REACHED: usize = DEPTH + TOP;

/// All customers' candidates at one strength of the penalty, with the labels of those who are asked.
pub(super) struct Trial<'h> {
    /// Which groups the lists hold.
    pub(super) groups: Groups,
    sample: Sample<'h>,
    /// By customer; empty where nobody asks.
    pub(super) labels: Vec<Vec<u32>>,
}

/// Whom the day would have served: those of `side` with their labels among all others with an order, without. A
/// coverage pass among a few would look dearer than it is: fewer lists share what is owed a showing.
///
/// Where events are the target a question is a list of its own, and there is nobody else.
pub(super) fn audience(bound: &Bound<'_>, side: &Histories, known: &Histories) -> Histories {
    if bound.model.stored.settings.target == Target::Event {
        return side.clone();
    }
    let asked: BTreeMap<u64, Past<'_>> = side.iter().map(|past| (past.hash(), past)).collect();
    let mut others = MOST_SERVED.saturating_sub(asked.len());
    let mut audience = Histories::default();
    for past in known.iter() {
        match asked.get(&past.hash()) {
            Some(asked) => audience.copy(asked),
            None if others > 0 && past.orders().next().is_some() => {
                others -= 1;
                audience.copy(&past);
            }
            None => {}
        }
    }
    audience
}

/// The audience under each kind of lists and strength of the penalty.
pub(super) fn trials<'h>(bound: &Bound<'_>, audience: &'h Histories, kinds: &[(Groups, f64)]) -> Result<Vec<Trial<'h>>> {
    let shards: Vec<u8> = audience.iter().map(|past| (past.hash() % u64::from(crate::policy::VIRTUAL_SHARDS)) as u8).collect();
    let eligible = bound.eligible_to_any(audience);
    let sample = || Sample { histories: audience, orders: Vec::new(), shards: shards.clone(), eligible: eligible.clone() };
    let mut trials: Vec<Trial<'h>> = kinds.iter().map(|&(groups, _)| Trial { groups, sample: sample(), labels: Vec::new() }).collect();
    for chunk in audience.chunks(CHUNK) {
        for (past, opinion) in chunk.iter().zip(bound.opinions(&chunk)?) {
            let eligible = bound.eligible(&opinion);
            for groups in [Groups::New, Groups::All] {
                let own = |trial: &&mut Trial<'_>| trial.groups == groups;
                let lambdas: Vec<f64> = kinds.iter().filter(|kind| kind.0 == groups).map(|kind| kind.1).collect();
                if lambdas.is_empty() {
                    continue;
                }
                let scorer = policy(groups).scorer();
                let ranked = bound.ranked(&opinion, &places(&opinion, &eligible, groups), scorer, &lambdas);
                let label = label(&past, &opinion, &eligible, groups);
                for (trial, mut discover) in trials.iter_mut().filter(own).zip(ranked) {
                    discover.truncate(REACHED);
                    trial.sample.orders.push(Order { discover, ..Order::default() });
                    trial.labels.push(label.clone());
                }
            }
        }
    }
    Ok(trials)
}

/// The lists that are tried: nothing in them is there to be bought again.
fn policy(groups: Groups) -> ListPolicy {
    ListPolicy { top_k: TOP, replenish: 0, exclude_owned: groups == Groups::New, ..ListPolicy::default() }
}

impl Trial<'_> {
    /// Everybody's lists with `slots` slots for what nobody is shown.
    pub(super) fn simulate(&self, bound: &Bound<'_>, slots: usize) -> Simulated {
        self.sample.simulate(bound, &policy(self.groups), slots, None)
    }

    fn ndcg(&self, lists: &[Vec<u32>]) -> f64 {
        let asked = lists.iter().zip(&self.labels).filter(|(_, label)| !label.is_empty());
        let judged: Vec<f64> = asked.map(|(list, label)| metrics::ndcg(list, label, TOP)).collect();
        judged.iter().sum::<f64>() / judged.len().max(1) as f64
    }
}

/// Tries every operating point: everybody is served, those who choose say what it is worth. Where events are the target
/// groups that were seen are no less worth showing, so both kinds of lists are one.
pub(super) fn operate(bound: &Bound<'_>, (asked, known): (&Histories, &Histories), seed: u64) -> Result<OperatingPoints> {
    let choosers = side(asked, seed, Side::Choosers, MOST_CHOOSERS);
    let audience = audience(bound, &choosers, known);
    let choose = |groups: Groups| -> Result<Operating> {
        let kinds = LAMBDAS.map(|lambda| (groups, lambda));
        let mut points = Vec::new();
        for (lambda, trial) in LAMBDAS.into_iter().zip(trials(bound, &audience, &kinds)?) {
            for slots in SLOTS {
                let simulated = trial.simulate(bound, slots);
                let (coverage, gini) = (simulated.exposure.coverage(1), simulated.exposure.gini());
                points.push(Point { lambda, slots, ndcg: trial.ndcg(&simulated.lists), coverage, gini });
            }
        }
        Ok(Operating::choose(points))
    };
    let new = choose(Groups::New)?;
    let all = if bound.model.stored.settings.target == Target::Event { new.clone() } else { choose(Groups::All)? };
    Ok(OperatingPoints { all, new })
}

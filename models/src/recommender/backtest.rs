//! The whole procedure at an earlier origin: what it would have been worth.
//!
//! Customers with a later purchase are split by hash: those who choose (early stopping, weights of the sources,
//! operating point) and those who judge (every figure that is reported beside a baseline).

use std::collections::BTreeMap;

use super::features::{FEATURES, NEW_FEATURES};
use super::lists::{Scorer, feature_rows, sort};
use super::model::{Bound, Rankers};
use super::operate::Operating;
use super::ranker::{Query, Ranker};
use super::sources::Opinion;
use super::{Histories, Past, Target, trials};
use crate::draw::{self, Use};
use crate::learn::Result;
use crate::metrics::{self, Exposure};
use crate::report_document::{
    ExposureCurve, ExposurePoint, Groups, Interval, MarketRow, PenaltyCurve, PenaltyPoint, RecommenderMetrics, RecommenderRow, Role,
};

/// Length of the lists that are judged.
pub(super) const TOP: usize = 10;
/// Share of customers who choose.
const CHOOSERS: f64 = 0.6;
/// Most questions from which weights and operating point are chosen: bounds memory.
pub(super) const MOST_CHOOSERS: usize = 3_000;
/// Most customers who judge.
const MOST_JUDGES: usize = 20_000;
pub(super) const CHUNK: usize = 256;
const RESAMPLES: u32 = 500;

/// Whether a customer chooses (else judges).
pub(super) fn chooses(past: &Past<'_>, seed: u64) -> bool {
    draw::uniform(seed, Use::Holdout, past.hash(), 1) < CHOOSERS
}

/// Whose questions are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Those who choose.
    Choosers,
    /// Those who judge.
    Judges,
    /// Both: what serves learns from everybody.
    Everybody,
}

/// The questions of one side of the split, at most `most` of them.
pub(super) fn side(histories: &Histories, seed: u64, side: Side, most: usize) -> Histories {
    let mut chosen = Histories::default();
    let on_side = |past: &Past<'_>| side == Side::Everybody || chooses(past, seed) == (side == Side::Choosers);
    let wanted = |past: &Past<'_>| !past.target().is_empty() && !past.is_empty() && on_side(past);
    histories.iter().filter(wanted).take(most).for_each(|past| chosen.copy(&past));
    chosen
}

/// What a list should have held, of what the customer could be shown.
pub(super) fn label(past: &Past<'_>, opinion: &Opinion, eligible: &[u32], groups: Groups) -> Vec<u32> {
    let counts = |place: &u32| eligible.binary_search(place).is_ok() && (groups == Groups::All || !opinion.owns(*place as usize));
    past.target().iter().copied().filter(counts).collect()
}

pub(super) fn places(opinion: &Opinion, eligible: &[u32], groups: Groups) -> Vec<u32> {
    eligible.iter().copied().filter(|&place| groups == Groups::All || !opinion.owns(place as usize)).collect()
}

/// Fits the weights of the sources on one side. Where events are the target a group that was seen is no less worth
/// showing, so both orders are one.
pub(super) fn fit_rankers(bound: &Bound<'_>, histories: &Histories, (seed, who): (u64, Side)) -> Result<Rankers> {
    let (mut all, mut new) = (Vec::new(), Vec::new());
    let event = bound.model.stored.settings.target == Target::Event;
    for chunk in side(histories, seed, who, MOST_CHOOSERS).chunks(CHUNK) {
        for (past, opinion) in chunk.iter().zip(bound.opinions(&chunk)?) {
            let eligible = bound.eligible(&opinion);
            for (groups, queries) in [(Groups::All, &mut all), (Groups::New, &mut new)] {
                if event && groups == Groups::New {
                    continue;
                }
                let target = label(&past, &opinion, &eligible, groups);
                let candidates = opinion.candidates(&places(&opinion, &eligible, groups), bound);
                let found = candidates.iter().filter(|place| target.contains(place)).count();
                if found > 0 {
                    let share = |place: &u32| if target.contains(place) { 1.0 / found as f32 } else { 0.0 };
                    let label = candidates.iter().map(share).collect();
                    let used = if groups == Groups::New { NEW_FEATURES } else { FEATURES.len() };
                    queries.push(Query { features: feature_rows(bound, &opinion, &candidates, used), label });
                }
            }
        }
    }
    let start = Rankers::default();
    let all = Ranker::fit(&all, FEATURES.len(), &start.all)?;
    let new = if event { all.clone() } else { Ranker::fit(&new, NEW_FEATURES, &start.new)? };
    Ok(Rankers { all, new })
}

/// One way of making lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Method {
    Ranker,
    Lstm,
    Popularity,
    OwnFrequency,
    ItemNeighbours,
    SessionNeighbours,
    BasketNeighbours,
}

const METHODS: [Method; 7] = [
    Method::Ranker,
    Method::Lstm,
    Method::Popularity,
    Method::OwnFrequency,
    Method::ItemNeighbours,
    Method::SessionNeighbours,
    Method::BasketNeighbours,
];

impl Method {
    fn name(self) -> (&'static str, Role) {
        match self {
            Self::Ranker => ("all sources", Role::Model),
            Self::Lstm => ("LSTM alone", Role::Part),
            Self::Popularity => ("popularity of the market, 90 days", Role::Baseline),
            Self::OwnFrequency => ("own purchases by count", Role::Baseline),
            Self::ItemNeighbours => ("item neighbours of all purchases", Role::Baseline),
            Self::SessionNeighbours => ("session neighbours", Role::Baseline),
            Self::BasketNeighbours => ("neighbours of the last order", Role::Baseline),
        }
    }

    fn list(self, bound: &Bound<'_>, opinion: &Opinion, open: &[u32], groups: Groups) -> Vec<u32> {
        let popularity = |place: u32| bound.tables.recent[opinion.market][place as usize] as f32;
        let score = |place: u32| match self {
            Self::Ranker => 0.0,
            Self::Lstm => opinion.lstm[place as usize],
            Self::Popularity => popularity(place),
            // Popularity breaks ties.
            Self::OwnFrequency => opinion.owned.get(&place).map_or(0.0, |owned| owned.count) + 1e-6 * popularity(place),
            Self::ItemNeighbours => opinion.near_all.of(place),
            Self::SessionNeighbours => opinion.broad.of(place),
            Self::BasketNeighbours => opinion.same.of(place),
        };
        let mut scored = match self {
            Self::Ranker => {
                let scorer = if groups == Groups::New { Scorer::NewGroups } else { Scorer::AllGroups };
                bound.ranked(opinion, open, scorer, &[0.0]).pop().unwrap_or_default()
            }
            _ => open.iter().map(|&place| (place, score(place))).collect(),
        };
        if self != Self::Ranker && scored.len() > TOP {
            scored.select_nth_unstable_by(TOP - 1, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            scored.truncate(TOP);
        }
        sort(&mut scored);
        scored.into_iter().take(TOP).map(|(place, _)| place).collect()
    }
}

/// The running figures of one method on one kind of groups.
struct Tally {
    method: String,
    role: Role,
    groups: Groups,
    ndcg: Vec<f64>,
    hit: f64,
    mrr: f64,
    exposure: Exposure,
    /// NDCG by market.
    markets: BTreeMap<usize, Vec<f64>>,
}

impl Tally {
    fn new(method: &str, role: Role, groups: Groups, eligible: &[bool]) -> Self {
        let exposure = Exposure::new(eligible.to_vec());
        Self { method: method.to_owned(), role, groups, ndcg: Vec::new(), hit: 0.0, mrr: 0.0, exposure, markets: BTreeMap::new() }
    }

    fn see(&mut self, list: &[u32], label: &[u32], market: usize) {
        let ndcg = metrics::ndcg(list, label, TOP);
        self.ndcg.push(ndcg);
        self.hit += metrics::hit_rate(list, label, TOP);
        self.mrr += metrics::reciprocal_rank(list, label, TOP);
        self.exposure.see(list.iter().copied());
        self.markets.entry(market).or_default().push(ndcg);
    }

    fn row(&self, popularity: &[f64], seed: u64) -> RecommenderRow {
        let customers = self.ndcg.len();
        let count = customers.max(1) as f64;
        let interval = (customers > 1).then(|| {
            let zeros = vec![0.0; customers];
            let rows: Vec<_> = (0..customers).map(|place| place..place + 1).collect();
            let interval = metrics::paired_difference(&self.ndcg, &zeros, &rows, RESAMPLES, seed);
            Interval { low: interval.low, high: interval.high }
        });
        RecommenderRow {
            method: self.method.clone(),
            role: self.role,
            groups: self.groups,
            customers: customers as u64,
            hit: self.hit / count,
            ndcg: self.ndcg.iter().sum::<f64>() / count,
            ndcg_interval: interval,
            mrr: self.mrr / count,
            coverage: self.exposure.coverage(1),
            coverage_at_5: self.exposure.coverage(5),
            gini: self.exposure.gini(),
            arp: self.exposure.mean_popularity(popularity),
            novelty: self.exposure.novelty(popularity),
        }
    }
}

/// What the backtest found.
#[derive(Clone, Debug, Default)]
pub(super) struct Judged {
    pub(super) metrics: RecommenderMetrics,
    /// Figures per market, by name.
    pub(super) markets: Vec<MarketRow>,
}

/// Judges the served lists and every method beside them on the customers who judge; `known` are all whom the day knows.
pub(super) fn judge(bound: &Bound<'_>, (asked, known): (&Histories, &Histories), seed: u64) -> Result<Judged> {
    let side = side(asked, seed, Side::Judges, MOST_JUDGES);
    let eligible = bound.eligible_to_any(&side);
    let everybody = trials::audience(bound, &side, known);
    let operating = &bound.model.stored.operating;
    let mut tallies = Vec::new();
    let kinds = [(Groups::New, operating.new.lambda), (Groups::All, operating.all.lambda)];
    for (trial, slots) in trials::trials(bound, &everybody, &kinds)?.iter().zip([operating.new.slots, operating.all.slots]) {
        let mut tally = Tally::new("as served", Role::Model, trial.groups, &eligible);
        let lists = trial.simulate(bound, slots).lists;
        for ((list, label), past) in lists.iter().zip(&trial.labels).zip(everybody.iter()).filter(|((_, label), _)| !label.is_empty()) {
            tally.see(list, label, past.market());
        }
        tallies.push(tally);
    }
    tallies.extend(methods(bound, &side, &eligible)?);
    let popularity: Vec<f64> = bound.tables.total.iter().map(|&total| f64::from(total)).collect();
    let rows: Vec<RecommenderRow> = tallies.iter().map(|tally| tally.row(&popularity, seed)).collect();
    let curves = tallies.iter().filter(|tally| tally.groups == Groups::New && !tally.exposure_is_empty()).map(Tally::curve).collect();
    let metrics = RecommenderMetrics {
        top_k: TOP as u32,
        lists: side.len() as u64,
        eligible_groups: eligible.iter().filter(|&&eligible| eligible).count() as u64,
        methods: rows,
        penalty: penalty(&operating.new, tallies[0].exposure.ceiling()),
        exposure: curves,
    };
    Ok(Judged { metrics, markets: markets(bound, &side, &tallies) })
}

/// Lists of all methods on all and on new groups, and those of customers with one purchase before.
fn methods(bound: &Bound<'_>, side: &Histories, eligible: &[bool]) -> Result<Vec<Tally>> {
    let mut tallies = Vec::new();
    for groups in [Groups::New, Groups::All] {
        for method in METHODS {
            let (name, role) = method.name();
            tallies.push(Tally::new(name, role, groups, eligible));
            tallies.push(Tally::new(&format!("{name}, one purchase before"), role, groups, eligible));
        }
    }
    for chunk in side.chunks(CHUNK) {
        for (past, opinion) in chunk.iter().zip(bound.opinions(&chunk)?) {
            let own = bound.eligible(&opinion);
            let first = past.orders().count() == 1;
            let mut place = 0;
            for groups in [Groups::New, Groups::All] {
                let target = label(&past, &opinion, &own, groups);
                let open = places(&opinion, &own, groups);
                for method in METHODS {
                    if !target.is_empty() {
                        let list = method.list(bound, &opinion, &open, groups);
                        tallies[place].see(&list, &target, past.market());
                        if first {
                            tallies[place + 1].see(&list, &target, past.market());
                        }
                    }
                    place += 2;
                }
            }
        }
    }
    // Own purchases have nothing to say about new groups, nor orders of one group about others.
    let silent = |tally: &Tally| {
        let of = |method: Method| tally.method.starts_with(method.name().0);
        tally.ndcg.is_empty()
            || (tally.groups == Groups::New && of(Method::OwnFrequency))
            || (of(Method::BasketNeighbours) && !bound.baskets.speaks())
    };
    tallies.retain(|tally| !silent(tally));
    Ok(tallies)
}

impl Tally {
    fn exposure_is_empty(&self) -> bool {
        self.exposure.lists() == 0 || self.method.contains("one purchase")
    }

    fn curve(&self) -> ExposureCurve {
        let counts: Vec<u64> = self.exposure.curve().into_iter().rev().collect();
        let total = counts.iter().sum::<u64>().max(1) as f64;
        let stops = 50.min(counts.len().max(1));
        let point = |stop: usize| {
            let groups = stop * counts.len() / stops;
            ExposurePoint { groups: stop as f64 / stops as f64, exposures: counts[..groups].iter().sum::<u64>() as f64 / total }
        };
        ExposureCurve { method: self.method.clone(), points: (0..=stops).map(point).collect() }
    }
}

fn penalty(operating: &Operating, ceiling: f64) -> Option<PenaltyCurve> {
    let chosen = operating.points.iter().find(|point| point.lambda == operating.lambda && point.slots == operating.slots)?;
    let points = operating.points.iter().filter(|point| point.slots == 0);
    Some(PenaltyCurve {
        points: points
            .map(|point| PenaltyPoint { lambda: point.lambda, ndcg: point.ndcg, coverage: point.coverage, gini: point.gini })
            .collect(),
        chosen_lambda: operating.lambda,
        chosen_slots: operating.slots as u32,
        chosen_ndcg: chosen.ndcg,
        chosen_coverage: chosen.coverage,
        target_coverage: None,
        ceiling,
    })
}

fn markets(bound: &Bound<'_>, side: &Histories, tallies: &[Tally]) -> Vec<MarketRow> {
    let mut rows = Vec::new();
    for (market, name) in bound.catalogue.markets.iter().enumerate() {
        let here: Vec<Past<'_>> = side.iter().filter(|past| past.market() == market).collect();
        let mut metrics = BTreeMap::new();
        for tally in tallies.iter().filter(|tally| tally.role == Role::Model && !tally.method.contains("one purchase")) {
            if let Some(ndcg) = tally.markets.get(&market) {
                let kind = if tally.groups == Groups::New { "new groups" } else { "all groups" };
                metrics.insert(format!("NDCG@10, {}, {kind}", tally.method), ndcg.iter().sum::<f64>() / ndcg.len() as f64);
            }
        }
        rows.push(MarketRow {
            market: name.clone(),
            customers: here.len() as u64,
            one_timers: here.iter().filter(|past| past.orders().count() == 1).count() as u64,
            examples: here.len() as u64,
            events: here.iter().map(|past| past.target().len() as u64).sum(),
            metrics,
            ..MarketRow::default()
        });
    }
    rows
}

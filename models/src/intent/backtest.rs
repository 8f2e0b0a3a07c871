//! Measures of the whole procedure at an earlier origin, with the baselines that it must beat beside it.

use super::cohorts::{Cohorts, OLDEST};
use super::fit::{Past, Request, rows};
use super::model::IntentRow;
use super::periods;
use crate::Day;
use crate::examples::{Dataset, Landmarks, Side, examples};
use crate::learn::Result;
use crate::metrics;
use crate::report_document::{
    Calibration, CalibrationBin, HazardSeries, HazardWeek, IntentMetrics, IntentRow as MethodRow, Interval, KeyPeriods, KeyWeek,
    MarketLevel, Role, WeekSet,
};

/// Simulated outcomes behind a debiased error.
const DRAWS: u32 = 200;
/// See [`Tested::concordance`].
const CONCORDANCE_CASES: usize = 3000;
/// Bins of a calibration plot.
const BINS: usize = 10;
/// Days reported, where the backtest sees so far.
const DAYS: [u16; 3] = [30, 60, 90];
/// Names of the methods, in the order of [`Tested::methods`].
pub(super) const METHODS: [(&str, Role); 3] =
    [("Hazard model", Role::Model), ("Age curve and season", Role::Baseline), ("Kaplan-Meier given age", Role::Baseline)];

/// Everybody who had bought exactly once at the origin: what was predicted, what came.
pub(super) struct Tested {
    data: Dataset,
    weeks: u16,
    /// Cumulative weekly hazards of each of [`METHODS`], per example.
    methods: [Vec<Vec<f64>>; 3],
    key_period_weeks: u16,
    seed: u64,
}

/// Predicts from the origin with a past that knows nothing after it, and measures what came until the cut.
pub(super) fn measure(request: &Request<'_>, past: &Past, origin: Day) -> Result<Option<Tested>> {
    let split = past.split(request.config.seed, Landmarks::On(origin), Side::All, request.facts.as_of);
    let data = examples(request.journeys, &past.bound(request.catalogue), &split)?;
    if data.is_empty() {
        return Ok(None);
    }
    let weeks = (request.facts.as_of.since(origin) / 7) as u16;
    let rows = rows(&data);
    let curve = KaplanMeier::new(&past.cohorts);
    let cut = |mut hazards: Vec<f64>| {
        hazards.truncate(usize::from(weeks));
        hazards
    };
    let methods = [
        past.model.hazards(&rows)?.into_iter().map(cut).collect(),
        rows.iter().map(|row| cut(past.model.baseline(row))).collect(),
        rows.iter().map(|row| (0..weeks).map(|week| curve.hazard(row, week)).collect()).collect(),
    ];
    Ok(Some(Tested { data, weeks, methods, key_period_weeks: request.config.key_period_weeks, seed: request.config.seed }))
}

/// The Kaplan-Meier curve of the age at the second purchase, as running sums of the log of its factors.
struct KaplanMeier(Vec<f64>);

impl KaplanMeier {
    fn new(cohorts: &Cohorts) -> Self {
        let mut counts = vec![(0.0, 0.0); OLDEST];
        cohorts.for_each(|cell| {
            counts[cell.age].0 += cell.events;
            counts[cell.age].1 += cell.at_risk;
        });
        let mut sum = 0.0;
        let add = |(events, at_risk): (f64, f64)| {
            if at_risk > 0.0 {
                sum -= (1.0 - events / at_risk).max(1e-9).ln();
            }
            sum
        };
        Self(counts.into_iter().map(add).collect())
    }

    fn hazard(&self, row: &IntentRow, week: u16) -> f64 {
        let at = |age: usize| self.0[age.min(OLDEST - 1)];
        let from = usize::from(row.age).max(1) + 7 * usize::from(week) - 1;
        at(from + 7) - at(from)
    }
}

/// Standard error of an AUC (Hanley and McNeil 1982): every customer stands in a backtest once.
fn auc_error(auc: f64, positives: f64, negatives: f64) -> f64 {
    let (above, below) = (auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc));
    let spread = auc * (1.0 - auc) + (positives - 1.0) * (above - auc * auc) + (negatives - 1.0) * (below - auc * auc);
    (spread / (positives * negatives)).max(0.0).sqrt()
}

/// Probabilities and outcomes of those seen long enough to tell.
struct Cases {
    examples: Vec<usize>,
    happened: Vec<bool>,
}

impl Tested {
    /// Markets of the examples, in their order.
    pub(super) fn markets(&self) -> &[u16] {
        &self.data.markets
    }

    /// The numbers of days that are reported.
    pub(super) fn days(&self) -> Vec<u16> {
        DAYS.into_iter().filter(|days| *days <= 7 * self.weeks).collect()
    }

    fn cases(&self, days: u16, market: Option<u16>) -> Cases {
        let seen =
            |example: &usize| self.data.observed[*example] >= days && market.is_none_or(|market| self.data.markets[*example] == market);
        let examples: Vec<usize> = (0..self.data.len()).filter(seen).collect();
        let happened = examples.iter().map(|example| self.data.back[*example].is_some_and(|day| day < days)).collect();
        Cases { examples, happened }
    }

    fn probabilities(&self, method: usize, cases: &Cases, days: u16) -> Vec<f64> {
        cases.examples.iter().map(|example| periods::within(&self.methods[method][*example], u32::from(days))).collect()
    }

    /// AUC and mean probability less share observed within `days` in one market, where there is enough to tell.
    pub(super) fn market_row(&self, market: u16, days: u16) -> Option<(f64, f64)> {
        let cases = self.cases(days, Some(market));
        let events = cases.happened.iter().filter(|happened| **happened).count();
        if cases.examples.len() < 30 || events < 5 {
            return None;
        }
        let probabilities = self.probabilities(0, &cases, days);
        let count = cases.examples.len() as f64;
        let surplus = probabilities.iter().sum::<f64>() / count - events as f64 / count;
        metrics::auc(&probabilities, &cases.happened).map(|auc| (auc, surplus))
    }

    /// All measures. `names` are the markets' names.
    pub(super) fn metrics(&self, names: &[String], levels: Vec<MarketLevel>, horizon_weeks: u16) -> IntentMetrics {
        let days = self.days();
        let within = |day: &Option<u16>| day.is_some_and(|day| day < 7 * self.weeks);
        let mut hazard = vec![self.series("all", None)];
        hazard.extend(names.iter().enumerate().map(|(market, name)| self.series(name, Some(market as u16))));
        hazard.retain(|series| series.weeks.first().is_some_and(|week| week.at_risk > 0));
        IntentMetrics {
            horizon_weeks: u32::from(horizon_weeks),
            customers: self.data.len() as u64,
            events: self.data.back.iter().filter(|day| within(day)).count() as u64,
            calibration: days.iter().filter_map(|days| self.calibration(*days)).collect(),
            hazard,
            key_periods: self.key_periods(),
            methods: days.iter().flat_map(|days| (0..METHODS.len()).filter_map(|method| self.method(method, *days))).collect(),
            levels,
        }
    }

    fn calibration(&self, days: u16) -> Option<Calibration> {
        let cases = self.cases(days, None);
        let probabilities = self.probabilities(0, &cases, days);
        let bins = metrics::calibration_bins(&probabilities, &cases.happened, BINS);
        let line = metrics::calibration(&probabilities, &cases.happened);
        (!bins.is_empty()).then(|| Calibration {
            days: u32::from(days),
            bins: bins.iter().map(|bin| CalibrationBin { predicted: bin.predicted, observed: bin.observed, count: bin.cases }).collect(),
            slope: line.as_ref().map(|line| line.slope),
            slope_interval: line
                .as_ref()
                .map(|line| Interval { low: line.slope - 1.96 * line.slope_error, high: line.slope + 1.96 * line.slope_error }),
            debiased_error: Some(metrics::debiased_calibration_error(&probabilities, &cases.happened, BINS, DRAWS, self.seed)),
        })
    }

    fn method(&self, method: usize, days: u16) -> Option<MethodRow> {
        let cases = self.cases(days, None);
        let probabilities = self.probabilities(method, &cases, days);
        let auc = metrics::auc(&probabilities, &cases.happened)?;
        let positives = cases.happened.iter().filter(|happened| **happened).count() as f64;
        let error = 1.96 * auc_error(auc, positives, cases.happened.len() as f64 - positives);
        let (name, role) = METHODS[method];
        Some(MethodRow {
            method: name.to_owned(),
            role,
            days: u32::from(days),
            auc: Some(auc),
            auc_interval: Some(Interval { low: (auc - error).max(0.0), high: (auc + error).min(1.0) }),
            pr_auc: metrics::pr_auc(&probabilities, &cases.happened),
            concordance: (Some(&days) == self.days().last()).then(|| self.concordance(method)).flatten(),
            brier: Some(metrics::brier(&probabilities, &cases.happened)),
            log_loss: Some(metrics::log_loss(&probabilities, &cases.happened)),
            lift: metrics::lift(&probabilities, &cases.happened, 0.1),
            debiased_error: Some(metrics::debiased_calibration_error(&probabilities, &cases.happened, BINS, DRAWS, self.seed)),
        })
    }

    /// Time-dependent concordance on at most [`CONCORDANCE_CASES`] examples, evenly spaced: it is quadratic.
    fn concordance(&self, method: usize) -> Option<f64> {
        let stride = self.data.len().div_ceil(CONCORDANCE_CASES).max(1);
        let seen = |example: usize| (example, self.data.seen(example, self.measured_weeks() as u16));
        let cases: Vec<_> = (0..self.data.len()).step_by(stride).map(seen).filter(|(_, seen)| seen.weeks > 0).collect();
        let survival: Vec<Vec<f64>> =
            cases.iter().map(|(example, _)| periods::survival(&self.methods[method][*example])[1..].to_vec()).collect();
        let followed: Vec<metrics::Followed<'_>> = cases
            .iter()
            .zip(&survival)
            .map(|((_, seen), survival)| metrics::Followed { survival, bin: seen.weeks - 1, happened: seen.bought })
            .collect();
        metrics::concordance(&followed)
    }

    fn series(&self, name: &str, market: Option<u16>) -> HazardSeries {
        let week = |week: usize| {
            let (mut at_risk, mut events, mut predicted, mut baseline) = (0_u64, 0.0, 0.0, 0.0);
            for example in 0..self.data.len() {
                let seen = self.data.seen(example, self.weeks);
                if seen.weeks <= week || market.is_some_and(|market| self.data.markets[example] != market) {
                    continue;
                }
                at_risk += 1;
                events += f64::from(u8::from(seen.bought && seen.weeks == week + 1));
                predicted -= (-self.methods[0][example][week]).exp_m1();
                baseline -= (-self.methods[1][example][week]).exp_m1();
            }
            let count = at_risk.max(1) as f64;
            HazardWeek {
                week: week as u32 + 1,
                at_risk,
                observed: events / count,
                predicted: predicted / count,
                baseline: baseline / count,
            }
        };
        HazardSeries { market: name.to_owned(), weeks: (0..self.measured_weeks()).map(week).collect() }
    }

    /// Weeks that the backtest sees and the model predicts.
    fn measured_weeks(&self) -> usize {
        self.methods[0].first().map_or(0, Vec::len)
    }

    /// Key weeks against as many heaviest weeks of the baseline, and how often the sets hold, among buyers.
    fn key_periods(&self) -> Option<KeyPeriods> {
        let weeks = self.measured_weeks();
        let (mut shares, mut sets) = (vec![0.0; weeks], [(0.5, 0.0, 0.0), (0.8, 0.0, 0.0)]);
        let (mut buyers, mut timed, mut hits, mut baseline_hits) = (0.0, 0.0, 0.0, 0.0);
        for example in 0..self.data.len() {
            let mass = periods::weekly_mass(&self.methods[0][example]);
            let baseline = periods::weekly_mass(&self.methods[1][example]);
            let key = periods::key_weeks(&mass, &baseline, self.key_period_weeks);
            for week in &key {
                shares[*week] += 1.0;
            }
            let seen = self.data.seen(example, weeks as u16);
            if !seen.bought {
                continue;
            }
            let bought = seen.weeks - 1;
            buyers += 1.0;
            if !key.is_empty() {
                timed += 1.0;
                let other = periods::key_weeks(&baseline, &vec![0.0; weeks], key.len() as u16);
                hits += f64::from(u8::from(key.contains(&bought)));
                baseline_hits += f64::from(u8::from(other.contains(&bought)));
            }
            for (nominal, held, size) in &mut sets {
                let set = periods::smallest_set(&mass, *nominal);
                *held += f64::from(u8::from(set.contains(&(bought as u16))));
                *size += set.len() as f64;
            }
        }
        let count = self.data.len() as f64;
        let share = |hits: f64| (timed > 0.0).then(|| hits / timed);
        (buyers > 0.0).then(|| KeyPeriods {
            length_weeks: u32::from(self.key_period_weeks),
            weeks: shares.iter().enumerate().map(|(week, share)| KeyWeek { week: week as u32 + 1, share: share / count }).collect(),
            hit_rate: share(hits),
            baseline_hit_rate: share(baseline_hits),
            sets: sets.map(|(nominal, held, size)| WeekSet { nominal, held: held / buyers, mean_weeks: size / buyers }).to_vec(),
        })
    }
}

//! Measures of the whole procedure at earlier origins, with the baselines that it must beat beside it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::cohorts::{Cohorts, OLDEST};
use super::config::IntentConfig;
use super::fit::{Past, Request, rows};
use super::model::IntentRow;
use super::periods;
use crate::Day;
use crate::examples::{Dataset, Landmarks, examples};
use crate::learn::Result;
use crate::metrics;
use crate::report_document::{
    BacktestRow, Calibration, CalibrationBin, HazardSeries, HazardWeek, IntentMetrics, IntentRow as MethodRow, Interval, KeyPeriods,
    KeyWeek, MarketLevel, MarketMeasure, Role, WeekSet,
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

/// Weeks of outcome below which an origin says nothing of 30 days.
const FEWEST_WEEKS: i32 = 5;
/// Earlier origins, at most; evenly spaced.
const ORIGINS: i32 = 3;
/// Resamples behind an interval.
const RESAMPLES: u32 = 200;

/// Everybody who had bought exactly once at an origin: what was predicted, what came. All origins in one list.
pub(super) struct Tested {
    data: Dataset,
    /// The origins, oldest first, with their examples.
    origins: Vec<(Day, Range<usize>)>,
    /// Weeks from the oldest origin to the cut.
    weeks: u16,
    /// Cumulative weekly hazards of each of [`METHODS`], per example.
    methods: [Vec<Vec<f64>>; 3],
    key_period_weeks: u16,
    seed: u64,
}

/// The days at which the procedure is measured, oldest first: from a horizon back, but never giving up more than a
/// third of the history.
pub(super) fn origins(start: Day, as_of: Day, horizon_weeks: u16) -> Vec<Day> {
    let weeks = (as_of.since(start) / 7 / 3).min(i32::from(horizon_weeks));
    let back = (1..=ORIGINS).rev().map(|part| weeks * part / ORIGINS).filter(|weeks| *weeks >= FEWEST_WEEKS);
    back.map(|weeks| as_of.plus(-7 * weeks)).collect()
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

/// Probabilities and outcomes of those seen long enough to tell.
struct Cases {
    examples: Vec<usize>,
    happened: Vec<bool>,
}

impl Tested {
    /// Nothing measured yet.
    pub(super) fn new(config: &IntentConfig) -> Self {
        let (key_period_weeks, seed) = (config.key_period_weeks, config.seed);
        Self { data: Dataset::default(), origins: Vec::new(), weeks: 0, methods: Default::default(), key_period_weeks, seed }
    }

    /// Whether nobody was tested.
    pub(super) fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Predicts from the origin with a past that knows nothing after it, and takes in what came until the cut.
    pub(super) fn measure(&mut self, request: &Request<'_>, past: &Past, origin: Day) -> Result<()> {
        let split = past.split(request.config.seed, Landmarks::On(origin), request.facts.as_of);
        let data = examples(request.journeys, &past.bound(request.catalogue), &split)?;
        if data.is_empty() {
            return Ok(());
        }
        let weeks = (request.facts.as_of.since(origin) / 7) as u16;
        self.weeks = self.weeks.max(weeks);
        let rows = rows(&data);
        let curve = KaplanMeier::new(&past.cohorts);
        let cut = |mut hazards: Vec<f64>| {
            hazards.truncate(usize::from(weeks));
            hazards
        };
        let [model, baseline, kaplan_meier] = &mut self.methods;
        model.extend(past.model.hazards(&rows)?.into_iter().map(cut));
        baseline.extend(rows.iter().map(|row| cut(past.model.baseline(row))));
        kaplan_meier.extend(rows.iter().map(|row| (0..weeks).map(|week| curve.hazard(row, week)).collect::<Vec<f64>>()));
        let first = self.data.len();
        self.data.extend(data);
        // Of another origin's features nothing is read any more.
        self.data.features.clear();
        self.origins.push((origin, first..self.data.len()));
        Ok(())
    }

    /// Markets of the examples, in their order.
    pub(super) fn markets(&self) -> &[u16] {
        &self.data.markets
    }

    /// The numbers of days that are reported.
    pub(super) fn days(&self) -> Vec<u16> {
        DAYS.into_iter().filter(|days| *days <= 7 * self.weeks).collect()
    }

    /// Distinct customers among those for whom `counts` holds.
    fn people(&self, examples: Range<usize>, counts: impl Fn(usize) -> bool) -> u64 {
        let mut people: Vec<u64> = examples.filter(|example| counts(*example)).map(|example| self.data.customers[example]).collect();
        people.sort_unstable();
        people.dedup();
        people.len() as u64
    }

    fn cases(&self, days: u16, market: Option<u16>) -> Cases {
        self.cases_of(0..self.data.len(), days, market)
    }

    fn cases_of(&self, examples: Range<usize>, days: u16, market: Option<u16>) -> Cases {
        let seen =
            |example: &usize| self.data.observed[*example] >= days && market.is_none_or(|market| self.data.markets[*example] == market);
        let examples: Vec<usize> = examples.filter(seen).collect();
        let happened = examples.iter().map(|example| self.data.back[*example].is_some_and(|day| day < days)).collect();
        Cases { examples, happened }
    }

    fn probabilities(&self, method: usize, cases: &Cases, days: u16) -> Vec<f64> {
        cases.examples.iter().map(|example| periods::within(&self.methods[method][*example], u32::from(days))).collect()
    }

    /// 95 % interval of an AUC by resampling customers, who may stand at several origins.
    fn auc_interval(&self, probabilities: &[f64], cases: &Cases) -> Option<Interval> {
        let customers: Vec<u64> = cases.examples.iter().map(|example| self.data.customers[*example]).collect();
        let interval = metrics::auc_interval(probabilities, &cases.happened, &customers, RESAMPLES, self.seed)?;
        Some(Interval { low: interval.low, high: interval.high })
    }

    /// What was measured in one market within `days`, where there is enough to tell.
    pub(super) fn market_row(&self, market: u16, days: u16) -> Option<MarketMeasure> {
        let cases = self.cases(days, Some(market));
        let events = cases.happened.iter().filter(|happened| **happened).count();
        if cases.examples.len() < 30 || events < 5 {
            return None;
        }
        let probabilities = self.probabilities(0, &cases, days);
        let (cases_count, observed) = (cases.examples.len() as f64, events as f64 / cases.examples.len() as f64);
        // Wilson's interval.
        let (z, n) = (1.96_f64, cases_count);
        let centre = (observed + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z * (observed * (1.0 - observed) / n + z * z / (4.0 * n * n)).sqrt() / (1.0 + z * z / n);
        Some(MarketMeasure {
            days: u32::from(days),
            landmarks: cases.examples.len() as u64,
            events: events as u64,
            predicted: probabilities.iter().sum::<f64>() / cases_count,
            observed,
            observed_interval: Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) },
            auc: metrics::auc(&probabilities, &cases.happened),
            auc_interval: self.auc_interval(&probabilities, &cases),
        })
    }

    /// What each origin says, oldest first: AUC, log loss and mean probability against the share observed.
    pub(super) fn backtest(&self) -> Vec<BacktestRow> {
        self.origins.iter().map(|(origin, examples)| self.origin_row(*origin, examples.clone())).collect()
    }

    fn origin_row(&self, origin: Day, examples: Range<usize>) -> BacktestRow {
        let mut figures = BTreeMap::new();
        let mut events = 0;
        for days in DAYS {
            let cases = self.cases_of(examples.clone(), days, None);
            let happened = cases.happened.iter().filter(|happened| **happened).count();
            if happened == 0 {
                continue;
            }
            events = happened as u64;
            let count = cases.examples.len() as f64;
            figures.insert(format!("observed{days}"), happened as f64 / count);
            for (method, suffix) in [(0, ""), (1, "Baseline")] {
                let probabilities = self.probabilities(method, &cases, days);
                figures.insert(format!("predicted{days}{suffix}"), probabilities.iter().sum::<f64>() / count);
                figures.insert(format!("logLoss{days}{suffix}"), metrics::log_loss(&probabilities, &cases.happened));
                if let Some(auc) = metrics::auc(&probabilities, &cases.happened) {
                    figures.insert(format!("auc{days}{suffix}"), auc);
                }
            }
        }
        BacktestRow { origin: origin.date().unwrap_or_default(), customers: examples.len() as u64, events, figures }
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
            customers: self.people(0..self.data.len(), |_| true),
            events: self.people(0..self.data.len(), |example| within(&self.data.back[example])),
            calibration: days.iter().filter_map(|days| self.calibration(*days)).collect(),
            hazard,
            key_periods: self.key_periods(),
            methods: days.iter().flat_map(|days| (0..METHODS.len()).filter_map(|method| self.method(method, *days))).collect(),
            levels,
            precisions: BTreeMap::new(),
            by_market: self.by_market(names),
        }
    }

    fn by_market(&self, names: &[String]) -> BTreeMap<String, Vec<MarketMeasure>> {
        let days = self.days();
        let measures = |market: usize| days.iter().filter_map(|days| self.market_row(market as u16, *days)).collect::<Vec<_>>();
        let all = names.iter().enumerate().map(|(market, name)| (name.clone(), measures(market)));
        all.filter(|(_, measures)| !measures.is_empty()).collect()
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
        let (name, role) = METHODS[method];
        Some(MethodRow {
            method: name.to_owned(),
            role,
            days: u32::from(days),
            auc: Some(auc),
            auc_interval: self.auc_interval(&probabilities, &cases),
            pr_auc: metrics::pr_auc(&probabilities, &cases.happened),
            concordance: (Some(&days) == self.days().last()).then(|| self.concordance(method)).flatten(),
            brier: Some(metrics::brier(&probabilities, &cases.happened)),
            log_loss: Some(metrics::log_loss(&probabilities, &cases.happened)),
            lift: metrics::lift(&probabilities, &cases.happened, 0.1),
            debiased_error: Some(metrics::debiased_calibration_error(&probabilities, &cases.happened, BINS, DRAWS, self.seed)),
        })
    }

    /// Examples of the oldest origin, which sees furthest.
    fn oldest(&self) -> Range<usize> {
        self.origins.first().map_or(0..0, |(_, examples)| examples.clone())
    }

    /// Time-dependent concordance at the oldest origin, on at most [`CONCORDANCE_CASES`] examples, evenly spaced: it is
    /// quadratic.
    fn concordance(&self, method: usize) -> Option<f64> {
        let stride = self.oldest().len().div_ceil(CONCORDANCE_CASES).max(1);
        let seen = |example: usize| (example, self.data.seen(example, self.measured_weeks() as u16));
        let cases: Vec<_> = self.oldest().step_by(stride).map(seen).filter(|(_, seen)| seen.weeks > 0).collect();
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

    /// Key weeks against as many heaviest weeks of the baseline, and how often the sets hold, among buyers of the oldest
    /// origin.
    fn key_periods(&self) -> Option<KeyPeriods> {
        let weeks = self.measured_weeks();
        let (mut shares, mut sets) = (vec![0.0; weeks], [(0.5, 0.0, 0.0), (0.8, 0.0, 0.0)]);
        let (mut buyers, mut timed, mut hits, mut baseline_hits) = (0.0, 0.0, 0.0, 0.0);
        for example in self.oldest() {
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
        let count = self.oldest().len() as f64;
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

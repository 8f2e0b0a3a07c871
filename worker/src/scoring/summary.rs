//! What a plan holds in figures: counted per block, added up by whoever seals the plan.

use std::collections::BTreeMap;

use reprise_artifacts::manifest::Entry;
use reprise_models::Day;
use reprise_models::policy::{Arm, ContactPolicy, ContactRow};
use reprise_models::report_document::{ArmCount, ChannelCount, ExpectedWeek, MeanProbability, PlanMetrics, SendWeek};
use serde::{Deserialize, Serialize};

const WEEK: i32 = 7;
/// Horizons of the mean probabilities, in days, beside the model's own.
const HORIZONS: [u32; 3] = [30, 60, 90];

/// The figures of one block. Sums only, so that blocks add up in any grouping; the order of adding is that of blocks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Summary {
    /// The block's file; none where the block is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<Entry>,
    customers: u64,
    selected: u64,
    with_recommendations: u64,
    /// Channel to selected.
    channels: BTreeMap<String, u64>,
    /// Arm to customers and selected.
    arms: BTreeMap<String, (u64, u64)>,
    suppressed: BTreeMap<String, u64>,
    /// Week from asOf, from 0, to selected.
    send_weeks: BTreeMap<u32, u64>,
    /// Week from asOf, from 0, to expected purchases and customers in whose key periods it lies.
    expected_weeks: BTreeMap<u32, (f64, u64)>,
    /// Sums of p30, p60, p90: of all customers, of selected ones.
    probabilities: [(f64, f64); 3],
    /// Group to number of lists that show it.
    pub(super) exposures: BTreeMap<String, u64>,
}

impl Summary {
    /// Counts the rows of a block, which lie in `part`.
    pub(super) fn of(rows: &[ContactRow], part: Option<Entry>) -> Self {
        let mut summary = Self { part, ..Self::default() };
        for row in rows {
            summary.count(row);
        }
        summary
    }

    fn count(&mut self, row: &ContactRow) {
        self.customers += 1;
        self.selected += u64::from(row.selected);
        self.with_recommendations += u64::from(!row.recommendations.is_empty());
        let arm = self.arms.entry(row.arm.name().to_owned()).or_default();
        arm.0 += 1;
        arm.1 += u64::from(row.selected);
        if let (true, Some(channel)) = (row.selected, &row.channel) {
            *self.channels.entry(channel.clone()).or_default() += 1;
        }
        if let Some(reason) = row.suppressed {
            *self.suppressed.entry(reason.name().to_owned()).or_default() += 1;
        }
        if let Some(from) = row.send_from {
            *self.send_weeks.entry(week(row.as_of, from)).or_default() += 1;
        }
        for one in &row.recommendations {
            *self.exposures.entry(one.group_id.clone()).or_default() += 1;
        }
        self.expect(row);
    }

    fn expect(&mut self, row: &ContactRow) {
        let Some(expected) = &row.expected else { return };
        for (number, mass) in (0..).zip(&expected.weekly_mass) {
            self.expected_weeks.entry(number).or_default().0 += mass;
        }
        for period in &expected.key_periods {
            for number in week(row.as_of, period.from)..=week(row.as_of, period.to) {
                self.expected_weeks.entry(number).or_default().1 += 1;
            }
        }
        for (sums, p) in self.probabilities.iter_mut().zip([expected.p30, expected.p60, expected.p90]) {
            sums.0 += p;
            sums.1 += if row.selected { p } else { 0.0 };
        }
    }

    /// Adds the next block's.
    pub(super) fn add(&mut self, other: &Self) {
        self.customers += other.customers;
        self.selected += other.selected;
        self.with_recommendations += other.with_recommendations;
        add(&mut self.channels, &other.channels, |sum, one| *sum += one);
        add(&mut self.arms, &other.arms, |sum, one| *sum = (sum.0 + one.0, sum.1 + one.1));
        add(&mut self.suppressed, &other.suppressed, |sum, one| *sum += one);
        add(&mut self.send_weeks, &other.send_weeks, |sum, one| *sum += one);
        add(&mut self.expected_weeks, &other.expected_weeks, |sum, one| *sum = (sum.0 + one.0, sum.1 + one.1));
        for (sum, one) in self.probabilities.iter_mut().zip(other.probabilities) {
            *sum = (sum.0 + one.0, sum.1 + one.1);
        }
        add(&mut self.exposures, &other.exposures, |sum, one| *sum += one);
    }

    /// The figures as the report shows them; coverage is the caller's to add.
    pub(super) fn metrics(&self, policy: &ContactPolicy, as_of: Day) -> PlanMetrics {
        let has_intent = !self.expected_weeks.is_empty();
        PlanMetrics {
            customers: self.customers,
            selected: self.selected,
            with_recommendations: self.with_recommendations,
            channels: self.channels(policy),
            arms: if policy.experiment.is_some() { self.arms() } else { Vec::new() },
            suppressed: self.suppressed.clone(),
            send_weeks: gapless(&self.send_weeks)
                .filter_map(|(number, selected)| Some(SendWeek { from: first_day(as_of, number)?, selected }))
                .collect(),
            expected_weeks: gapless(&self.expected_weeks)
                .filter_map(|(number, (purchases, key_customers))| {
                    Some(ExpectedWeek { from: first_day(as_of, number)?, purchases, key_customers })
                })
                .collect(),
            probabilities: if has_intent { self.mean_probabilities() } else { Vec::new() },
            coverage: None,
        }
    }

    fn channels(&self, policy: &ContactPolicy) -> Vec<ChannelCount> {
        let count = |name: &str| self.channels.get(name).copied().unwrap_or(0);
        let row = |channel: &reprise_models::policy::Channel| ChannelCount {
            channel: channel.name.clone(),
            selected: count(&channel.name),
            capacity: channel.capacity,
        };
        policy.channels.iter().map(row).collect()
    }

    fn arms(&self) -> Vec<ArmCount> {
        let count = |arm: Arm| self.arms.get(arm.name()).copied().unwrap_or_default();
        let row = |arm: Arm| ArmCount { arm: arm.name().to_owned(), customers: count(arm).0, selected: count(arm).1 };
        [Arm::Treated, Arm::Control, Arm::Untimed, Arm::BusinessRule].map(row).into_iter().filter(|row| row.customers > 0).collect()
    }

    fn mean_probabilities(&self) -> Vec<MeanProbability> {
        let mean = |sum: f64, count: u64| if count == 0 { 0.0 } else { sum / count as f64 };
        let row = |(days, sums): (u32, &(f64, f64))| MeanProbability {
            days,
            customers: mean(sums.0, self.customers),
            selected: mean(sums.1, self.selected),
        };
        HORIZONS.into_iter().zip(&self.probabilities).map(row).collect()
    }
}

fn add<K: Ord + Clone, V: Default + Copy>(into: &mut BTreeMap<K, V>, from: &BTreeMap<K, V>, add: impl Fn(&mut V, V)) {
    for (key, value) in from {
        add(into.entry(key.clone()).or_default(), *value);
    }
}

/// Every week from 0 to the last counted one.
fn gapless<V: Default + Copy>(weeks: &BTreeMap<u32, V>) -> impl Iterator<Item = (u32, V)> + '_ {
    let end = weeks.keys().next_back().map_or(0, |last| last + 1);
    (0..end).map(|number| (number, weeks.get(&number).copied().unwrap_or_default()))
}

fn week(as_of: Day, day: Day) -> u32 {
    u32::try_from(day.since(as_of) / WEEK).unwrap_or(0)
}

fn first_day(as_of: Day, week: u32) -> Option<jiff::civil::Date> {
    as_of.plus(week as i32 * WEEK).date()
}

//! What a contact plan holds.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Counts of a contact plan; every customer of the stage stands in it, selected or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanMetrics {
    /// Rows of the plan.
    pub customers: u64,
    /// Of these, those to be contacted.
    pub selected: u64,
    /// Of the customers, those with at least one recommendation.
    pub with_recommendations: u64,
    /// Selected per channel, in the order in which channels are filled.
    pub channels: Vec<ChannelCount>,
    /// Customers per arm of the experiment, by name; empty without one.
    pub arms: Vec<ArmCount>,
    /// Customers not contacted, as `reason -> count`.
    pub suppressed: BTreeMap<String, u64>,
    /// Sendings per week, earliest first, without gaps.
    pub send_weeks: Vec<SendWeek>,
    /// When purchases are expected, earliest first, without gaps.
    pub expected_weeks: Vec<ExpectedWeek>,
    /// Mean probabilities, shortest number of days first.
    pub probabilities: Vec<MeanProbability>,
    /// Coverage of the recommendations; absent without a recommender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<PlanCoverage>,
}

/// What one channel takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChannelCount {
    /// Name of the channel.
    pub channel: String,
    /// Customers to be contacted there.
    pub selected: u64,
    /// Most that it may take; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
}

/// What one arm of the experiment holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ArmCount {
    /// treated, control, untimed or businessRule.
    pub arm: String,
    /// Customers of the arm.
    pub customers: u64,
    /// Of these, those to be contacted; 0 for control.
    pub selected: u64,
}

/// Sendings of one week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SendWeek {
    /// First day of the week.
    pub from: Date,
    /// Selected customers whose sending begins in it.
    pub selected: u64,
}

/// Purchases expected in one week, without any contact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExpectedWeek {
    /// First day of the week.
    pub from: Date,
    /// Expected second purchases of all customers: the sum of their weekly masses.
    pub purchases: f64,
    /// Customers in whose key periods the week lies.
    pub key_customers: u64,
}

/// Mean probability of a purchase within some days of the plan's date, each 0..=1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanProbability {
    /// At least 1.
    pub days: u32,
    /// Mean over all customers of the plan.
    pub customers: f64,
    /// Mean over those to be contacted; 0 when there is none.
    pub selected: f64,
}

/// Coverage of the recommendations in a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanCoverage {
    /// Groups that could be shown.
    pub eligible_groups: u64,
    /// Of these, those in at least one list.
    pub shown_groups: u64,
    /// `shown_groups / eligible_groups`, 0..=1.
    pub reached: f64,
    /// Coverage asked for, 0..=1; absent where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// Most coverage that so many lists could reach, 0..=1; a target above it means this.
    pub ceiling: f64,
    /// Strength of the popularity penalty, 0 = none.
    pub lambda: f64,
    /// Last slots of each list kept for groups not shown yet.
    pub slots: u32,
    /// Share of the validation NDCG that was kept, 1 = all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ndcg_kept: Option<f64>,
    /// Inequality of exposures, 0..=1.
    pub gini: f64,
}

//! Contact plan v1: one row per customer of the stage, selected or not.

use serde::{Deserialize, Serialize};

use super::{Arm, Suppressed};
use crate::Day;

/// When a customer is expected back, given no second purchase before the plan's day and counted from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Probability of a purchase within 30 days.
    pub p30: f64,
    /// Within 60 days.
    pub p60: f64,
    /// Within 90 days.
    pub p90: f64,
    /// Within the model's horizon.
    pub p_horizon: f64,
    /// Probability that it falls into week 1, 2, ...; the sum is `p_horizon`.
    pub weekly_mass: Vec<f64>,
    /// The weeks worth waiting for, earliest first; empty when none stands out.
    pub key_periods: Vec<KeyPeriod>,
    /// The week, from 1, by which half of `p_horizon` has come; absent when `p_horizon` is 0.
    pub median_week: Option<u32>,
    /// What moved the probability, strongest first.
    pub reasons: Vec<Reason>,
}

/// Some weeks in which a purchase is likelier than the market's calendar and the customer's age explain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyPeriod {
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Probability of a purchase in it.
    pub probability: f64,
    /// The same over that of the market's baseline.
    pub lift: f64,
}

/// One reason of a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// A group of features.
    pub code: String,
    /// Change of the log odds that it makes; positive = likelier.
    pub effect: f64,
}

/// Why a product stands in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// New to the customer.
    #[default]
    Discover,
    /// Used up about now.
    Replenish,
    /// The next step of a routine that the customer began.
    CompleteRoutine,
}

impl Role {
    /// The name in a contact plan.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Replenish => "replenish",
            Self::CompleteRoutine => "complete_routine",
        }
    }
}

/// One recommended product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// The product that stands for the group.
    pub product_id: String,
    /// The group.
    pub group_id: String,
    /// Why it stands here.
    pub role: Role,
    /// Score by which lists are ordered, after the popularity penalty; comparable within a list only.
    pub score: f32,
    /// From 1.
    pub rank: u32,
}

/// How much of a customer's interest an axis of the catalogue takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Affinity {
    /// The axis.
    pub axis: String,
    /// 0..=1; the shares of a customer sum to at most 1.
    pub share: f64,
}

/// One row of a contact plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContactRow {
    /// Pseudonymous id.
    pub customer_id: String,
    /// Name of the customer's market.
    pub market: String,
    /// The plan.
    pub plan_id: String,
    /// The plan's day: nothing on or after it was read.
    pub as_of: Day,
    /// Last day whose rows are complete.
    pub through: Day,
    /// Days since the first purchase; absent without one.
    pub age_days: Option<u32>,
    /// Arm of the experiment.
    pub arm: Arm,
    /// Whether the customer is to be contacted.
    pub selected: bool,
    /// Why not; absent when selected, and for a control customer who would have been.
    pub suppressed: Option<Suppressed>,
    /// Place among those selected by the same rule, from 1.
    pub rank: Option<u64>,
    /// The channel to use.
    pub channel: Option<String>,
    /// When the customer is expected; absent without an intent model.
    #[serde(flatten)]
    pub expected: Option<Expected>,
    /// First day of sending; absent when not selected.
    pub send_from: Option<Day>,
    /// Last day of sending; absent when not selected.
    pub send_to: Option<Day>,
    /// What to show; empty for control.
    pub recommendations: Vec<Recommendation>,
    /// Interests, largest first.
    pub affinities: Vec<Affinity>,
    /// Digest of the intent model's manifest.
    pub intent_digest: Option<String>,
    /// Digest of the recommender's manifest.
    pub recommender_digest: Option<String>,
}

//! What is measured about a purchase-intent model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Interval, Role};

/// Measures of a purchase-intent model, from a backtest at earlier origins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IntentMetrics {
    /// Weeks that the model predicts.
    pub horizon_weeks: u32,
    /// Distinct customers tested.
    pub customers: u64,
    /// Of these, those who bought again within the horizon seen.
    pub events: u64,
    /// Predicted against observed, one entry per number of days, shortest first.
    pub calibration: Vec<Calibration>,
    /// Weekly hazards: first the pool of all markets (market `all`), then the markets by name.
    pub hazard: Vec<HazardSeries>,
    /// When customers are expected; absent where no week was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_periods: Option<KeyPeriods>,
    /// One row per method and number of days: the model first, then what it must beat.
    pub methods: Vec<IntentRow>,
    /// Level factor of each market, by name.
    pub levels: Vec<MarketLevel>,
    /// Strength of the prior on each group of linear effects, found by evidence: the larger, the less a group says.
    pub precisions: BTreeMap<String, f64>,
    /// What was measured in each market; markets with too few customers to tell are absent.
    pub by_market: BTreeMap<String, Vec<MarketMeasure>>,
}

/// What was measured in one market for one number of days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MarketMeasure {
    /// Days after the landmark, at least 1.
    pub days: u32,
    /// Landmarks tested.
    pub landmarks: u64,
    /// Of these, those with a purchase.
    pub events: u64,
    /// Mean predicted probability, 0..=1.
    pub predicted: f64,
    /// Share who bought, 0..=1.
    pub observed: f64,
    /// 95 % interval of `observed`.
    pub observed_interval: Interval,
    /// Area under the ROC curve, 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auc: Option<f64>,
    /// 95 % interval of `auc`, by resampling customers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auc_interval: Option<Interval>,
}

/// Predicted against observed probability of a purchase within some days.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Calibration {
    /// Days after the landmark, at least 1.
    pub days: u32,
    /// By predicted probability, lowest first.
    pub bins: Vec<CalibrationBin>,
    /// Slope of observed on predicted log odds; 1 is ideal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slope: Option<f64>,
    /// 95 % interval of `slope`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slope_interval: Option<Interval>,
    /// Expected calibration error less its mean under the model's own probabilities; 0 is ideal, may be below 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debiased_error: Option<f64>,
}

/// Customers with about the same prediction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Mean predicted probability, 0..=1.
    pub predicted: f64,
    /// Share who bought, 0..=1.
    pub observed: f64,
    /// Landmarks in the bin.
    pub count: u64,
}

/// Weekly hazards of one market.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HazardSeries {
    /// Name of the market, or `all`.
    pub market: String,
    /// In order, from week 1 after the landmark.
    pub weeks: Vec<HazardWeek>,
}

/// Probability of a purchase in one week, given none since the landmark; each 0..=1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HazardWeek {
    /// From 1.
    pub week: u32,
    /// Landmarks still waiting at the week's start.
    pub at_risk: u64,
    /// Share of `at_risk` who bought in the week.
    pub observed: f64,
    /// Mean hazard that the model gave them.
    pub predicted: f64,
    /// Mean hazard of the baseline (age and calendar alone).
    pub baseline: f64,
}

/// The weeks in which customers are expected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyPeriods {
    /// Most weeks that one customer's key periods hold.
    pub length_weeks: u32,
    /// In order, from week 1 after the landmark.
    pub weeks: Vec<KeyWeek>,
    /// Share of buyers who bought inside their key periods, 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hit_rate: Option<f64>,
    /// The same for the baseline with as many weeks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_hit_rate: Option<f64>,
    /// How often the smallest sets of weeks hold the purchase, smallest nominal share first.
    pub sets: Vec<WeekSet>,
}

/// One week of the distribution of key periods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyWeek {
    /// From 1.
    pub week: u32,
    /// Share of customers in whose key periods the week lies, 0..=1.
    pub share: f64,
}

/// The smallest sets of weeks that should hold a share of the purchases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WeekSet {
    /// Share that the sets should hold, such as 0.5 or 0.8.
    pub nominal: f64,
    /// Share that they held, 0..=1.
    pub held: f64,
    /// Mean number of weeks in a set.
    pub mean_weeks: f64,
}

/// Accuracy of one method for one number of days; a measure that was not made is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IntentRow {
    /// In plain words.
    pub method: String,
    /// Ours or a baseline.
    pub role: Role,
    /// Days after the landmark, at least 1.
    pub days: u32,
    /// Area under the ROC curve, 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auc: Option<f64>,
    /// 95 % interval of `auc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auc_interval: Option<Interval>,
    /// Area under the precision-recall curve, 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pr_auc: Option<f64>,
    /// Time-dependent concordance, 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concordance: Option<f64>,
    /// Mean squared error of the probability, 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brier: Option<f64>,
    /// Mean negative log-likelihood, nats per landmark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
    /// Buyers among the best tenth, as a multiple of the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lift: Option<f64>,
    /// Debiased calibration error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debiased_error: Option<f64>,
}

/// How a market's recent level differs from the model's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MarketLevel {
    /// Name of the market.
    pub market: String,
    /// Factor on the hazard, above 0; 1 changes nothing.
    pub factor: f64,
    /// Events in the weeks that gave the factor.
    pub events: u64,
    /// Events that the model expected there.
    pub expected: f64,
    /// Weight of the market's own level against the pool's, 0..=1.
    pub own_weight: f64,
}

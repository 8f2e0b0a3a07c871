//! What is measured about a recommender.

use serde::{Deserialize, Serialize};

use super::{Interval, Role};

/// Measures of a recommender on lists of `top_k` groups, from a backtest at earlier origins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecommenderMetrics {
    /// Length of a list.
    pub top_k: u32,
    /// Lists made, one per customer tested.
    pub lists: u64,
    /// Groups that could have been shown.
    pub eligible_groups: u64,
    /// One row per method and kind of groups: ours first, then what they must beat.
    pub methods: Vec<RecommenderRow>,
    /// Accuracy and coverage over the strength of the popularity penalty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub penalty: Option<PenaltyCurve>,
    /// How evenly exposures fall on groups, the served lists first.
    pub exposure: Vec<ExposureCurve>,
}

/// Which groups count, in the list and in the target alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Groups {
    /// All of them.
    #[default]
    All,
    /// Those that the customer did not buy before.
    New,
}

/// Accuracy and coverage of one method; all groups of the market are ranked, ties count against the method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecommenderRow {
    /// In plain words.
    pub method: String,
    /// Ours or a baseline.
    pub role: Role,
    /// Which groups count.
    pub groups: Groups,
    /// Customers with a target of that kind.
    pub customers: u64,
    /// Share of lists with at least one hit, 0..=1.
    pub hit: f64,
    /// Normalised discounted cumulative gain, 0..=1.
    pub ndcg: f64,
    /// 95 % interval of `ndcg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ndcg_interval: Option<Interval>,
    /// Mean reciprocal rank of the first hit, 0..=1.
    pub mrr: f64,
    /// Share of eligible groups in at least one list, 0..=1.
    pub coverage: f64,
    /// Share of eligible groups in at least five lists, 0..=1.
    pub coverage_at_5: f64,
    /// Inequality of exposures, 0 (all alike) to 1 (one group takes all).
    pub gini: f64,
    /// Mean popularity of the groups shown, in purchases of the training window.
    pub arp: f64,
    /// Mean novelty of the groups shown, -log2 of their share of purchases, in bits.
    pub novelty: f64,
}

/// Accuracy and coverage over the strength lambda of the popularity penalty, on validation lists.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PenaltyCurve {
    /// By lambda, lowest first.
    pub points: Vec<PenaltyPoint>,
    /// The strength that serves, 0 = none.
    pub chosen_lambda: f64,
    /// Last slots of each list kept for groups not shown yet.
    pub chosen_slots: u32,
    /// NDCG of what was chosen, 0..=1, with those slots.
    pub chosen_ndcg: f64,
    /// Coverage of what was chosen, 0..=1, with those slots.
    pub chosen_coverage: f64,
    /// Coverage asked for, 0..=1; absent where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_coverage: Option<f64>,
    /// Most coverage that so many lists could reach, 0..=1.
    pub ceiling: f64,
}

/// One strength of the popularity penalty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PenaltyPoint {
    /// From 0.
    pub lambda: f64,
    /// 0..=1.
    pub ndcg: f64,
    /// Share of eligible groups shown, 0..=1.
    pub coverage: f64,
    /// Inequality of exposures, 0..=1.
    pub gini: f64,
}

/// Cumulative exposures of one method, a Lorenz curve.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExposureCurve {
    /// In plain words.
    pub method: String,
    /// From (0, 0) to (1, 1), least shown groups first; a hundred points are plenty.
    pub points: Vec<ExposurePoint>,
}

/// One point of a Lorenz curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExposurePoint {
    /// Share of eligible groups, least shown first, 0..=1.
    pub groups: f64,
    /// Share of all exposures that they take, 0..=1.
    pub exposures: f64,
}

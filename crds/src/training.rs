//! TrainingRun: trains one model for one geography.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{ModelRef, Task, TrainTask};
use crate::defaults;
use crate::refusal::Refusal;
use crate::run::{ModelSource, Role, RunCommon, RunSpec};
use crate::status::RunStatus;
use crate::value::Decimal;

/// Trains one model for one geography and publishes it as an artifact. A request that has been answered before takes
/// the answer.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "reprise.dev",
    version = "v1alpha1",
    kind = "TrainingRun",
    namespaced,
    doc = "Trains one model for one geography.",
    status = "RunStatus",
    shortname = "trun",
    shortname = "truns",
    category = "reprise",
    derive = "PartialEq",
    printcolumn(name = "Geography", type_ = "string", json_path = ".spec.geography"),
    printcolumn(name = "Model", type_ = "string", json_path = ".status.model"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Progress", type_ = "integer", json_path = ".status.progress.percent"),
    printcolumn(name = "Blocking", type_ = "string", json_path = ".status.blocking.reason"),
    printcolumn(name = "As of", type_ = "string", json_path = ".status.asOf", priority = "1"),
    printcolumn(name = "Artifact", type_ = "string", json_path = ".status.artifact.uri", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = crate::rules::name(),
    validation = crate::rules::frozen::<TrainingRunSpec>(),
    cel
)]
#[serde(rename_all = "camelCase")]
pub struct TrainingRunSpec {
    /// What all runs share.
    #[serde(flatten)]
    pub common: RunCommon,
    /// The model to train: exactly one of intent and recommender.
    pub model: ModelSpec,
    /// The model whose weights training starts from. Absent: from scratch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_from: Option<ModelSource>,
    /// Workers (ranks) that train together; 1 to 64. Another number is another optimizer, so another request.
    /// Default 1.
    #[serde(default = "defaults::workers::value", skip_serializing_if = "defaults::workers::is")]
    #[schemars(range(min = 1, max = 64))]
    pub workers: i32,
}

impl RunSpec for TrainingRunSpec {
    const KIND: &'static str = "TrainingRun";

    const ROLES: &'static [(&'static str, Role)] = &[("model", Role::Request), ("startFrom", Role::Request), ("workers", Role::Request)];

    fn common(&self) -> &RunCommon {
        &self.common
    }

    fn count(&self) -> i32 {
        self.workers
    }

    fn model_sources(&self) -> Vec<(&'static str, &ModelSource)> {
        self.start_from.iter().map(|source| ("startFrom", source)).collect()
    }

    fn task(&self, model: &dyn Fn(&str, &ModelSource) -> Result<ModelRef, Refusal>) -> Result<Task, Refusal> {
        let start_from = self.start_from.as_ref().map(|source| model("startFrom", source)).transpose()?;
        Ok(Task::Train(TrainTask { model: self.model.clone(), start_from }))
    }
}

/// A model to train: exactly one of intent and recommender.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ModelSpec {
    /// In which weeks will a one-time customer come back?
    Intent(IntentSpec),
    /// Which products should a customer see?
    Recommender(RecommenderSpec),
}

impl ModelSpec {
    /// Which of the two it is.
    pub const fn kind(&self) -> ModelKind {
        match self {
            Self::Intent(_) => ModelKind::Intent,
            Self::Recommender(_) => ModelKind::Recommender,
        }
    }
}

/// One of the two kinds of model; as text, a path segment of its artifacts.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ModelKind {
    /// The purchase-intent model.
    Intent,
    /// The product recommender.
    Recommender,
}

impl ModelKind {
    /// `intent` or `recommender`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Recommender => "recommender",
        }
    }
}

impl std::fmt::Display for ModelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The purchase-intent model: the hazard of the second purchase, week by week.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::rules::key_period_within_horizon())]
pub struct IntentSpec {
    /// Weeks that the model looks ahead; 4 to 104. Default 26.
    #[serde(default = "defaults::horizon_weeks::value", skip_serializing_if = "defaults::horizon_weeks::is")]
    #[schemars(range(min = 4, max = 104))]
    pub horizon_weeks: i32,
    /// Weeks in a customer's key periods; 1 to 26 and at most horizonWeeks. Default 4.
    #[serde(default = "defaults::key_period_weeks::value", skip_serializing_if = "defaults::key_period_weeks::is")]
    #[schemars(range(min = 1, max = 26))]
    pub key_period_weeks: i32,
}

impl Default for IntentSpec {
    fn default() -> Self {
        Self { horizon_weeks: defaults::horizon_weeks::value(), key_period_weeks: defaults::key_period_weeks::value() }
    }
}

/// The product recommender: an LSTM over a customer's orders and visits.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecommenderSpec {
    /// Width of a product group's embedding; 8 to 512. Default 64.
    #[serde(default = "defaults::embedding::value", skip_serializing_if = "defaults::embedding::is")]
    #[schemars(range(min = 8, max = 512))]
    pub embedding: i32,
    /// Width of the LSTM's state; 8 to 1024. Default 128.
    #[serde(default = "defaults::hidden::value", skip_serializing_if = "defaults::hidden::is")]
    #[schemars(range(min = 8, max = 1024))]
    pub hidden: i32,
    /// What it predicts. Default Purchase.
    #[serde(default = "defaults::target::value", skip_serializing_if = "defaults::target::is")]
    pub target: Target,
    /// Most epochs; training stops earlier when validation stops improving. 1 to 1000. Default 30.
    #[serde(default = "defaults::epochs::value", skip_serializing_if = "defaults::epochs::is")]
    #[schemars(range(min = 1, max = 1000))]
    pub epochs: i32,
    /// How training counters popularity.
    #[serde(default, skip_serializing_if = "TrainingPopularity::is_default")]
    pub popularity: TrainingPopularity,
}

impl Default for RecommenderSpec {
    fn default() -> Self {
        Self {
            embedding: defaults::embedding::value(),
            hidden: defaults::hidden::value(),
            target: defaults::target::value(),
            epochs: defaults::epochs::value(),
            popularity: TrainingPopularity::default(),
        }
    }
}

/// What a recommender predicts.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// The product groups of the next order.
    Purchase,
    /// The product group of the next event: for sessions of navigation.
    Event,
}

/// How training counters popularity.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrainingPopularity {
    /// Strength of the logit adjustment by popularity: "0" none, "1" full; at most "2". Default "0.5".
    #[serde(default = "defaults::tau::value", skip_serializing_if = "defaults::tau::is")]
    #[x_kube(validation = kube::core::Rule::new("double(self) <= 2.0").message("must be from 0 to 2"))]
    pub tau: Decimal,
}

impl Default for TrainingPopularity {
    fn default() -> Self {
        Self { tau: defaults::tau::value() }
    }
}

impl TrainingPopularity {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

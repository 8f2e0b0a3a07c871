//! ScoringRun: applies models to a geography's customers and writes the contact plan.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{ModelRef, PlanModels, ScoreTask, Task};
use crate::defaults;
use crate::refusal::Refusal;
use crate::run::{ModelSource, Role, RunCommon, RunSpec};
use crate::status::RunStatus;
use crate::value::Decimal;

/// Applies models to a geography's customers and writes the contact plan: who, when, which products. A request that
/// has been answered before takes the answer.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "reprise.dev",
    version = "v1alpha1",
    kind = "ScoringRun",
    namespaced,
    doc = "Applies models to a geography's customers and writes the contact plan.",
    status = "RunStatus",
    shortname = "srun",
    shortname = "sruns",
    category = "reprise",
    derive = "PartialEq",
    printcolumn(name = "Geography", type_ = "string", json_path = ".spec.geography"),
    printcolumn(name = "Stage", type_ = "string", json_path = ".spec.audience.stage"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Progress", type_ = "integer", json_path = ".status.progress.percent"),
    printcolumn(name = "Blocking", type_ = "string", json_path = ".status.blocking.reason"),
    printcolumn(name = "As of", type_ = "string", json_path = ".status.asOf", priority = "1"),
    printcolumn(name = "Plan", type_ = "string", json_path = ".status.artifact.uri", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = crate::rules::name(),
    validation = crate::rules::frozen::<ScoringRunSpec>(),
    cel
)]
#[x_kube(
    validation = crate::rules::selection_needs_intent(),
    validation = crate::rules::capacities_need_selection(),
)]
#[serde(rename_all = "camelCase")]
pub struct ScoringRunSpec {
    /// What all runs share.
    #[serde(flatten)]
    pub common: RunCommon,
    /// The models to apply; at least one.
    pub models: ModelSources,
    /// Which customers get a row in the plan.
    pub audience: Audience,
    /// Which of them to contact. Absent: nobody is selected. Needs models.intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Select>,
    /// How to contact them. Absent: the plan names no channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// Which products to show them; executed with models.recommender.
    #[serde(default, skip_serializing_if = "Recommendations::is_default")]
    pub recommendations: Recommendations,
    /// The arms that say what the plan earned. Absent: everyone is treated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Experiment>,
    /// Workers (shards) that score together; 1 to 64. The result does not depend on it. Default 1.
    #[serde(default = "defaults::shards::value", skip_serializing_if = "defaults::shards::is")]
    #[schemars(range(min = 1, max = 64))]
    pub shards: i32,
}

impl RunSpec for ScoringRunSpec {
    const KIND: &'static str = "ScoringRun";

    const ROLES: &'static [(&'static str, Role)] = &[
        ("models", Role::Request),
        ("audience", Role::Request),
        ("select", Role::Request),
        ("contact", Role::Request),
        ("recommendations", Role::Request),
        ("experiment", Role::Request),
        ("shards", Role::Execution),
    ];

    fn sorted(&self) -> Self {
        let mut sorted = self.clone();
        sorted.audience.exclude.sort();
        sorted
    }

    fn common(&self) -> &RunCommon {
        &self.common
    }

    fn count(&self) -> i32 {
        self.shards
    }

    fn model_sources(&self) -> Vec<(&'static str, &ModelSource)> {
        let intent = self.models.intent.iter().map(|source| ("models.intent", source));
        let recommender = self.models.recommender.iter().map(|source| ("models.recommender", source));
        intent.chain(recommender).collect()
    }

    fn task(&self, model: &dyn Fn(&str, &ModelSource) -> Result<ModelRef, Refusal>) -> Result<Task, Refusal> {
        let resolved = |field, source: &Option<ModelSource>| source.as_ref().map(|source| model(field, source)).transpose();
        let sorted = self.sorted();
        Ok(Task::Score(Box::new(ScoreTask {
            models: PlanModels {
                intent: resolved("models.intent", &self.models.intent)?,
                recommender: resolved("models.recommender", &self.models.recommender)?,
            },
            audience: sorted.audience,
            select: sorted.select,
            contact: sorted.contact,
            recommendations: sorted.recommendations,
            experiment: sorted.experiment,
        })))
    }
}

/// The models to apply; at least one.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = kube::core::Rule::new("has(self.intent) || has(self.recommender)").message("give at least one of intent and recommender"))]
pub struct ModelSources {
    /// The purchase-intent model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<ModelSource>,
    /// The product recommender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommender: Option<ModelSource>,
}

/// Which customers get a row in the plan.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Audience {
    /// Where in their life customers are.
    pub stage: Stage,
    /// Days of the welcome programme for customers whose welcome_ended_at is unknown; 0 to 730. Absent: such customers
    /// are not in the stage AfterWelcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 730))]
    pub welcome_days: Option<i32>,
    /// A boolean SQL expression over columns of the canonical customers table and attributes; at most 1024 characters.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub filter: Option<String>,
    /// Suppresses customers contacted in the last so many days before asOf; 1 to 730. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 730))]
    pub not_contacted_for_days: Option<i32>,
    /// Suppresses customers whose `excluded` is one of these, a set; at most 32 of at most 63 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub exclude: Vec<String>,
}

/// Where in their life customers are.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The welcome programme ended before asOf and there is still one purchase.
    AfterWelcome,
    /// Exactly one purchase.
    OneTime,
    /// Every known customer, with purchases or without.
    All,
}

/// Which customers to contact.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Select {
    /// The probability to rank by.
    pub by: SelectBy,
    /// How many at most; 1 to 100000000. Absent: as many as the channels hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub top: Option<i32>,
}

/// A probability of the second purchase.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelectBy {
    /// Within 30 days.
    P30,
    /// Within 60 days.
    P60,
    /// Within 90 days.
    P90,
    /// Within the model's horizon.
    PHorizon,
}

/// How to contact customers.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Days that a contact is sent before a key period; 0 to 60. Default 0.
    #[serde(default = "defaults::lead_time_days::value", skip_serializing_if = "defaults::lead_time_days::is")]
    #[schemars(range(min = 0, max = 60))]
    pub lead_time_days: i32,
    /// Channels in the order in which they are filled; at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub channels: Vec<Channel>,
}

/// A channel of contact.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    /// Name as in the customers' consent, as email; at most 63 characters.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_-]*$"), length(max = 63))]
    pub name: String,
    /// How many customers it can reach in this plan; 0 to 100000000. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000_000))]
    pub capacity: Option<i32>,
}

/// Which products to show.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::rules::replenish_within_top_k())]
pub struct Recommendations {
    /// Recommendations per customer; 1 to 100. Default 10.
    #[serde(default = "defaults::top_k::value", skip_serializing_if = "defaults::top_k::is")]
    #[schemars(range(min = 1, max = 100))]
    pub top_k: i32,
    /// How serving counters popularity.
    #[serde(default, skip_serializing_if = "ScoringPopularity::is_default")]
    pub popularity: ScoringPopularity,
    /// Most recommendations of routine products to buy again; 0 to 20 and at most topK. Default 2.
    #[serde(default = "defaults::replenish::value", skip_serializing_if = "defaults::replenish::is")]
    #[schemars(range(min = 0, max = 20))]
    pub replenish: i32,
    /// Whether product groups that a customer owns leave the role discover. Default true.
    #[serde(default = "defaults::exclude_owned::value", skip_serializing_if = "defaults::exclude_owned::is")]
    pub exclude_owned: bool,
    /// What orders a list: all sources together, or the LSTM alone. Default All.
    #[serde(default = "defaults::sources::value", skip_serializing_if = "defaults::sources::is")]
    pub sources: Sources,
}

/// What orders the products of a list.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sources {
    /// The LSTM and what is hard to beat beside it: neighbours of sessions and orders, own purchases, popularity.
    All,
    /// The LSTM alone: to see its share, or to give up accuracy for a simpler answer.
    Lstm,
}

impl Default for Recommendations {
    fn default() -> Self {
        Self {
            top_k: defaults::top_k::value(),
            popularity: ScoringPopularity::default(),
            replenish: defaults::replenish::value(),
            exclude_owned: defaults::exclude_owned::value(),
            sources: defaults::sources::value(),
        }
    }
}

impl Recommendations {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How serving counters popularity.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScoringPopularity {
    /// Share of the market's product groups that the plan should show, 0 to 1. Absent: the largest coverage that keeps
    /// 98 percent of the accuracy on validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = kube::core::Rule::new("double(self) <= 1.0").message("must be a share from 0 to 1"))]
    pub target_coverage: Option<Decimal>,
}

impl ScoringPopularity {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The arms that say what a plan earned. A customer's arm depends on name, salt and customer only; each arm has its
/// own band, so raising a share re-draws nobody.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Experiment {
    /// The experiment's name; at most 63 characters.
    #[schemars(regex(pattern = crate::run::LABEL_PATTERN), length(max = 63))]
    pub name: String,
    /// Re-draws every arm when it changes; at most 63 characters. Default "".
    #[serde(default = "defaults::empty::value", skip_serializing_if = "defaults::empty::is")]
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]*$"), length(max = 63))]
    pub salt: String,
    /// Percent of customers who are never contacted; 0 to 40. Default 0.
    #[serde(default = "defaults::arm::value", skip_serializing_if = "defaults::arm::is")]
    #[schemars(range(min = 0, max = 40))]
    pub control: i32,
    /// Percent of customers whom the model chooses and who are contacted at once; 0 to 30. Default 0.
    #[serde(default = "defaults::arm::value", skip_serializing_if = "defaults::arm::is")]
    #[schemars(range(min = 0, max = 30))]
    pub untimed: i32,
    /// Percent of customers chosen by recency instead of the model; 0 to 30. Default 0.
    #[serde(default = "defaults::arm::value", skip_serializing_if = "defaults::arm::is")]
    #[schemars(range(min = 0, max = 30))]
    pub business_rule: i32,
}

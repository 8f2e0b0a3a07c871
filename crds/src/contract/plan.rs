//! What a worker is told.

use serde::{Deserialize, Serialize};

use crate::run::ArtifactRef;
use crate::scoring::{Audience, Contact, Experiment, Recommendations, Select};
use crate::source::DataSourceSpec;
use crate::training::{ModelKind, ModelSpec};
use crate::value::{Digest, Folder, Geography, LocalDate};

/// Everything a worker is told, the same for all workers of a run. Which worker it is, and what machine it has, comes
/// by [environment](crate::contract::environment).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunPlan {
    /// See [`crate::contract::CONTRACT`].
    pub contract: u32,
    /// What was asked; names the request's folder.
    pub request_digest: Digest,
    /// The country or region.
    pub geography: Geography,
    /// The folder of all artifacts.
    pub artifacts: Folder,
    /// What to do.
    pub task: Task,
    /// The DataSource, cut to the markets.
    pub source: DataSourceSpec,
    /// The run's markets, sorted; at least one, each in the source.
    pub markets: Vec<String>,
    /// Which days of the data.
    pub data: PlanData,
    /// Number of workers: ranks or shards; from 1.
    pub count: u32,
    /// Seed of every random draw.
    pub seed: u64,
    /// Who started the run: the cluster's uid, or the host of a `reprise run`.
    pub cluster_uid: String,
    /// Which run: the object's uid, or the process of a `reprise run`.
    pub run_uid: String,
}

/// What a worker is told that looks at a source and trains nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataPlan {
    /// See [`crate::contract::CONTRACT`].
    pub contract: u32,
    /// Name of the DataSource, for people.
    pub name: String,
    /// The DataSource, cut to the markets.
    pub source: DataSourceSpec,
    /// The markets to look at, sorted; at least one, each in the source.
    pub markets: Vec<String>,
    /// The local date as of which to look, exclusive; absent: at every row that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<LocalDate>,
}

/// Which days of the data a run reads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanData {
    /// The local date as of which to look at the world, exclusive; absent: the day after the last complete day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<LocalDate>,
    /// Days before asOf from which events and landmarks are used; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history_days: Option<u32>,
}

/// What a worker does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Task {
    /// Train one model.
    Train(TrainTask),
    /// Score customers and write the contact plan.
    Score(Box<ScoreTask>),
}

impl Task {
    /// The folder below the geography that holds results of this kind: `intent`, `recommender` or `plans`.
    pub const fn folder(&self) -> &'static str {
        match self {
            Self::Train(task) => task.model.kind().as_str(),
            Self::Score(_) => "plans",
        }
    }

    /// The models that the task reads, each with its name in records and digests: `startFrom`, `intent`, `recommender`.
    pub fn model_refs(&self) -> Vec<(&'static str, &ModelRef)> {
        match self {
            Self::Train(task) => task.start_from.iter().map(|model| ("startFrom", model)).collect(),
            Self::Score(task) => {
                let intent = task.models.intent.iter().map(|model| (ModelKind::Intent.as_str(), model));
                let recommender = task.models.recommender.iter().map(|model| (ModelKind::Recommender.as_str(), model));
                intent.chain(recommender).collect()
            }
        }
    }
}

/// Train one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrainTask {
    /// The model and its sizes.
    pub model: ModelSpec,
    /// The model whose weights training starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_from: Option<ModelRef>,
}

/// Score customers and write the contact plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScoreTask {
    /// The models to apply; at least one.
    pub models: PlanModels,
    /// Which customers get a row.
    pub audience: Audience,
    /// Which of them to contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Select>,
    /// How to contact them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// Which products to show them.
    #[serde(default)]
    pub recommendations: Recommendations,
    /// The arms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Experiment>,
}

/// The models to apply; at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanModels {
    /// The purchase-intent model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<ModelRef>,
    /// The product recommender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommender: Option<ModelRef>,
}

/// A model, as whoever starts the worker knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ModelRef {
    /// By address and digest.
    Artifact(ArtifactRef),
    /// By release pointer; the record pins what it names.
    Release {
        /// The geography whose release it is.
        geography: Geography,
        /// The pointer's name.
        name: String,
    },
}

//! The status of a run: written by the operator alone, and enough to say what happens, why, and what to do.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::training::ModelKind;
use crate::value::{Decimal, Digest, Folder, LocalDate};

/// What is known about a run.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunStatus {
    /// The generation of spec that this status is about; -1 before the first look.
    #[serde(default = "never_observed")]
    #[schemars(range(min = -1, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: i64,
    /// The conditions in one word, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The models at work, as `intent` or `intent,recommender`; at most 32 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub model: Option<String>,
    /// Accepted, QuotaReserved, NodesReady, Running, Suspended, Succeeded, NodesReleased, Reconciling, Stalled; at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::schema::conditions")]
    pub conditions: Vec<Condition>,
    /// What was asked: SHA-256 of the canonical request. Once it is here, executed fields of spec are frozen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_digest: Option<Digest>,
    /// What is computed: SHA-256 of request, data, models and recipe; it names the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Digest>,
    /// Address of the request's record; at most 640 characters.
    #[serde(default, rename = "recordURI", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 640))]
    pub record_uri: Option<String>,
    /// The local date as of which the run looks at the world, exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<LocalDate>,
    /// Number of the current attempt, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub attempt: Option<i32>,
    /// The Job of the current attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobStatus>,
    /// The models that the run uses, pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ModelsStatus>,
    /// How far the run is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressStatus>,
    /// The one thing that holds the run up; absent when nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocking: Option<Blocking>,
    /// Stages that the run went through, in order; at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub timeline: Vec<TimelineEntry>,
    /// The newest checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointStatus>,
    /// The workers, one row per index; at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["index"]))]
    pub workers: Vec<WorkerStatus>,
    /// The result: a model's artifact or a contact plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<ArtifactStatus>,
    /// The rented nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodesStatus>,
    /// What the nodes cost so far, in the currency of the price table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Decimal>,
    /// Seconds of active time over all attempts, without the current stretch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub active_seconds: Option<i64>,
    /// When the current stretch of active time began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::time")]
    pub active_since_time: Option<Time>,
}

const fn never_observed() -> i64 {
    -1
}

/// A run's conditions in one word.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Being looked at.
    Pending,
    /// The spec is at fault; it can still be edited.
    Rejected,
    /// Waits for quota or for somebody else's run of the same request.
    Queued,
    /// Nodes are being rented.
    Provisioning,
    /// Workers run.
    Running,
    /// Workers are stopping after a checkpoint.
    Suspending,
    /// Stopped; goes on from the checkpoint.
    Suspended,
    /// The result is published and verified.
    Succeeded,
    /// It will not go on.
    Failed,
}

/// The Job of an attempt.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobStatus {
    /// Its name; at most 63 characters.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Its uid; at most 63 characters.
    #[schemars(length(max = 63))]
    pub uid: String,
}

/// The models that a run uses, pinned.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelsStatus {
    /// The purchase-intent model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<PinnedModel>,
    /// The product recommender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommender: Option<PinnedModel>,
}

/// A model, pinned by the digest of its manifest.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PinnedModel {
    /// Folder of the artifact.
    pub uri: Folder,
    /// SHA-256 of its manifest.
    pub digest: Digest,
}

/// How far a run is. It is for display: nothing is decided by it.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgressStatus {
    /// Round reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub round: Option<i32>,
    /// Rounds at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub rounds: Option<i32>,
    /// Epoch reached, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub epoch: Option<i32>,
    /// Share of the work that is done, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub percent: Option<i32>,
    /// Mean training loss of the last round, in nats, as a decimal number of at most 24 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$"), length(max = 24))]
    pub loss: Option<String>,
    /// When the run is expected to end, from the work done so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::time")]
    pub eta_time: Option<Time>,
    /// What the workers wait for, as data or rank-2; at most 64 of at most 63 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub waiting_for: Vec<String>,
}

/// The one thing that holds a run up.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocking {
    /// Why, in one word, as NoCapacity; at most 64 characters.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// Since when.
    #[schemars(schema_with = "crate::schema::time")]
    pub since_time: Time,
    /// When the operator tries again; absent when it waits to be woken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::time")]
    pub next_retry_time: Option<Time>,
    /// What to do about it; at most 1024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub hint: Option<String>,
}

/// A stage that a run went through.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// The stage; at most 64 characters.
    #[schemars(length(max = 64))]
    pub stage: String,
    /// When it began.
    #[schemars(schema_with = "crate::schema::time")]
    pub time: Time,
    /// Number of the attempt, from 1.
    #[schemars(range(min = 1, max = 1000))]
    pub attempt: i32,
}

/// A checkpoint.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointStatus {
    /// Its address; at most 640 characters.
    #[schemars(length(max = 640))]
    pub uri: String,
    /// The step after which it was taken.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub step: i64,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// When it was taken.
    #[schemars(schema_with = "crate::schema::time")]
    pub time: Time,
}

/// One worker.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerStatus {
    /// Its rank or shard, from 0.
    #[schemars(range(min = 0, max = 63))]
    pub index: i32,
    /// Uid of its newest pod; at most 63 characters.
    #[serde(default, rename = "podUID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub pod_uid: Option<String>,
    /// Node of its newest pod; at most 253 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub node: Option<String>,
    /// How its last pod ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 255))]
    pub exit_code: Option<i32>,
    /// Why its last pod ended, in one word; at most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,
    /// How often it was started.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub starts: i32,
}

/// A published result.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactStatus {
    /// Its folder.
    pub uri: Folder,
    /// SHA-256 of its manifest.
    pub digest: Digest,
    /// Headline metrics by name; at most 16, each a decimal number as a string of at most 32 characters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::metrics")]
    pub metrics: BTreeMap<String, String>,
}

/// The rented nodes of a run.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodesStatus {
    /// Name of the NodeRental in the operator's namespace; at most 253 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub rental: Option<String>,
    /// Its state, as Provisioning or Released; at most 32 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub state: Option<String>,
    /// Nodes that are ready; at most 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 64))]
    pub ready: Option<i32>,
    /// When the nodes end at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::time")]
    pub expires_time: Option<Time>,
    /// Price of one node and hour, in the currency of the price table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly_price: Option<Decimal>,
}

/// Conditions of a run: what each says when it is True.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionType {
    /// The spec is valid and its request has a digest.
    Accepted,
    /// The queue let the run in.
    QuotaReserved,
    /// The rented nodes are there.
    NodesReady,
    /// Workers run.
    Running,
    /// The run is stopped for a reason that can go away.
    Suspended,
    /// The result is published; False: it will never be.
    Succeeded,
    /// The cloud said that the nodes are gone.
    NodesReleased,
    /// The operator is making objects; minutes at most.
    Reconciling,
    /// It will not go on by itself.
    Stalled,
}

impl ConditionType {
    /// As in `conditions[].type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::QuotaReserved => "QuotaReserved",
            Self::NodesReady => "NodesReady",
            Self::Running => "Running",
            Self::Suspended => "Suspended",
            Self::Succeeded => "Succeeded",
            Self::NodesReleased => "NodesReleased",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
        }
    }
}

/// The models at work in one text, as `intent,recommender`.
pub fn model_column(kinds: &[ModelKind]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(",")
}

//! What every kind of run shares: where the data come from, where results go, on which machines, and for how long.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{ModelRef, Task};
use crate::defaults;
use crate::refusal::Refusal;
use crate::value::{Decimal, Digest, Folder, Geography, LocalDate, Quantity};

/// The fields that a TrainingRun and a ScoringRun share.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunCommon {
    /// The country or region that the run is for: 2 to 8 capital letters or digits, a letter first. Quote "NO": YAML
    /// reads a bare NO as false.
    pub geography: Geography,
    /// Which data the run reads.
    pub data: DataSelection,
    /// The folder of all artifacts of the brand; at most 512 characters.
    #[schemars(length(max = 512))]
    pub artifacts: Folder,
    /// What one worker gets.
    #[serde(default, skip_serializing_if = "Resources::is_default")]
    pub resources: Resources,
    /// The temporary nodes to rent. Absent: workers run on the nodes that exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Nodes>,
    /// The most that the run may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// The Kueue LocalQueue to wait in; at most 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = LABEL_PATTERN), length(max = 63))]
    pub queue_name: Option<String>,
    /// The PriorityClass of the workers; at most 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = LABEL_PATTERN), length(max = 63))]
    pub priority_class_name: Option<String>,
    /// The ServiceAccount of the workers, labelled `reprise.dev/worker=true`; at most 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = LABEL_PATTERN), length(max = 63))]
    pub service_account_name: Option<String>,
    /// Seconds of active time, over all attempts; 60 to 2592000. Default 86400.
    #[serde(default = "defaults::deadline_seconds::value", skip_serializing_if = "defaults::deadline_seconds::is")]
    #[schemars(range(min = 60, max = 2_592_000))]
    pub deadline_seconds: i64,
    /// Seconds from creation to the first running worker; 60 to 2592000. Default 86400.
    #[serde(default = "defaults::pending_deadline_seconds::value", skip_serializing_if = "defaults::pending_deadline_seconds::is")]
    #[schemars(range(min = 60, max = 2_592_000))]
    pub pending_deadline_seconds: i64,
    /// Seconds that the Job and its pods stay after the end; the run itself stays. 0 to 2592000. Default 86400.
    #[serde(default = "defaults::ttl_seconds_after_finished::value", skip_serializing_if = "defaults::ttl_seconds_after_finished::is")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub ttl_seconds_after_finished: i64,
    /// Stops the workers after a checkpoint and gives the nodes back until it is false again. Default false.
    #[serde(default = "defaults::off::value", skip_serializing_if = "defaults::off::is")]
    pub suspend: bool,
    /// Seed of every random draw; 0 to 9007199254740991. Default 0.
    #[serde(default = "defaults::seed::value", skip_serializing_if = "defaults::seed::is")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub seed: i64,
    /// Any text; another text is another request, so the run repeats on purpose. At most 63 characters. Default "".
    #[serde(default = "defaults::empty::value", skip_serializing_if = "defaults::empty::is")]
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]*$"), length(max = 63))]
    pub rerun_token: String,
}

/// Pattern of the name of a Kubernetes object.
pub const LABEL_PATTERN: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

impl RunCommon {
    /// A run of a geography over a DataSource, with every default.
    pub fn new(geography: Geography, source: &str, artifacts: Folder) -> Self {
        Self {
            geography,
            data: DataSelection { source_ref: ObjectRef { name: source.to_owned() }, markets: Vec::new(), as_of: None, history_days: None },
            artifacts,
            resources: Resources::default(),
            nodes: None,
            budget: None,
            queue_name: None,
            priority_class_name: None,
            service_account_name: None,
            deadline_seconds: defaults::deadline_seconds::value(),
            pending_deadline_seconds: defaults::pending_deadline_seconds::value(),
            ttl_seconds_after_finished: defaults::ttl_seconds_after_finished::value(),
            suspend: defaults::off::value(),
            seed: defaults::seed::value(),
            rerun_token: defaults::empty::value(),
        }
    }
}

/// Which data a run reads.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataSelection {
    /// The DataSource, in the run's namespace.
    pub source_ref: ObjectRef,
    /// Markets of the source, a set; at most 64. Absent: the geography if the source lists it, else all its markets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(regex(pattern = crate::value::Geography::PATTERN), length(max = 8)), extend("x-kubernetes-list-type" = "set"))]
    pub markets: Vec<String>,
    /// The local date as of which the run looks at the world, exclusive. Absent: the day after the last complete day
    /// of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<LocalDate>,
    /// Days before asOf from which events and landmarks are used; 1 to 36500. Purchases are always counted from the
    /// beginning. Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub history_days: Option<i32>,
}

/// An object of the same namespace.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Its name; at most 63 characters.
    #[schemars(regex(pattern = LABEL_PATTERN), length(max = 63))]
    pub name: String,
}

/// A trained model: exactly one of releaseRef, runRef and artifact.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ModelSource {
    /// What a release pointer names when the run is first recorded.
    ReleaseRef(ReleaseRef),
    /// The artifact of a TrainingRun of the same namespace.
    RunRef(ObjectRef),
    /// An artifact by address and digest.
    Artifact(ArtifactRef),
}

/// A release pointer.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseRef {
    /// The geography whose release it is. Absent: the run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geography: Option<Geography>,
    /// The pointer's name, as live; at most 63 characters.
    #[schemars(regex(pattern = LABEL_PATTERN), length(max = 63))]
    pub name: String,
}

/// An artifact by address and digest.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactRef {
    /// The artifact's folder; at most 1024 characters.
    pub uri: Folder,
    /// SHA-256 of its manifest: 64 lowercase hexadecimal digits.
    pub digest: Digest,
}

/// What one worker gets.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// CPU cores, as 4 or 500m. Default 1.
    #[serde(default = "defaults::cpu::value", skip_serializing_if = "defaults::cpu::is")]
    pub cpu: Quantity,
    /// Memory in bytes with a unit, as 8Gi. Default 4Gi.
    #[serde(default = "defaults::memory::value", skip_serializing_if = "defaults::memory::is")]
    pub memory: Quantity,
    /// Scratch space in bytes with a unit, as 20Gi. Default 10Gi.
    #[serde(default = "defaults::ephemeral_storage::value", skip_serializing_if = "defaults::ephemeral_storage::is")]
    pub ephemeral_storage: Quantity,
    /// Accelerators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Gpu>,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            cpu: defaults::cpu::value(),
            memory: defaults::memory::value(),
            ephemeral_storage: defaults::ephemeral_storage::value(),
            gpu: None,
        }
    }
}

impl Resources {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Accelerators of one worker.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gpu {
    /// The cloud's name of the model, as nvidia-l4; at most 63 characters.
    #[serde(rename = "type")]
    #[schemars(regex(pattern = LABEL_PATTERN), length(max = 63))]
    pub kind: String,
    /// How many; 1 to 16.
    #[schemars(range(min = 1, max = 16))]
    pub count: i32,
}

/// Where temporary nodes come from: exactly one of gke, karpenter and existing.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Nodes {
    /// A node pool of Google Kubernetes Engine.
    Gke(GkeNodes),
    /// A NodePool of Karpenter.
    Karpenter(KarpenterNodes),
    /// Nodes that somebody else keeps.
    Existing(ExistingNodes),
}

/// A node pool of Google Kubernetes Engine. Cluster and location come from the operator's configuration.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GkeNodes {
    /// Machine type, as n2-standard-8; at most 63 characters.
    #[schemars(regex(pattern = LABEL_PATTERN), length(max = 63))]
    pub machine_type: String,
    /// Kinds of capacity in the order in which they are tried; 1 or 2.
    #[schemars(length(min = 1, max = 2), extend("x-kubernetes-list-type" = "set"))]
    pub capacity: Vec<Capacity>,
    /// Seconds after which the cloud itself ends the nodes; 600 to 604800. Absent: the run's deadline decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 600, max = 604_800))]
    pub max_lifetime_seconds: Option<i64>,
}

/// A NodePool of Karpenter.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KarpenterNodes {
    /// The node class that it uses; at most 63 characters.
    #[schemars(regex(pattern = LABEL_PATTERN), length(max = 63))]
    pub node_class: String,
    /// Kinds of capacity in the order in which they are tried; 1 or 2.
    #[schemars(length(min = 1, max = 2), extend("x-kubernetes-list-type" = "set"))]
    pub capacity: Vec<Capacity>,
    /// Seconds after which Karpenter itself ends the nodes; 600 to 604800. Absent: the run's deadline decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 600, max = 604_800))]
    pub max_lifetime_seconds: Option<i64>,
}

/// Nodes that somebody else keeps; nothing is created or deleted.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExistingNodes {
    /// Labels that the nodes have; 1 to 16 of at most 63 characters each.
    #[schemars(schema_with = "crate::schema::labels")]
    pub selector: BTreeMap<String, String>,
}

/// A kind of capacity.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Capacity {
    /// Cheap nodes that the cloud may take back at any time.
    Spot,
    /// Nodes at the full price.
    OnDemand,
}

/// The most that a run may cost.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// In the currency of the operator's price table, as "12.00".
    pub max: Decimal,
}

/// What a field of a run's spec is for: it decides what may change and what is digested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Says what is asked: part of the request digest, and frozen once there is one.
    Request,
    /// Says where and on what it is executed: frozen, not digested.
    Execution,
    /// Says how long and how dear it may be: may change at any time.
    Operational,
}

/// The role of each shared field.
pub const COMMON_ROLES: &[(&str, Role)] = &[
    ("geography", Role::Request),
    ("data", Role::Request),
    ("artifacts", Role::Execution),
    ("resources", Role::Execution),
    ("nodes", Role::Execution),
    ("budget", Role::Operational),
    ("queueName", Role::Execution),
    ("priorityClassName", Role::Execution),
    ("serviceAccountName", Role::Execution),
    ("deadlineSeconds", Role::Operational),
    ("pendingDeadlineSeconds", Role::Execution),
    ("ttlSecondsAfterFinished", Role::Operational),
    ("suspend", Role::Operational),
    ("seed", Role::Request),
    ("rerunToken", Role::Request),
];

/// A kind of run, as everything that treats all kinds alike sees it.
pub trait RunSpec: Clone + Serialize {
    /// The kind's name.
    const KIND: &'static str;

    /// The role of each field that only this kind has.
    const ROLES: &'static [(&'static str, Role)];

    /// The role of every field of the spec.
    fn roles() -> impl Iterator<Item = (&'static str, Role)> {
        COMMON_ROLES.iter().chain(Self::ROLES).copied()
    }

    /// This spec with its sets in one order.
    #[must_use]
    fn sorted(&self) -> Self {
        self.clone()
    }

    /// What all kinds share.
    fn common(&self) -> &RunCommon;

    /// How many workers it asks for: ranks or shards.
    fn count(&self) -> i32;

    /// The models that it refers to, each with the field that does; in the order of the fields.
    fn model_sources(&self) -> Vec<(&'static str, &ModelSource)>;

    /// What a worker is to do, with each model as `model` knows it by the field that refers to it.
    fn task(&self, model: &dyn Fn(&str, &ModelSource) -> Result<ModelRef, Refusal>) -> Result<Task, Refusal>;

    /// The names of the runs that must finish before this one starts.
    fn awaited_runs(&self) -> Vec<&str> {
        let sources = self.model_sources().into_iter();
        sources.filter_map(|(_, source)| if let ModelSource::RunRef(run) = source { Some(run.name.as_str()) } else { None }).collect()
    }
}

//! What the reconciler has to know of a kind of run. A further kind costs one implementation.

use std::fmt::Debug;

use reprise_crds::run::{RunCommon, RunSpec};
use reprise_crds::scoring::{ScoringRun, ScoringRunSpec};
use reprise_crds::status::{RunStatus, model_column};
use reprise_crds::training::{ModelKind, TrainingRun, TrainingRunSpec};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Key;

/// How many failures the Job of a run bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failures {
    /// So many of each worker, counted together: workers wait for each other, so the end of one ends all.
    Together(i32),
    /// So many of each index, and no index may fail for good: workers work apart.
    Apart(i32),
}

/// A kind of run.
pub trait RunKind:
    kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// Its spec.
    type Spec: RunSpec;

    /// The kind's name in the plural, as in addresses.
    const PLURAL: &'static str;

    /// The worker's command that executes it.
    const COMMAND: &'static str;

    /// How many failures its Job bears.
    const FAILURES: Failures;

    /// What was asked.
    fn spec(&self) -> &Self::Spec;

    /// What is known.
    fn status(&self) -> Option<&RunStatus>;

    /// The folder of its results below the geography: `intent`, `recommender` or `plans`.
    fn folder(&self) -> &'static str;

    /// The models at work, for the column of `kubectl get`.
    fn models(&self) -> String;
}

impl RunKind for TrainingRun {
    type Spec = TrainingRunSpec;
    const PLURAL: &'static str = "trainingruns";
    const COMMAND: &'static str = "train";
    const FAILURES: Failures = Failures::Together(6);

    fn spec(&self) -> &TrainingRunSpec {
        &self.spec
    }

    fn status(&self) -> Option<&RunStatus> {
        self.status.as_ref()
    }

    fn folder(&self) -> &'static str {
        self.spec.model.kind().as_str()
    }

    fn models(&self) -> String {
        model_column(&[self.spec.model.kind()])
    }
}

impl RunKind for ScoringRun {
    type Spec = ScoringRunSpec;
    const PLURAL: &'static str = "scoringruns";
    const COMMAND: &'static str = "score";
    const FAILURES: Failures = Failures::Apart(2);

    fn spec(&self) -> &ScoringRunSpec {
        &self.spec
    }

    fn status(&self) -> Option<&RunStatus> {
        self.status.as_ref()
    }

    fn folder(&self) -> &'static str {
        "plans"
    }

    fn models(&self) -> String {
        let intent = self.spec.models.intent.iter().map(|_| ModelKind::Intent);
        let recommender = self.spec.models.recommender.iter().map(|_| ModelKind::Recommender);
        model_column(&intent.chain(recommender).collect::<Vec<_>>())
    }
}

/// A run without its kind: what planning looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The kind's name.
    pub kind: &'static str,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The uid.
    pub uid: String,
    /// The generation of the spec.
    pub generation: i64,
    /// When the object was made.
    pub created: jiff::Timestamp,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The fields that all kinds share.
    pub common: RunCommon,
    /// Number of workers.
    pub count: i32,
    /// The worker's command.
    pub command: &'static str,
    /// The folder of its results.
    pub folder: &'static str,
    /// The models at work.
    pub models: String,
    /// How many failures its Job bears.
    pub failures: Failures,
    /// The WorkloadPriorityClass that Kueue is told, from the run's own label.
    pub queue_priority: Option<String>,
    /// The names of the runs that must finish first.
    pub awaited: Vec<String>,
    /// What is known.
    pub status: RunStatus,
}

impl Run {
    /// What planning looks at, of an object of any kind.
    pub fn of<K: RunKind>(object: &K) -> Self {
        let meta = object.meta();
        let (spec, text) = (object.spec(), |text: &Option<String>| text.clone().unwrap_or_default());
        let never = RunStatus { observed_generation: -1, ..RunStatus::default() };
        Self {
            kind: K::Spec::KIND,
            namespace: text(&meta.namespace),
            name: text(&meta.name),
            uid: text(&meta.uid),
            generation: meta.generation.unwrap_or_default(),
            created: meta.creation_timestamp.as_ref().map_or(jiff::Timestamp::UNIX_EPOCH, |time| time.0),
            deleting: meta.deletion_timestamp.is_some(),
            common: spec.common().clone(),
            count: spec.count(),
            command: K::COMMAND,
            folder: object.folder(),
            models: object.models(),
            failures: K::FAILURES,
            queue_priority: meta.labels.as_ref().and_then(|labels| labels.get(crate::names::QUEUE_PRIORITY)).cloned(),
            awaited: spec.awaited_runs().into_iter().map(str::to_owned).collect(),
            status: object.status().cloned().unwrap_or(never),
        }
    }

    /// Its namespace, kind and name.
    pub fn key(&self) -> Key {
        Key { namespace: self.namespace.clone(), kind: self.kind, name: self.name.clone() }
    }

    /// Number of the current attempt, from 1.
    pub fn attempt(&self) -> i32 {
        self.status.attempt.unwrap_or(1)
    }

    /// Name of the current attempt's Job.
    pub fn job_name(&self) -> String {
        crate::names::job(&self.name, self.attempt())
    }
}

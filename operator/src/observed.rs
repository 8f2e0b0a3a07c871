//! What the operator saw: plain data, all of it from live reads of this reconcile.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reprise_crds::contract::{Progress, ReferencedRun, RunReport};
use reprise_crds::source::DataSourceSpec;
use reprise_crds::status::{ArtifactStatus, ModelsStatus};
use reprise_crds::value::{Digest, LocalDate};

/// Everything that a plan is made from, besides the run itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// What the run refers to; `None` where no Job has to be made, so nobody asks.
    pub dependencies: Option<Dependencies>,
    /// The Job of the current attempt.
    pub job: Option<JobSeen>,
    /// Every pod of the run, of any attempt.
    pub pods: Vec<PodSeen>,
    /// What Kueue says of the Job; `None` for a run without a queue, or until Kueue has seen the Job.
    pub workload: Option<WorkloadSeen>,
    /// What the bucket says about the request.
    pub answer: Answer,
    /// How far the worker of the lowest running index is.
    pub progress: Option<Progress>,
}

/// What a run refers to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dependencies {
    /// Names this cluster in claims.
    pub cluster_uid: String,
    /// The DataSource; `None` if there is none.
    pub source: Option<DataSourceSpec>,
    /// The workers' ServiceAccount.
    pub account: Account,
    /// The namespace's annotation of allowed folders; empty if it has none.
    pub artifact_roots: String,
    /// The referenced runs by name.
    pub runs: BTreeMap<String, Referenced>,
}

/// The workers' ServiceAccount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Account {
    /// There is none of that name.
    #[default]
    Missing,
    /// It is not labelled for workers.
    Unlabelled,
    /// Workers may use it.
    Allowed,
}

/// A run that another run refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Referenced {
    /// There is none of that name.
    Missing,
    /// It has not ended.
    Unfinished,
    /// It failed.
    Failed,
    /// It has published.
    Published(ReferencedRun),
}

/// What the bucket says about a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Answer {
    /// Nobody asked: it could not change the plan.
    #[default]
    NotAsked,
    /// The bucket can't be read.
    Unreadable {
        /// What it said.
        reason: String,
    },
    /// There is no answer yet.
    Open {
        /// Somebody else's claim, young enough to count.
        claimed: Option<Claimed>,
    },
    /// The answer is there, its manifest verified.
    Finished(Box<Found>),
}

/// Somebody else's claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The other cluster or host.
    pub cluster_uid: String,
    /// The other run or process.
    pub run_uid: String,
    /// When the claim is too old to count.
    pub until: Timestamp,
}

/// A verified answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Where it lies, its digest and its headline metrics.
    pub artifact: ArtifactStatus,
    /// What was computed.
    pub identity: Digest,
    /// The models that it used.
    pub models: Option<ModelsStatus>,
    /// As of which date.
    pub as_of: Option<LocalDate>,
    /// Address of the record.
    pub record_uri: String,
}

/// The Job of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSeen {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
    /// Uid of the run that owns it.
    pub owner_uid: Option<String>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// `spec.suspend`.
    pub suspended: bool,
    /// `spec.activeDeadlineSeconds`.
    pub active_deadline: Option<i64>,
    /// `spec.ttlSecondsAfterFinished`.
    pub ttl: Option<i32>,
    /// How it ended, if it did.
    pub end: Option<JobEnd>,
    /// When it was last let run.
    pub start_time: Option<Timestamp>,
    /// Indexes that ended well.
    pub completed: i32,
}

/// Kueue's Workload of a Job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadSeen {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
    /// `spec.active`: whether it may be let in.
    pub active: bool,
    /// Whether the queue has reserved quota for it.
    pub reserved: bool,
    /// What the queue says: why it waits, or why it was stopped.
    pub told: String,
}

/// How a Job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEnd {
    /// Whether all workers ended well.
    pub complete: bool,
    /// The condition's reason.
    pub reason: String,
    /// The condition's message.
    pub message: String,
}

/// A worker's pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodSeen {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
    /// Rank or shard.
    pub index: i32,
    /// Number of the attempt.
    pub attempt: i32,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// Its node.
    pub node: Option<String>,
    /// Its address.
    pub address: Option<String>,
    /// Where it is in its life.
    pub phase: PodPhase,
    /// When its grace ends, if it is being deleted.
    pub ends: Option<Timestamp>,
    /// Whether its node answers; `None` if nobody asked.
    pub node_ready: Option<bool>,
    /// Whether it was taken away: preempted, evicted, its node gone.
    pub disrupted: bool,
    /// How the worker ended.
    pub exit_code: Option<i32>,
    /// Whether it ended for lack of memory.
    pub out_of_memory: bool,
    /// The worker's last word.
    pub report: Option<RunReport>,
    /// Why the scheduler finds no node.
    pub unschedulable: Option<String>,
    /// Why the container does not start: reason and message.
    pub waiting: Option<(String, String)>,
}

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodPhase {
    /// It has not started.
    #[default]
    Pending,
    /// Its worker runs.
    Running,
    /// Its worker ended well.
    Succeeded,
    /// Its worker ended badly.
    Failed,
}

impl PodSeen {
    /// Whether a worker may still run in it.
    pub fn is_active(&self) -> bool {
        matches!(self.phase, PodPhase::Pending | PodPhase::Running)
    }
}

//! What to do about a run: pure, total, and plain data.
//!
//! Status is stored before effects follow: it says what is intended, and the next look at the world says what is true.
//! A plan made from the same world is the same plan, so an operator that dies anywhere goes on where it was.

mod alive;
mod draft;
mod ended;
mod pending;
mod queue;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use reprise_crds::contract::RunPlan;
use reprise_crds::reason::Reason;
use reprise_crds::status::{Phase, RunStatus};

use crate::observed::Observed;
use crate::validate::{Hindrance, Validated};
use draft::Draft;

/// The most attempts of a run whose Job vanishes.
pub const MOST_ATTEMPTS: i32 = 3;
/// Seconds that a Job may live beyond its run's deadline: the fence for an operator that is dead.
pub const FENCE_SECONDS: i64 = 300;
/// Seconds between two looks at a run whose workers run.
pub const LOOK_SECONDS: i64 = 15;
/// Seconds beyond its grace after which a pod on a node that does not answer is given up.
pub const LOST_SECONDS: i64 = 30;

/// What to do about a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The status to store first; `None` where it stands already.
    pub status: Option<RunStatus>,
    /// What to do then, in order.
    pub effects: Vec<Effect>,
    /// What to tell people.
    pub notices: Vec<Notice>,
    /// When to look again.
    pub next: Next,
}

/// A write besides status.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Make the Job of an attempt, suspended.
    CreateJob {
        /// Number of the attempt.
        attempt: i32,
        /// What its workers are told.
        plan: Box<RunPlan>,
    },
    /// Let the Job run.
    Unsuspend {
        /// Which Job.
        job: Exactly,
        /// After so many seconds Kubernetes itself ends it.
        active_deadline_seconds: i64,
    },
    /// Stop the Job's workers; each takes a checkpoint.
    Suspend {
        /// Which Job.
        job: Exactly,
    },
    /// Bound the Job's life while its queue decides when it runs.
    Fence {
        /// Which Job.
        job: Exactly,
        /// After so many seconds of running Kubernetes itself ends it.
        active_deadline_seconds: i64,
    },
    /// Let the queue let the Job in.
    Activate {
        /// Which Workload.
        workload: Exactly,
    },
    /// Let the queue stop the Job and keep it out: it undoes a suspension of the Job itself.
    Deactivate {
        /// Which Workload.
        workload: Exactly,
    },
    /// Delete the Job and its pods.
    DeleteJob {
        /// Which Job.
        job: Exactly,
    },
    /// Let Kubernetes delete the ended Job after a time.
    ExpireJob {
        /// Which Job.
        job: Exactly,
        /// After so many seconds.
        ttl_seconds: i32,
    },
    /// Give up a pod on a node that does not answer, so that its index starts elsewhere.
    LosePod {
        /// Which pod.
        pod: Exactly,
    },
}

/// An object as it was seen: a write of anything else is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exactly {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
}

/// Something to tell people by an Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Why.
    pub reason: Reason,
    /// In a sentence.
    pub note: String,
    /// Whether somebody should look at it.
    pub warning: bool,
}

/// When to look at a run again, whatever wakes the operator earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// When something changes.
    OnChange,
    /// After so many seconds at the latest.
    After(i64),
}

/// Whether a run has ended for good.
pub fn is_terminal(status: &RunStatus) -> bool {
    matches!(status.phase, Some(Phase::Succeeded | Phase::Failed))
}

/// Seconds of active time so far.
pub fn active_seconds(status: &RunStatus, now: Timestamp) -> i64 {
    let stretch = status.active_since_time.as_ref().map_or(0, |since| (now.as_second() - since.0.as_second()).max(0));
    status.active_seconds.unwrap_or(0).saturating_add(stretch)
}

/// What to do about a run, from what was seen of it.
pub fn plan(validated: &Validated, seen: &Observed, now: Timestamp) -> Plan {
    let run = &validated.run;
    let draft = Draft::new(run, seen, now);
    if run.deleting {
        // Owner references take the children; there is nothing to say to an object that goes.
        return draft.finish();
    }
    if is_terminal(&run.status) {
        return ended::settle(draft);
    }
    match &seen.job {
        Some(job) if job.owner_uid.as_deref() != Some(run.uid.as_str()) => pending::wait_for_the_name(draft, job),
        Some(_) if run.status.request_digest.is_none() => pending::plan(draft, &validated.request),
        Some(job) => match &job.end {
            Some(end) => ended::end(draft, job, end),
            None => alive::plan(draft, job),
        },
        None if run.status.job.is_some() => ended::lost(draft, &validated.request),
        None => pending::plan(draft, &validated.request),
    }
}

/// What becomes of a run whose Job the API server refuses: it says so, and the next look tries again.
pub fn refused(status: &RunStatus, refusal: &Refused, now: Timestamp) -> RunStatus {
    let mut status = status.clone();
    let reason = if refusal.by_webhook { Reason::WebhookUnavailable } else { Reason::JobRefused };
    status.blocking = Some(crate::status::blocking(status.blocking.as_ref(), reason, &refusal.message, now));
    status
}

/// Why the API server made no Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What it said.
    pub message: String,
    /// A webhook did not answer, as Kueue's while it is down: that passes.
    pub by_webhook: bool,
}

type Request = Result<Option<Box<RunPlan>>, Hindrance>;

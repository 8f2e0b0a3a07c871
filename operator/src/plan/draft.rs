//! A plan in the making.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use reprise_crds::reason::Reason;
use reprise_crds::status::{JobStatus, Phase, RunStatus};

use super::{Effect, Exactly, Next, Notice, Plan, active_seconds};
use crate::kind::{Failures, Run};
use crate::observed::{Found, JobSeen, Observed, PodSeen};
use crate::status;

/// Waits after a bucket could not be read: half of the time that it has lasted, within these bounds.
const RETRY_SECONDS: (i64, i64) = (10, 300);

/// Seconds between two looks at what another run has claimed: its answer is taken soon after it is there.
const CLAIM_SECONDS: i64 = 30;

pub(super) struct Draft<'a> {
    pub(super) run: &'a Run,
    pub(super) seen: &'a Observed,
    pub(super) now: Timestamp,
    pub(super) status: RunStatus,
    effects: Vec<Effect>,
    notices: Vec<Notice>,
    next: Next,
}

impl<'a> Draft<'a> {
    pub(super) fn new(run: &'a Run, seen: &'a Observed, now: Timestamp) -> Self {
        Self { run, seen, now, status: run.status.clone(), effects: Vec::new(), notices: Vec::new(), next: Next::OnChange }
    }

    /// Puts the run into a phase; what was blocking is blocking no more.
    pub(super) fn enter(&mut self, phase: Phase, reason: Reason, message: &str) {
        let accepted = self.status.request_digest.is_some();
        let mut says = status::says(phase, accepted, reason, message);
        says.extend(super::queue::says(self.run, self.seen, phase));
        self.status.conditions = status::conditions(&self.run.status.conditions, self.run.generation, self.now, says);
        self.status.observed_generation = self.run.generation;
        self.status.phase = Some(phase);
        self.status.model = Some(self.run.models.clone());
        self.status.blocking = None;
        let attempt = self.status.attempt.unwrap_or(1);
        status::enter(&mut self.status, phase, attempt, self.now);
    }

    /// Says what holds the run up.
    pub(super) fn block(&mut self, reason: Reason, hint: &str) {
        self.status.blocking = Some(status::blocking(self.run.status.blocking.as_ref(), reason, hint, self.now));
    }

    /// Holds the run up because the bucket can't be read, and says when that is tried again. The time is kept until it
    /// has come, so that looking does not write.
    pub(super) fn block_on_bucket(&mut self, hint: &str) {
        self.block(Reason::BucketUnreadable, hint);
        let before = self.run.status.blocking.as_ref().filter(|before| before.reason == Reason::BucketUnreadable.as_str());
        let planned = before.and_then(|before| before.next_retry_time.clone()).filter(|time| time.0 > self.now);
        let Some(blocking) = &mut self.status.blocking else { return };
        let lasted = self.now.as_second() - blocking.since_time.0.as_second();
        let wait = (lasted / 2).clamp(RETRY_SECONDS.0, RETRY_SECONDS.1);
        blocking.next_retry_time = planned.or_else(|| status::later_by(self.now, wait).map(Time));
        let until = blocking.next_retry_time.as_ref().map_or(wait, |time| time.0.as_second() - self.now.as_second());
        self.look_after(until.max(1));
    }

    /// Holds the run up until a moment that is known, and looks from time to time whether it has become free before. The
    /// moment is kept until it has come, so that looking does not write.
    pub(super) fn block_until(&mut self, reason: Reason, hint: &str, until: Timestamp) {
        self.block(reason, hint);
        let before = self.run.status.blocking.as_ref().filter(|before| before.reason == reason.as_str());
        let planned = before.and_then(|before| before.next_retry_time.clone()).filter(|time| time.0 > self.now);
        if let Some(blocking) = &mut self.status.blocking {
            blocking.next_retry_time = Some(planned.unwrap_or_else(|| Time(status::seconds(until))));
        }
        self.look_after((until.as_second() - self.now.as_second()).clamp(1, CLAIM_SECONDS));
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn notice(&mut self, reason: Reason, note: impl Into<String>, warning: bool) {
        self.notices.push(Notice { reason, note: note.into(), warning });
    }

    /// Looks again after so many seconds at the latest; the earliest of several holds.
    pub(super) fn look_after(&mut self, seconds: i64) {
        let seconds = seconds.max(1);
        self.next = match self.next {
            Next::OnChange => Next::After(seconds),
            Next::After(earlier) => Next::After(earlier.min(seconds)),
        };
    }

    /// Notes which Job it is, and its workers.
    pub(super) fn note(&mut self, job: &JobSeen) {
        self.status.job = Some(JobStatus { name: job.name.clone(), uid: job.uid.clone() });
        self.note_workers();
        if matches!(self.run.failures, Failures::Apart(_)) {
            let percent = i64::from(job.completed) * 100 / i64::from(self.run.count.max(1));
            let mut progress = self.status.progress.take().unwrap_or_default();
            progress.percent = Some((percent as i32).clamp(0, 100)).max(progress.percent);
            self.status.progress = Some(progress);
        }
    }

    pub(super) fn note_workers(&mut self) {
        self.status.workers = status::workers(&self.run.status.workers, &self.seen.pods, self.run.count);
        for worker in &self.status.workers {
            let before = self.run.status.workers.iter().find(|old| old.index == worker.index);
            let restarted = before.is_some_and(|old| old.starts < worker.starts);
            if restarted && worker.reason.as_deref() == Some("Disrupted") {
                let note = format!("worker {} was taken away with its node and starts again from its checkpoint", worker.index);
                self.notices.push(Notice { reason: Reason::PreemptionObserved, note, warning: false });
            }
        }
    }

    /// Whether a worker may still run.
    pub(super) fn has_active_pods(&self) -> bool {
        self.seen.pods.iter().any(PodSeen::is_active)
    }

    /// Adds the current stretch to the active time, once.
    pub(super) fn settle_active_time(&mut self) {
        if self.status.active_since_time.is_some() {
            self.status.active_seconds = Some(active_seconds(&self.status, self.now));
            self.status.active_since_time = None;
        }
    }

    /// Seconds of active time that are left.
    pub(super) fn seconds_left(&self) -> i64 {
        self.run.common.deadline_seconds - active_seconds(&self.status, self.now)
    }

    /// Ends the run well.
    pub(super) fn succeed(mut self, found: &Found, reason: Reason) -> Self {
        self.settle_active_time();
        self.status.artifact = Some(found.artifact.clone());
        self.status.identity = Some(found.identity.clone());
        self.status.models.clone_from(&found.models);
        self.status.as_of = found.as_of;
        self.status.record_uri = Some(found.record_uri.clone());
        if let Some(progress) = &mut self.status.progress {
            progress.percent = Some(100);
            progress.eta_time = None;
            progress.waiting_for.clear();
        }
        self.enter(Phase::Succeeded, reason, "");
        self.notice(reason, format!("published {}", found.artifact.uri), false);
        self.next = Next::OnChange;
        self
    }

    /// Ends the run badly.
    pub(super) fn fail(mut self, reason: Reason, message: &str) -> Self {
        self.settle_active_time();
        if let Some(progress) = &mut self.status.progress {
            progress.eta_time = None;
            progress.waiting_for.clear();
        }
        self.enter(Phase::Failed, reason, message);
        let note = if message.is_empty() { reason.meaning() } else { message };
        self.notice(reason, note, true);
        self.next = Next::OnChange;
        self
    }

    pub(super) fn finish(self) -> Plan {
        let status = (self.status != self.run.status).then_some(self.status);
        Plan { status, effects: self.effects, notices: self.notices, next: self.next }
    }
}

/// A Job as it was seen.
pub(super) fn exactly(job: &JobSeen) -> Exactly {
    Exactly { name: job.name.clone(), uid: job.uid.clone(), resource_version: job.resource_version.clone() }
}

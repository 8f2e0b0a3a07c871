//! Before there is a Job: accept, reject, take an answer, wait, or make the Job.

use reprise_crds::contract::RunPlan;
use reprise_crds::reason::Reason;
use reprise_crds::status::{Phase, RunStatus};

use super::draft::Draft;
use super::{Effect, Plan, Request};
use crate::kind::Run;
use crate::observed::{Answer, JobSeen};
use crate::validate::Hindrance;

/// Seconds between two looks at what a run waits for; a watch wakes it earlier.
const WAIT_SECONDS: i64 = 60;

pub(super) fn plan(draft: Draft<'_>, request: &Request) -> Plan {
    match request {
        Err(hindrance) => hindered(draft, hindrance),
        Ok(None) => {
            let mut draft = draft;
            draft.look_after(1);
            draft.finish()
        }
        Ok(Some(request)) => accept(draft, request),
    }
}

/// A Job of our name that belongs to another object: it goes, or somebody has to rename.
pub(super) fn wait_for_the_name(mut draft: Draft<'_>, job: &JobSeen) -> Plan {
    if draft.status.phase.is_none() {
        draft.enter(Phase::Pending, Reason::PreviousJobTerminating, "");
    }
    if let Some(left) = seconds_pending(draft.run, &draft.status, draft.now) {
        if left <= 0 {
            return draft.fail(Reason::PendingDeadlineExceeded, "").finish();
        }
        draft.look_after(left);
    }
    let hint = format!("Job {} belongs to another object: wait until it is deleted, or name the run otherwise", job.name);
    draft.block(Reason::PreviousJobTerminating, &hint);
    draft.look_after(WAIT_SECONDS);
    draft.finish()
}

pub(super) fn hindered(mut draft: Draft<'_>, hindrance: &Hindrance) -> Plan {
    match hindrance {
        Hindrance::Rejected(refusals) if draft.run.status.request_digest.is_none() => {
            let message = refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let again = draft.run.status.phase == Some(Phase::Rejected) && draft.run.status.observed_generation == draft.run.generation;
            draft.enter(Phase::Rejected, Reason::InvalidSpec, &message);
            if !again {
                draft.notice(Reason::InvalidSpec, message, true);
            }
            draft.finish()
        }
        // Its spec is frozen and was accepted, by a version that could do more, or what it refers to has changed.
        Hindrance::Rejected(refusals) => {
            let message = refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            draft.fail(Reason::SourceChanged, &message).finish()
        }
        Hindrance::DependencyFailed { name } => draft.fail(Reason::DependencyFailed, &format!("TrainingRun {name} failed")).finish(),
        Hindrance::NotReady { reason, hint } => wait(draft, *reason, hint),
    }
}

fn wait(mut draft: Draft<'_>, reason: Reason, hint: &str) -> Plan {
    if let Some(left) = seconds_pending(draft.run, &draft.status, draft.now) {
        if left <= 0 {
            let message = format!("{} ({hint})", Reason::PendingDeadlineExceeded.meaning());
            return draft.fail(Reason::PendingDeadlineExceeded, &message).finish();
        }
        draft.look_after(left);
    }
    draft.enter(Phase::Pending, reason, hint);
    draft.block(reason, hint);
    draft.look_after(WAIT_SECONDS);
    draft.finish()
}

/// The request has a digest. An answer is taken; else the Job is made, after status says so.
pub(super) fn accept(mut draft: Draft<'_>, request: &RunPlan) -> Plan {
    if draft.run.status.request_digest.as_ref().is_some_and(|digest| *digest != request.request_digest) {
        return draft.fail(Reason::SourceChanged, "").finish();
    }
    match &draft.seen.answer {
        Answer::NotAsked => {
            draft.look_after(1);
            draft.finish()
        }
        Answer::Finished(found) => {
            draft.status.request_digest = Some(request.request_digest.clone());
            draft.succeed(found, Reason::AlreadyDone).finish()
        }
        // Nothing is frozen yet: a wrong address of the bucket can still be corrected.
        Answer::Unreadable { reason } => {
            if seconds_pending(draft.run, &draft.status, draft.now).is_some_and(|left| left <= 0) {
                return draft.fail(Reason::PendingDeadlineExceeded, reason).finish();
            }
            draft.enter(Phase::Pending, Reason::BucketUnreadable, reason);
            draft.block_on_bucket(reason);
            draft.finish()
        }
        Answer::Open { .. } => create(draft, request),
    }
}

fn create(mut draft: Draft<'_>, request: &RunPlan) -> Plan {
    if let Some(left) = seconds_pending(draft.run, &draft.status, draft.now) {
        if left <= 0 {
            return draft.fail(Reason::PendingDeadlineExceeded, "").finish();
        }
        draft.look_after(left);
    }
    let attempt = draft.status.attempt.unwrap_or(1);
    let refused = draft
        .run
        .status
        .blocking
        .clone()
        .filter(|before| [Reason::JobRefused, Reason::WebhookUnavailable].iter().any(|reason| before.reason == reason.as_str()));
    draft.status.request_digest = Some(request.request_digest.clone());
    draft.status.attempt = Some(attempt);
    draft.enter(Phase::Pending, Reason::JobCreated, "The Job is being made.");
    // Until it is made the refusal stands: it must not flicker with each try.
    draft.status.blocking = refused;
    draft.notice(Reason::JobCreated, format!("attempt {attempt}: Job {}", crate::names::job(&draft.run.name, attempt)), false);
    draft.effect(Effect::CreateJob { attempt, plan: Box::new(request.clone()) });
    draft.look_after(WAIT_SECONDS);
    draft.finish()
}

/// Seconds that are left for the first worker to run; `None` once one has run, or while the user keeps it suspended.
/// The time begins with the object, or when it was last resumed.
pub(super) fn seconds_pending(run: &Run, status: &RunStatus, now: jiff::Timestamp) -> Option<i64> {
    let has_run = status.timeline.iter().any(|entry| entry.stage == format!("{:?}", Phase::Running));
    if has_run || run.common.suspend {
        return None;
    }
    let stage = format!("{:?}", Phase::Suspended);
    let resumed =
        status.timeline.iter().rposition(|entry| entry.stage == stage).map(|at| status.timeline.get(at + 1).map(|next| next.time.0));
    let since = match resumed {
        None => run.created,
        Some(Some(time)) => time,
        Some(None) => now,
    };
    Some(run.common.pending_deadline_seconds - (now.as_second() - since.as_second()))
}

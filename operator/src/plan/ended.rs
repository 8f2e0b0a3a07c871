//! When a Job has ended or vanished, and after the run's own end.

use reprise_crds::contract::{ExitCode, ReportedError};
use reprise_crds::reason::Reason;
use reprise_crds::status::Phase;

use super::draft::{Draft, exactly};
use super::{Effect, MOST_ATTEMPTS, Plan, Request, pending};
use crate::observed::{Answer, JobEnd, JobSeen, PodSeen};

/// The Job has ended. A verified manifest is success, whatever the Job says; without one, no exit code is.
pub(super) fn end(mut draft: Draft<'_>, job: &JobSeen, end: &JobEnd) -> Plan {
    draft.note(job);
    let mut ended = match &draft.seen.answer {
        Answer::Finished(found) => draft.succeed(found, Reason::Succeeded),
        Answer::Unreadable { reason } => {
            draft.status.observed_generation = draft.run.generation;
            draft.block_on_bucket(reason);
            return draft.finish();
        }
        Answer::NotAsked => {
            draft.look_after(1);
            return draft.finish();
        }
        Answer::Open { .. } if end.complete => draft.fail(Reason::ReportMissing, ""),
        Answer::Open { .. } => {
            let (reason, message) = cause(&draft.seen.pods, end);
            draft.fail(reason, &message)
        }
    };
    expire(&mut ended, job);
    ended.finish()
}

/// The Job is gone, by a live read: the next attempt, unless the answer is there or there were enough.
pub(super) fn lost(mut draft: Draft<'_>, request: &Request) -> Plan {
    draft.note_workers();
    draft.settle_active_time();
    match &draft.seen.answer {
        Answer::Finished(found) => return draft.succeed(found, Reason::Succeeded).finish(),
        Answer::Unreadable { reason } => {
            draft.status.observed_generation = draft.run.generation;
            draft.block_on_bucket(reason);
            return draft.finish();
        }
        Answer::NotAsked | Answer::Open { .. } => {}
    }
    let attempt = draft.run.attempt();
    if draft.seconds_left() <= 0 {
        return draft.fail(Reason::DeadlineExceeded, "").finish();
    }
    if attempt >= MOST_ATTEMPTS {
        return draft.fail(Reason::ChildLost, "").finish();
    }
    match request {
        Err(hindrance) => pending::hindered(draft, hindrance),
        Ok(None) => {
            draft.look_after(1);
            draft.finish()
        }
        Ok(Some(request)) if draft.run.status.request_digest.as_ref() != Some(&request.request_digest) => {
            draft.fail(Reason::SourceChanged, "").finish()
        }
        Ok(Some(request)) => {
            draft.notice(Reason::AttemptLost, format!("Job {} is gone; attempt {} begins", draft.run.job_name(), attempt + 1), true);
            draft.status.attempt = Some(attempt + 1);
            draft.status.job = None;
            pending::accept(draft, request)
        }
    }
}

/// After the end: the Job goes, now if it never ended, else after its time. Nothing is ever started again.
pub(super) fn settle(mut draft: Draft<'_>) -> Plan {
    let own = |job: &&JobSeen| job.owner_uid.as_deref() == Some(draft.run.uid.as_str()) && !job.deleting;
    if let Some(job) = draft.seen.job.as_ref().filter(own) {
        if job.end.is_some() {
            expire(&mut draft, job);
        } else {
            draft.effect(Effect::DeleteJob { job: exactly(job) });
        }
    }
    if draft.status.observed_generation != draft.run.generation {
        draft.status.observed_generation = draft.run.generation;
        for condition in &mut draft.status.conditions {
            condition.observed_generation = Some(draft.run.generation);
        }
    }
    draft.finish()
}

fn expire(draft: &mut Draft<'_>, job: &JobSeen) {
    let wanted = i32::try_from(draft.run.common.ttl_seconds_after_finished).unwrap_or(i32::MAX);
    if job.ttl != Some(wanted) && !job.deleting && matches!(draft.status.phase, Some(Phase::Succeeded | Phase::Failed)) {
        draft.effect(Effect::ExpireJob { job: exactly(job), ttl_seconds: wanted });
    }
}

/// Why a Job failed: what can't get better first, then what the last worker said.
fn cause(pods: &[PodSeen], end: &JobEnd) -> (Reason, String) {
    if end.reason == "DeadlineExceeded" {
        return (Reason::DeadlineExceeded, String::new());
    }
    let failed = || pods.iter().filter(|pod| !pod.disrupted && pod.exit_code.is_some_and(|code| code != 0 && code != 143));
    let last = || failed().max_by_key(|pod| (pod.attempt, pod.created, &pod.uid));
    let meaning = |pod: &PodSeen| pod.exit_code.and_then(ExitCode::from_code);
    let decisive = failed().filter_map(|pod| {
        let reason = match meaning(pod)? {
            ExitCode::Usage => Reason::UsageError,
            ExitCode::Data => Reason::DataError,
            ExitCode::Configuration => Reason::ConfigurationError,
            _ => return None,
        };
        Some((reason, pod))
    });
    let (reason, pod) = match decisive.max_by_key(|(_, pod)| (pod.attempt, pod.created, &pod.uid)) {
        Some((reason, pod)) => (reason, Some(pod)),
        None => match last() {
            Some(pod) if pod.out_of_memory => (Reason::OutOfMemory, Some(pod)),
            Some(pod) if meaning(pod) == Some(ExitCode::Bug) => (Reason::WorkerBug, Some(pod)),
            last => (Reason::BackoffLimitExceeded, last),
        },
    };
    let message = match (reason, pod) {
        (Reason::OutOfMemory, Some(pod)) => format!("worker {} needed more memory than it has: raise spec.resources.memory", pod.index),
        (_, Some(pod)) => last_word(pod),
        (_, None) => format!("{}: {}", end.reason, end.message),
    };
    (reason, message)
}

/// What a worker said at its end, where, and what to do.
pub(super) fn last_word(pod: &PodSeen) -> String {
    let error = pod.report.as_ref().and_then(|report| report.error.as_ref());
    match error {
        Some(error) => format!("worker {}: {}", pod.index, sentence(error)),
        None if pod.out_of_memory => format!("worker {} needed more memory than it has", pod.index),
        None => format!("worker {} ended with exit code {}", pod.index, pod.exit_code.unwrap_or(-1)),
    }
}

fn sentence(error: &ReportedError) -> String {
    let row = error.row.map(|row| format!("row {row}"));
    let column = error.column.as_ref().map(|column| format!("column {column}"));
    let place = [error.file.clone(), row, column, error.field.clone()].into_iter().flatten().map(|part| part + ": ");
    let hint = error.hint.as_ref().map(|hint| format!(" ({hint})"));
    place.chain([error.message.clone(), format!(" [{}]", error.code)]).chain(hint).collect()
}

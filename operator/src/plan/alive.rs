//! While there is a Job that has not ended: let it run, stop it, or say what holds it up.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use reprise_crds::reason::Reason;
use reprise_crds::status::{Blocking, Phase};

use super::draft::{Draft, exactly};
use super::pending::seconds_pending;
use super::{Effect, Exactly, FENCE_SECONDS, LOOK_SECONDS, LOST_SECONDS, Plan};
use crate::observed::{Answer, JobSeen, PodSeen};
use crate::status;

/// Seconds between two looks while workers take their checkpoints.
pub(super) const STOP_SECONDS: i64 = 5;

pub(super) fn plan(mut draft: Draft<'_>, job: &JobSeen) -> Plan {
    draft.note(job);
    if job.deleting {
        draft.status.observed_generation = draft.run.generation;
        draft.block(Reason::PreviousJobTerminating, &format!("Job {} is being deleted", job.name));
        draft.look_after(LOOK_SECONDS);
        return draft.finish();
    }
    give_up_lost_pods(&mut draft);
    if draft.seconds_left() <= 0 {
        return stop_for_good(draft, job);
    }
    if draft.run.common.suspend {
        return stop_for_now(draft, job);
    }
    if let Some(left) = seconds_pending(draft.run, &draft.status, draft.now)
        && !status::is_running(&draft.seen.pods)
    {
        if left <= 0 {
            let mut failed = draft.fail(Reason::PendingDeadlineExceeded, "");
            failed.effect(Effect::DeleteJob { job: exactly(job) });
            return failed.finish();
        }
        draft.look_after(left);
    }
    match (job.suspended, super::queue::is_queued(draft.run)) {
        (true, true) => super::queue::wait(draft, job),
        (true, false) => start(draft, job),
        (false, _) => watch(draft, job),
    }
}

/// The deadline is over: stop with a checkpoint, and when nobody works any more, end.
fn stop_for_good(mut draft: Draft<'_>, job: &JobSeen) -> Plan {
    if is_stopping(&mut draft, job, Reason::DeadlineExceeded) {
        return draft.finish();
    }
    draft.settle_active_time();
    let mut ended = match &draft.seen.answer {
        Answer::Finished(found) => draft.succeed(found, Reason::Succeeded),
        Answer::Unreadable { reason } => {
            draft.enter(Phase::Suspending, Reason::DeadlineExceeded, "");
            draft.block_on_bucket(reason);
            return draft.finish();
        }
        Answer::NotAsked | Answer::Open { .. } => draft.fail(Reason::DeadlineExceeded, ""),
    };
    ended.effect(Effect::DeleteJob { job: exactly(job) });
    ended.finish()
}

/// The user wants it stopped: stop with a checkpoint and keep the Job.
fn stop_for_now(mut draft: Draft<'_>, job: &JobSeen) -> Plan {
    if is_stopping(&mut draft, job, Reason::BySpec) {
        return draft.finish();
    }
    if let Answer::Finished(found) = &draft.seen.answer {
        let mut ended = draft.succeed(found, Reason::AlreadyDone);
        ended.effect(Effect::DeleteJob { job: exactly(job) });
        return ended.finish();
    }
    draft.settle_active_time();
    if draft.run.status.phase != Some(Phase::Suspended) {
        draft.notice(Reason::BySpec, "stopped; it goes on from its checkpoint when spec.suspend is false", false);
    }
    draft.enter(Phase::Suspended, Reason::BySpec, "");
    super::queue::keep_out(&mut draft);
    draft.finish()
}

/// Whether workers are still being stopped; then the draft says so.
fn is_stopping(draft: &mut Draft<'_>, job: &JobSeen, reason: Reason) -> bool {
    let active = draft.has_active_pods();
    if job.suspended && !active {
        return false;
    }
    draft.enter(Phase::Suspending, reason, "");
    if super::queue::is_queued(draft.run) {
        super::queue::keep_out(draft);
    } else if !job.suspended {
        draft.effect(Effect::Suspend { job: exactly(job) });
    }
    block_on_lost_pods(draft);
    draft.look_after(STOP_SECONDS);
    true
}

/// The Job is suspended and wants to run.
fn start(mut draft: Draft<'_>, job: &JobSeen) -> Plan {
    let was_stopping = matches!(draft.run.status.phase, Some(Phase::Suspending | Phase::Suspended));
    if draft.has_active_pods() {
        // Workers of before still take their checkpoints: two of one index would waste work.
        draft.enter(Phase::Suspending, Reason::Suspending, "");
        block_on_lost_pods(&mut draft);
        draft.look_after(STOP_SECONDS);
        return draft.finish();
    }
    if was_stopping {
        draft.settle_active_time();
    }
    by_answer(draft, job, |_| (), |draft| let_run(draft, job, was_stopping))
}

/// What the bucket says decides about a Job that is suspended: `hold` while something keeps it from running, `go` when
/// nothing does.
pub(super) fn by_answer<'a>(
    mut draft: Draft<'a>,
    job: &JobSeen,
    hold: impl FnOnce(&mut Draft<'a>),
    go: impl FnOnce(&mut Draft<'a>),
) -> Plan {
    match &draft.seen.answer {
        Answer::Finished(found) => {
            let mut ended = draft.succeed(found, Reason::AlreadyDone);
            ended.effect(Effect::DeleteJob { job: exactly(job) });
            return ended.finish();
        }
        Answer::Unreadable { reason } => {
            draft.enter(Phase::Queued, Reason::BucketUnreadable, reason);
            draft.block_on_bucket(reason);
            hold(&mut draft);
        }
        Answer::Open { claimed: Some(claimed) } => {
            let hint = format!("{} of cluster {} works on the same request", claimed.run_uid, claimed.cluster_uid);
            draft.enter(Phase::Queued, Reason::ClaimedElsewhere, &hint);
            draft.block_until(Reason::ClaimedElsewhere, &hint, claimed.until);
            hold(&mut draft);
        }
        Answer::NotAsked => draft.look_after(1),
        Answer::Open { claimed: None } => go(&mut draft),
    }
    draft.finish()
}

fn let_run(draft: &mut Draft<'_>, job: &JobSeen, resumed: bool) {
    if draft.run.status.phase != Some(Phase::Provisioning) {
        draft.enter(Phase::Queued, Reason::Queued, "");
        if resumed {
            draft.notice(Reason::Resumed, "goes on from its checkpoint", false);
        } else {
            draft.notice(Reason::WorkersStarted, format!("Job {} may run", job.name), false);
        }
    }
    if draft.status.active_since_time.is_none() {
        draft.status.active_since_time = Some(Time(status::seconds(draft.now)));
    }
    draft.enter(Phase::Provisioning, Reason::WorkersStarting, "");
    let active_deadline_seconds = draft.seconds_left() + FENCE_SECONDS;
    draft.effect(Effect::Unsuspend { job: exactly(job), active_deadline_seconds });
    draft.look_after(LOOK_SECONDS);
}

/// The Job may run: say how far it is, and what holds it up.
fn watch(mut draft: Draft<'_>, job: &JobSeen) -> Plan {
    if draft.status.active_since_time.is_none() {
        let since = job.start_time.unwrap_or(draft.now);
        draft.status.active_since_time = Some(Time(status::seconds(since)));
    }
    let running = status::is_running(&draft.seen.pods);
    let has_run = draft.run.status.phase == Some(Phase::Running);
    if running || has_run {
        draft.enter(Phase::Running, Reason::Running, "");
    } else {
        draft.enter(Phase::Provisioning, Reason::WorkersStarting, "");
    }
    if let Some(said) = draft.seen.progress.as_ref().filter(|_| running) {
        let mut progress = status::progress(draft.status.progress.as_ref(), said, draft.now);
        if matches!(draft.run.failures, crate::kind::Failures::Apart(_)) {
            progress.percent = draft.status.progress.as_ref().and_then(|noted| noted.percent);
        }
        draft.status.progress = Some(progress);
    }
    if let Some((reason, hint)) = holds_up(&draft, running) {
        draft.block(reason, &hint);
    }
    let left = draft.seconds_left();
    draft.look_after(LOOK_SECONDS.min(left));
    draft.finish()
}

/// What holds workers up, the most serious first.
fn holds_up(draft: &Draft<'_>, running: bool) -> Option<(Reason, String)> {
    let pods = || draft.seen.pods.iter().filter(|pod| pod.is_active());
    if let Some(pod) = pods().find(|pod| is_lost(draft, pod)) {
        return Some((Reason::NodeLost, lost_hint(pod)));
    }
    if let Some(message) = pods().find_map(|pod| pod.unschedulable.clone()) {
        return Some((Reason::Unschedulable, message));
    }
    if let Some((reason, message)) = pods().find_map(|pod| pod.waiting.clone()) {
        if reason.contains("Image") {
            return Some((Reason::ImageUnavailable, format!("{reason}: {message}")));
        }
        if reason.starts_with("CreateContainer") || reason == "RunContainerError" {
            return Some((Reason::ContainerRefused, format!("{reason}: {message}")));
        }
    }
    if !running {
        let ended = draft.seen.pods.iter().filter(|pod| !pod.is_active() && pod.exit_code.is_some_and(|code| code != 0));
        let last = ended.max_by_key(|pod| (pod.created, &pod.uid))?;
        return Some((Reason::WorkerRestarting, super::ended::last_word(last)));
    }
    let waiting = draft.seen.progress.as_ref().map(|said| said.waiting_for.join(", ")).filter(|waiting| !waiting.is_empty());
    match waiting {
        Some(waiting) => Some((Reason::WorkersWaiting, format!("waits for {waiting}"))),
        // Between two looks at progress the last one stands.
        None if draft.seen.progress.is_none() => kept(draft.run.status.blocking.as_ref()),
        None => None,
    }
}

fn kept(before: Option<&Blocking>) -> Option<(Reason, String)> {
    let before = before.filter(|before| before.reason == Reason::WorkersWaiting.as_str())?;
    Some((Reason::WorkersWaiting, before.hint.clone().unwrap_or_default()))
}

/// Whether a pod should have ended and its node does not answer.
fn is_lost(draft: &Draft<'_>, pod: &PodSeen) -> bool {
    let overdue = pod.ends.is_some_and(|ends| draft.now.as_second() >= ends.as_second() + LOST_SECONDS);
    overdue && pod.node_ready == Some(false)
}

fn lost_hint(pod: &PodSeen) -> String {
    format!("node {} does not answer; worker {} starts elsewhere", pod.node.as_deref().unwrap_or("?"), pod.index)
}

pub(super) fn block_on_lost_pods(draft: &mut Draft<'_>) {
    if let Some(hint) = draft.seen.pods.iter().find(|pod| pod.is_active() && is_lost(draft, pod)).map(lost_hint) {
        draft.block(Reason::NodeLost, &hint);
    }
}

/// Kubernetes would wait for a dead node's pods for ever, because a replacement waits for their end.
fn give_up_lost_pods(draft: &mut Draft<'_>) {
    for pod in draft.seen.pods.iter().filter(|pod| pod.ends.is_some()) {
        let Some(ends) = pod.ends else { continue };
        let exactly = Exactly { name: pod.name.clone(), uid: pod.uid.clone(), resource_version: pod.resource_version.clone() };
        if is_lost(draft, pod) {
            draft.notice(Reason::NodeLost, lost_hint(pod), true);
            draft.effect(Effect::LosePod { pod: exactly });
        } else if pod.is_active() {
            draft.look_after(ends.as_second() + LOST_SECONDS - draft.now.as_second());
        }
    }
}

//! A run that waits in a queue. Kueue alone lets its Job run and stops it; the operator says only whether the Job may be
//! let in, by the Workload's `spec.active`, and tells what the queue says.

use reprise_crds::reason::Reason;
use reprise_crds::status::{ConditionType, Phase};

use super::alive::{STOP_SECONDS, block_on_lost_pods, by_answer};
use super::draft::{Draft, exactly};
use super::{Effect, Exactly, FENCE_SECONDS, Plan};
use crate::kind::Run;
use crate::observed::{JobSeen, Observed, WorkloadSeen};
use crate::status::{Say, Truth};

/// Seconds between two looks at what the queue says; that the Job may run is told by a watch.
const QUEUE_SECONDS: i64 = 60;

/// Reasons of ours for which a Workload is inactive; for any other somebody else made it so.
const OURS: [Reason; 4] = [Reason::BySpec, Reason::Resumed, Reason::ClaimedElsewhere, Reason::BucketUnreadable];

/// Whether a queue decides when the run's Job runs.
pub(super) const fn is_queued(run: &Run) -> bool {
    run.common.queue_name.is_some()
}

/// The condition of a run that waits in a queue.
pub(super) fn says(run: &Run, seen: &Observed, phase: Phase) -> Option<Say> {
    if !is_queued(run) {
        return None;
    }
    let say = |truth, reason, message: &str| Say { kind: ConditionType::QuotaReserved, truth, reason, message: message.to_owned() };
    Some(match (phase, &seen.workload) {
        (Phase::Succeeded | Phase::Failed, _) => say(Truth::False, Reason::Finished, ""),
        (_, Some(workload)) if workload.reserved => say(Truth::True, Reason::QuotaReserved, ""),
        (_, Some(workload)) => say(Truth::False, Reason::WaitingForQuota, &workload.told),
        (_, None) => say(Truth::False, Reason::WaitingForQuota, ""),
    })
}

/// Keeps the Job out of the cluster, or lets the queue take it out.
pub(super) fn keep_out(draft: &mut Draft<'_>) {
    if let Some(workload) = draft.seen.workload.as_ref().filter(|workload| workload.active) {
        draft.effect(Effect::Deactivate { workload: exact(workload) });
        draft.look_after(STOP_SECONDS);
    }
}

/// The Job is suspended: the queue has not let it in yet, or has stopped it.
pub(super) fn wait(mut draft: Draft<'_>, job: &JobSeen) -> Plan {
    if draft.has_active_pods() {
        let told = draft.seen.workload.as_ref().map_or("", |workload| workload.told.as_str());
        if draft.run.status.phase != Some(Phase::Suspending) {
            draft.notice(Reason::ByQueue, if told.is_empty() { Reason::ByQueue.meaning() } else { told }, false);
        }
        draft.enter(Phase::Suspending, Reason::ByQueue, told);
        block_on_lost_pods(&mut draft);
        draft.look_after(STOP_SECONDS);
        return draft.finish();
    }
    draft.settle_active_time();
    by_answer(draft, job, keep_out, |draft| queue(draft, job))
}

/// Nothing of ours holds the run up: what does the queue say?
fn queue(draft: &mut Draft<'_>, job: &JobSeen) {
    let fence = draft.seconds_left() + FENCE_SECONDS;
    if job.active_deadline != Some(fence) {
        draft.effect(Effect::Fence { job: exactly(job), active_deadline_seconds: fence });
    }
    let Some(workload) = draft.seen.workload.clone() else {
        let name = draft.run.common.queue_name.as_deref().unwrap_or_default();
        draft.enter(Phase::Queued, Reason::WaitingForQuota, "");
        draft.block(Reason::WaitingForQuota, &format!("Kueue has made no Workload yet: it needs LocalQueue {name} in this namespace"));
        return draft.look_after(STOP_SECONDS);
    };
    if workload.active {
        draft.enter(Phase::Queued, if workload.reserved { Reason::QuotaReserved } else { Reason::WaitingForQuota }, &workload.told);
        draft.block(Reason::WaitingForQuota, &workload.told);
        // Just made or just let in, the Workload changes at once; later it waits for others.
        return draft.look_after(if workload.told.is_empty() { STOP_SECONDS } else { QUEUE_SECONDS });
    }
    if is_ours(draft.run) {
        if draft.run.status.phase == Some(Phase::Suspended) {
            draft.notice(Reason::Resumed, "waits in its queue to go on from its checkpoint", false);
        }
        draft.enter(Phase::Queued, Reason::Resumed, "");
        draft.effect(Effect::Activate { workload: exact(&workload) });
        return draft.look_after(STOP_SECONDS);
    }
    draft.enter(Phase::Suspended, Reason::ByQueue, &workload.told);
    draft.block(Reason::ByQueue, &format!("Workload {} is inactive: {}", workload.name, workload.told));
    draft.look_after(QUEUE_SECONDS);
}

/// Whether the Workload is inactive because of us, as the stored status says.
fn is_ours(run: &Run) -> bool {
    let running = run.status.conditions.iter().find(|condition| condition.type_ == ConditionType::Running.as_str());
    running.is_some_and(|condition| OURS.iter().any(|reason| condition.reason == reason.as_str()))
}

fn exact(workload: &WorkloadSeen) -> Exactly {
    Exactly { name: workload.name.clone(), uid: workload.uid.clone(), resource_version: workload.resource_version.clone() }
}

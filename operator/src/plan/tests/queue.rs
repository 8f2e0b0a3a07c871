//! The rows of runs that wait in a queue.

use super::*;

/// A Workload that waits.
fn waiting(told: &str) -> WorkloadSeen {
    let name = "w".to_owned();
    WorkloadSeen { name, uid: "w-1".to_owned(), resource_version: "3".to_owned(), active: true, reserved: false, told: told.to_owned() }
}

/// A run whose Job was made and waits in a queue.
fn in_queue(workload: Option<WorkloadSeen>) -> World {
    let mut world = queued().set("queueName", json!("team"));
    world.seen.workload = workload;
    world
}

/// A run that its queue let in and whose worker runs.
fn running_in_queue() -> World {
    let mut world = running().set("queueName", json!("team"));
    world.seen.workload = Some(WorkloadSeen { reserved: true, ..waiting("") });
    world.then()
}

/// A run that was stopped in its queue.
fn suspended_in_queue() -> World {
    let stopped = in_queue(Some(waiting("no cpu"))).set("suspend", json!(true)).then();
    stopped.inactive()
}

rows! {
    queue_makes_the_job_as_ever: world().set("queueName", json!("team")) => "Pending/JobCreated | create 1 | JobCreated | 60 s";
    queue_waits_for_kueue: in_queue(None)
        => "Queued/WaitingForQuota blocked by WaitingForQuota | bound by 86700 s | - | 5 s";
    queue_waits_for_quota: in_queue(Some(waiting("no cpu")))
        => "Queued/WaitingForQuota blocked by WaitingForQuota | bound by 86700 s | - | 60 s";
    queue_is_bound_once: in_queue(Some(waiting("no cpu"))).with_job(|job| job.active_deadline = Some(86_700)).then()
        => "Queued/WaitingForQuota blocked by WaitingForQuota (stands) | - | - | 60 s";
    queue_let_it_in_and_checks_are_open: in_queue(Some(WorkloadSeen { reserved: true, ..waiting("check nodes is not ready") }))
        => "Queued/QuotaReserved blocked by WaitingForQuota | bound by 86700 s | - | 60 s";
    queue_starts_it: in_queue(Some(WorkloadSeen { reserved: true, ..waiting("") })).with_job(|job| job.suspended = false)
        .answer(Answer::NotAsked) => "Provisioning/WorkersStarting | - | - | 15 s";
    queue_is_told_to_stop_it: running_in_queue().set("suspend", json!(true)) => "Suspending/BySpec | deactivate w | - | 5 s";
    queue_has_stopped_it: running_in_queue().set("suspend", json!(true)).then().with_job(|job| job.suspended = true).inactive().no_pods()
        => "Suspended/BySpec | - | BySpec | on change";
    queue_keeps_out_what_is_suspended_before_it_ran: in_queue(Some(waiting("no cpu"))).set("suspend", json!(true))
        => "Suspended/BySpec | deactivate w | BySpec | 5 s";
    queue_takes_it_again: suspended_in_queue().set("suspend", json!(false))
        => "Queued/Resumed | bound by 86700 s, activate w | Resumed | 5 s";
    queue_takes_it_again_after_a_crash: suspended_in_queue().set("suspend", json!(false)).then()
        => "Queued/Resumed (stands) | bound by 86700 s, activate w | - | 5 s";
    queue_evicts_it: running_in_queue().with_job(|job| job.suspended = true).told("preempted")
        => "Suspending/ByQueue | - | ByQueue | 5 s";
    queue_evicted_it_and_it_waits_again: running_in_queue().with_job(|job| job.suspended = true).told("preempted").then().no_pods().at(100)
        .answer(Answer::Open { claimed: None })
        => "Queued/WaitingForQuota blocked by WaitingForQuota | bound by 86600 s | - | 60 s";
    queue_was_told_by_somebody_else: running_in_queue().with_job(|job| job.suspended = true).inactive().told("by hand").then().no_pods()
        .answer(Answer::Open { claimed: None })
        => "Suspended/ByQueue blocked by ByQueue | bound by 86700 s | - | 60 s";
    queue_keeps_out_what_somebody_else_works_on: in_queue(Some(waiting("no cpu"))).answer(claimed(400))
        => "Queued/ClaimedElsewhere blocked by ClaimedElsewhere | deactivate w | - | 5 s";
    queue_takes_it_when_the_claim_is_old: in_queue(Some(waiting("no cpu"))).answer(claimed(400)).then().inactive()
        .answer(Answer::Open { claimed: None }) => "Queued/Resumed | bound by 86700 s, activate w | - | 5 s";
    queue_takes_an_answer: in_queue(Some(waiting("no cpu"))).finished() => "Succeeded/AlreadyDone | delete a-1 job-1 | AlreadyDone | on change";
    queue_waits_until_the_pending_deadline: in_queue(Some(waiting("no cpu"))).at(86_400)
        => "Failed/PendingDeadlineExceeded | delete a-1 job-1 | PendingDeadlineExceeded | on change";
    queue_stops_it_at_the_deadline: running_in_queue().at(86_400) => "Suspending/DeadlineExceeded | deactivate w | - | 5 s";
}

#[test]
fn a_run_in_a_queue_says_whether_quota_is_reserved() {
    let said = |world: World| {
        let status = world.then().status;
        let condition = status.conditions.iter().find(|condition| condition.type_ == "QuotaReserved").cloned();
        condition.map(|condition| format!("{}/{}", condition.status, condition.reason))
    };
    assert_eq!(said(running()), None, "without a queue nobody waits for quota");
    assert_eq!(said(in_queue(None)).as_deref(), Some("False/WaitingForQuota"));
    assert_eq!(said(running_in_queue()).as_deref(), Some("True/QuotaReserved"));
    assert_eq!(said(running_in_queue().ended(true, "Completed").finished()).as_deref(), Some("False/Finished"));
}

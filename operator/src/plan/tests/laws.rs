//! What holds in every row.

use super::*;

#[test]
fn active_time_is_counted_while_workers_may_run_and_never_twice() {
    let stopped = suspended();
    assert_eq!((stopped.status.active_seconds, stopped.status.active_since_time.clone()), (Some(100), None));
    let again = stopped.clone().at(400).then();
    assert_eq!(again.status.active_seconds, Some(100), "a stopped run does not age");
    let mut resumed = again.set("suspend", json!(false)).at(500).then();
    assert_eq!(resumed.status.active_since_time, Some(Time(time(500))));
    resumed.job().suspended = false;
    assert_eq!(crate::plan::active_seconds(&resumed.at(560).status, time(560)), 160);
}

#[test]
fn a_plan_that_was_carried_out_is_not_carried_out_again() {
    for world in [world(), queued(), provisioning(), running(), suspended(), running().ended(true, "Completed").finished()] {
        let next = world.then();
        assert_eq!(next.plan().status, None, "{}", next.row());
        assert_eq!(next.plan().effects, world.plan().effects, "an effect whose answer was lost is made again");
    }
}

#[test]
fn every_known_condition_is_there_from_the_first_visit_and_carries_the_generation() {
    for world in [world(), world().unreadable(), world().set("budget", json!({"max": "1.00"})), running()] {
        let status = world.plan().status.unwrap_or(world.status.clone());
        let types: Vec<&str> = status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
        for kind in ["Accepted", "Running", "Suspended", "Succeeded"] {
            assert!(types.contains(&kind), "{kind} is not in {types:?}");
        }
        assert!(status.conditions.iter().all(|condition| condition.observed_generation == Some(world.generation)));
        assert!(!types.contains(&"Ready"), "Ready=False would read as in progress");
    }
}

#[test]
fn a_conditions_time_changes_only_when_it_turns() {
    let status = running().at(300).set("deadlineSeconds", json!(90_000)).plan().status.unwrap();
    let since = |kind: &str| status.conditions.iter().find(|condition| condition.type_ == kind).unwrap().last_transition_time.0;
    assert_eq!(since("Accepted"), time(0));
    assert_eq!(since("Running"), time(0));
    let stopped = running().at(300).set("suspend", json!(true)).then().with_job(|job| job.suspended = true).no_pods().at(320).then();
    let running = stopped.status.conditions.iter().find(|condition| condition.type_ == "Running").unwrap();
    assert_eq!((running.status.as_str(), running.last_transition_time.0), ("False", time(320)));
}

#[test]
fn a_failure_says_what_the_worker_said() {
    let failed = running()
        .no_pods()
        .pod(0, PodPhase::Failed, Some(65))
        .with_pod(|pod| pod.report = Some(report("BadData")))
        .ended(false, "PodFailurePolicy");
    let status = failed.plan().status.unwrap();
    let stalled = status.conditions.iter().find(|condition| condition.type_ == "Stalled").unwrap();
    assert_eq!(stalled.message, "worker 0: no/sales.csv: it is bad [BadData]");
    assert_eq!((status.workers[0].exit_code, status.workers[0].reason.as_deref()), (Some(65), Some("DataError")));
}

#[test]
fn a_workers_starts_are_counted_once_per_pod() {
    let first = running();
    assert_eq!(first.status.workers[0].starts, 1);
    let failed = first.with_pod(|pod| {
        pod.phase = PodPhase::Failed;
        pod.exit_code = Some(75);
    });
    let second = failed.pod(0, PodPhase::Failed, Some(75)).pod(0, PodPhase::Running, None).then();
    assert_eq!(second.status.workers[0].starts, 3, "a pod that came and went between two looks counts too");
    assert_eq!(second.then().status.workers[0].starts, 3);
    assert_eq!(second.status.workers[0].exit_code, Some(75));
}

#[test]
fn progress_goes_forward_only() {
    let mut world = running();
    let said = |percent| Some(Progress { percent: Some(percent), eta_seconds: Some(60), loss: Some(0.5), ..Progress::at(Stage::Training) });
    world.seen.progress = said(40.9);
    let mut next = world.then();
    assert_eq!(next.status.progress.as_ref().unwrap().percent, Some(40));
    assert_eq!(next.status.progress.as_ref().unwrap().eta_time, Some(Time(time(60))));
    next.seen.progress = said(3.0);
    assert_eq!(next.then().status.progress.unwrap().percent, Some(40));
    next.seen.progress = said(100.0);
    assert_eq!(next.then().status.progress.unwrap().percent, Some(99), "the manifest is not there yet");
}

#[test]
fn preparing_data_is_no_progress_of_the_training() {
    let mut world = running();
    world.seen.progress = Some(Progress { percent: Some(99.0), eta_seconds: Some(1), ..Progress::at(Stage::Preparing) });
    let progress = world.then().status.progress.unwrap();
    assert_eq!((progress.percent, progress.eta_time), (None, None));
}

#[test]
fn a_bucket_that_stays_unreadable_is_asked_less_often_and_looking_does_not_write() {
    let mut world = running().ended(true, "Completed").unreadable();
    let (mut writes, mut now) = (0, 0);
    while now < 3600 {
        world = world.at(now);
        let plan = world.plan();
        writes += i32::from(plan.status.is_some());
        world = world.then();
        now += 5;
    }
    assert!((5..30).contains(&writes), "{writes} writes in an hour of looking every 5 seconds");
    assert_eq!(world.status.blocking.as_ref().unwrap().since_time, Time(time(0)));
}

#[test]
fn a_timeline_keeps_its_newest_entries() {
    let mut world = running();
    world.status.timeline = (0..64).map(|at| TimelineEntry { stage: format!("Stage{at}"), time: Time(time(at)), attempt: 1 }).collect();
    world.status.phase = Some(Phase::Provisioning);
    let timeline = world.plan().status.unwrap().timeline;
    assert_eq!((timeline.len(), timeline[0].stage.as_str(), timeline[63].stage.as_str()), (64, "Stage1", "Running"));
}

#[test]
fn a_webhook_that_does_not_answer_is_told_as_what_it_is() {
    let down = Refused { message: "failed calling webhook".to_owned(), by_webhook: true };
    let told = crate::plan::refused(&world().then().status, &down, time(5));
    assert_eq!(told.blocking.as_ref().unwrap().reason, "WebhookUnavailable");
    let again = World { status: told.clone(), ..world() };
    assert_eq!(again.plan().status, None, "it stands until the Job is made");
}

#[test]
fn a_refused_job_is_told_once() {
    let status = world().then().status;
    let quota = Refused { message: "exceeded quota".to_owned(), by_webhook: false };
    let told = crate::plan::refused(&status, &quota, time(5));
    assert_eq!(told.blocking.as_ref().unwrap().hint.as_deref(), Some("exceeded quota"));
    assert_eq!(crate::plan::refused(&told, &quota, time(50)), told);
    let again = World { status: told.clone(), ..world() };
    assert_eq!(again.plan().status, None, "the refusal stands until the Job is made: {}", again.row());
    let mut made = World { status: told, ..queued() };
    made.now = 60;
    assert_eq!(made.then().status.blocking, None);
    assert_eq!(made.then().status.job, Some(JobStatus { name: "a-1".to_owned(), uid: "job-1".to_owned() }));
}

//! One test per row of the phase table.

use super::*;

rows! {
    pending_makes_the_job: world() => "Pending/JobCreated | create 1 | JobCreated | 60 s";
    pending_makes_the_job_again_after_a_crash: world().then() => "Pending/JobCreated (stands) | create 1 | JobCreated | 60 s";
    pending_takes_an_answer: world().finished() => "Succeeded/AlreadyDone | - | AlreadyDone | on change";
    pending_waits_for_the_bucket: world().unreadable() => "Pending/BucketUnreadable blocked by BucketUnreadable | - | - | 10 s";
    pending_waits_for_the_source: world().dependencies(|all| all.source = None)
        => "Pending/DependencyNotReady blocked by DependencyNotReady | - | - | 60 s";
    pending_waits_for_the_account: world().dependencies(|all| all.account = Account::Missing)
        => "Pending/AccountNotAllowed blocked by AccountNotAllowed | - | - | 60 s";
    pending_refuses_an_account_of_others: world().dependencies(|all| all.account = Account::Unlabelled)
        => "Pending/AccountNotAllowed blocked by AccountNotAllowed | - | - | 60 s";
    pending_waits_for_allowed_artifacts: world().dependencies(|all| all.artifact_roots = "gs://models/other".to_owned())
        => "Pending/ArtifactsNotAllowed blocked by ArtifactsNotAllowed | - | - | 60 s";
    pending_waits_for_a_run_that_is_missing: with_reference(Referenced::Missing)
        => "Pending/DependencyNotReady blocked by DependencyNotReady | - | - | 60 s";
    pending_waits_for_a_run_that_is_unfinished: with_reference(Referenced::Unfinished)
        => "Pending/DependencyNotReady blocked by DependencyNotReady | - | - | 60 s";
    pending_fails_with_a_run_that_failed: with_reference(Referenced::Failed) => "Failed/DependencyFailed | - | DependencyFailed | on change";
    pending_goes_on_when_a_run_has_published: with_reference(published()) => "Pending/JobCreated | create 1 | JobCreated | 60 s";
    pending_looks_again_before_its_deadline: world().set("pendingDeadlineSeconds", json!(60)).dependencies(|all| all.source = None).at(45)
        => "Pending/DependencyNotReady blocked by DependencyNotReady | - | - | 15 s";
    pending_ends_at_its_deadline: world().set("pendingDeadlineSeconds", json!(60)).dependencies(|all| all.source = None).at(60)
        => "Failed/PendingDeadlineExceeded | - | PendingDeadlineExceeded | on change";
    pending_waits_while_another_objects_job_has_the_name: {
        let mut world = queued();
        world.status = RunStatus { observed_generation: -1, ..RunStatus::default() };
        world.with_job(|job| job.owner_uid = Some("another".to_owned()))
    } => "Pending/PreviousJobTerminating blocked by PreviousJobTerminating | - | - | 60 s";

    rejected_by_name_of_the_field: world().set("budget", json!({"max": "1.00"})) => "Rejected/InvalidSpec | - | InvalidSpec | on change";
    rejected_stands: world().set("budget", json!({"max": "1.00"})).then() => "Rejected/InvalidSpec (stands) | - | - | on change";
    rejected_for_a_market_that_is_not_there: world().set("data", json!({"sourceRef": {"name": "shop"}, "markets": ["SE"]}))
        => "Rejected/InvalidSpec | - | InvalidSpec | on change";
    rejected_is_corrected: world().set("nodes", json!({"existing": {"selector": {"a": "b"}}})).then().set("nodes", Value::Null)
        => "Pending/JobCreated | create 1 | JobCreated | 60 s";

    queued_is_let_run: queued() => "Provisioning/WorkersStarting | unsuspend a-1 for 86700 s | WorkersStarted | 15 s";
    queued_waits_for_somebody_elses_claim: queued().answer(claimed(400))
        => "Queued/ClaimedElsewhere blocked by ClaimedElsewhere | - | - | 30 s";
    queued_waits_for_a_claim_and_looking_does_not_write: queued().answer(claimed(400)).then().answer(claimed(460)).at(60)
        => "Queued/ClaimedElsewhere blocked by ClaimedElsewhere (stands) | - | - | 30 s";
    queued_takes_an_answer: queued().finished() => "Succeeded/AlreadyDone | delete a-1 job-1 | AlreadyDone | on change";
    queued_waits_for_the_bucket: queued().unreadable() => "Queued/BucketUnreadable blocked by BucketUnreadable | - | - | 10 s";
    queued_is_suspended_at_once: queued().set("suspend", json!(true)) => "Suspended/BySpec | - | BySpec | on change";
    queued_ends_at_the_pending_deadline: queued().answer(claimed(90_000)).at(86_400)
        => "Failed/PendingDeadlineExceeded | delete a-1 job-1 | PendingDeadlineExceeded | on change";

    provisioning_is_let_run_again_after_a_crash: queued().then() => "Provisioning/WorkersStarting (stands) | unsuspend a-1 for 86700 s | - | 15 s";
    provisioning_waits_for_a_worker: provisioning() => "Provisioning/WorkersStarting (stands) | - | - | 15 s";
    provisioning_says_why_nothing_is_scheduled:
        provisioning().pod(0, PodPhase::Pending, None).with_pod(|pod| pod.unschedulable = Some("0/3 nodes".to_owned()))
        => "Provisioning/WorkersStarting blocked by Unschedulable | - | - | 15 s";
    provisioning_says_that_the_image_is_not_there:
        provisioning().pod(0, PodPhase::Pending, None).with_pod(|pod| pod.waiting = Some(("ImagePullBackOff".to_owned(), "no".to_owned())))
        => "Provisioning/WorkersStarting blocked by ImageUnavailable | - | - | 15 s";
    provisioning_ends_at_the_pending_deadline: provisioning().set("deadlineSeconds", json!(90_000)).at(86_400)
        => "Failed/PendingDeadlineExceeded | delete a-1 job-1 | PendingDeadlineExceeded | on change";
    provisioning_runs: provisioning().pod(0, PodPhase::Running, None) => "Running/Running | - | - | 15 s";

    running_stands: running() => "Running/Running (stands) | - | - | 15 s";
    running_says_what_it_waits_for: {
        let mut world = running();
        world.seen.progress = Some(Progress { waiting_for: vec!["data".to_owned()], ..Progress::at(Stage::Waiting) });
        world
    } => "Running/Running blocked by WorkersWaiting | - | - | 15 s";
    running_says_that_a_worker_starts_again: running().with_pod(|pod| {
        pod.phase = PodPhase::Failed;
        pod.exit_code = Some(75);
    }) => "Running/Running blocked by WorkerRestarting | - | - | 15 s";
    running_counts_a_worker_that_was_taken_away: running().with_pod(|pod| {
        pod.phase = PodPhase::Failed;
        pod.exit_code = Some(143);
        pod.disrupted = true;
    }).pod(0, PodPhase::Running, None) => "Running/Running | - | PreemptionObserved | 15 s";
    running_succeeds_with_a_verified_manifest: running().ended(true, "Completed").finished()
        => "Succeeded/Succeeded | expire after 86400 s | Succeeded | on change";
    running_fails_without_a_manifest: running().ended(true, "Completed")
        => "Failed/ReportMissing | expire after 86400 s | ReportMissing | on change";
    running_stays_while_the_bucket_is_unreadable: running().ended(true, "Completed").unreadable()
        => "Running/Running blocked by BucketUnreadable | - | - | 10 s";
    running_succeeds_even_if_the_job_failed_after_publishing: running().ended(false, "BackoffLimitExceeded").finished()
        => "Succeeded/Succeeded | expire after 86400 s | Succeeded | on change";
    running_fails_for_bad_data: running().no_pods().pod(0, PodPhase::Failed, Some(65)).with_pod(|pod| pod.report = Some(report("BadData")))
        .ended(false, "PodFailurePolicy") => "Failed/DataError | expire after 86400 s | DataError | on change";
    running_fails_for_a_bad_plan: running().no_pods().pod(0, PodPhase::Failed, Some(64)).ended(false, "PodFailurePolicy")
        => "Failed/UsageError | expire after 86400 s | UsageError | on change";
    running_fails_for_a_build_that_does_not_fit: running().no_pods().pod(0, PodPhase::Failed, Some(78)).ended(false, "PodFailurePolicy")
        => "Failed/ConfigurationError | expire after 86400 s | ConfigurationError | on change";
    running_fails_for_a_bug: running().no_pods().pod(0, PodPhase::Failed, Some(70)).ended(false, "BackoffLimitExceeded")
        => "Failed/WorkerBug | expire after 86400 s | WorkerBug | on change";
    running_fails_for_memory: running().no_pods().pod(0, PodPhase::Failed, Some(137)).with_pod(|pod| pod.out_of_memory = true)
        .ended(false, "BackoffLimitExceeded") => "Failed/OutOfMemory | expire after 86400 s | OutOfMemory | on change";
    running_fails_after_too_many_tries: running().no_pods().pod(0, PodPhase::Failed, Some(75)).ended(false, "BackoffLimitExceeded")
        => "Failed/BackoffLimitExceeded | expire after 86400 s | BackoffLimitExceeded | on change";
    running_fails_when_the_fence_ended_it: running().ended(false, "DeadlineExceeded")
        => "Failed/DeadlineExceeded | expire after 86400 s | DeadlineExceeded | on change";
    running_is_suspended: running().set("suspend", json!(true)) => "Suspending/BySpec | suspend a-1 | - | 5 s";
    running_starts_the_next_attempt_when_the_job_vanishes: running().without_job()
        => "Pending/JobCreated | create 2 | AttemptLost, JobCreated | 60 s";
    running_takes_the_answer_when_the_job_vanishes: running().without_job().finished()
        => "Succeeded/Succeeded | - | Succeeded | on change";
    running_gives_up_after_three_attempts: {
        let mut world = running().without_job();
        world.status.attempt = Some(3);
        world
    } => "Failed/ChildLost | - | ChildLost | on change";
    running_fails_when_the_source_changed_and_the_job_vanished: running().without_job()
        .dependencies(|all| all.source.as_mut().unwrap().settle_days = 3) => "Failed/SourceChanged | - | SourceChanged | on change";
    running_waits_for_a_job_that_is_being_deleted: running().with_job(|job| job.deleting = true)
        => "Running/Running blocked by PreviousJobTerminating | - | - | 15 s";
    running_looks_again_before_its_deadline: running().at(86_395) => "Running/Running (stands) | - | - | 5 s";
    running_is_stopped_at_its_deadline: running().at(86_400) => "Suspending/DeadlineExceeded | suspend a-1 | - | 5 s";
    running_gives_up_a_pod_on_a_dead_node: running().with_pod(|pod| {
        pod.ends = Some(time(25));
        pod.node_ready = Some(false);
    }).at(55) => "Running/Running blocked by NodeLost | lose a-1-0-0 | NodeLost | 15 s";
    running_waits_for_a_pod_that_ends_in_time: running().with_pod(|pod| pod.ends = Some(time(25))).at(50)
        => "Running/Running (stands) | - | - | 5 s";

    suspending_waits_for_checkpoints: running().set("suspend", json!(true)).then().with_job(|job| job.suspended = true)
        => "Suspending/BySpec (stands) | - | - | 5 s";
    suspending_is_suspended_when_nobody_works: running().set("suspend", json!(true)).then().with_job(|job| job.suspended = true).no_pods()
        .at(100) => "Suspended/BySpec | - | BySpec | on change";
    suspending_ends_at_the_deadline: running().at(86_400).then().with_job(|job| job.suspended = true).no_pods()
        .answer(Answer::Open { claimed: None })
        => "Failed/DeadlineExceeded | delete a-1 job-1 | DeadlineExceeded | on change";
    suspending_succeeds_at_the_deadline_if_the_answer_is_there: running().at(86_400).then().with_job(|job| job.suspended = true).no_pods()
        .finished() => "Succeeded/Succeeded | delete a-1 job-1 | Succeeded | on change";
    suspended_goes_on: suspended().set("suspend", json!(false)).at(500)
        => "Provisioning/WorkersStarting | unsuspend a-1 for 86600 s | Resumed | 15 s";
    suspended_goes_on_only_when_the_last_worker_has_stopped: running().set("suspend", json!(true)).then()
        .with_job(|job| job.suspended = true).set("suspend", json!(false)) => "Suspending/Suspending | - | - | 5 s";
    suspended_ends_when_its_deadline_is_lowered: suspended().set("deadlineSeconds", json!(60)).at(500)
        => "Failed/DeadlineExceeded | delete a-1 job-1 | DeadlineExceeded | on change";

    succeeded_lets_the_job_expire_after_a_crash: running().ended(true, "Completed").finished().then()
        => "Succeeded/Succeeded (stands) | expire after 86400 s | - | on change";
    succeeded_rests: running().ended(true, "Completed").finished().then().with_job(|job| job.ttl = Some(86_400))
        => "Succeeded/Succeeded (stands) | - | - | on change";
    succeeded_makes_nothing_again: running().ended(true, "Completed").finished().then().without_job()
        => "Succeeded/Succeeded (stands) | - | - | on change";
    succeeded_follows_a_changed_time_to_live: running().ended(true, "Completed").finished().then()
        .set("ttlSecondsAfterFinished", json!(5)) => "Succeeded/Succeeded | expire after 5 s | - | on change";
    failed_deletes_a_job_that_never_ended: running().at(86_400).then().with_job(|job| job.suspended = true).no_pods()
        .answer(Answer::Open { claimed: None }).then() => "Failed/DeadlineExceeded (stands) | delete a-1 job-1 | - | on change";
    deleted_is_left_to_owner_references: {
        let mut world = running();
        world.deleting = true;
        world
    } => "Running/Running (stands) | - | - | on change";
    restored_without_status_finds_its_job: {
        let mut world = running().dependencies(|_| ()).answer(Answer::Open { claimed: None });
        world.status = RunStatus { observed_generation: -1, ..RunStatus::default() };
        world
    } => "Pending/JobCreated | create 1 | JobCreated | 60 s";
}

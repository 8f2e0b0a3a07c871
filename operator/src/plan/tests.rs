//! The table of decisions: one test per row of the phase table. Each row prints the whole decision.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use reprise_crds::contract::{Outcome, Progress, ReferencedRun, ReportedError, RunReport, Stage};
use reprise_crds::status::{ArtifactStatus, ConditionType, JobStatus, Phase, RunStatus, TimelineEntry};
use reprise_crds::training::TrainingRun;
use serde_json::{Value, json};

use super::{Effect, Next, Plan, Refused, plan};
use crate::observed::{
    Account, Answer, Claimed, Dependencies, Found, JobEnd, JobSeen, Observed, PodPhase, PodSeen, Referenced, WorkloadSeen,
};
use crate::validate::{Validated, validate};

const NOW: i64 = 1_800_000_000;
const DIGEST: &str = "1111111111111111111111111111111111111111111111111111111111111111";

fn time(after: i64) -> Timestamp {
    Timestamp::from_second(NOW + after).unwrap()
}

/// A run and what is seen of it, built by verbs.
#[derive(Clone)]
struct World {
    spec: Value,
    status: RunStatus,
    seen: Observed,
    deleting: bool,
    generation: i64,
    now: i64,
}

fn world() -> World {
    let source = json!({
        "location": "gs://shop/", "markets": [{"name": "NO", "timeZone": "Europe/Oslo", "currency": "NOK"}],
        "files": [{"name": "sales", "path": "sales.csv", "csv": {}, "columns": [{"name": "id", "type": "Text"}]}],
        "views": [{"name": "transactions", "sql": "SELECT * FROM sales"}],
    });
    let dependencies = Dependencies {
        cluster_uid: "cluster".to_owned(),
        source: Some(serde_json::from_value(source).unwrap()),
        account: Account::Allowed,
        artifact_roots: "gs://models/crm".to_owned(),
        runs: BTreeMap::new(),
    };
    World {
        spec: json!({
            "geography": "NO", "model": {"intent": {}}, "data": {"sourceRef": {"name": "shop"}}, "artifacts": "gs://models/crm/",
        }),
        status: RunStatus { observed_generation: -1, ..RunStatus::default() },
        seen: Observed { dependencies: Some(dependencies), answer: Answer::Open { claimed: None }, ..Observed::default() },
        deleting: false,
        generation: 1,
        now: 0,
    }
}

/// A run whose Job was made.
fn queued() -> World {
    let accepted = world().then();
    let job = JobSeen {
        name: "a-1".to_owned(),
        uid: "job-1".to_owned(),
        resource_version: "7".to_owned(),
        owner_uid: Some("run".to_owned()),
        deleting: false,
        suspended: true,
        active_deadline: None,
        ttl: None,
        end: None,
        start_time: None,
        completed: 0,
    };
    World { seen: Observed { job: Some(job), dependencies: None, ..accepted.seen.clone() }, ..accepted }
}

/// A run that was let run.
fn provisioning() -> World {
    let mut world = queued().then();
    world.job().suspended = false;
    world.seen.answer = Answer::NotAsked;
    world
}

/// A run whose worker runs.
fn running() -> World {
    provisioning().pod(0, PodPhase::Running, None).then()
}

impl World {
    fn validated(&self) -> (Validated, Plan) {
        let mut metadata = json!({
            "name": "a", "namespace": "crm", "uid": "run", "generation": self.generation, "creationTimestamp": time(0).to_string(),
        });
        if self.deleting {
            metadata["deletionTimestamp"] = json!(time(1).to_string());
        }
        let object = json!({
            "apiVersion": "reprise.dev/v1alpha1", "kind": "TrainingRun", "metadata": metadata, "spec": self.spec, "status": self.status,
        });
        let run: TrainingRun = serde_json::from_value(object).unwrap();
        let validated = validate(&run, self.seen.dependencies.as_ref());
        let plan = plan(&validated, &self.seen, time(self.now));
        (validated, plan)
    }

    fn plan(&self) -> Plan {
        self.validated().1
    }

    /// What stands after the plan's status was stored.
    fn then(&self) -> World {
        let mut next = self.clone();
        if let Some(status) = self.plan().status {
            next.status = status;
        }
        next
    }

    fn at(mut self, seconds: i64) -> World {
        self.now = seconds;
        self
    }

    fn set(mut self, field: &str, value: Value) -> World {
        self.spec[field] = value;
        self.generation += 1;
        self
    }

    fn dependencies(mut self, change: impl FnOnce(&mut Dependencies)) -> World {
        let mut dependencies = self.seen.dependencies.take().or(world().seen.dependencies).unwrap();
        change(&mut dependencies);
        self.seen.dependencies = Some(dependencies);
        self
    }

    fn job(&mut self) -> &mut JobSeen {
        self.seen.job.as_mut().unwrap()
    }

    fn with_job(mut self, change: impl FnOnce(&mut JobSeen)) -> World {
        change(self.job());
        self
    }

    fn answer(mut self, answer: Answer) -> World {
        self.seen.answer = answer;
        self
    }

    fn finished(self) -> World {
        let artifact = ArtifactStatus {
            uri: "gs://models/crm/NO/intent/x/".parse().unwrap(),
            digest: DIGEST.parse().unwrap(),
            metrics: BTreeMap::from([("auc".to_owned(), "0.71".to_owned())]),
        };
        self.answer(Answer::Finished(Box::new(Found {
            artifact,
            identity: DIGEST.parse().unwrap(),
            models: None,
            as_of: Some("2011-05-31".parse().unwrap()),
            record_uri: "gs://models/crm/NO/requests/x/record.json".to_owned(),
        })))
    }

    fn unreadable(self) -> World {
        self.answer(Answer::Unreadable { reason: "no answer in 10000 ms".to_owned() })
    }

    fn ended(self, complete: bool, reason: &str) -> World {
        let end = JobEnd { complete, reason: reason.to_owned(), message: "so it is".to_owned() };
        self.with_job(|job| job.end = Some(end)).answer(Answer::Open { claimed: None })
    }

    fn pod(mut self, index: i32, phase: PodPhase, exit_code: Option<i32>) -> World {
        let number = self.seen.pods.len();
        self.seen.pods.push(PodSeen {
            name: format!("a-1-{index}-{number}"),
            uid: format!("pod-{number}"),
            resource_version: "9".to_owned(),
            index,
            attempt: 1,
            created: NOW + number as i64,
            node: Some("n1".to_owned()),
            phase,
            exit_code,
            ..PodSeen::default()
        });
        self
    }

    fn with_pod(mut self, change: impl FnOnce(&mut PodSeen)) -> World {
        change(self.seen.pods.last_mut().unwrap());
        self
    }

    fn inactive(mut self) -> World {
        let workload = self.seen.workload.as_mut().unwrap();
        (workload.active, workload.reserved) = (false, false);
        self
    }

    fn told(mut self, told: &str) -> World {
        let workload = self.seen.workload.as_mut().unwrap();
        (workload.reserved, workload.told) = (false, told.to_owned());
        self
    }

    fn no_pods(mut self) -> World {
        self.seen.pods.clear();
        self
    }

    fn without_job(mut self) -> World {
        self.seen.job = None;
        self.seen.pods.clear();
        self.answer(Answer::Open { claimed: None }).dependencies(|_| ())
    }

    /// The whole decision in one line: the phase with its reason, what blocks, the effects, the Events, the next look.
    fn row(&self) -> String {
        let plan = self.plan();
        let status = plan.status.as_ref().unwrap_or(&self.status);
        let phase = status.phase.map_or("-".to_owned(), |phase| format!("{phase:?}"));
        let condition = |kind: ConditionType| status.conditions.iter().find(|condition| condition.type_ == kind.as_str());
        let told = match status.phase {
            Some(Phase::Pending) => condition(ConditionType::Reconciling),
            Some(Phase::Rejected | Phase::Failed) => condition(ConditionType::Stalled),
            Some(Phase::Succeeded) => condition(ConditionType::Succeeded),
            Some(Phase::Suspended) => condition(ConditionType::Suspended),
            _ => condition(ConditionType::Running),
        };
        let reason = told.map_or("-", |condition| condition.reason.as_str());
        let blocking = status.blocking.as_ref().map_or(String::new(), |blocking| format!(" blocked by {}", blocking.reason));
        let stored = if plan.status.is_some() { "" } else { " (stands)" };
        let effects: Vec<String> = plan.effects.iter().map(short).collect();
        let notices: Vec<&str> = plan.notices.iter().map(|notice| notice.reason.as_str()).collect();
        let next = match plan.next {
            Next::OnChange => "on change".to_owned(),
            Next::After(seconds) => format!("{seconds} s"),
        };
        let or_none = |texts: &[String]| if texts.is_empty() { "-".to_owned() } else { texts.join(", ") };
        let notices = or_none(&notices.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        format!("{phase}/{reason}{blocking}{stored} | {} | {notices} | {next}", or_none(&effects))
    }
}

fn short(effect: &Effect) -> String {
    match effect {
        Effect::CreateJob { attempt, .. } => format!("create {attempt}"),
        Effect::Unsuspend { job, active_deadline_seconds } => format!("unsuspend {} for {active_deadline_seconds} s", job.name),
        Effect::Suspend { job } => format!("suspend {}", job.name),
        Effect::Fence { active_deadline_seconds, .. } => format!("bound by {active_deadline_seconds} s"),
        Effect::Activate { workload } => format!("activate {}", workload.name),
        Effect::Deactivate { workload } => format!("deactivate {}", workload.name),
        Effect::DeleteJob { job } => format!("delete {} {}", job.name, job.uid),
        Effect::ExpireJob { ttl_seconds, .. } => format!("expire after {ttl_seconds} s"),
        Effect::LosePod { pod } => format!("lose {}", pod.name),
    }
}

/// One test per row.
macro_rules! rows {
    ($($name:ident: $world:expr => $row:literal;)*) => {
        $(#[test]
        fn $name() {
            let row = $world.row();
            println!("{:<48} {row}", stringify!($name));
            assert_eq!(row, $row);
        })*
    };
}

fn claimed(until: i64) -> Answer {
    Answer::Open { claimed: Some(Claimed { cluster_uid: "other".to_owned(), run_uid: "theirs".to_owned(), until: time(until) }) }
}

fn report(code: &str) -> RunReport {
    let error = ReportedError {
        code: code.to_owned(),
        message: "it is bad".to_owned(),
        file: Some("no/sales.csv".to_owned()),
        ..ReportedError::default()
    };
    RunReport { request_digest: None, identity: None, outcome: Outcome::Failed, manifest: None, step: None, error: Some(error) }
}

fn with_reference(referenced: Referenced) -> World {
    world().set("startFrom", json!({"runRef": {"name": "before"}})).dependencies(|all| {
        all.runs.insert("before".to_owned(), referenced);
    })
}

fn published() -> Referenced {
    let artifact = serde_json::from_value(json!({"uri": "gs://models/crm/NO/intent/y/", "digest": DIGEST})).unwrap();
    Referenced::Published(ReferencedRun { request_digest: DIGEST.parse().unwrap(), artifact: Some(artifact) })
}

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

/// A run that was stopped after 100 seconds of work.
fn suspended() -> World {
    running()
        .set("suspend", json!(true))
        .then()
        .with_job(|job| job.suspended = true)
        .no_pods()
        .at(100)
        .then()
        .answer(Answer::Open { claimed: None })
}

#[test]
fn active_time_is_counted_while_workers_may_run_and_never_twice() {
    let stopped = suspended();
    assert_eq!((stopped.status.active_seconds, stopped.status.active_since_time.clone()), (Some(100), None));
    let again = stopped.clone().at(400).then();
    assert_eq!(again.status.active_seconds, Some(100), "a stopped run does not age");
    let mut resumed = again.set("suspend", json!(false)).at(500).then();
    assert_eq!(resumed.status.active_since_time, Some(Time(time(500))));
    resumed.job().suspended = false;
    assert_eq!(super::active_seconds(&resumed.at(560).status, time(560)), 160);
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

#[test]
fn a_webhook_that_does_not_answer_is_told_as_what_it_is() {
    let down = Refused { message: "failed calling webhook".to_owned(), by_webhook: true };
    let told = super::refused(&world().then().status, &down, time(5));
    assert_eq!(told.blocking.as_ref().unwrap().reason, "WebhookUnavailable");
    let again = World { status: told.clone(), ..world() };
    assert_eq!(again.plan().status, None, "it stands until the Job is made");
}

#[test]
fn a_refused_job_is_told_once() {
    let status = world().then().status;
    let quota = Refused { message: "exceeded quota".to_owned(), by_webhook: false };
    let told = super::refused(&status, &quota, time(5));
    assert_eq!(told.blocking.as_ref().unwrap().hint.as_deref(), Some("exceeded quota"));
    assert_eq!(super::refused(&told, &quota, time(50)), told);
    let again = World { status: told.clone(), ..world() };
    assert_eq!(again.plan().status, None, "the refusal stands until the Job is made: {}", again.row());
    let mut made = World { status: told, ..queued() };
    made.now = 60;
    assert_eq!(made.then().status.blocking, None);
    assert_eq!(made.then().status.job, Some(JobStatus { name: "a-1".to_owned(), uid: "job-1".to_owned() }));
}

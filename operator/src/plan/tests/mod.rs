//! The table of decisions: one test per row of the phase table. Each row prints the whole decision.

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

mod laws;
mod queue;
mod rows;

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

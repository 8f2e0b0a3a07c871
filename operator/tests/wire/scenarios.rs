//! What users and clusters do to runs. Each event waits for the state of the world that it needs, so that a scenario is
//! the same story whatever the operator suffers meanwhile.

use reprise_artifacts::{claims, layout, open};
use reprise_crds::contract::Claim;
use reprise_crds::scoring::ScoringRun;
use reprise_crds::training::TrainingRun;
use reprise_doubles::kubernetes::{Change, Id};
use reprise_operator::context::{Context, Key};
use reprise_operator::reconcile::reconcile;
use serde_json::{Value, json};

use crate::cluster::{Cluster, SPACE, is_active, job_id, pods_of, run_id};
use crate::worker::Work;

/// Something that happens once the world is ready for it.
pub(crate) type Event = (fn(&Cluster) -> bool, fn(&mut Cluster));

/// A story.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing of the story, and all go together")]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) work: Work,
    /// A run of another cluster claims the request before anything happens.
    pub(crate) claimed: bool,
    /// The answer is there before anything happens.
    pub(crate) answered: bool,
    /// Two operators look at everything, at once.
    pub(crate) two_operators: bool,
    /// After each event another version of the operator takes over.
    pub(crate) upgrades: bool,
    pub(crate) events: &'static [Event],
    /// Phase and reason at the end, as `Succeeded/AlreadyDone`; empty if the run is gone.
    pub(crate) end: &'static str,
    /// Jobs that the operator made in all.
    pub(crate) jobs: usize,
}

const PLAIN: Scenario = Scenario {
    name: "",
    work: Work::Publish,
    claimed: false,
    answered: false,
    two_operators: false,
    upgrades: false,
    events: &[],
    end: "Succeeded/Succeeded",
    jobs: 1,
};

fn training() -> Value {
    json!({"geography": "NO", "model": {"intent": {}}, "data": {"sourceRef": {"name": "shop"}}, "artifacts": "gs://models/crm/", "workers": 2})
}

fn make(cluster: &mut Cluster) {
    cluster.make("trainingruns", "a", training());
}

fn make_with(cluster: &Cluster, field: &str, value: Value) {
    let mut spec = training();
    spec[field] = value;
    cluster.make("trainingruns", "a", spec);
}

fn make_in_a_queue(cluster: &mut Cluster) {
    make_with(cluster, "queueName", json!("team"));
}

/// Sets an annotation of the namespace, or takes it away.
fn annotate(cluster: &Cluster, name: &str, value: Option<&str>) {
    let space = Id::new("", "namespaces", "", SPACE);
    cluster.server.edit(|store| {
        store.change(&space, |space| {
            let annotations = space["metadata"]["annotations"].as_object_mut().unwrap();
            match value {
                Some(value) => drop(annotations.insert(name.to_owned(), json!(value))),
                None => drop(annotations.remove(name)),
            }
        });
    });
}

fn at_once(_: &Cluster) -> bool {
    true
}

fn runs(cluster: &Cluster) -> bool {
    cluster.phase("a") == "Running"
}

fn has_ended(cluster: &Cluster) -> bool {
    matches!(cluster.phase("a").as_str(), "Succeeded" | "Failed")
}

fn suspend(cluster: &mut Cluster) {
    cluster.edit("trainingruns", "a", |spec| spec["suspend"] = json!(true));
}

fn resume(cluster: &mut Cluster) {
    cluster.work = Work::Publish;
    cluster.edit("trainingruns", "a", |spec| spec["suspend"] = json!(false));
}

fn is_suspended(cluster: &Cluster) -> bool {
    cluster.phase("a") == "Suspended"
}

fn nothing(_: &mut Cluster) {}

/// Every story that is told.
pub(crate) const ALL: &[Scenario] = &[
    Scenario { name: "run to success", events: &[(at_once, make)], ..PLAIN },
    Scenario {
        name: "reject and fix",
        events: &[
            (at_once, |cluster| make_with(cluster, "budget", json!({"max": "1.00"}))),
            (
                |cluster| cluster.phase("a") == "Rejected",
                |cluster| {
                    cluster.edit("trainingruns", "a", |spec| drop(spec.as_object_mut().unwrap().remove("budget")));
                },
            ),
        ],
        ..PLAIN
    },
    Scenario {
        name: "unreadable and fixed",
        events: &[
            (at_once, |cluster| make_with(cluster, "workers", json!("two"))),
            (|cluster| cluster.phase("a") == "Rejected", |cluster| cluster.edit("trainingruns", "a", |spec| spec["workers"] = json!(2))),
        ],
        ..PLAIN
    },
    Scenario { name: "already done", answered: true, events: &[(at_once, make)], end: "Succeeded/AlreadyDone", jobs: 0, ..PLAIN },
    Scenario { name: "foreign claim", claimed: true, events: &[(at_once, make), (|cluster| cluster.passed() > 700, nothing)], ..PLAIN },
    Scenario { name: "bad data", work: Work::Exit(65), events: &[(at_once, make)], end: "Failed/DataError", ..PLAIN },
    Scenario {
        name: "temporary failures to the limit",
        work: Work::Exit(75),
        events: &[(at_once, make)],
        end: "Failed/BackoffLimitExceeded",
        ..PLAIN
    },
    Scenario { name: "no manifest", work: Work::Nothing, events: &[(at_once, make)], end: "Failed/ReportMissing", ..PLAIN },
    Scenario {
        name: "suspend and resume",
        work: Work::UntilStopped,
        events: &[(at_once, make), (runs, suspend), (is_suspended, resume)],
        ..PLAIN
    },
    Scenario {
        name: "suspend while queued",
        claimed: true,
        events: &[
            (at_once, make),
            (|cluster| cluster.phase("a") == "Queued", suspend),
            (|cluster| is_suspended(cluster) && cluster.passed() > 700, resume),
        ],
        ..PLAIN
    },
    Scenario {
        name: "deadline",
        work: Work::Forever,
        events: &[(at_once, |cluster| make_with(cluster, "deadlineSeconds", json!(60)))],
        end: "Failed/DeadlineExceeded",
        ..PLAIN
    },
    Scenario {
        name: "pending deadline",
        events: &[
            (at_once, |cluster| {
                make_with(cluster, "pendingDeadlineSeconds", json!(60));
                cluster.server.edit(|store| store.remove(&Id::new("reprise.dev", "datasources", SPACE, "shop")));
            }),
            (|cluster| cluster.passed() > 100, nothing),
        ],
        end: "Failed/PendingDeadlineExceeded",
        jobs: 0,
        ..PLAIN
    },
    Scenario {
        name: "job deleted by hand",
        work: Work::Forever,
        events: &[
            (at_once, make),
            (runs, |cluster| {
                cluster.work = Work::Publish;
                cluster.server.edit(|store| store.remove(&job_id("a-1")));
            }),
        ],
        jobs: 2,
        ..PLAIN
    },
    Scenario {
        name: "pod on a dead node",
        work: Work::NodeDies,
        events: &[
            (at_once, make),
            (runs, |cluster| {
                cluster.server.edit(|store| {
                    store.change(&Id::new("", "nodes", "", "n1"), |node| node["status"]["conditions"][0]["status"] = json!("Unknown"));
                });
            }),
        ],
        ..PLAIN
    },
    Scenario {
        name: "run deleted while running",
        work: Work::Forever,
        events: &[(at_once, make), (runs, |cluster| cluster.server.edit(|store| store.remove(&run_id("trainingruns", "a"))))],
        end: "",
        ..PLAIN
    },
    Scenario {
        name: "namespace deleted while running",
        work: Work::Forever,
        events: &[
            (at_once, make),
            (runs, |cluster| {
                let space = Id::new("", "namespaces", "", SPACE);
                cluster
                    .server
                    .edit(|store| store.change(&space, |space| space["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z")));
                // Its contents go in no order that anybody promises: the Job first, so that making it again is refused.
                cluster.server.edit(|store| store.remove(&job_id("a-1")));
            }),
            (
                |cluster| cluster.run("trainingruns", "a")["status"]["blocking"]["reason"] == "JobRefused" || has_ended(cluster),
                |cluster| {
                    cluster.server.edit(|store| store.remove(&Id::new("", "namespaces", "", SPACE)));
                },
            ),
        ],
        end: "",
        ..PLAIN
    },
    Scenario {
        name: "time to live after the end",
        events: &[
            (at_once, |cluster| make_with(cluster, "ttlSecondsAfterFinished", json!(60))),
            (has_ended, nothing),
            (|cluster| cluster.server.edit(|store| store.get(&job_id("a-1")).is_none()), nothing),
        ],
        ..PLAIN
    },
    Scenario {
        name: "quota refuses the job, then does not",
        events: &[
            (at_once, |cluster| {
                annotate(cluster, "double/refuses", Some("jobs"));
                make(cluster);
            }),
            (
                |cluster| cluster.run("trainingruns", "a")["status"]["blocking"]["reason"] == "JobRefused",
                |cluster| annotate(cluster, "double/refuses", None),
            ),
        ],
        ..PLAIN
    },
    Scenario {
        name: "upgrade in mid run",
        upgrades: true,
        work: Work::UntilStopped,
        events: &[(at_once, make), (runs, |cluster| cluster.work = Work::Publish)],
        ..PLAIN
    },
    Scenario {
        name: "scoring waits for training",
        events: &[
            (at_once, |cluster| {
                let spec = json!({
                    "geography": "NO", "data": {"sourceRef": {"name": "shop"}}, "artifacts": "gs://models/crm/",
                    "models": {"intent": {"runRef": {"name": "a"}}}, "audience": {"stage": "AfterWelcome"}, "shards": 3,
                });
                cluster.make("scoringruns", "plan", spec);
            }),
            (|cluster| cluster.run("scoringruns", "plan")["status"]["blocking"]["reason"] == "DependencyNotReady", make),
            (|cluster| cluster.run("scoringruns", "plan")["status"]["phase"] == "Succeeded", nothing),
        ],
        jobs: 2,
        ..PLAIN
    },
    Scenario { name: "a queue lets it in", events: &[(at_once, make_in_a_queue)], ..PLAIN },
    Scenario {
        name: "suspend and resume in a queue",
        work: Work::UntilStopped,
        events: &[(at_once, make_in_a_queue), (runs, suspend), (is_suspended, resume)],
        ..PLAIN
    },
    Scenario {
        name: "a queue's webhook is down, then is not",
        events: &[
            (at_once, |cluster| {
                annotate(cluster, "double/webhook-down", Some("jobs"));
                make_in_a_queue(cluster);
            }),
            (
                |cluster| cluster.run("trainingruns", "a")["status"]["blocking"]["reason"] == "WebhookUnavailable",
                |cluster| annotate(cluster, "double/webhook-down", None),
            ),
        ],
        ..PLAIN
    },
    Scenario { name: "two operators at once", two_operators: true, events: &[(at_once, make)], ..PLAIN },
];

/// What is left at the end: the same for every way to get there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) runs: Vec<String>,
    jobs: Vec<String>,
    active_pods: usize,
}

pub(crate) fn end(cluster: &Cluster) -> End {
    let of = |resource| cluster.server.edit(|store| store.all("reprise.dev", resource).map(|(_, run)| shown(run)).collect::<Vec<_>>());
    let jobs = cluster
        .server
        .edit(|store| store.all("batch", "jobs").map(|(id, job)| format!("{} {}", id.name, job["spec"]["suspend"])).collect());
    let active_pods = cluster.server.edit(|store| store.all("", "pods").filter(|(_, pod)| is_active(pod)).count());
    End { runs: [of("trainingruns"), of("scoringruns")].concat(), jobs, active_pods }
}

fn shown(run: &Value) -> String {
    let status = &run["status"];
    let conditions: Vec<String> = status["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| format!("{}={}/{}@{}", one["type"], one["status"], one["reason"], one["observedGeneration"]))
        .collect();
    format!(
        "{} {} attempt {} artifact {} blocking {} observed {} {}",
        run["metadata"]["name"],
        status["phase"],
        status["attempt"],
        status["artifact"]["uri"],
        status["blocking"]["reason"],
        status["observedGeneration"],
        conditions.join(" "),
    )
}

/// Phase and reason of the training run.
pub(crate) fn summary(cluster: &Cluster) -> String {
    let status = &cluster.run("trainingruns", "a")["status"];
    let succeeded = status["conditions"].as_array().and_then(|all| all.iter().find(|one| one["type"] == "Succeeded"));
    match (status["phase"].as_str(), succeeded) {
        (Some(phase), Some(condition)) => format!("{phase}/{}", condition["reason"].as_str().unwrap_or_default()),
        _ => String::new(),
    }
}

/// Tells a story to its end. An operator that dies is followed by a fresh one.
pub(crate) async fn tell(scenario: &Scenario, prepare: impl FnOnce(&Cluster)) -> Cluster {
    let mut cluster = Cluster::new(scenario.work);
    if scenario.claimed || scenario.answered {
        foresee(&cluster, scenario).await;
    }
    prepare(&cluster);
    let mut operators = vec![cluster.operator("worker:1")];
    if scenario.two_operators {
        operators.push(cluster.operator("worker:1"));
    }
    let (mut events, mut quiet, mut version) = (scenario.events.iter(), 0, 0);
    let mut next = events.next();
    for _ in 0..2000 {
        if let Some((ready, happen)) = next
            && ready(&cluster)
        {
            happen(&mut cluster);
            next = events.next();
            if scenario.upgrades {
                operators = operators.iter().map(|_| cluster.operator("worker:2")).collect();
            }
        }
        look(&cluster, &operators).await;
        if cluster.server.is_dead() {
            cluster.server.revive();
            // The follower is of a newer version: what runs goes on as it was made.
            operators = operators.iter().map(|_| cluster.operator("worker:2")).collect();
            look(&cluster, &operators).await;
        }
        cluster.turn().await;
        check_no_index_runs_twice(&cluster);
        cluster.pass(10);
        let now = cluster.server.edit(|store| store.version());
        quiet = if now == version { quiet + 1 } else { 0 };
        version = now;
        if next.is_none() && quiet > 8 {
            return cluster;
        }
    }
    panic!("{}: the story does not end; {:?}", scenario.name, end(&cluster));
}

/// Every operator looks at every run once, all at once. A failure is what the next look is for.
pub(crate) async fn look(cluster: &Cluster, operators: &[Context]) {
    let keys = cluster.keys();
    futures::future::join_all(operators.iter().map(|operator| {
        let keys = &keys;
        async move {
            for key in keys {
                drop(one(operator, key).await);
            }
        }
    }))
    .await;
}

pub(crate) async fn one(operator: &Context, key: &Key) -> Result<reprise_operator::plan::Next, reprise_operator::reconcile::Error> {
    if key.kind == "TrainingRun" { reconcile::<TrainingRun>(operator, key).await } else { reconcile::<ScoringRun>(operator, key).await }
}

/// Learns the request's digest from a run of another cluster, then claims or answers it before the story begins.
async fn foresee(cluster: &Cluster, scenario: &Scenario) {
    let scout = Box::pin(tell(&Scenario { name: "scout", events: &[(at_once, make)], ..PLAIN }, |_| ())).await;
    let plan = scout.server.edit(|store| {
        let job = store.get(&job_id("a-1")).unwrap();
        job["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"].as_str().unwrap().to_owned()
    });
    let plan: reprise_crds::contract::RunPlan = serde_json::from_str(&plan).unwrap();
    if scenario.answered {
        crate::worker::publish(cluster, &plan).await;
    }
    if scenario.claimed {
        let artifacts = open(&plan.artifacts.as_str().parse().unwrap(), &cluster.options()).await.unwrap();
        let request = layout::request(plan.geography.as_str(), &plan.request_digest.as_str().parse().unwrap());
        let claim = Claim { cluster_uid: "another-cluster".to_owned(), run_uid: "another-run".to_owned() };
        claims::take(&artifacts.child(&request).unwrap(), &claim).await.unwrap();
    }
}

/// The Jobs that were made, by name; a name comes again for each time that it was made.
pub(crate) fn made(cluster: &Cluster) -> Vec<String> {
    cluster.server.edit(|store| {
        let made = store.history().iter().filter(|change| change.kind == "ADDED" && change.id.resource == "jobs");
        let name = |change: &Change| {
            let spec = &change.object["spec"];
            assert_eq!(spec["suspend"], true, "a Job is made suspended: before status says so, nothing may run");
            assert!(spec["ttlSecondsAfterFinished"].is_null(), "a Job that expires early would be made again");
            change.id.name.clone()
        };
        made.map(name).collect()
    })
}

/// No worker may run for an index twice at once.
fn check_no_index_runs_twice(cluster: &Cluster) {
    let jobs: Vec<String> = cluster.server.edit(|store| store.all("batch", "jobs").map(|(id, _)| id.name.clone()).collect());
    for job in jobs {
        let mut indexes: Vec<String> = cluster.server.edit(|store| {
            let active = pods_of(store, &job).into_iter().filter(|(_, pod)| is_active(pod));
            active.map(|(_, pod)| pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"].to_string()).collect()
        });
        let all = indexes.len();
        indexes.sort();
        indexes.dedup();
        assert_eq!(indexes.len(), all, "an index of {job} runs twice");
    }
}

//! The real controllers with their watches, and the Lease.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reprise_crds::scoring::ScoringRun;
use reprise_crds::training::TrainingRun;
use reprise_doubles::kubernetes::{Call, Verb};
use reprise_operator::controllers::{Scope, control};
use reprise_operator::leader::{Candidate, DURATION};
use reprise_operator::server::Readiness;
use serde_json::json;

use crate::cluster::Cluster;
use crate::worker::Work;

fn spec() -> serde_json::Value {
    json!({"geography": "NO", "model": {"intent": {}}, "data": {"sourceRef": {"name": "shop"}}, "artifacts": "gs://models/crm/"})
}

/// Real controllers work on runs until they have ended; everything that they asked.
async fn work() -> (Cluster, Vec<Call>) {
    let cluster = Cluster::new(Work::Publish);
    let context = Arc::new(cluster.operator("worker:1"));
    let (tell, stop) = tokio::sync::watch::channel(false);
    let scope = Scope { namespace: None, concurrency: 4 };
    let readiness = Arc::new(Readiness::default());
    let (one, two) = (readiness.clone(), readiness.clone());
    let training = tokio::spawn(control::<TrainingRun>(context.clone(), scope.clone(), stop.clone(), move || one.listed()));
    let scoring = tokio::spawn(control::<ScoringRun>(context, scope, stop, move || two.listed()));
    let score = json!({
        "geography": "NO", "data": {"sourceRef": {"name": "shop"}}, "artifacts": "gs://models/crm/",
        "models": {"intent": {"runRef": {"name": "a"}}}, "audience": {"stage": "AfterWelcome"},
    });
    cluster.make("scoringruns", "plan", score);
    cluster.make("trainingruns", "a", spec());
    // Only watches wake the controllers here: what waits for a periodic look would take a minute.
    let mut turns = 0;
    while cluster.run("scoringruns", "plan")["status"]["phase"] != "Succeeded" {
        turns += 1;
        assert!(turns < 3000, "no watch woke the controllers: {}", cluster.run("scoringruns", "plan")["status"]);
        cluster.turn().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(readiness.is_ready(), "both kinds were listed");
    tell.send(true).unwrap();
    training.await.unwrap();
    scoring.await.unwrap();
    let calls = cluster.server.calls();
    (cluster, calls)
}

/// Everything that controllers and candidates ask.
pub(crate) async fn calls() -> Vec<Call> {
    let (cluster, _) = work().await;
    let now = jiff::Timestamp::from_second(cluster.now()).unwrap();
    lease_namespace(&cluster);
    let mut candidate = Candidate::new(cluster.client(), "reprise-system", "one");
    assert!(candidate.hold(Instant::now(), now).await.unwrap());
    assert!(candidate.hold(Instant::now(), now).await.unwrap());
    let system: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(cluster.client());
    assert!(system.get_opt("kube-system").await.unwrap().is_none());
    cluster.server.calls()
}

fn lease_namespace(cluster: &Cluster) {
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {}});
    cluster.server.edit(|store| store.create(reprise_doubles::kubernetes::Id::new("", "namespaces", "", "reprise-system"), space));
}

#[tokio::test]
async fn watches_alone_carry_runs_to_their_end_and_nothing_is_cached_whole() {
    let (cluster, calls) = work().await;
    assert_eq!(cluster.phase("a"), "Succeeded");
    let watched: std::collections::BTreeSet<_> =
        calls.iter().filter(|call| call.verb == Verb::Watch).map(|call| call.address.resource.clone()).collect();
    assert_eq!(watched.into_iter().collect::<Vec<_>>(), ["datasources", "jobs", "pods", "scoringruns", "trainingruns"]);
    let secrets = calls.iter().any(|call| call.address.resource == "secrets" || call.address.resource == "configmaps");
    assert!(!secrets, "the operator reads no Secret and no ConfigMap");
}

#[tokio::test]
async fn one_candidate_holds_the_lease_and_another_takes_it_when_it_grows_old() {
    let cluster = Cluster::new(Work::Publish);
    lease_namespace(&cluster);
    let now = jiff::Timestamp::from_second(cluster.now()).unwrap();
    let (mut one, mut two) =
        (Candidate::new(cluster.client(), "reprise-system", "one"), Candidate::new(cluster.client(), "reprise-system", "two"));
    let start = Instant::now();
    assert!(one.hold(start, now).await.unwrap());
    assert!(!two.hold(start, now).await.unwrap());
    let later = start + DURATION / 2;
    assert!(one.hold(later, now).await.unwrap());
    assert!(!two.hold(later, now).await.unwrap(), "it was renewed");
    let much_later = later + DURATION;
    assert!(two.hold(much_later, now).await.unwrap(), "nobody renewed it");
    assert!(!one.hold(much_later, now).await.unwrap(), "who lost it knows");
    two.release().await.unwrap();
    assert!(one.hold(much_later, now).await.unwrap(), "what was given back is free at once");
}

#[tokio::test]
async fn of_two_candidates_at_once_one_holds_the_lease() {
    let cluster = Cluster::new(Work::Publish);
    lease_namespace(&cluster);
    let now = jiff::Timestamp::from_second(cluster.now()).unwrap();
    let mut candidates: Vec<_> = (0..8).map(|number| Candidate::new(cluster.client(), "reprise-system", &number.to_string())).collect();
    let tick = Instant::now();
    let held = futures::future::join_all(candidates.iter_mut().map(|candidate| candidate.hold(tick, now))).await;
    assert_eq!(held.into_iter().filter(|held| matches!(held, Ok(true))).count(), 1);
}

//! Runs go through their phases on a real API server, under the operator's own rights. In each phase the object is taken
//! as it stands, for those who judge it.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use reprise_artifacts::{claims, layout};
use reprise_crds::contract::Claim;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::fixture;
use crate::light::{Light, whole};
use crate::stage::{Order, Stage, asked};

const SPACE: &str = "phases";

/// Objects by what they show.
pub(crate) type Objects = BTreeMap<&'static str, Value>;

/// One object for each phase, and for what else tells judges apart.
pub(crate) async fn objects(light: &'static Light) -> &'static Objects {
    static OBJECTS: OnceCell<Option<Objects>> = OnceCell::const_new();
    // A story that failed is not told again: the others would wait as long as the first.
    let told = OBJECTS.get_or_init(|| async { AssertUnwindSafe(collect(light)).catch_unwind().await.ok() }).await;
    told.as_ref().unwrap_or_else(|| panic!("the phases could not be shown: the first test that asked says why"))
}

async fn collect(light: &'static Light) -> Objects {
    let (mut stage, mut taken) = (Stage::new(light, SPACE).await, Objects::new());
    let make = |name: &str| light.apply(&fixture::run(SPACE, name, name));
    make("one");
    taken.insert("fresh", stage.run("one").await);
    stage.start();
    taken.insert("pending", stage.blocked("one", "Pending", "DependencyNotReady").await);
    let mut rejected = fixture::run(SPACE, "rejected", "");
    rejected["spec"]["nodes"] = json!({"existing": {"selector": {"a": "b"}}});
    light.apply(&rejected);
    taken.insert("rejected", stage.phase("rejected", "Rejected").await);

    light.apply(&fixture::source(SPACE));
    taken.insert("running", stage.phase("one", "Running").await);
    let mut big = fixture::run(SPACE, "big", "big");
    big["spec"]["resources"]["cpu"] = json!("1000");
    light.apply(&big);
    taken.insert("provisioning", stage.blocked("big", "Provisioning", "Unschedulable").await);
    claim(&stage, "claimed").await;
    make("claimed");
    taken.insert("queued", stage.blocked("claimed", "Queued", "ClaimedElsewhere").await);

    stage.order("one", Order::Linger);
    stage.edit("one", json!({"spec": {"suspend": true}})).await;
    taken.insert("suspending", stage.phase("one", "Suspending").await);
    stage.order("one", Order::Work);
    taken.insert("suspended", stage.phase("one", "Suspended").await);
    stage.order("one", Order::Publish);
    stage.edit("one", json!({"spec": {"suspend": false}})).await;
    taken.insert("succeeded", stage.phase("one", "Succeeded").await);

    make("failed");
    stage.order("failed", Order::Exit(65));
    taken.insert("failed", stage.phase("failed", "Failed").await);
    println!("{}", light.done(&["get", "truns", "--namespace", SPACE]));

    renewed(light).await;
    stage.stop();
    stage.edit("one", json!({"spec": {"deadlineSeconds": 90}})).await;
    taken.insert("stale", stage.run("one").await);
    stage.edit("big", json!({"metadata": {"finalizers": ["reprise.dev/test"]}})).await;
    light.done(&["delete", "trun", "big", "--namespace", SPACE, "--wait=false"]);
    taken.insert("deleting", stage.run("big").await);
    stage.edit("big", json!({"metadata": {"finalizers": null}})).await;
    taken
}

/// Waits until the Lease was renewed: all of the above can take less than its first interval.
async fn renewed(light: &Light) {
    let is_renewal = |(verb, resource, _): &(String, String, u64)| verb == "update" && resource == "leases";
    for _ in 0..300 {
        if asked(&light.folder).iter().any(is_renewal) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("the operator has not renewed its Lease within a minute");
}

/// Somebody elsewhere works on a request.
async fn claim(stage: &Stage, token: &str) {
    let digest = fixture::digest(SPACE, token).parse().unwrap();
    let at = stage.artifacts().await.child(&layout::request("NO", &digest)).unwrap();
    claims::take(&at, &Claim { cluster_uid: "another-cluster".to_owned(), run_uid: "another-run".to_owned() }).await.unwrap();
}

#[tokio::test]
async fn runs_go_through_their_phases_and_status_says_so() {
    let Some(light) = whole("runs_go_through_their_phases_and_status_says_so") else { return };
    let taken = objects(light).await;
    let status = |what: &str| taken[what]["status"].clone();
    assert_eq!(status("fresh"), json!({"observedGeneration": -1}), "before anybody looked");
    assert_eq!(status("succeeded")["artifact"]["metrics"]["auc"], "0.71");
    let stages: Vec<Value> = status("succeeded")["timeline"].as_array().unwrap().iter().map(|entry| entry["stage"].clone()).collect();
    let expected =
        ["Pending", "Queued", "Provisioning", "Running", "Suspending", "Suspended", "Queued", "Provisioning", "Running", "Succeeded"];
    assert_eq!(stages, expected);
    let failed = status("failed");
    let stalled = failed["conditions"].as_array().unwrap().iter().find(|condition| condition["type"] == "Stalled").unwrap();
    assert_eq!((&stalled["reason"], &failed["workers"][0]["exitCode"]), (&json!("DataError"), &json!(65)));
    for (what, object) in taken.iter().filter(|(what, _)| **what != "fresh") {
        let conditions = object["status"]["conditions"].as_array().unwrap();
        let generation = &object["status"]["observedGeneration"];
        assert!(conditions.iter().all(|condition| condition["observedGeneration"] == *generation), "{what}: {conditions:#?}");
    }
}

#[tokio::test]
async fn the_operator_is_forbidden_nothing_that_it_asks() {
    let Some(light) = whole("the_operator_is_forbidden_nothing_that_it_asks") else { return };
    objects(light).await;
    let asked = asked(&light.folder);
    let forbidden: BTreeSet<_> = asked.iter().filter(|(_, _, code)| *code == 403 || *code == 401).collect();
    assert!(forbidden.is_empty(), "{forbidden:#?}");
    let used: BTreeSet<(String, String)> = asked.iter().map(|(verb, resource, _)| (verb.clone(), resource.clone())).collect();
    for (verb, resource) in [
        ("update", "trainingruns/status"),
        ("create", "jobs"),
        ("patch", "jobs"),
        ("watch", "pods"),
        ("create", "events"),
        ("update", "leases"),
        ("get", "serviceaccounts"),
        ("get", "namespaces"),
    ] {
        assert!(used.contains(&(verb.to_owned(), resource.to_owned())), "{verb} {resource} is not in {used:?}");
    }
    println!("{} requests of {} kinds, none forbidden", asked.len(), used.len());
}

//! The API server in memory and a real one are asked the same, step by step, over the operator's own client, and must
//! answer the same. Only the answers count that the operator can see: code, reason, and the fields that it reads.

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use kube::Client;
use kube::core::WatchEvent;
use reprise_doubles::kubernetes::ApiServer;
use serde_json::{Value, json};

use crate::{fixture, light};

const SPACE: &str = "conformance";

/// Asks, and notes what was answered.
struct Asker {
    client: Client,
    heard: Vec<String>,
    versions: BTreeMap<String, String>,
}

impl Asker {
    fn new(client: Client) -> Self {
        Self { client, heard: Vec::new(), versions: BTreeMap::new() }
    }

    /// One request; of the answer the fields that are named.
    async fn ask(&mut self, what: &str, request: (&str, &str, Value), fields: &[&str]) -> Value {
        let (method, path, body) = request;
        let (verb, kind) = match method {
            "STRATEGIC" => ("PATCH", "application/strategic-merge-patch+json"),
            "PATCH" => ("PATCH", "application/merge-patch+json"),
            "PARTIAL" => ("GET", "application/json"),
            verb => (verb, "application/json"),
        };
        let mut built = http::Request::builder().method(verb).uri(path).header("content-type", kind);
        if method == "PARTIAL" {
            let list = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
            built = built.header("accept", list);
        }
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = self.client.request::<Value>(built.body(bytes).unwrap()).await;
        let (said, value) = match answer {
            Ok(value) => {
                let shown: Vec<String> = fields.iter().map(|field| format!("{field}={}", shown(&value, field))).collect();
                // A delete may be answered with the object as it was or as it is: nobody reads it.
                let version = if method == "DELETE" { "-" } else { self.version(&value) };
                (format!("well {version} {}", shown.join(" ")), value)
            }
            Err(kube::Error::Api(status)) => (format!("{} {}", status.code, status.reason), Value::Null),
            Err(error) => panic!("{what}: {error}"),
        };
        self.heard.push(format!("{what}: {said}"));
        value
    }

    /// Whether a single object's version is another than when it was last seen.
    fn version(&mut self, value: &Value) -> &'static str {
        let (Some(uid), Some(version)) = (value["metadata"]["uid"].as_str(), value["metadata"]["resourceVersion"].as_str()) else {
            return "-";
        };
        match self.versions.insert(uid.to_owned(), version.to_owned()) {
            Some(before) if before == version => "unchanged",
            Some(_) => "changed",
            None => "new",
        }
    }

    /// What a watch tells from a version on, as many changes as are asked for.
    async fn watch(&mut self, what: &str, path: &str, count: usize) {
        let request = http::Request::builder().uri(path).body(Vec::new()).unwrap();
        let stream = self.client.request_events::<Value>(request).await.unwrap();
        let mut stream = std::pin::pin!(stream);
        for _ in 0..count {
            let told = match tokio::time::timeout(std::time::Duration::from_secs(20), stream.try_next()).await {
                Ok(Ok(Some(WatchEvent::Added(object)))) => format!("ADDED {}", brief(&object)),
                Ok(Ok(Some(WatchEvent::Modified(object)))) => format!("MODIFIED {}", brief(&object)),
                Ok(Ok(Some(WatchEvent::Deleted(object)))) => format!("DELETED {}", brief(&object)),
                Ok(Ok(Some(WatchEvent::Error(status)))) => format!("ERROR {} {}", status.code, status.reason),
                Ok(Ok(Some(WatchEvent::Bookmark(_)))) => "BOOKMARK".to_owned(),
                other => format!("{other:?}"),
            };
            self.heard.push(format!("{what}: {told}"));
        }
    }
}

fn brief(object: &Value) -> String {
    format!("{} generation {}", object["metadata"]["name"], object["metadata"]["generation"])
}

/// A field by its path; of a time and of a uid only whether it is there, and of a list how long it is.
fn shown(value: &Value, field: &str) -> String {
    let found = field.split('.').fold(value, |value, part| match part.parse::<usize>() {
        Ok(index) => &value[index],
        Err(_) => &value[part],
    });
    match found {
        Value::Null => "absent".to_owned(),
        Value::Array(items) => format!("{} items", items.len()),
        _ if field.ends_with("imestamp") || field.ends_with("uid") => "there".to_owned(),
        other => other.to_string(),
    }
}

fn runs() -> String {
    format!("/apis/reprise.dev/v1alpha1/namespaces/{SPACE}/trainingruns")
}

fn jobs() -> String {
    format!("/apis/batch/v1/namespaces/{SPACE}/jobs")
}

fn pods() -> String {
    format!("/api/v1/namespaces/{SPACE}/pods")
}

/// What is there before the steps: a namespace and an account.
async fn prepare(asker: &mut Asker) {
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}});
    asker.ask("a namespace", ("POST", "/api/v1/namespaces", space), &["metadata.uid", "metadata.creationTimestamp"]).await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reprise-worker", "labels": {"reprise.dev/worker": "true"}}});
    let accounts = format!("/api/v1/namespaces/{SPACE}/serviceaccounts");
    asker.ask("an account", ("POST", &accounts, account), &["metadata.labels"]).await;
    for (what, path) in [
        ("no account", format!("{accounts}/nobody")),
        ("no node", "/api/v1/nodes/none".to_owned()),
        ("no namespace", "/api/v1/namespaces/none".to_owned()),
        ("no source", format!("/apis/reprise.dev/v1alpha1/namespaces/{SPACE}/datasources/none")),
    ] {
        asker.ask(what, ("GET", &path, Value::Null), &[]).await;
    }
}

async fn of_runs(asker: &mut Asker) {
    let facts = &["metadata.generation", "spec.rerunToken", "status.observedGeneration", "status.phase"];
    let (all, one) = (runs(), format!("{}/a", runs()));
    let mut run = fixture::run(SPACE, "a", "x");
    run["status"] = json!({"observedGeneration": 7, "phase": "Running"});
    let made = asker.ask("a run is made", ("POST", &all, run.clone()), facts).await;
    asker.ask("made again", ("POST", &all, run.clone()), facts).await;
    let mut nameless = run.clone();
    nameless["metadata"].as_object_mut().unwrap().remove("name");
    asker.ask("without a name", ("POST", &all, nameless), facts).await;
    let elsewhere = "/apis/reprise.dev/v1alpha1/namespaces/none/trainingruns";
    let mut stray = run.clone();
    stray["metadata"]["namespace"] = json!("none");
    asker.ask("in no namespace", ("POST", elsewhere, stray), facts).await;
    asker.ask("none of that name", ("GET", &format!("{all}/b"), Value::Null), facts).await;

    let mut told = made.clone();
    told["status"] = json!({"observedGeneration": 1, "phase": "Pending"});
    told["spec"]["rerunToken"] = json!("y");
    let status = format!("{one}/status");
    let stored = asker.ask("status is put", ("PUT", &status, told.clone()), facts).await;
    asker.ask("with an old version", ("PUT", &status, told.clone()), facts).await;
    asker.ask("the same status again", ("PUT", &status, stored.clone()), facts).await;
    let mut unversioned = stored.clone();
    unversioned["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    asker.ask("status without a version", ("PUT", &status, unversioned), facts).await;
    let mut foreign = stored.clone();
    foreign["metadata"]["uid"] = json!("00000000-0000-4000-8000-00000000dead");
    asker.ask("status of another uid", ("PUT", &status, foreign), facts).await;
    asker.ask("status of none", ("PUT", &format!("{all}/b/status"), json!({"apiVersion": "reprise.dev/v1alpha1", "kind": "TrainingRun", "metadata": {"name": "b", "namespace": SPACE, "resourceVersion": "1"}, "spec": stored["spec"]})), facts).await;

    let mut wanted = stored.clone();
    (wanted["spec"]["rerunToken"], wanted["status"]["phase"]) = (json!("z"), json!("Failed"));
    let changed = asker.ask("spec is put", ("PUT", &one, wanted), facts).await;
    asker.ask("the same spec again", ("PUT", &one, changed.clone()), facts).await;
    let labelled = json!({"metadata": {"labels": {"a": "b"}}});
    asker.ask("a label", ("PATCH", &one, labelled.clone()), facts).await;
    asker.ask("the same label", ("PATCH", &one, labelled), facts).await;
    asker.ask("a label is taken away", ("PATCH", &one, json!({"metadata": {"labels": {"a": null}}})), &["metadata.labels.a"]).await;
}

/// Deleting, with finalizers and with a uid.
async fn of_ends(asker: &mut Asker) {
    let (all, kept) = (runs(), format!("{}/kept", runs()));
    let mut run = fixture::run(SPACE, "kept", "");
    run["metadata"]["finalizers"] = json!(["reprise.dev/test"]);
    asker.ask("a run with a finalizer", ("POST", &all, run), &["metadata.finalizers"]).await;
    asker.ask("is deleted", ("DELETE", &kept, json!({})), &[]).await;
    let facts = &["metadata.deletionTimestamp", "metadata.finalizers", "metadata.generation"];
    asker.ask("and waits", ("GET", &kept, Value::Null), facts).await;
    asker.ask("its finalizer is taken away", ("PATCH", &kept, json!({"metadata": {"finalizers": null}})), &[]).await;
    asker.ask("and it is gone", ("GET", &kept, Value::Null), facts).await;
    asker.ask("deleted again", ("DELETE", &kept, json!({})), &[]).await;
}

async fn of_jobs(asker: &mut Asker) {
    let (all, one) = (jobs(), format!("{}/a-1", jobs()));
    let facts = &["metadata.generation", "spec.suspend", "spec.activeDeadlineSeconds", "spec.ttlSecondsAfterFinished"];
    let job = serde_json::to_value(fixture::job(SPACE, "a")).unwrap();
    let made = asker.ask("the operator's Job", ("POST", &all, job.clone()), facts).await;
    asker.ask("made again", ("POST", &all, job.clone()), facts).await;
    let mut other = job["spec"]["template"].clone();
    other["spec"]["containers"][0]["image"] = json!("worker:2");
    let completions = job["spec"]["completions"].as_i64().unwrap();
    for (field, value) in [
        ("template", other),
        ("completions", json!(completions + 1)),
        ("completionMode", json!("NonIndexed")),
        ("podFailurePolicy", Value::Null),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
        ("backoffLimitPerIndex", json!(1)),
        ("selector", json!({"matchLabels": {"a": "b"}})),
    ] {
        asker.ask(&format!("{field} changes"), ("PATCH", &one, json!({"spec": {field: value}})), facts).await;
    }
    asker.ask("parallelism changes", ("PATCH", &one, json!({"spec": {"parallelism": 1}})), &["spec.parallelism"]).await;
    let exactly = |seen: &Value| json!({"uid": seen["metadata"]["uid"], "resourceVersion": seen["metadata"]["resourceVersion"]});
    let run = json!({"metadata": exactly(&made), "spec": {"suspend": false, "activeDeadlineSeconds": 60}});
    asker.ask("of an old version", ("PATCH", &one, run), facts).await;
    let seen = asker.ask("looked at", ("GET", &one, Value::Null), facts).await;
    let run = json!({"metadata": exactly(&seen), "spec": {"suspend": false, "activeDeadlineSeconds": 60}});
    asker.ask("let run", ("PATCH", &one, run), facts).await;
    let foreign = json!({"metadata": {"uid": "00000000-0000-4000-8000-00000000dead"}, "spec": {"suspend": true}});
    asker.ask("of another uid", ("PATCH", &one, foreign), facts).await;
    asker.ask("to expire", ("PATCH", &one, json!({"spec": {"ttlSecondsAfterFinished": 5}})), facts).await;
    asker.ask("to expire again", ("PATCH", &one, json!({"spec": {"ttlSecondsAfterFinished": 5}})), facts).await;
    asker.ask("a patch of none", ("PATCH", &format!("{all}/b-1"), json!({"spec": {"suspend": true}})), facts).await;
    let other = json!({"preconditions": {"uid": "00000000-0000-4000-8000-00000000dead"}, "propagationPolicy": "Background"});
    asker.ask("delete of another uid", ("DELETE", &one, other), &[]).await;
    let own = json!({"preconditions": {"uid": seen["metadata"]["uid"]}, "propagationPolicy": "Background"});
    asker.ask("delete", ("DELETE", &one, own.clone()), &[]).await;
    asker.ask("delete again", ("DELETE", &one, own), &[]).await;
}

fn pod(name: &str, node: Option<&str>) -> Value {
    let template = serde_json::to_value(fixture::job(SPACE, "a")).unwrap()["spec"]["template"].clone();
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
    pod["metadata"]["name"] = json!(name);
    // A plan of this size is not what is looked at.
    pod["spec"]["containers"][0]["env"] = json!([]);
    if let Some(node) = node {
        pod["spec"]["nodeName"] = json!(node);
    }
    pod
}

async fn of_pods(asker: &mut Asker) {
    let all = pods();
    for (name, node) in [("waits", None), ("runs", Some("n1")), ("lost", Some("n1")), ("over", Some("n1"))] {
        asker.ask(name, ("POST", &all, pod(name, node)), &["spec.terminationGracePeriodSeconds"]).await;
    }
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "reason": "Because", "message": "so"});
    let facts = &["status.phase", "status.reason", "status.conditions", "status.conditions.0.type", "status.conditions.1.status"];
    let ready = json!({"status": {"phase": "Running", "conditions": [condition("Ready", "True")]}});
    asker.ask("the kubelet speaks", ("STRATEGIC", &format!("{all}/lost/status"), ready), facts).await;
    let lost = json!({"status": {"phase": "Failed", "reason": "NodeLost", "conditions": [condition("DisruptionTarget", "True")]}});
    asker.ask("a lost pod", ("STRATEGIC", &format!("{all}/lost/status"), lost.clone()), facts).await;
    asker.ask("lost again", ("STRATEGIC", &format!("{all}/lost/status"), lost), facts).await;
    let foreign = json!({"metadata": {"uid": "00000000-0000-4000-8000-00000000dead"}, "status": {"phase": "Failed"}});
    asker.ask("of another uid", ("STRATEGIC", &format!("{all}/runs/status"), foreign), facts).await;
    let ended = json!({"status": {"phase": "Succeeded"}});
    asker.ask("an end", ("STRATEGIC", &format!("{all}/over/status"), ended), &["status.phase"]).await;

    for name in ["waits", "runs", "over"] {
        asker.ask(&format!("{name} is deleted"), ("DELETE", &format!("{all}/{name}"), json!({})), &[]).await;
        let facts = &["metadata.deletionTimestamp", "metadata.deletionGracePeriodSeconds"];
        asker.ask(&format!("{name} then"), ("GET", &format!("{all}/{name}"), Value::Null), facts).await;
    }
    for name in ["runs", "lost"] {
        asker.ask(&format!("{name} is deleted now"), ("DELETE", &format!("{all}/{name}"), json!({"gracePeriodSeconds": 0})), &[]).await;
        asker.ask(&format!("{name} is gone"), ("GET", &format!("{all}/{name}"), Value::Null), &[]).await;
    }
}

async fn of_lists(asker: &mut Asker) {
    let (all, everywhere) = (runs(), "/apis/reprise.dev/v1alpha1/trainingruns");
    for (name, value) in [("l1", "yes"), ("l2", "yes"), ("l3", "no")] {
        let mut run = fixture::run(SPACE, name, "");
        run["metadata"]["labels"] = json!({"reprise.dev/wanted": value});
        asker.ask(name, ("POST", &all, run), &["metadata.generation"]).await;
    }
    let chosen = "labelSelector=reprise.dev%2Fwanted%3Dyes";
    let facts = &["items", "items.0.metadata.name", "items.1.metadata.name", "items.0.status.observedGeneration", "items.0.spec.geography"];
    let list = asker.ask("by label", ("GET", &format!("{all}?{chosen}"), Value::Null), facts).await;
    asker.ask("everywhere", ("GET", &format!("{everywhere}?{chosen}"), Value::Null), facts).await;
    asker.ask("metadata only", ("PARTIAL", &format!("{everywhere}?{chosen}"), Value::Null), facts).await;
    asker.ask("none", ("GET", &format!("{everywhere}?labelSelector=reprise.dev%2Fwanted%3Dmaybe"), Value::Null), &["items"]).await;
    let since = list["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let path = |selector: &str| format!("{everywhere}?watch=true&resourceVersion={since}&allowWatchBookmarks=true{selector}");

    asker
        .ask(
            "a new one",
            ("POST", &all, {
                let mut run = fixture::run(SPACE, "l4", "");
                run["metadata"]["labels"] = json!({"reprise.dev/wanted": "yes"});
                run
            }),
            &[],
        )
        .await;
    asker.ask("one changes", ("PATCH", &format!("{all}/l1"), json!({"spec": {"suspend": true}})), &["metadata.generation"]).await;
    asker.ask("one leaves", ("PATCH", &format!("{all}/l2"), json!({"metadata": {"labels": {"reprise.dev/wanted": "no"}}})), &[]).await;
    asker.ask("one comes", ("PATCH", &format!("{all}/l3"), json!({"metadata": {"labels": {"reprise.dev/wanted": "yes"}}})), &[]).await;
    asker.ask("one goes", ("DELETE", &format!("{all}/l1"), json!({})), &[]).await;
    asker.watch("watch", &path(""), 5).await;
    asker.watch("watch by label", &path(&format!("&{chosen}")), 5).await;
}

async fn of_events_and_leases(asker: &mut Asker) {
    let event = json!({
        "metadata": {"name": "a.1", "namespace": SPACE}, "action": "JobCreated", "reason": "JobCreated", "note": "attempt 1", "type": "Normal",
        "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "reprise.dev/operator", "reportingInstance": "operator",
        "regarding": {"apiVersion": "reprise.dev/v1alpha1", "kind": "TrainingRun", "name": "a", "namespace": SPACE},
    });
    let events = format!("/apis/events.k8s.io/v1/namespaces/{SPACE}/events");
    asker.ask("an Event", ("POST", &events, event.clone()), &["reason"]).await;
    asker.ask("told twice", ("POST", &events, event), &["reason"]).await;
    let leases = format!("/apis/coordination.k8s.io/v1/namespaces/{SPACE}/leases");
    let lease = json!({"metadata": {"name": "reprise-operator"}, "spec": {"holderIdentity": "one", "leaseDurationSeconds": 15}});
    asker.ask("no Lease", ("GET", &format!("{leases}/reprise-operator"), Value::Null), &[]).await;
    let made = asker.ask("a Lease", ("POST", &leases, lease.clone()), &["spec.holderIdentity"]).await;
    asker.ask("a second", ("POST", &leases, lease), &[]).await;
    let mut next = made.clone();
    next["spec"]["holderIdentity"] = json!("two");
    let one = format!("{leases}/reprise-operator");
    asker.ask("taken", ("PUT", &one, next.clone()), &["spec.holderIdentity"]).await;
    next["spec"]["holderIdentity"] = json!("three");
    asker.ask("taken with an old version", ("PUT", &one, next.clone()), &["spec.holderIdentity"]).await;
    next["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    asker.ask("taken without a version", ("PUT", &one, next), &["spec.holderIdentity"]).await;
}

/// A namespace that goes takes nothing new.
async fn of_a_namespace_that_goes(asker: &mut Asker) {
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "goes"}, "spec": {"finalizers": ["kubernetes"]}});
    asker.ask("a namespace", ("POST", "/api/v1/namespaces", space), &[]).await;
    asker.ask("goes", ("DELETE", "/api/v1/namespaces/goes", json!({})), &[]).await;
    asker.ask("and waits", ("GET", "/api/v1/namespaces/goes", Value::Null), &["metadata.deletionTimestamp"]).await;
    let job = serde_json::to_value(fixture::job("goes", "a")).unwrap();
    asker.ask("a Job in it", ("POST", "/apis/batch/v1/namespaces/goes/jobs", job), &[]).await;
}

/// Every step, one after the other.
async fn story(client: Client) -> Vec<String> {
    let mut asker = Asker::new(client);
    prepare(&mut asker).await;
    of_runs(&mut asker).await;
    of_ends(&mut asker).await;
    of_jobs(&mut asker).await;
    of_pods(&mut asker).await;
    of_lists(&mut asker).await;
    of_events_and_leases(&mut asker).await;
    of_a_namespace_that_goes(&mut asker).await;
    asker.heard
}

fn in_memory() -> Client {
    let server = ApiServer::default();
    server.edit(|store| store.now = 1_800_000_000);
    let service = tower::service_fn(move |request| {
        let server = server.clone();
        async move { server.answer(request).await }
    });
    Client::new(service, "default")
}

#[tokio::test]
async fn the_api_server_in_memory_answers_as_a_real_one() {
    let Some(light) = light::bare("the_api_server_in_memory_answers_as_a_real_one") else { return };
    let (real, double) = (story(light.client().await).await, story(in_memory()).await);
    let differing: Vec<String> = real
        .iter()
        .zip(&double)
        .filter(|(real, double)| real != double)
        .map(|(real, double)| format!("real:   {real}\ndouble: {double}"))
        .collect();
    assert!(differing.is_empty(), "{} of {} answers differ:\n{}", differing.len(), real.len(), differing.join("\n"));
    assert_eq!(real.len(), double.len());
    println!("{} answers are the same", real.len());
}

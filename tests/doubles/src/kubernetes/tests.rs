//! What a real API server does, step by step. The same steps can be sent to one.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use super::{ApiServer, Fault, Id};

const JOBS: &str = "/apis/batch/v1/namespaces/crm/jobs";
const RUNS: &str = "/apis/reprise.dev/v1alpha1/namespaces/crm/trainingruns";

fn server() -> ApiServer {
    let server = ApiServer::default();
    server.edit(|store| {
        store.now = 1_800_000_000;
        store.create(Id::new("", "namespaces", "", "crm"), json!({"metadata": {}}));
    });
    server
}

async fn ask(server: &ApiServer, method: Method, path: &str, body: Value) -> (u16, Value) {
    let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let request = Request::builder().method(method).uri(path).header("content-type", kind);
    let answer = server.answer(request.body(Full::new(Bytes::from(body.to_string()))).unwrap()).await.unwrap();
    let code = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap())
}

fn job() -> Value {
    json!({"metadata": {"name": "a-1"}, "spec": {"suspend": true, "completions": 2, "template": {"spec": {"restartPolicy": "Never"}}}})
}

#[tokio::test]
async fn a_name_is_taken_once_and_the_server_says_what_is_its_own() {
    let server = server();
    let (code, made) = ask(&server, Method::POST, JOBS, job()).await;
    assert_eq!((code, &made["metadata"]["generation"]), (201, &json!(1)));
    assert!(made["metadata"]["uid"].is_string() && made["metadata"]["creationTimestamp"].is_string());
    let (code, refused) = ask(&server, Method::POST, JOBS, job()).await;
    assert_eq!((code, &refused["reason"]), (409, &json!("AlreadyExists")));
    assert_eq!(ask(&server, Method::GET, &format!("{JOBS}/b"), Value::Null).await.0, 404);
    assert_eq!(ask(&server, Method::POST, "/apis/batch/v1/namespaces/none/jobs", job()).await.0, 404);
}

#[tokio::test]
async fn an_old_version_is_a_conflict_and_status_is_written_apart() {
    let server = server();
    let run = json!({"metadata": {"name": "a"}, "spec": {"geography": "NO"}, "status": {"phase": "Running"}});
    let (_, made) = ask(&server, Method::POST, RUNS, run).await;
    assert_eq!(made["status"], json!({"observedGeneration": -1}), "a client says no status when it makes an object");
    let path = format!("{RUNS}/a");
    let mut told = made.clone();
    (told["status"]["phase"], told["spec"]["geography"]) = (json!("Pending"), json!("SE"));
    let (code, stored) = ask(&server, Method::PUT, &format!("{path}/status"), told.clone()).await;
    assert_eq!((code, &stored["status"]["phase"], &stored["spec"]["geography"]), (200, &json!("Pending"), &json!("NO")));
    assert_eq!(stored["metadata"]["generation"], 1, "status is no change of what is wanted");
    assert_eq!(ask(&server, Method::PUT, &format!("{path}/status"), told.clone()).await.0, 409, "that version is old now");
    let mut wanted = stored.clone();
    (wanted["spec"]["geography"], wanted["status"]["phase"]) = (json!("SE"), json!("Failed"));
    let (_, changed) = ask(&server, Method::PUT, &path, wanted).await;
    assert_eq!((&changed["metadata"]["generation"], &changed["status"]["phase"]), (&json!(2), &json!("Pending")));
    let (_, same) = ask(&server, Method::PUT, &path, changed.clone()).await;
    assert_eq!(same["metadata"]["resourceVersion"], changed["metadata"]["resourceVersion"], "a write that changes nothing is none");
}

#[tokio::test]
async fn a_jobs_template_never_changes_and_the_rest_may() {
    let server = server();
    let (_, made) = ask(&server, Method::POST, JOBS, job()).await;
    let path = format!("{JOBS}/a-1");
    for spec in [json!({"completions": 3}), json!({"template": {"spec": {"restartPolicy": "OnFailure"}}}), json!({"podFailurePolicy": {}})]
    {
        let (code, refused) = ask(&server, Method::PATCH, &path, json!({"spec": spec})).await;
        assert_eq!((code, &refused["reason"]), (422, &json!("Invalid")), "{refused}");
    }
    let exactly = json!({"uid": made["metadata"]["uid"], "resourceVersion": made["metadata"]["resourceVersion"]});
    let change = json!({"metadata": exactly, "spec": {"suspend": false, "activeDeadlineSeconds": 60}});
    assert_eq!(ask(&server, Method::PATCH, &path, change.clone()).await.1["spec"]["suspend"], false);
    assert_eq!(ask(&server, Method::PATCH, &path, change).await.0, 409, "that version is old now");
    assert_eq!(ask(&server, Method::PATCH, &path, json!({"metadata": {"uid": "another"}, "spec": {"suspend": true}})).await.0, 422);
}

#[tokio::test]
async fn a_delete_means_one_uid_and_takes_what_it_owned() {
    let server = server();
    let (_, made) = ask(&server, Method::POST, JOBS, job()).await;
    let owner = json!([{"kind": "Job", "name": "a-1", "uid": made["metadata"]["uid"]}]);
    server.edit(|store| {
        let pod =
            |node: Value| json!({"metadata": {"ownerReferences": owner}, "spec": {"nodeName": node, "terminationGracePeriodSeconds": 25}});
        store.create(Id::new("", "pods", "crm", "waits"), pod(Value::Null));
        store.create(Id::new("", "pods", "crm", "runs"), pod(json!("n1")));
    });
    let path = format!("{JOBS}/a-1");
    let other = json!({"preconditions": {"uid": "another"}});
    assert_eq!(ask(&server, Method::DELETE, &path, other).await.0, 409);
    let exactly = json!({"preconditions": {"uid": made["metadata"]["uid"]}, "propagationPolicy": "Background"});
    assert_eq!(ask(&server, Method::DELETE, &path, exactly.clone()).await.0, 200);
    assert_eq!(ask(&server, Method::DELETE, &path, exactly).await.0, 404);
    let pods = ask(&server, Method::GET, "/api/v1/namespaces/crm/pods", Value::Null).await.1;
    assert_eq!(pods["items"].as_array().unwrap().len(), 1, "a pod that runs gets its grace");
    assert_eq!(pods["items"][0]["metadata"]["deletionTimestamp"], "2027-01-15T08:00:25Z");
    let now = json!({"gracePeriodSeconds": 0});
    assert_eq!(ask(&server, Method::DELETE, "/api/v1/namespaces/crm/pods/runs", now).await.0, 200);
    assert_eq!(ask(&server, Method::GET, "/api/v1/namespaces/crm/pods/runs", Value::Null).await.0, 404);
}

#[tokio::test]
async fn a_namespace_that_goes_takes_nothing_new() {
    let server = server();
    server.edit(|store| store.change(&Id::new("", "namespaces", "", "crm"), |space| space["metadata"]["deletionTimestamp"] = json!("now")));
    let (code, refused) = ask(&server, Method::POST, JOBS, job()).await;
    assert_eq!((code, &refused["reason"]), (403, &json!("Forbidden")));
}

#[tokio::test]
async fn a_fault_breaks_the_write_of_its_number_and_no_other() {
    for (fault, happens, lives) in
        [(Fault::DieBefore, false, false), (Fault::DieAfter, true, false), (Fault::Fail, false, true), (Fault::LoseAnswer, true, true)]
    {
        let server = server();
        server.break_write(1, fault);
        let request = Request::builder().method(Method::POST).uri(JOBS).body(Full::new(Bytes::from(job().to_string()))).unwrap();
        let answer = server.answer(request).await;
        assert!(answer.map_or(true, |answer| answer.status() == 500), "{fault:?}: the client must not think that it went well");
        assert_eq!(server.is_dead(), !lives, "{fault:?}");
        server.revive();
        let code = ask(&server, Method::GET, &format!("{JOBS}/a-1"), Value::Null).await.0;
        assert_eq!(code, if happens { 200 } else { 404 }, "{fault:?}");
        assert_eq!(
            ask(&server, Method::POST, JOBS, job()).await.0,
            if happens { 409 } else { 201 },
            "{fault:?}: the second write is whole"
        );
    }
}

#[tokio::test]
async fn a_watch_tells_what_changed_since_a_version_and_then_what_changes() {
    let server = server();
    let (_, made) = ask(&server, Method::POST, JOBS, job()).await;
    let since: u64 = made["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    let path = format!("/apis/batch/v1/jobs?watch=true&resourceVersion={}", since - 1);
    let request = Request::builder().method(Method::GET).uri(path).body(Full::new(Bytes::new())).unwrap();
    let mut body = server.answer(request).await.unwrap().into_body();
    let mut next = async || -> Value { serde_json::from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap()).unwrap() };
    assert_eq!(next().await["type"], "ADDED");
    ask(&server, Method::PATCH, &format!("{JOBS}/a-1"), json!({"spec": {"suspend": false}})).await;
    let changed = next().await;
    assert_eq!((&changed["type"], &changed["object"]["spec"]["suspend"]), (&json!("MODIFIED"), &json!(false)));
}

//! What the operator costs and how quick it is, on a real API server: `make figures`. Nodes and pods are played; the runs,
//! their Jobs and all that controllers do is real. Prints the table of docs/figures-operator.md.
//!
//! Sizes come from the environment: `FINISHED`, `ACTIVE` and `IDLE_MINUTES`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that fails is none")]

#[path = "../tests/light/fixture.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod fixture;
#[path = "../tests/light/light.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod light;
#[path = "../tests/light/stage.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod stage;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, PostParams};
use kube::core::WatchEvent;
use reprise_crds::training::TrainingRun;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::stage::{Stage, asked};

const SPACE: &str = "figures";
/// Workers of each active run.
const WORKERS: usize = 4;
/// Requests of ours at once: as many users as make runs at the same time.
const AT_ONCE: usize = 16;

fn size(name: &str, default: usize) -> usize {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn runs(stage: &Stage) -> Api<DynamicObject> {
    Api::namespaced_with(stage.client.clone(), SPACE, &ApiResource::erase::<TrainingRun>(&()))
}

fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).unwrap()
}

/// Runs that have ended, as they stand after months.
async fn finished(stage: &Stage, count: usize) {
    let api = &runs(stage);
    let now = "2026-01-01T00:00:00Z";
    let condition = |kind: &str| json!({"type": kind, "status": "True", "reason": "Succeeded", "message": "so it is", "lastTransitionTime": now, "observedGeneration": 1});
    let status = &json!({
        "observedGeneration": 1, "phase": "Succeeded", "model": "intent", "attempt": 1, "requestDigest": "1".repeat(64),
        "conditions": [condition("Accepted"), condition("Succeeded")],
    });
    futures::stream::iter(0..count)
        .for_each_concurrent(AT_ONCE, |number| async move {
            let mut run = api.create(&PostParams::default(), &object(fixture::run(SPACE, &format!("old-{number}"), ""))).await.unwrap();
            run.data["status"] = status.clone();
            api.replace_status(&format!("old-{number}"), &PostParams::default(), &run).await.unwrap();
        })
        .await;
}

/// When each run was first seen with a status of the operator's, by a watch that began before they were made.
async fn first_looks(stage: &Stage, count: usize, since: String) -> BTreeMap<String, Instant> {
    let api = runs(stage);
    let parameters = kube::api::WatchParams::default().timeout(290);
    let mut looks = BTreeMap::new();
    let stream = api.watch(&parameters, &since).await.unwrap();
    let mut stream = std::pin::pin!(stream);
    while let Some(event) = stream.try_next().await.unwrap() {
        let (WatchEvent::Added(run) | WatchEvent::Modified(run)) = event else { continue };
        if run.data["status"]["observedGeneration"].as_i64() >= Some(1) {
            looks.entry(run.metadata.name.unwrap_or_default()).or_insert_with(Instant::now);
        }
        if looks.len() >= count {
            break;
        }
    }
    looks
}

/// Makes the active runs; when each was made.
async fn active(stage: &Stage, count: usize) -> BTreeMap<String, Instant> {
    let api = &runs(stage);
    futures::stream::iter(0..count)
        .map(|number| async move {
            let name = format!("new-{number}");
            let mut run = fixture::run(SPACE, &name, &name);
            (run["spec"]["workers"], run["spec"]["resources"]["cpu"]) = (json!(WORKERS), json!("1m"));
            run["spec"]["resources"]["memory"] = json!("1Mi");
            run["spec"]["resources"]["ephemeralStorage"] = json!("1Mi");
            api.create(&PostParams::default(), &object(run)).await.unwrap();
            (name, Instant::now())
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

fn process(stage: &Stage) -> u32 {
    stage.operator.as_ref().unwrap().0.id()
}

/// Whether the operator says that it is ready.
async fn is_ready(stage: &Stage) -> bool {
    let Ok(mut stream) = tokio::net::TcpStream::connect(("127.0.0.1", stage.operator.as_ref().unwrap().1)).await else { return false };
    let mut answer = String::new();
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await.is_ok()
        && stream.read_to_string(&mut answer).await.is_ok()
        && answer.split(' ').nth(1) == Some("200")
}

/// Waits until something holds, and how long it took.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) -> Duration {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_mins(15), "{what}: not within 15 minutes");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    since.elapsed()
}

/// Mebibytes of a field of a process's status.
fn memory(process: u32, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Writes of the operator so far, without its Lease.
fn writes(stage: &Stage) -> usize {
    let is_write = |verb: &str| matches!(verb, "create" | "update" | "patch" | "delete");
    asked(&stage.light.folder).iter().filter(|(verb, resource, _)| is_write(verb) && resource != "leases").count()
}

fn row(what: &str, value: impl std::fmt::Display) {
    println!("| {what} | {value} |");
}

async fn count_jobs(stage: &Stage) -> usize {
    let jobs: Api<Job> = Api::namespaced(stage.client.clone(), SPACE);
    jobs.list_metadata(&ListParams::default()).await.unwrap().items.len()
}

async fn count_running(stage: &Stage) -> usize {
    let list = runs(stage).list(&ListParams::default()).await.unwrap().items;
    list.iter().filter(|run| run.data["status"]["phase"] == "Running").count()
}

#[tokio::main]
async fn main() {
    let (old, new, minutes) = (size("FINISHED", 10_000), size("ACTIVE", 500), size("IDLE_MINUTES", 10));
    let Some(light) = light::whole("figures") else { return };
    let mut stage = Stage::new(light, SPACE).await;
    light.apply(&fixture::source(SPACE));
    finished(&stage, old).await;
    println!("| figure | value |\n|---|---|");
    row("finished runs, active runs, pods", format!("{old}, {new}, {}", new * WORKERS));

    let since = Instant::now();
    stage.start();
    let ready = until("ready", async || is_ready(&stage).await).await;
    row("cold start until /readyz", format!("{:.1} s", ready.as_secs_f64().max(since.elapsed().as_secs_f64())));
    row(
        "memory then (VmRSS, of it anonymous)",
        format!("{} MiB, {} MiB", memory(process(&stage), "VmRSS"), memory(process(&stage), "RssAnon")),
    );

    let version = runs(&stage).list_metadata(&ListParams::default().limit(1)).await.unwrap().metadata.resource_version.unwrap();
    let began = Instant::now();
    let jobs = async { until("Jobs", async || count_jobs(&stage).await >= new).await };
    let (made, looks, all_jobs) = futures::join!(active(&stage, new), first_looks(&stage, new, version), jobs);
    let mut waits: Vec<Duration> = made.iter().filter_map(|(name, at)| Some(looks.get(name)?.saturating_duration_since(*at))).collect();
    waits.sort();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64();
    row("runs made to Jobs made", format!("{:.0} a second", new as f64 / all_jobs.as_secs_f64()));
    row("spec to status, half and p99", format!("{:.2} s, {:.2} s", at(0.5), at(0.99)));
    until("running", async || count_running(&stage).await >= new).await;
    row("until all runs are Running", format!("{:.0} s", began.elapsed().as_secs_f64()));
    row(
        "memory then (VmRSS, of it anonymous)",
        format!("{} MiB, {} MiB", memory(process(&stage), "VmRSS"), memory(process(&stage), "RssAnon")),
    );

    tokio::time::sleep(Duration::from_mins(1)).await;
    let before = writes(&stage);
    tokio::time::sleep(Duration::from_mins(minutes as u64)).await;
    row(&format!("writes in {minutes} idle minutes, without the Lease"), writes(&stage) - before);
}

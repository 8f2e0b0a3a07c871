//! Real Kueue, with its own webhooks, roles and certificates, lets runs in and stops them.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture;
use crate::light::{Light, queued, root};
use crate::stage::{Order, Stage};

const SPACE: &str = "queues";

/// Kueue beside a control plane; it ends when dropped.
struct Kueue {
    child: Child,
}

impl Drop for Kueue {
    fn drop(&mut self) {
        drop(Command::new("kill").arg(self.child.id().to_string()).status());
        drop(self.child.wait());
    }
}

fn script(light: &Light, kueue: &PathBuf, command: &str, port: u16) -> Command {
    let folder = light.folder.join("kueue");
    std::fs::create_dir_all(&folder).unwrap();
    let mut started = Command::new(root().join("tests/ecosystem/kueue/kueue.sh"));
    started.arg(command).env("KUBE", &light.kube).env("KUEUE", kueue).env("KUBECONFIG", &light.kubeconfig);
    started.env("DIR", folder).env("PORT", port.to_string());
    started
}

impl Kueue {
    /// Starts it and waits until it admits.
    fn start(light: &Light, kueue: &PathBuf, port: u16) -> Self {
        let errors = std::fs::File::create(light.folder.join("kueue.err")).unwrap();
        let mut child = script(light, kueue, "run", port).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready", "{}", std::fs::read_to_string(light.folder.join("kueue.err")).unwrap());
        Self { child }
    }
}

/// Two free ports side by side: webhooks and health.
fn ports() -> u16 {
    (20_000..30_000)
        .map(|at| at + 2 * (std::process::id() % 1000) as u16)
        .find(|port| [*port, *port + 1].iter().all(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()))
        .unwrap()
}

/// One queue with quota for two workers' CPUs, and two classes of priority.
fn queues(light: &Light) {
    let resources = json!([{"name": "cpu", "nominalQuota": "200m"}, {"name": "memory", "nominalQuota": "1Gi"}, {"name": "ephemeral-storage", "nominalQuota": "10Gi"}]);
    let groups =
        json!([{"coveredResources": ["cpu", "memory", "ephemeral-storage"], "flavors": [{"name": "any", "resources": resources}]}]);
    let queue = json!({"namespaceSelector": {}, "resourceGroups": groups, "preemption": {"withinClusterQueue": "LowerPriority"}});
    for (kind, metadata, spec) in [
        ("ResourceFlavor", json!({"name": "any"}), Value::Null),
        ("ClusterQueue", json!({"name": "all"}), queue),
        ("LocalQueue", json!({"name": "team", "namespace": SPACE}), json!({"clusterQueue": "all"})),
    ] {
        light.apply(&json!({"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": kind, "metadata": metadata, "spec": spec}));
    }
    let class = json!({"name": "urgent"});
    light.apply(&json!({"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "WorkloadPriorityClass", "metadata": class, "value": 1000}));
}

fn run(name: &str) -> Value {
    let mut run = fixture::run(SPACE, name, name);
    run["spec"]["queueName"] = json!("team");
    run
}

fn quota(run: &Value) -> String {
    let conditions = run["status"]["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|condition| condition["type"] == "QuotaReserved").unwrap();
    format!("{}/{}", found["status"].as_str().unwrap(), found["reason"].as_str().unwrap())
}

fn workload(light: &Light, run: &Value) -> String {
    let selector = format!("--selector=kueue.x-k8s.io/job-uid={}", run["status"]["job"]["uid"].as_str().unwrap());
    light.done(&["get", "workloads", "--namespace", SPACE, &selector, "--output=name"]).trim().to_owned()
}

#[tokio::test]
async fn kueue_admits_evicts_readmits_and_deactivates() {
    let Some((light, kueue)) = queued("kueue_admits_evicts_readmits_and_deactivates") else { return };
    let port = ports();
    assert!(script(light, &kueue, "install", port).status().unwrap().success());
    light.done(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    let mut stage = Stage::new(light, SPACE).await;
    light.apply(&fixture::source(SPACE));
    stage.start();

    // Kueue's webhook does not answer: nothing fails, and the run says what it waits for.
    light.apply(&run("one"));
    let down = stage.blocked("one", "Pending", "WebhookUnavailable").await;
    assert!(down["status"]["blocking"]["hint"].as_str().unwrap().contains("failed calling webhook"), "{}", down["status"]["blocking"]);
    let running = Kueue::start(light, &kueue, port);
    queues(light);

    // Admit.
    let one = stage.phase("one", "Running").await;
    assert_eq!(quota(&one), "True/QuotaReserved");
    // Wait: quota is for one run at a time.
    light.apply(&run("two"));
    let two = stage.blocked("two", "Queued", "WaitingForQuota").await;
    let two = if quota(&two) == "False/WaitingForQuota" { two } else { panic!("{two:#}") };
    stage.until("two", "told why", |run| run["status"]["blocking"]["hint"].as_str().is_some_and(|hint| hint.contains("quota"))).await;
    drop(two);

    // Stop by the user: the Workload is deactivated, and who waited is admitted.
    stage.edit("one", json!({"spec": {"suspend": true}})).await;
    stage.phase("one", "Suspended").await;
    stage.phase("two", "Running").await;
    // Back in the queue, behind the other one.
    stage.edit("one", json!({"spec": {"suspend": false}})).await;
    stage.blocked("one", "Queued", "WaitingForQuota").await;

    // Evict: a run of a higher class takes the quota, and the lower one waits again.
    let mut urgent = run("urgent");
    urgent["metadata"]["labels"] = json!({"kueue.x-k8s.io/priority-class": "urgent"});
    light.apply(&urgent);
    stage.phase("urgent", "Running").await;
    let evicted = stage.blocked("two", "Queued", "WaitingForQuota").await;
    let stages: Vec<&str> =
        evicted["status"]["timeline"].as_array().unwrap().iter().map(|entry| entry["stage"].as_str().unwrap()).collect();
    assert!(stages.contains(&"Running") && stages.last() == Some(&"Queued"), "{stages:?}");
    assert!(evicted["status"]["activeSinceTime"].is_null(), "time in the queue is no active time");

    // Re-admit, to the end.
    for name in ["urgent", "one", "two"] {
        stage.order(name, Order::Publish);
    }
    for name in ["urgent", "one", "two"] {
        stage.phase(name, "Succeeded").await;
    }

    // Deactivated by somebody else: the operator does not undo it.
    light.apply(&run("three"));
    let three = stage.phase("three", "Running").await;
    let workload = workload(light, &three);
    light.done(&["patch", &workload, "--namespace", SPACE, "--type=merge", "--patch", r#"{"spec":{"active":false}}"#]);
    stage.blocked("three", "Suspended", "ByQueue").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let active = light.done(&["get", &workload, "--namespace", SPACE, "--output=jsonpath={.spec.active}"]);
    assert_eq!(active, "false");
    light.done(&["patch", &workload, "--namespace", SPACE, "--type=merge", "--patch", r#"{"spec":{"active":true}}"#]);
    stage.phase("three", "Running").await;
    println!("{}", light.done(&["get", "truns", "--namespace", SPACE]));
    let forbidden = crate::stage::asked(&light.folder).into_iter().filter(|(_, _, code)| *code == 403).collect::<Vec<_>>();
    assert!(forbidden.is_empty(), "{forbidden:?}");
    drop(running);
}

//! The operator's own program with its own account's rights, on a real API server. Nodes and workers are played: a pod
//! says that it runs, or that it ended, when a test says so. Everything between the two is real.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use reprise_artifacts::{Body, Location, Options, layout, manifest, open, requests};
use reprise_crds::contract::{PinnedModels, Record, RunPlan};
use reprise_crds::training::TrainingRun;
use reprise_doubles::GcsDouble;
use serde_json::{Value, json};

use crate::light::Light;

/// What a run's workers do once they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// They work, and stop when they are told to.
    Work,
    /// They work, and do not stop when they are told to.
    Linger,
    /// They publish and end well.
    Publish,
    /// They end with this code.
    Exit(i64),
}

type Orders = Arc<Mutex<BTreeMap<String, Order>>>;

/// Everything that a story needs. What it started ends with it.
pub(crate) struct Stage {
    pub(crate) light: &'static Light,
    pub(crate) client: Client,
    pub(crate) space: String,
    orders: Orders,
    gcs: Arc<GcsDouble>,
    /// The operator's process, and the port of its metrics.
    pub(crate) operator: Option<(Child, u16)>,
    nodes: tokio::task::JoinHandle<()>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.nodes.abort();
        self.stop();
    }
}

impl Stage {
    /// A team's namespace and a node; the operator is not there yet.
    pub(crate) async fn new(light: &'static Light, space: &str) -> Self {
        light.team(space);
        let (client, orders, gcs) = (light.client().await, Orders::default(), Arc::new(GcsDouble::start().await.unwrap()));
        let player = Player { client: client.clone(), space: space.to_owned(), orders: orders.clone(), endpoint: gcs.endpoint() };
        let nodes = tokio::spawn(player.play());
        Self { light, client, space: space.to_owned(), orders, gcs, operator: None, nodes }
    }

    /// Starts the operator with the rights of its account and no others.
    pub(crate) fn start(&mut self) {
        let kubeconfig = self.light.as_account("reprise-system", "reprise-operator");
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = std::fs::File::create(self.log()).unwrap();
        let operator = Command::new(env!("CARGO_BIN_EXE_reprise-operator"))
            .args(["--worker-image=worker:1", "--leader-election", &format!("--listen=127.0.0.1:{port}")])
            .arg(format!("--gcs-endpoint={}", self.gcs.endpoint()))
            .env("KUBECONFIG", kubeconfig)
            .env("POD_NAMESPACE", "reprise-system")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.operator = Some((operator, port));
    }

    /// Ends the operator as a machine that fails does.
    pub(crate) fn stop(&mut self) {
        if let Some((mut operator, _)) = self.operator.take() {
            drop(operator.kill());
            drop(operator.wait());
        }
    }

    fn log(&self) -> std::path::PathBuf {
        self.light.folder.join(format!("operator-{}.log", self.space))
    }

    /// What a run's workers do from now on.
    pub(crate) fn order(&self, run: &str, order: Order) {
        self.orders.lock().unwrap().insert(run.to_owned(), order);
    }

    fn runs(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.space, &ApiResource::erase::<TrainingRun>(&()))
    }

    /// A run as the API server has it.
    pub(crate) async fn run(&self, name: &str) -> Value {
        self.runs().get_opt(name).await.unwrap().map_or(Value::Null, |run| serde_json::to_value(run).unwrap())
    }

    /// Waits until a run is as it should be.
    pub(crate) async fn until(&self, name: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1200 {
            let run = self.run(name).await;
            if is_so(&run) {
                return run;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(20).collect();
        panic!("{name} is not {what}: {:#}\n{}", self.run(name).await["status"], tail.join("\n"))
    }

    /// Waits for a phase.
    pub(crate) async fn phase(&self, name: &str, phase: &str) -> Value {
        self.until(name, phase, |run| {
            run["status"]["phase"] == phase && run["status"]["observedGeneration"] == run["metadata"]["generation"]
        })
        .await
    }

    /// Waits for a phase and what blocks it.
    pub(crate) async fn blocked(&self, name: &str, phase: &str, reason: &str) -> Value {
        let so = |run: &Value| run["status"]["phase"] == phase && run["status"]["blocking"]["reason"] == reason;
        self.until(name, &format!("{phase}, blocked by {reason}"), so).await
    }

    /// A user edits a run.
    pub(crate) async fn edit(&self, name: &str, patch: Value) {
        self.runs().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// The folder of all artifacts.
    pub(crate) async fn artifacts(&self) -> Location {
        artifacts(&self.gcs.endpoint()).await
    }
}

async fn artifacts(endpoint: &str) -> Location {
    let options = Options { gcs_endpoint: Some(endpoint.to_owned()), ..Options::default() };
    open(&"gs://models/crm/".parse().unwrap(), &options).await.unwrap()
}

/// Plays nodes and workers.
struct Player {
    client: Client,
    space: String,
    orders: Orders,
    endpoint: String,
}

impl Player {
    async fn play(self) {
        self.join().await;
        let mut turns: u32 = 0;
        loop {
            if turns.is_multiple_of(100) {
                self.beat().await;
            }
            turns += 1;
            let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.space);
            // A pod that went meanwhile, or an API server that ends: the next turn sees what is.
            for pod in pods.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default() {
                drop(self.turn(&pods, pod).await);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A node comes.
    async fn join(&self) {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": {"kubernetes.io/hostname": "n1"}}});
        drop(nodes.create(&kube::api::PostParams::default(), &serde_json::from_value(node).unwrap()).await);
    }

    /// The node says that it is there: without that its pods would be taken away after a minute.
    async fn beat(&self) {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let now = time();
        let amounts = json!({"cpu": "16", "memory": "64Gi", "pods": "5000", "ephemeral-storage": "500Gi"});
        let ready = json!({"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "", "lastHeartbeatTime": now});
        let status = json!({"status": {"capacity": amounts, "allocatable": amounts, "conditions": [ready]}});
        drop(nodes.patch_status("n1", &PatchParams::default(), &Patch::Strategic(status)).await);
    }

    async fn turn(&self, pods: &Api<Pod>, pod: Pod) -> kube::Result<()> {
        let run = pod.labels().get("reprise.dev/run-name").cloned().unwrap_or_default();
        let order = self.orders.lock().unwrap().get(&run).copied().unwrap_or(Order::Work);
        let phase = pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
        let scheduled = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
        match (phase.as_str(), order) {
            ("Pending" | "Running", Order::Linger) if pod.metadata.deletion_timestamp.is_some() => Ok(()),
            ("Pending" | "Running", _) if pod.metadata.deletion_timestamp.is_some() => {
                end(pods, &pod, 143).await?;
                let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
                pods.delete(&pod.name_any(), &now).await.map(drop)
            }
            ("Pending", _) if scheduled => {
                let running = json!({"startedAt": time()});
                tell(pods, &pod, "Running", &json!({"running": running})).await
            }
            ("Running", Order::Publish) => {
                self.publish(&pod).await;
                end(pods, &pod, 0).await
            }
            ("Running", Order::Exit(code)) => end(pods, &pod, code).await,
            _ => Ok(()),
        }
    }

    /// Puts what real workers leave of a request.
    async fn publish(&self, pod: &Pod) {
        let container = &pod.spec.as_ref().unwrap().containers[0];
        let variable = container.env.iter().flatten().find(|variable| variable.name == "REPRISE_PLAN").unwrap();
        let plan: RunPlan = serde_json::from_str(variable.value.as_deref().unwrap()).unwrap();
        let (artifacts, geography) = (artifacts(&self.endpoint).await, plan.geography.as_str());
        let record = Record {
            request_digest: plan.request_digest.clone(),
            inputs: Vec::new(),
            models: PinnedModels::default(),
            recipe: 1,
            data_recipe: 1,
            kernel_class: "scalar".to_owned(),
            image: "image".to_owned(),
            data_digest: plan.request_digest.clone(),
            identity: plan.request_digest.clone(),
        };
        let digest = plan.request_digest.as_str().parse().unwrap();
        requests::offer(&artifacts.child(&layout::request(geography, &digest)).unwrap(), &record).await.unwrap();
        let at = artifacts.child(&layout::artifact(geography, plan.task.folder(), &digest)).unwrap();
        let metrics = br#"{"headline": [{"name": "auc", "value": 0.71}]}"#.to_vec();
        manifest::publish(&at, vec![("metrics.json".to_owned(), Body::from(metrics))], json!({"asOf": "2011-05-31"})).await.unwrap();
    }
}

async fn end(pods: &Api<Pod>, pod: &Pod, code: i64) -> kube::Result<()> {
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    tell(pods, pod, phase, &json!({"terminated": {"exitCode": code, "startedAt": time(), "finishedAt": time()}})).await
}

/// What a kubelet says of a pod.
async fn tell(pods: &Api<Pod>, pod: &Pod, phase: &str, state: &Value) -> kube::Result<()> {
    let ready = phase == "Running";
    let status = json!({"status": {
        "phase": phase, "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}],
        "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
        "containerStatuses": [{"name": "worker", "image": "worker:1", "imageID": "", "ready": ready, "restartCount": 0, "state": state}],
    }});
    pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(status)).await.map(drop)
}

fn time() -> String {
    #[expect(clippy::disallowed_methods, reason = "a kubelet reads its clock")]
    let now = jiff::Timestamp::try_from(std::time::SystemTime::now()).unwrap();
    jiff::Timestamp::from_second(now.as_second()).unwrap().to_string()
}

/// What the operator's account asked since the control plane began: verb, resource and code of the answer.
pub(crate) fn asked(folder: &Path) -> Vec<(String, String, u64)> {
    let text = std::fs::read_to_string(folder.join("audit.log")).unwrap();
    let entries = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of = |entry: Value| {
        let word = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let subresource = word("/objectRef/subresource");
        let separator = if subresource.is_empty() { "" } else { "/" };
        let resource = format!("{}{separator}{subresource}", word("/objectRef/resource"));
        (word("/verb"), resource, entry["responseStatus"]["code"].as_u64().unwrap_or(0))
    };
    entries.map(of).collect()
}

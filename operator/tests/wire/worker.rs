//! Workers, as far as the operator can tell: they start, they publish or fail, they stop when told to.

use reprise_artifacts::{Body, layout, manifest, open, requests};
use reprise_crds::contract::{Outcome, PinnedModels, Record, ReportedError, RunPlan, RunReport};
use reprise_doubles::kubernetes::{Id, Store};
use serde_json::{Value, json};

use crate::cluster::{Cluster, is_active};

/// How workers end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// They publish and end well.
    Publish,
    /// They end well and publish nothing.
    Nothing,
    /// They end with this code, saying why.
    Exit(i64),
    /// They work until told to stop, and publish when they are started after that.
    UntilStopped,
    /// They work for ever.
    Forever,
    /// The first one's node dies; those on another node publish.
    NodeDies,
}

/// A worker that ends in this turn.
pub(crate) struct Shift {
    pub(crate) pod: Id,
    pub(crate) exit_code: i64,
    pub(crate) message: String,
    publishes: Option<Box<RunPlan>>,
}

impl Work {
    /// Nodes and workers take a turn: pods start, and those returned end.
    pub(crate) fn begin(self, store: &mut Store) -> Vec<Shift> {
        let pods: Vec<(Id, Value)> =
            store.all("", "pods").filter(|(_, pod)| is_active(pod)).map(|(id, pod)| (id.clone(), pod.clone())).collect();
        let mut shifts = Vec::new();
        for (id, pod) in pods {
            if is_dead(store, &pod) {
                // The node says nothing any more; after a while the cluster wants its pods gone.
                drop(store.delete(&id, None));
            } else if pod["status"]["phase"] == "Pending" {
                let node = if self == Self::NodeDies && is_dead_node(store, "n1") { "n2" } else { "n1" };
                store.change(&id, |pod| {
                    pod["spec"]["nodeName"] = json!(node);
                    pod["status"]["phase"] = json!("Running");
                });
            } else if !pod["metadata"]["deletionTimestamp"].is_null() {
                shifts.push(shift(id, 143, None));
            } else {
                shifts.extend(self.ends(id, &pod));
            }
        }
        shifts
    }

    fn ends(self, id: Id, pod: &Value) -> Option<Shift> {
        let plan = || serde_json::from_str(pod["spec"]["containers"][0]["env"][0]["value"].as_str().unwrap()).unwrap();
        match self {
            Self::Publish => Some(shift(id, 0, Some(plan()))),
            Self::Nothing => Some(shift(id, 0, None)),
            Self::Exit(code) => Some(shift(id, code, None)),
            Self::NodeDies if pod["spec"]["nodeName"] == "n2" => Some(shift(id, 0, Some(plan()))),
            Self::UntilStopped | Self::Forever | Self::NodeDies => None,
        }
    }

    /// Puts what a real worker leaves: its record and a published result.
    pub(crate) async fn publish(self, cluster: &Cluster, shift: &Shift) {
        if let Some(plan) = &shift.publishes {
            publish(cluster, plan).await;
        }
    }
}

fn is_dead(store: &Store, pod: &Value) -> bool {
    pod["spec"]["nodeName"].as_str().is_some_and(|node| is_dead_node(store, node))
}

fn is_dead_node(store: &Store, name: &str) -> bool {
    store.get(&Id::new("", "nodes", "", name)).is_none_or(|node| node["status"]["conditions"][0]["status"] != "True")
}

fn shift(pod: Id, exit_code: i64, publishes: Option<Box<RunPlan>>) -> Shift {
    let error = ReportedError { code: "Because".to_owned(), message: "it went wrong".to_owned(), ..ReportedError::default() };
    let outcome = if exit_code == 0 { Outcome::Published } else { Outcome::Failed };
    let error = (exit_code != 0).then_some(error);
    let report = RunReport { request_digest: None, identity: None, outcome, manifest: None, step: None, error };
    Shift { pod, exit_code, message: report.to_termination_message(), publishes }
}

/// What a real worker leaves of a request.
pub(crate) async fn publish(cluster: &Cluster, plan: &RunPlan) {
    let artifacts = open(&plan.artifacts.as_str().parse().unwrap(), &cluster.options()).await.unwrap();
    let geography = plan.geography.as_str();
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
    let files = vec![("metrics.json".to_owned(), Body::from(metrics))];
    manifest::publish(&at, files, json!({"asOf": "2011-05-31"})).await.unwrap();
}

//! The cluster that all cases share, and a namespace of one case.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use reprise_doubles::skip;
use reprise_tests::cluster::Cluster;
use reprise_tests::{installation, machine, root};
use serde_json::Value;

/// Customers of the brand: few, so that a training takes seconds.
const CUSTOMERS: u32 = 1500;

struct Shared {
    cluster: Cluster,
    // Ends after the cluster has: its guard empties it.
    _folder: PathBuf,
}

/// The cluster of this process, with Reprise installed; `None`, and the test named as skipped, where there can't be one.
pub(crate) fn cluster(test: &str) -> Option<&'static Cluster> {
    static SHARED: OnceLock<Result<Shared, String>> = OnceLock::new();
    match SHARED.get_or_init(start) {
        Ok(shared) => Some(&shared.cluster),
        Err(reason) => {
            skip(test, reason);
            None
        }
    }
}

fn start() -> Result<Shared, String> {
    machine::lacks().map_or(Ok(()), Err)?;
    let folder = tempfile::Builder::new().prefix("reprise-cluster-").tempdir().unwrap().keep();
    let cluster = Cluster::start(&folder).unwrap();
    installation::install(&cluster, &installation::programs().unwrap(), CUSTOMERS).unwrap();
    // Nodes that a case makes to kill them are for that case alone.
    cluster.kubectl(&["label", "nodes", "--all", "pool=steady"]).unwrap();
    cluster.kubectl(&["annotate", "namespace", "reprise-system", "scheduler.alpha.kubernetes.io/node-selector=pool=steady"]).unwrap();
    Ok(Shared { cluster, _folder: folder })
}

/// The namespace of a case, on nodes that stay.
pub(crate) struct Space {
    pub(crate) cluster: &'static Cluster,
    pub(crate) name: &'static str,
}

impl Space {
    pub(crate) fn new(cluster: &'static Cluster, name: &'static str) -> Self {
        Self::on(cluster, name, "steady")
    }

    /// The namespace of a case, on the nodes of a pool.
    pub(crate) fn on(cluster: &'static Cluster, name: &'static str, pool: &str) -> Self {
        let documents = format!(
            r#"
apiVersion: v1
kind: Namespace
metadata:
  name: {name}
  labels: {{pod-security.kubernetes.io/enforce: restricted}}
  annotations:
    reprise.dev/artifact-roots: gs://reprise-demo/{name}
    scheduler.alpha.kubernetes.io/node-selector: pool={pool}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: reprise-worker, labels: {{reprise.dev/worker: "true"}}}}
automountServiceAccountToken: false
"#
        );
        let space = Self { cluster, name };
        cluster.apply("default", documents.split("---").next().unwrap()).unwrap();
        space.apply(documents.split("---").nth(1).unwrap());
        space.apply(&std::fs::read_to_string(root().join("examples/demo/source.yaml")).unwrap());
        space
    }

    pub(crate) fn apply(&self, documents: &str) {
        self.cluster.apply(self.name, documents).unwrap();
    }

    /// kubectl in this namespace.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.cluster.kubectl(&[arguments, &["--namespace", self.name]].concat()).unwrap()
    }

    /// A training of seconds; the same request in every namespace.
    pub(crate) fn training(&self, workers: u32, cpu: &str) -> String {
        format!(
            r#"
apiVersion: reprise.dev/v1alpha1
kind: TrainingRun
metadata: {{name: intent}}
spec:
  geography: FR
  model: {{intent: {{horizonWeeks: 26}}}}
  data: {{sourceRef: {{name: demo-crm}}, asOf: "2025-09-01"}}
  artifacts: gs://reprise-demo/{}/
  workers: {workers}
  resources: {{cpu: "{cpu}", memory: 1Gi, ephemeralStorage: 1Gi}}
"#,
            self.name
        )
    }

    /// Waits until a run has come to a phase; a failure on the way is the test's.
    pub(crate) fn reaches(&self, run: &str, phase: &str) {
        let wanted = |seen: &str| {
            assert!(seen == phase || !matches!(seen, "Failed" | "Rejected"), "{run} is {seen}: {}", self.object(run));
            seen == phase
        };
        self.watch(run, "{.status.phase}", wanted);
    }

    pub(crate) fn watch(&self, object: &str, path: &str, wanted: impl FnMut(&str) -> bool) -> String {
        self.cluster.watch(self.name, object, path, wanted).unwrap()
    }

    pub(crate) fn object(&self, object: &str) -> Value {
        serde_json::from_str(&self.kubectl(&["get", object, "--output", "json"])).unwrap()
    }

    /// A list of objects.
    pub(crate) fn list(&self, kind: &str) -> Vec<Value> {
        self.object(kind)["items"].as_array().unwrap().clone()
    }

    /// A condition's status and reason.
    pub(crate) fn condition(&self, run: &str, kind: &str) -> (String, String) {
        let object = self.object(run);
        let conditions = object["status"]["conditions"].as_array().unwrap();
        let found = conditions.iter().find(|condition| condition["type"] == kind).unwrap();
        (found["status"].as_str().unwrap().to_owned(), found["reason"].as_str().unwrap().to_owned())
    }

    /// How often a worker was started.
    pub(crate) fn starts(&self, run: &str, index: usize) -> i64 {
        self.object(run)["status"]["workers"][index]["starts"].as_i64().unwrap()
    }
}

/// The digest of the training when nothing disturbs it.
pub(crate) fn undisturbed(cluster: &'static Cluster) -> String {
    static DIGEST: Mutex<Option<String>> = Mutex::new(None);
    let mut digest = DIGEST.lock().unwrap_or_else(PoisonError::into_inner);
    digest
        .get_or_insert_with(|| {
            let space = Space::new(cluster, "undisturbed");
            space.apply(&space.training(1, "1"));
            space.reaches("trun/intent", "Succeeded");
            digest_of(&space, "trun/intent")
        })
        .clone()
}

/// The digest of what a run has published.
pub(crate) fn digest_of(space: &Space, run: &str) -> String {
    space.object(run)["status"]["artifact"]["digest"].as_str().unwrap().to_owned()
}

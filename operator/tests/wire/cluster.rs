//! A small world: an API server in memory, a bucket in a folder, and time that a test moves. The Job controller, the
//! nodes and the garbage collector are played here, by the rules that the real ones keep.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use reprise_artifacts::Options;
use reprise_doubles::kubernetes::{ApiServer, Id, Store};
use reprise_operator::bucket::Buckets;
use reprise_operator::context::{Clock, Context, Key, Waiting};
use reprise_operator::job::Workshop;
use reprise_operator::metrics::Metrics;
use reprise_operator::polling::Polling;
use serde_json::{Value, json};

use crate::worker::{Shift, Work};

pub(crate) const SPACE: &str = "crm";

/// What a user's objects and the cluster's own look like in a test.
pub(crate) struct Cluster {
    pub(crate) server: ApiServer,
    pub(crate) bucket: tempfile::TempDir,
    pub(crate) work: Work,
    time: Arc<AtomicI64>,
    began: i64,
}

impl Cluster {
    /// A cluster with a namespace that may use a bucket, a ServiceAccount of workers, a DataSource and two nodes.
    pub(crate) fn new(work: Work) -> Self {
        #[expect(clippy::disallowed_methods, reason = "claims in a folder are as old as their files, so the test's time begins now")]
        let now = Timestamp::try_from(std::time::SystemTime::now()).unwrap().as_second();
        let cluster = Self {
            server: ApiServer::default(),
            bucket: tempfile::tempdir().unwrap(),
            work,
            time: Arc::new(AtomicI64::new(now)),
            began: now,
        };
        cluster.pass(0);
        cluster.server.edit(|store| {
            let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"annotations": {"reprise.dev/artifact-roots": "gs://models/crm"}}});
            store.create(Id::new("", "namespaces", "", SPACE), space);
            let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"labels": {"reprise.dev/worker": "true"}}});
            store.create(Id::new("", "serviceaccounts", SPACE, "reprise-worker"), account);
            store.create(Id::new("reprise.dev", "datasources", SPACE, "shop"), source());
            for name in ["n1", "n2"] {
                let node = json!({"apiVersion": "v1", "kind": "Node", "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
                store.create(Id::new("", "nodes", "", name), node);
            }
        });
        cluster
    }

    /// A fresh process of the operator: it remembers nothing.
    pub(crate) fn operator(&self, image: &str) -> Context {
        let time = self.time.clone();
        let clock: Clock = Arc::new(move || Timestamp::from_second(time.load(Ordering::SeqCst)).unwrap());
        Context {
            client: self.client(),
            clock,
            cluster_uid: "this-cluster".to_owned(),
            workshop: Workshop { image: image.to_owned(), account: "reprise-worker".to_owned(), gcs_endpoint: None },
            buckets: Buckets::new(self.options()),
            patience: Duration::from_secs(5),
            metrics: Metrics::default(),
            waiting: Waiting::default(),
            polling: Polling::default(),
        }
    }

    pub(crate) fn client(&self) -> kube::Client {
        let server = self.server.clone();
        kube::Client::new(
            tower::service_fn(move |request| {
                let server = server.clone();
                async move { server.answer(request).await }
            }),
            "default",
        )
    }

    /// The bucket is a folder.
    pub(crate) fn options(&self) -> Options {
        Options { map: [("gs://models".to_owned(), self.bucket.path().to_owned())].into(), ..Options::default() }
    }

    pub(crate) fn now(&self) -> i64 {
        self.time.load(Ordering::SeqCst)
    }

    /// Seconds since the test began.
    pub(crate) fn passed(&self) -> i64 {
        self.now() - self.began
    }

    pub(crate) fn pass(&self, seconds: i64) {
        let now = self.time.fetch_add(seconds, Ordering::SeqCst) + seconds;
        self.server.edit(|store| store.now = now);
    }

    /// A user makes a run.
    #[expect(clippy::needless_pass_by_value, reason = "a story writes the spec where it makes the run")]
    pub(crate) fn make(&self, resource: &str, name: &str, spec: Value) {
        let kind = if resource == "trainingruns" { "TrainingRun" } else { "ScoringRun" };
        let run = json!({
            "apiVersion": "reprise.dev/v1alpha1", "kind": kind, "metadata": {}, "spec": spec, "status": {"observedGeneration": -1},
        });
        self.server.edit(|store| store.create(run_id(resource, name), run));
    }

    /// A user edits a run's spec.
    pub(crate) fn edit(&self, resource: &str, name: &str, edit: impl FnOnce(&mut Value)) {
        self.server.edit(|store| store.change(&run_id(resource, name), |run| edit(&mut run["spec"])));
    }

    pub(crate) fn run(&self, resource: &str, name: &str) -> Value {
        self.server.edit(|store| store.get(&run_id(resource, name)).cloned()).unwrap_or(Value::Null)
    }

    pub(crate) fn phase(&self, name: &str) -> String {
        self.run("trainingruns", name)["status"]["phase"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        let of = |store: &Store, resource: &'static str, kind: &'static str| -> Vec<Key> {
            store.all("reprise.dev", resource).map(|(id, _)| Key { namespace: id.namespace.clone(), kind, name: id.name.clone() }).collect()
        };
        self.server.edit(|store| [of(store, "trainingruns", "TrainingRun"), of(store, "scoringruns", "ScoringRun")].concat())
    }

    /// One turn of everything that is not the operator: nodes, workers, the Job controller.
    pub(crate) async fn turn(&self) {
        let shifts = self.server.edit(|store| {
            let shifts = self.work.begin(store);
            queue(store);
            control(store);
            shifts
        });
        for shift in shifts {
            self.work.publish(self, &shift).await;
            self.server.edit(|store| end(store, &shift));
        }
        self.server.edit(control);
    }
}

pub(crate) fn run_id(resource: &str, name: &str) -> Id {
    Id::new("reprise.dev", resource, SPACE, name)
}

pub(crate) fn job_id(name: &str) -> Id {
    Id::new("batch", "jobs", SPACE, name)
}

fn source() -> Value {
    json!({
        "apiVersion": "reprise.dev/v1alpha1", "kind": "DataSource", "metadata": {},
        "spec": {
            "location": "gs://shop/", "markets": [{"name": "NO", "timeZone": "Europe/Oslo", "currency": "NOK"}],
            "files": [{"name": "sales", "path": "sales.csv", "csv": {}, "columns": [{"name": "id", "type": "Text"}]}],
            "views": [{"name": "transactions", "sql": "SELECT * FROM sales"}],
        },
    })
}

/// A worker's pod ends: the kubelet says so, and an asked-for deletion is done.
fn end(store: &mut Store, shift: &Shift) {
    let leaves = store.get(&shift.pod).is_some_and(|pod| !pod["metadata"]["deletionTimestamp"].is_null());
    let phase = if shift.exit_code == 0 { "Succeeded" } else { "Failed" };
    store.change(&shift.pod, |pod| {
        pod["status"]["phase"] = json!(phase);
        pod["status"]["containerStatuses"] = json!([{"name": "worker", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                    "state": {"terminated": {"exitCode": shift.exit_code, "message": shift.message}}}]);
    });
    if leaves {
        count(store, &shift.pod);
        store.remove(&shift.pod);
    }
}

/// Counts a pod's end in its Job, once, as the Job controller's finalizer on pods makes sure.
fn count(store: &mut Store, pod: &Id) {
    let Some(found) = store.get(pod).cloned() else { return };
    let exit = found["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"].as_i64();
    let disrupted = found["status"]["conditions"].as_array().is_some_and(|all| all.iter().any(|one| one["type"] == "DisruptionTarget"));
    if disrupted || exit == Some(143) || exit == Some(0) || !found["metadata"]["annotations"]["counted"].is_null() {
        return;
    }
    store.change(pod, |pod| pod["metadata"]["annotations"]["counted"] = json!("yes"));
    let job = job_id(found["metadata"]["labels"]["batch.kubernetes.io/job-name"].as_str().unwrap_or_default());
    let fatal = exit.is_some_and(|code| [64, 65, 78].contains(&code));
    store.change(&job, |job| {
        job["status"]["failed"] = json!(job["status"]["failed"].as_i64().unwrap_or(0) + 1);
        if fatal {
            job["status"]["fatal"] = json!(true);
        }
    });
}

/// Kueue with quota for all: it makes a Workload for each Job in a queue, lets in those that are active, and stops those
/// that are not.
fn queue(store: &mut Store) {
    let label = &|job: &Value| !job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"].is_null();
    let jobs: Vec<(Id, Value)> =
        store.all("batch", "jobs").filter(|(_, job)| label(job) && !is_over(job)).map(|(id, job)| (id.clone(), job.clone())).collect();
    for (id, job) in jobs {
        let workload = Id::new("kueue.x-k8s.io", "workloads", SPACE, &format!("job-{}", id.name));
        let uid = &job["metadata"]["uid"];
        let active = store.get(&workload).map(|found| found["spec"]["active"] != json!(false));
        let Some(active) = active else {
            let metadata =
                json!({"labels": {"kueue.x-k8s.io/job-uid": uid}, "ownerReferences": [{"kind": "Job", "name": id.name, "uid": uid}]});
            store.create(workload, json!({"metadata": metadata, "spec": {"active": true}}));
            continue;
        };
        let says = |kind: &str, status: &str| json!({"type": kind, "status": status, "reason": "Because", "message": "so it is"});
        store.change(&workload, |found| {
            let reserved = says("QuotaReserved", if active { "True" } else { "False" });
            found["status"]["conditions"] = json!([reserved, says("Evicted", if active { "False" } else { "True" })]);
        });
        store.change(&id, |job| job["spec"]["suspend"] = json!(!active));
    }
}

/// The Job controller: pods for unsuspended Jobs, none for suspended ones, and each Job's end.
fn control(store: &mut Store) {
    let jobs: Vec<(Id, Value)> = store.all("batch", "jobs").map(|(id, job)| (id.clone(), job.clone())).collect();
    for (id, job) in jobs {
        let pods: Vec<(Id, Value)> = pods_of(store, &id.name);
        for (pod, found) in &pods {
            if matches!(found["status"]["phase"].as_str(), Some("Failed" | "Succeeded")) {
                count(store, pod);
            }
        }
        let Some(job) = store.get(&id).cloned().or(Some(job)) else { continue };
        if is_over(&job) {
            expire(store, &id, &job);
        } else if job["spec"]["suspend"] == json!(true) {
            store.change(&id, |job| {
                job["status"].as_object_mut().map(|status| status.remove("startTime"));
            });
            pods.iter().filter(|(_, pod)| is_active(pod)).for_each(|(pod, _)| drop(store.delete(pod, None)));
        } else {
            go_on(store, &id, &job, &pods);
        }
    }
}

pub(crate) fn pods_of(store: &Store, job: &str) -> Vec<(Id, Value)> {
    let own = |pod: &&Value| pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] == json!(job);
    store.all("", "pods").filter(|(_, pod)| own(pod)).map(|(id, pod)| (id.clone(), pod.clone())).collect()
}

pub(crate) fn is_active(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Pending" | "Running"))
}

fn is_over(job: &Value) -> bool {
    job["status"]["conditions"].as_array().is_some_and(|all| !all.is_empty())
}

fn expire(store: &mut Store, id: &Id, job: &Value) {
    let ended: Timestamp = job["status"]["conditions"][0]["lastTransitionTime"].as_str().unwrap().parse().unwrap();
    if job["spec"]["ttlSecondsAfterFinished"].as_i64().is_some_and(|ttl| store.now >= ended.as_second() + ttl) {
        store.remove(id);
    }
}

fn go_on(store: &mut Store, id: &Id, job: &Value, pods: &[(Id, Value)]) {
    let count = job["spec"]["completions"].as_i64().unwrap();
    let index =
        |pod: &Value| pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"].as_str().unwrap().parse::<i64>().unwrap();
    let done = |at: i64| pods.iter().any(|(_, pod)| index(pod) == at && pod["status"]["phase"] == "Succeeded");
    let started: Option<Timestamp> = job["status"]["startTime"].as_str().map(|time| time.parse().unwrap());
    let over = started.zip(job["spec"]["activeDeadlineSeconds"].as_i64()).is_some_and(|(at, limit)| store.now >= at.as_second() + limit);
    let failed = job["status"]["failed"].as_i64().unwrap_or(0);
    let limit = job["spec"]["backoffLimit"].as_i64().unwrap_or(i64::from(i32::MAX));
    let end = if (0..count).all(done) {
        Some(("Complete", "CompletionsReached"))
    } else if job["status"]["fatal"] == json!(true) {
        Some(("Failed", "PodFailurePolicy"))
    } else if failed > limit {
        Some(("Failed", "BackoffLimitExceeded"))
    } else if over {
        Some(("Failed", "DeadlineExceeded"))
    } else {
        None
    };
    let time = store.time(0);
    if let Some((kind, reason)) = end {
        pods.iter().filter(|(_, pod)| is_active(pod)).for_each(|(pod, _)| drop(store.delete(pod, None)));
        let condition = json!({"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": time});
        let succeeded = (0..count).filter(|at| done(*at)).count();
        store.change(id, |job| {
            job["status"]["conditions"] = json!([condition]);
            job["status"]["succeeded"] = json!(succeeded);
        });
        return;
    }
    if started.is_none() {
        store.change(id, |job| job["status"]["startTime"] = json!(time));
    }
    for at in 0..count {
        // podReplacementPolicy Failed: one that is still ending has no replacement yet.
        if !done(at) && !pods.iter().any(|(_, pod)| index(pod) == at && is_active(pod)) {
            add_pod(store, id, job, at);
        }
    }
}

fn add_pod(store: &mut Store, job_id: &Id, job: &Value, at: i64) {
    let number = store.version();
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": job["spec"]["template"]["metadata"], "spec": job["spec"]["template"]["spec"]});
    pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] = json!(at.to_string());
    pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] = json!(job_id.name);
    pod["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "batch/v1", "kind": "Job", "name": job_id.name, "uid": job["metadata"]["uid"], "controller": true}]);
    pod["status"] = json!({"phase": "Pending"});
    store.create(Id::new("", "pods", SPACE, &format!("{}-{at}-{number}", job_id.name)), pod);
}

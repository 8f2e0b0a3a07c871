//! Step 1: every read of a reconcile, live. Nothing here writes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, ServiceAccount};
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, Resource};
use reprise_crds::contract::ReferencedRun;
use reprise_crds::run::ArtifactRef;
use reprise_crds::source::DataSource;
use reprise_crds::status::Phase;
use reprise_crds::training::TrainingRun;
use serde::de::DeserializeOwned;

use crate::context::{Context, Key};
use crate::kind::{Run, RunKind};
use crate::names;
use crate::observed::{Account, Answer, Dependencies, JobSeen, Observed, PodSeen, Referenced, WorkloadSeen};
use crate::plan::{LOST_SECONDS, is_terminal};
use crate::reconcile::Error;
use crate::seen;
use crate::validate::validate;

/// The most pods of one run that are looked at; a page more is not needed to decide.
const MOST_PODS: u32 = 1000;

/// A run as it stands in the API server: whole, so that a status can be put back with everything else unchanged.
pub async fn object<K: RunKind>(context: &Context, key: &Key) -> Result<Option<DynamicObject>, Error> {
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), &key.namespace, &ApiResource::erase::<K>(&()));
    read(context, "read the run", api.get_opt(&key.name)).await
}

/// Everything that a plan for this run depends on.
pub async fn observe<K: RunKind>(context: &Context, object: &K, now: Timestamp) -> Result<Observed, Error> {
    let run = Run::of(object);
    let mut seen = Observed::default();
    if run.deleting {
        return Ok(seen);
    }
    seen.job = job(context, &run).await?;
    if is_terminal(&run.status) {
        return Ok(seen);
    }
    let foreign = seen.job.as_ref().is_some_and(|job| job.owner_uid.as_deref() != Some(run.uid.as_str()));
    if foreign {
        return Ok(seen);
    }
    if seen.job.is_some() || run.status.job.is_some() {
        seen.pods = pods(context, &run, now).await?;
    }
    if seen.job.is_none() || run.status.request_digest.is_none() {
        seen.dependencies = Some(dependencies(context, &run).await?);
    } else {
        context.waiting.replace(&run.key(), []);
    }
    if let Some(job) = seen.job.as_ref().filter(|job| run.common.queue_name.is_some() && job.end.is_none()) {
        seen.workload = workload(context, &run, &job.uid).await?;
    }
    if asks(&seen) {
        // The same pure step that follows: it says under which digest the answer would lie.
        let request = || validate(object, seen.dependencies.as_ref()).request.ok().flatten();
        let digest = run.status.request_digest.clone().or_else(|| request().map(|plan| plan.request_digest));
        if let Some(digest) = digest {
            seen.answer = context.buckets.look(&run, &digest, now).await;
        }
    }
    if seen.answer == Answer::NotAsked && seen.job.as_ref().is_some_and(|job| !job.suspended) {
        seen.progress = context.polling.ask(&run, &seen.pods, now).await;
    }
    Ok(seen)
}

/// Whether an answer in the bucket could change the plan: not while workers are at work.
fn asks(seen: &Observed) -> bool {
    seen.job.as_ref().is_none_or(|job| job.end.is_some() || (job.suspended && !seen.pods.iter().any(PodSeen::is_active)))
}

async fn job(context: &Context, run: &Run) -> Result<Option<JobSeen>, Error> {
    let api: Api<Job> = Api::namespaced(context.client.clone(), &run.namespace);
    let found = read(context, "read the Job", api.get_opt(&run.job_name())).await?;
    Ok(found.as_ref().map(seen::job))
}

/// Kueue's Workload of a Job; none where Kueue is not installed.
async fn workload(context: &Context, run: &Run, job_uid: &str) -> Result<Option<WorkloadSeen>, Error> {
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), &run.namespace, &seen::workloads());
    let selector = format!("{}={job_uid}", names::WORKLOAD_OF);
    let parameters = ListParams::default().labels(&selector).limit(1);
    match read(context, "read the Workload", api.list(&parameters)).await {
        Err(Error::Read { source, .. }) if matches!(&*source, kube::Error::Api(status) if status.is_not_found()) => Ok(None),
        found => Ok(found?.items.first().map(seen::workload)),
    }
}

async fn pods(context: &Context, run: &Run, now: Timestamp) -> Result<Vec<PodSeen>, Error> {
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &run.namespace);
    let selector = format!("{}={}", names::RUN_UID, run.uid);
    let parameters = ListParams::default().labels(&selector).limit(MOST_PODS);
    let mut pods: Vec<PodSeen> = read(context, "list the pods", api.list(&parameters)).await?.items.iter().map(seen::pod).collect();
    pods.sort_by(|a, b| (a.index, a.created, &a.uid).cmp(&(b.index, b.created, &b.uid)));
    for pod in &mut pods {
        let overdue = pod.ends.is_some_and(|ends| now.as_second() >= ends.as_second() + LOST_SECONDS);
        if overdue && let Some(node) = &pod.node {
            pod.node_ready = Some(is_ready(context, node).await?);
        }
    }
    Ok(pods)
}

/// Whether a node answers; one that is gone does not.
async fn is_ready(context: &Context, name: &str) -> Result<bool, Error> {
    let api: Api<Node> = Api::all(context.client.clone());
    let node = read(context, "read a node", api.get_opt(name)).await?;
    let conditions = node.and_then(|node| node.status).and_then(|status| status.conditions).unwrap_or_default();
    Ok(conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"))
}

async fn dependencies(context: &Context, run: &Run) -> Result<Dependencies, Error> {
    let source = &run.common.data.source_ref.name;
    let account = run.common.service_account_name.as_ref().unwrap_or(&context.workshop.account);
    let key = |kind, name: &String| Key { namespace: run.namespace.clone(), kind, name: name.clone() };
    let awaited = run.awaited.iter().map(|name| key("TrainingRun", name));
    context.waiting.replace(&run.key(), awaited.chain([key("DataSource", source)]));
    let mut runs = BTreeMap::new();
    for name in &run.awaited {
        runs.insert(name.clone(), referenced(get::<TrainingRun>(context, &run.namespace, name).await?));
    }
    Ok(Dependencies {
        cluster_uid: context.cluster_uid.clone(),
        source: get::<DataSource>(context, &run.namespace, source).await?.map(|source| source.spec),
        account: allowed(get::<ServiceAccount>(context, &run.namespace, account).await?),
        artifact_roots: roots(context, &run.namespace).await?,
        runs,
    })
}

fn allowed(account: Option<ServiceAccount>) -> Account {
    match account {
        None => Account::Missing,
        Some(account) => {
            let labels = account.metadata.labels.unwrap_or_default();
            if labels.get(names::WORKER).is_some_and(|value| value == "true") { Account::Allowed } else { Account::Unlabelled }
        }
    }
}

/// What a referenced run has come to. Its own verified manifest stands in its status.
fn referenced(run: Option<TrainingRun>) -> Referenced {
    let Some(run) = run else { return Referenced::Missing };
    let Some(status) = run.status else { return Referenced::Unfinished };
    match (status.phase, status.request_digest, status.artifact) {
        (Some(Phase::Failed), _, _) => Referenced::Failed,
        (Some(Phase::Succeeded), Some(request_digest), Some(artifact)) => {
            let artifact = Some(ArtifactRef { uri: artifact.uri, digest: artifact.digest });
            Referenced::Published(ReferencedRun { request_digest, artifact })
        }
        _ => Referenced::Unfinished,
    }
}

async fn roots(context: &Context, namespace: &str) -> Result<String, Error> {
    let api: Api<Namespace> = Api::all(context.client.clone());
    let found = read(context, "read the namespace", api.get_opt(namespace)).await?;
    let annotations = found.and_then(|found| found.metadata.annotations).unwrap_or_default();
    Ok(annotations.get(names::ARTIFACT_ROOTS).cloned().unwrap_or_default())
}

async fn get<K>(context: &Context, namespace: &str, name: &str) -> Result<Option<K>, Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), namespace);
    read(context, "read what the run refers to", api.get_opt(name)).await
}

async fn read<T>(context: &Context, verb: &'static str, request: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
    match tokio::time::timeout(context.patience, request).await {
        Ok(answer) => answer.map_err(|source| Error::Read { verb, source: Box::new(source) }),
        Err(_) => Err(Error::Late { verb }),
    }
}

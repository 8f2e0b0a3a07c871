//! Step 4: every write of a reconcile but Events. Status first; who loses that write makes no other.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::{Api, Resource};
use reprise_crds::status::RunStatus;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::context::{Context, Key};
use crate::job;
use crate::kind::{Run, RunKind};
use crate::plan::{self, Effect, Exactly, Plan, Refused};
use crate::reconcile::Error;
use crate::seen;

/// What came of a plan.
#[derive(Debug)]
pub struct Applied {
    /// The status that stands now.
    pub status: RunStatus,
    /// Why the API server refused the Job.
    pub refused: Option<Refused>,
    /// The effect that failed; those after it were not made. The status stands all the same, and the next look makes them.
    pub failure: Option<Error>,
}

/// Stores the status and then makes the effects, in order.
///
/// # Errors
/// When the status was not stored, as by `Conflict` if anybody wrote the run since it was read: no effect is made.
pub async fn apply<K: RunKind>(context: &Context, object: DynamicObject, run: &Run, plan: &Plan) -> Result<Applied, Error> {
    let mut object = object;
    let mut status = run.status.clone();
    if let Some(wanted) = &plan.status {
        object = store::<K>(context, object, &run.key(), wanted).await?;
        status.clone_from(wanted);
    }
    let (mut refused, mut failure) = (None, None);
    for effect in &plan.effects {
        match make(context, run, effect).await {
            Ok(None) => {}
            Ok(Some(refusal)) => {
                refused = Some(refusal);
                break;
            }
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    if let Some(refusal) = &refused {
        let told = plan::refused(&status, refusal, (context.clock)());
        if told != status {
            store::<K>(context, object, &run.key(), &told).await?;
            status = told;
        }
    }
    Ok(Applied { status, refused, failure })
}

/// Puts a status with the version that was read; everything else of the object stays as it is.
pub(crate) async fn store<K: RunKind>(
    context: &Context,
    mut object: DynamicObject,
    key: &Key,
    status: &RunStatus,
) -> Result<DynamicObject, Error> {
    let verb = "store the status";
    let resource = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), &key.namespace, &resource);
    let status = serde_json::to_value(status).map_err(|error| Error::Write { verb, source: Box::new(kube::Error::SerdeError(error)) })?;
    if let Value::Object(fields) = &mut object.data {
        fields.insert("status".to_owned(), status);
    }
    write(context, verb, api.replace_status(&key.name, &PostParams::default(), &object)).await
}

/// Makes one effect; a refusal of the Job is an answer, not an error.
async fn make(context: &Context, run: &Run, effect: &Effect) -> Result<Option<Refused>, Error> {
    let jobs: Api<Job> = Api::namespaced(context.client.clone(), &run.namespace);
    match effect {
        Effect::CreateJob { attempt, plan } => return create(context, &jobs, &job::build(run, plan, &context.workshop, *attempt)).await,
        Effect::Unsuspend { job, active_deadline_seconds } => {
            let spec = json!({"suspend": false, "activeDeadlineSeconds": active_deadline_seconds});
            change(context, "let the Job run", &jobs, job, spec).await?;
        }
        Effect::Suspend { job } => change(context, "suspend the Job", &jobs, job, json!({"suspend": true})).await?,
        Effect::Fence { job, active_deadline_seconds } => {
            change(context, "bound the Job", &jobs, job, json!({"activeDeadlineSeconds": active_deadline_seconds})).await?;
        }
        Effect::Activate { workload } => set_active(context, run, workload, true).await?,
        Effect::Deactivate { workload } => set_active(context, run, workload, false).await?,
        Effect::ExpireJob { job, ttl_seconds } => {
            change(context, "let the Job expire", &jobs, job, json!({"ttlSecondsAfterFinished": ttl_seconds})).await?;
        }
        Effect::DeleteJob { job } => delete(context, "delete the Job", &jobs, job, None).await?,
        Effect::LosePod { pod } => lose(context, run, pod).await?,
    }
    Ok(None)
}

async fn create(context: &Context, jobs: &Api<Job>, job: &Job) -> Result<Option<Refused>, Error> {
    match write(context, "create the Job", jobs.create(&PostParams::default(), job)).await {
        // Whose it is, the next look finds out.
        Err(Error::Conflict { .. }) | Ok(_) => Ok(None),
        Err(Error::Write { source, verb }) => refusal(&source).map_or(Err(Error::Write { source, verb }), |refused| Ok(Some(refused))),
        Err(error) => Err(error),
    }
}

/// What the server said, if it understood and will not: a quota, an admission rule, an object that it finds invalid, or a
/// webhook that does not answer. Any other failure is tried again as a whole.
fn refusal(error: &kube::Error) -> Option<Refused> {
    let kube::Error::Api(status) = error else { return None };
    let by_webhook = status.code == 500 && status.message.contains("failed calling webhook");
    (by_webhook || matches!(status.code, 400 | 403 | 422)).then(|| Refused { message: status.message.clone(), by_webhook })
}

/// Says to Kueue whether a Job may be let in.
async fn set_active(context: &Context, run: &Run, workload: &Exactly, active: bool) -> Result<(), Error> {
    let workloads: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), &run.namespace, &seen::workloads());
    let patch = json!({"metadata": {"uid": workload.uid, "resourceVersion": workload.resource_version}, "spec": {"active": active}});
    let request = write(context, "tell the queue", workloads.patch(&workload.name, &PatchParams::default(), &Patch::Merge(&patch))).await;
    gone_is_done(request)
}

async fn change(context: &Context, verb: &'static str, jobs: &Api<Job>, job: &Exactly, spec: Value) -> Result<(), Error> {
    let patch = json!({"metadata": {"uid": job.uid, "resourceVersion": job.resource_version}, "spec": spec});
    let parameters = PatchParams::default();
    gone_is_done(write(context, verb, jobs.patch(&job.name, &parameters, &Patch::Merge(patch))).await)
}

async fn delete<K>(context: &Context, verb: &'static str, api: &Api<K>, target: &Exactly, grace: Option<u32>) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
{
    let parameters = DeleteParams {
        grace_period_seconds: grace,
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Some(Preconditions { uid: Some(target.uid.clone()), resource_version: None }),
        ..DeleteParams::default()
    };
    match write(context, verb, api.delete(&target.name, &parameters)).await {
        // Another object of that name is none of ours.
        Err(Error::Conflict { .. }) => Ok(()),
        answer => gone_is_done(answer),
    }
}

/// Says for a node that can't that its pod has ended, which lets its index start elsewhere; then removes the pod.
async fn lose(context: &Context, run: &Run, pod: &Exactly) -> Result<(), Error> {
    let pods: Api<Pod> = Api::namespaced(context.client.clone(), &run.namespace);
    let condition = json!({"type": "DisruptionTarget", "status": "True", "reason": "NodeLost", "message": "its node does not answer"});
    let patch = json!({
        // With the version: of a pod of another uid it is an older one, and so a conflict.
        "metadata": {"uid": pod.uid, "resourceVersion": pod.resource_version},
        "status": {"phase": "Failed", "reason": "NodeLost", "message": "its node does not answer", "conditions": [condition]},
    });
    let parameters = PatchParams::default();
    gone_is_done(write(context, "give up a pod", pods.patch_status(&pod.name, &parameters, &Patch::Strategic(patch))).await)?;
    delete(context, "delete a pod", &pods, pod, Some(0)).await
}

fn gone_is_done<T>(answer: Result<T, Error>) -> Result<(), Error> {
    match answer {
        Err(Error::Write { source, .. }) if matches!(&*source, kube::Error::Api(status) if status.is_not_found()) => Ok(()),
        answer => answer.map(drop),
    }
}

async fn write<T>(context: &Context, verb: &'static str, request: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
    let late: Duration = context.patience;
    match tokio::time::timeout(late, request).await {
        Ok(Err(kube::Error::Api(status))) if status.is_conflict() || status.is_already_exists() => Err(Error::Conflict { verb }),
        Ok(answer) => answer.map_err(|source| Error::Write { verb, source: Box::new(source) }),
        Err(_) => Err(Error::Late { verb }),
    }
}

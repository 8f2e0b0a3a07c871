//! From Kubernetes' objects to what planning looks at. Pure.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};

use crate::names;
use crate::observed::{JobEnd, JobSeen, PodPhase, PodSeen, WorkloadSeen};

/// What planning looks at, of a Job.
pub fn job(job: &Job) -> JobSeen {
    let meta = &job.metadata;
    let (spec, status) = (job.spec.as_ref(), job.status.as_ref());
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    // FailureTarget and SuccessCriteriaMet come earlier, while pods still end; only the last word counts.
    let last = conditions.iter().find(|condition| matches!(condition.type_.as_str(), "Complete" | "Failed") && condition.status == "True");
    let end = last.map(|condition| JobEnd {
        complete: condition.type_ == "Complete",
        reason: condition.reason.clone().unwrap_or_default(),
        message: condition.message.clone().unwrap_or_default(),
    });
    JobSeen {
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        resource_version: meta.resource_version.clone().unwrap_or_default(),
        owner_uid: controller_uid(meta),
        deleting: meta.deletion_timestamp.is_some(),
        suspended: spec.and_then(|spec| spec.suspend).unwrap_or(false),
        active_deadline: spec.and_then(|spec| spec.active_deadline_seconds),
        ttl: spec.and_then(|spec| spec.ttl_seconds_after_finished),
        end,
        start_time: status.and_then(|status| status.start_time.as_ref()).map(|time| time.0),
        completed: status.and_then(|status| status.succeeded).unwrap_or(0),
    }
}

/// What planning looks at, of a pod of a run.
pub fn pod(pod: &Pod) -> PodSeen {
    let meta = &pod.metadata;
    let (spec, status) = (pod.spec.as_ref(), pod.status.as_ref());
    let phase = match status.and_then(|status| status.phase.as_deref()) {
        Some("Running") => PodPhase::Running,
        Some("Succeeded") => PodPhase::Succeeded,
        Some("Failed") => PodPhase::Failed,
        _ => PodPhase::Pending,
    };
    let state: Option<&ContainerState> = status
        .and_then(|status| status.container_statuses.as_deref())
        .and_then(|all| all.iter().find(|container| container.name == names::CONTAINER))
        .and_then(|container| container.state.as_ref());
    let ended = state.and_then(|state| state.terminated.as_ref());
    let waiting = state.and_then(|state| state.waiting.as_ref()).filter(|_| phase == PodPhase::Pending);
    let condition = |kind: &str| {
        let all = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        all.iter().find(|condition| condition.type_ == kind).cloned()
    };
    let unscheduled = condition("PodScheduled").filter(|scheduled| scheduled.status == "False");
    PodSeen {
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        resource_version: meta.resource_version.clone().unwrap_or_default(),
        index: number(meta, names::COMPLETION_INDEX, 0),
        attempt: number(meta, names::ATTEMPT, 1),
        created: meta.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second()),
        node: spec.and_then(|spec| spec.node_name.clone()),
        address: status.and_then(|status| status.pod_ip.clone()),
        phase,
        ends: meta.deletion_timestamp.as_ref().map(|time| time.0),
        node_ready: None,
        disrupted: condition("DisruptionTarget").is_some_and(|target| target.status == "True"),
        exit_code: ended.map(|ended| ended.exit_code),
        out_of_memory: ended.is_some_and(|ended| ended.reason.as_deref() == Some("OOMKilled")),
        report: ended.and_then(|ended| ended.message.as_deref()).and_then(|message| serde_json::from_str(message).ok()),
        unschedulable: unscheduled.filter(|_| phase == PodPhase::Pending).and_then(|scheduled| scheduled.message),
        waiting: waiting.and_then(|waiting| {
            let reason = waiting.reason.clone().filter(|reason| reason != "ContainerCreating" && reason != "PodInitializing")?;
            Some((reason, waiting.message.clone().unwrap_or_default()))
        }),
    }
}

/// Kueue's Workloads, which are no kind of Kubernetes' own.
pub fn workloads() -> ApiResource {
    let kind = GroupVersionKind::gvk("kueue.x-k8s.io", "v1beta2", "Workload");
    ApiResource::from_gvk_with_plural(&kind, "workloads")
}

/// What planning looks at, of Kueue's Workload. A deactivated one keeps the conditions of before, so its eviction comes
/// first.
pub fn workload(workload: &DynamicObject) -> WorkloadSeen {
    let meta = &workload.metadata;
    let conditions = workload.data["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let condition = |kind: &str| conditions.iter().find(|condition| condition["type"] == kind);
    let is = |kind: &str, status: &str| condition(kind).filter(|condition| condition["status"] == status);
    let active = workload.data["spec"]["active"].as_bool().unwrap_or(true);
    let evicted = is("Evicted", "True").filter(|_| !active);
    let word = evicted.or_else(|| is("QuotaReserved", "False")).or_else(|| is("Admitted", "False"));
    let checks = workload.data["status"]["admissionChecks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let check = checks.iter().find(|check| check["state"] != "Ready").and_then(|check| check["name"].as_str());
    let told = word.or_else(|| is("Evicted", "True")).and_then(|condition| condition["message"].as_str()).map(str::to_owned);
    WorkloadSeen {
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        resource_version: meta.resource_version.clone().unwrap_or_default(),
        active,
        reserved: active && is("QuotaReserved", "True").is_some(),
        told: told.or_else(|| check.map(|name| format!("admission check {name} is not ready"))).unwrap_or_default(),
    }
}

fn controller_uid(meta: &ObjectMeta) -> Option<String> {
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.clone())
}

fn number(meta: &ObjectMeta, label: &str, default: i32) -> i32 {
    let value = meta.labels.as_ref().and_then(|labels| labels.get(label));
    value.and_then(|value| value.parse().ok()).unwrap_or(default)
}

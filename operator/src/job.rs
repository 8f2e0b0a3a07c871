//! The child Job of an attempt: the plan itself travels in it, so nothing that changes later changes what is executed.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EmptyDirVolumeSource, EnvVar, PodSecurityContext, PodSpec, PodTemplateSpec,
    ResourceRequirements, SeccompProfile, SecurityContext, Toleration, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use reprise_crds::contract::{ExitCode, RunPlan, environment};
use reprise_crds::definitions::API_VERSION;

use crate::kind::{Failures, Run};
use crate::names;

/// What a run does not say and the operator's configuration does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workshop {
    /// The image of workers.
    pub image: String,
    /// The ServiceAccount of runs that name none.
    pub account: String,
    /// A stand-in for Google Cloud Storage, for tests.
    pub gcs_endpoint: Option<String>,
}

/// Seconds that a worker has for its checkpoint.
const GRACE_SECONDS: i64 = 25;
/// Seconds after which a pod leaves a node that does not answer.
const LOST_SECONDS: i64 = 30;
/// The user of workers: nobody.
const USER: i64 = 65532;
const SCRATCH: &str = "/scratch";
/// One part in so many of a worker's memory is for reading and sorting before it spills; the rest is for the model.
const MEMORY_SHARE: u64 = 4;

/// The Job of an attempt, suspended: it costs nothing until it is let run.
///
/// Guarantees: same arguments, same object; the owner is the run; the pods satisfy the restricted Pod Security standard
/// and hold no API token.
pub fn build(run: &Run, plan: &RunPlan, workshop: &Workshop, attempt: i32) -> Job {
    let (labels, count) = (labels(run, attempt), run.count);
    let (backoff_limit, backoff_limit_per_index, max_failed_indexes) = match run.failures {
        Failures::Together(each) => (Some(each * count), None, None),
        Failures::Apart(each) => (None, Some(each), Some(0)),
    };
    Job {
        metadata: ObjectMeta {
            name: Some(names::job(&run.name, attempt)),
            namespace: Some(run.namespace.clone()),
            labels: Some(labels.clone().into_iter().chain(queue(run)).collect()),
            owner_references: Some(vec![owner(run)]),
            ..ObjectMeta::default()
        },
        spec: Some(JobSpec {
            suspend: Some(true),
            completion_mode: Some("Indexed".to_owned()),
            completions: Some(count),
            parallelism: Some(count),
            backoff_limit,
            backoff_limit_per_index,
            max_failed_indexes,
            pod_replacement_policy: Some("Failed".to_owned()),
            pod_failure_policy: Some(failure_policy(run.failures)),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(labels), annotations: Some(undisturbed()), ..ObjectMeta::default() }),
                spec: Some(pod(run, plan, workshop)),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}

fn labels(run: &Run, attempt: i32) -> BTreeMap<String, String> {
    let pairs = [
        ("app.kubernetes.io/name", "reprise-worker".to_owned()),
        ("app.kubernetes.io/instance", run.name.clone()),
        ("app.kubernetes.io/component", run.command.to_owned()),
        ("app.kubernetes.io/part-of", "reprise".to_owned()),
        (names::MANAGED_BY, names::OPERATOR.to_owned()),
        (names::RUN_NAME, run.name.clone()),
        (names::RUN_UID, run.uid.clone()),
        (names::RUN_KIND, run.kind.to_owned()),
        (names::GEOGRAPHY, run.common.geography.to_string()),
        (names::MODEL, run.models.replace(',', "-")),
        (names::ATTEMPT, attempt.to_string()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What Kueue reads of a Job.
fn queue(run: &Run) -> BTreeMap<String, String> {
    let Some(queue) = &run.common.queue_name else { return BTreeMap::new() };
    let priority = run.queue_priority.iter().map(|class| (names::QUEUE_PRIORITY.to_owned(), class.clone()));
    priority.chain([(names::QUEUE.to_owned(), queue.clone())]).collect()
}

fn owner(run: &Run) -> OwnerReference {
    OwnerReference {
        api_version: API_VERSION.to_owned(),
        kind: run.kind.to_owned(),
        name: run.name.clone(),
        uid: run.uid.clone(),
        controller: Some(true),
        // Setting it would need the right to update finalizers of runs; nothing here waits in the foreground.
        block_owner_deletion: None,
    }
}

/// What keeps autoscalers from moving workers about.
fn undisturbed() -> BTreeMap<String, String> {
    [("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"), ("karpenter.sh/do-not-disrupt", "true")]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What can't get better by trying again fails the Job (or the index); what was done to a pod counts for nothing.
fn failure_policy(failures: Failures) -> PodFailurePolicy {
    let codes = |codes: &[ExitCode]| {
        Some(PodFailurePolicyOnExitCodesRequirement {
            container_name: Some(names::CONTAINER.to_owned()),
            operator: "In".to_owned(),
            values: codes.iter().map(|code| i32::from(code.code())).collect(),
        })
    };
    let final_action = match failures {
        Failures::Together(_) => "FailJob",
        Failures::Apart(_) => "FailIndex",
    };
    let disrupted = vec![PodFailurePolicyOnPodConditionsPattern { type_: "DisruptionTarget".to_owned(), status: Some("True".to_owned()) }];
    let rule = |action: &str| PodFailurePolicyRule { action: action.to_owned(), on_exit_codes: None, on_pod_conditions: None };
    PodFailurePolicy {
        rules: vec![
            PodFailurePolicyRule {
                on_exit_codes: codes(&[ExitCode::Usage, ExitCode::Data, ExitCode::Configuration]),
                ..rule(final_action)
            },
            PodFailurePolicyRule { on_pod_conditions: Some(disrupted), ..rule("Ignore") },
            PodFailurePolicyRule { on_exit_codes: codes(&[ExitCode::Stopped]), ..rule("Ignore") },
        ],
    }
}

fn pod(run: &Run, plan: &RunPlan, workshop: &Workshop) -> PodSpec {
    let common = &run.common;
    let scratch = Volume {
        name: "scratch".to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(Quantity(common.resources.ephemeral_storage.as_str().to_owned())),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    };
    PodSpec {
        restart_policy: Some("Never".to_owned()),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        service_account_name: Some(common.service_account_name.clone().unwrap_or_else(|| workshop.account.clone())),
        priority_class_name: common.priority_class_name.clone(),
        tolerations: Some(["unreachable", "not-ready"].map(leaves_soon).to_vec()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
            ..PodSecurityContext::default()
        }),
        volumes: Some(vec![scratch]),
        containers: vec![container(run, plan, workshop)],
        ..PodSpec::default()
    }
}

fn leaves_soon(state: &str) -> Toleration {
    Toleration {
        key: Some(format!("node.kubernetes.io/{state}")),
        operator: Some("Exists".to_owned()),
        effect: Some("NoExecute".to_owned()),
        toleration_seconds: Some(LOST_SECONDS),
        value: None,
    }
}

fn container(run: &Run, plan: &RunPlan, workshop: &Workshop) -> Container {
    let resources = &run.common.resources;
    let amounts: BTreeMap<String, Quantity> =
        [("cpu", &resources.cpu), ("memory", &resources.memory), ("ephemeral-storage", &resources.ephemeral_storage)]
            .into_iter()
            .map(|(name, amount)| (name.to_owned(), Quantity(amount.as_str().to_owned())))
            .collect();
    // A plan holds texts, whole numbers and maps with text keys: it always serialises.
    let json = serde_json::to_string(plan).unwrap_or_default();
    let threads = threads(resources.cpu.as_str()).to_string();
    let mut variables = vec![(environment::PLAN.name, json), (environment::SCRATCH.name, SCRATCH.to_owned())];
    variables.extend(environment::THREAD_POOLS.map(|pool| (pool, threads.clone())));
    variables.push((environment::THREADS.name, threads));
    variables.push((environment::MEMORY.name, (bytes(resources.memory.as_str()) / MEMORY_SHARE).to_string()));
    variables.extend(workshop.gcs_endpoint.clone().map(|endpoint| (environment::GCS_ENDPOINT.name, endpoint)));
    let variable = |(name, value): (&str, String)| EnvVar { name: name.to_owned(), value: Some(value), value_from: None };
    Container {
        name: names::CONTAINER.to_owned(),
        image: Some(workshop.image.clone()),
        args: Some(vec![run.command.to_owned()]),
        env: Some(variables.into_iter().map(variable).collect()),
        ports: Some(vec![ContainerPort {
            name: Some("progress".to_owned()),
            container_port: i32::from(names::PROGRESS_PORT),
            ..ContainerPort::default()
        }]),
        resources: Some(ResourceRequirements { limits: Some(amounts.clone()), requests: Some(amounts), claims: None }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".to_owned()]) }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(vec![VolumeMount { name: "scratch".to_owned(), mount_path: SCRATCH.to_owned(), ..VolumeMount::default() }]),
        ..Container::default()
    }
}

/// Threads for an amount of CPU: whole cores, rounded up, at least one.
fn threads(cpu: &str) -> u64 {
    match amount(cpu) {
        (milli, "m") => milli.div_ceil(1000),
        (thousand, "k") => thousand.saturating_mul(1000),
        (cores, _) => cores,
    }
    .clamp(1, 1024)
}

/// Bytes of an amount of memory.
fn bytes(memory: &str) -> u64 {
    let (amount, unit) = amount(memory);
    let factor = match unit {
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "m" => return amount / 1000,
        _ => 1,
    };
    amount.saturating_mul(factor)
}

/// The number and the unit of an amount.
fn amount(text: &str) -> (u64, &str) {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    (digits.parse().unwrap_or(1), &text[digits.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_whole_cores() {
        for (cpu, count) in [("1", 1), ("4", 4), ("500m", 1), ("1500m", 2), ("2000m", 2), ("1k", 1000)] {
            assert_eq!(threads(cpu), count, "{cpu}");
        }
    }

    #[test]
    fn memory_is_bytes() {
        for (memory, count) in
            [("4Gi", 4_u64 << 30), ("500M", 500_000_000), ("512Ki", 512 << 10), ("1024", 1024), ("2000m", 2), ("1T", 1_000_000_000_000)]
        {
            assert_eq!(bytes(memory), count, "{memory}");
        }
    }
}

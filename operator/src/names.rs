//! Every label, annotation and name that the operator writes or reads.

/// Label of everything that belongs to a run: the run's name.
pub const RUN_NAME: &str = "reprise.dev/run-name";
/// Label of everything that belongs to a run: the run's uid.
pub const RUN_UID: &str = "reprise.dev/run-uid";
/// Label of everything that belongs to a run: the run's kind.
pub const RUN_KIND: &str = "reprise.dev/run-kind";
/// Label: the run's geography.
pub const GEOGRAPHY: &str = "reprise.dev/geography";
/// Label: the models at work.
pub const MODEL: &str = "reprise.dev/model";
/// Label: number of the attempt, from 1.
pub const ATTEMPT: &str = "reprise.dev/attempt";
/// Label that a ServiceAccount of workers must have, with the value `true`.
pub const WORKER: &str = "reprise.dev/worker";
/// Annotation of a namespace: folders, separated by commas, below which its runs may put artifacts.
pub const ARTIFACT_ROOTS: &str = "reprise.dev/artifact-roots";
/// Label of Kueue: the LocalQueue that a Job waits in.
pub const QUEUE: &str = "kueue.x-k8s.io/queue-name";
/// Label of Kueue, on runs and so on their Jobs: the WorkloadPriorityClass.
pub const QUEUE_PRIORITY: &str = "kueue.x-k8s.io/priority-class";
/// Label of Kueue on a Workload: the uid of its Job.
pub const WORKLOAD_OF: &str = "kueue.x-k8s.io/job-uid";
/// Label of Kubernetes: who manages an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`], and the source of Events.
pub const OPERATOR: &str = "reprise-operator";
/// Label of Kubernetes on the pods of an Indexed Job.
pub const COMPLETION_INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// Name of the container that works.
pub const CONTAINER: &str = "worker";
/// Port on which a worker says how far it is.
pub const PROGRESS_PORT: u16 = 8081;

/// The Job of an attempt. Run names have at most 40 characters, so pods' names stay DNS labels.
pub fn job(run: &str, attempt: i32) -> String {
    format!("{run}-{attempt}")
}

/// Whether `folder` lies below one of the folders that a namespace allows.
///
/// A root counts up to a slash: `gs://acme/crm` allows `gs://acme/crm/a/` and not `gs://acme/crm-old/`.
pub fn is_allowed(folder: &str, roots: &str) -> bool {
    let roots = roots.split(',').map(str::trim).filter(|root| root.starts_with("gs://") && root.len() > "gs://".len());
    roots.map(|root| format!("{}/", root.trim_end_matches('/'))).any(|root| folder.starts_with(&root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_lie_below_an_allowed_root() {
        for (folder, roots, allowed) in [
            ("gs://acme/crm/", "gs://acme/crm", true),
            ("gs://acme/crm/", "gs://acme/crm/", true),
            ("gs://acme/crm/no/", "gs://other, gs://acme/crm/", true),
            ("gs://acme/", "gs://acme", true),
            ("gs://acme/crm-old/", "gs://acme/crm", false),
            ("gs://acme-other/crm/", "gs://acme", false),
            ("gs://acme/", "gs://acme/crm", false),
            ("gs://acme/crm/", "", false),
            ("gs://acme/crm/", "gs://", false),
            ("gs://acme/crm/", "g", false),
        ] {
            assert_eq!(is_allowed(folder, roots), allowed, "{folder} below {roots:?}");
        }
    }
}

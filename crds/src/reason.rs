//! Reasons: why a run is as it is, in one word for programs and one sentence for people. They are API: names stay.

/// Declares reasons, each with its sentence.
macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $name:ident,)*) => {
        /// Why a run is as it is: `reason` of conditions, of `status.blocking` and of Events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[doc = $meaning])+ $name,)*
        }

        impl Reason {
            /// Every reason, in the order of the docs.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As in `conditions[].reason`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What it means.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($meaning),+).trim(),)* }
            }
        }
    };
}

reasons! {
    /// The operator has not decided yet.
    Observing,
    /// The spec is valid and its request has a digest.
    Accepted,
    /// The spec is at fault; edit it.
    InvalidSpec,
    /// The object can't be read as this version's kind.
    Unreadable,
    /// The DataSource or a referenced run is missing, faulty or not finished.
    DependencyNotReady,
    /// The workers' ServiceAccount is missing or not labelled as one for workers.
    AccountNotAllowed,
    /// The namespace's annotation does not allow this folder of artifacts.
    ArtifactsNotAllowed,
    /// A Job of the same name is still there and belongs to another object, or is being deleted.
    PreviousJobTerminating,
    /// Another run works on the same request; its answer will be taken.
    ClaimedElsewhere,
    /// The bucket can't be read now.
    BucketUnreadable,
    /// The API server refuses the Job, as by a quota.
    JobRefused,
    /// A webhook of the cluster does not answer, so the Job can't be made.
    WebhookUnavailable,
    /// The queue has not let the run in.
    WaitingForQuota,
    /// The queue has let the run in.
    QuotaReserved,
    /// The queue stopped the run.
    ByQueue,
    /// The Job is there and waits to be started.
    Queued,
    /// Workers are being started.
    WorkersStarting,
    /// No node can take a worker.
    Unschedulable,
    /// A worker's image can't be pulled.
    ImageUnavailable,
    /// A worker's container can't be made.
    ContainerRefused,
    /// A worker ended and another start is tried.
    WorkerRestarting,
    /// A worker waits for data or for another worker.
    WorkersWaiting,
    /// A worker's node does not answer.
    NodeLost,
    /// Workers run.
    Running,
    /// Workers stop after a checkpoint.
    Suspending,
    /// spec.suspend is true.
    BySpec,
    /// The run is not stopped.
    Active,
    /// The run goes on from its checkpoint.
    Resumed,
    /// The run has ended.
    Finished,
    /// The result is published and verified.
    Succeeded,
    /// The request had been answered before; the answer was taken.
    AlreadyDone,
    /// The referenced run failed.
    DependencyFailed,
    /// The DataSource or a referenced run changed after the request was accepted, so a lost Job can't be made again.
    SourceChanged,
    /// No worker ran within pendingDeadlineSeconds.
    PendingDeadlineExceeded,
    /// The active time reached deadlineSeconds; the same request in a new object goes on from the checkpoint.
    DeadlineExceeded,
    /// Workers failed more often than they may.
    BackoffLimitExceeded,
    /// The Job vanished three times.
    ChildLost,
    /// All workers ended well and there is no verified manifest.
    ReportMissing,
    /// The worker could not read its command line or plan (exit code 64).
    UsageError,
    /// The data can't carry the request (exit code 65).
    DataError,
    /// The worker has a bug, or a result was not reproduced (exit code 70).
    WorkerBug,
    /// Plan and worker build do not fit, or the bucket is not allowed (exit code 78).
    ConfigurationError,
    /// A worker needed more memory than it has.
    OutOfMemory,
    /// Event: the Job of an attempt was asked for.
    JobCreated,
    /// Event: the Job was let run.
    WorkersStarted,
    /// Event: a worker was taken away with its node and is replaced.
    PreemptionObserved,
    /// Event: the Job vanished; another attempt begins.
    AttemptLost,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_words_that_a_condition_takes_and_say_what_they_mean() {
        for reason in Reason::ALL {
            let word = reason.as_str();
            assert!(word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{word}");
            assert!(reason.meaning().ends_with('.') && reason.meaning().len() > 10, "{word}: {}", reason.meaning());
        }
    }
}

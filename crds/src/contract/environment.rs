//! Environment variables of a worker, each declared once.

/// An environment variable and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it says, with unit and bound.
    pub meaning: &'static str,
    /// What holds when it is not set.
    pub default: &'static str,
}

/// The plan.
pub const PLAN: Variable = Variable {
    name: "REPRISE_PLAN",
    meaning: "the RunPlan as JSON, for `data check` the DataPlan; at most 64 KiB",
    default: "none: `train`, `score` and `data check` end with exit code 64",
};

/// The index, set by whoever starts a worker without Kubernetes.
pub const INDEX: Variable = Variable {
    name: "REPRISE_INDEX",
    meaning: "rank or shard of this worker, from 0, below the plan's count",
    default: "the value of JOB_COMPLETION_INDEX",
};

/// The index, set by Kubernetes in the pods of an Indexed Job.
pub const JOB_COMPLETION_INDEX: Variable = Variable {
    name: "JOB_COMPLETION_INDEX",
    meaning: "rank or shard of this worker, from 0, below the plan's count",
    default: "none: without REPRISE_INDEX the worker ends with exit code 64",
};

/// Threads of computation.
pub const THREADS: Variable = Variable {
    name: "REPRISE_THREADS",
    meaning: "threads of computation, from 1; results do not depend on it",
    default: "the number of cores",
};

/// Threads of the tensor library's own pools, which it sizes before the program begins: whoever starts a worker sets each
/// to the value of [`THREADS`]. Pools larger than the share of the machine spin, and slow everybody down.
pub const THREAD_POOLS: [&str; 2] = ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"];

/// Memory for data.
pub const MEMORY: Variable = Variable {
    name: "REPRISE_MEMORY",
    meaning: "bytes of memory that reading and sorting of data may use before they spill to scratch",
    default: "1073741824",
};

/// Scratch space.
pub const SCRATCH: Variable = Variable {
    name: "REPRISE_SCRATCH",
    meaning: "an existing folder for temporary files; nothing in it is needed after the worker ends",
    default: "the system's temporary folder",
};

/// Where the report goes.
pub const TERMINATION_LOG: Variable = Variable {
    name: "REPRISE_TERMINATION_LOG",
    meaning: "the file that receives the RunReport as JSON, at most 4096 bytes",
    default: "/dev/termination-log",
};

/// Where progress is served.
pub const PROGRESS_ADDRESS: Variable = Variable {
    name: "REPRISE_PROGRESS_ADDRESS",
    meaning: "address and port on which GET /progress answers; port 0 takes any free one",
    default: "0.0.0.0:8081",
};

/// Another object store than Google's.
pub const GCS_ENDPOINT: Variable = Variable {
    name: "REPRISE_GCS_ENDPOINT",
    meaning: "URL of a stand-in for Google Cloud Storage, used with anonymous credentials",
    default: "Google Cloud Storage with the machine's credentials",
};

/// Buckets that lie in folders.
pub const MAP: Variable = Variable {
    name: "REPRISE_MAP",
    meaning: "a JSON object {\"gs://bucket\": \"/absolute/folder\"}: the bucket is read and written in that folder",
    default: "{}",
};

/// The worker's program, read by the command line.
pub const WORKER: Variable = Variable {
    name: "REPRISE_WORKER",
    meaning: "path of the worker program that the command line starts",
    default: "reprise-worker beside the command line's own program, else on PATH",
};

/// All of them.
pub const ALL: &[Variable] =
    &[PLAN, INDEX, JOB_COMPLETION_INDEX, THREADS, MEMORY, SCRATCH, TERMINATION_LOG, PROGRESS_ADDRESS, GCS_ENDPOINT, MAP, WORKER];

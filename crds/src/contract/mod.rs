//! The contract between whoever starts workers (operator or command line) and the worker: what it is told, what it
//! leaves in the bucket, what it reports, and how it ends.

mod digest;
pub mod environment;
mod exit;
mod line;
mod plan;
mod record;
mod report;
mod resolve;

pub use digest::{data_digest, identity, markets, request_digest};
pub use exit::ExitCode;
pub use line::{ContractLine, Progress, Stage, StartLine};
pub use plan::{DataPlan, ModelRef, PlanData, PlanModels, RunPlan, ScoreTask, Task, TrainTask};
pub use record::{Claim, InputObject, PinnedModels, Record, paths};
pub use report::{Outcome, ReportedError, ReportedManifest, RunReport, TERMINATION_MESSAGE_BYTES};
pub use resolve::{ReferencedRun, Starter, resolve};

/// Version of this contract. Whoever starts a worker of another version refuses to.
pub const CONTRACT: u32 = 1;

/// The longest RunPlan, in bytes of JSON: it travels in an environment variable.
pub const PLAN_BYTES: usize = 64 * 1024;

/// Version of the numbers of training and scoring: raised whenever the same plan over the same data gives other bytes.
pub const RECIPE: u32 = 3;

/// Version of the numbers of prepared data: raised whenever the same inputs give other prepared bytes.
pub const DATA_RECIPE: u32 = 1;

//! One look at one run: observe, validate, plan, apply, report.

use kube::api::DynamicObject;
use reprise_crds::reason::Reason;
use reprise_crds::status::{Phase, RunStatus};

use crate::apply::{Applied, apply, store};
use crate::context::{Context, Key};
use crate::kind::RunKind;
use crate::observe;
use crate::plan::{Next, Plan, plan};
use crate::report::report;
use crate::status;
use crate::validate::{Validated, validate};

/// A step that failed. The next look starts from what is true then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server did not answer a read.
    #[error("failed to {verb}: {source}")]
    Read {
        /// What was tried.
        verb: &'static str,
        /// What it said.
        source: Box<kube::Error>,
    },
    /// The API server did not take a write.
    #[error("failed to {verb}: {source}")]
    Write {
        /// What was tried.
        verb: &'static str,
        /// What it said.
        source: Box<kube::Error>,
    },
    /// No answer in time; whether a write happened is unknown, and the next look sees it.
    #[error("failed to {verb}: no answer in time")]
    Late {
        /// What was tried.
        verb: &'static str,
    },
    /// Somebody else wrote first: another operator, or a user.
    #[error("failed to {verb}: it was changed since it was read")]
    Conflict {
        /// What was tried.
        verb: &'static str,
    },
    /// The object is not one of this version's kind.
    #[error("failed to read the run as this version's kind: {0}")]
    Unreadable(#[source] serde_json::Error),
}

impl Error {
    /// Every word that [`Self::category`] says.
    pub const CATEGORIES: [&'static str; 5] = ["Read", "Write", "Late", "Conflict", "Unreadable"];

    /// The error in one word, for metrics: a closed set.
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Read { .. } => "Read",
            Self::Write { .. } => "Write",
            Self::Late { .. } => "Late",
            Self::Conflict { .. } => "Conflict",
            Self::Unreadable(_) => "Unreadable",
        }
    }
}

/// Looks at a run once and does what there is to do. Safe to call at any time, by any number of operators.
///
/// 1. *reads* the run and everything that its plan depends on
/// 2. *pure*: validates it against what it refers to
/// 3. *pure*: plans
/// 4. *writes* the status, then the effects
/// 5. *writes* Events, logs and metrics, which fail nothing
///
/// # Errors
/// When a read or a write failed; nothing has to be undone.
pub async fn reconcile<K: RunKind>(context: &Context, key: &Key) -> Result<Next, Error> {
    let now = (context.clock)();
    let Some(object) = observe::object::<K>(context, key).await? else {
        crate::report::forget(context, key);
        return Ok(Next::OnChange);
    };
    let typed: K = match typed(&object) {
        Ok(typed) => typed,
        Err(error) => return Err(say_unreadable::<K>(context, key, object, error).await),
    };
    let seen = observe::observe(context, &typed, now).await?;
    let validated: Validated = validate(&typed, seen.dependencies.as_ref());
    let plan: Plan = plan(&validated, &seen, now);
    let applied: Applied = apply::<K>(context, object, &validated.run, &plan).await?;
    report(context, &validated.run, &plan, &applied, now).await;
    applied.failure.map_or(Ok(plan.next), Err)
}

fn typed<K: RunKind>(object: &DynamicObject) -> serde_json::Result<K> {
    serde_json::from_value(serde_json::to_value(object)?)
}

/// Says in the status that the object can't be read, unless its status already says so or holds an accepted request,
/// which is another version's to go on with.
async fn say_unreadable<K: RunKind>(context: &Context, key: &Key, object: DynamicObject, error: serde_json::Error) -> Error {
    let generation = object.metadata.generation.unwrap_or_default();
    let stands: RunStatus = object.data.get("status").cloned().and_then(|status| serde_json::from_value(status).ok()).unwrap_or_default();
    let told = stands.phase == Some(Phase::Rejected) && stands.observed_generation == generation;
    if !told && stands.request_digest.is_none() {
        let says = status::says(Phase::Rejected, false, Reason::Unreadable, &error.to_string());
        let conditions = status::conditions(&stands.conditions, generation, (context.clock)(), says);
        let status = RunStatus { observed_generation: generation, phase: Some(Phase::Rejected), conditions, ..RunStatus::default() };
        if let Err(error) = store::<K>(context, object, key, &status).await {
            return error;
        }
    }
    Error::Unreadable(error)
}

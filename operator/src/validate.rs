//! From what a user wrote and what it refers to, to a plan for workers, or to the reason why there is none.

use reprise_crds::check::{self, Where};
use reprise_crds::contract::{ReferencedRun, RunPlan, Starter, resolve};
use reprise_crds::reason::Reason;
use reprise_crds::refusal::Refusal;

use crate::kind::{Run, RunKind};
use crate::names;
use crate::observed::{Account, Dependencies, Referenced};

/// A run that may be planned: its object without its kind, and what its workers would be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Validated {
    /// The run.
    pub run: Run,
    /// What workers are told; `Ok(None)` where nobody asked, because a Job is there.
    pub request: Result<Option<Box<RunPlan>>, Hindrance>,
}

/// Why workers can't be told what to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Hindrance {
    /// The spec itself is at fault.
    Rejected(Vec<Refusal>),
    /// Something that it refers to is not as it must be; that can change.
    NotReady {
        /// Why.
        reason: Reason,
        /// What to do.
        hint: String,
    },
    /// A run that it refers to failed.
    DependencyFailed {
        /// The run's name.
        name: String,
    },
}

/// Checks a run against what it refers to. Pure and total; the same for every kind.
pub fn validate<K: RunKind>(object: &K, dependencies: Option<&Dependencies>) -> Validated {
    let run = Run::of(object);
    let request = match (refused(object), dependencies) {
        (Some(hindrance), _) => Err(hindrance),
        (None, None) => Ok(None),
        (None, Some(dependencies)) => request(object, &run, dependencies).map(|plan| Some(Box::new(plan))),
    };
    Validated { run, request }
}

/// Fields that this build does not execute: a run is never half obeyed.
fn refused(object: &impl RunKind) -> Option<Hindrance> {
    let refusals = check::unsupported(object.spec(), Where::Cluster);
    (!refusals.is_empty()).then_some(Hindrance::Rejected(refusals))
}

fn request<K: RunKind>(object: &K, run: &Run, dependencies: &Dependencies) -> Result<RunPlan, Hindrance> {
    let artifacts = run.common.artifacts.as_str();
    if !names::is_allowed(artifacts, &dependencies.artifact_roots) {
        let annotation = names::ARTIFACT_ROOTS;
        let hint = format!("add a folder above {artifacts} to the annotation {annotation} of namespace {}", run.namespace);
        return Err(Hindrance::NotReady { reason: Reason::ArtifactsNotAllowed, hint });
    }
    let source_name = &run.common.data.source_ref.name;
    let missing = |hint: String| Hindrance::NotReady { reason: Reason::DependencyNotReady, hint };
    let source = dependencies.source.as_ref().ok_or_else(|| missing(format!("make DataSource {source_name}")))?;
    if let Some(refusal) = check::data_source(source).first() {
        return Err(missing(format!("correct DataSource {source_name}: {refusal}")));
    }
    if source.location.is_local() {
        return Err(missing(format!("DataSource {source_name} lies on one machine: a cluster reads gs://")));
    }
    account(run, dependencies)?;
    let mut runs = std::collections::BTreeMap::new();
    for name in &run.awaited {
        let found: ReferencedRun = match dependencies.runs.get(name) {
            None | Some(Referenced::Missing) => return Err(missing(format!("make TrainingRun {name}"))),
            Some(Referenced::Unfinished) => return Err(missing(format!("wait: TrainingRun {name} has not ended"))),
            Some(Referenced::Failed) => return Err(Hindrance::DependencyFailed { name: name.clone() }),
            Some(Referenced::Published(found)) => found.clone(),
        };
        runs.insert(name.clone(), found);
    }
    let starter = Starter { cluster_uid: dependencies.cluster_uid.clone(), run_uid: run.uid.clone() };
    resolve(object.spec(), source, &runs, starter).map_err(|refusal| Hindrance::Rejected(vec![refusal]))
}

fn account(run: &Run, dependencies: &Dependencies) -> Result<(), Hindrance> {
    let name = run.common.service_account_name.as_deref();
    let shown = name.map_or_else(|| "of workers".to_owned(), str::to_owned);
    let hint = match dependencies.account {
        Account::Allowed => return Ok(()),
        Account::Missing => format!("make ServiceAccount {shown}, labelled {}=true", names::WORKER),
        Account::Unlabelled => format!("label ServiceAccount {shown} with {}=true, if workers may use it", names::WORKER),
    };
    Err(Hindrance::NotReady { reason: Reason::AccountNotAllowed, hint })
}

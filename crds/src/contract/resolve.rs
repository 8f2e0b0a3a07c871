//! From what a user wrote to what a worker is told.

use std::collections::BTreeMap;

use crate::contract::{CONTRACT, ModelRef, PLAN_BYTES, PlanData, RunPlan, digest};
use crate::refusal::Refusal;
use crate::run::{ArtifactRef, ModelSource, RunSpec};
use crate::source::DataSourceSpec;
use crate::value::Digest;

/// A run that another run refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferencedRun {
    /// What it asks.
    pub request_digest: Digest,
    /// What it has published; `None` until it has.
    pub artifact: Option<ArtifactRef>,
}

/// Who starts a run: the claim of its request names both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Starter {
    /// The cluster's uid, or the host of a `reprise run`.
    pub cluster_uid: String,
    /// The object's uid, or the process of a `reprise run`.
    pub run_uid: String,
}

/// The plan of a run over its DataSource, with the runs that it refers to by name.
///
/// Refuses a market that the source does not list, and a runRef whose run is unknown or has published nothing yet,
/// and a plan of more than [`PLAN_BYTES`].
pub fn resolve<S: RunSpec>(
    spec: &S,
    source: &DataSourceSpec,
    runs: &BTreeMap<String, ReferencedRun>,
    starter: Starter,
) -> Result<RunPlan, Refusal> {
    let digests = runs.iter().map(|(name, run)| (name.clone(), run.request_digest.clone())).collect();
    let markets = digest::markets(spec, source)?;
    let common = spec.common();
    let task = spec.task(&|field, model| {
        Ok(match model {
            ModelSource::Artifact(artifact) => ModelRef::Artifact(artifact.clone()),
            ModelSource::ReleaseRef(release) => ModelRef::Release {
                geography: release.geography.clone().unwrap_or_else(|| common.geography.clone()),
                name: release.name.clone(),
            },
            ModelSource::RunRef(run) => {
                let found = runs.get(&run.name).ok_or_else(|| Refusal::unknown_run(field, &run.name))?;
                let artifact = found.artifact.clone().ok_or_else(|| {
                    let message = format!("TrainingRun {} has published nothing yet", run.name);
                    Refusal::new(format!("spec.{field}.runRef.name"), message).with_hint("wait until it has succeeded")
                })?;
                ModelRef::Artifact(artifact)
            }
        })
    })?;
    let plan = RunPlan {
        contract: CONTRACT,
        request_digest: digest::request_digest(spec, source, &digests)?,
        geography: common.geography.clone(),
        artifacts: common.artifacts.clone(),
        task,
        source: source.cut_to(&markets).sorted(),
        markets,
        data: PlanData { as_of: common.data.as_of, history_days: common.data.history_days.map(i32::unsigned_abs) },
        count: spec.count().unsigned_abs(),
        seed: common.seed.unsigned_abs(),
        cluster_uid: starter.cluster_uid,
        run_uid: starter.run_uid,
    };
    let bytes = serde_json::to_string(&plan).map_or(usize::MAX, |json| json.len());
    if bytes > PLAN_BYTES {
        let message = format!("the plan of this run would take {bytes} bytes, more than the {PLAN_BYTES} that a worker can be told");
        return Err(Refusal::new("spec.data.sourceRef", message).with_hint("shorten the DataSource's SQL"));
    }
    Ok(plan)
}

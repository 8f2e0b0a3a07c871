//! The record: what a request reads and what its result is called, decided once by whoever comes first.

use std::collections::{BTreeMap, BTreeSet};

use reprise_artifacts::{Info, requests};
use reprise_crds::contract::{DATA_RECIPE, ExitCode, InputObject, ModelRef, PinnedModels, RECIPE, Record, data_digest, identity};
use reprise_data::find_files;

use crate::failure::{Failure, Result};
use crate::session::Session;

/// More source files than any country has; a bound on what a listing may cost.
const MOST_FILES: usize = 100_000;

/// The record that stands, and whether this worker's own offer became it.
#[derive(Clone, Debug)]
pub struct Established {
    /// The winner's record.
    pub record: Record,
    /// Whether it was first written now, by this worker.
    pub own: bool,
}

/// Reads the request's record, or lists the inputs and offers one; losers take the winner's.
///
/// # Errors
/// 65 if no file matches, 78 if the record is of another recipe or something can't be opened, 75 if storage fails.
pub fn establish(session: &Session) -> Result<Established> {
    let request = session.request()?;
    if let Some(record) = session.wait(requests::read::<Record>(&request))? {
        return Ok(Established { record, own: false });
    }
    let offer = compose(session)?;
    let offered = session.wait(requests::offer(&request, &offer))?;
    Ok(Established { record: offered.record, own: offered.own })
}

/// Refuses to go on with an unfinished request that another build's numbers began.
///
/// # Errors
/// 78 RecipeChanged.
pub fn check_recipe(record: &Record) -> Result<()> {
    if (record.recipe, record.data_recipe) == (RECIPE, DATA_RECIPE) {
        return Ok(());
    }
    let message = format!(
        "this request was begun by {} with recipe {} and data recipe {}; this build has {RECIPE} and {DATA_RECIPE}",
        record.image, record.recipe, record.data_recipe
    );
    Err(Failure::new(ExitCode::Configuration, "RecipeChanged", message).hint("run it with that build, or set rerunToken"))
}

/// This build's name in records.
pub fn image() -> String {
    format!("reprise-worker {}", env!("CARGO_PKG_VERSION"))
}

fn compose(session: &Session) -> Result<Record> {
    let plan = &session.plan;
    let inputs = list_inputs(session)?;
    let models = pin(session)?;
    let data_digest = data_digest(&plan.source, &plan.markets, &inputs, plan.data.as_of, DATA_RECIPE);
    let named = [("startFrom", &models.start_from), ("intent", &models.intent), ("recommender", &models.recommender)];
    let digests: BTreeMap<&str, &reprise_crds::value::Digest> =
        named.into_iter().filter_map(|(name, model)| Some((name, &model.as_ref()?.digest))).collect();
    let identity = identity(&plan.request_digest, &data_digest, &digests, RECIPE);
    Ok(Record {
        request_digest: plan.request_digest.clone(),
        inputs,
        models,
        recipe: RECIPE,
        data_recipe: DATA_RECIPE,
        kernel_class: reprise_models::graph::kernel_class(),
        image: image(),
        data_digest,
        identity,
    })
}

/// The source files that the run's markets need, sorted by name, as listed now.
fn list_inputs(session: &Session) -> Result<Vec<InputObject>> {
    let listed: BTreeMap<String, Info> =
        session.wait(session.source.list("", MOST_FILES))?.into_iter().map(|info| (info.name.clone(), info)).collect();
    let names: Vec<String> = listed.keys().cloned().collect();
    let found = find_files(&session.plan.source, &session.plan.markets, &names)?;
    let names: BTreeSet<String> = found.into_iter().map(|file| file.name).collect();
    let input = |name: String| {
        let info = listed.get(&name)?;
        Some(InputObject { generation: info.generation, length: info.length, crc32c: info.crc32c, name })
    };
    Ok(names.into_iter().filter_map(input).collect())
}

fn pin(session: &Session) -> Result<PinnedModels> {
    let mut pinned = PinnedModels::default();
    for (name, model) in session.plan.task.model_refs() {
        let artifact = match model {
            ModelRef::Artifact(artifact) => artifact.clone(),
            ModelRef::Release { .. } => {
                let message = format!("{name} names a release; this build takes runRef or artifact");
                return Err(Failure::new(ExitCode::Configuration, "NotExecuted", message).field(format!("{name}.releaseRef")));
            }
        };
        match name {
            "startFrom" => pinned.start_from = Some(artifact),
            "intent" => pinned.intent = Some(artifact),
            _ => pinned.recommender = Some(artifact),
        }
    }
    Ok(pinned)
}

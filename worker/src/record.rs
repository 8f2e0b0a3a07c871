//! The record: what a request reads and what its result is called, decided once by whoever comes first.

use std::collections::BTreeMap;

use reprise_artifacts::requests;
use reprise_crds::contract::{DATA_RECIPE, ExitCode, ModelRef, PinnedModels, RECIPE, Record, data_digest, identity};

use crate::failure::{Failure, Result};
use crate::session::Session;

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
    let inputs = session.sources().list()?;
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

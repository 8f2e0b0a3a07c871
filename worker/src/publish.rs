//! What a manifest says, and who may say that a result is there.

use reprise_artifacts::manifest::Published;
use reprise_artifacts::{Location, layout};
use reprise_crds::contract::{Record, ReportedManifest, RunPlan};
use reprise_crds::value::Folder;
use reprise_models::report_document::MetricsDocument;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::session::{Session, digest};

/// Where the request's result lies.
///
/// # Errors
/// None for a record that was read.
pub fn location(session: &Session, record: &Record) -> Result<Location> {
    let identity = digest(&record.identity)?;
    Ok(session.bucket.child(&format!("{}/{identity}", session.plan.task.folder()))?)
}

/// The facts of a manifest: what went in and what came out; nothing of the clock, the machine or the number of starts.
pub fn facts(plan: &RunPlan, record: &Record, metrics: &MetricsDocument) -> Value {
    let own = reprise_models::graph::kernel_class();
    // Without generations: the same bytes under the same names make the same manifest, wherever they lie.
    let inputs = record.inputs.iter().map(|input| json!({ "name": input.name, "length": input.length, "crc32c": input.crc32c }));
    json!({
        "requestDigest": record.request_digest,
        "identity": record.identity,
        "dataDigest": record.data_digest,
        "inputs": inputs.collect::<Vec<Value>>(),
        "models": record.models,
        "recipe": record.recipe,
        "dataRecipe": record.data_recipe,
        "seed": plan.seed,
        "geography": plan.geography,
        "markets": plan.markets,
        "asOf": metrics.as_of,
        "through": metrics.through,
        "headline": metrics.headline,
        "kernelClass": own,
        "reproducible": own == record.kernel_class,
    })
}

/// The manifest as a report says it.
///
/// # Errors
/// None for a location that was opened.
pub fn reported(published: &Published) -> Result<ReportedManifest> {
    let refused =
        |error: reprise_crds::value::ValueError| Failure::new(reprise_crds::contract::ExitCode::Bug, "Address", error.to_string());
    let uri = published.location().uri().parse::<Folder>().map_err(refused)?;
    let digest = published.digest.to_string().parse().map_err(refused)?;
    Ok(ReportedManifest { uri, digest })
}

/// Writes `run.json`: what only people need, beside the manifest and not listed in it; the last writer wins.
///
/// # Errors
/// When the storage refuses.
pub fn run_notes(session: &Session, at: &Location, started: jiff::Timestamp) -> Result<()> {
    let notes = json!({
        "startedTime": started.to_string(),
        "finishedTime": jiff::Timestamp::now().to_string(),
        "workers": session.plan.count,
        "index": session.settings.index,
        "clusterUid": session.plan.cluster_uid,
        "runUid": session.plan.run_uid,
        "image": crate::record::image(),
    });
    let bytes = serde_json::to_vec_pretty(&notes).unwrap_or_default();
    session.wait(at.overwrite(layout::RUN, bytes))?;
    Ok(())
}

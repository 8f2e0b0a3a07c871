//! What people read beside a result: `metrics.json`, the report made from it, and a model's card.

use reprise_artifacts::Body;
use reprise_crds::contract::{ExitCode, Record};
use reprise_data::Prepared;
use reprise_models::report_document::{InputFile, MetricsDocument, ModelCard};

use crate::failure::{Failure, Result};
use crate::session::Session;

/// Name of the metrics in a result's folder.
pub const METRICS: &str = "metrics.json";
/// Name of a model's card in its folder.
pub const CARD: &str = reprise_models::report_document::CARD;
/// Name of the report in a result's folder.
pub const REPORT: &str = "report.html";

/// Adds what only the worker knows.
pub fn complete(metrics: &mut MetricsDocument, session: &Session, prepared: &Prepared) {
    session.plan.geography.as_str().clone_into(&mut metrics.geography);
    metrics.as_of = prepared.as_of_date();
    metrics.through = prepared.quality().through;
    metrics.data_quality = Some(prepared.quality().document());
}

/// The two files.
///
/// # Errors
/// 70 for a figure that is not finite or a page that can't be made: bugs.
pub fn files(metrics: &MetricsDocument) -> Result<Vec<(String, Body)>> {
    let page = crate::report::render(metrics).map_err(|error| Failure::new(ExitCode::Bug, "Report", error.to_string()))?;
    let json = metrics.to_json().map_err(|error| Failure::new(ExitCode::Bug, "Metrics", error.to_string()))?;
    Ok(vec![(METRICS.to_owned(), json.into()), (REPORT.to_owned(), page.into_bytes().into())])
}

/// A model's card: its metrics, and the files that went in.
///
/// # Errors
/// 70 for a figure that is not finite: a bug.
pub fn card(metrics: &MetricsDocument, record: &Record) -> Result<(String, Body)> {
    let input = |input: &reprise_crds::contract::InputObject| InputFile {
        name: input.name.clone(),
        length: input.length,
        crc32c: format!("{:08x}", input.crc32c),
    };
    let card = ModelCard::new(metrics, record.inputs.iter().map(input).collect());
    let json = card.to_json().map_err(|error| Failure::new(ExitCode::Bug, "Card", error.to_string()))?;
    Ok((CARD.to_owned(), json.into()))
}

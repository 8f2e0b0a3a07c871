//! What people read beside a result: `metrics.json` and the report made from it.

use reprise_artifacts::Body;
use reprise_crds::contract::ExitCode;
use reprise_data::Prepared;
use reprise_models::report_document::MetricsDocument;

use crate::failure::{Failure, Result};
use crate::session::Session;

/// Name of the metrics in a result's folder.
pub const METRICS: &str = "metrics.json";
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

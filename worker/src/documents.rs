//! What people read beside a result: `metrics.json` and the report made from it.

use reprise_artifacts::Body;
use reprise_crds::contract::ExitCode;
use reprise_data::{MarketFacts, Prepared, Quality};
use reprise_models::report_document::{DataQuality, Gap, MarketData, MetricsDocument, RowCounts};

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
    metrics.data_quality = Some(data_quality(prepared.quality()));
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

/// The counts of a prepared set, as the report shows them.
pub fn data_quality(quality: &Quality) -> DataQuality {
    let files = quality.files.iter().map(|file| RowCounts {
        name: file.name.clone(),
        rows_in: file.rows_in,
        rows_out: file.rows_out,
        quarantined: file.quarantined,
        ..RowCounts::default()
    });
    let views = quality.tables.iter().map(|table| RowCounts {
        name: table.name.clone(),
        rows_in: table.rows_in,
        rows_out: table.rows_out,
        filtered: table.filtered.values().sum(),
        ..RowCounts::default()
    });
    DataQuality {
        files: files.collect(),
        views: views.collect(),
        markets: quality.markets.iter().map(market).collect(),
        ..DataQuality::default()
    }
}

fn market(facts: &MarketFacts) -> MarketData {
    let share = |part: u64| if facts.customers == 0 { 0.0 } else { part as f64 / facts.customers as f64 };
    MarketData {
        market: facts.name.clone(),
        customers: facts.customers,
        one_timers: facts.one_timers,
        orders: facts.orders,
        groups: facts.groups,
        routines: facts.routines,
        first_day: facts.first_day,
        last_day: facts.last_day,
        share_with_clicks: share(facts.customers_with_clicks),
        share_with_visits: share(facts.customers_with_visits),
        gaps: facts.gaps.iter().map(|(from, to)| Gap { from: *from, to: *to }).collect(),
    }
}

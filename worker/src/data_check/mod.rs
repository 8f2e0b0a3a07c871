//! `data check`: reads and prepares a source as a run would, trains nothing, and writes what was understood.

mod words;

use std::collections::BTreeMap;
use std::path::Path;

use reprise_artifacts::Uri;
use reprise_crds::contract::{DataPlan, ExitCode, Stage};
use reprise_data::{Prepared, SHARDS};
use reprise_models::Journey;
use tokio::runtime::Handle;

use crate::failure::{Failure, Result};
use crate::inputs::Sources;
use crate::progress::Board;
use crate::report::{self, DataCheck, MonthlyOrders};
use crate::settings::Settings;

/// Name of the text in the folder of a check.
pub const TEXT: &str = "check.txt";
/// Name of the page in the folder of a check.
pub const PAGE: &str = "check.html";
/// Name of the refused rows in the folder of a check.
pub const QUARANTINE: &str = "quarantine.jsonl";

/// Journeys told in words.
const JOURNEYS: usize = 10;

/// Reads and prepares the plan's source, and writes [`TEXT`], [`PAGE`] and [`QUARANTINE`] into `folder`.
///
/// # Errors
/// As a run of the same source: 65 for data, 78 for the DataSource, 75 for storage and disk.
pub fn check(plan: &DataPlan, settings: &Settings, board: &Board, runtime: &Handle, folder: &Path) -> Result<()> {
    let scratch = tempfile::Builder::new().prefix("reprise-check-").tempdir_in(&settings.scratch);
    let scratch = scratch.map_err(|error| Failure::local("make a folder in the scratch space", &error))?;
    let within = |name: &str| {
        let path = scratch.path().join(name);
        std::fs::create_dir(&path).map_err(|error| Failure::local(&format!("make scratch folder {name}"), &error)).map(|()| path)
    };
    let address = plan.source.location.as_str();
    let opened = address.parse::<Uri>().and_then(|uri| runtime.block_on(reprise_artifacts::open(&uri, &settings.stores)));
    let location = opened.map_err(|error| Failure::from(error).field("source.location"))?;
    let sources = Sources { location: &location, runtime, source: &plan.source, markets: &plan.markets };
    board.enter(Stage::Listing);
    let listed = sources.list()?;
    board.enter(Stage::Preparing);
    let inputs = sources.fetch(&listed, &within("inputs")?, settings.memory, &mut |done, total| {
        board.done(done as f64, total as f64);
        Ok(())
    })?;
    // How far the fetching came says nothing about the reading.
    board.enter(Stage::Preparing);
    let tables = reprise_data::read(&inputs, &plan.source, &within("reading")?)?;
    let folder_prepared = within("prepared")?;
    let prepared = match plan.as_of {
        Some(date) => reprise_data::prepare(&tables, Some(date.0), &folder_prepared)?,
        None => reprise_data::prepare_everything(&tables, &folder_prepared)?,
    };
    board.enter(Stage::Publishing);
    write(plan, &prepared, folder)?;
    let refused = std::fs::copy(tables.quarantine(), folder.join(QUARANTINE));
    refused.map(drop).map_err(|error| Failure::local("write the refused rows", &error))
}

fn write(plan: &DataPlan, prepared: &Prepared, folder: &Path) -> Result<()> {
    let quality = prepared.quality().document();
    let (journeys, orders) = look(prepared)?;
    let check = DataCheck { source: &plan.name, facts: &facts(plan, prepared), quality: &quality, journeys: &journeys, orders: &orders };
    let page = report::render_data_check(&check).map_err(|error| Failure::new(ExitCode::Bug, "Report", error.to_string()))?;
    std::fs::write(folder.join(PAGE), page).map_err(|error| Failure::local("write the page", &error))?;
    std::fs::write(folder.join(TEXT), report::write_data_check(&check)).map_err(|error| Failure::local("write the text", &error))
}

fn facts(plan: &DataPlan, prepared: &Prepared) -> Vec<(String, String)> {
    let quality = prepared.quality();
    let fact = |name: &str, value: String| (name.to_owned(), value);
    vec![
        fact("Location", plan.source.location.as_str().to_owned()),
        fact("Complete in every market through", report::long_date(quality.through)),
        fact("First day not read", report::long_date(quality.as_of)),
        fact("Burn-in days", quality.burn_in_days.to_string()),
    ]
}

/// The first journeys in words, the markets taking turns, and the orders of each market by month.
fn look(prepared: &Prepared) -> Result<(Vec<String>, Vec<MonthlyOrders>)> {
    let catalogue = prepared.catalogue();
    let mut told: Vec<Vec<String>> = vec![Vec::new(); catalogue.markets.len()];
    let mut months: BTreeMap<u16, BTreeMap<(i16, i8), u64>> = BTreeMap::new();
    for entry in prepared.journeys(0..SHARDS)? {
        let (_, journey): (_, Journey) = entry?;
        let view = journey.as_of(prepared.as_of());
        for date in view.orders().filter_map(|order| order.day.date()) {
            *months.entry(view.market()).or_default().entry((date.year(), date.month())).or_default() += 1;
        }
        let market = &mut told[usize::from(view.market())];
        if market.len() < JOURNEYS && view.known() && (view.orders().next().is_some() || !view.events().is_empty()) {
            market.push(words::tell(view, catalogue));
        }
    }
    let turns = (0..JOURNEYS).flat_map(|turn| told.iter().filter_map(move |market| market.get(turn).cloned()));
    let orders = months.into_iter().map(|(market, orders)| MonthlyOrders {
        market: catalogue.markets[usize::from(market)].clone(),
        months: orders.into_iter().map(|((year, month), count)| (year, month, count)).collect(),
    });
    Ok((turns.take(JOURNEYS).collect(), orders.collect()))
}

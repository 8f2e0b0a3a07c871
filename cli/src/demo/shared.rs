//! The files that all markets share: catalogue, calendar, exchange rates, and a page that says what lies where.

use std::path::Path;

use super::calendar::{AS_OF, Mood, START, WEEKS, date_of};
use super::catalogue::Catalogue;
use super::export::SAMPLES;
use super::market::MARKETS;
use super::table::Table;
use super::{Error, Result, World};

const README: &str = include_str!("README.txt");

/// Writes them under `folder`.
pub(super) fn write(folder: &Path, world: &World) -> Result<()> {
    write_products(folder, &world.catalogue)?;
    write_calendar(folder, world)?;
    write_rates(folder)?;
    let path = folder.join("README.txt");
    let text = README.replace("{asOf}", &AS_OF.to_string()).replace("{seed}", &world.seed.to_string());
    std::fs::write(&path, text).map_err(|source| Error::Write { path, source })
}

fn write_products(folder: &Path, catalogue: &Catalogue) -> Result<()> {
    let header = [
        "product_id",
        "group_id",
        "name",
        "category",
        "family",
        "axis",
        "line",
        "price",
        "routine_id",
        "routine_step",
        "replenishment_days",
        "recommendable",
        "launched_at",
        "discontinued_at",
    ];
    let mut table = Table::create(folder, "crm/products.csv".to_owned(), b',', &header)?;
    for product in &catalogue.products {
        let group = &catalogue.groups[product.group];
        let date = |week: Option<i32>| week.map(|week| date_of(7 * week).to_string()).unwrap_or_default();
        table.row(&[
            product.id.clone(),
            group.id.clone(),
            format!("{}, {}", group.name, product.shade),
            group.axis.to_owned(),
            group.family.to_owned(),
            if group.gift { "gift" } else { "self" }.to_owned(),
            group.line.to_owned(),
            format!("{}.{:02}", group.price / 100, group.price % 100),
            group.routine.map(|(routine, _)| format!("R{:02}", routine + 1)).unwrap_or_default(),
            group.routine.map(|(_, step)| (step + 1).to_string()).unwrap_or_default(),
            group.lasts.map(|days| days.to_string()).unwrap_or_default(),
            "true".to_owned(),
            date(group.launched),
            // What will leave the shelf after the export is not known in it.
            date(group.discontinued.filter(|week| *week < WEEKS)),
        ])?;
    }
    let extras = (1..=SAMPLES)
        .map(|sample| (format!("S{sample:02}"), "Sample"))
        .chain([("GWP1".to_owned(), "Pouch"), ("SRV1".to_owned(), "Skin diagnosis")]);
    for (id, name) in extras {
        let mut row = vec![id.clone(), id, name.to_owned(), "extras".to_owned()];
        row.resize(header.len(), String::new());
        "false".clone_into(&mut row[11]);
        table.row(&row)?;
    }
    table.finish()
}

fn write_calendar(folder: &Path, world: &World) -> Result<()> {
    let mut table = Table::create(folder, "crm/calendar.csv".to_owned(), b',', &["market", "name", "from", "to"])?;
    for (market, occasions) in MARKETS.iter().zip(&world.occasions) {
        for occasion in occasions {
            let kind = match occasion.mood {
                Mood::Gift => "gifts",
                Mood::Sale => "sale",
                Mood::Quiet => "holiday",
            };
            let (from, to) = (date_of(occasion.from).to_string(), date_of(occasion.to).to_string());
            table.row(&[market.code, &format!("{}: {kind}", occasion.name), &from, &to])?;
        }
    }
    table.finish()
}

/// The price of one unit of each currency in euro, month by month.
fn write_rates(folder: &Path) -> Result<()> {
    let mut table = Table::create(folder, "crm/rates.csv".to_owned(), b',', &["currency", "day", "rate"])?;
    let mut day = START.first_of_month();
    while day < AS_OF {
        table.row(&["EUR", &day.to_string(), "1"])?;
        table.row(&["NOK", &day.to_string(), "0.0862"])?;
        day = day.saturating_add(jiff::Span::new().months(1));
    }
    table.finish()
}

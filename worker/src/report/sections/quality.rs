//! What was read and what was refused.

use reprise_models::report_document::{DataQuality, Gap, MarketData, RowCounts};

use crate::report::format::{DASH, count, long_date, share};
use crate::report::page::{Column, Row, Section, Table};

/// Gaps told per market; a market with more is not traded daily.
const MOST_GAPS: usize = 3;

/// The chapter on the data; absent when nothing was counted.
pub(super) fn section(quality: &DataQuality) -> Option<Section> {
    let tables =
        [markets(&quality.markets), rows("Files", "File", &quality.files), rows("Views", "View", &quality.views), refusals(quality)];
    let tables: Vec<Table> = tables.into_iter().filter(|table| !table.rows.is_empty()).collect();
    (!tables.is_empty()).then(|| Section {
        id: "data",
        title: "Data",
        intro: "Every row that came in went on, was quarantined because a value could not be read, or was left out by a rule.".to_owned(),
        tables,
        ..Section::default()
    })
}

fn rows(caption: &str, kind: &str, counts: &[RowCounts]) -> Table {
    let names = [kind, "Rows in", "Rows out", "Kept", "Quarantined", "Left out"];
    let rows = counts.iter().map(|row| {
        let kept = if row.rows_in == 0 { DASH.to_owned() } else { share(row.rows_out as f64 / row.rows_in as f64) };
        Row::plain(vec![row.name.clone(), count(row.rows_in), count(row.rows_out), kept, count(row.quarantined), count(row.filtered)])
    });
    Table { rows: rows.collect(), ..Table::of_numbers(caption, &names) }
}

fn refusals(quality: &DataQuality) -> Table {
    let columns = vec![Column::text("File or view"), Column::text("Column"), Column::text("Reason"), Column::number("Rows")];
    let rows = quality
        .refusals
        .iter()
        .map(|refusal| Row::plain(vec![refusal.name.clone(), refusal.column.clone(), refusal.reason.clone(), count(refusal.count)]));
    Table { caption: "Most frequent refusals".into(), columns, rows: rows.collect() }
}

fn markets(markets: &[MarketData]) -> Table {
    let names = [
        "Market",
        "Customers",
        "One-timers",
        "Orders",
        "Product groups",
        "Routines",
        "First order",
        "Last order",
        "With clicks",
        "With visits",
    ];
    let mut table = Table::of_numbers("Markets", &names);
    table.columns.push(Column::text("Days without orders"));
    table.rows = markets.iter().map(market).collect();
    table
}

fn market(market: &MarketData) -> Row {
    let mut cells = vec![market.market.clone()];
    cells.extend([market.customers, market.one_timers, market.orders, market.groups, market.routines].map(count));
    cells.extend([market.first_day, market.last_day].map(|day| day.map_or_else(|| DASH.to_owned(), long_date)));
    cells.extend([market.share_with_clicks, market.share_with_visits].map(share));
    cells.push(gaps(&market.gaps));
    Row::plain(cells)
}

fn gaps(gaps: &[Gap]) -> String {
    let told: Vec<String> = gaps.iter().take(MOST_GAPS).map(|gap| format!("{} to {}", long_date(gap.from), long_date(gap.to))).collect();
    match gaps.len() {
        0 => "none".to_owned(),
        all if all > MOST_GAPS => format!("{} and {} more", told.join(", "), all - MOST_GAPS),
        _ => told.join(", "),
    }
}

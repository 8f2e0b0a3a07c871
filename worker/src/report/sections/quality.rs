//! What was read and what was refused.

use reprise_models::Day;
use reprise_models::report_document::{DataQuality, Gap, MarketData, RowCounts};

use crate::report::chart::{Bar, Bars, SpanRow, Spans};
use crate::report::format::{DASH, count, long_date, share};
use crate::report::page::{Column, Figure, Row, Section, Table};

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
        figures: rows_kept(&quality.files)
            .iter()
            .map(Figure::from)
            .chain(days_covered(&quality.markets).iter().map(Figure::from))
            .collect(),
        tables,
        ..Section::default()
    })
}

/// How much of each file went on.
fn rows_kept(files: &[RowCounts]) -> Option<Bars> {
    let rows = files.iter().map(|file| Bar { name: file.name.clone(), value: file.rows_out, of: Some(file.rows_in) });
    (!files.is_empty()).then(|| Bars {
        id: "data-rows".into(),
        title: "Rows that went on".into(),
        summary: "Rows of each file that went on, of those that came in.".into(),
        words: ["File", "Rows out", "Rows in"],
        rows: rows.collect(),
    })
}

/// From when to when each market has orders.
fn days_covered(markets: &[MarketData]) -> Option<Spans> {
    let rows: Vec<SpanRow> =
        markets.iter().filter_map(|market| Some(SpanRow { name: market.market.clone(), spans: covered(market)? })).collect();
    (!rows.is_empty()).then(|| Spans {
        id: "data-days".into(),
        title: "Days with orders".into(),
        summary: "First to last day with an order in each market, without its long gaps.".into(),
        rows,
    })
}

/// First to last day, cut at the gaps; none without an order.
fn covered(market: &MarketData) -> Option<Vec<(Day, Day)>> {
    let (mut from, last) = (Day::from(market.first_day?), Day::from(market.last_day?));
    let mut spans = Vec::new();
    for gap in &market.gaps {
        spans.push((from, Day::from(gap.from).plus(-1)));
        from = Day::from(gap.to).plus(1);
    }
    spans.push((from, last));
    spans.retain(|(from, to)| from <= to);
    Some(spans)
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

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use reprise_models::report_document::{Gap, MarketData};

    use super::covered;

    fn told(gaps: &[(i8, i8)]) -> Vec<String> {
        let gaps = gaps.iter().map(|(from, to)| Gap { from: date(2011, 1, *from), to: date(2011, 1, *to) }).collect();
        let market = MarketData { first_day: Some(date(2011, 1, 3)), last_day: Some(date(2011, 1, 20)), gaps, ..MarketData::default() };
        covered(&market).unwrap().iter().map(|(from, to)| format!("{from}..{to}")).collect()
    }

    #[test]
    fn gaps_cut_the_days() {
        assert_eq!(told(&[]), ["2011-01-03..2011-01-20"]);
        assert_eq!(told(&[(5, 7), (10, 10)]), ["2011-01-03..2011-01-04", "2011-01-08..2011-01-09", "2011-01-11..2011-01-20"]);
        assert_eq!(covered(&MarketData::default()), None);
    }
}

//! What somebody must know before they use a model: the readable half of `card.json`.

use reprise_models::report_document::{BacktestRow, DocumentKind, MarketMeasure, MetricsDocument, Population, purpose};

use crate::report::format::{DASH, count, decimal, figure, or_dash, share};
use crate::report::page::{Row, Section, Table};

/// The chapter on the model as a whole; absent for contact plans.
pub(super) fn section(document: &MetricsDocument) -> Option<Section> {
    let tables = [backtest(&document.backtest), by_market(document), drift(document)];
    (document.kind != DocumentKind::Plan).then(|| Section {
        id: "card",
        title: "Model card",
        intro: "What the model is for, whom it was made from, and what it said at earlier dates of what came after them. card.json holds the same for programs.".to_owned(),
        tables: tables.into_iter().flatten().collect(),
        notes: notes(document.kind, document.population.as_ref()),
        ..Section::default()
    })
}

fn notes(kind: DocumentKind, population: Option<&Population>) -> Vec<String> {
    let mut notes = purpose(kind);
    let Some(population) = population else { return notes };
    notes.push(format!("Made from: {}", population.description));
    notes.push(format!("Read from {}; first purchases are known to be first ones from {}.", population.from, population.known_from));
    notes.extend(population.exclusions.iter().map(|exclusion| format!("Left out: {exclusion}")));
    notes.push(population.treatment.clone());
    notes
}

fn backtest(rows: &[BacktestRow]) -> Option<Table> {
    let names = [
        "Origin",
        "Customers",
        "Bought again",
        "AUC 30 d",
        "Baseline",
        "Expected 30 d",
        "Observed 30 d",
        "AUC 90 d",
        "Baseline",
        "Expected 90 d",
        "Observed 90 d",
    ];
    let row = |row: &BacktestRow| {
        let value = |name: String, show: fn(f64) -> String| or_dash(row.figures.get(&name).copied(), show);
        let mut cells = vec![row.origin.to_string(), count(row.customers), count(row.events)];
        for days in [30, 90] {
            cells.push(value(format!("auc{days}"), figure));
            cells.push(value(format!("auc{days}Baseline"), figure));
            cells.push(value(format!("predicted{days}"), share));
            cells.push(value(format!("observed{days}"), share));
        }
        Row::plain(cells)
    };
    let all = rows.iter().map(row).collect();
    (!rows.is_empty()).then(|| Table { rows: all, ..Table::of_numbers("The whole procedure at earlier origins", &names) }.without_empty())
}

fn by_market(document: &MetricsDocument) -> Option<Table> {
    let names = ["Market", "Days", "Landmarks", "Bought", "Expected", "Observed", "95% interval", "AUC", "95% interval of it"];
    let row = |market: &String, measure: &MarketMeasure| {
        let auc = measure.auc_interval.map_or_else(|| DASH.to_owned(), |ends| format!("{} to {}", figure(ends.low), figure(ends.high)));
        Row::plain(vec![
            market.clone(),
            measure.days.to_string(),
            count(measure.landmarks),
            count(measure.events),
            share(measure.predicted),
            share(measure.observed),
            format!("{} to {}", share(measure.observed_interval.low), share(measure.observed_interval.high)),
            or_dash(measure.auc, figure),
            auc,
        ])
    };
    let markets = &document.intent.as_ref()?.by_market;
    let rows: Vec<Row> = markets.iter().flat_map(|(market, measures)| measures.iter().map(move |measure| row(market, measure))).collect();
    (!rows.is_empty()).then(|| Table { rows, ..Table::of_numbers("Calibration and ranking by market", &names) })
}

fn drift(document: &MetricsDocument) -> Option<Table> {
    let rows: Vec<Row> =
        document.drift.iter().map(|row| Row::plain(vec![row.name.clone(), decimal(row.mean, 3), decimal(row.deviation, 3)])).collect();
    (!rows.is_empty())
        .then(|| Table { rows, ..Table::of_numbers("Drift baseline: inputs and scores at the cut", &["Name", "Mean", "Deviation"]) })
}

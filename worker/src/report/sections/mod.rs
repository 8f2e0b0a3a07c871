//! The chapters of the page: each reads one part of the document, or is absent.

mod card;
mod headline;
mod intent;
mod meaning;
mod plan;
mod quality;
mod recommender;
mod source;
mod training;

use reprise_models::report_document::{DocumentKind, MarketRow, MetricsDocument};

use super::format::{DASH, count, figure, long_date, or_dash, share};
use super::page::{Column, Page, Row, Section, Table};

pub(super) use source::data_check_page;

/// The whole page, in reading order.
pub(super) fn page(document: &MetricsDocument) -> Page {
    let mut sections = Vec::new();
    if let Some(plan) = &document.plan {
        sections.extend(plan::sections(plan));
    }
    if let Some(intent) = &document.intent {
        sections.extend(intent::sections(intent));
    }
    if let Some(recommender) = &document.recommender {
        sections.extend(recommender::sections(recommender));
    }
    sections.extend(markets(&document.markets));
    sections.extend(card::section(document));
    if let Some(history) = &document.training {
        sections.extend(training::section(history));
    }
    if let Some(quality) = &document.data_quality {
        sections.extend(quality::section(quality));
    }
    sections.extend(limits(&document.limits));
    let kind = kind(document.kind);
    Page {
        title: format!("{kind}, {}", document.geography),
        name: document.geography.clone(),
        kind,
        facts: facts(document),
        cards: document.headline.iter().map(headline::card).collect(),
        meaning: meaning::sentences(document),
        sections,
    }
}

fn kind(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Intent => "Purchase intent",
        DocumentKind::Recommender => "Recommender",
        DocumentKind::Plan => "Contact plan",
    }
}

fn facts(document: &MetricsDocument) -> Vec<(String, String)> {
    let days = [("As of", document.as_of), ("Data through", document.through)];
    let days = days.into_iter().map(|(name, date)| (name.to_owned(), long_date(date)));
    days.chain(document.settings.iter().map(|(name, value)| (name.clone(), value.clone()))).collect()
}

/// One row per market, with every further figure that any of them has.
fn markets(rows: &[MarketRow]) -> Option<Section> {
    let mut names: Vec<&String> = rows.iter().flat_map(|row| row.metrics.keys()).collect();
    names.sort();
    names.dedup();
    let trained = rows.iter().any(|row| row.examples > 0);
    let weighted = rows.iter().any(|row| row.own_weight.is_some());
    let mut table = Table::of_numbers("Markets of the run", &["Market", "Customers", "One-timers", "Examples", "Events"]);
    table.columns.extend(weighted.then(|| Column::number("Weight of own level")));
    table.columns.extend(names.iter().map(|name| Column::number(name)));
    for row in rows {
        let mut cells = vec![row.market.clone()];
        cells.extend([row.customers, row.one_timers].map(count));
        cells.extend([row.examples, row.events].map(|cell| if trained { count(cell) } else { DASH.to_owned() }));
        cells.extend(weighted.then(|| or_dash(row.own_weight, share)));
        cells.extend(names.iter().map(|name| or_dash(row.metrics.get(*name).copied(), figure)));
        table.rows.push(Row::plain(cells));
    }
    let intro = "A market with few events borrows its level from all markets together; the weight of its own level says how much it stands on its own.";
    (!rows.is_empty()).then(|| Section {
        id: "markets",
        title: "Markets",
        intro: if weighted { intro.to_owned() } else { String::new() },
        tables: vec![table.without_empty()],
        ..Section::default()
    })
}

fn limits(limits: &[String]) -> Option<Section> {
    (!limits.is_empty()).then(|| Section { id: "limits", title: "Known limits", notes: limits.to_vec(), ..Section::default() })
}

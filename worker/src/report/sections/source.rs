//! The page on a source: what was understood of it, and some journeys in words.

use std::collections::BTreeSet;

use reprise_models::report_document::MarketData;

use crate::report::chart::{Axis, Chart, Format, Point, Series, Shape, Tone};
use crate::report::format::{count, long_date};
use crate::report::page::{Card, Figure, Page, Section};
use crate::report::{DataCheck, MonthlyOrders};

use super::{meaning, quality};

/// Lines that the eye can tell apart, the last one for all further markets together.
const TONES: [Tone; 5] = [Tone::Model, Tone::Observed, Tone::Second, Tone::Third, Tone::Baseline];

/// The whole page, in reading order.
pub(in crate::report) fn data_check_page(check: &DataCheck<'_>) -> Page {
    let journeys = (!check.journeys.is_empty()).then(|| Section {
        id: "journeys",
        title: "Journeys in words",
        intro: "The first customers as they were understood. Read whether this is how your customers buy.".to_owned(),
        notes: check.journeys.to_vec(),
        ..Section::default()
    });
    Page {
        title: format!("Data check, {}", check.source),
        name: check.source.to_owned(),
        kind: "Data check",
        facts: check.facts.to_vec(),
        cards: cards(check),
        meaning: meaning::refused(check.quality).into_iter().chain(ends_first(&check.quality.markets)).collect(),
        sections: orders(check.orders).into_iter().chain(quality::section(check.quality)).chain(journeys).collect(),
    }
}

/// Says which market ends before the others: its end is the end of all.
fn ends_first(markets: &[MarketData]) -> Option<String> {
    let last = markets.iter().filter_map(|market| Some((market.last_day?, &market.market)));
    let (first_end, name) = last.clone().min()?;
    let (last_end, _) = last.max()?;
    (first_end < last_end).then(|| {
        let (end, longest) = (long_date(first_end), long_date(last_end));
        format!(
            "{name} ends first, on {end}: a run of all markets reads no row after that, up to {longest}, unless its data.asOf is later."
        )
    })
}

/// What to compare with what one knows of the brand.
fn cards(check: &DataCheck<'_>) -> Vec<Card> {
    let sum = |part: fn(&MarketData) -> u64| check.quality.markets.iter().map(part).sum::<u64>();
    let card =
        |name: &str, value: u64| Card { name: name.to_owned(), value: count(value), interval: None, baseline: None, verdict: "same" };
    vec![
        card("Customers with a purchase", sum(|market| market.customers)),
        card("Of them with one purchase only", sum(|market| market.one_timers)),
        card("Orders", sum(|market| market.orders)),
    ]
}

/// Orders by month: what is missing, doubled or cut off is seen here first.
fn orders(markets: &[MonthlyOrders]) -> Option<Section> {
    let months = months(markets);
    if months.len() < 2 {
        return None;
    }
    let series = lines(markets).into_iter().zip(TONES).map(|((name, orders), tone)| Series {
        name,
        tone,
        shape: Shape::Dotted,
        points: months.iter().enumerate().map(|(place, month)| Point::at(place as f64, orders(*month) as f64)).collect(),
    });
    let chart = Chart {
        id: "orders-months".into(),
        title: "Orders by month".into(),
        summary: "Orders of each market in each month; a first or last month may be cut.".into(),
        x: Axis::steps("Month", months.iter().map(|(year, month)| format!("{year}-{month:02}")).collect()),
        y: Axis::from_zero("Orders", Format::Number),
        series: series.collect(),
        rules: Vec::new(),
    };
    Some(Section {
        id: "orders",
        title: "Orders",
        intro:
            "Compare the level and the season with what you know. A hole is a file that is missing; a double height is one that came twice."
                .to_owned(),
        figures: vec![Figure::from(&chart)],
        ..Section::default()
    })
}

type Line<'a> = (String, Box<dyn Fn((i16, i8)) -> u64 + 'a>);

/// One line per market, those beyond the tones together.
fn lines(markets: &[MonthlyOrders]) -> Vec<Line<'_>> {
    let mut sorted: Vec<&MonthlyOrders> = markets.iter().collect();
    sorted.sort_by_key(|market| (std::cmp::Reverse(total(market)), &market.market));
    let own = if sorted.len() > TONES.len() { TONES.len() - 1 } else { sorted.len() };
    let rest = sorted.split_off(own);
    let mut lines: Vec<Line<'_>> =
        sorted.into_iter().map(|market| -> Line<'_> { (market.market.clone(), Box::new(|month| of(market, month))) }).collect();
    if !rest.is_empty() {
        let name = format!("{} other markets", rest.len());
        lines.push((name, Box::new(move |month| rest.iter().map(|market| of(market, month)).sum())));
    }
    lines
}

fn total(market: &MonthlyOrders) -> u64 {
    market.months.iter().map(|(_, _, orders)| orders).sum()
}

fn of(market: &MonthlyOrders, wanted: (i16, i8)) -> u64 {
    market.months.iter().find(|(year, month, _)| (*year, *month) == wanted).map_or(0, |(_, _, orders)| *orders)
}

/// Every month from the first to the last one with an order.
fn months(markets: &[MonthlyOrders]) -> Vec<(i16, i8)> {
    let seen: BTreeSet<(i16, i8)> = markets.iter().flat_map(|market| &market.months).map(|(year, month, _)| (*year, *month)).collect();
    let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return Vec::new() };
    let index = |(year, month): (i16, i8)| i32::from(year) * 12 + i32::from(month) - 1;
    (index(*first)..=index(*last)).map(|month| ((month / 12) as i16, (month % 12 + 1) as i8)).collect()
}

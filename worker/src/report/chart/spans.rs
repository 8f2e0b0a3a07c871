//! Spans of days: one named row each, on a common time line.

use std::fmt::Write as _;

use reprise_models::Day;
use serde_json::{Value, json};

use super::svg::{WIDTH, escape, open, put};
use crate::report::page::{Column, Row, Table};

const ROW: f64 = 34.0;
const THICKNESS: f64 = 9.0;
const FOOT: f64 = 22.0;

/// Named rows of days, drawn one below the other.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Spans {
    /// Unique in the page; letters, digits and hyphens.
    pub(in crate::report) id: String,
    pub(in crate::report) title: String,
    /// One sentence on what to see.
    pub(in crate::report) summary: String,
    pub(in crate::report) rows: Vec<SpanRow>,
}

/// One named row.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct SpanRow {
    pub(in crate::report) name: String,
    /// First and last day of each span, both inclusive, earliest first.
    pub(in crate::report) spans: Vec<(Day, Day)>,
}

impl Spans {
    /// The rows as one `<svg>` element.
    pub(in crate::report) fn svg(&self) -> String {
        let days = || self.rows.iter().flat_map(|row| &row.spans);
        let first = days().map(|span| span.0).min().unwrap_or(Day(0));
        let last = days().map(|span| span.1).max().unwrap_or(first);
        let length = f64::from(last.since(first).saturating_add(1).max(1));
        let place = |day: Day| f64::from(day.since(first)) / length * WIDTH;
        let foot = ROW * self.rows.len() as f64;
        let mut out = open(&self.id, &self.title, &self.summary, &self.data(), foot + FOOT);
        for (index, row) in self.rows.iter().enumerate() {
            let top = ROW * index as f64;
            let (text, line) = (top + 14.0, top + 20.0);
            put!(out, r#"<text class="tick" x="0" y="{text}">{}</text>"#, escape(&row.name));
            put!(out, r#"<rect class="track" x="0" y="{line}" width="{WIDTH}" height="{THICKNESS}" rx="3"/><g class="series tone-model">"#);
            for (from, to) in &row.spans {
                let (left, right) = (place(*from), place(to.plus(1)));
                let width = (right - left).max(1.0);
                put!(
                    out,
                    r#"<rect class="column" x="{left:.1}" y="{line}" width="{width:.1}" height="{THICKNESS}"><title>{from} to {to}</title></rect>"#
                );
            }
            out.push_str("</g>");
        }
        put!(out, r#"<text class="tick" x="0" y="{:.1}">{first}</text>"#, foot + 16.0);
        put!(out, r#"<text class="tick" x="{WIDTH}" y="{:.1}" text-anchor="end">{last}</text></svg>"#, foot + 16.0);
        out
    }

    fn data(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let points: Value = row.spans.iter().map(|(from, to)| json!([from.to_string(), to.to_string()])).collect();
            json!({"name": row.name, "points": points})
        });
        rows.collect()
    }

    /// The same spans as a table.
    pub(in crate::report) fn table(&self) -> Table {
        let columns = ["Market", "From", "To"].map(Column::text).to_vec();
        let rows = self
            .rows
            .iter()
            .flat_map(|row| row.spans.iter().map(|(from, to)| Row::plain(vec![row.name.clone(), from.to_string(), to.to_string()])));
        Table { caption: self.title.clone(), columns, rows: rows.collect() }
    }
}

//! Horizontal bars: one named amount per row, perhaps as a part of a larger one.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::svg::{WIDTH, escape, open, put};
use crate::report::format::{DASH, count};
use crate::report::page::{Column, Row, Table};

const ROW: f64 = 40.0;
const THICKNESS: f64 = 9.0;

/// Named amounts, drawn one below the other.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Bars {
    /// Unique in the page; letters, digits and hyphens.
    pub(in crate::report) id: String,
    pub(in crate::report) title: String,
    /// One sentence on what to see.
    pub(in crate::report) summary: String,
    /// What a row is, what its amount is, and what that is a part of.
    pub(in crate::report) words: [&'static str; 3],
    pub(in crate::report) rows: Vec<Bar>,
}

/// One named amount.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Bar {
    pub(in crate::report) name: String,
    pub(in crate::report) value: u64,
    /// What the amount is a part of; none where amounts are compared with each other, or where it has no limit.
    pub(in crate::report) of: Option<u64>,
}

impl Bars {
    /// The bars as one `<svg>` element.
    pub(in crate::report) fn svg(&self) -> String {
        // Parts fill their own track; bare amounts are compared with the longest one, but never with parts.
        let longest = self.rows.iter().map(|bar| bar.value).max().unwrap_or(0);
        let parts = self.rows.iter().any(|bar| bar.of.is_some());
        let whole = |bar: &Bar| if parts { bar.of } else { Some(longest) };
        let mut out = open(&self.id, &self.title, &self.summary, &self.data(), ROW * self.rows.len() as f64);
        for (index, bar) in self.rows.iter().enumerate() {
            let top = ROW * index as f64;
            let (text, line) = (top + 15.0, top + 22.0);
            put!(out, r#"<text class="tick" x="0" y="{text}">{}</text>"#, escape(&bar.name));
            put!(out, r#"<text class="tick strong" x="{WIDTH}" y="{text}" text-anchor="end">{}</text>"#, bar.amount());
            let Some(whole) = whole(bar) else { continue };
            let width = (bar.value as f64 / whole.max(1) as f64).min(1.0) * WIDTH;
            put!(out, r#"<rect class="track" x="0" y="{line}" width="{WIDTH}" height="{THICKNESS}" rx="3"/>"#);
            put!(
                out,
                r#"<g class="series tone-model"><rect class="column" x="0" y="{line}" width="{width:.1}" height="{THICKNESS}" rx="3"/></g>"#
            );
        }
        out.push_str("</svg>");
        out
    }

    fn data(&self) -> Value {
        let points: Value = self
            .rows
            .iter()
            .map(|bar| bar.of.map_or_else(|| json!([bar.name, bar.value]), |of| json!([bar.name, bar.value, of])))
            .collect();
        json!([{"name": self.words[1], "points": points}])
    }

    /// The same amounts as a table.
    pub(in crate::report) fn table(&self) -> Table {
        let parts = self.rows.iter().any(|bar| bar.of.is_some());
        let mut columns = vec![Column::text(self.words[0]), Column::number(self.words[1])];
        columns.extend(parts.then(|| Column::number(self.words[2])));
        let rows = self.rows.iter().map(|bar| {
            let mut cells = vec![bar.name.clone(), count(bar.value)];
            cells.extend(parts.then(|| bar.of.map_or_else(|| DASH.to_owned(), count)));
            Row::plain(cells)
        });
        Table { caption: self.title.clone(), columns, rows: rows.collect() }
    }
}

impl Bar {
    fn amount(&self) -> String {
        self.of.map_or_else(|| count(self.value), |of| format!("{} of {}", count(self.value), count(of)))
    }
}

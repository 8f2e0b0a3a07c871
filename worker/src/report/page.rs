//! What a page holds, before it has a form.

use serde::Serialize;

use super::chart::{Bars, Chart, Key, Spans};
use super::format::DASH;

/// Everything that the template writes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Page {
    /// Of the browser's window.
    pub(super) title: String,
    /// What the page is about, under its kind.
    pub(super) name: String,
    /// What kind of thing the page is about.
    pub(super) kind: &'static str,
    /// Name and value of what identifies the run.
    pub(super) facts: Vec<(String, String)>,
    pub(super) cards: Vec<Card>,
    /// Plain sentences, each on its own.
    pub(super) meaning: Vec<String>,
    pub(super) sections: Vec<Section>,
}

/// One figure to read first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Card {
    pub(super) name: String,
    pub(super) value: String,
    /// The 95 % interval in words.
    pub(super) interval: Option<String>,
    /// How it compares with the best baseline, in words.
    pub(super) baseline: Option<String>,
    /// `better`, `worse` or `same` than the baseline.
    pub(super) verdict: &'static str,
}

/// One chapter of the page; absent chapters are not made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Section {
    /// Unique in the page; letters, digits and hyphens.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// How to read it.
    pub(super) intro: String,
    pub(super) figures: Vec<Figure>,
    pub(super) tables: Vec<Table>,
    /// Further sentences as a list.
    pub(super) notes: Vec<String>,
}

/// A chart with its legend and its figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) summary: String,
    /// Safe to be written as it is: made by our own charts alone, which escape every name.
    pub(super) svg: String,
    pub(super) legend: Vec<Key>,
    pub(super) table: Table,
}

impl From<&Chart> for Figure {
    fn from(chart: &Chart) -> Self {
        let (title, summary) = (chart.title.clone(), chart.summary.clone());
        Self { title, summary, svg: chart.svg(), legend: chart.legend(), table: chart.table() }
    }
}

impl From<&Bars> for Figure {
    fn from(bars: &Bars) -> Self {
        let (title, summary) = (bars.title.clone(), bars.summary.clone());
        Self { title, summary, svg: bars.svg(), legend: Vec::new(), table: bars.table() }
    }
}

impl From<&Spans> for Figure {
    fn from(spans: &Spans) -> Self {
        let (title, summary) = (spans.title.clone(), spans.summary.clone());
        Self { title, summary, svg: spans.svg(), legend: Vec::new(), table: spans.table() }
    }
}

/// Rows under named columns.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
}

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Column {
    pub(super) name: String,
    /// Numbers stand on the right.
    pub(super) number: bool,
}

/// One row of a table, as many cells as there are columns; the first names it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    /// Whether the row is the one to look at.
    pub(super) strong: bool,
}

impl Table {
    /// The table without the columns in which nothing was measured.
    pub(super) fn without_empty(mut self) -> Self {
        let kept: Vec<bool> = (0..self.columns.len())
            .map(|index| self.rows.iter().any(|row| row.cells.get(index).is_some_and(|cell| cell != DASH)))
            .collect();
        let mut index = kept.iter();
        self.columns.retain(|_| index.next().copied().unwrap_or(true));
        for row in &mut self.rows {
            let mut index = kept.iter();
            row.cells.retain(|_| index.next().copied().unwrap_or(true));
        }
        self
    }

    /// A table whose first column is text and whose others are numbers.
    pub(super) fn of_numbers(caption: &str, names: &[&str]) -> Self {
        let columns = names.iter().enumerate().map(|(index, name)| if index == 0 { Column::text(name) } else { Column::number(name) });
        Self { caption: caption.to_owned(), columns: columns.collect(), rows: Vec::new() }
    }
}

impl Column {
    pub(super) fn text(name: &str) -> Self {
        Self { name: name.to_owned(), number: false }
    }

    pub(super) fn number(name: &str) -> Self {
        Self { name: name.to_owned(), number: true }
    }
}

impl Row {
    pub(super) fn plain(cells: Vec<String>) -> Self {
        Self { cells, strong: false }
    }
}

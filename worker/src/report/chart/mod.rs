//! Small charts as inline SVG: values in, text out.
//!
//! A chart says what it shows three times: to the eye, in `<title>` and `<desc>` to a screen reader, and exactly, as
//! JSON in its `data-series` attribute. Values that are not finite are left out. Colours come from the page's style
//! sheet by class, so that light and dark differ there alone; every series also differs by stroke or shape.

mod rows;
mod scale;
mod spans;
mod svg;

use serde::Serialize;
use serde_json::{Value, json};

use super::format::decimal;
use super::page::{Column, Row, Table};

pub(super) use rows::{Bar, Bars};
pub(super) use spans::{SpanRow, Spans};

/// A chart on two axes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chart {
    /// Unique in the page; letters, digits and hyphens.
    pub(super) id: String,
    pub(super) title: String,
    /// One sentence on what to see.
    pub(super) summary: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    pub(super) rules: Vec<Rule>,
}

/// One axis: what it counts and how its numbers are written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    /// With its unit.
    pub(super) label: String,
    pub(super) format: Format,
    /// Whether zero must be seen.
    pub(super) from_zero: bool,
    /// Names of the steps 0, 1, 2, ... in place of numbers; empty on a linear axis.
    pub(super) names: Vec<String>,
}

/// How an axis writes its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Number,
    /// 0..=1, written in percent.
    Share,
}

/// Points that belong together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) tone: Tone,
    pub(super) shape: Shape,
    pub(super) points: Vec<Point>,
}

/// Colour and stroke of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// What the model says.
    Model,
    /// What happened.
    Observed,
    /// What a simpler method says.
    Baseline,
    /// Further series.
    Second,
    Third,
}

impl Tone {
    /// Class in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Model => "tone-model",
            Self::Observed => "tone-observed",
            Self::Baseline => "tone-baseline",
            Self::Second => "tone-second",
            Self::Third => "tone-third",
        }
    }
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Line,
    /// A line through visible points.
    Dotted,
    /// Points alone, their area by weight.
    Points,
    Columns,
}

/// One value, perhaps with more to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Area of the point relative to the others, and the count behind it.
    pub(super) weight: Option<u64>,
    /// Whisker from low to high.
    pub(super) interval: Option<(f64, f64)>,
    /// Words beside the point.
    pub(super) label: Option<String>,
}

/// A thin line to compare with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rule {
    /// Where y equals x.
    Diagonal(String),
    /// At one x, named in the drawing.
    At(f64, String),
}

impl Axis {
    /// A linear axis that needs not show zero.
    pub(super) fn linear(label: &str, format: Format) -> Self {
        Self { label: label.to_owned(), format, from_zero: false, names: Vec::new() }
    }

    /// A linear axis from zero.
    pub(super) fn from_zero(label: &str, format: Format) -> Self {
        Self { from_zero: true, ..Self::linear(label, format) }
    }

    /// An axis of named steps.
    pub(super) fn steps(label: &str, names: Vec<String>) -> Self {
        Self { names, ..Self::linear(label, Format::Number) }
    }

    /// A value in words; the name of a step where there are names.
    fn word(&self, value: f64) -> String {
        match self.format {
            _ if !self.names.is_empty() => self.names.get(value as usize).cloned().unwrap_or_default(),
            Format::Share => super::format::share(value),
            Format::Number if value.fract() == 0.0 => decimal(value, 0),
            Format::Number => super::format::figure(value),
        }
    }
}

impl Point {
    /// A bare value.
    pub(super) fn at(x: f64, y: f64) -> Self {
        Self { x, y, ..Self::default() }
    }

    fn is_finite(&self) -> bool {
        let whisker = self.interval.is_none_or(|(low, high)| low.is_finite() && high.is_finite());
        self.x.is_finite() && self.y.is_finite() && whisker
    }
}

impl Chart {
    /// The chart as one `<svg>` element.
    pub(super) fn svg(&self) -> String {
        svg::draw(self)
    }

    /// Exactly what is drawn.
    fn data(&self) -> Value {
        self.series.iter().map(|series| json!({"name": series.name, "points": self.points(series)})).collect()
    }

    fn points(&self, series: &Series) -> Value {
        let x = |point: &Point| self.x.names.get(point.x as usize).map_or_else(|| json!(point.x), |name| json!(name));
        series.drawn().map(|point| json!([x(point), point.y])).collect()
    }

    /// The same values as a table: one row per x, one column per series.
    pub(super) fn table(&self) -> Table {
        let mut places: Vec<f64> = self.series.iter().flat_map(|series| series.drawn().map(|point| point.x)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let weighted = self.series.iter().find(|series| series.points.iter().any(|point| point.weight.is_some()));
        let mut columns = vec![Column::number(&self.x.label)];
        columns.extend(self.series.iter().map(|series| Column::number(&series.name)));
        columns.extend(weighted.map(|_| Column::number("Count")));
        let rows = places.into_iter().map(|x| {
            let mut cells = vec![self.x.word(x)];
            cells.extend(self.series.iter().map(|series| series.at(x).map_or_else(String::new, |point| self.y.word(point.y))));
            cells.extend(weighted.map(|series| {
                let weight = series.at(x).and_then(|point| point.weight);
                weight.map_or_else(String::new, super::format::count)
            }));
            Row::plain(cells)
        });
        Table { caption: self.title.clone(), columns, rows: rows.collect() }
    }

    /// What the strokes and shapes mean; empty when there is nothing to tell apart.
    pub(super) fn legend(&self) -> Vec<Key> {
        let series = self.series.iter().map(|series| Key { name: series.name.clone(), class: series.tone.class(), mark: series.mark() });
        let rules = self.rules.iter().filter_map(|rule| match rule {
            Rule::Diagonal(name) => Some(Key { name: name.clone(), class: "rule", mark: "line" }),
            Rule::At(..) => None,
        });
        let keys: Vec<Key> = series.chain(rules).collect();
        if keys.len() > 1 { keys } else { Vec::new() }
    }
}

impl Series {
    /// The points that can be drawn.
    fn drawn(&self) -> impl Iterator<Item = &Point> + Clone {
        self.points.iter().filter(|point| point.is_finite())
    }

    fn at(&self, x: f64) -> Option<&Point> {
        self.drawn().find(|point| point.x == x)
    }

    fn mark(&self) -> &'static str {
        match self.shape {
            Shape::Line => "line",
            Shape::Dotted => "dotted",
            Shape::Points => "point",
            Shape::Columns => "column",
        }
    }
}

/// One entry of a legend.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Key {
    pub(super) name: String,
    /// Class of the tone.
    pub(super) class: &'static str,
    /// line, dotted, point or column.
    pub(super) mark: &'static str,
}

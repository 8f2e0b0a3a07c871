//! The drawing of a chart on two axes.

use std::fmt::Write as _;

use serde_json::Value;

use super::scale::Scale;
use super::{Axis, Chart, Point, Rule, Series, Shape};

/// Size of the drawing, in units of the view box; the page shows it 300 to 560 pixels wide.
pub(super) const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 294.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 38.0;
const BOTTOM: f64 = HEIGHT - 50.0;
/// Named steps that are labelled; more would touch each other on a phone.
const MOST_LABELS: usize = 6;

/// Where values lie in the drawing.
struct Frame {
    x: Place,
    y: Scale,
}

/// Where values of x lie.
enum Place {
    Linear(Scale),
    Steps(usize),
}

impl Frame {
    fn of(chart: &Chart) -> Self {
        let drawn = || chart.series.iter().flat_map(Series::drawn);
        let y_values = drawn()
            .flat_map(|point| [point.y, point.interval.map_or(point.y, |ends| ends.0), point.interval.map_or(point.y, |ends| ends.1)]);
        let rules = chart.rules.iter().filter_map(|rule| if let Rule::At(x, _) = rule { Some(*x) } else { None });
        let x_values = drawn().map(|point| point.x).chain(rules);
        let zero = |axis: &Axis| axis.from_zero.then_some(0.0);
        if chart.rules.iter().any(|rule| matches!(rule, Rule::Diagonal(_))) {
            // Both axes are one, or the diagonal would not be where y equals x.
            let both = Scale::fit(x_values.chain(y_values).chain(zero(&chart.y)), 5);
            return Self { x: Place::Linear(both.clone()), y: both };
        }
        let y = Scale::fit(y_values.chain(zero(&chart.y)), 5);
        let x = match chart.x.names.len() {
            0 if chart.x.from_zero => {
                let last = x_values.clone().fold(0.0, f64::max);
                Place::Linear(Scale::fit(x_values.chain([0.0]), 7).ended_at(last))
            }
            0 => Place::Linear(Scale::fit(x_values, 7)),
            steps => Place::Steps(steps),
        };
        Self { x, y }
    }

    fn x(&self, value: f64) -> f64 {
        match &self.x {
            Place::Linear(scale) => scale.place(value, LEFT, RIGHT),
            Place::Steps(count) => LEFT + (value + 0.5) / *count as f64 * (RIGHT - LEFT),
        }
    }

    fn y(&self, value: f64) -> f64 {
        self.y.place(value, BOTTOM, TOP)
    }

    /// Places and words along the bottom.
    fn x_labels(&self, axis: &Axis) -> Vec<(f64, String)> {
        match &self.x {
            Place::Linear(scale) => scale.ticks.iter().map(|tick| (self.x(*tick), scale.label(*tick, axis.format))).collect(),
            Place::Steps(count) => {
                let every = count.div_ceil(MOST_LABELS).max(1);
                axis.names.iter().enumerate().step_by(every).map(|(index, name)| (self.x(index as f64), name.clone())).collect()
            }
        }
    }
}

/// Draws the chart.
pub(super) fn draw(chart: &Chart) -> String {
    let frame = Frame::of(chart);
    let mut out = open(&chart.id, &chart.title, &chart.summary, &chart.data(), HEIGHT);
    draw_axes(&mut out, chart, &frame);
    for rule in &chart.rules {
        draw_rule(&mut out, rule, &frame);
    }
    for series in &chart.series {
        draw_series(&mut out, chart, series, &frame);
    }
    out.push_str("</svg>");
    out
}

/// The opening of an `<svg>` with everything that names it.
pub(super) fn open(id: &str, title: &str, summary: &str, data: &Value, height: f64) -> String {
    let (id, title, summary, data) = (escape(id), escape(title), escape(summary), escape(&data.to_string()));
    format!(
        r#"<svg class="chart" role="img" viewBox="0 0 {WIDTH} {height}" aria-labelledby="{id}-title {id}-desc" data-chart="{id}" data-series="{data}"><title id="{id}-title">{title}</title><desc id="{id}-desc">{summary}</desc>"#
    )
}

/// Text that is safe between tags and inside quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(letter),
        }
    }
    safe
}

/// Appends to a string, which cannot fail.
macro_rules! put {
    ($out:expr, $($part:tt)*) => {{ let _ = write!($out, $($part)*); }};
}
pub(super) use put;

fn draw_axes(out: &mut String, chart: &Chart, frame: &Frame) {
    for tick in &frame.y.ticks {
        let (y, label) = (frame.y(*tick), frame.y.label(*tick, chart.y.format));
        let class = if *tick == frame.y.low { "axis" } else { "grid" };
        put!(out, r#"<path class="{class}" d="M{LEFT} {y:.1}H{RIGHT}"/>"#);
        put!(out, r#"<text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{label}</text>"#, LEFT - 8.0, y + 4.0);
    }
    for (x, label) in frame.x_labels(&chart.x) {
        put!(out, r#"<path class="axis" d="M{x:.1} {BOTTOM}v4"/>"#);
        put!(out, r#"<text class="tick" x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#, BOTTOM + 19.0, escape(&label));
    }
    put!(out, r#"<text class="label" x="0" y="14">{}</text>"#, escape(&chart.y.label));
    let middle = f64::midpoint(LEFT, RIGHT);
    put!(out, r#"<text class="label" x="{middle:.1}" y="{:.1}" text-anchor="middle">{}</text>"#, HEIGHT - 8.0, escape(&chart.x.label));
}

fn draw_rule(out: &mut String, rule: &Rule, frame: &Frame) {
    match rule {
        Rule::Diagonal(_) => put!(out, r#"<path class="rule" d="M{LEFT} {BOTTOM}L{RIGHT} {TOP}"/>"#),
        Rule::At(x, name) => {
            let x = frame.x(*x);
            if x.is_finite() {
                let anchor = if x > RIGHT - 30.0 { "end" } else { "middle" };
                put!(out, r#"<path class="rule" d="M{x:.1} {BOTTOM}V{TOP}"/>"#);
                put!(out, r#"<text class="tick" x="{x:.1}" y="{:.1}" text-anchor="{anchor}">{}</text>"#, TOP - 5.0, escape(name));
            }
        }
    }
}

fn draw_series(out: &mut String, chart: &Chart, series: &Series, frame: &Frame) {
    put!(out, r#"<g class="series {}">"#, series.tone.class());
    if matches!(series.shape, Shape::Line | Shape::Dotted) {
        let places: Vec<String> = series.drawn().map(|point| format!("{:.1} {:.1}", frame.x(point.x), frame.y(point.y))).collect();
        if !places.is_empty() {
            put!(out, r#"<path class="line" d="M{}"/>"#, places.join("L"));
        }
    }
    let heaviest = series.points.iter().filter_map(|point| point.weight).max().unwrap_or(1).max(1);
    for point in series.drawn() {
        match series.shape {
            Shape::Line => {}
            Shape::Dotted => draw_point(out, chart, (series, point), frame, 3.0),
            Shape::Points => {
                let area = point.weight.map_or(0.05, |weight| weight as f64 / heaviest as f64);
                draw_point(out, chart, (series, point), frame, 2.5 + 5.0 * area.sqrt());
            }
            Shape::Columns => draw_column(out, chart, (series, point), frame),
        }
    }
    out.push_str("</g>");
}

fn draw_point(out: &mut String, chart: &Chart, (series, point): (&Series, &Point), frame: &Frame, radius: f64) {
    let (x, y) = (frame.x(point.x), frame.y(point.y));
    if let Some((low, high)) = point.interval {
        put!(out, r#"<path class="whisker" d="M{x:.1} {:.1}V{:.1}"/>"#, frame.y(low), frame.y(high));
    }
    put!(out, r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius:.1}"><title>{}</title></circle>"#, hint(chart, series, point));
    if let Some(label) = &point.label {
        // A label that would leave the frame on the right stands on the left of its point.
        let (place, anchor) = if x > RIGHT - 60.0 { (x - radius - 4.0, "end") } else { (x + radius + 4.0, "start") };
        put!(out, r#"<text class="note" x="{place:.1}" y="{:.1}" text-anchor="{anchor}">{}</text>"#, y - 5.0, escape(label));
    }
}

fn draw_column(out: &mut String, chart: &Chart, (series, point): (&Series, &Point), frame: &Frame) {
    let steps = if let Place::Steps(count) = &frame.x { (*count).max(1) } else { series.points.len().max(1) };
    let width = ((RIGHT - LEFT) / steps as f64 * 0.72).min(40.0);
    let (y, base) = (frame.y(point.y), frame.y(0.0));
    put!(
        out,
        r#"<rect class="column" x="{:.1}" y="{:.1}" width="{width:.1}" height="{:.1}"><title>{}</title></rect>"#,
        frame.x(point.x) - width / 2.0,
        y.min(base),
        (y - base).abs(),
        hint(chart, series, point)
    );
}

/// What a reader sees on resting over a mark.
fn hint(chart: &Chart, series: &Series, point: &Point) -> String {
    let count = point.weight.map_or_else(String::new, |weight| format!(" (count {})", crate::report::format::count(weight)));
    escape(&format!("{}: {} at {}{count}", series.name, chart.y.word(point.y), chart.x.word(point.x)))
}

//! What each chart says it draws, against the document; and where it draws it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{between, documents};
use crate::report::render;

/// The data of each chart of a page: chart, then series, then points.
pub(super) fn series(page: &str) -> BTreeMap<String, BTreeMap<String, Value>> {
    let charts = page.split("data-chart=\"").skip(1).map(|rest| {
        let (id, rest) = rest.split_once('"').unwrap();
        let data = between(rest, "data-series=\"", "\"")[0];
        let data: Vec<Value> = serde_json::from_str(&unescape(data)).unwrap();
        let series = data.into_iter().map(|entry| (entry["name"].as_str().unwrap().to_owned(), entry["points"].clone()));
        (id.to_owned(), series.collect())
    });
    charts.collect()
}

pub(super) fn unescape(text: &str) -> String {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    plain.replace("&amp;", "&")
}

fn points<T>(items: &[T], point: impl Fn(&T) -> Value) -> Value {
    items.iter().map(point).collect()
}

/// Chart, series and its points.
pub(super) type Expected = (&'static str, &'static str, Value);

/// A page and what its charts must hold.
pub(super) type Page = (&'static str, String, Vec<Expected>);

/// What the charts of each page must hold, read from the documents by hand.
pub(super) fn expected() -> Vec<Page> {
    vec![intent(), recommender(), plan()]
}

fn intent() -> Page {
    let document = documents::intent();
    let i = document.intent.as_ref().unwrap();
    let calibration = |index: usize| points(&i.calibration[index].bins, |bin| json!([bin.predicted, bin.observed]));
    let weeks = &i.hazard[0].weeks;
    let key_weeks = &i.key_periods.as_ref().unwrap().weeks;
    let charts = vec![
        ("calibration-30", "Customers", calibration(0)),
        ("calibration-90", "Customers", calibration(1)),
        ("hazard-0", "Observed", points(weeks, |week| json!([f64::from(week.week), week.observed]))),
        ("hazard-0", "Predicted", points(weeks, |week| json!([f64::from(week.week), week.predicted]))),
        ("hazard-0", "Baseline", points(weeks, |week| json!([f64::from(week.week), week.baseline]))),
        ("hazard-5", "Observed", points(&i.hazard[5].weeks, |week| json!([f64::from(week.week), week.observed]))),
        ("key-periods-weeks", "Customers", points(key_weeks, |week| json!([week.week.to_string(), week.share]))),
    ];
    ("intent", render(&document).unwrap(), charts)
}

fn recommender() -> Page {
    let document = documents::recommender();
    let r = document.recommender.as_ref().unwrap();
    let curve = r.penalty.as_ref().unwrap();
    let epochs = &document.training.as_ref().unwrap().epochs;
    let charts = vec![
        ("penalty-accuracy", "Strengths λ", points(&curve.points, |point| json!([point.coverage, point.ndcg]))),
        ("penalty-accuracy", "Chosen", json!([[curve.chosen_coverage, curve.chosen_ndcg]])),
        ("penalty-strength", "Coverage", points(&curve.points, |point| json!([point.lambda, point.coverage]))),
        ("penalty-strength", "Gini", points(&curve.points, |point| json!([point.lambda, point.gini]))),
        ("exposure-curve", "Item-kNN", points(&r.exposure[3].points, |point| json!([point.groups, point.exposures]))),
        ("training-loss", "Training", points(epochs, |epoch| json!([f64::from(epoch.epoch), epoch.loss]))),
        ("training-loss", "Validation", points(epochs, |epoch| json!([f64::from(epoch.epoch), epoch.validation]))),
    ];
    ("recommender", render(&document).unwrap(), charts)
}

fn plan() -> Page {
    let document = documents::plan();
    let p = document.plan.as_ref().unwrap();
    let coverage = p.coverage.unwrap();
    let week = |from: jiff::civil::Date| format!("{} {}", from.day(), from.strftime("%b"));
    let arms = json!([
        ["Treated: chosen by the model, in its window", 3_480, 6_870],
        ["Control: never contacted", 0, 986],
        ["Untimed: chosen by the model, at once", 410, 978],
        ["Business rule: chosen by recency", 420, 978]
    ]);
    let suppressed =
        json!([["Below the cut", 2_690], ["No consent", 1_204], ["Contacted recently", 388], ["Channels full", 211], ["Excluded", 23]]);
    let range =
        json!([["Customers with recommendations", 8_826, 9_812], ["Products shown", coverage.shown_groups, coverage.eligible_groups]]);
    let charts = vec![
        ("plan-channels", "To be contacted", json!([["email", 4_010, 20_000], ["call", 300, 300], ["letter", 0]])),
        ("plan-arms", "To be contacted", arms),
        ("plan-suppressed", "Customers", suppressed),
        ("plan-sends", "Customers", points(&p.send_weeks, |sent| json!([week(sent.from), sent.selected as f64]))),
        ("plan-expected", "Purchases", points(&p.expected_weeks, |expected| json!([week(expected.from), expected.purchases]))),
        ("plan-range", "Reached", range),
    ];
    ("plan", render(&document).unwrap(), charts)
}

#[test]
fn every_chart_holds_the_documents_numbers() {
    for (name, page, charts) in expected() {
        let series = series(&page);
        for (chart, line, points) in charts {
            assert_eq!(series[chart][line], points, "{name}: {chart}: {line}");
        }
    }
}

/// The drawing of one chart of a page.
fn drawing(page: &str, chart: &str) -> String {
    let rest = page.split(&format!("data-chart=\"{chart}\"")).nth(1).unwrap();
    rest.split("</svg>").next().unwrap().to_owned()
}

fn numbers(text: &str, attribute: &str) -> Vec<f64> {
    between(text, &format!(" {attribute}=\""), "\"").iter().map(|number| number.parse().unwrap()).collect()
}

#[test]
fn points_lie_where_the_axes_say() {
    // Predicted .1 and .3, observed .125 and .25, whiskers to .469 (Wilson, 5 of 20): both axes run from 0 to 50 %.
    let drawing = drawing(&render(&documents::small()).unwrap(), "calibration-30");
    let ticks: Vec<&str> =
        between(&drawing, "<text class=\"tick\"", "</text>").iter().map(|tick| tick.rsplit('>').next().unwrap()).collect();
    assert_eq!(ticks, ["0%", "10%", "20%", "30%", "40%", "50%", "0%", "10%", "20%", "30%", "40%", "50%"]);
    let (x, y) = (numbers(&drawing, "cx"), numbers(&drawing, "cy"));
    let (left, right, top, bottom) = (54.0, 426.0, 38.0, 244.0);
    for (place, share) in [(x[0], 0.1), (x[1], 0.3)] {
        assert!((place - (left + (right - left) * share / 0.5)).abs() < 0.06, "{place}");
    }
    for (place, share) in [(y[0], 0.125), (y[1], 0.25)] {
        assert!((place - (bottom - (bottom - top) * share / 0.5)).abs() < 0.06, "{place}");
    }
}

#[test]
fn columns_stand_on_the_axis_and_keep_their_proportions() {
    let drawing = drawing(&render(&documents::plan()).unwrap(), "plan-sends");
    let (y, heights) = (numbers(&drawing, "y"), numbers(&drawing, "height"));
    let tops: Vec<f64> = y.into_iter().skip(y_of_texts(&drawing)).collect();
    assert_eq!(heights.len(), 14);
    for (top, height) in tops.iter().zip(&heights) {
        assert!((top + height - 244.0).abs() < 0.11, "{top} {height}");
    }
    assert!((heights[0] / heights[1] - 1204.0 / 902.0).abs() < 0.01);
}

/// Texts come before columns, and have a y as well.
fn y_of_texts(drawing: &str) -> usize {
    drawing.matches("<text").count()
}

#[test]
fn bars_fill_their_share_of_the_track() {
    let drawing = drawing(&render(&documents::plan()).unwrap(), "plan-arms");
    let widths: Vec<f64> = between(&drawing, "<rect class=\"column\"", "/>").iter().map(|bar| numbers(bar, "width")[0]).collect();
    let expected = [3_480.0 / 6_870.0, 0.0, 410.0 / 978.0, 420.0 / 978.0];
    for (width, share) in widths.iter().zip(expected) {
        assert!((width / 440.0 - share).abs() < 0.001, "{width} {share}");
    }
}

#[test]
fn tables_say_the_same_as_charts() {
    let page = render(&documents::small()).unwrap();
    let rows = between(&page, "<caption>Back within 30 days</caption>", "</table>")[0];
    let cells: Vec<&str> = between(rows, "class=\"number\">", "<").into_iter().skip(3).collect();
    assert_eq!(cells, ["10.0%", "12.5%", "80", "30.0%", "25.0%", "20"]);
}

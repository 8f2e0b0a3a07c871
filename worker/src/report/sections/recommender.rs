//! Coverage against accuracy, the exposure curve and the comparison of a recommender.

use reprise_models::report_document::{ExposureCurve, Groups, PenaltyCurve, PenaltyPoint, RecommenderMetrics, RecommenderRow, Role};

use crate::report::chart::{Axis, Chart, Format, Point, Rule, Series, Shape, Tone};
use crate::report::format::{DASH, count, decimal, figure, share, spoken_share};
use crate::report::page::{Figure, Row, Section, Table};

/// Tones of the exposure curves, ours first; further curves stand in the tables alone.
const TONES: [Tone; 5] = [Tone::Model, Tone::Baseline, Tone::Observed, Tone::Second, Tone::Third];

/// The chapters of a recommender; those without figures are absent.
pub(super) fn sections(recommender: &RecommenderMetrics) -> Vec<Section> {
    let penalty = recommender.penalty.as_ref().and_then(penalty);
    [comparison(recommender), penalty, exposure(&recommender.exposure)].into_iter().flatten().collect()
}

fn comparison(recommender: &RecommenderMetrics) -> Option<Section> {
    let kinds = [(Groups::All, "All products"), (Groups::New, "New products only: what the customer had not bought before")];
    let table = |(groups, caption): (Groups, &str)| {
        let rows: Vec<Row> = recommender.methods.iter().filter(|row| row.groups == groups).map(comparison_row).collect();
        let names = [
            "Method",
            "Customers",
            "Hit rate",
            "NDCG",
            "95% interval",
            "MRR",
            "Coverage",
            "Coverage, 5 lists",
            "Gini",
            "Mean popularity",
            "Novelty, bits",
        ];
        (!rows.is_empty()).then(|| Table { rows, ..Table::of_numbers(caption, &names) }.without_empty())
    };
    let tables: Vec<Table> = kinds.into_iter().filter_map(table).collect();
    (!tables.is_empty()).then(|| Section {
        id: "comparison",
        title: "Against simpler methods",
        intro: format!(
            "A backtest at earlier dates: {} lists of {} products out of {} that could be shown. Hit rate, NDCG and MRR say how well the next order was foreseen; coverage, Gini and popularity say whether more than best-sellers were shown.",
            count(recommender.lists),
            recommender.top_k,
            count(recommender.eligible_groups)
        ),
        tables,
        ..Section::default()
    })
}

fn comparison_row(row: &RecommenderRow) -> Row {
    let interval = row.ndcg_interval.map_or_else(|| DASH.to_owned(), |ends| format!("{} to {}", figure(ends.low), figure(ends.high)));
    let cells = vec![
        row.method.clone(),
        count(row.customers),
        share(row.hit),
        figure(row.ndcg),
        interval,
        figure(row.mrr),
        share(row.coverage),
        share(row.coverage_at_5),
        figure(row.gini),
        figure(row.arp),
        decimal(row.novelty, 2),
    ];
    Row { cells, strong: row.role == Role::Model }
}

fn penalty(curve: &PenaltyCurve) -> Option<Section> {
    let mut notes = vec![format!(
        "Chosen: strength {}; slots of each list kept for products not shown yet: {}. NDCG {}, coverage {}; so many lists can reach at most {}.",
        decimal(curve.chosen_lambda, 2),
        curve.chosen_slots,
        figure(curve.chosen_ndcg),
        share(curve.chosen_coverage),
        share(curve.ceiling)
    )];
    if let Some(target) = curve.target_coverage.filter(|target| *target > curve.ceiling) {
        notes.push(format!(
            "The target of {} lies above what so many lists can reach, so the ceiling was the target.",
            spoken_share(target)
        ));
    }
    (!curve.points.is_empty()).then(|| Section {
        id: "penalty",
        title: "Coverage against accuracy",
        intro: "The more popularity is penalised, the more of the range is shown. Each point is one strength of the penalty; the best place is the upper right.".to_owned(),
        figures: vec![Figure::from(&penalty_chart(curve)), Figure::from(&inequality_chart(curve))],
        notes,
        ..Section::default()
    })
}

fn penalty_chart(curve: &PenaltyCurve) -> Chart {
    let last = curve.points.len().saturating_sub(1);
    let points = curve.points.iter().enumerate().map(|(index, point)| {
        // Neighbours lie close together; the ends say in which direction the strength grows.
        let label = (index == 0 || index == last).then(|| format!("λ {}", decimal(point.lambda, 2)));
        Point { label, ..Point::at(point.coverage, point.ndcg) }
    });
    let chosen = Point { label: Some("chosen".into()), ..Point::at(curve.chosen_coverage, curve.chosen_ndcg) };
    let mut rules = vec![Rule::At(curve.ceiling, "Ceiling".into())];
    rules.extend(curve.target_coverage.map(|target| Rule::At(target, "Target".into())));
    Chart {
        id: "penalty-accuracy".into(),
        title: "Accuracy over coverage".into(),
        summary: "NDCG against coverage for each strength of the popularity penalty, with the chosen one.".into(),
        x: Axis::linear("Coverage, share of products shown", Format::Share),
        y: Axis::from_zero("Accuracy, NDCG", Format::Number),
        series: vec![
            Series { name: "Strengths λ".into(), tone: Tone::Baseline, shape: Shape::Dotted, points: points.collect() },
            Series { name: "Chosen".into(), tone: Tone::Model, shape: Shape::Points, points: vec![chosen] },
        ],
        rules,
    }
}

fn inequality_chart(curve: &PenaltyCurve) -> Chart {
    let line = |name: &str, tone, value: fn(&PenaltyPoint) -> f64| Series {
        name: name.to_owned(),
        tone,
        shape: Shape::Dotted,
        points: curve.points.iter().map(|point| Point::at(point.lambda, value(point))).collect(),
    };
    Chart {
        id: "penalty-strength".into(),
        title: "Over the strength of the penalty".into(),
        summary: "Coverage and inequality of exposures (Gini) over the strength of the popularity penalty.".into(),
        x: Axis::from_zero("Strength λ of the penalty", Format::Number),
        y: Axis::from_zero("Coverage and Gini", Format::Share),
        series: vec![line("Coverage", Tone::Model, |point| point.coverage), line("Gini", Tone::Observed, |point| point.gini)],
        rules: vec![Rule::At(curve.chosen_lambda, "Chosen".into())],
    }
}

fn exposure(curves: &[ExposureCurve]) -> Option<Section> {
    let drawn: Vec<(&ExposureCurve, Tone)> = curves.iter().filter(|curve| !curve.points.is_empty()).zip(TONES).collect();
    (!drawn.is_empty()).then(|| Section {
        id: "exposure",
        title: "Who is shown",
        intro: "Products sorted from least to most shown, and the share of all exposures that they take together. The nearer to the diagonal, the more evenly the range is shown.".to_owned(),
        figures: vec![Figure::from(&exposure_chart(&drawn))],
        tables: vec![concentration(curves)],
        ..Section::default()
    })
}

/// What the most shown tenth of the products takes, per method.
fn concentration(curves: &[ExposureCurve]) -> Table {
    let rows = curves.iter().filter_map(|curve| Some(Row::plain(vec![curve.method.clone(), share(1.0 - exposures_at(curve, 0.9)?)])));
    Table { rows: rows.collect(), ..Table::of_numbers("Exposures of the most shown tenth", &["Method", "Share of all exposures"]) }
}

/// The curve's height at a share of groups, straight between its points; none outside them.
fn exposures_at(curve: &ExposureCurve, groups: f64) -> Option<f64> {
    let pair = curve.points.windows(2).find(|pair| pair[0].groups <= groups && groups <= pair[1].groups)?;
    let (from, to) = (pair[0], pair[1]);
    let part = if to.groups > from.groups { (groups - from.groups) / (to.groups - from.groups) } else { 1.0 };
    Some(from.exposures + part * (to.exposures - from.exposures))
}

fn exposure_chart(drawn: &[(&ExposureCurve, Tone)]) -> Chart {
    let series = drawn.iter().map(|(curve, tone)| Series {
        name: curve.method.clone(),
        tone: *tone,
        shape: Shape::Line,
        points: curve.points.iter().map(|point| Point::at(point.groups, point.exposures)).collect(),
    });
    Chart {
        id: "exposure-curve".into(),
        title: "Exposure curve".into(),
        summary: "Cumulative share of exposures over the share of products, least shown first.".into(),
        x: Axis::from_zero("Share of products, least shown first", Format::Share),
        y: Axis::from_zero("Share of exposures", Format::Share),
        series: series.collect(),
        rules: vec![Rule::Diagonal("All shown alike".into())],
    }
}

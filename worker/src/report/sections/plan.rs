//! Whom a contact plan reaches, where, when and with what.

use reprise_models::report_document::{ExpectedWeek, PlanCoverage, PlanMetrics, SendWeek};

use crate::report::chart::{Axis, Bar, Bars, Chart, Format, Point, Series, Shape, Tone};
use crate::report::format::{count, decimal, share, short_date, spoken_share};
use crate::report::page::{Figure, Row, Section, Table};

/// The chapters of a contact plan; those without figures are absent.
pub(super) fn sections(plan: &PlanMetrics) -> Vec<Section> {
    [Some(reach(plan)), timing(plan), plan.coverage.as_ref().map(|coverage| shown(plan, coverage))].into_iter().flatten().collect()
}

fn reach(plan: &PlanMetrics) -> Section {
    let channels = plan.channels.iter().map(|channel| Bar { name: channel.channel.clone(), value: channel.selected, of: channel.capacity });
    let arms = plan.arms.iter().map(|arm| Bar { name: arm_words(&arm.arm).to_owned(), value: arm.selected, of: Some(arm.customers) });
    let mut suppressed: Vec<Bar> =
        plan.suppressed.iter().map(|(reason, count)| Bar { name: reason_words(reason).to_owned(), value: *count, of: None }).collect();
    suppressed.sort_by_key(|bar| std::cmp::Reverse(bar.value));
    let charts = [
        bars(
            "plan-channels",
            "Channels",
            "Customers to be contacted in each channel, of what it may take.",
            ["Channel", "To be contacted", "Capacity"],
            channels.collect(),
        ),
        bars(
            "plan-arms",
            "Arms of the experiment",
            "Customers to be contacted in each arm, of all its customers.",
            ["Arm", "To be contacted", "Customers"],
            arms.collect(),
        ),
        bars(
            "plan-suppressed",
            "Not contacted",
            "Customers of the plan who are not contacted, by reason.",
            ["Reason", "Customers", ""],
            suppressed,
        ),
    ];
    let names = ["Within", "Mean, all customers", "Mean, to be contacted"];
    let rows =
        plan.probabilities.iter().map(|row| Row::plain(vec![format!("{} days", row.days), share(row.customers), share(row.selected)]));
    let probabilities = Table { rows: rows.collect(), ..Table::of_numbers("Probability of a purchase without contact", &names) };
    Section {
        id: "plan",
        title: "Whom the plan reaches",
        intro: format!("{} customers stand in the plan; {} of them are to be contacted.", count(plan.customers), count(plan.selected)),
        figures: charts.iter().flatten().map(Figure::from).collect(),
        tables: Some(probabilities).filter(|table| !table.rows.is_empty()).into_iter().collect(),
        notes: Vec::new(),
    }
}

/// A chart of the bars, where there are any.
fn bars(id: &str, title: &str, summary: &str, words: [&'static str; 3], bars: Vec<Bar>) -> Option<Bars> {
    (!bars.is_empty()).then(|| Bars { id: id.to_owned(), title: title.to_owned(), summary: summary.to_owned(), words, rows: bars })
}

/// The arms of an experiment in words; others as they are.
fn arm_words(arm: &str) -> &str {
    match arm {
        "treated" => "Treated: chosen by the model, in its window",
        "untimed" => "Untimed: chosen by the model, at once",
        "businessRule" => "Business rule: chosen by recency",
        "control" => "Control: never contacted",
        other => other,
    }
}

/// The reasons of suppression in words; others as they are.
fn reason_words(reason: &str) -> &str {
    match reason {
        "no_consent" => "No consent",
        "recently_contacted" => "Contacted recently",
        "capacity" => "Channels full",
        "below_threshold" => "Below the cut",
        "excluded" => "Excluded",
        other => other,
    }
}

fn timing(plan: &PlanMetrics) -> Option<Section> {
    let sends = (!plan.send_weeks.is_empty()).then(|| Figure::from(&send_chart(&plan.send_weeks)));
    let expected = (!plan.expected_weeks.is_empty()).then(|| Figure::from(&expected_chart(&plan.expected_weeks)));
    let figures: Vec<Figure> = sends.into_iter().chain(expected).collect();
    (!figures.is_empty()).then(|| Section {
        id: "timing",
        title: "When",
        intro: "Messages go out shortly before the weeks in which customers are likely to return.".to_owned(),
        figures,
        ..Section::default()
    })
}

fn send_chart(weeks: &[SendWeek]) -> Chart {
    let points = weeks.iter().enumerate().map(|(index, week)| Point::at(index as f64, week.selected as f64));
    Chart {
        id: "plan-sends".into(),
        title: "Sendings by week".into(),
        summary: "Customers to be contacted, by the week in which their sending begins.".into(),
        x: Axis::steps("Week beginning", weeks.iter().map(|week| short_date(week.from)).collect()),
        y: Axis::from_zero("Customers per week", Format::Number),
        series: vec![Series { name: "Customers".into(), tone: Tone::Model, shape: Shape::Columns, points: points.collect() }],
        rules: Vec::new(),
    }
}

fn expected_chart(weeks: &[ExpectedWeek]) -> Chart {
    let points = weeks.iter().enumerate().map(|(index, week)| Point::at(index as f64, week.purchases));
    Chart {
        id: "plan-expected".into(),
        title: "Second purchases expected".into(),
        summary: "Purchases expected in each week without any contact, all customers of the plan together.".into(),
        x: Axis::steps("Week beginning", weeks.iter().map(|week| short_date(week.from)).collect()),
        y: Axis::from_zero("Purchases per week", Format::Number),
        series: vec![Series { name: "Purchases".into(), tone: Tone::Observed, shape: Shape::Columns, points: points.collect() }],
        rules: Vec::new(),
    }
}

fn shown(plan: &PlanMetrics, coverage: &PlanCoverage) -> Section {
    let mut notes = vec![format!(
        "Strength of the popularity penalty {}; slots of each list kept for products not shown yet: {}; Gini of exposures {}.",
        decimal(coverage.lambda, 2),
        coverage.slots,
        decimal(coverage.gini, 2)
    )];
    if let Some(target) = coverage.target {
        let ceiling = if target > coverage.ceiling {
            format!("; so many lists can reach at most {}", share(coverage.ceiling))
        } else {
            String::new()
        };
        notes.push(format!("Asked for {}, reached {}{ceiling}.", spoken_share(target), share(coverage.reached)));
    }
    notes.extend(coverage.ndcg_kept.map(|kept| format!("Accuracy kept, measured on validation lists: {} of NDCG.", share(kept))));
    let range = Bars {
        id: "plan-range".into(),
        title: "How much is shown".into(),
        summary: "Customers with recommendations, and products in at least one of their lists.".into(),
        words: ["", "Reached", "Of"],
        rows: vec![
            Bar { name: "Customers with recommendations".into(), value: plan.with_recommendations, of: Some(plan.customers) },
            Bar { name: "Products shown".into(), value: coverage.shown_groups, of: Some(coverage.eligible_groups) },
        ],
    };
    Section { id: "range", title: "What they are shown", figures: vec![Figure::from(&range)], notes, ..Section::default() }
}

//! Calibration, weekly hazard and key periods of a purchase-intent model.

use reprise_models::report_document::{
    Calibration, CalibrationBin, HazardSeries, HazardWeek, IntentMetrics, IntentRow, KeyPeriods, MarketLevel, Role,
};

use crate::report::chart::{Axis, Chart, Format, Point, Rule, Series, Shape, Tone};
use crate::report::format::{DASH, count, decimal, figure, or_dash, share};
use crate::report::page::{Figure, Row, Section, Table};

/// Charts of single markets beyond the pool; more would hide what the table shows better.
const MOST_MARKETS: usize = 5;

/// The chapters of a purchase-intent model; those without figures are absent.
pub(super) fn sections(intent: &IntentMetrics) -> Vec<Section> {
    [accuracy(intent), calibration(intent), hazard(intent), intent.key_periods.as_ref().and_then(key_periods)]
        .into_iter()
        .flatten()
        .collect()
}

fn accuracy(intent: &IntentMetrics) -> Option<Section> {
    let names =
        ["Method", "Days", "AUC", "95% interval", "PR-AUC", "Concordance", "Brier", "Log-loss", "Lift, best tenth", "Calibration error"];
    let rows = intent.methods.iter().map(accuracy_row).collect();
    (!intent.methods.is_empty()).then(|| Section {
        id: "accuracy",
        title: "Against simpler methods",
        intro: format!(
            "A backtest at earlier dates: {} customers, of whom {} bought again. AUC, concordance and lift say who comes first; Brier, log-loss and calibration error say whether the probabilities can be believed (lower is better).",
            count(intent.customers),
            count(intent.events)
        ),
        tables: vec![Table { rows, ..Table::of_numbers("Accuracy of each method", &names) }.without_empty()],
        ..Section::default()
    })
}

fn accuracy_row(row: &IntentRow) -> Row {
    let interval = row.auc_interval.map_or_else(|| DASH.to_owned(), |ends| format!("{} to {}", figure(ends.low), figure(ends.high)));
    let four = |value: Option<f64>| or_dash(value, |value| decimal(value, 4));
    let cells = vec![
        row.method.clone(),
        row.days.to_string(),
        or_dash(row.auc, figure),
        interval,
        or_dash(row.pr_auc, figure),
        or_dash(row.concordance, figure),
        four(row.brier),
        four(row.log_loss),
        or_dash(row.lift, |lift| format!("{}×", decimal(lift, 2))),
        or_dash(row.debiased_error, figure),
    ];
    Row { cells, strong: row.role == Role::Model }
}

fn calibration(intent: &IntentMetrics) -> Option<Section> {
    let figures: Vec<Figure> =
        intent.calibration.iter().filter(|entry| !entry.bins.is_empty()).map(|entry| Figure::from(&calibration_chart(entry))).collect();
    let levels = (!intent.levels.is_empty()).then(|| levels(&intent.levels));
    let notes = intent.calibration.iter().filter_map(calibration_note).collect();
    (!figures.is_empty() || levels.is_some()).then(|| Section {
        id: "calibration",
        title: "Calibration",
        intro: "Customers are grouped by what was predicted; each point compares that with what happened. On the diagonal, 30% means that 30 of 100 come back. Larger points hold more customers, whiskers are 95% intervals.".to_owned(),
        figures,
        tables: levels.into_iter().collect(),
        notes,
    })
}

fn calibration_chart(entry: &Calibration) -> Chart {
    let points =
        entry.bins.iter().map(|bin| Point { weight: Some(bin.count), interval: wilson(bin), ..Point::at(bin.predicted, bin.observed) });
    let days = entry.days;
    Chart {
        id: format!("calibration-{days}"),
        title: format!("Back within {days} days"),
        summary: format!("Predicted probability of a purchase within {days} days against the share of customers who bought."),
        x: Axis::from_zero("Predicted, share of customers", Format::Share),
        y: Axis::from_zero("Observed, share of customers", Format::Share),
        series: vec![Series { name: "Customers".into(), tone: Tone::Model, shape: Shape::Points, points: points.collect() }],
        rules: vec![Rule::Diagonal("Perfect calibration".into())],
    }
}

/// Wilson's 95 % interval of the observed share; none for an empty bin.
fn wilson(bin: &CalibrationBin) -> Option<(f64, f64)> {
    const Z: f64 = 1.96;
    let n = bin.count as f64;
    let (p, spread) = (bin.observed, Z * Z / n);
    let centre = (p + spread / 2.0) / (1.0 + spread);
    let half = Z * (p * (1.0 - p) / n + spread / (4.0 * n)).sqrt() / (1.0 + spread);
    (bin.count > 0).then(|| ((centre - half).max(0.0), (centre + half).min(1.0)))
}

fn calibration_note(entry: &Calibration) -> Option<String> {
    let slope = entry.slope.map(|slope| {
        let interval = entry
            .slope_interval
            .map_or_else(String::new, |ends| format!(" (95% interval {} to {})", decimal(ends.low, 2), decimal(ends.high, 2)));
        format!("slope {}{interval}, ideal 1", decimal(slope, 2))
    });
    let error = entry.debiased_error.map(|error| format!("calibration error beyond chance {}, ideal 0", figure(error)));
    let parts: Vec<String> = slope.into_iter().chain(error).collect();
    (!parts.is_empty()).then(|| format!("Within {} days: {}.", entry.days, parts.join("; ")))
}

fn levels(levels: &[MarketLevel]) -> Table {
    let names = ["Market", "Factor on the hazard", "Purchases seen", "Purchases expected", "Weight of own level"];
    let rows = levels.iter().map(|level| {
        let expected = decimal(level.expected, 1);
        Row::plain(vec![level.market.clone(), decimal(level.factor, 2), count(level.events), expected, share(level.own_weight)])
    });
    Table { rows: rows.collect(), ..Table::of_numbers("Level of the latest weeks by market", &names) }
}

fn hazard(intent: &IntentMetrics) -> Option<Section> {
    let drawn: Vec<&HazardSeries> = intent.hazard.iter().filter(|series| !series.weeks.is_empty()).collect();
    let mut intro = "The chance of a second purchase in each week, for customers who have not bought again until then. The dashed line knows only the customer's age and the calendar.".to_owned();
    if drawn.len() > MOST_MARKETS + 1 {
        intro.push_str(" The largest markets are drawn; the others are counted in the first chart.");
    }
    let figures: Vec<Figure> =
        largest(&drawn).iter().enumerate().map(|(index, series)| Figure::from(&hazard_chart(index, series))).collect();
    (!figures.is_empty()).then(|| Section { id: "hazard", title: "Week by week", intro, figures, ..Section::default() })
}

/// The pool and the markets with the most customers, in the document's order.
fn largest<'a>(drawn: &[&'a HazardSeries]) -> Vec<&'a HazardSeries> {
    let waiting = |series: &HazardSeries| series.weeks.first().map_or(0, |week| week.at_risk);
    let mut sizes: Vec<u64> = drawn.iter().skip(1).map(|series| waiting(series)).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let least = sizes.get(MOST_MARKETS - 1).copied().unwrap_or(0);
    let chosen = drawn.iter().enumerate().filter(|(index, series)| *index == 0 || waiting(series) >= least);
    chosen.map(|(_, series)| *series).take(MOST_MARKETS + 1).collect()
}

fn hazard_chart(index: usize, series: &HazardSeries) -> Chart {
    let weeks = &series.weeks;
    let line = |name: &str, tone, shape, value: fn(&HazardWeek) -> f64| Series {
        name: name.to_owned(),
        tone,
        shape,
        points: weeks.iter().map(|week| Point::at(f64::from(week.week), value(week))).collect(),
    };
    let title = if series.market == "all" { "All markets".to_owned() } else { format!("Market {}", series.market) };
    Chart {
        id: format!("hazard-{index}"),
        summary: format!("{title}: weekly probability of a second purchase, observed, predicted and by the baseline."),
        title,
        x: Axis::from_zero("Weeks since the day of scoring", Format::Number),
        y: Axis::from_zero("Chance of a purchase per week", Format::Share),
        series: vec![
            line("Baseline", Tone::Baseline, Shape::Line, |week| week.baseline),
            line("Predicted", Tone::Model, Shape::Line, |week| week.predicted),
            line("Observed", Tone::Observed, Shape::Points, |week| week.observed),
        ],
        rules: Vec::new(),
    }
}

fn key_periods(periods: &KeyPeriods) -> Option<Section> {
    let mut notes = Vec::new();
    if let Some(hit) = periods.hit_rate {
        let baseline =
            periods.baseline_hit_rate.map_or_else(String::new, |rate| format!("; the baseline, with as many weeks, held {}", share(rate)));
        notes.push(format!(
            "Of those who bought, {} did so inside their key periods of at most {} weeks{baseline}.",
            share(hit),
            periods.length_weeks
        ));
    }
    notes.extend(periods.sets.iter().map(|set| {
        let (nominal, held) = (share(set.nominal), share(set.held));
        format!("Sets of weeks made to hold {nominal} of the purchases held {held}, in {} weeks on average.", decimal(set.mean_weeks, 1))
    }));
    (!periods.weeks.is_empty()).then(|| Section {
        id: "key-periods",
        title: "Key periods",
        intro: "The weeks in which a customer is more likely to return than others of the same market. Age and season decide when; the basket decides whether.".to_owned(),
        figures: vec![Figure::from(&key_periods_chart(periods))],
        notes,
        ..Section::default()
    })
}

fn key_periods_chart(periods: &KeyPeriods) -> Chart {
    let points = periods.weeks.iter().enumerate().map(|(index, week)| Point::at(index as f64, week.share));
    Chart {
        id: "key-periods-weeks".into(),
        title: "Where key periods lie".into(),
        summary: "Share of customers in whose key periods each week lies.".into(),
        x: Axis::steps("Weeks since the day of scoring", periods.weeks.iter().map(|week| week.week.to_string()).collect()),
        y: Axis::from_zero("Share of customers", Format::Share),
        series: vec![Series { name: "Customers".into(), tone: Tone::Model, shape: Shape::Columns, points: points.collect() }],
        rules: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use reprise_models::report_document::{CalibrationBin, HazardSeries, HazardWeek};

    use super::{largest, wilson};

    #[test]
    fn intervals_are_wilsons() {
        // Newcombe 1998, Statistics in Medicine 17, table I, method 3.
        for (bought, count, low, high) in
            [(81.0, 263, 0.2553, 0.3662), (15.0, 148, 0.0624, 0.1605), (0.0, 20, 0.0, 0.1611), (1.0, 29, 0.0061, 0.1718)]
        {
            let ends = wilson(&CalibrationBin { predicted: 0.0, observed: bought / count as f64, count }).unwrap();
            assert!((ends.0 - low).abs() < 1e-4 && (ends.1 - high).abs() < 1e-4, "{ends:?}");
        }
        assert_eq!(wilson(&CalibrationBin::default()), None);
    }

    #[test]
    fn draws_the_pool_and_the_largest_markets() {
        let series = |index: u64| HazardSeries {
            market: format!("M{index}"),
            weeks: vec![HazardWeek { week: 1, at_risk: index * 10, ..HazardWeek::default() }],
        };
        let all: Vec<HazardSeries> = (0..9).map(series).collect();
        let names: Vec<&str> = largest(&all.iter().collect::<Vec<_>>()).iter().map(|series| series.market.as_str()).collect();
        assert_eq!(names, ["M0", "M4", "M5", "M6", "M7", "M8"]);
    }
}

//! The table at the end, and what to look at next.

use std::collections::BTreeMap;

use serde::Deserialize;
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Style, Width};

use crate::display::duration;

/// One figure of `metrics.json` to read first.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Headline {
    name: String,
    value: f64,
    /// Number, Share, Count or Times.
    unit: String,
    baseline: Option<Reference>,
}

/// A number to compare with.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Reference {
    name: String,
    value: f64,
}

/// The part of `metrics.json` that the table shows.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Metrics {
    headline: Vec<Headline>,
    backtest: Vec<Origin>,
}

/// How the figure of the simpler method is named, after that of the model.
const BASELINE: &str = "Baseline";

/// What the whole procedure said at an earlier origin.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Origin {
    /// Local date, exclusive.
    #[serde(rename = "origin")]
    as_of: String,
    customers: u64,
    events: u64,
    figures: BTreeMap<String, f64>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Done now, in so many seconds, with so many bytes of memory at the peak.
    Done {
        /// Wall time.
        seconds: u64,
        /// All workers together; 0 where the system can't say.
        peak_memory: u64,
    },
    /// Done before.
    AlreadyDone,
    /// Failed, with the reason.
    Failed(String),
    /// Told to stop; the next run goes on.
    Stopped,
    /// Not started, with the reason.
    Skipped(String),
}

/// One run in the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) run: String,
    pub(crate) geography: String,
    /// `intent`, `recommender` or `plans`.
    pub(crate) folder: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) metrics: Metrics,
    /// Where the result lies.
    pub(crate) artifact: Option<String>,
    /// Where its report lies.
    pub(crate) report: Option<String>,
}

/// The table, where the results lie, and what to look at next.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut table = Builder::default();
    table.push_record(["run", "geography", "model", "result", "figures", "coverage"]);
    for row in rows {
        let covers = |headline: &&Headline| headline.name.to_lowercase().contains("coverage");
        let (coverage, figures): (Vec<_>, Vec<_>) = row.metrics.headline.iter().partition(covers);
        let lines = |headlines: Vec<&Headline>, name: bool| headlines.into_iter().map(|it| it.show(name)).collect::<Vec<_>>().join("\n");
        let model = if row.folder == "plans" { "contact plan" } else { row.folder };
        let several = coverage.len() > 1;
        table.push_record([&row.run, &row.geography, model, &row.outcome.show(), &lines(figures, true), &lines(coverage, several)]);
    }
    let mut table = table.build();
    table.with(Style::psql()).modify(Columns::one(3), Width::wrap(40).keep_words(true));
    let results = rows.iter().filter_map(|row| Some((row.run.as_str(), row.artifact.as_deref()?)));
    // The plan is what all of it is for; models come after it.
    let mut reports: Vec<&Row> = rows.iter().collect();
    reports.sort_by_key(|row| row.folder != "plans");
    let reports = reports.into_iter().filter_map(|row| Some((row.run.as_str(), row.report.as_deref()?)));
    let origins = rows.iter().flat_map(|row| row.metrics.backtest.iter().map(|origin| (row.run.as_str(), origin.show())));
    format!(
        "{table}{}{}{}",
        list("Backtest (beside it, the curve of age and season)", origins),
        list("Results", results),
        list("Look at next", reports)
    )
}

/// Lines under a title; nothing without lines.
fn list<'a>(title: &str, lines: impl Iterator<Item = (&'a str, impl AsRef<str>)>) -> String {
    let lines: String = lines.map(|(run, line)| ["\n  ", run, ": ", line.as_ref()].concat()).collect();
    if lines.is_empty() { lines } else { format!("\n\n{title}:{lines}") }
}

impl Outcome {
    /// In words.
    pub(crate) fn show(&self) -> String {
        match self {
            Self::Done { seconds, peak_memory: 0 } => format!("done in {}", duration(*seconds)),
            Self::Done { seconds, peak_memory } => {
                format!("done in {}, {} MiB at the peak", duration(*seconds), peak_memory.div_ceil(1 << 20))
            }
            Self::AlreadyDone => "already done".to_owned(),
            Self::Stopped => "stopped".to_owned(),
            Self::Failed(reason) => format!("FAILED: {reason}"),
            Self::Skipped(reason) => format!("not started: {reason}"),
        }
    }
}

impl Origin {
    /// In one line, each figure beside that of the simpler method.
    fn show(&self) -> String {
        let measured = self.figures.iter().filter(|(name, _)| !name.ends_with(BASELINE));
        let figures: Vec<String> = measured
            .map(|(name, value)| match self.figures.get(&format!("{name}{BASELINE}")) {
                Some(baseline) => format!("{name} {value:.3} ({baseline:.3})"),
                None => format!("{name} {value:.3}"),
            })
            .collect();
        format!("as of {}, {} customers, {} events: {}", self.as_of, self.customers, self.events, figures.join(", "))
    }
}

impl Headline {
    fn show(&self, name: bool) -> String {
        let number = |value: f64| match self.unit.as_str() {
            "Share" => format!("{:.1} %", 100.0 * value),
            "Count" => format!("{value:.0}"),
            "Times" => format!("{value:.2} x"),
            _ => format!("{value:.4}"),
        };
        let name = if name { format!("{} ", self.name) } else { String::new() };
        let baseline =
            self.baseline.as_ref().map(|baseline| format!(" ({} {})", baseline.name, number(baseline.value))).unwrap_or_default();
        format!("{name}{}{baseline}", number(self.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(run: &str, folder: &'static str, outcome: Outcome, metrics: &str) -> Row {
        let artifact = format!("gs://reprise-demo/artifacts/NO/{folder}/1f/");
        let published = matches!(outcome, Outcome::Done { .. } | Outcome::AlreadyDone);
        Row {
            run: run.to_owned(),
            geography: "NO".to_owned(),
            folder,
            outcome,
            metrics: serde_json::from_str(metrics).unwrap(),
            report: published.then(|| format!("file:///demo/artifacts/NO/{folder}/1f/report.html")),
            artifact: published.then_some(artifact),
        }
    }

    #[test]
    fn the_table_at_the_end() {
        let intent = r#"{"schema": 1, "headline": [
            {"name": "AUC at 90 days", "value": 0.70712, "unit": "Number", "baseline": {"name": "Kaplan-Meier", "value": 0.61}},
            {"name": "lift at 10 %", "value": 2.4, "unit": "Times"}],
            "backtest": [{"origin": "2025-03-03", "customers": 800, "events": 96, "figures": {"auc30": 0.6512, "auc30Baseline": 0.6411, "observed30": 0.06}}]}"#;
        let recommender = r#"{"headline": [{"name": "NDCG@10", "value": 0.1234, "unit": "Number"}, {"name": "coverage@10", "value": 0.71, "unit": "Share"}]}"#;
        let plan = r#"{"headline": [{"name": "selected", "value": 600, "unit": "Count"}]}"#;
        let rows = [
            row("intent-no", "intent", Outcome::AlreadyDone, intent),
            row("recommender-no", "recommender", Outcome::Done { seconds: 80, peak_memory: 123_456_789 }, recommender),
            row("second-purchase-no", "plans", Outcome::Done { seconds: 9, peak_memory: 0 }, plan),
            row("intent-be", "intent", Outcome::Failed("be/sales-2024.csv: row 3: no such moment".into()), "{}"),
            row("second-purchase-be", "plans", Outcome::Skipped("it needs intent-be".into()), "{}"),
        ];
        insta::assert_snapshot!(render(&rows));
    }
}

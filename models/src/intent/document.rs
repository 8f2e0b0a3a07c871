//! What `metrics.json` says of an intent model.

use std::collections::BTreeMap;

use super::backtest::{METHODS, Tested};
use super::fit::{Past, Request};
use crate::report_document::{
    Better, DocumentKind, Epoch, Headline, IntentMetrics, MarketLevel, MarketRow, MetricsDocument, Reference, TrainingHistory, Unit,
};
use crate::train::Trained;

/// The document of a refitted model, with the measures of the backtest (none: too short a history) and the history
/// of its training.
pub(super) fn document(request: &Request<'_>, past: &Past, tested: Option<&Tested>, trained: &Trained) -> MetricsDocument {
    let names = &request.catalogue.markets;
    let horizon = request.config.horizon_weeks;
    let intent = match tested {
        Some(tested) => tested.metrics(names, levels(past, names), horizon),
        None => IntentMetrics { horizon_weeks: u32::from(horizon), levels: levels(past, names), ..IntentMetrics::default() },
    };
    MetricsDocument {
        kind: DocumentKind::Intent,
        as_of: request.facts.as_of.date().unwrap_or_default(),
        settings: settings(request, past),
        headline: headline(&intent),
        markets: names.iter().enumerate().map(|(market, name)| market_row(past, tested, market as u16, name)).collect(),
        training: Some(history(trained)),
        limits: limits(tested.is_some(), trained),
        intent: Some(intent),
        ..MetricsDocument::default()
    }
}

fn levels(past: &Past, names: &[String]) -> Vec<MarketLevel> {
    let calibration = &past.model.stored.calibration;
    let level = |(market, name): (usize, &String)| MarketLevel {
        market: name.clone(),
        factor: calibration.factors[market],
        events: calibration.recent[market].events as u64,
        expected: calibration.recent[market].expected,
        own_weight: calibration.own_weight(market),
    };
    names.iter().enumerate().map(level).collect()
}

fn market_row(past: &Past, tested: Option<&Tested>, market: u16, name: &str) -> MarketRow {
    let (customers, events) = past.cohorts.counts(market);
    let level = past.model.stored.offset.levels[usize::from(market)];
    let mut metrics = BTreeMap::from([("level".to_owned(), level.factor)]);
    let mut examples = 0;
    if let Some(tested) = tested {
        examples = tested.markets().iter().filter(|other| **other == market).count() as u64;
        for days in tested.days() {
            if let Some((auc, surplus)) = tested.market_row(market, days) {
                metrics.insert(format!("auc{days}"), auc);
                metrics.insert(format!("surplus{days}"), surplus);
            }
        }
    }
    MarketRow {
        market: name.to_owned(),
        customers,
        one_timers: customers - events,
        examples,
        events,
        own_weight: Some(level.own_weight),
        metrics,
    }
}

fn settings(request: &Request<'_>, past: &Past) -> BTreeMap<String, String> {
    let config = request.config;
    let text = |name: &str, value: String| (name.to_owned(), value);
    BTreeMap::from([
        text("horizonWeeks", config.horizon_weeks.to_string()),
        text("keyPeriodWeeks", config.key_period_weeks.to_string()),
        text("seed", config.seed.to_string()),
        text("features", past.model.encoder.width().to_string()),
        text("gamma", format!("{:.3}", past.model.stored.offset.gamma)),
        text("levelWeeks", past.model.stored.calibration.weeks.to_string()),
        text("burnInDays", request.facts.burn_in_days.to_string()),
    ])
}

/// The longest number of days measured: ranking against the best baseline, calibration, and the level.
fn headline(intent: &IntentMetrics) -> Vec<Headline> {
    let Some(days) = intent.methods.iter().map(|row| row.days).max() else { return Vec::new() };
    let ours = |row: &&crate::report_document::IntentRow| row.days == days && row.method == METHODS[0].0;
    let baselines = || intent.methods.iter().filter(|row| row.days == days && row.method != METHODS[0].0);
    let Some(row) = intent.methods.iter().find(ours) else { return Vec::new() };
    let mut headline = Vec::new();
    if let Some(value) = row.auc {
        let best = baselines().filter_map(|row| Some((row.auc?, &row.method))).max_by(|a, b| a.0.total_cmp(&b.0));
        let baseline = best.map(|(value, name)| Reference { name: name.clone(), value });
        let name = format!("AUC at {days} days");
        headline.push(Headline { name, value, interval: row.auc_interval, better: Better::Higher, baseline, ..Headline::default() });
    }
    if let Some(value) = row.log_loss {
        let best = baselines().filter_map(|row| Some((row.log_loss?, &row.method))).min_by(|a, b| a.0.total_cmp(&b.0));
        let baseline = best.map(|(value, name)| Reference { name: name.clone(), value });
        headline.push(Headline { name: format!("Log loss at {days} days"), value, better: Better::Lower, baseline, ..Headline::default() });
    }
    if let Some(value) = row.debiased_error {
        let name = format!("Calibration error at {days} days");
        headline.push(Headline { name, value, unit: Unit::Share, better: Better::Lower, ..Headline::default() });
    }
    headline
}

fn history(trained: &Trained) -> TrainingHistory {
    let epoch =
        |(place, epoch): (usize, &crate::train::Epoch)| Epoch { epoch: place as u32 + 1, loss: epoch.loss, validation: epoch.validation };
    let validated = trained.history.iter().any(|epoch| epoch.validation.is_some());
    TrainingHistory {
        loss: "negative log-likelihood, nats per landmark".to_owned(),
        epochs: trained.history.iter().enumerate().map(epoch).collect(),
        best_epoch: validated.then_some(trained.epoch).filter(|epoch| *epoch > 0),
    }
}

fn limits(tested: bool, trained: &Trained) -> Vec<String> {
    let mut limits = vec![
        "Age and season decide when; what is known of a customer mostly decides whether.".to_owned(),
        "Measured by fitting the whole procedure at an earlier origin; the model that serves was refitted on everything.".to_owned(),
    ];
    if !tested {
        limits.push("The history is too short to measure the model: no backtest was made.".to_owned());
    }
    if trained.epoch == 0 {
        limits.push("Nothing beyond age, season and market helped on held-out customers: the model is that baseline.".to_owned());
    }
    limits
}

//! What `metrics.json` says of an intent model.

use std::collections::BTreeMap;

use super::backtest::{METHODS, Tested};
use super::fit::{Past, Request};
use crate::report_document::{
    Better, DocumentKind, DriftRow, Epoch, Headline, IntentMetrics, MarketLevel, MarketMeasure, MarketRow, MetricsDocument, Population,
    Reference, TrainingHistory, Unit,
};
use crate::train::Trained;

/// The document of a refitted model, with the measures of the backtest (none: too short a history), the scores of the
/// last weeks and the history of its training.
pub(super) fn document(
    request: &Request<'_>,
    past: &Past,
    (tested, scores): (Option<&Tested>, &[f64]),
    trained: &Trained,
) -> MetricsDocument {
    let names = &request.catalogue.markets;
    let horizon = request.config.horizon_weeks;
    let mut intent = match tested {
        Some(tested) => tested.metrics(names, levels(past, names), horizon),
        None => IntentMetrics { horizon_weeks: u32::from(horizon), levels: levels(past, names), ..IntentMetrics::default() },
    };
    intent.precisions = past.model.stored.linear.precisions.iter().cloned().collect();
    MetricsDocument {
        kind: DocumentKind::Intent,
        as_of: request.facts.as_of.date().unwrap_or_default(),
        settings: settings(request, past),
        headline: headline(&intent),
        markets: names.iter().enumerate().map(|(market, name)| market_row(past, tested, &intent, (market as u16, name))).collect(),
        training: Some(history(trained)),
        backtest: tested.map(Tested::backtest).unwrap_or_default(),
        population: Some(population(request, past)),
        drift: drift(past, scores),
        limits: limits(tested.is_some(), past),
        intent: Some(intent),
        ..MetricsDocument::default()
    }
}

fn population(request: &Request<'_>, past: &Past) -> Population {
    let burn_in = request.facts.burn_in_days;
    let treatment = match past.contacts {
        (0, _) => "Trained on treated outcomes: the source has no contacts table, so that purchases after a contact count like any other.",
        (_, 0) => "Contacts are known, and none of them came from a plan of ours: outcomes are those of customers written to as before.",
        _ => "Weeks after a contact that one of our plans caused are left out; control customers are kept whole.",
    };
    Population {
        description: "Known customers with exactly one purchase day; an example is one of them at one day after it.".to_owned(),
        exclusions: vec![
            format!(
                "First purchases in the first {burn_in} days of the extract, which may not be first ones, unless the source states them."
            ),
            "Customers who object to profiling, anonymous visitors, and orders that came back in full.".to_owned(),
            "Samples, gifts with purchase, services and lines without an amount make no purchase.".to_owned(),
            "A week that was not seen whole, purchase or not.".to_owned(),
        ],
        from: past.start.date().unwrap_or_default(),
        known_from: past.known_from.date().unwrap_or_default(),
        treatment: treatment.to_owned(),
    }
}

/// Features as the encoder saw them, and the scores of the last weeks.
fn drift(past: &Past, scores: &[f64]) -> Vec<DriftRow> {
    let feature = |(name, mean, deviation): (&str, f64, f64)| DriftRow { name: name.to_owned(), mean, deviation, deciles: Vec::new() };
    let mut rows: Vec<DriftRow> = past.model.encoder.scales().map(feature).collect();
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    if let Some(last) = sorted.len().checked_sub(1) {
        let count = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / count;
        let deviation = (sorted.iter().map(|score| (score - mean) * (score - mean)).sum::<f64>() / count).sqrt();
        let deciles = (1..10).map(|decile| sorted[last * decile / 10]).collect();
        rows.push(DriftRow { name: "probability within 30 days".to_owned(), mean, deviation, deciles });
    }
    rows
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

fn market_row(past: &Past, tested: Option<&Tested>, intent: &IntentMetrics, (market, name): (u16, &String)) -> MarketRow {
    let (customers, events) = past.cohorts.counts(market);
    let level = past.model.stored.offset.levels[usize::from(market)];
    let mut metrics = BTreeMap::from([("level".to_owned(), level.factor)]);
    for measure in intent.by_market.get(name).into_iter().flatten() {
        let MarketMeasure { days, auc, predicted, observed, .. } = *measure;
        metrics.extend(auc.map(|auc| (format!("auc{days}"), auc)));
        metrics.insert(format!("surplus{days}"), predicted - observed);
    }
    let examples = tested.map_or(0, |tested| tested.markets().iter().filter(|other| **other == market).count() as u64);
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
    TrainingHistory {
        loss: "negative log-likelihood of the networks, nats per landmark".to_owned(),
        epochs: trained.history.iter().enumerate().map(epoch).collect(),
        best_epoch: None,
    }
}

fn limits(tested: bool, past: &Past) -> Vec<String> {
    let mut limits = vec![
        "Age and season decide when; what is known of a customer mostly decides whether.".to_owned(),
        "Measured by fitting the whole procedure at earlier origins; the model that serves was refitted on everything.".to_owned(),
    ];
    if !tested {
        limits.push("The history is too short to measure the model: no backtest was made.".to_owned());
    }
    if !past.model.stored.offset.knows_a_year() {
        limits.push(
            "There is no year behind the cut: seasons that the extract has not seen are not foreseen, and sets of weeks are too wide."
                .to_owned(),
        );
    }
    if past.contacts.0 == 0 {
        limits.push("Trained on treated outcomes: the source has no contacts table.".to_owned());
    }
    limits
}

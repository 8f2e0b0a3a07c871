//! What `metrics.json` says of a recommender.

use std::collections::BTreeMap;

use super::backtest::Judged;
use super::fit::Request;
use super::model::RecommenderModel;
use crate::Day;
use crate::report_document::{
    Better, DocumentKind, Epoch, Groups, Headline, MetricsDocument, RecommenderMetrics, RecommenderRow, Reference, Role, TrainingHistory,
    Unit,
};
use crate::train::Trained;

/// The document of a refitted model, with what the backtest found and the history of its training.
pub(super) fn document(
    request: &Request<'_>,
    origin: Option<Day>,
    judged: &Judged,
    trained: &Trained,
    model: &RecommenderModel,
) -> MetricsDocument {
    let measured = judged.metrics.lists > 0;
    MetricsDocument {
        kind: DocumentKind::Recommender,
        as_of: request.as_of.date().unwrap_or_default(),
        through: request.as_of.plus(-1).date().unwrap_or_default(),
        settings: settings(request, origin, model),
        headline: headline(&judged.metrics),
        markets: judged.markets.clone(),
        recommender: measured.then(|| judged.metrics.clone()),
        training: Some(history(trained)),
        limits: limits(measured, &judged.metrics),
        ..MetricsDocument::default()
    }
}

fn settings(request: &Request<'_>, origin: Option<Day>, model: &RecommenderModel) -> BTreeMap<String, String> {
    let config = request.config;
    let text = |name: &str, value: String| (name.to_owned(), value);
    let mut settings = BTreeMap::from([
        text("embedding", config.embedding.to_string()),
        text("hidden", config.hidden.to_string()),
        text("target", format!("{:?}", config.target)),
        text("tau", config.tau.to_string()),
        text("seed", config.seed.to_string()),
        text("groups", model.stored.shape.groups.to_string()),
        text("attributes", model.stored.shape.attributes.to_string()),
        text("lambda", model.stored.operating.new.lambda.to_string()),
        text("coverageSlots", model.stored.operating.new.slots.to_string()),
    ]);
    settings.extend(origin.map(|origin| text("backtestOrigin", origin.to_string())));
    settings
}

fn row<'m>(metrics: &'m RecommenderMetrics, method: &str, groups: Groups) -> Option<&'m RecommenderRow> {
    metrics.methods.iter().find(|row| row.method == method && row.groups == groups && row.customers > 0)
}

/// Accuracy and coverage of what serves, on new groups, then accuracy on all; each beside the best baseline.
fn headline(metrics: &RecommenderMetrics) -> Vec<Headline> {
    let best = |groups: Groups, value: fn(&RecommenderRow) -> f64| {
        let baselines =
            metrics.methods.iter().filter(|row| row.groups == groups && row.role == Role::Baseline && !row.method.contains("one purchase"));
        let best = baselines.max_by(|a, b| a.ndcg.total_cmp(&b.ndcg))?;
        Some(Reference { name: best.method.clone(), value: value(best) })
    };
    let mut headline = Vec::new();
    let mut add = |name: &str, method: &str, groups: Groups, unit: Unit, value: fn(&RecommenderRow) -> f64| {
        if let Some(row) = row(metrics, method, groups) {
            let interval = row.ndcg_interval.filter(|_| unit == Unit::Number);
            let baseline = best(groups, value);
            headline.push(Headline { name: name.to_owned(), value: value(row), unit, interval, better: Better::Higher, baseline });
        }
    };
    add("NDCG@10 on new groups", "as served", Groups::New, Unit::Number, |row| row.ndcg);
    add("coverage@10 on new groups", "as served", Groups::New, Unit::Share, |row| row.coverage);
    add("NDCG@10 on all groups", "all sources", Groups::All, Unit::Number, |row| row.ndcg);
    add("NDCG@10 on new groups, LSTM alone", "LSTM alone", Groups::New, Unit::Number, |row| row.ndcg);
    headline
}

fn history(trained: &Trained) -> TrainingHistory {
    let epoch = |(number, epoch): (u32, &crate::train::Epoch)| Epoch { epoch: number, loss: epoch.loss, validation: epoch.validation };
    TrainingHistory {
        loss: "cross-entropy over the next moment's groups, nats".to_owned(),
        epochs: (1..).zip(&trained.history).map(epoch).collect(),
        best_epoch: (trained.epoch > 0).then_some(trained.epoch),
    }
}

fn limits(measured: bool, metrics: &RecommenderMetrics) -> Vec<String> {
    let mut limits = Vec::new();
    if measured {
        limits.push("Customers who came back are judged; what a list would have changed is for an experiment to say.".to_owned());
        if metrics.methods.iter().any(|row| row.customers > 0 && row.customers < 200) {
            limits.push("Some rows rest on fewer than 200 customers: read their intervals.".to_owned());
        }
    } else {
        limits.push("The history is too short for a backtest: nothing was measured, and the sources are weighted by default.".to_owned());
    }
    limits
}

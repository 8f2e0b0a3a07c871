//! How the loss fell.

use reprise_models::report_document::{Epoch, TrainingHistory};

use crate::report::chart::{Axis, Chart, Format, Point, Rule, Series, Shape, Tone};
use crate::report::format::figure;
use crate::report::page::{Figure, Section};

/// The chapter on training; absent without an epoch.
pub(super) fn section(history: &TrainingHistory) -> Option<Section> {
    (!history.epochs.is_empty()).then(|| Section {
        id: "training",
        title: "Training",
        intro: if history.best_epoch.is_some() {
            "The epoch that did best on validation is the one that was kept; the gap to training says how much was learned by heart."
                .to_owned()
        } else {
            String::new()
        },
        figures: vec![Figure::from(&chart(history))],
        notes: notes(history),
        ..Section::default()
    })
}

fn notes(history: &TrainingHistory) -> Vec<String> {
    let kept = history.best_epoch.and_then(|best| history.epochs.iter().find(|epoch| epoch.epoch == best)).or(history.epochs.last());
    let Some(kept) = kept else { return Vec::new() };
    let validation = kept.validation.map_or_else(String::new, |loss| format!(", validation loss {}", figure(loss)));
    vec![
        format!("Epochs trained: {}.", history.epochs.len()),
        format!("Kept: epoch {}, training loss {}{validation}.", kept.epoch, figure(kept.loss)),
    ]
}

fn chart(history: &TrainingHistory) -> Chart {
    let line = |name: &str, tone, value: fn(&Epoch) -> Option<f64>| {
        let points = history.epochs.iter().filter_map(|epoch| Some(Point::at(f64::from(epoch.epoch), value(epoch)?)));
        Series { name: name.to_owned(), tone, shape: Shape::Dotted, points: points.collect() }
    };
    let series = [line("Training", Tone::Baseline, |epoch| Some(epoch.loss)), line("Validation", Tone::Model, |epoch| epoch.validation)];
    Chart {
        id: "training-loss".into(),
        title: "Loss by epoch".into(),
        summary: "Training and validation loss after each epoch.".into(),
        x: Axis::from_zero("Epoch", Format::Number),
        y: Axis::linear(&history.loss, Format::Number),
        series: series.into_iter().filter(|series| !series.points.is_empty()).collect(),
        rules: history.best_epoch.map(|best| Rule::At(f64::from(best), "Kept".into())).into_iter().collect(),
    }
}

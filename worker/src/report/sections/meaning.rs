//! What the figures mean, in sentences for whoever plans the contacts.

use reprise_models::report_document::{
    Calibration, DataQuality, Groups, IntentMetrics, IntentRow, MarketRow, MetricsDocument, PlanMetrics, RecommenderMetrics,
    RecommenderRow, Role,
};

use crate::report::format::{count, decimal, long_date, spoken_share};

/// The sentences that the document supports, most useful first.
pub(super) fn sentences(document: &MetricsDocument) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(plan) = &document.plan {
        said.extend(plan_sentences(plan));
    }
    if let Some(intent) = &document.intent {
        said.extend(intent_sentences(intent));
    }
    if let Some(recommender) = &document.recommender {
        said.extend(recommender_sentences(recommender));
    }
    said.extend(borrowing(&document.markets));
    said.extend(document.data_quality.as_ref().and_then(refused));
    said
}

fn plan_sentences(plan: &PlanMetrics) -> Vec<String> {
    let mut said = Vec::new();
    if plan.selected > 0 {
        let channels: Vec<String> = plan
            .channels
            .iter()
            .filter(|channel| channel.selected > 0)
            .map(|channel| format!("{} by {}", count(channel.selected), channel.channel))
            .collect();
        let channels = if channels.is_empty() { String::new() } else { format!(": {}", channels.join(", ")) };
        said.push(format!("Of {} customers, {} are worth a contact now{channels}.", count(plan.customers), count(plan.selected)));
    }
    if let Some(control) = plan.arms.iter().find(|arm| arm.arm == "control" && arm.customers > 0) {
        said.push(format!(
            "{} customers are the control group and are left alone; comparing with them later shows what the contacts earned.",
            count(control.customers)
        ));
    }
    let expected: f64 = plan.expected_weeks.iter().map(|week| week.purchases).sum();
    let best = plan.expected_weeks.iter().max_by(|a, b| a.purchases.total_cmp(&b.purchases));
    if let Some(best) = best.filter(|_| expected >= 0.5) {
        let weeks = plan.expected_weeks.len();
        said.push(format!(
            "About {} of them would come back within {weeks} weeks without any contact, most in the week of {}.",
            decimal(expected, 0),
            long_date(best.from)
        ));
    }
    if let Some(coverage) = plan.coverage.as_ref().filter(|coverage| coverage.eligible_groups > 0) {
        said.push(format!("Together the lists show {} of the products that can be shown.", spoken_share(coverage.reached)));
    }
    said
}

fn intent_sentences(intent: &IntentMetrics) -> Vec<String> {
    let calibration = intent.calibration.iter().filter_map(trust);
    let periods = intent.key_periods.as_ref().and_then(|periods| {
        let hit = spoken_share(periods.hit_rate?);
        let baseline = periods
            .baseline_hit_rate
            .map_or_else(String::new, |rate| format!(", against {} for weeks chosen by age and calendar alone", spoken_share(rate)));
        Some(format!("{hit} of those who bought again did so inside the {} weeks named for them{baseline}.", periods.length_weeks))
    });
    lift(&intent.methods).into_iter().chain(calibration).chain(periods).collect()
}

/// How far the predictions were from what happened, on average over customers.
fn trust(entry: &Calibration) -> Option<String> {
    let customers: u64 = entry.bins.iter().map(|bin| bin.count).sum();
    let total: f64 = entry.bins.iter().map(|bin| bin.count as f64 * (bin.predicted - bin.observed).abs()).sum();
    let off = 100.0 * total / customers as f64;
    let days = entry.days;
    (customers > 0).then(|| {
        format!(
            "Within {days} days, the predicted and the actual share of returning customers differ by {} points on average.",
            decimal(off, 1)
        )
    })
}

/// What the best tenth of the list is worth, by the row with the longest horizon.
fn lift(rows: &[IntentRow]) -> Option<String> {
    let ours = rows.iter().filter(|row| row.role == Role::Model && row.lift.is_some()).max_by_key(|row| row.days)?;
    let others = rows.iter().filter(|row| row.role == Role::Baseline && row.days == ours.days);
    let best = others.filter_map(|row| Some((row.lift?, &row.method))).max_by(|a, b| a.0.total_cmp(&b.0));
    let against =
        best.map_or_else(String::new, |(lift, method)| format!("; the best simpler method ({method}) finds {}", decimal(lift, 1)));
    Some(format!(
        "Contact the best tenth first: it holds {} times as many customers who return within {} days as a random tenth{against}.",
        decimal(ours.lift?, 1),
        ours.days
    ))
}

fn recommender_sentences(recommender: &RecommenderMetrics) -> Vec<String> {
    let mut said = Vec::new();
    let rows = |groups: Groups| recommender.methods.iter().filter(move |row| row.groups == groups);
    if let Some(ours) = rows(Groups::All).find(|row| row.role == Role::Model) {
        let (top, hit) = (recommender.top_k, spoken_share(ours.hit));
        said.push(format!("For {hit} of customers, the next order held at least one of the {top} products on their list."));
        let new = rows(Groups::New).find(|row| row.role == Role::Model);
        said.extend(new.map(|row| format!("Counting only products that they had never bought, it was {}.", spoken_share(row.hit))));
        said.push(shown(ours, rows(Groups::All)));
    }
    if let Some(curve) = &recommender.penalty {
        let plain = curve.points.first().filter(|point| point.lambda == 0.0 && point.ndcg > 0.0 && point.coverage > 0.0);
        said.extend(plain.map(|plain| {
            format!(
                "Turning popularity down showed {} of the range instead of {} and kept {} of the accuracy.",
                spoken_share(curve.chosen_coverage),
                spoken_share(plain.coverage),
                spoken_share(curve.chosen_ndcg / plain.ndcg)
            )
        }));
    }
    said
}

/// How much of the range is shown, beside the simpler method that is most accurate.
fn shown<'a>(ours: &RecommenderRow, rows: impl Iterator<Item = &'a RecommenderRow>) -> String {
    let best = rows.filter(|row| row.role == Role::Baseline).max_by(|a, b| a.ndcg.total_cmp(&b.ndcg));
    let against = best.map_or_else(String::new, |row| {
        format!("; {}, the most accurate simpler method, shows {}", row.method, spoken_share(row.coverage))
    });
    format!("The lists together show {} of the range{against}.", spoken_share(ours.coverage))
}

/// Names the markets that stand on others more than on themselves.
fn borrowing(markets: &[MarketRow]) -> Option<String> {
    let names: Vec<&str> =
        markets.iter().filter(|row| row.own_weight.is_some_and(|weight| weight < 0.5)).map(|row| row.market.as_str()).collect();
    match names.as_slice() {
        [] => None,
        [name] => Some(format!("{name} has few purchases of its own, so its level leans on the other markets.")),
        [first, middle @ .., last] if middle.len() < 4 => {
            let list = std::iter::once(first).chain(middle).copied().collect::<Vec<_>>().join(", ");
            Some(format!("{list} and {last} have few purchases of their own, so their level leans on the other markets."))
        }
        more => Some(format!("{} markets have few purchases of their own, so their level leans on the others.", more.len())),
    }
}

/// How many rows of the files could not be read; nothing when all could.
pub(super) fn refused(quality: &DataQuality) -> Option<String> {
    let (rows, bad) = quality.files.iter().fold((0, 0), |(rows, bad), file| (rows + file.rows_in, bad + file.quarantined));
    (bad > 0).then(|| format!("{} of {} rows could not be read and were left out.", count(bad), count(rows)))
}

//! Probabilities of a yes or no against what happened. `probabilities` and `happened` have equal lengths.

/// Order of `scores`, highest first; equal scores keep their order.
fn descending(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order
}

/// Runs of equal score, highest first, as (score, positives, negatives).
fn tied_runs(scores: &[f64], happened: &[bool]) -> Vec<(f64, f64, f64)> {
    let mut runs: Vec<(f64, f64, f64)> = Vec::new();
    for index in descending(scores) {
        match runs.last_mut() {
            Some(run) if run.0 == scores[index] => *if happened[index] { &mut run.1 } else { &mut run.2 } += 1.0,
            _ => runs.push((scores[index], f64::from(happened[index]), f64::from(!happened[index]))),
        }
    }
    runs
}

/// Area under the ROC curve = the chance that a positive scores above a negative, ties counting one half
/// (Mann-Whitney). `None` when one of the two classes is absent.
pub fn auc(scores: &[f64], happened: &[bool]) -> Option<f64> {
    let (mut above, mut wins, mut negatives) = (0.0, 0.0, 0.0);
    for (_, positive, negative) in tied_runs(scores, happened) {
        wins += negative * (above + positive / 2.0);
        above += positive;
        negatives += negative;
    }
    (above > 0.0 && negatives > 0.0).then(|| wins / (above * negatives))
}

/// Average precision: the sum over thresholds of (recall gained) x precision, no interpolation, ties taken
/// together (scikit-learn's `average_precision_score`). `None` without a positive.
pub fn pr_auc(scores: &[f64], happened: &[bool]) -> Option<f64> {
    let (mut found, mut seen, mut area) = (0.0, 0.0, 0.0);
    for (_, positive, negative) in tied_runs(scores, happened) {
        found += positive;
        seen += positive + negative;
        area += positive * found / seen;
    }
    (found > 0.0).then(|| area / found)
}

/// Mean squared difference between probability and outcome (Brier, 1950); 0 for no cases.
pub fn brier(probabilities: &[f64], happened: &[bool]) -> f64 {
    mean(probabilities.iter().zip(happened).map(|(p, &y)| (p - f64::from(y)).powi(2)))
}

/// Mean negative log-likelihood in nats; probabilities are kept 1e-15 away from 0 and 1. 0 for no cases.
pub fn log_loss(probabilities: &[f64], happened: &[bool]) -> f64 {
    mean(probabilities.iter().zip(happened).map(|(p, &y)| {
        let p = p.clamp(1e-15, 1.0 - 1e-15);
        -if y { p.ln() } else { (1.0 - p).ln() }
    }))
}

/// Rate among the best `share` of the scores over the rate of all. The cut takes ceil(share x n) cases; cases
/// tied at the cut count in proportion, so that the order of the input does not matter. `None` without a positive.
pub fn lift(scores: &[f64], happened: &[bool], share: f64) -> Option<f64> {
    let n = scores.len() as f64;
    let positives = happened.iter().filter(|&&y| y).count() as f64;
    let cut = (share * n - 1e-9).ceil().max(1.0);
    let (mut taken, mut found) = (0.0, 0.0);
    for (_, positive, negative) in tied_runs(scores, happened) {
        let part = ((cut - taken) / (positive + negative)).clamp(0.0, 1.0);
        taken += part * (positive + negative);
        found += part * positive;
    }
    (positives > 0.0).then(|| (found / cut) / (positives / n))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

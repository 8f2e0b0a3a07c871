//! A conditional logit over candidates: one calibrated order out of several sources.

use serde::{Deserialize, Serialize};

/// One list to learn from: features of each candidate and which of them were taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    /// Candidates x features, row after row.
    pub(super) features: Vec<f32>,
    /// Share of the label that each candidate holds; sums to 1.
    pub(super) label: Vec<f32>,
}

/// Weights of a conditional logit (McFadden, 1974): the score of a candidate is their sum with its features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ranker {
    weights: Vec<f32>,
}

const STEPS: usize = 30;
/// Ridge on standardised weights, per query.
const RIDGE: f64 = 1e-3;

impl Ranker {
    /// These weights as they are.
    pub(super) fn fixed(weights: &[f32]) -> Self {
        Self { weights: weights.to_vec() }
    }

    /// Score of a candidate. Features beyond the weights are not read.
    pub(super) fn score(&self, features: &[f32]) -> f32 {
        self.weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum()
    }

    /// Fits `used` leading features by Newton's method on the mean cross-entropy; `start` where there is no query.
    pub(super) fn fit(queries: &[Query], width: usize, used: usize, start: &Self) -> Self {
        if queries.is_empty() {
            return start.clone();
        }
        let scales = scales(queries, width, used);
        let mut weights: Vec<f64> = (0..used).map(|place| f64::from(start.weights[place]) * scales[place]).collect();
        let mut best = objective(queries, width, &weights, &scales);
        for _ in 0..STEPS {
            let Some(step) = solve(&best.curvature, &best.gradient) else { break };
            let mut length = 1.0;
            let next = loop {
                let moved: Vec<f64> = weights.iter().zip(&step).map(|(weight, step)| weight - length * step).collect();
                let next = objective(queries, width, &moved, &scales);
                if next.loss <= best.loss || length < 1e-3 {
                    break (next, moved);
                }
                length /= 2.0;
            };
            let gain = best.loss - next.0.loss;
            if gain <= 0.0 {
                break;
            }
            (best, weights) = next;
            if gain < 1e-9 {
                break;
            }
        }
        Self { weights: weights.iter().zip(&scales).map(|(weight, scale)| (weight / scale) as f32).collect() }
    }
}

/// Standard deviations of the features; 1 where a feature never varies.
fn scales(queries: &[Query], width: usize, used: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); used];
    let mut count = 0.0;
    for row in queries.iter().flat_map(|query| query.features.chunks(width)) {
        count += 1.0;
        for (sum, &value) in sums.iter_mut().zip(row) {
            sum.0 += f64::from(value);
            sum.1 += f64::from(value) * f64::from(value);
        }
    }
    let deviation = |&(sum, square): &(f64, f64)| (square / count - (sum / count) * (sum / count)).max(0.0).sqrt();
    sums.iter().map(deviation).map(|deviation| if deviation > 1e-6 { deviation } else { 1.0 }).collect()
}

struct Objective {
    loss: f64,
    gradient: Vec<f64>,
    curvature: Vec<Vec<f64>>,
}

fn objective(queries: &[Query], width: usize, weights: &[f64], scales: &[f64]) -> Objective {
    let used = weights.len();
    let own: Vec<f32> = weights.iter().zip(scales).map(|(weight, scale)| (weight / scale) as f32).collect();
    let (mut loss, mut gradient, mut curvature) = (0.0, vec![0.0; used], vec![vec![0.0; used]; used]);
    for query in queries {
        let rows = || query.features.chunks(width);
        let scores: Vec<f64> = rows().map(|row| own.iter().zip(row).map(|(weight, value)| f64::from(weight * value)).sum()).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = scores.iter().map(|score| (score - most).exp()).sum();
        let mut mean = vec![0.0; used];
        for ((row, score), &label) in rows().zip(&scores).zip(&query.label) {
            let chance = (score - most).exp() / total;
            loss -= f64::from(label) * (score - most - total.ln());
            for a in 0..used {
                let value = f64::from(row[a]) / scales[a];
                mean[a] += chance * value;
                gradient[a] += (chance - f64::from(label)) * value;
                for b in 0..=a {
                    curvature[a][b] += chance * value * f64::from(row[b]) / scales[b];
                }
            }
        }
        for a in 0..used {
            for b in 0..=a {
                curvature[a][b] -= mean[a] * mean[b];
            }
        }
    }
    let count = queries.len() as f64;
    for (a, (slopes, &weight)) in curvature.iter_mut().zip(weights).enumerate() {
        loss += count * RIDGE * weight * weight;
        gradient[a] = gradient[a] / count + 2.0 * RIDGE * weight;
        for slope in slopes.iter_mut() {
            *slope /= count;
        }
        slopes[a] += 2.0 * RIDGE;
    }
    Objective { loss: loss / count, gradient, curvature }
}

/// Solves `matrix x = right` by Cholesky; the lower half of the matrix counts. `None` when it is not positive.
fn solve(matrix: &[Vec<f64>], right: &[f64]) -> Option<Vec<f64>> {
    let n = right.len();
    let mut lower = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
            if i == j {
                let rest: f64 = matrix[i][i] - sum;
                if rest <= 0.0 {
                    return None;
                }
                lower[i][i] = rest.sqrt();
            } else {
                lower[i][j] = (matrix[i][j] - sum) / lower[j][j];
            }
        }
    }
    let mut x = right.to_vec();
    for i in 0..n {
        x[i] = (x[i] - (0..i).map(|k| lower[i][k] * x[k]).sum::<f64>()) / lower[i][i];
    }
    for i in (0..n).rev() {
        x[i] = (x[i] - (i + 1..n).map(|k| lower[k][i] * x[k]).sum::<f64>()) / lower[i][i];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::{Use, normal, uniform};

    #[test]
    fn weights_that_made_the_choices_are_found_again() {
        let truth = [1.5, -0.7];
        let queries: Vec<Query> = (0..4_000)
            .map(|query| {
                let features: Vec<f32> = (0..30).map(|place| normal(1, Use::Weights, query, place) as f32).collect();
                let weights: Vec<f64> =
                    features.chunks(3).map(|row| (truth[0] * f64::from(row[0]) + truth[1] * f64::from(row[1])).exp()).collect();
                let mut rest = uniform(2, Use::Sample, query, 0) * weights.iter().sum::<f64>();
                let chosen = weights
                    .iter()
                    .position(|weight| {
                        rest -= weight;
                        rest < 0.0
                    })
                    .unwrap_or(9);
                Query { features, label: (0..10).map(|place| f32::from(u8::from(place == chosen))).collect() }
            })
            .collect();
        let fitted = Ranker::fit(&queries, 3, 2, &Ranker::fixed(&[0.0; 3]));
        assert!((fitted.weights[0] - 1.5).abs() < 0.08 && (fitted.weights[1] + 0.7).abs() < 0.08, "{:?}", fitted.weights);
        assert_eq!(fitted.weights.len(), 2);
        assert_eq!(Ranker::fit(&[], 3, 2, &Ranker::fixed(&[3.0, 4.0])).weights, [3.0, 4.0]);
    }
}

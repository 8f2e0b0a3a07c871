//! A conditional logit over candidates: one calibrated order out of several sources.

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::learn::Result;

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

const STEPS: usize = 20;
/// Ridge on standardised weights: what so many queries say is worth as much as that a weight is 0.
const RIDGE: f64 = 10.0;
/// Queries beyond which the curvature is read of a part.
const MANY: usize = 1_000;
/// Rows squared at a time.
const SQUARED: usize = 4_096;

impl Ranker {
    /// These weights as they are.
    pub(super) fn fixed(weights: &[f32]) -> Self {
        Self { weights: weights.to_vec() }
    }

    /// Number of weights.
    pub(super) fn len(&self) -> usize {
        self.weights.len()
    }

    /// Score of a candidate. Features beyond the weights are not read.
    pub(super) fn score(&self, features: &[f32]) -> f32 {
        self.weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum()
    }

    /// Fits `width` features by Newton's method on the mean cross-entropy; `start` where there is no query.
    pub(super) fn fit(queries: &[Query], width: usize, start: &Self) -> Result<Self> {
        if queries.is_empty() {
            return Ok(start.clone());
        }
        let problem = Problem { queries, width, scales: scales(queries, width) };
        let mut weights: Vec<f64> = (0..width)
            .map(|place| if problem.scales[place].is_finite() { f64::from(start.weights[place]) * problem.scales[place] } else { 0.0 })
            .collect();
        let mut loss = problem.loss(&weights);
        for _ in 0..STEPS {
            let (gradient, curvature) = problem.slopes(&weights)?;
            let Some(step) = damped(curvature, &gradient) else { break };
            let mut length = 1.0;
            let (next, moved) = loop {
                let moved: Vec<f64> = weights.iter().zip(&step).map(|(weight, step)| weight - length * step).collect();
                let next = problem.loss(&moved);
                if next <= loss || length < 1e-3 {
                    break (next, moved);
                }
                length /= 2.0;
            };
            let gain = loss - next;
            if gain <= 0.0 {
                break;
            }
            (loss, weights) = (next, moved);
            if gain < 1e-7 {
                break;
            }
        }
        Ok(Self { weights: weights.iter().zip(&problem.scales).map(|(weight, scale)| (weight / scale) as f32).collect() })
    }
}

/// Standard deviations of the features; infinite where one never varies: its weight is 0.
fn scales(queries: &[Query], width: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); width];
    let mut count = 0.0;
    for row in queries.iter().flat_map(|query| query.features.chunks(width)) {
        count += 1.0;
        for (sum, &value) in sums.iter_mut().zip(row) {
            sum.0 += f64::from(value);
            sum.1 += f64::from(value) * f64::from(value);
        }
    }
    let deviation = |&(sum, square): &(f64, f64)| (square / count - (sum / count) * (sum / count)).max(0.0).sqrt();
    sums.iter().map(deviation).map(|deviation| if deviation > 1e-4 { deviation } else { f64::INFINITY }).collect()
}

/// What is minimised: the mean cross-entropy of the queries and a ridge.
struct Problem<'q> {
    queries: &'q [Query],
    width: usize,
    scales: Vec<f64>,
}

impl Problem<'_> {
    /// Weights of the features as they are.
    fn plain(&self, weights: &[f64]) -> Vec<f32> {
        weights.iter().zip(&self.scales).map(|(weight, scale)| (weight / scale) as f32).collect()
    }

    /// Ridge on standardised weights, per query: the fewer queries, the more it weighs.
    fn ridge(&self) -> f64 {
        RIDGE / self.queries.len() as f64
    }

    /// Each candidate's chance, and minus the log-likelihood of what was taken.
    fn chances(&self, query: &Query, plain: &[f32]) -> (Vec<f32>, f64) {
        let score = |row: &[f32]| plain.iter().zip(row).map(|(weight, value)| weight * value).sum::<f32>();
        let mut chances: Vec<f32> = query.features.chunks(self.width).map(score).collect();
        let most = chances.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f64 = chances.iter().map(|score| f64::from((score - most).exp())).sum();
        let mut loss = 0.0;
        for (chance, &label) in chances.iter_mut().zip(&query.label) {
            loss -= f64::from(label) * (f64::from(*chance - most) - total.ln());
            *chance = (f64::from((*chance - most).exp()) / total) as f32;
        }
        (chances, loss)
    }

    fn loss(&self, weights: &[f64]) -> f64 {
        let plain = self.plain(weights);
        let sum: f64 = self.queries.iter().map(|query| self.chances(query, &plain).1).sum();
        sum / self.queries.len() as f64 + self.ridge() * weights.iter().map(|weight| weight * weight).sum::<f64>()
    }

    /// Gradient and curvature. Of the curvature, which only says how far to go, every fourth query is read of many.
    fn slopes(&self, weights: &[f64]) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
        let (used, plain) = (weights.len(), self.plain(weights));
        let every = if self.queries.len() > MANY { 4 } else { 1 };
        let mut gradient = vec![0.0; used];
        let mut squares = Squares::new(used);
        for (number, query) in self.queries.iter().enumerate() {
            let (chances, _) = self.chances(query, &plain);
            let rows = || query.features.chunks(self.width).zip(&chances);
            let mut mean = vec![0.0_f32; used];
            let mut slope = vec![0.0_f32; used];
            for ((row, chance), &label) in rows().zip(&query.label) {
                for ((mean, slope), &value) in mean.iter_mut().zip(&mut slope).zip(row) {
                    *mean += chance * value;
                    *slope += (chance - label) * value;
                }
            }
            if number % every == 0 {
                for (row, chance) in rows() {
                    squares.add(row.iter().zip(&mean).map(|(value, mean)| value - mean), chance.sqrt(), &self.scales)?;
                }
            }
            for (sum, (slope, scale)) in gradient.iter_mut().zip(slope.iter().zip(&self.scales)) {
                *sum += f64::from(*slope) / scale;
            }
        }
        let count = self.queries.len() as f64;
        let mut curvature = squares.finish()?;
        for (a, (slopes, &weight)) in curvature.iter_mut().zip(weights).enumerate() {
            gradient[a] = gradient[a] / count + 2.0 * self.ridge() * weight;
            for slope in slopes.iter_mut() {
                *slope *= every as f64 / count;
            }
            slopes[a] += 2.0 * self.ridge() + 1e-9;
        }
        Ok((gradient, curvature))
    }
}

/// Sum of the outer squares of rows, by matrix products of many rows at once.
struct Squares {
    used: usize,
    rows: Vec<f32>,
    sum: Vec<Vec<f64>>,
}

impl Squares {
    fn new(used: usize) -> Self {
        Self { used, rows: Vec::new(), sum: vec![vec![0.0; used]; used] }
    }

    /// Adds a row of differences from the query's mean: squares of the values themselves would drown what they vary by.
    fn add(&mut self, row: impl Iterator<Item = f32>, weight: f32, scales: &[f64]) -> Result<()> {
        self.rows.extend(row.zip(scales).map(|(value, scale)| weight * value / *scale as f32));
        if self.rows.len() >= self.used * SQUARED { self.multiply() } else { Ok(()) }
    }

    fn multiply(&mut self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        let rows = Tensor::from_vec(rows, ((), self.used), &Device::Cpu)?;
        let product = rows.t()?.matmul(&rows)?.to_vec2::<f32>()?;
        for (sums, products) in self.sum.iter_mut().zip(product) {
            for (sum, product) in sums.iter_mut().zip(products) {
                *sum += f64::from(product);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Vec<f64>>> {
        self.multiply()?;
        Ok(self.sum)
    }
}

/// Solves with as much added to the diagonal as makes the matrix positive.
fn damped(mut matrix: Vec<Vec<f64>>, right: &[f64]) -> Option<Vec<f64>> {
    for added in [0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2] {
        for (place, row) in matrix.iter_mut().enumerate() {
            row[place] += added;
        }
        if let Some(solution) = solve(&matrix, right) {
            return Some(solution);
        }
    }
    None
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
                let features: Vec<f32> = (0..20).map(|place| normal(1, Use::Weights, query, place) as f32).collect();
                let weights: Vec<f64> =
                    features.chunks(2).map(|row| (truth[0] * f64::from(row[0]) + truth[1] * f64::from(row[1])).exp()).collect();
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
        let fitted = Ranker::fit(&queries, 2, &Ranker::fixed(&[0.0; 2])).unwrap();
        assert!((fitted.weights[0] - 1.5).abs() < 0.08 && (fitted.weights[1] + 0.7).abs() < 0.08, "{:?}", fitted.weights);
        assert_eq!(fitted.len(), 2);
        assert_eq!(Ranker::fit(&[], 2, &Ranker::fixed(&[3.0, 4.0])).unwrap().weights, [3.0, 4.0]);
    }
}

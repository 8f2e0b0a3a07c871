//! Whether probabilities mean what they say.

use crate::draw::{Use, uniform};

/// Logistic recalibration of probabilities: logit P(y) = intercept + slope x logit p (Cox, 1958).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// 1 when spread is right; below 1 when the probabilities are too extreme.
    pub slope: f64,
    /// Standard error of the slope.
    pub slope_error: f64,
    /// Calibration in the large: the intercept with the slope held at 1; 0 when the mean is right.
    pub intercept: f64,
    /// Standard error of the intercept.
    pub intercept_error: f64,
}

const STEPS: usize = 50;

fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-12, 1.0 - 1e-12);
    (p / (1.0 - p)).ln()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Fits the recalibration by Newton's method. `None` when a class is absent, all probabilities are equal, or the
/// cases can be separated so that no finite slope exists.
pub fn calibration(probabilities: &[f64], happened: &[bool]) -> Option<Calibration> {
    let x: Vec<f64> = probabilities.iter().map(|&p| logit(p)).collect();
    let (slope, slope_error) = slope(&x, happened)?;
    let (intercept, intercept_error) = intercept(&x, happened)?;
    Some(Calibration { slope, slope_error, intercept, intercept_error })
}

fn slope(x: &[f64], happened: &[bool]) -> Option<(f64, f64)> {
    let (mut a, mut b) = (0.0, 1.0);
    for _ in 0..STEPS {
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (&x, &y) in x.iter().zip(happened) {
            let p = logistic(a + b * x);
            let (error, weight) = (f64::from(y) - p, p * (1.0 - p));
            ga += error;
            gb += error * x;
            haa += weight;
            hab += weight * x;
            hbb += weight * x * x;
        }
        let determinant = haa * hbb - hab * hab;
        if determinant <= 1e-12 * haa * hbb {
            return None;
        }
        let (da, db) = ((hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant);
        a += da;
        b += db;
        if !b.is_finite() || b.abs() > 1e6 {
            return None;
        }
        if da.abs() + db.abs() < 1e-12 {
            return Some((b, (haa / determinant).sqrt()));
        }
    }
    None
}

fn intercept(x: &[f64], happened: &[bool]) -> Option<(f64, f64)> {
    let mut a = 0.0;
    for _ in 0..STEPS {
        let (mut gradient, mut curvature) = (0.0, 0.0);
        for (&x, &y) in x.iter().zip(happened) {
            let p = logistic(a + x);
            gradient += f64::from(y) - p;
            curvature += p * (1.0 - p);
        }
        let step: f64 = gradient / curvature;
        if !step.is_finite() {
            return None;
        }
        a += step.clamp(-2.0, 2.0);
        if step.abs() < 1e-12 {
            return Some((a, 1.0 / curvature.sqrt()));
        }
    }
    None
}

/// One bin of a calibration plot: cases of neighbouring probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Mean probability.
    pub predicted: f64,
    /// Share that happened.
    pub observed: f64,
    /// Cases.
    pub cases: u64,
}

/// `bins` bins of equal size (as near as can be) in the order of probability; fewer when there are fewer cases.
pub fn calibration_bins(probabilities: &[f64], happened: &[bool], bins: usize) -> Vec<Bin> {
    let order = ascending(probabilities);
    edges(order.len(), bins)
        .map(|range| {
            let cases = range.len() as f64;
            let members = &order[range];
            Bin {
                predicted: members.iter().map(|&i| probabilities[i]).sum::<f64>() / cases,
                observed: members.iter().filter(|&&i| happened[i]).count() as f64 / cases,
                cases: members.len() as u64,
            }
        })
        .collect()
}

/// Expected calibration error over `bins` bins of equal size: the mean over cases of |observed - predicted| of
/// their bin (Naeini et al., 2015, with equal-size bins).
pub fn calibration_error(probabilities: &[f64], happened: &[bool], bins: usize) -> f64 {
    let order = ascending(probabilities);
    binned_error(&order, probabilities, |case| happened[case], bins)
}

/// The calibration error minus its mean under the model's own probabilities (`draws` simulated outcomes): a
/// perfectly calibrated model has a positive raw error by chance alone and about 0 here. May be below 0.
pub fn debiased_calibration_error(probabilities: &[f64], happened: &[bool], bins: usize, draws: u32, seed: u64) -> f64 {
    let order = ascending(probabilities);
    let observed = binned_error(&order, probabilities, |case| happened[case], bins);
    let chance: f64 = (0..draws)
        .map(|draw| {
            let outcome = |case: usize| uniform(seed, Use::Bootstrap, u64::from(draw), case as u64) < probabilities[case];
            binned_error(&order, probabilities, outcome, bins)
        })
        .sum();
    observed - chance / f64::from(draws.max(1))
}

fn binned_error(order: &[usize], probabilities: &[f64], happened: impl Fn(usize) -> bool, bins: usize) -> f64 {
    let mut sum = 0.0;
    for range in edges(order.len(), bins) {
        let surplus: f64 = order[range].iter().map(|&case| f64::from(happened(case)) - probabilities[case]).sum();
        sum += surplus.abs();
    }
    sum / order.len().max(1) as f64
}

fn ascending(probabilities: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    order
}

/// The ranges of `bins` bins over `cases` cases; empty bins are left out.
fn edges(cases: usize, bins: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let bins = bins.max(1);
    (0..bins).map(move |bin| bin * cases / bins..(bin + 1) * cases / bins).filter(|range| !range.is_empty())
}

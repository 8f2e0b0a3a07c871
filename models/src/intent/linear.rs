//! The linear part of f: a ridge whose strength is found by evidence, fitted by Newton's method.
//!
//! f(x, k) = sum over inputs i and terms j of c_ij x_i b_j(k), likelihood of weekly survival with complementary
//! log-log link, prior c ~ N(start, 1/alpha_g) with one precision per group of inputs (MacKay 1992, the evidence
//! approximation). Groups that say nothing are shrunken away, without a validation set.

use serde::{Deserialize, Serialize};

use super::learner::age_input;
use super::network::{FADE_WEEKS, TERMS};
use super::offset::{Landmark, Offset};
use crate::encoder::Topic;
use crate::examples::Dataset;

/// Prior of a group's precision: a Gamma distribution worth so many coefficients, and its mean, in events.
const PRIOR: (f64, f64) = (2.0, 30.0);
/// Precision of the constant, in events.
const CONSTANT: f64 = 1.0;
/// Bounds of a precision.
const PRECISION: (f64, f64) = (1.0, 1e6);
/// Passes over the data, and updates of the precisions in each.
const PASSES: (usize, usize) = (8, 10);
/// Inputs beside the features: age and one.
const OWN_INPUTS: usize = 2;

/// The fitted linear part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Linear {
    /// Names of the inputs, in order.
    pub(super) inputs: Vec<String>,
    /// Per input, one coefficient a term.
    pub(super) coefficients: Vec<[f64; TERMS]>,
    /// Per group its name and precision, in events.
    pub(super) precisions: Vec<(String, f64)>,
}

/// What a linear part is fitted to.
pub(super) struct Problem<'a> {
    pub(super) data: &'a Dataset,
    pub(super) offset: &'a Offset,
    /// Weeks predicted.
    pub(super) weeks: u16,
    /// Names and topics of the features.
    pub(super) columns: Vec<(String, Topic)>,
    /// Weight of an example: several landmarks of a customer share its information.
    pub(super) weight: f64,
}

/// Pairs of terms, the first not before the second.
const PAIRS: usize = TERMS * (TERMS + 1) / 2;

/// Gradient and information at some coefficients.
struct Slope {
    gradient: Vec<f64>,
    /// Per pair of terms, inputs by inputs: the lower triangle.
    information: [Vec<f64>; PAIRS],
}

impl Linear {
    /// Fits; `start` gives the prior's centre for inputs of the same name (otherwise 0).
    pub(super) fn fit(problem: &Problem<'_>, start: Option<&Linear>) -> Self {
        let inputs: Vec<String> =
            problem.columns.iter().map(|(name, _)| name.clone()).chain(["age".to_owned(), "constant".to_owned()]).collect();
        let (groups, names) = groups(&problem.columns);
        let centre: Vec<f64> = inputs.iter().flat_map(|name| start.and_then(|start| start.row(name)).unwrap_or([0.0; TERMS])).collect();
        let mut precisions = vec![PRIOR.1; names.len()];
        if let Some(constant) = groups.len().checked_sub(TERMS) {
            precisions[groups[constant]] = CONSTANT;
        }
        let mut coefficients = centre.clone();
        if !problem.data.is_empty() {
            for _ in 0..PASSES.0 {
                let slope = problem.slope(&coefficients, inputs.len());
                let found = evidence(&slope, &coefficients, &centre, (&groups, &mut precisions));
                for (coefficient, found) in coefficients.iter_mut().zip(found) {
                    *coefficient += (found - *coefficient).clamp(-1.0, 1.0);
                }
            }
        }
        let rows = coefficients.chunks_exact(TERMS).map(|row| std::array::from_fn(|term| row[term])).collect();
        Self { inputs, coefficients: rows, precisions: names.into_iter().zip(precisions).collect() }
    }

    /// Adds f of one row to `effects`, one value a week.
    pub(super) fn add(&self, features: impl Iterator<Item = f64>, age: u16, effects: &mut [f64]) {
        let terms = self.terms(features.chain([f64::from(age_input(age)), 1.0]));
        for (week, effect) in effects.iter_mut().enumerate() {
            *effect += (0..TERMS).map(|term| terms[term] * fade(term, week)).sum::<f64>();
        }
    }

    /// Whether it reads rows of these features.
    pub(super) fn fits(&self, width: usize) -> bool {
        self.inputs.len() == width + OWN_INPUTS && self.coefficients.len() == width + OWN_INPUTS
    }

    fn terms(&self, inputs: impl Iterator<Item = f64>) -> [f64; TERMS] {
        let mut terms = [0.0; TERMS];
        for (row, input) in self.coefficients.iter().zip(inputs) {
            for (term, coefficient) in terms.iter_mut().zip(row) {
                *term += coefficient * input;
            }
        }
        terms
    }

    fn row(&self, name: &str) -> Option<[f64; TERMS]> {
        let place = self.inputs.iter().position(|input| input == name)?;
        self.coefficients.get(place).copied()
    }
}

/// Value of a term in the middle of a week.
pub(super) fn fade(term: usize, week: usize) -> f64 {
    (-(week as f64 + 0.5) / FADE_WEEKS[term]).exp()
}

/// The group of each coefficient, and the groups' names. A topic's lasting and fading effects are two groups.
fn groups(columns: &[(String, Topic)]) -> (Vec<usize>, Vec<String>) {
    let mut names: Vec<String> = Vec::new();
    let mut place = |name: String| {
        names.iter().position(|known| *known == name).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        })
    };
    let mut groups = Vec::new();
    let topics = columns.iter().map(|(_, topic)| topic.code()).chain(["age", "constant"]);
    for topic in topics {
        for term in 0..TERMS {
            let name = match (topic, term) {
                (topic, 0) => topic.to_owned(),
                ("constant", _) => "age, fading".to_owned(),
                (topic, _) => format!("{topic}, fading"),
            };
            groups.push(place(name));
        }
    }
    (groups, names)
}

impl Problem<'_> {
    fn slope(&self, coefficients: &[f64], inputs: usize) -> Slope {
        let information = std::array::from_fn(|_| vec![0.0; inputs * inputs]);
        let mut slope = Slope { gradient: vec![0.0; inputs * TERMS], information };
        let fades: Vec<[f64; TERMS]> = (0..usize::from(self.weeks)).map(|week| std::array::from_fn(|term| fade(term, week))).collect();
        let mut row = vec![0.0; inputs];
        for example in 0..self.data.len() {
            let features = self.data.row(example).iter().map(|value| f64::from(*value));
            for (place, value) in row.iter_mut().zip(features.chain([f64::from(age_input(self.data.ages[example])), 1.0])) {
                *place = value;
            }
            let (gradient, information) = self.example(example, &row, coefficients, &fades);
            slope.add(&row, &gradient, &information);
        }
        slope
    }

    /// Gradient by term and information by pair of terms of one example.
    fn example(&self, example: usize, row: &[f64], coefficients: &[f64], fades: &[[f64; TERMS]]) -> ([f64; TERMS], [f64; PAIRS]) {
        let mut terms = [0.0; TERMS];
        for (input, coefficients) in row.iter().zip(coefficients.chunks_exact(TERMS)) {
            for (term, coefficient) in terms.iter_mut().zip(coefficients) {
                *term += coefficient * input;
            }
        }
        let landmark = Landmark { market: self.data.markets[example], at: self.data.landmarks[example], age: self.data.ages[example] };
        let seen = self.data.seen(example, self.weeks);
        let (mut gradient, mut information) = ([0.0; TERMS], [0.0; PAIRS]);
        for (week, fades) in fades.iter().enumerate().take(seen.weeks) {
            let effect: f64 = terms.iter().zip(fades).map(|(term, fade)| term * fade).sum();
            let log_hazard = self.offset.hazard(landmark, week as u16, true).max(1e-12).ln() + effect;
            let hazard = log_hazard.clamp(-20.0, 1.0).exp();
            // d/d(log hazard) of log(1 - exp(-hazard)) is hazard / (exp(hazard) - 1); of -hazard it is -hazard.
            let odds = hazard / hazard.exp_m1();
            let bought = seen.bought && week + 1 == seen.weeks;
            let pull = self.weight * if bought { odds } else { -hazard };
            let weight = self.weight * hazard * odds;
            for (first, left) in fades.iter().enumerate() {
                gradient[first] += pull * left;
                for (second, right) in fades[..=first].iter().enumerate() {
                    information[pair(first, second)] += weight * left * right;
                }
            }
        }
        (gradient, information)
    }
}

impl Slope {
    /// Adds the outer products.
    fn add(&mut self, row: &[f64], gradient: &[f64; TERMS], information: &[f64; PAIRS]) {
        for (first, left) in row.iter().enumerate().filter(|(_, left)| **left != 0.0) {
            for (term, gradient) in gradient.iter().enumerate() {
                self.gradient[first * TERMS + term] += left * gradient;
            }
            for (matrix, weight) in self.information.iter_mut().zip(information) {
                let scale = weight * left;
                for (sum, right) in matrix[first * row.len()..].iter_mut().zip(&row[..=first]) {
                    *sum += scale * right;
                }
            }
        }
    }

    /// Information between two coefficients.
    fn between(&self, one: usize, other: usize) -> f64 {
        let (first, second) = (one.max(other), one.min(other));
        let inputs = self.gradient.len() / TERMS;
        self.information[pair(first % TERMS, second % TERMS)][first / TERMS * inputs + second / TERMS]
    }
}

/// The place of a pair of terms.
fn pair(one: usize, other: usize) -> usize {
    let (first, second) = (one.max(other), one.min(other));
    first * (first + 1) / 2 + second
}

/// The maximum of the local quadratic with its prior, the precisions updated on the way.
fn evidence(slope: &Slope, at: &[f64], centre: &[f64], (groups, precisions): (&[usize], &mut [f64])) -> Vec<f64> {
    let size = at.len();
    let information: Vec<f64> = (0..size * size).map(|place| slope.between(place / size, place % size)).collect();
    let moved: Vec<f64> = at.iter().zip(centre).map(|(at, centre)| at - centre).collect();
    let pull = |row: usize| information[row * size..(row + 1) * size].iter().zip(&moved).map(|(a, b)| a * b).sum::<f64>();
    let target: Vec<f64> = (0..size).map(|row| slope.gradient[row] + pull(row)).collect();
    // Its precision is given.
    let constant = groups[size - TERMS];
    let mut found = vec![0.0; size];
    for _ in 0..PASSES.1 {
        let mut matrix = information.clone();
        for place in 0..size {
            matrix[place * size + place] += precisions[groups[place]];
        }
        let inverse = invert(matrix, size);
        found = (0..size).map(|row| (0..size).map(|column| inverse[row * size + column] * target[column]).sum()).collect();
        let mut sums = vec![(0.0, 0.0); precisions.len()];
        for (place, group) in groups.iter().copied().enumerate() {
            sums[group].0 += 1.0 - precisions[group] * inverse[place * size + place];
            sums[group].1 += found[place] * found[place];
        }
        let free = precisions.iter_mut().zip(sums).enumerate().filter(|(group, _)| *group != constant);
        for (_, (precision, (determined, squares))) in free {
            *precision = ((determined + PRIOR.0) / (squares + PRIOR.0 / PRIOR.1)).clamp(PRECISION.0, PRECISION.1);
        }
    }
    found.iter().zip(centre).map(|(found, centre)| found + centre).collect()
}

/// The inverse of a symmetric positive definite matrix, by its Cholesky factor.
fn invert(mut matrix: Vec<f64>, size: usize) -> Vec<f64> {
    for row in 0..size {
        for column in 0..=row {
            let (above, here) = matrix.split_at(row * size);
            let other = if column == row { &here[..size] } else { &above[column * size..(column + 1) * size] };
            let sum: f64 = here[..column].iter().zip(&other[..column]).map(|(a, b)| a * b).sum();
            let value = matrix[row * size + column] - sum;
            matrix[row * size + column] = if column == row { value.max(1e-12).sqrt() } else { value / matrix[column * size + column] };
        }
    }
    let mut inverse = vec![0.0; size * size];
    let mut solution = vec![0.0; size];
    for unit in 0..size {
        solution.fill(0.0);
        for row in unit..size {
            let known: f64 = (unit..row).map(|column| matrix[row * size + column] * solution[column]).sum();
            solution[row] = (f64::from(u8::from(row == unit)) - known) / matrix[row * size + row];
        }
        for row in (0..size).rev() {
            let known: f64 = (row + 1..size).map(|column| matrix[column * size + row] * solution[column]).sum();
            solution[row] = (solution[row] - known) / matrix[row * size + row];
        }
        inverse[unit * size..(unit + 1) * size].copy_from_slice(&solution);
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_is_one() {
        let size = 7;
        let root: Vec<f64> = (0..size * size).map(|place| f64::from((place * 37 % 11) as u8) / 11.0 - 0.4).collect();
        let mut matrix = vec![0.0; size * size];
        for row in 0..size {
            for column in 0..size {
                let product: f64 = (0..size).map(|inner| root[row * size + inner] * root[column * size + inner]).sum();
                matrix[row * size + column] = product + f64::from(u8::from(row == column));
            }
        }
        let inverse = invert(matrix.clone(), size);
        for row in 0..size {
            for column in 0..size {
                let product: f64 = (0..size).map(|inner| matrix[row * size + inner] * inverse[inner * size + column]).sum();
                assert!((product - f64::from(u8::from(row == column))).abs() < 1e-10, "{row} {column} {product}");
            }
        }
    }

    #[test]
    fn lasting_and_fading_effects_are_groups_of_their_own() {
        let columns = [("a".to_owned(), Topic::Basket), ("b".to_owned(), Topic::Basket), ("c".to_owned(), Topic::Engagement)];
        let (groups, names) = groups(&columns);
        assert_eq!(names, ["basket", "basket, fading", "engagement", "engagement, fading", "age", "age, fading", "constant"]);
        assert_eq!(groups, [0, 1, 1, 0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 5, 5]);
    }
}

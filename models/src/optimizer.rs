//! Adam with decoupled weight decay (Kingma, Ba 2015; Loshchilov, Hutter 2019), fused: one pass over the slab.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::slab::{Layout, Slab};

/// How the rate moves over training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Schedule {
    /// Always the full rate.
    Constant,
    /// Straight down to zero at the last step.
    Linear,
    /// Straight down to a tenth at the last step.
    LinearTenth,
    /// Half a cosine down to zero at the last step.
    Cosine,
}

/// Settings of the optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Adam {
    /// The full rate, positive.
    pub rate: f64,
    /// Share of the old first moment kept.
    pub beta1: f64,
    /// Share of the old second moment kept.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled decay per step and unit of rate, of tensors that decay.
    pub decay: f64,
    /// Greatest Euclidean norm of a gradient; larger ones are scaled down. Zero: no bound.
    pub clip: f64,
    /// Steps in which the rate rises from zero.
    pub warmup: u64,
    /// See [`Schedule`].
    pub schedule: Schedule,
    /// Steps over which the schedule runs.
    pub steps: u64,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            decay: 0.0,
            clip: 0.0,
            warmup: 0,
            schedule: Schedule::Constant,
            steps: 0,
        }
    }
}

impl Adam {
    /// The rate of a step, counted from 0.
    pub fn rate_at(&self, step: u64) -> f64 {
        let rise = if step < self.warmup { (step + 1) as f64 / (self.warmup + 1) as f64 } else { 1.0 };
        let done = if self.steps == 0 { 0.0 } else { (step as f64 / self.steps as f64).min(1.0) };
        let fall = match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Linear => 1.0 - done,
            Schedule::LinearTenth => 1.0 - 0.9 * done,
            Schedule::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
        };
        self.rate * rise * fall
    }

    /// Moves the slab by one gradient. `step` counts from 0 and sets bias correction and rate.
    ///
    /// Weights whose gradient and moments are all zero stay untouched when they do not decay.
    pub fn update(&self, slab: &mut Slab, layout: &Layout, gradient: &[f32], step: u64) {
        let moving = self.moving(gradient, step);
        let (weights, first, second) = slab.thirds_mut();
        for tensor in layout.tensors() {
            let range = tensor.range();
            let keep = if tensor.decays { (1.0 - self.rate_at(step) * self.decay) as f32 } else { 1.0 };
            let moments = (&mut first[range.clone()], &mut second[range.clone()]);
            moving.run(&mut weights[range.clone()], moments, &gradient[range], keep);
        }
    }

    /// Moves some runs of the slab, whose gradients stand one after the other; nothing decays. The rest of the slab, its
    /// moments included, stays untouched, whatever was seen before: the lazy Adam of sparse tables.
    pub fn update_runs(&self, slab: &mut Slab, runs: &[Range<usize>], gradient: &[f32], step: u64) {
        let moving = self.moving(gradient, step);
        let (weights, first, second) = slab.thirds_mut();
        let mut rest = gradient;
        for run in runs {
            let (own, after) = rest.split_at(run.len());
            rest = after;
            moving.run(&mut weights[run.clone()], (&mut first[run.clone()], &mut second[run.clone()]), own, 1.0);
        }
    }

    fn moving(&self, gradient: &[f32], step: u64) -> Moving {
        let rate = self.rate_at(step);
        let count = i32::try_from(step + 1).unwrap_or(i32::MAX);
        Moving {
            scale: self.scale(gradient),
            kept: (self.beta1 as f32, self.beta2 as f32),
            // Rounded after the subtraction: 1 - 0.999 in single precision is off by 5e-5 of itself.
            new: ((1.0 - self.beta1) as f32, (1.0 - self.beta2) as f32),
            unbias: ((rate / (1.0 - self.beta1.powi(count))) as f32, (1.0 / (1.0 - self.beta2.powi(count))) as f32),
            epsilon: self.epsilon as f32,
        }
    }

    fn scale(&self, gradient: &[f32]) -> f32 {
        if self.clip <= 0.0 {
            return 1.0;
        }
        let norm = gradient.iter().map(|&slope| f64::from(slope) * f64::from(slope)).sum::<f64>().sqrt();
        if norm > self.clip { (self.clip / norm) as f32 } else { 1.0 }
    }
}

/// The numbers of one step.
struct Moving {
    scale: f32,
    kept: (f32, f32),
    new: (f32, f32),
    unbias: (f32, f32),
    epsilon: f32,
}

impl Moving {
    fn run(&self, weights: &mut [f32], (first, second): (&mut [f32], &mut [f32]), gradient: &[f32], keep: f32) {
        let moments = first.iter_mut().zip(second);
        for ((weight, (m, v)), &slope) in weights.iter_mut().zip(moments).zip(gradient) {
            let slope = slope * self.scale;
            *m = self.kept.0 * *m + self.new.0 * slope;
            *v = self.kept.1 * *v + self.new.1 * slope * slope;
            *weight = *weight * keep - self.unbias.0 * *m / ((*v * self.unbias.1).sqrt() + self.epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Start;

    #[test]
    fn three_steps_equal_the_paper() {
        let layout = Layout::new().decayed("w", &[3], Start::Zero);
        let mut slab = Slab::new(&[1.0, -2.0, 3.0]);
        let adam = Adam { rate: 0.1, decay: 0.01, ..Adam::default() };
        for (step, gradient) in [[1.0, 0.5, -2.0], [0.1, -0.5, 1.0], [0.0, 3.0, -1.0]].iter().enumerate() {
            adam.update(&mut slab, &layout, gradient, step as u64);
        }
        let expected = reference(&[1.0, -2.0, 3.0], &[[1.0, 0.5, -2.0], [0.1, -0.5, 1.0], [0.0, 3.0, -1.0]]);
        for (weight, expected) in slab.weights().iter().zip(expected) {
            assert!((f64::from(*weight) - expected).abs() < 1e-6, "{weight} {expected}");
        }
    }

    /// Algorithm 2 of Loshchilov and Hutter with decoupled decay, one weight at a time, in double precision.
    fn reference(start: &[f64; 3], gradients: &[[f64; 3]; 3]) -> [f64; 3] {
        std::array::from_fn(|place| {
            let (mut weight, mut m, mut v) = (start[place], 0.0, 0.0);
            for (step, gradient) in gradients.iter().enumerate() {
                let (g, t) = (gradient[place], step as i32 + 1);
                weight -= 0.1 * 0.01 * weight;
                m = 0.9 * m + 0.1 * g;
                v = 0.999 * v + 0.001 * g * g;
                weight -= 0.1 * (m / (1.0 - 0.9_f64.powi(t))) / ((v / (1.0 - 0.999_f64.powi(t))).sqrt() + 1e-8);
            }
            weight
        })
    }

    #[test]
    fn runs_move_as_the_whole_does_and_leave_the_rest_alone() {
        let layout = Layout::new().free("w", &[6], Start::Zero);
        let start = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let adam = Adam { rate: 0.1, clip: 0.5, ..Adam::default() };
        let (mut whole, mut parts) = (Slab::new(&start), Slab::new(&start));
        adam.update(&mut whole, &layout, &[0.0, 3.0, -1.0, 0.0, 0.5, 0.0], 0);
        adam.update_runs(&mut parts, &[1..3, 4..5], &[3.0, -1.0, 0.5], 0);
        assert_eq!(whole, parts);
        adam.update_runs(&mut parts, std::slice::from_ref(&(0..1)), &[1.0], 1);
        assert_eq!(whole.weights()[1..], parts.weights()[1..]);
    }

    #[test]
    fn the_rate_rises_then_falls_to_zero() {
        let adam = Adam { rate: 1.0, warmup: 3, schedule: Schedule::Linear, steps: 100, ..Adam::default() };
        assert_eq!(adam.rate_at(0), 0.25);
        assert_eq!(adam.rate_at(50), 0.5);
        assert_eq!(adam.rate_at(100), 0.0);
        assert_eq!(adam.rate_at(200), 0.0);
        let cosine = Adam { schedule: Schedule::Cosine, steps: 2, rate: 1.0, ..Adam::default() };
        assert!((cosine.rate_at(1) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_large_gradient_is_cut_to_its_norm() {
        let adam = Adam { clip: 1.0, ..Adam::default() };
        assert!((adam.scale(&[3.0, 4.0]) - 0.2).abs() < 1e-7);
        assert_eq!(adam.scale(&[0.3, 0.4]), 1.0);
    }
}

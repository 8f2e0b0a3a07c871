//! Adam with decoupled weight decay (Kingma, Ba 2015; Loshchilov, Hutter 2019), fused: one pass over the slab.

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
            Schedule::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
        };
        self.rate * rise * fall
    }

    /// Moves the slab by one gradient. `step` counts from 0 and sets bias correction and rate.
    ///
    /// Weights whose gradient and moments are all zero stay untouched when they do not decay.
    pub fn update(&self, slab: &mut Slab, layout: &Layout, gradient: &[f32], step: u64) {
        let rate = self.rate_at(step);
        let scale = self.scale(gradient);
        let (beta1, beta2) = (self.beta1 as f32, self.beta2 as f32);
        // Rounded after the subtraction: 1 - 0.999 in single precision is off by 5e-5 of itself.
        let (new1, new2) = ((1.0 - self.beta1) as f32, (1.0 - self.beta2) as f32);
        let count = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let unbias1 = (rate / (1.0 - self.beta1.powi(count))) as f32;
        let unbias2 = (1.0 / (1.0 - self.beta2.powi(count))) as f32;
        let epsilon = self.epsilon as f32;
        let (weights, first, second) = slab.thirds_mut();
        for tensor in layout.tensors() {
            let keep = if tensor.decays { (1.0 - rate * self.decay) as f32 } else { 1.0 };
            let range = tensor.range();
            let moments = first[range.clone()].iter_mut().zip(&mut second[range.clone()]);
            for ((weight, (m, v)), &slope) in weights[range.clone()].iter_mut().zip(moments).zip(&gradient[range]) {
                let slope = slope * scale;
                *m = beta1 * *m + new1 * slope;
                *v = beta2 * *v + new2 * slope * slope;
                *weight = *weight * keep - unbias1 * *m / ((*v * unbias2).sqrt() + epsilon);
            }
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

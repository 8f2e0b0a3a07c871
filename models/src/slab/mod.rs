//! Weights and both Adam moments as thirds of one flat buffer: one thing to copy, to send and to checkpoint.

mod weights;

use crate::draw::{self, Use};
use crate::learn::{Error, Result};

/// How a tensor starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// All zero.
    Zero,
    /// All one value.
    Constant(f32),
    /// Normal with this standard deviation.
    Normal(f32),
    /// Uniform between minus and plus this bound.
    Uniform(f32),
}

/// One named tensor of a layout. Its name is its name in `model.safetensors`: part of the artifact's promise.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Dotted name, unique in its layout.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// First place in the weights.
    pub offset: usize,
    /// How it starts.
    pub start: Start,
    /// Whether weight decay pulls it to zero.
    pub decays: bool,
}

impl Tensor {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its places in the weights.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }
}

/// The named tensors of a model, one behind the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    tensors: Vec<Tensor>,
    len: usize,
}

impl Layout {
    /// No tensors yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor that weight decay pulls to zero.
    #[must_use]
    pub fn decayed(self, name: &str, shape: &[usize], start: Start) -> Self {
        self.push(name, shape, start, true)
    }

    /// Adds a tensor that weight decay leaves alone: biases, scales.
    #[must_use]
    pub fn free(self, name: &str, shape: &[usize], start: Start) -> Self {
        self.push(name, shape, start, false)
    }

    fn push(mut self, name: &str, shape: &[usize], start: Start, decays: bool) -> Self {
        let tensor = Tensor { name: name.to_owned(), shape: shape.to_vec(), offset: self.len, start, decays };
        self.len += tensor.len();
        self.tensors.push(tensor);
        self
    }

    /// The tensors in order.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Number of weights.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no weight.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Result<&Tensor> {
        let found = self.tensors.iter().find(|tensor| tensor.name == name);
        found.ok_or_else(|| Error::Format(format!("the model has no tensor `{name}`")))
    }

    /// The values of a named tensor within `weights`.
    pub fn slice<'w>(&self, weights: &'w [f32], name: &str) -> Result<&'w [f32]> {
        let range = self.tensor(name)?.range();
        weights.get(range).ok_or_else(|| Error::Format(format!("the weights end before tensor `{name}`")))
    }

    /// Initial weights, a function of the seed alone.
    pub fn initial(&self, seed: u64) -> Vec<f32> {
        let mut weights = vec![0.0; self.len];
        for (place, tensor) in self.tensors.iter().enumerate() {
            for (index, weight) in weights[tensor.range()].iter_mut().enumerate() {
                let (step, index) = (place as u64, index as u64);
                *weight = match tensor.start {
                    Start::Zero => 0.0,
                    Start::Constant(value) => value,
                    Start::Normal(deviation) => draw::normal(seed, Use::Weights, step, index) as f32 * deviation,
                    Start::Uniform(bound) => (2.0 * draw::uniform(seed, Use::Weights, step, index) - 1.0) as f32 * bound,
                };
            }
        }
        weights
    }
}

/// Weights, first moments and second moments of Adam: thirds of one buffer of `3 n` values.
#[derive(Clone, Debug, PartialEq)]
pub struct Slab {
    values: Vec<f32>,
}

impl Slab {
    /// These weights with moments of zero.
    pub fn new(weights: &[f32]) -> Self {
        let mut values = vec![0.0; 3 * weights.len()];
        values[..weights.len()].copy_from_slice(weights);
        Self { values }
    }

    /// All three thirds as they were kept. The length must be a multiple of three.
    pub fn from_values(values: Vec<f32>) -> Result<Self> {
        if values.len().is_multiple_of(3) {
            Ok(Self { values })
        } else {
            Err(Error::Format(format!("a slab holds weights and two moments, not {} values", values.len())))
        }
    }

    /// All three thirds.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Number of weights.
    pub fn len(&self) -> usize {
        self.values.len() / 3
    }

    /// Whether there is no weight.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The weights.
    pub fn weights(&self) -> &[f32] {
        &self.values[..self.len()]
    }

    /// The weights, to be replaced.
    pub fn weights_mut(&mut self) -> &mut [f32] {
        let count = self.len();
        &mut self.values[..count]
    }

    /// Weights, first and second moments.
    pub fn thirds_mut(&mut self) -> (&mut [f32], &mut [f32], &mut [f32]) {
        let count = self.len();
        let (weights, moments) = self.values.split_at_mut(count);
        let (first, second) = moments.split_at_mut(count);
        (weights, first, second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_lie_one_behind_the_other_and_start_by_the_seed_alone() {
        let layout = Layout::new().decayed("a", &[2, 3], Start::Normal(0.5)).free("b", &[4], Start::Constant(2.0));
        assert_eq!((layout.len(), layout.tensor("b").unwrap().offset), (10, 6));
        let weights = layout.initial(7);
        assert_eq!(weights, layout.initial(7));
        assert_ne!(weights, layout.initial(8));
        assert_eq!(layout.slice(&weights, "b").unwrap(), [2.0; 4]);
        assert!(layout.tensor("c").is_err());
    }

    #[test]
    fn thirds_do_not_overlap() {
        let mut slab = Slab::new(&[1.0, 2.0]);
        let (weights, first, second) = slab.thirds_mut();
        (weights[0], first[0], second[0]) = (5.0, 6.0, 7.0);
        assert_eq!(slab.values(), [5.0, 2.0, 6.0, 0.0, 7.0, 0.0]);
        assert!(Slab::from_values(vec![0.0; 4]).is_err());
    }
}

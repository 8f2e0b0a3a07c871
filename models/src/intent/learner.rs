//! One optimizer step of the networks by plain candle operations.

use candle_core::{Device, Tensor};

use super::config::IntentConfig;
use super::network::{Dropout, Network, likelihood};
use super::offset::{Landmark, Offset};
use crate::examples::Dataset;
use crate::graph::Variables;
use crate::learn::{Rank, Result};
use crate::optimizer::{Adam, Schedule};
use crate::slab::Slab;
use crate::train::{Batch, Learner, Sums};

/// Rows that are scored at a time.
pub(super) const BLOCK: usize = 256;

/// The networks' own input beside the features: the log of age, roughly standardised.
pub(super) fn age_input(age: u16) -> f32 {
    ((f32::from(age) + 7.0).ln() - 4.0) / 1.2
}

/// The networks with their examples.
pub(super) struct IntentLearner<'a> {
    pub(super) config: &'a IntentConfig,
    pub(super) network: &'a Network,
    pub(super) offset: &'a Offset,
    pub(super) training: &'a Dataset,
    pub(super) adam: Adam,
}

/// Some examples as tensors.
struct Block {
    inputs: Tensor,
    offset: Tensor,
    survived: Tensor,
    bought: Tensor,
}

impl IntentLearner<'_> {
    /// The optimizer for so many examples.
    pub(super) fn adam(config: &IntentConfig, examples: usize, ranks: u32) -> Adam {
        let steps = examples.div_ceil(config.batch.max(1)).div_ceil(ranks as usize) as u64 * u64::from(config.epochs);
        Adam { rate: config.rate, decay: config.decay, clip: 5.0, schedule: Schedule::Cosine, steps, ..Adam::default() }
    }

    fn block(&self, examples: impl ExactSizeIterator<Item = usize>) -> Result<Block> {
        let data = self.training;
        let (rows, weeks) = (examples.len(), usize::from(self.config.horizon_weeks));
        let mut inputs = Vec::with_capacity(rows * (data.width + 1));
        let (mut offset, mut survived, mut bought) = (Vec::new(), vec![0_f32; rows * weeks], vec![0_f32; rows * weeks]);
        for (row, example) in examples.enumerate() {
            inputs.extend_from_slice(data.row(example));
            inputs.push(age_input(data.ages[example]));
            let landmark = Landmark { market: data.markets[example], at: data.landmarks[example], age: data.ages[example] };
            offset.extend((0..weeks as u16).map(|week| self.offset.hazard(landmark, week, true).max(1e-12).ln() as f32));
            let seen = data.seen(example, self.config.horizon_weeks);
            survived[row * weeks..row * weeks + seen.weeks].fill(1.0);
            if seen.bought {
                survived[row * weeks + seen.weeks - 1] = 0.0;
                bought[row * weeks + seen.weeks - 1] = 1.0;
            }
        }
        let device = &Device::Cpu;
        Ok(Block {
            inputs: Tensor::from_vec(inputs, (rows, data.width + 1), device)?,
            offset: Tensor::from_vec(offset, (rows, weeks), device)?,
            survived: Tensor::from_vec(survived, (rows, weeks), device)?,
            bought: Tensor::from_vec(bought, (rows, weeks), device)?,
        })
    }
}

impl Learner for IntentLearner<'_> {
    fn examples(&self) -> usize {
        self.training.len()
    }

    fn step(&self, slab: &mut Slab, batch: &Batch<'_>) -> Result<Sums> {
        let block = self.block(batch.examples.iter().map(|example| *example as usize))?;
        let tensors = Variables::new(&self.network.layout, slab.weights(), &Device::Cpu)?;
        let step = batch.step * u64::from(batch.rank.count) + u64::from(batch.rank.index);
        let dropout = Dropout { seed: self.config.seed, step, share: self.config.dropout };
        let effects = self.network.forward(&tensors, &block.inputs, Some(dropout))?;
        let mean = likelihood(&effects, &block.offset, &block.survived, &block.bought)?.mean_all()?;
        let gradient = tensors.gradient(&mean)?;
        self.adam.update(slab, &self.network.layout, &gradient, batch.step);
        let weight = batch.examples.len() as f64;
        Ok(Sums { loss: f64::from(mean.to_scalar::<f32>()?) * weight, weight })
    }

    /// None: epochs are few and the same for all, for a tenth of a small market's customers tells less than they cost.
    fn validate(&self, _: &Slab, _: Rank) -> Result<Sums> {
        Ok(Sums::default())
    }
}

//! Which examples belong to which step of which rank.

use super::Fit;
use crate::learn::Rank;

/// An epoch cut into batches, and the batches dealt to ranks: rank i takes every N-th one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    batch: usize,
    batches: usize,
    round_steps: u64,
    /// Local steps an epoch, the same for all ranks; in the last one some ranks may have no batch.
    pub(super) steps_per_epoch: u64,
}

impl Schedule {
    pub(super) fn new(examples: usize, fit: &Fit<'_>) -> Self {
        let batch = fit.batch.max(1);
        let batches = examples.div_ceil(batch);
        let steps_per_epoch = batches.div_ceil(fit.rank.count.max(1) as usize) as u64;
        Self { batch, batches, round_steps: u64::from(fit.round_steps.max(1)), steps_per_epoch }
    }

    /// The end of the round that begins at `start`: after `round_steps`, and at each epoch's end.
    pub(super) fn round_end(&self, start: u64) -> u64 {
        let epoch_end = (start / self.steps_per_epoch + 1) * self.steps_per_epoch;
        epoch_end.min(start + self.round_steps)
    }

    /// The rank's batch of a step, the epoch's last short one included; none where the ranks outnumber what is left.
    pub(super) fn batch<'o>(&self, order: &'o [u32], step: u64, rank: Rank) -> Option<&'o [u32]> {
        let slot = (step % self.steps_per_epoch) as usize;
        let batch = slot * rank.count as usize + rank.index as usize;
        (batch < self.batches).then(|| &order[batch * self.batch..((batch + 1) * self.batch).min(order.len())])
    }
}

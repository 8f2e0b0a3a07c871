//! What the recommender is told, and what it works out from the data.

use serde::{Deserialize, Serialize};

/// What a list should hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// The groups of the next order.
    #[default]
    Purchase,
    /// The group of the next moment: the next event of a session.
    Event,
}

/// Settings of a recommender.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecommenderConfig {
    /// Width of a group's vector.
    pub embedding: usize,
    /// Width of the LSTM's state.
    pub hidden: usize,
    /// What a list should hold.
    pub target: Target,
    /// Most passes over the data; training ends earlier when validation stops getting better.
    pub epochs: u32,
    /// Strength of the logit adjustment by popularity in training, 0 = none, 1 = popularity is divided out.
    pub tau: f64,
    /// Seeds every draw.
    pub seed: u64,
}

impl Default for RecommenderConfig {
    fn default() -> Self {
        Self { embedding: 64, hidden: 128, target: Target::Purchase, epochs: 30, tau: 0.5, seed: 0 }
    }
}

/// Days of orders that count as popularity when lists are made.
pub(super) const POPULARITY_DAYS: i32 = 90;
/// Most moments of one history that the LSTM reads: the latest.
pub(super) const LENGTH: usize = 30;
/// Customers scored together. Always as many, so that no answer depends on its neighbours.
pub(super) const BLOCK: usize = 64;
/// Largest catalogue with a full softmax; above it negatives are drawn.
pub(super) const FULL_SOFTMAX: usize = 5_000;
/// Negatives drawn per batch, shared by its moments.
pub(super) const NEGATIVES: usize = 1_024;
/// Epochs without a better validation after which training ends.
pub(super) const PATIENCE: u32 = 3;
/// Updates that a training needs at least, and that are enough.
const UPDATES: (u64, u64) = (600, 3_000);
/// Epochs within which enough updates are taken.
const EPOCHS: std::ops::RangeInclusive<u64> = 6..=10;

impl RecommenderConfig {
    /// Epochs over which the rate falls, by the number of batches in one: a table that starts from what stands together
    /// has learned most after a few thousand updates, and what more epochs add is learned by heart.
    pub(super) fn epochs(&self, batches: usize) -> u32 {
        let batches = batches.max(1) as u64;
        let enough = (UPDATES.1 / batches).clamp(*EPOCHS.start(), *EPOCHS.end());
        self.epochs.min(enough.max(UPDATES.0.div_ceil(batches)) as u32)
    }
}

/// Share of units dropped at the input and the output of the LSTM: sessions are many and short, orders few.
pub(super) fn dropout(target: Target) -> f64 {
    match target {
        Target::Event => 0.25,
        Target::Purchase => 0.4,
    }
}

/// Sequences a batch: few updates are made of few sequences, and no more than a cache holds of many.
pub(super) fn batch_size(sequences: usize) -> usize {
    (sequences / 100).next_power_of_two().clamp(16, 256)
}

/// Scale of the cosine: a catalogue of V groups can be told apart only when exp(scale) exceeds V by far.
pub(super) fn temperature(groups: usize) -> f64 {
    if groups <= FULL_SOFTMAX { 12.0 } else { 16.0 }
}

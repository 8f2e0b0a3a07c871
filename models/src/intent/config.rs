//! Settings of the intent model.

use serde::{Deserialize, Serialize};

use crate::train::Outer;

/// Settings of the intent model. The defaults serve every source; what depends on data is computed from data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IntentConfig {
    /// Weeks predicted, 1..=104.
    pub horizon_weeks: u16,
    /// Most weeks in a customer's key periods.
    pub key_period_weeks: u16,
    /// Seeds every draw.
    pub seed: u64,
    /// Passes of the networks over the examples.
    pub epochs: u32,
    /// Examples a step.
    pub batch: usize,
    /// Units of each hidden layer.
    pub hidden: usize,
    /// Networks whose log hazards are averaged.
    pub members: usize,
    /// Share of hidden units left out at random in training.
    pub dropout: f64,
    /// The optimizer's full rate.
    pub rate: f64,
    /// Decoupled weight decay of the hidden layers.
    pub decay: f64,
    /// Weight of the networks' log hazard against the linear part's, 0..=1.
    pub deep_share: f64,
    /// Local steps between exchanges.
    pub round_steps: u32,
    /// The outer step of an exchange.
    pub outer: Outer,
}

impl Default for IntentConfig {
    fn default() -> Self {
        Self {
            horizon_weeks: 26,
            key_period_weeks: 4,
            seed: 7,
            epochs: 4,
            batch: 512,
            hidden: 64,
            members: 3,
            dropout: 0.2,
            rate: 2e-3,
            decay: 1e-3,
            deep_share: 0.5,
            round_steps: 64,
            outer: Outer::default(),
        }
    }
}

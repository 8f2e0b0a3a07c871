//! What ranks exchange at the end of a round, and what they do with the answer.

use serde::{Deserialize, Serialize};

use super::Sums;
use super::encoding::{Reader, Writer};
use super::state::State;
use crate::learn::{Merged, Part, Rank, Result};

/// The outer optimizer: Nesterov momentum on the mean movement of all ranks over a round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outer {
    /// Share of the mean movement taken; 1 with momentum 0 is plain averaging.
    pub rate: f32,
    /// Share of the old velocity kept.
    pub momentum: f32,
}

impl Default for Outer {
    fn default() -> Self {
        Self { rate: 0.9, momentum: 0.3 }
    }
}

impl Outer {
    /// Moves the shared weights towards the mean of the ranks'. With one rank nothing is to be done.
    ///
    /// Plain single-precision products and sums, one weight at a time: the same bytes on every machine.
    pub(super) fn step(self, rank: Rank, state: &mut State, mean: &[f32]) {
        if rank.count == 1 {
            return;
        }
        let places = state.slab.weights_mut().iter_mut().zip(&mut state.anchor).zip(&mut state.velocity).zip(mean);
        for (((weight, anchor), velocity), mean) in places {
            let slope = *anchor - *mean;
            *velocity = self.momentum * *velocity + slope;
            *anchor -= self.rate * (slope + self.momentum * *velocity);
            *weight = *anchor;
        }
    }
}

/// One rank's offer, or the merge of all: weights (none in a round of validation) and sums.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exchange {
    pub(super) weights: Vec<f32>,
    pub(super) sums: Sums,
}

const KIND: [u8; 8] = *b"RPround1";

impl Exchange {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(KIND);
        writer.floats(&self.weights);
        writer.sums(self.sums);
        writer.finish()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new("round", KIND, bytes)?;
        let exchange = Self { weights: reader.floats()?, sums: reader.sums()? };
        reader.finish()?;
        Ok(exchange)
    }
}

/// The mean of all parts' weights and the sum of their sums, in rank order. One part is its own merge, bit by bit.
pub(super) fn merge(parts: &[Part]) -> Result<Merged> {
    if let [only] = parts {
        return Ok(only.clone());
    }
    let parts = parts.iter().map(|part| Exchange::decode(part)).collect::<Result<Vec<_>>>()?;
    let mut sums = Sums::default();
    for part in &parts {
        sums.add(part.sums);
    }
    let len = parts.iter().map(|part| part.weights.len()).min().unwrap_or(0);
    let count = parts.len() as f64;
    let mean = |place: usize| (parts.iter().map(|part| f64::from(part.weights[place])).sum::<f64>() / count) as f32;
    Ok(Exchange { weights: (0..len).map(mean).collect(), sums }.encode())
}

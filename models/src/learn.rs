//! The walls of training: slab, ranks, rounds, checkpoints. The loop itself lies in `train`.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::Journey;

/// Anything that training or scoring can refuse or fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data cannot support the model; names what is missing and what to do.
    #[error("{0}")]
    Data(String),
    /// A stored file does not say what it should; names the file and the place.
    #[error("{0}")]
    Format(String),
    /// The tensor library failed: a bug or a lack of memory.
    #[error("failed to compute: {0}")]
    Compute(#[from] candle_core::Error),
    /// The caller asked to stop; everything up to `step` is in the last checkpoint.
    #[error("stopped at step {step}")]
    Stopped {
        /// Global step reached.
        step: u64,
    },
    /// The rounds' store failed.
    #[error(transparent)]
    Rounds(Box<dyn std::error::Error + Send + Sync>),
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A pass over all journeys that gives each to a visitor, always in the same order; it can be made again and again.
///
/// It ends with the first error, the visitor's or its own.
pub type Journeys<'a> = dyn Fn(&mut dyn FnMut(Journey) -> Result<()>) -> Result<()> + 'a;

/// Asks long work to stop at the next safe point.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Asks to stop. Safe to call from any thread, any number of times.
    pub fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// One of `count` workers on one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// From 0.
    pub index: u32,
    /// At least 1.
    pub count: u32,
}

/// A rank's own state after a step: enough to go on in the same bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Global step.
    pub step: u64,
    /// The first round that going on from here reads: rounds before the oldest kept checkpoint of every rank may go.
    pub round: u32,
    /// Everything else, in this crate's own encoding (slab, outer state, best weights, history).
    pub bytes: Vec<u8>,
}

/// What a rank offers at the end of a round, in this crate's own encoding.
pub type Part = Vec<u8>;

/// What all ranks go on from, in this crate's own encoding.
pub type Merged = Vec<u8>;

/// The store behind a training: kept on one rank's behalf, shared by all. Blocking.
pub trait Rounds {
    /// The newest checkpoint of this rank that can be read whole, or none.
    fn resume(&self, rank: Rank) -> Result<Option<Checkpoint>>;
    /// Puts this rank's part of a round, create-only. Re-offering the same bytes succeeds; others are an error.
    fn offer(&mut self, round: u32, rank: Rank, part: Part) -> Result<()>;
    /// Waits (bounded) for all parts, merges them in rank order if nobody has, and returns the winner's bytes.
    fn merged(&self, round: u32, rank: Rank, merge: &dyn Fn(&[Part]) -> Result<Merged>, stop: &Stop) -> Result<Merged>;
    /// Keeps a checkpoint of this rank; older ones than the last two may go.
    fn keep(&mut self, rank: Rank, checkpoint: &Checkpoint) -> Result<()>;
    /// Tells how far training is; never fails training.
    fn progress(&mut self, progress: &Progress);
}

/// How far training is, for people.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Global step reached and the most there can be.
    pub step: u64,
    /// See `step`.
    pub steps: u64,
    /// Epoch, from 1, and the most there can be.
    pub epoch: u32,
    /// See `epoch`.
    pub epochs: u32,
    /// Round reached.
    pub round: u32,
    /// Mean training loss of the last round, in nats.
    pub loss: f64,
    /// Last validation loss, in nats; absent before the first.
    pub validation: Option<f64>,
}

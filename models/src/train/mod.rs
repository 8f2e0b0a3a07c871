//! The training loop: rounds of local steps, an exchange between ranks, validation, early stopping, checkpoints.
//!
//! Local SGD with an outer Nesterov step (DiLoCo, Douillard et al. 2023). With one rank the exchange is the identity:
//! ordinary training. A training killed anywhere and resumed ends in the same bytes.

mod encoding;
mod exchange;
mod schedule;
mod state;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::draw::{self, Use};
use crate::learn::{Checkpoint, Error, Progress, Rank, Result, Rounds, Stop};
use crate::slab::Slab;
pub use exchange::Outer;
use exchange::{Exchange, merge};
use schedule::Schedule;
use state::State;

/// Sums over examples: what ranks add up in rank order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// Sum of the examples' losses, in nats.
    pub loss: f64,
    /// Sum of their weights (their number, if all weigh 1).
    pub weight: f64,
}

impl Sums {
    /// Adds `other`.
    pub fn add(&mut self, other: Self) {
        self.loss += other.loss;
        self.weight += other.weight;
    }

    /// Loss per weight, in nats; `None` without weight.
    pub fn mean(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.loss / self.weight)
    }
}

/// The examples of one step.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Local step from 0: the same on all ranks, the counter of draws and of the optimizer's schedule.
    pub step: u64,
    /// Which rank does it: part of the counter of draws.
    pub rank: Rank,
    /// Places of the examples in the learner's data set.
    pub examples: &'a [u32],
}

/// One model with its data: how a step is done. Everything random in it is drawn by counters.
pub trait Learner {
    /// Number of training examples.
    fn examples(&self) -> usize;
    /// One optimizer step. Returns the sums over the batch before the step.
    fn step(&self, slab: &mut Slab, batch: &Batch<'_>) -> Result<Sums>;
    /// This rank's share of the validation examples. A weight of zero over all ranks: no validation.
    fn validate(&self, slab: &Slab, rank: Rank) -> Result<Sums>;
}

/// How to fit one model. All of it must be the same on all ranks, apart from `rank`.
#[derive(Clone, Debug)]
pub struct Fit<'a> {
    /// Which of the request's workers this is.
    pub rank: Rank,
    /// Seeds every draw.
    pub seed: u64,
    /// Examples a batch, at least 1.
    pub batch: usize,
    /// Most passes over the examples.
    pub epochs: u32,
    /// Epochs without a better validation after which training ends; 0: never.
    pub patience: u32,
    /// Local steps between exchanges, at least 1.
    pub round_steps: u32,
    /// The outer step of an exchange.
    pub outer: Outer,
    /// Weights to start from.
    pub initial: Vec<f32>,
    /// Names configuration and data; a checkpoint of another digest is refused.
    pub digest: String,
    /// What the same request trained before this: its rounds come first and its checkpoints carry it.
    pub earlier: &'a [Trained],
}

/// One epoch of a training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Epoch {
    /// Mean training loss, in nats.
    pub loss: f64,
    /// Mean validation loss after it, in nats.
    pub validation: Option<f64>,
}

/// What a training ends with.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The best weights by validation; without validation the last.
    pub weights: Vec<f32>,
    /// Epochs after which those weights stood; 0: the initial weights were never beaten.
    pub epoch: u32,
    /// Validation of the initial weights, where there is validation.
    pub before: Option<f64>,
    /// All epochs that were run.
    pub history: Vec<Epoch>,
    /// Local steps done.
    pub steps: u64,
    /// Exchanges done.
    pub rounds: u32,
}

/// Trains one model to its end, from its newest checkpoint where there is one.
///
/// Errors: [`Error::Stopped`] after a checkpoint when `stop` was asked; whatever the learner or the rounds refuse.
pub fn train(fit: &Fit<'_>, learner: &dyn Learner, rounds: &mut dyn Rounds, stop: &Stop) -> Result<Trained> {
    let mut state = match rounds.resume(fit.rank)? {
        None => State::new(fit),
        Some(checkpoint) => match state::decode(&checkpoint.bytes, fit)? {
            state::Resumed::Here(state) => *state,
            state::Resumed::Later(trained) => return Ok(trained),
            state::Resumed::Earlier => State::new(fit),
        },
    };
    let schedule = Schedule::new(learner.examples(), fit);
    let mut run = Run { fit, learner, rounds, stop, schedule };
    if state.untouched() {
        run.validate(&mut state)?;
    }
    while !run.finished(&state) {
        run.epoch(&mut state)?;
    }
    Ok(state.trained())
}

impl Fit<'_> {
    fn steps_before(&self) -> u64 {
        self.earlier.iter().map(|trained| trained.steps).sum()
    }

    fn rounds_before(&self) -> u32 {
        self.earlier.iter().map(|trained| trained.rounds).sum()
    }
}

/// One call of [`train`]: everything but the state.
struct Run<'a> {
    fit: &'a Fit<'a>,
    learner: &'a dyn Learner,
    rounds: &'a mut dyn Rounds,
    stop: &'a Stop,
    schedule: Schedule,
}

impl Run<'_> {
    fn finished(&self, state: &State) -> bool {
        let tired = self.fit.patience > 0 && state.waited >= self.fit.patience;
        state.history.len() as u32 >= self.fit.epochs || tired || self.schedule.steps_per_epoch == 0
    }

    /// What is left of the epoch in which `state` stands.
    fn epoch(&mut self, state: &mut State) -> Result<()> {
        let epoch = state.history.len() as u64;
        let order = draw::permutation(self.fit.seed, Use::Order, epoch, self.learner.examples());
        let end = (epoch + 1) * self.schedule.steps_per_epoch;
        loop {
            let until = self.schedule.round_end(state.exchanged);
            self.steps(state, &order, until)?;
            self.keep(state)?;
            self.exchange(state)?;
            if state.steps == end {
                break;
            }
        }
        let loss = state.epoch_sums.mean().unwrap_or(0.0);
        state.history.push(Epoch { loss, validation: None });
        state.epoch_sums = Sums::default();
        self.validate(state)
    }

    /// Local steps up to `until`; asked to stop, a checkpoint of whatever the last one does not hold.
    fn steps(&mut self, state: &mut State, order: &[u32], until: u64) -> Result<()> {
        while state.steps < until {
            if self.stop.asked() {
                // Right after an exchange the checkpoint before its offer says all: the exchange is only read again.
                if state.steps > state.exchanged {
                    self.keep(state)?;
                }
                return Err(Error::Stopped { step: self.fit.steps_before() + state.steps });
            }
            if let Some(examples) = self.schedule.batch(order, state.steps, self.fit.rank) {
                let batch = Batch { step: state.steps, rank: self.fit.rank, examples };
                let sums = self.learner.step(&mut state.slab, &batch)?;
                state.round_sums.add(sums);
            }
            state.steps += 1;
        }
        Ok(())
    }

    /// Offers this rank's weights, waits for the mean of all and takes the outer step from it.
    fn exchange(&mut self, state: &mut State) -> Result<()> {
        let part = Exchange { weights: state.slab.weights().to_vec(), sums: state.round_sums };
        let merged = self.agree(state, &part)?;
        self.fit.outer.step(self.fit.rank, state, &merged.weights);
        state.epoch_sums.add(merged.sums);
        state.round_sums = Sums::default();
        state.exchanged = state.steps;
        self.tell(state, merged.sums.mean());
        Ok(())
    }

    /// Validates the weights that all ranks share, and remembers them if they are the best.
    fn validate(&mut self, state: &mut State) -> Result<()> {
        let sums = self.learner.validate(&state.slab, self.fit.rank)?;
        let merged = self.agree(state, &Exchange { weights: Vec::new(), sums })?;
        state.judge(merged.sums.mean());
        self.tell(state, state.history.last().map(|epoch| epoch.loss));
        Ok(())
    }

    fn agree(&mut self, state: &mut State, part: &Exchange) -> Result<Exchange> {
        let round = self.fit.rounds_before() + state.rounds;
        self.rounds.offer(round, self.fit.rank, part.encode())?;
        let merged = Exchange::decode(&self.rounds.merged(round, self.fit.rank, &merge, self.stop)?)?;
        if merged.weights.len() != part.weights.len() {
            return Err(Error::Format(format!(
                "rounds/{round}/merged holds {} weights instead of {}",
                merged.weights.len(),
                part.weights.len()
            )));
        }
        state.rounds += 1;
        Ok(merged)
    }

    fn keep(&mut self, state: &State) -> Result<()> {
        let step = self.fit.steps_before() + state.steps;
        let round = self.fit.rounds_before() + state.rounds;
        self.rounds.keep(self.fit.rank, &Checkpoint { step, round, bytes: state.encode(self.fit) })
    }

    fn tell(&mut self, state: &State, loss: Option<f64>) {
        let before = self.fit.steps_before();
        self.rounds.progress(&Progress {
            step: before + state.steps,
            steps: before + u64::from(self.fit.epochs) * self.schedule.steps_per_epoch,
            epoch: (state.history.len() as u32 + 1).min(self.fit.epochs),
            epochs: self.fit.epochs,
            round: self.fit.rounds_before() + state.rounds,
            loss: loss.unwrap_or(0.0),
            validation: state.history.iter().rev().find_map(|epoch| epoch.validation).or(state.before),
        });
    }
}

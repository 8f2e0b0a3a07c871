//! Everything in which a training can stand, and its bytes in a checkpoint.

use super::encoding::{Reader, Writer};
use super::{Epoch, Fit, Sums, Trained};
use crate::learn::{Error, Result};
use crate::slab::Slab;

/// One rank's state between two steps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    /// Local steps done.
    pub(super) steps: u64,
    /// Steps done when the last exchange of weights was taken in.
    pub(super) exchanged: u64,
    /// Exchanges taken in, those of validation included.
    pub(super) rounds: u32,
    pub(super) slab: Slab,
    /// The weights that all ranks shared after the last exchange; empty with one rank.
    pub(super) anchor: Vec<f32>,
    /// The outer step's velocity; empty with one rank.
    pub(super) velocity: Vec<f32>,
    /// Training loss since the last exchange, this rank's.
    pub(super) round_sums: Sums,
    /// Training loss of the epoch up to the last exchange, all ranks'.
    pub(super) epoch_sums: Sums,
    pub(super) before: Option<f64>,
    pub(super) history: Vec<Epoch>,
    best: Option<Best>,
    /// Epochs since the best one.
    pub(super) waited: u32,
}

/// The best weights so far, by validation.
#[derive(Clone, Debug, PartialEq)]
struct Best {
    loss: f64,
    epoch: u32,
    weights: Vec<f32>,
}

impl State {
    pub(super) fn new(fit: &Fit<'_>) -> Self {
        let shared = if fit.rank.count == 1 { Vec::new() } else { fit.initial.clone() };
        Self {
            steps: 0,
            exchanged: 0,
            rounds: 0,
            slab: Slab::new(&fit.initial),
            velocity: vec![0.0; shared.len()],
            anchor: shared,
            round_sums: Sums::default(),
            epoch_sums: Sums::default(),
            before: None,
            history: Vec::new(),
            best: None,
            waited: 0,
        }
    }

    /// Whether not even the initial weights have been validated.
    pub(super) fn untouched(&self) -> bool {
        self.rounds == 0 && self.steps == 0
    }

    /// Takes in the validation of the weights as they stand. A loss that is not a number is never the best.
    pub(super) fn judge(&mut self, validation: Option<f64>) {
        match self.history.last_mut() {
            Some(epoch) => epoch.validation = validation,
            None => self.before = validation,
        }
        let Some(loss) = validation else { return };
        if self.best.as_ref().is_none_or(|best| loss < best.loss) {
            let loss = if loss.is_nan() { f64::INFINITY } else { loss };
            self.best = Some(Best { loss, epoch: self.history.len() as u32, weights: self.slab.weights().to_vec() });
            self.waited = 0;
        } else {
            self.waited += 1;
        }
    }

    pub(super) fn trained(self) -> Trained {
        let epochs = self.history.len() as u32;
        let (epoch, weights) = match self.best {
            Some(best) => (best.epoch, best.weights),
            None => (epochs, self.slab.weights().to_vec()),
        };
        Trained { weights, epoch, before: self.before, history: self.history, steps: self.steps, rounds: self.rounds }
    }

    pub(super) fn encode(&self, fit: &Fit<'_>) -> Vec<u8> {
        let mut writer = Writer::new(KIND);
        writer.text(&fit.digest);
        writer.number(u64::from(fit.rank.index));
        writer.number(u64::from(fit.rank.count));
        writer.number(fit.earlier.len() as u64);
        for trained in fit.earlier {
            write_trained(&mut writer, trained);
        }
        for value in [self.steps, self.exchanged, u64::from(self.rounds), u64::from(self.waited)] {
            writer.number(value);
        }
        for values in [self.slab.values(), &self.anchor, &self.velocity] {
            writer.floats(values);
        }
        writer.sums(self.round_sums);
        writer.sums(self.epoch_sums);
        writer.maybe(self.before);
        write_history(&mut writer, &self.history);
        writer.number(u64::from(self.best.is_some()));
        if let Some(best) = &self.best {
            writer.double(best.loss);
            writer.number(u64::from(best.epoch));
            writer.floats(&best.weights);
        }
        writer.finish()
    }
}

const KIND: [u8; 8] = *b"RPcheck1";

/// Where a checkpoint stands with respect to the training that resumes.
pub(super) enum Resumed {
    /// In this very training.
    Here(Box<State>),
    /// In a later one of the same request: this one ended so.
    Later(Trained),
    /// In an earlier one: this one has not begun.
    Earlier,
}

/// Reads a checkpoint. One of another request, rank or model is refused.
pub(super) fn decode(bytes: &[u8], fit: &Fit<'_>) -> Result<Resumed> {
    let mut reader = Reader::new("checkpoint", KIND, bytes)?;
    let digest = reader.text()?;
    let rank = (reader.number()?, reader.number()?);
    if digest != fit.digest || rank != (u64::from(fit.rank.index), u64::from(fit.rank.count)) {
        return Err(Error::Format("checkpoint: made for another configuration, data or rank; remove it to start afresh".to_owned()));
    }
    let mut earlier = Vec::new();
    for _ in 0..reader.number()? {
        earlier.push(read_trained(&mut reader)?);
    }
    let stage = fit.earlier.len();
    if earlier.len() > stage {
        return Ok(Resumed::Later(earlier.swap_remove(stage)));
    }
    if earlier.len() < stage {
        return Ok(Resumed::Earlier);
    }
    let state = read_state(&mut reader)?;
    reader.finish()?;
    let shared = if fit.rank.count == 1 { 0 } else { fit.initial.len() };
    if state.slab.len() != fit.initial.len() || state.anchor.len() != shared || state.velocity.len() != shared {
        return Err(Error::Format(format!("checkpoint: made for a model of {} weights, not {}", state.slab.len(), fit.initial.len())));
    }
    Ok(Resumed::Here(Box::new(state)))
}

fn read_state(reader: &mut Reader<'_>) -> Result<State> {
    let (steps, exchanged, rounds, waited) = (reader.number()?, reader.number()?, reader.count()?, reader.count()?);
    let slab = Slab::from_values(reader.floats()?)?;
    let (anchor, velocity) = (reader.floats()?, reader.floats()?);
    let (round_sums, epoch_sums) = (reader.sums()?, reader.sums()?);
    let (before, history) = (reader.maybe()?, read_history(reader)?);
    let best = match reader.number()? {
        0 => None,
        _ => Some(Best { loss: reader.double()?, epoch: reader.count()?, weights: reader.floats()? }),
    };
    Ok(State { steps, exchanged, rounds, slab, anchor, velocity, round_sums, epoch_sums, before, history, best, waited })
}

fn write_history(writer: &mut Writer, history: &[Epoch]) {
    writer.number(history.len() as u64);
    for epoch in history {
        writer.double(epoch.loss);
        writer.maybe(epoch.validation);
    }
}

fn read_history(reader: &mut Reader<'_>) -> Result<Vec<Epoch>> {
    let mut history = Vec::new();
    for _ in 0..reader.number()? {
        history.push(Epoch { loss: reader.double()?, validation: reader.maybe()? });
    }
    Ok(history)
}

fn write_trained(writer: &mut Writer, trained: &Trained) {
    writer.floats(&trained.weights);
    writer.number(u64::from(trained.epoch));
    writer.maybe(trained.before);
    write_history(writer, &trained.history);
    writer.number(trained.steps);
    writer.number(u64::from(trained.rounds));
}

fn read_trained(reader: &mut Reader<'_>) -> Result<Trained> {
    Ok(Trained {
        weights: reader.floats()?,
        epoch: reader.count()?,
        before: reader.maybe()?,
        history: read_history(reader)?,
        steps: reader.number()?,
        rounds: reader.count()?,
    })
}

//! The deep part of f(x, k), for several members at once.
//!
//! A landmark's features are frozen, but what they say fades: f(x, k) = sum over j of out_j(x) b_j(k), with b constant,
//! fading over 2 weeks and fading over 8. All output weights start at zero, so that f does.

use candle_core::{D, Device, Tensor};

use super::config::IntentConfig;
use super::linear::fade;
use crate::draw::{self, Use};
use crate::graph::Variables;
use crate::learn::Result;
use crate::slab::{Layout, Start};

/// Weeks over which the terms of f fade by the factor e; the first does not.
pub(super) const FADE_WEEKS: [f64; TERMS] = [f64::INFINITY, 2.0, 8.0];
/// Terms of f.
pub(super) const TERMS: usize = 3;

/// The shapes of the networks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Network {
    pub(super) layout: Layout,
    members: usize,
    hidden: usize,
    weeks: usize,
}

/// Which units a training step leaves out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dropout {
    pub(super) seed: u64,
    /// Step and rank as one counter.
    pub(super) step: u64,
    /// Share left out.
    pub(super) share: f64,
}

impl Network {
    /// For rows of `width` inputs.
    pub(super) fn new(config: &IntentConfig, width: usize) -> Self {
        let (members, hidden) = (config.members.max(1), config.hidden.max(1));
        let spread = |inputs: usize| Start::Uniform((6.0 / inputs.max(1) as f32).sqrt());
        let layout = Layout::new()
            .decayed("deep.0.weight", &[members, width, hidden], spread(width))
            .free("deep.0.bias", &[members, 1, hidden], Start::Zero)
            .decayed("deep.1.weight", &[members, hidden, hidden], spread(hidden))
            .free("deep.1.bias", &[members, 1, hidden], Start::Zero)
            .decayed("deep.2.weight", &[members, hidden, TERMS], Start::Zero)
            .free("deep.2.bias", &[members, 1, TERMS], Start::Zero);
        Self { layout, members, hidden, weeks: usize::from(config.horizon_weeks) }
    }

    /// f for each member, row and week: `[members, rows, weeks]`. `inputs` is `[rows, width]`.
    pub(super) fn forward(&self, tensors: &Variables<'_>, inputs: &Tensor, dropout: Option<Dropout>) -> Result<Tensor> {
        let (rows, width) = inputs.dims2()?;
        let mut deep = inputs.broadcast_as((self.members, rows, width))?.contiguous()?;
        for layer in 0..2_u64 {
            let weight = tensors.get(&format!("deep.{layer}.weight"))?;
            deep = deep.matmul(weight)?.broadcast_add(tensors.get(&format!("deep.{layer}.bias"))?)?.relu()?;
            if let Some(dropout) = dropout {
                deep = (deep * self.mask(dropout, layer, rows)?)?;
            }
        }
        let terms = deep.matmul(tensors.get("deep.2.weight")?)?.broadcast_add(tensors.get("deep.2.bias")?)?;
        let effect = terms.reshape((self.members * rows, TERMS))?.matmul(&self.fade(inputs.device())?)?;
        Ok(effect.reshape((self.members, rows, self.weeks))?)
    }

    /// `[terms, weeks]`, read in the middle of each week.
    fn fade(&self, device: &Device) -> Result<Tensor> {
        let value = |term: usize| (0..self.weeks).map(move |week| fade(term, week) as f32);
        Ok(Tensor::from_vec((0..TERMS).flat_map(value).collect(), (TERMS, self.weeks), device)?)
    }

    fn mask(&self, dropout: Dropout, layer: u64, rows: usize) -> Result<Tensor> {
        let count = self.members * rows * self.hidden;
        let threshold = (dropout.share.clamp(0.0, 0.95) * 65536.0) as u64;
        let keep = 65536.0 / (65536 - threshold) as f32;
        let words = (0..count.div_ceil(4) as u64).map(|word| draw::bits(dropout.seed, Use::Dropout, dropout.step, (word << 1) | layer));
        let lanes = words.flat_map(|word| (0..4).map(move |lane| (word >> (16 * lane)) & 0xffff));
        let mask: Vec<f32> = lanes.take(count).map(|lane| if lane < threshold { 0.0 } else { keep }).collect();
        Ok(Tensor::from_vec(mask, (self.members, rows, self.hidden), &Device::Cpu)?)
    }
}

/// Sum over weeks of the negative log-likelihood, `[members, rows]`, in nats.
///
/// With mu the cumulative hazard of a week: a week survived costs mu, the week of the purchase -log(1 - exp(-mu)).
/// `effects` is `[members, rows, weeks]`; `offset` (log), `survived` and `bought` (0 or 1) are `[rows, weeks]`.
pub(super) fn likelihood(effects: &Tensor, offset: &Tensor, survived: &Tensor, bought: &Tensor) -> Result<Tensor> {
    let log_hazard = effects.broadcast_add(offset)?.clamp(-20_f32, 1_f32)?;
    let hazard = log_hazard.exp()?;
    // log(1 - exp(-mu)) = log mu - mu/2 + log(sinh(x)/x), x = mu/2 <= 1.36: by series, since 1 - exp(-mu) cancels.
    let square = (&hazard * 0.5)?.sqr()?;
    let inner = ((&square * (-1.0 / 37800.0))? + 1.0 / 2835.0)?;
    let inner = ((&square * inner)? - 1.0 / 180.0)?;
    let series = (&square * ((&square * inner)? + 1.0 / 6.0)?)?;
    let purchase = ((log_hazard - (&hazard * 0.5)?)? + series)?;
    let loss = (hazard.broadcast_mul(survived)? - purchase.broadcast_mul(bought)?)?;
    Ok(loss.sum(D::Minus1)?)
}

#[cfg(test)]
mod tests;

//! How one training step of the LSTM is done.

use candle_core::{D, Device, Tensor};

use super::Histories;
use super::batch::{Batch, Frame, Sequence};
use super::config::{DROPOUT, FULL_SOFTMAX, NEGATIVES};
use super::network::{AttributeLines, Masks, Network, Shape};
use crate::draw::{Use, uniform};
use crate::graph::Variables;
use crate::learn::{Rank, Result};
use crate::optimizer::Adam;
use crate::slab::{Layout, Slab};
use crate::train::{self, Learner, Sums};

/// The recommender's data, cut into batches, with everything that a step needs.
pub(super) struct SetLearner<'a> {
    pub(super) histories: &'a Histories,
    pub(super) frame: Frame<'a>,
    pub(super) shape: Shape,
    pub(super) layout: &'a Layout,
    pub(super) attributes: AttributeLines,
    pub(super) training: Vec<Vec<Sequence>>,
    pub(super) validation: Vec<Vec<Sequence>>,
    /// Purchases of each item row in the training window, per market.
    pub(super) popularity: Popularity,
    pub(super) tau: f64,
    pub(super) adam: Adam,
    pub(super) seed: u64,
}

/// What negatives are drawn from and what the logits are adjusted by.
pub(super) struct Popularity {
    /// Log prior of each item row, per market, in one row each.
    log_prior: Vec<Vec<f32>>,
    /// Share of each item row among labels.
    share: Vec<f64>,
    /// Share of each item row among draws, and its running sum.
    drawn: Vec<f64>,
    cumulative: Vec<f64>,
}

/// Counts at which a market's own prior weighs as much as the pool's.
const PRIOR_COUNTS: f64 = 1_000.0;

impl Popularity {
    /// From purchases of each item row, one list per market. The prior of a market leans on the pool's; negatives are
    /// drawn by the root of the pool's.
    pub(super) fn new(markets: &[Vec<u32>], rows: usize) -> Self {
        let pool: Vec<f64> = (0..rows).map(|row| markets.iter().map(|counts| f64::from(counts[row])).sum::<f64>() + 1.0).collect();
        let total: f64 = pool.iter().sum();
        let share: Vec<f64> = pool.iter().map(|count| count / total).collect();
        let prior = |counts: &Vec<u32>| {
            let own: f64 = counts.iter().map(|&count| f64::from(count)).sum();
            let mixed = |row: usize| (f64::from(counts[row]) + PRIOR_COUNTS * share[row]) / (own + PRIOR_COUNTS);
            (0..rows).map(|row| mixed(row).ln() as f32).collect()
        };
        let log_prior = markets.iter().map(prior).collect();
        let roots: f64 = pool.iter().map(|count| count.sqrt()).sum();
        let drawn: Vec<f64> = pool.iter().map(|count| count.sqrt() / roots).collect();
        let cumulative = drawn
            .iter()
            .scan(0.0, |sum, share| {
                *sum += share;
                Some(*sum)
            })
            .collect();
        Self { log_prior, share, drawn, cumulative }
    }
}

/// The items among which a batch's labels are to be found.
struct Candidates {
    /// Item rows, ascending; `None`: all of them.
    rows: Option<Vec<u32>>,
    /// Log of the chance to be among the candidates.
    log_inclusion: Vec<f32>,
}

impl SetLearner<'_> {
    /// All items, or the batch's labels and shared draws with the chance that each had to be here.
    fn candidates(&self, batch: &Batch, step: u64) -> Candidates {
        if self.shape.groups <= FULL_SOFTMAX {
            return Candidates { rows: None, log_inclusion: Vec::new() };
        }
        let cumulative = &self.popularity.cumulative;
        let draw = |number: u64| {
            let place = uniform(self.seed, Use::Negatives, step, number);
            cumulative.partition_point(|&sum| sum <= place).min(cumulative.len() - 1) as u32
        };
        let labels = batch.labels.iter().flatten().copied();
        let count = batch.labels.iter().map(Vec::len).sum::<usize>() as f64;
        let mut rows: Vec<u32> = labels.chain((0..NEGATIVES as u64).map(draw)).collect();
        rows.sort_unstable();
        rows.dedup();
        let absent = |row: u32| {
            let row = row as usize;
            (1.0 - self.popularity.drawn[row]).powf(NEGATIVES as f64) * (1.0 - self.popularity.share[row]).powf(count)
        };
        let log_inclusion = rows.iter().map(|&row| (1.0 - absent(row)).max(1e-12).ln() as f32).collect();
        Candidates { rows: Some(rows), log_inclusion }
    }

    /// What is added to each candidate's logit, by predicted row: tau x log prior of the market, minus the log chance
    /// to be here, except for the row's own labels, which are always here.
    fn adjustment(&self, batch: &Batch, candidates: &Candidates, device: &Device) -> Result<Tensor> {
        let rows: Vec<u32> = candidates.rows.clone().unwrap_or_else(|| (0..self.shape.groups as u32).collect());
        let prior = |market: &[f32], row: u32| self.tau as f32 * market[row as usize];
        let mut values = Vec::with_capacity(batch.labels.len() * rows.len());
        for (market, labels) in batch.markets.iter().zip(&batch.labels) {
            let market = &self.popularity.log_prior[*market as usize];
            let start = values.len();
            match &candidates.rows {
                None => values.extend(rows.iter().map(|&row| prior(market, row))),
                Some(_) => values.extend(rows.iter().zip(&candidates.log_inclusion).map(|(&row, chance)| prior(market, row) - chance)),
            }
            for place in labels.iter().filter(|_| candidates.rows.is_some()).filter_map(|label| rows.binary_search(label).ok()) {
                values[start + place] += candidates.log_inclusion[place];
            }
        }
        Ok(Tensor::from_vec(values, (batch.labels.len(), rows.len()), device)?)
    }

    /// The labels as rows that sum to 1.
    fn truth(batch: &Batch, candidates: &Candidates, width: usize, device: &Device) -> Result<Tensor> {
        let mut values = vec![0.0_f32; batch.labels.len() * width];
        for (labels, row) in batch.labels.iter().zip(values.chunks_mut(width)) {
            for &label in labels {
                let place = candidates.rows.as_ref().map_or(Ok(label as usize), |rows| rows.binary_search(&label));
                if let Ok(place) = place {
                    row[place] = 1.0 / labels.len() as f32;
                }
            }
        }
        Ok(Tensor::from_vec(values, (batch.labels.len(), width), device)?)
    }

    /// Sum of the losses, and a scalar whose gradient is that of their mean.
    fn loss(&self, network: &Network<'_>, batch: &Batch, step: u64, training: bool) -> Result<(f64, Tensor)> {
        let device = network.device;
        let items = network.items(network.variables.get("item.table")?, &self.attributes)?;
        let masks = training.then(|| self.masks(batch, step, device)).transpose()?;
        let interests = network.forward(&items, batch, masks.as_ref())?;
        let candidates = self.candidates(batch, step);
        let bias = network.variables.get("item.bias")?;
        let (items, bias) = match &candidates.rows {
            None => (items, bias.clone()),
            Some(rows) => {
                let rows = Tensor::from_slice(rows, rows.len(), device)?;
                (items.index_select(&rows, 0)?, bias.index_select(&rows, 0)?)
            }
        };
        let logits = interests.matmul(&items.t()?)?.broadcast_add(&bias)?;
        let logits = (logits + self.adjustment(batch, &candidates, device)?)?;
        // The gradient of the softmax is written down: p - y. So the tape holds one product instead of six operations
        // on the widest tensor there is.
        let fixed = logits.detach();
        let shifted = fixed.broadcast_sub(&fixed.max_keepdim(D::Minus1)?)?;
        let weights = shifted.exp()?;
        let sums = weights.sum_keepdim(D::Minus1)?;
        let truth = Self::truth(batch, &candidates, logits.dim(1)?, device)?;
        let hit = (&truth * &shifted)?.sum_all()?.to_scalar::<f32>()?;
        let loss = f64::from(sums.log()?.sum_all()?.to_scalar::<f32>()?) - f64::from(hit);
        let slope = ((weights.broadcast_div(&sums)? - truth)? / batch.labels.len() as f64)?;
        Ok((loss, (logits * slope)?.sum_all()?))
    }

    fn masks(&self, batch: &Batch, step: u64, device: &Device) -> Result<Masks> {
        let mask = |rows: usize, width: usize, offset: u64| {
            let kept = |place: u64| uniform(self.seed, Use::Dropout, step, offset + place) >= DROPOUT;
            let values: Vec<f32> =
                (0..(rows * width) as u64).map(|place| if kept(place) { 1.0 / (1.0 - DROPOUT) as f32 } else { 0.0 }).collect();
            Tensor::from_vec(values, (rows, width), device)
        };
        let inputs = batch.gaps.len() * self.shape.embedding;
        Ok(Masks {
            input: mask(batch.gaps.len(), self.shape.embedding, 0)?,
            output: mask(batch.predicted.len(), self.shape.hidden, inputs as u64)?,
        })
    }
}

impl Learner for SetLearner<'_> {
    /// An example of the loop is a whole batch of sequences of about equal length.
    fn examples(&self) -> usize {
        self.training.len()
    }

    fn step(&self, slab: &mut Slab, batch: &train::Batch<'_>) -> Result<Sums> {
        let device = Device::Cpu;
        let step = batch.step * u64::from(batch.rank.count) + u64::from(batch.rank.index);
        let sequences: Vec<Sequence> = batch.examples.iter().flat_map(|&place| self.training[place as usize].iter().copied()).collect();
        let packed = Batch::pack(self.histories, &sequences, &self.frame);
        let variables = Variables::new(self.layout, slab.weights(), &device)?;
        let network = Network { variables: &variables, shape: self.shape, device: &device };
        let (loss, scalar) = self.loss(&network, &packed, step, true)?;
        let gradient = variables.gradient(&scalar)?;
        self.adam.update(slab, self.layout, &gradient, batch.step);
        Ok(Sums { loss, weight: packed.labels.len() as f64 })
    }

    fn validate(&self, slab: &Slab, rank: Rank) -> Result<Sums> {
        let device = Device::Cpu;
        let variables = Variables::new(self.layout, slab.weights(), &device)?;
        let network = Network { variables: &variables, shape: self.shape, device: &device };
        let mut sums = Sums::default();
        let own = (rank.index as usize..self.validation.len()).step_by(rank.count.max(1) as usize);
        for place in own {
            let packed = Batch::pack(self.histories, &self.validation[place], &self.frame);
            if packed.labels.is_empty() {
                continue;
            }
            // The same draws at every validation, and none of training's: what falls is the model's doing.
            let (loss, _) = self.loss(&network, &packed, u64::MAX - place as u64, false)?;
            sums.add(Sums { loss, weight: packed.labels.len() as f64 });
        }
        Ok(sums)
    }
}

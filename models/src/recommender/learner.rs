//! How one training step of the LSTM is done.

use std::ops::Range;

use candle_core::{Device, Tensor};

use super::Histories;
use super::batch::{Batch, Frame, Sequence};
use super::config::{FULL_SOFTMAX, NEGATIVES, dropout};
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
    /// Where validation's sequences lie.
    pub(super) asked: &'a Histories,
    pub(super) frame: Frame<'a>,
    pub(super) shape: Shape,
    pub(super) layout: &'a Layout,
    /// Attribute rows of each item row.
    pub(super) attributes: Vec<&'a [u32]>,
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

    /// Sum of the losses over logits of rows x candidates, which become the slopes of the mean loss: p - y.
    ///
    /// To each logit tau x log prior of the market is added and the log chance to be here taken off, except for the
    /// row's own labels, which are always here. One pass over each row while it is near, instead of a dozen over all.
    fn cross_entropy(&self, batch: &Batch, candidates: &Candidates, logits: &mut [f32]) -> f64 {
        let count = batch.labels.len() as f32;
        let width = logits.len() / batch.labels.len().max(1);
        let adjustments: Vec<Vec<f32>> = self.popularity.log_prior.iter().map(|prior| self.adjustment(prior, candidates)).collect();
        let mut loss = 0.0;
        for ((market, labels), row) in batch.markets.iter().zip(&batch.labels).zip(logits.chunks_mut(width.max(1))) {
            for (logit, added) in row.iter_mut().zip(&adjustments[*market as usize]) {
                *logit += added;
            }
            let places: Vec<usize> = match &candidates.rows {
                None => labels.iter().map(|&label| label as usize).collect(),
                Some(rows) => labels.iter().filter_map(|label| rows.binary_search(label).ok()).collect(),
            };
            for &place in places.iter().filter(|_| candidates.rows.is_some()) {
                row[place] += candidates.log_inclusion[place];
            }
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let share = 1.0 / labels.len() as f32;
            let hit: f32 = places.iter().map(|&place| share * (row[place] - most)).sum();
            let mut total = 0.0_f32;
            for logit in row.iter_mut() {
                *logit = (*logit - most).exp();
                total += *logit;
            }
            loss += f64::from(total.ln() - hit);
            let scale = 1.0 / (total * count);
            for logit in row.iter_mut() {
                *logit *= scale;
            }
            for place in places {
                row[place] -= share / count;
            }
        }
        loss
    }

    /// What is added to the candidates' logits in one market.
    fn adjustment(&self, prior: &[f32], candidates: &Candidates) -> Vec<f32> {
        let tau = self.tau as f32;
        match &candidates.rows {
            None => prior.iter().map(|prior| tau * prior).collect(),
            Some(rows) => rows.iter().zip(&candidates.log_inclusion).map(|(&row, chance)| tau * prior[row as usize] - chance).collect(),
        }
    }

    /// The item rows that a batch touches: those of its sequences and of its candidates.
    fn touched(&self, batch: &mut Batch, candidates: &Candidates) -> Touched {
        let Some(candidates) = &candidates.rows else {
            return Touched { rows: None, shape: self.shape, candidates: Vec::new() };
        };
        let mut rows: Vec<u32> = batch.line_groups.iter().chain(candidates).copied().collect();
        rows.sort_unstable();
        rows.dedup();
        let place = |row: &u32| rows.partition_point(|other| other < row) as u32;
        batch.line_groups = batch.line_groups.iter().map(place).collect();
        let candidates = candidates.iter().map(place).collect();
        Touched { shape: Shape { groups: rows.len(), ..self.shape }, rows: Some(rows), candidates }
    }

    /// Sum of the losses, and a scalar whose gradient is that of their mean. `network` holds the touched rows only.
    fn loss(
        &self,
        network: &Network<'_>,
        batch: &Batch,
        (candidates, touched): (&Candidates, &Touched),
        masks: Option<&Masks>,
    ) -> Result<(f64, Tensor)> {
        let device = network.device;
        let lines = match &touched.rows {
            None => AttributeLines::new(self.attributes.iter().copied()),
            Some(rows) => AttributeLines::new(rows.iter().map(|&row| self.attributes[row as usize])),
        };
        let items = network.items(network.variables.get("item.table")?, &lines)?;
        let interests = network.forward(&items, batch, masks)?;
        let bias = network.variables.get("item.bias")?;
        let (items, bias) = if touched.rows.is_none() {
            (items, bias.clone())
        } else {
            let rows = Tensor::from_slice(&touched.candidates, touched.candidates.len(), device)?;
            (items.index_select(&rows, 0)?, bias.index_select(&rows, 0)?)
        };
        let logits = interests.matmul(&items.t()?)?.broadcast_add(&bias)?;
        // The gradient of the softmax is written down: p - y. So the tape holds one product on the widest tensor there is.
        let mut slopes = logits.flatten_all()?.to_vec1::<f32>()?;
        let loss = self.cross_entropy(batch, candidates, &mut slopes);
        let slopes = Tensor::from_vec(slopes, logits.shape(), device)?;
        Ok((loss, (logits * slopes)?.sum_all()?))
    }

    fn masks(&self, batch: &Batch, step: u64, device: &Device) -> Result<Masks> {
        let rate = dropout(self.frame.target);
        let mask = |rows: usize, width: usize, offset: u64| {
            let kept = |place: u64| uniform(self.seed, Use::Dropout, step, offset + place) >= rate;
            let values: Vec<f32> =
                (0..(rows * width) as u64).map(|place| if kept(place) { 1.0 / (1.0 - rate) as f32 } else { 0.0 }).collect();
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
        let mut packed = Batch::pack(self.histories, &sequences, &self.frame);
        let candidates = self.candidates(&packed, step);
        let touched = self.touched(&mut packed, &candidates);
        let layout = touched.shape.layout();
        let runs = touched.runs(self.layout);
        let variables = Variables::new(&layout, &gather(slab.weights(), &runs), &device)?;
        let network = Network { variables: &variables, shape: touched.shape, device: &device };
        let masks = self.masks(&packed, step, &device)?;
        let (loss, scalar) = self.loss(&network, &packed, (&candidates, &touched), Some(&masks))?;
        let gradient = variables.gradient(&scalar)?;
        self.adam.update_runs(slab, &runs, &gradient, batch.step);
        Ok(Sums { loss, weight: packed.labels.len() as f64 })
    }

    fn validate(&self, slab: &Slab, rank: Rank) -> Result<Sums> {
        let device = Device::Cpu;
        let mut sums = Sums::default();
        let own = (rank.index as usize..self.validation.len()).step_by(rank.count.max(1) as usize);
        for place in own {
            let mut packed = Batch::pack(self.asked, &self.validation[place], &self.frame);
            if packed.labels.is_empty() {
                continue;
            }
            // The same draws at every validation, and none of training's: what falls is the model's doing.
            let candidates = self.candidates(&packed, u64::MAX - place as u64);
            let touched = self.touched(&mut packed, &candidates);
            let layout = touched.shape.layout();
            let variables = Variables::new(&layout, &gather(slab.weights(), &touched.runs(self.layout)), &device)?;
            let network = Network { variables: &variables, shape: touched.shape, device: &device };
            let (loss, _) = self.loss(&network, &packed, (&candidates, &touched), None)?;
            sums.add(Sums { loss, weight: packed.labels.len() as f64 });
        }
        Ok(sums)
    }
}

/// The part of the item table that one batch reads and moves. The rest of a large table costs nothing.
struct Touched {
    /// Item rows, ascending; `None`: all of them.
    rows: Option<Vec<u32>>,
    /// Sizes of a network that has these rows only.
    shape: Shape,
    /// Places of the candidates among `rows`.
    candidates: Vec<u32>,
}

impl Touched {
    /// Where the small network's weights lie in the whole one's, in their order.
    fn runs(&self, layout: &Layout) -> Vec<Range<usize>> {
        let Some(rows) = &self.rows else { return layout.tensors().iter().map(crate::slab::Tensor::range).collect() };
        let mut runs = Vec::with_capacity(2 * rows.len() + layout.tensors().len());
        for tensor in layout.tensors() {
            let range = tensor.range();
            let width = match tensor.name.as_str() {
                "item.table" => self.shape.embedding,
                "item.bias" => 1,
                _ => {
                    runs.push(range);
                    continue;
                }
            };
            runs.extend(rows.iter().map(|&row| range.start + row as usize * width..range.start + (row as usize + 1) * width));
        }
        runs
    }
}

/// The weights of some runs, one after the other.
fn gather(weights: &[f32], runs: &[Range<usize>]) -> Vec<f32> {
    runs.iter().flat_map(|run| weights[run.clone()].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_network_is_the_whole_one_without_the_rows_that_a_batch_leaves_alone() {
        let whole = Shape { groups: 9, attributes: 2, embedding: 3, hidden: 4 };
        let layout = whole.layout();
        let weights = layout.initial(5);
        let touched = Touched { rows: Some(vec![2, 5, 8]), shape: Shape { groups: 3, ..whole }, candidates: Vec::new() };
        let small = touched.shape.layout();
        let part = gather(&weights, &touched.runs(&layout));
        assert_eq!(part.len(), small.len());
        let (table, own) = (layout.slice(&weights, "item.table").unwrap(), small.slice(&part, "item.table").unwrap());
        for (place, row) in [2, 5, 8].into_iter().enumerate() {
            assert_eq!(own[place * 3..(place + 1) * 3], table[row * 3..(row + 1) * 3]);
        }
        for name in ["item.attributes", "lstm.input", "output.bias"] {
            assert_eq!(small.slice(&part, name).unwrap(), layout.slice(&weights, name).unwrap(), "{name}");
        }
        let all = Touched { rows: None, shape: whole, candidates: Vec::new() };
        assert_eq!(gather(&weights, &all.runs(&layout)), weights);
    }
}

//! The discrete hazard head on a survival table, for comparison with published figures; the intent model never uses
//! the ranking term, which costs calibration.
//!
//! `zstd -dc survival_support.csv.zst | hazard-head`: columns split (train, test), time, event, x0, x1, ... It prints
//! the time-dependent concordance of the mean of five networks on the test rows.

use std::io::Read as _;

use candle_core::{D, Device, Tensor};
use reprise_models::draw::{self, Use};
use reprise_models::graph::Variables;
use reprise_models::learn::{Error, Result};
use reprise_models::metrics::{Followed, concordance};
use reprise_models::optimizer::{Adam, Schedule};
use reprise_models::slab::{Layout, Slab, Start};

const BINS: usize = 20;
const HIDDEN: usize = 128;
const MEMBERS: u64 = 5;
const EPOCHS: u64 = 40;
const BATCH: usize = 256;
const DROPOUT: f64 = 0.4;
/// Weight and scale of the ranking term (Lee et al. 2018).
const RANKING: (f64, f64) = (5.0, 0.1);
/// How strongly neighbouring bins are pulled together.
const SMOOTH: f64 = 1e-3;

/// Rows of one split.
#[derive(Default)]
struct Rows {
    inputs: Vec<Vec<f64>>,
    times: Vec<f64>,
    events: Vec<bool>,
}

fn read(text: &str) -> Result<(Rows, Rows)> {
    let (mut train, mut test) = (Rows::default(), Rows::default());
    for (number, line) in text.lines().enumerate().skip(1) {
        let mut cells = line.split(',');
        let split = cells.next();
        let numbers: Vec<f64> = cells
            .map(|cell| cell.trim().parse::<f64>().map_err(|_| Error::Data(format!("line {}: not a number; clean the table", number + 1))))
            .collect::<Result<_>>()?;
        let rows = if split == Some("train") { &mut train } else { &mut test };
        if numbers.len() < 3 {
            return Err(Error::Data(format!("line {}: needs split, time, event and inputs", number + 1)));
        }
        rows.times.push(numbers[0]);
        rows.events.push(numbers[1] > 0.5);
        rows.inputs.push(numbers[2..].to_vec());
    }
    if train.times.is_empty() || test.times.is_empty() {
        return Err(Error::Data("needs train and test rows".to_owned()));
    }
    Ok((train, test))
}

/// Standard scores of every column, and ranks of those that are continuous.
fn features(rows: &[Vec<f64>], reference: &[Vec<f64>]) -> Vec<f32> {
    let columns = reference[0].len();
    let sorted: Vec<Vec<f64>> = (0..columns)
        .map(|column| {
            let mut values: Vec<f64> = reference.iter().map(|row| row[column]).collect();
            values.sort_by(f64::total_cmp);
            values
        })
        .collect();
    let mut all = Vec::new();
    for row in rows {
        for (value, sorted) in row.iter().zip(&sorted) {
            let count = sorted.len() as f64;
            let mean = sorted.iter().sum::<f64>() / count;
            let deviation = (sorted.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count).sqrt() + 1e-9;
            all.push(((value - mean) / deviation).clamp(-4.0, 4.0) as f32);
            let distinct = 1 + sorted.windows(2).filter(|pair| pair[0] < pair[1]).count();
            if distinct > 10 {
                let rank = sorted.partition_point(|other| other < value) as f64 / count;
                all.push(((rank - 0.5) * 3.4) as f32);
            }
        }
    }
    all
}

/// Edges between bins: quantiles of the times of events.
fn edges(rows: &Rows) -> Vec<f64> {
    let mut times: Vec<f64> = rows.times.iter().zip(&rows.events).filter(|(_, event)| **event).map(|(time, _)| *time).collect();
    times.sort_by(f64::total_cmp);
    let quantile = |share: f64| {
        let place = share * (times.len() - 1) as f64;
        let low = place.floor() as usize;
        times[low] + (times[(low + 1).min(times.len() - 1)] - times[low]) * (place - low as f64)
    };
    let mut edges: Vec<f64> = (1..BINS).map(|bin| quantile(bin as f64 / BINS as f64)).collect();
    edges.dedup();
    edges
}

/// The bin of a time.
fn bin(edges: &[f64], time: f64) -> usize {
    edges.partition_point(|edge| *edge <= time)
}

struct Head<'a> {
    rows: &'a Rows,
    features: &'a [f32],
    width: usize,
    edges: &'a [f64],
    layout: Layout,
}

impl<'a> Head<'a> {
    fn new(rows: &'a Rows, features: &'a [f32], edges: &'a [f64]) -> Self {
        let width = features.len() / rows.times.len();
        let spread = |inputs: usize| Start::Uniform((6.0 / inputs as f32).sqrt());
        let layout = Layout::new()
            .decayed("0.weight", &[width, HIDDEN], spread(width))
            .free("0.bias", &[1, HIDDEN], Start::Zero)
            .decayed("1.weight", &[HIDDEN, HIDDEN], spread(HIDDEN))
            .free("1.bias", &[1, HIDDEN], Start::Zero)
            .decayed("2.weight", &[HIDDEN, edges.len() + 1], Start::Uniform(0.1 * (6.0 / HIDDEN as f32).sqrt()))
            .free("2.bias", &[1, edges.len() + 1], Start::Zero);
        Self { rows, features, width, edges, layout }
    }

    /// Log hazard of each bin.
    fn forward(tensors: &Variables<'_>, inputs: &Tensor, dropout: Option<(u64, u64)>) -> Result<Tensor> {
        let mut layer = inputs.clone();
        for number in 0..2_u64 {
            layer =
                layer.matmul(tensors.get(&format!("{number}.weight"))?)?.broadcast_add(tensors.get(&format!("{number}.bias"))?)?.relu()?;
            if let Some((seed, step)) = dropout {
                let count = layer.elem_count() as u64;
                let keep = |index: u64| draw::uniform(seed, Use::Dropout, step, (index << 1) | number) >= DROPOUT;
                let mask: Vec<f32> = (0..count).map(|index| if keep(index) { 1.0 / (1.0 - DROPOUT) as f32 } else { 0.0 }).collect();
                layer = (layer.clone() * Tensor::from_vec(mask, layer.shape(), &Device::Cpu)?)?;
            }
        }
        Ok(layer.matmul(tensors.get("2.weight")?)?.broadcast_add(tensors.get("2.bias")?)?.clamp(-12_f32, 2_f32)?)
    }

    fn inputs(&self, rows: &[u32]) -> Result<Tensor> {
        let values: Vec<f32> = rows.iter().flat_map(|row| &self.features[*row as usize * self.width..][..self.width]).copied().collect();
        Ok(Tensor::from_vec(values, (rows.len(), self.width), &Device::Cpu)?)
    }

    /// Likelihood and ranking term of a batch.
    fn loss(&self, tensors: &Variables<'_>, batch: &[u32], draws: (u64, u64)) -> Result<Tensor> {
        let (count, bins) = (batch.len(), self.edges.len() + 1);
        let (mut seen, mut event) = (vec![0_f32; count * bins], vec![0_f32; count * bins]);
        let mut later = vec![0_f32; count * count];
        let mut pairs = 0.0_f64;
        for (place, row) in batch.iter().map(|row| *row as usize).enumerate() {
            let own = bin(self.edges, self.rows.times[row]);
            seen[place * bins..place * bins + own].fill(1.0);
            if self.rows.events[row] {
                event[place * bins + own] = 1.0;
                for (other, second) in batch.iter().enumerate() {
                    if self.rows.times[*second as usize] > self.rows.times[row] {
                        later[place * count + other] = 1.0;
                        pairs += 1.0;
                    }
                }
            }
        }
        let tensor = |values: Vec<f32>, columns: usize| Tensor::from_vec(values, (count, columns), &Device::Cpu);
        let (seen, event, later) = (tensor(seen, bins)?, tensor(event, bins)?, tensor(later, count)?);
        let hazard = Self::forward(tensors, &self.inputs(batch)?, Some(draws))?.exp()?;
        let bought = (1.0 - hazard.neg()?.exp()?)?.clamp(1e-7_f32, 1_f32)?.log()?;
        let likelihood = ((&hazard * &seen)? - (bought * &event)?)?.sum(D::Minus1)?.mean_all()?;
        let survival = hazard.cumsum(1)?.neg()?.exp()?;
        let own = (&survival * &event)?.sum_keepdim(1)?;
        let others = event.matmul(&survival.t()?)?;
        let apart = (own.broadcast_sub(&others)? * (1.0 / RANKING.1))?.exp()?;
        let ranking = ((apart * later)?.sum_all()? * (RANKING.0 / pairs.max(1.0)))?;
        let weight = tensors.get("2.weight")?;
        let steps = (weight.narrow(1, 1, bins - 1)? - weight.narrow(1, 0, bins - 1)?)?;
        Ok(((likelihood + ranking)? + (steps.sqr()?.sum_all()? * (SMOOTH / 2.0))?)?)
    }

    fn train(&self, seed: u64) -> Result<Vec<f32>> {
        let batches = (self.rows.times.len() / BATCH).max(1) as u64;
        let steps = EPOCHS * batches;
        let adam = Adam { rate: 1.5e-3, decay: 1e-2, schedule: Schedule::Cosine, steps, ..Adam::default() };
        let mut weights = self.layout.initial(seed);
        for (place, value) in self.layout.tensor("2.bias")?.range().zip(self.base()) {
            weights[place] = value;
        }
        let mut slab = Slab::new(&weights);
        for epoch in 0..EPOCHS {
            let order = draw::permutation(seed, Use::Order, epoch, self.rows.times.len());
            for (batch, rows) in order.chunks(order.len().div_ceil(batches as usize)).enumerate() {
                let step = epoch * batches + batch as u64;
                let tensors = Variables::new(&self.layout, slab.weights(), &Device::Cpu)?;
                let gradient = tensors.gradient(&self.loss(&tensors, rows, (seed, step))?)?;
                adam.update(&mut slab, &self.layout, &gradient, step);
            }
        }
        Ok(slab.weights().to_vec())
    }

    /// Log hazard of each bin without inputs.
    fn base(&self) -> Vec<f32> {
        let (mut events, mut seen) = (vec![1.0; self.edges.len() + 1], vec![2.0; self.edges.len() + 1]);
        for (time, event) in self.rows.times.iter().zip(&self.rows.events) {
            let own = bin(self.edges, *time);
            seen[..own].iter_mut().for_each(|count| *count += 1.0);
            if *event {
                seen[own] += 1.0;
                events[own] += 1.0;
            }
        }
        events.iter().zip(seen).map(|(events, seen): (&f64, f64)| (events / seen).ln() as f32).collect()
    }
}

/// Cumulative hazard at a time, constant inside a bin.
fn at(hazards: &[f64], edges: &[f64], last: f64, time: f64) -> f64 {
    let own = bin(edges, time);
    let from = if own == 0 { 0.0 } else { edges[own - 1] };
    let to = edges.get(own).copied().unwrap_or(last.max(from) + 1e-6);
    hazards[..own].iter().sum::<f64>() + hazards[own] * ((time - from) / (to - from)).clamp(0.0, 1.0)
}

fn main() -> Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| Error::Data(format!("standard input: {error}")))?;
    let (train, test) = read(&text)?;
    let edges = edges(&train);
    let (own, asked) = (features(&train.inputs, &train.inputs), features(&test.inputs, &train.inputs));
    let head = Head::new(&train, &own, &edges);
    let served = Head::new(&test, &asked, &edges);
    let all: Vec<u32> = (0..test.times.len() as u32).collect();
    let mut hazards = vec![vec![0.0; edges.len() + 1]; test.times.len()];
    for seed in 0..MEMBERS {
        let weights = head.train(seed)?;
        let tensors = Variables::new(&head.layout, &weights, &Device::Cpu)?;
        let found = Head::forward(&tensors, &served.inputs(&all)?, None)?.exp()?.to_vec2::<f32>()?;
        for (sum, found) in hazards.iter_mut().zip(found) {
            sum.iter_mut().zip(found).for_each(|(sum, value)| *sum += f64::from(value) / MEMBERS as f64);
        }
    }
    let mut times = test.times.clone();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let last = times.last().copied().unwrap_or(0.0);
    let survival: Vec<Vec<f64>> =
        hazards.iter().map(|hazards| times.iter().map(|time| (-at(hazards, &edges, last, *time)).exp()).collect()).collect();
    let followed: Vec<Followed<'_>> = survival
        .iter()
        .enumerate()
        .map(|(row, survival)| Followed {
            survival,
            bin: times.partition_point(|time| *time < test.times[row]),
            happened: test.events[row],
        })
        .collect();
    let value = concordance(&followed).ok_or_else(|| Error::Data("no comparable pair in the test rows".to_owned()))?;
    print(&format!("train {} test {} concordance {value:.4}", train.times.len(), test.times.len()));
    Ok(())
}

/// To standard output: an example has nobody else to tell.
#[expect(clippy::print_stdout, reason = "the figure is the example's only result")]
fn print(line: &str) {
    println!("{line}");
}

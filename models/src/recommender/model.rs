//! A trained recommender: its files, and the LSTM's answer for every group of any catalogue.

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::baskets::BasketFinder;
use super::batch::{Batch, Frame};
use super::config::BLOCK;
use super::features::{FEATURES, NEW_FEATURES, unfitted};
use super::lists::ListPolicy;
use super::network::{AttributeLines, Network, Shape};
use super::operate::Operating;
use super::paths::PathFinder;
use super::ranker::Ranker;
use super::sources::Content;
use super::tables::Tables;
use super::vocabulary::Vocabulary;
use super::{Histories, RecommenderConfig};
use crate::Day;
use crate::artifact::{self, CONFIG, Files, WEIGHTS};
use crate::catalogue::Catalogue;
use crate::graph::Variables;
use crate::learn::{Error, Result};
use crate::slab::Layout;

/// Counts that the sources beside the LSTM read, and what is bought together.
pub const SOURCES: &str = "sources.json";

/// Everything of a recommender that is neither tensor nor count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stored {
    pub(super) settings: RecommenderConfig,
    pub(super) shape: Shape,
    pub(super) vocabulary: Vocabulary,
    /// Names of the markets, in the order of the tables.
    pub(super) markets: Vec<String>,
    /// The cut: nothing on or after it was read.
    pub(super) cut: Day,
    pub(super) rankers: Rankers,
    pub(super) operating: OperatingPoints,
}

/// How lists are made unless a coverage is asked for: lists of groups of every kind, and of new ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct OperatingPoints {
    pub(super) all: Operating,
    pub(super) new: Operating,
}

impl OperatingPoints {
    /// The one for a policy's lists.
    pub(super) fn of(&self, policy: &ListPolicy) -> &Operating {
        if policy.exclude_owned { &self.new } else { &self.all }
    }
}

/// Weights of the sources, for groups of every kind and for new ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rankers {
    pub(super) all: Ranker,
    pub(super) new: Ranker,
}

impl Default for Rankers {
    /// What serves where no backtest could fit weights: LSTM, neighbours and own purchases alike.
    fn default() -> Self {
        let all = unfitted();
        Self { new: Ranker::fixed(&all[..NEW_FEATURES]), all: Ranker::fixed(&all) }
    }
}

/// A trained recommender.
#[derive(Clone, Debug, PartialEq)]
pub struct RecommenderModel {
    pub(super) stored: Stored,
    pub(super) tables: Tables,
    pub(super) layout: Layout,
    pub(super) weights: Vec<f32>,
}

/// Two groups that stand in the same orders more often than chance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BoughtWith {
    /// The group.
    pub group_id: String,
    /// What stands beside it.
    pub with_group_id: String,
    /// Cosine over orders, 0..=1.
    pub cosine: f32,
}

impl RecommenderModel {
    /// Reads an artifact.
    ///
    /// # Errors
    /// [`Error::Format`] names the file and what is wrong with it.
    pub fn load(files: &Files) -> Result<Self> {
        let stored: Stored = artifact::from_json(files, CONFIG)?;
        let tables: Tables = artifact::from_json(files, SOURCES)?;
        let groups = stored.vocabulary.groups.len();
        let rankers = stored.rankers.all.len() == FEATURES.len() && [NEW_FEATURES, FEATURES.len()].contains(&stored.rankers.new.len());
        if !(tables.is_whole(groups, stored.markets.len()) && rankers && stored.shape.groups == groups) {
            return Err(Error::Format(format!("{SOURCES} does not fit {CONFIG}: they are of two models")));
        }
        let layout = stored.shape.layout();
        let weights = layout.load(artifact::bytes(files, WEIGHTS)?)?;
        Ok(Self { stored, tables, layout, weights })
    }

    /// The artifact's files. Equal models make equal bytes.
    ///
    /// # Errors
    /// [`Error::Format`] when a number is not finite.
    pub fn files(&self) -> Result<Files> {
        Ok(Files::from([
            (WEIGHTS.to_owned(), self.layout.save(&self.weights)?),
            (CONFIG.to_owned(), artifact::to_json(CONFIG, &self.stored)?),
            (SOURCES.to_owned(), artifact::to_json(SOURCES, &self.tables)?),
        ]))
    }

    /// The first day that was not read.
    pub fn cut(&self) -> Day {
        self.stored.cut
    }

    /// Which groups are bought together, by group, the nearest first.
    pub fn bought_with(&self) -> impl Iterator<Item = BoughtWith> {
        let name = |row: usize| self.stored.vocabulary.groups[row].clone();
        let pair = move |row: usize, &(other, cosine): &(u32, f32)| BoughtWith {
            group_id: name(row),
            with_group_id: name(other as usize),
            cosine,
        };
        self.tables.neighbours.iter().enumerate().flat_map(move |(row, near)| near.iter().map(move |other| pair(row, other)))
    }

    /// Makes the model answer in the places of a catalogue, as at the start of a day. Groups that training never saw are known by their
    /// attributes alone.
    ///
    /// # Errors
    /// [`Error::Compute`] when the tensor library fails.
    pub fn bind<'a>(&'a self, catalogue: &'a Catalogue, at: Day) -> Result<Bound<'a>> {
        let device = Device::Cpu;
        let binding = self.stored.vocabulary.bind(catalogue);
        let variables = Variables::new(&self.layout, &self.weights, &device)?;
        let width = self.stored.shape.embedding;
        let table = self.layout.slice(&self.weights, "item.table")?;
        let bias = self.layout.slice(&self.weights, "item.bias")?;
        let mut rows = vec![0.0; binding.rows.len() * width];
        for (own, row) in rows.chunks_mut(width).zip(&binding.rows) {
            if let Some(row) = row {
                own.copy_from_slice(&table[*row as usize * width..(*row as usize + 1) * width]);
            }
        }
        let cold = quartile(bias);
        let bias: Vec<f32> = binding.rows.iter().map(|row| row.map_or(cold, |row| bias[row as usize])).collect();
        let rows = Tensor::from_vec(rows, (binding.rows.len(), width), &device)?;
        let lines = AttributeLines::new(binding.attributes.iter().map(Vec::as_slice));
        let items = Network { variables: &variables, shape: self.stored.shape, device: &device }.items(&rows, &lines)?.detach();
        let count = bias.len();
        let markets: Vec<Option<usize>> =
            catalogue.markets.iter().map(|name| self.stored.markets.iter().position(|own| own == name)).collect();
        let tables = self.tables.rearranged(&binding.rows, &markets);
        Ok(Bound {
            model: self,
            catalogue,
            at,
            paths: PathFinder::new(tables.paths.clone(), count),
            baskets: BasketFinder::new(tables.baskets.clone(), count),
            content: Content::new(&binding.attributes),
            tables,
            places: (0..count as u32).map(Some).collect(),
            columns: items.t()?.contiguous()?,
            items,
            bias: Tensor::from_vec(bias, count, &device)?,
            variables,
            device,
        })
    }
}

/// The bias of a group about which nothing is known: a quarter of the known ones lie below it.
fn quartile(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.get(sorted.len() / 4).copied().unwrap_or(0.0)
}

/// A model that answers in the places of one catalogue, as at the start of one day.
#[derive(Debug)]
pub struct Bound<'a> {
    pub(super) model: &'a RecommenderModel,
    pub(super) catalogue: &'a Catalogue,
    pub(super) at: Day,
    pub(super) tables: Tables,
    pub(super) paths: PathFinder,
    pub(super) baskets: BasketFinder,
    pub(super) content: Content,
    places: Vec<Option<u32>>,
    items: Tensor,
    columns: Tensor,
    bias: Tensor,
    variables: Variables<'a>,
    device: Device,
}

impl Bound<'_> {
    /// The LSTM's logits of every group for each customer, given that the next moment lies shortly after the day.
    /// Customers are worked in blocks of one size, so that an answer does not depend on its neighbours.
    ///
    /// # Errors
    /// [`Error::Compute`] when the tensor library fails.
    pub fn logits(&self, histories: &Histories) -> Result<Vec<Vec<f32>>> {
        let mut order: Vec<usize> = (0..histories.len()).collect();
        order.sort_by_key(|&customer| histories.past(customer).len());
        let mut answers = vec![Vec::new(); histories.len()];
        for block in order.chunks(BLOCK) {
            for (&customer, logits) in block.iter().zip(self.block(histories, block)?) {
                answers[customer] = logits;
            }
        }
        Ok(answers)
    }

    fn block(&self, histories: &Histories, customers: &[usize]) -> Result<Vec<Vec<f32>>> {
        let network = Network { variables: &self.variables, shape: self.model.stored.shape, device: &self.device };
        let longest = customers.iter().map(|&customer| histories.past(customer).len()).max().unwrap_or(0);
        let frame = Frame { target: self.model.stored.settings.target, until: next_moment(self.at), rows: &self.places };
        let zero = Tensor::zeros((BLOCK, self.model.stored.shape.hidden), candle_core::DType::F32, &self.device)?;
        let (mut output, mut cell) = (zero.clone(), zero);
        for back in (0..longest.min(super::config::LENGTH)).rev() {
            let (batch, real) = Batch::slice(histories, customers, back, &frame);
            let inputs = network.inputs(&self.items, &batch)?;
            let (next_output, next_cell) = network.cell(&network.project(&inputs)?, &output, &cell)?;
            let real: Vec<f32> = real.iter().map(|&real| f32::from(u8::from(real))).collect();
            let real = Tensor::from_vec(real, (BLOCK, 1), &self.device)?;
            // Who has no moment here has none before it either: the state stays zero.
            (output, cell) = (next_output.broadcast_mul(&real)?.detach(), next_cell.broadcast_mul(&real)?.detach());
        }
        let logits = network.interests(&output)?.matmul(&self.columns)?.broadcast_add(&self.bias)?;
        Ok(logits.to_vec2::<f32>()?.into_iter().take(customers.len()).collect())
    }
}

/// The day for which lists are made: two weeks on, the middle of the month in which they are read.
pub(super) fn next_moment(at: Day) -> Day {
    at.plus(14)
}

//! Fitting the recommender: the whole procedure at an earlier origin to measure it, then again on everything to serve.

use std::collections::BTreeMap;

use super::backtest::{self, Judged};
use super::batch::{Frame, buckets, sequences};
use super::config::{PATIENCE, batch_size};
use super::learner::{Popularity, SetLearner};
use super::model::{Rankers, RecommenderModel, Stored, next_moment};
use super::network::{AttributeLines, Shape};
use super::operate::Operating;
use super::tables::Tables;
use super::vocabulary::{Binding, Vocabulary};
use super::{Histories, RecommenderConfig, Target, document, start};
use crate::artifact::{ENCODER, Fitted};
use crate::encoder::{Encoder, Fitting, Step, StepKind, steps};
use crate::learn::{Error, Journeys, Rank, Result, Rounds, Stop};
use crate::optimizer::{Adam, Schedule};
use crate::train::{Fit, Outer, Trained, train};
use crate::{Catalogue, Day, Journey, draw};

/// Longest window of the backtest.
const LONGEST_WINDOW: i32 = 90;
/// Shortest window that says anything.
const SHORTEST_WINDOW: i32 = 14;
/// Epochs where no backtest could say how many.
const EPOCHS_UNSEEN: u32 = 10;
/// The full rate of the optimizer.
const RATE: f64 = 3e-3;
/// Local steps between exchanges.
const ROUND_STEPS: u32 = 64;

/// One request to fit a recommender, the same for all ranks apart from `rank`.
pub struct Request<'a> {
    /// See [`RecommenderConfig`].
    pub config: &'a RecommenderConfig,
    /// The catalogue whose indices the journeys use.
    pub catalogue: &'a Catalogue,
    /// Nothing on or after this day is read.
    pub as_of: Day,
    /// See [`Journeys`].
    pub journeys: &'a Journeys<'a>,
    /// An artifact to start from: its groups keep their vectors.
    pub start: Option<&'a RecommenderModel>,
    /// Which of the request's workers this is.
    pub rank: Rank,
    /// Names data and configuration: checkpoints of another digest are refused.
    pub digest: &'a str,
}

/// Fits, measures and refits.
///
/// # Errors
/// [`Error::Data`] when nobody has two moments before the cut; [`Error::Stopped`] after a checkpoint when `stop` was
/// asked; whatever the journeys and the rounds refuse.
pub fn fit(request: &Request<'_>, rounds: &mut dyn Rounds, stop: &Stop) -> Result<Fitted> {
    let origin = backtest_origin(request)?;
    let mut trained: Vec<Trained> = Vec::new();
    let mut measured = None;
    if let Some(origin) = origin {
        let stage = Stage::read(request, origin)?;
        if stage.can_learn(request) {
            let (model, run) = stage.train(request, None, &trained, (rounds, stop))?;
            measured = Some(stage.measure(request, model)?);
            trained.push(run);
        }
    }
    let stage = Stage::read(request, request.as_of)?;
    if !stage.can_learn(request) {
        return Err(Error::Data(format!(
            "no customer has two {} before {}: a recommender learns from what follows; lengthen historyDays or add markets",
            if request.config.target == Target::Purchase { "orders that differ" } else { "moments" },
            request.as_of
        )));
    }
    // As many epochs as were best at the earlier origin; where validation never got better, one.
    let epochs = trained.first().map_or(EPOCHS_UNSEEN.min(request.config.epochs), |run| run.epoch.max(1));
    let (mut model, run) = stage.train(request, Some(epochs), &trained, (rounds, stop))?;
    let (judged, rankers, operating) = measured.unwrap_or_else(|| (Judged::default(), Rankers::default(), Operating::default()));
    (model.stored.rankers, model.stored.operating) = (rankers, operating);
    let metrics = document::document(request, origin, &judged, trained.first().unwrap_or(&run), &model);
    let mut files = model.files()?;
    files.insert(ENCODER.to_owned(), encoder(request)?.to_json()?);
    Ok(Fitted { files, metrics })
}

/// The encoder as of the cut: what scoring reads beside the steps (first baskets, for rules that need no model).
fn encoder(request: &Request<'_>) -> Result<Encoder> {
    let mut fitting = Fitting::new(request.config.seed, request.catalogue);
    (request.journeys)(&mut |journey| {
        fitting.see(journey.as_of(request.as_of));
        Ok(())
    })?;
    fitting.finish()
}

/// The day at which the procedure is measured: a fifth of the history back, at most 90 days; none where that is less
/// than two weeks.
fn backtest_origin(request: &Request<'_>) -> Result<Option<Day>> {
    let mut first: Option<Day> = None;
    (request.journeys)(&mut |journey| {
        let day = steps(journey.as_of(request.as_of)).first().map(|step| step.day);
        first = first.into_iter().chain(day).min();
        Ok(())
    })?;
    let first = first.ok_or_else(|| Error::Data(format!("no order and no event before {}", request.as_of)))?;
    let window = (request.as_of.since(first) / 5).min(LONGEST_WINDOW);
    Ok((window >= SHORTEST_WINDOW).then(|| request.as_of.plus(-window)))
}

/// Everything that is known before one origin.
struct Stage {
    at: Day,
    histories: Histories,
    vocabulary: Vocabulary,
    binding: Binding,
}

impl Stage {
    /// Reads journeys as of `at`, with what follows until the request's cut as labels.
    fn read(request: &Request<'_>, at: Day) -> Result<Self> {
        let mut histories = Histories::default();
        (request.journeys)(&mut |journey| {
            let past = steps(journey.as_of(at));
            if past.is_empty() {
                return Ok(());
            }
            let counts = journey.as_of(at).known() || request.config.target == Target::Event;
            let next = if at < request.as_of && counts { following(&journey, at, request) } else { Vec::new() };
            histories.push(journey.market(), draw::hash(journey.customer()), &past, &next);
            Ok(())
        })?;
        let vocabulary = Vocabulary::of(&histories, request.catalogue);
        let binding = vocabulary.bind(request.catalogue);
        Ok(Self { at, histories, vocabulary, binding })
    }

    fn can_learn(&self, request: &Request<'_>) -> bool {
        !sequences(&self.histories, request.config.target, false, |_| true).is_empty()
    }

    /// Trains the LSTM. Without a number of epochs the customers who choose say when to stop.
    fn train(
        &self,
        request: &Request<'_>,
        epochs: Option<u32>,
        earlier: &[Trained],
        (rounds, stop): (&mut dyn Rounds, &Stop),
    ) -> Result<(RecommenderModel, Trained)> {
        let config = request.config;
        let tables = Tables::of(&self.histories, &self.binding.rows, request.catalogue.markets.len(), self.at, config.target);
        let (embedding, hidden) = (config.embedding, config.hidden);
        let shape = Shape { groups: self.vocabulary.groups.len(), attributes: self.vocabulary.attributes.len(), embedding, hidden };
        let layout = shape.layout();
        let training = sequences(&self.histories, config.target, false, |_| true);
        let size = batch_size(training.len());
        let validation = match epochs {
            None => sequences(&self.histories, config.target, true, |past| backtest::chooses(past, config.seed)),
            Some(_) => Vec::new(),
        };
        let training = buckets(training, size);
        let steps = u64::from(config.epochs) * training.len().div_ceil(request.rank.count.max(1) as usize) as u64;
        let learner = SetLearner {
            histories: &self.histories,
            frame: Frame { target: config.target, until: next_moment(self.at), rows: &self.binding.rows },
            shape,
            layout: &layout,
            attributes: self.attribute_lines(),
            training,
            validation: buckets(validation, size),
            popularity: Popularity::new(&tables.market, shape.groups),
            tau: config.tau,
            adam: Adam { rate: RATE, clip: 5.0, schedule: Schedule::Linear, steps, ..Adam::default() },
            seed: config.seed,
        };
        let mut initial = layout.initial(config.seed);
        start::place_items(&mut initial, &layout, &tables, embedding)?;
        // At an earlier origin it would know what came after: the backtest begins anew.
        if let Some(previous) = request.start.filter(|_| self.at == request.as_of) {
            start::take_over(&mut initial, &layout, &self.vocabulary, previous);
        }
        let run = Fit {
            rank: request.rank,
            seed: config.seed,
            batch: 1,
            epochs: epochs.unwrap_or(config.epochs),
            patience: if epochs.is_some() { 0 } else { PATIENCE },
            round_steps: ROUND_STEPS,
            outer: Outer::default(),
            initial,
            digest: request.digest.to_owned(),
            earlier,
        };
        let trained = train(&run, &learner, rounds, stop)?;
        let stored = Stored {
            settings: config.clone(),
            shape,
            vocabulary: self.vocabulary.clone(),
            markets: request.catalogue.markets.clone(),
            cut: self.at,
            rankers: Rankers::default(),
            operating: Operating::default(),
        };
        Ok((RecommenderModel { stored, tables, layout, weights: trained.weights.clone() }, trained))
    }

    /// Attributes of the item rows, in their order.
    fn attribute_lines(&self) -> AttributeLines {
        let mut by_row = BTreeMap::new();
        for (row, attributes) in self.binding.rows.iter().zip(&self.binding.attributes) {
            if let Some(row) = row {
                by_row.insert(*row, attributes);
            }
        }
        AttributeLines::new(by_row.into_values())
    }

    /// Weights of the sources, then the operating point, then what both are worth.
    fn measure(&self, request: &Request<'_>, mut model: RecommenderModel) -> Result<(Judged, Rankers, Operating)> {
        let seed = request.config.seed;
        model.stored.rankers = backtest::fit_rankers(&model.bind(request.catalogue, self.at)?, &self.histories, seed)?;
        model.stored.operating = backtest::operate(&model.bind(request.catalogue, self.at)?, &self.histories, seed)?;
        let judged = backtest::judge(&model.bind(request.catalogue, self.at)?, &self.histories, seed)?;
        Ok((judged, model.stored.rankers, model.stored.operating))
    }
}

/// The label of a customer: the groups of the first purchase day on or after `at`, or of the first moment.
fn following(journey: &Journey, at: Day, request: &Request<'_>) -> Vec<u32> {
    let later = steps(journey.as_of(request.as_of));
    let counts = |step: &&Step| step.day >= at && (request.config.target == Target::Event || step.kind == StepKind::Order);
    let Some(first) = later.iter().find(counts) else { return Vec::new() };
    let mut groups: Vec<u32> = match request.config.target {
        Target::Event => first.groups.clone(),
        Target::Purchase => {
            later.iter().filter(|step| step.kind == StepKind::Order && step.day == first.day).flat_map(|step| step.groups.clone()).collect()
        }
    };
    groups.sort_unstable();
    groups.dedup();
    groups
}

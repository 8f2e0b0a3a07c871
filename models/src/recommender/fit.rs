//! Fitting the recommender: the whole procedure at an earlier origin to measure it, then again on everything to serve.

use std::collections::BTreeMap;

use super::backtest::{self, Judged, Side};
use super::batch::{Frame, buckets, sequences};
use super::config::{PATIENCE, batch_size};
use super::learner::{Popularity, SetLearner};
use super::model::{OperatingPoints, Rankers, RecommenderModel, Stored, next_moment};
use super::network::Shape;
use super::pairs::Pairs;
use super::tables::Tables;
use super::vocabulary::{Binding, Vocabulary};
use super::{Histories, RecommenderConfig, Target, document, start, trials};
use crate::artifact::{ENCODER, Fitted};
use crate::encoder::{Encoder, Fitting, Step, StepKind, steps};
use crate::learn::{Error, Journeys, Rank, Result, Rounds, Stop};
use crate::optimizer::{Adam, Schedule};
use crate::slab::Layout;
use crate::train::{Fit, Outer, Trained, train};
use crate::{Catalogue, Day, Journey, draw};

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
    /// Nothing before this day is learned to be foreseen, though it is read. `None`: from the beginning.
    pub learn_from: Option<Day>,
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
    let epochs = trained.first().map(|run| run.epoch.max(1));
    let (mut model, run) = stage.train(request, epochs, &trained, (rounds, stop))?;
    let (judged, rankers, operating) = measured.unwrap_or_else(|| (Judged::default(), Rankers::default(), OperatingPoints::default()));
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

/// Windows of the backtest that are tried, in days.
const WINDOWS: [i32; 13] = [1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 75, 90];
/// Share of the most labels that any window has: the shortest window with so many is taken.
const ENOUGH: f64 = 0.95;
/// Labels beyond which no window needs more, where every moment is one.
const ENOUGH_MOMENTS: u64 = 16_000;

/// The day at which the procedure is measured: the shortest window before the cut, at most a fifth of the history,
/// in which about as many customers are seen again as in any. `None` where nobody is.
fn backtest_origin(request: &Request<'_>) -> Result<Option<Day>> {
    let mut first: Option<Day> = None;
    let mut labels = [0_u64; WINDOWS.len()];
    let event = request.config.target == Target::Event;
    (request.journeys)(&mut |journey| {
        let view = journey.as_of(request.as_of);
        let steps = steps(view);
        let Some(start) = steps.first().map(|step| step.day) else { return Ok(()) };
        first = first.into_iter().chain([start]).min();
        for (count, window) in labels.iter_mut().zip(WINDOWS) {
            let at = request.as_of.plus(-window);
            if event {
                *count += steps.iter().skip(1).filter(|step| step.day >= at).count() as u64;
            } else if view.known() && start < at {
                *count += u64::from(steps.iter().any(|step| step.kind == StepKind::Order && step.day >= at));
            }
        }
        Ok(())
    })?;
    let first = first.ok_or_else(|| Error::Data(format!("no order and no event before {}", request.as_of)))?;
    let longest = request.as_of.since(request.learn_from.map_or(first, |from| from.max(first))) / 5;
    let allowed = || WINDOWS.into_iter().zip(labels).filter(|&(window, _)| window <= longest);
    let most = allowed().map(|(_, count)| count).max().unwrap_or(0);
    let needed = if event { most.min(ENOUGH_MOMENTS) as f64 } else { ENOUGH * most as f64 };
    let window = allowed().find(|&(_, count)| count > 0 && count as f64 >= needed);
    Ok(window.map(|(window, _)| request.as_of.plus(-window)))
}

/// Everything that is known before one origin.
struct Stage {
    at: Day,
    /// What is learned from.
    histories: Histories,
    /// What is asked at the origin, with the answers; empty where the cut is the origin.
    asked: Histories,
    vocabulary: Vocabulary,
    binding: Binding,
}

impl Stage {
    /// Reads journeys as of `at`, with what follows until the request's cut as labels.
    fn read(request: &Request<'_>, at: Day) -> Result<Self> {
        let (mut histories, mut questions) = (Histories::learning_from(request.learn_from), Questions::default());
        (request.journeys)(&mut |journey| {
            let past = steps(journey.as_of(at));
            let hash = draw::hash(journey.customer());
            if !past.is_empty() {
                histories.push(journey.market(), hash, &past, &[]);
            }
            if at < request.as_of {
                questions.see(&journey, (&past, hash), at, request);
            }
            Ok(())
        })?;
        let asked = questions.finish();
        let vocabulary = Vocabulary::of(&histories, request.catalogue);
        let binding = vocabulary.bind(request.catalogue);
        Ok(Self { at, histories, asked, vocabulary, binding })
    }

    fn can_learn(&self, request: &Request<'_>) -> bool {
        !sequences(&self.histories, request.config.target, false, |_| true).is_empty()
    }

    /// Trains the LSTM. Without a number of epochs those who choose say when to stop, where anybody is asked.
    fn train(
        &self,
        request: &Request<'_>,
        epochs: Option<u32>,
        earlier: &[Trained],
        (rounds, stop): (&mut dyn Rounds, &Stop),
    ) -> Result<(RecommenderModel, Trained)> {
        let config = request.config;
        let tables = Tables::of(&self.histories, &self.binding.rows, request.catalogue.markets.len(), (self.at, config.target))?;
        let (embedding, hidden) = (config.embedding, config.hidden);
        let shape = Shape { groups: self.vocabulary.groups.len(), attributes: self.vocabulary.attributes.len(), embedding, hidden };
        let layout = shape.layout();
        let training = sequences(&self.histories, config.target, false, |_| true);
        let size = batch_size(training.len());
        let validation = match epochs {
            None => sequences(&self.asked, config.target, true, |past| backtest::chooses(past, config.seed)),
            Some(_) => Vec::new(),
        };
        let validates = !validation.is_empty();
        let training = buckets(training, size);
        let most = epochs.unwrap_or_else(|| config.epochs(training.len()));
        let steps = u64::from(most) * training.len().div_ceil(request.rank.count.max(1) as usize) as u64;
        let learner = SetLearner {
            histories: &self.histories,
            asked: &self.asked,
            frame: Frame { target: config.target, until: next_moment(self.at), rows: &self.binding.rows },
            shape,
            layout: &layout,
            attributes: self.attributes(),
            training,
            validation: buckets(validation, size),
            popularity: Popularity::new(&tables.market, shape.groups),
            tau: config.tau,
            adam: Adam { rate: RATE, clip: 5.0, schedule: Schedule::LinearTenth, steps, ..Adam::default() },
            seed: config.seed,
        };
        let run = Fit {
            rank: request.rank,
            seed: config.seed,
            batch: 1,
            epochs: most,
            patience: if validates { PATIENCE } else { 0 },
            round_steps: ROUND_STEPS,
            outer: Outer::default(),
            initial: self.initial(request, &layout)?,
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
            operating: OperatingPoints::default(),
        };
        Ok((RecommenderModel { stored, tables, layout, weights: trained.weights.clone() }, trained))
    }

    /// The weights that training starts from.
    fn initial(&self, request: &Request<'_>, layout: &Layout) -> Result<Vec<f32>> {
        let config = request.config;
        let mut initial = layout.initial(config.seed);
        let information = Pairs::new(&self.histories, &self.binding.rows, self.vocabulary.groups.len(), config.target).information();
        start::place_items(&mut initial, layout, &information, (config.embedding, config.seed))?;
        // At an earlier origin it would know what came after: the backtest begins anew.
        if let Some(previous) = request.start.filter(|_| self.at == request.as_of) {
            start::take_over(&mut initial, layout, &self.vocabulary, previous);
        }
        Ok(initial)
    }

    /// Attributes of the item rows, in their order.
    fn attributes(&self) -> Vec<&[u32]> {
        let mut by_row = vec![&[][..]; self.vocabulary.groups.len()];
        for (row, attributes) in self.binding.rows.iter().zip(&self.binding.attributes) {
            if let Some(row) = row {
                by_row[*row as usize] = attributes;
            }
        }
        by_row
    }

    /// Weights of the sources, then the operating point, then what both are worth to those who did not choose. In the
    /// end the weights are fitted once more, on everybody: they serve.
    fn measure(&self, request: &Request<'_>, mut model: RecommenderModel) -> Result<(Judged, Rankers, OperatingPoints)> {
        let seed = request.config.seed;
        let weights = |model: &RecommenderModel, side: Side| {
            backtest::fit_rankers(&model.bind(request.catalogue, self.at)?, &self.asked, (seed, side))
        };
        model.stored.rankers = weights(&model, Side::Choosers)?;
        let people = (&self.asked, &self.histories);
        model.stored.operating = trials::operate(&model.bind(request.catalogue, self.at)?, people, seed)?;
        let judged = backtest::judge(&model.bind(request.catalogue, self.at)?, people, seed)?;
        Ok((judged, weights(&model, Side::Everybody)?, model.stored.operating))
    }
}

/// Most questions that a backtest asks.
const MOST_QUESTIONS: usize = 20_000;

/// Market, hash of the customer, what is known, and what follows.
type Question = (u16, u64, Vec<Step>, Vec<u32>);

/// The questions of a backtest: of more than can be asked, those of the smallest draws.
#[derive(Default)]
struct Questions {
    kept: BTreeMap<(u64, usize), Question>,
}

impl Questions {
    /// Asks about one journey: what follows at `at` where orders are the target, every later moment where events are.
    fn see(&mut self, journey: &Journey, (past, hash): (&[Step], u64), at: Day, request: &Request<'_>) {
        let later = steps(journey.as_of(request.as_of));
        if request.config.target == Target::Event {
            for place in (1..later.len()).filter(|&place| later[place].day >= at) {
                self.keep((draw::mix(hash ^ place as u64), place), (journey.market(), hash), &later[..place], &later[place].groups);
            }
            return;
        }
        let orders = || later.iter().filter(|step| step.kind == StepKind::Order && step.day >= at);
        let Some(first) = orders().next().filter(|_| journey.as_of(at).known() && !past.is_empty()) else { return };
        let mut groups: Vec<u32> = orders().filter(|step| step.day == first.day).flat_map(|step| step.groups.clone()).collect();
        groups.sort_unstable();
        groups.dedup();
        self.keep((draw::mix(hash), 0), (journey.market(), hash), past, &groups);
    }

    fn keep(&mut self, key: (u64, usize), (market, hash): (u16, u64), past: &[Step], groups: &[u32]) {
        if self.kept.len() == MOST_QUESTIONS && self.kept.last_key_value().is_some_and(|(last, _)| key > *last) {
            return;
        }
        self.kept.insert(key, (market, hash, past.to_vec(), groups.to_vec()));
        if self.kept.len() > MOST_QUESTIONS {
            self.kept.pop_last();
        }
    }

    fn finish(self) -> Histories {
        let mut asked = Histories::default();
        for (market, hash, past, groups) in self.kept.into_values() {
            asked.push(market, hash, &past, &groups);
        }
        asked
    }
}

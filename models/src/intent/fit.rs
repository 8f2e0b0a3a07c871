//! Fitting the intent model: the whole procedure at an earlier origin to measure it, then again on everything to serve.

use super::backtest::Tested;
use super::cohorts::Cohorts;
use super::config::IntentConfig;
use super::learner::IntentLearner;
use super::level::{Calibration, FEW_EVENTS, Recent, WEEKS};
use super::linear::{Linear, Problem};
use super::model::{IntentModel, IntentRow};
use super::offset::Offset;
use super::season::Volume;
use super::{backtest, document, periods, start};
use crate::artifact::Fitted;
use crate::encoder::{Bound, Fitting};
use crate::examples::{Dataset, Landmarks, Split, examples, only_purchase};
use crate::learn::{Error, Journeys, Rank, Result, Rounds, Stop};
use crate::train::{Fit, Trained, train};
use crate::{Catalogue, Day};

/// Examples that landmarks are drawn for until there are about so many.
const EXAMPLES: u64 = 60_000;
/// Most landmarks of one customer.
const MOST_LANDMARKS: u64 = 13;
/// Second purchases below which an earlier origin is not measured.
const FEWEST_EVENTS: u64 = 20;

/// What is known of the data beside the journeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Nothing on or after this day is read.
    pub as_of: Day,
    /// Nobody is an example before this day; who bought how often is known all the same. `None`: from the beginning.
    pub learn_from: Option<Day>,
    /// Days after the first order of the extract in which a first purchase is not known to be one.
    pub burn_in_days: u16,
}

/// One request to fit an intent model, the same for all ranks apart from `rank`.
pub struct Request<'a> {
    /// See [`IntentConfig`].
    pub config: &'a IntentConfig,
    /// The catalogue whose indices the journeys use.
    pub catalogue: &'a Catalogue,
    /// See [`Facts`].
    pub facts: Facts,
    /// See [`Journeys`].
    pub journeys: &'a Journeys<'a>,
    /// An artifact to start from: features and markets of the same name keep their weights.
    pub start: Option<&'a IntentModel>,
    /// Which of the request's workers this is.
    pub rank: Rank,
    /// Names data and configuration: checkpoints of another digest are refused.
    pub digest: &'a str,
}

/// What one pass over the journeys as of an origin gives.
pub(super) struct Past {
    pub(super) model: IntentModel,
    pub(super) cohorts: Cohorts,
    /// First purchases before this day are not known to be first ones.
    pub(super) known_from: Day,
    /// See [`Facts::learn_from`].
    learn_from: Option<Day>,
    /// First day with an order.
    pub(super) start: Day,
    /// Contacts seen, and those that one of our own plans caused.
    pub(super) contacts: (u64, u64),
}

/// Fits, measures and refits. Needs one-time customers and second purchases before the cut; what is missing is named.
///
/// The whole procedure runs at earlier origins first, each knowing nothing of what came after it; what it said there
/// is what is reported. Nothing is chosen by these figures.
pub fn fit(request: &Request<'_>, rounds: &mut dyn Rounds, stop: &Stop) -> Result<Fitted> {
    let start = first_order(request)?;
    let mut trained: Vec<Trained> = Vec::new();
    let mut tested = Tested::new(request.config);
    let learned = request.facts.learn_from.unwrap_or(start).max(start);
    for origin in backtest::origins(learned, request.facts.as_of, request.config.horizon_weeks) {
        let mut past = learn_past(request, origin, start)?;
        if past.totals(request.catalogue).1 < FEWEST_EVENTS {
            continue;
        }
        let run = train_at(request, &mut past, origin, &trained, (&mut *rounds, stop))?;
        trained.push(run);
        tested.measure(request, &past, origin)?;
    }
    let mut past = learn_past(request, request.facts.as_of, start)?;
    let run = train_at(request, &mut past, request.facts.as_of, &trained, (&mut *rounds, stop))?;
    let tested = (!tested.is_empty()).then_some(&tested);
    let scores = recent_scores(request, &past)?;
    let metrics = document::document(request, &past, (tested, &scores), &run);
    Ok(Fitted { files: past.model.save()?, metrics })
}

/// The first day with an order.
fn first_order(request: &Request<'_>) -> Result<Day> {
    let mut first: Option<Day> = None;
    (request.journeys)(&mut |journey| {
        let day = journey.first_order_day().filter(|day| *day < request.facts.as_of);
        first = first.into_iter().chain(day).min();
        Ok(())
    })?;
    first.ok_or_else(|| Error::Data(format!("no order before {}: an intent model needs purchases", request.facts.as_of)))
}

/// Everything that is fitted by counting, from rows before `origin`.
fn learn_past(request: &Request<'_>, origin: Day, start: Day) -> Result<Past> {
    let known_from = start.plus(i32::from(request.facts.burn_in_days));
    let mut contacts = (0, 0);
    let mut fitting = Fitting::new(request.config.seed, request.catalogue);
    let (mut volume, mut cohorts) = (Volume::default(), Cohorts::from(request.facts.learn_from));
    (request.journeys)(&mut |journey| {
        let view = journey.as_of(origin);
        fitting.see(view);
        contacts.0 += view.contacts().len() as u64;
        contacts.1 += view.contacts().iter().filter(|contact| contact.planned).count() as u64;
        for day in view.purchase_days() {
            volume.add(view.market(), day);
        }
        // Asked as of the day after the first purchase: whoever came back later counts, too.
        let first = journey.first_order_day().filter(|first| *first < origin);
        if let Some(first) = first.filter(|first| only_purchase(journey.as_of(first.plus(1)), known_from).is_some()) {
            let outcome = journey.outcome(first.plus(1), origin);
            cohorts.see(journey.market(), first, outcome.purchased, outcome.observed_until);
        }
        Ok(())
    })?;
    let seasons = volume.seasons(request.catalogue.markets.len(), origin);
    let offset = Offset::fit(&cohorts, seasons);
    let mut model = IntentModel::new(request.config, request.catalogue, fitting.finish()?, offset, origin);
    // At an earlier origin it would know what came after: the backtest begins anew.
    if let Some(previous) = request.start.filter(|_| origin == request.facts.as_of) {
        start::take_over(&mut model, previous)?;
    }
    Ok(Past { model, cohorts, known_from, learn_from: request.facts.learn_from, start, contacts })
}

/// Fits linear part and networks on landmarks before `at`, and sets the level of its last weeks.
fn train_at(
    request: &Request<'_>,
    past: &mut Past,
    at: Day,
    earlier: &[Trained],
    (rounds, stop): (&mut dyn Rounds, &Stop),
) -> Result<Trained> {
    let config = request.config;
    let (customers, events) = past.totals(request.catalogue);
    if events == 0 {
        return Err(Error::Data(format!(
            "no second purchase of a customer whose first one is known, before {at}: {customers} customers are too few or too new; lengthen historyDays or shorten burnInDays",
        )));
    }
    let per_customer = (EXAMPLES / customers.max(1)).clamp(1, MOST_LANDMARKS);
    let split = past.split(config.seed, Landmarks::Drawn(per_customer as u32), at);
    let training = examples(request.journeys, &past.bound(request.catalogue), &split)?;
    past.model.stored.linear = linear(past, &training, events);
    let learner = IntentLearner {
        config,
        network: &past.model.network,
        offset: &past.model.stored.offset,
        adam: IntentLearner::adam(config, training.len(), request.rank.count),
        training: &training,
    };
    let fit = Fit {
        rank: request.rank,
        seed: config.seed,
        batch: config.batch,
        epochs: config.epochs,
        patience: 0,
        round_steps: config.round_steps,
        outer: config.outer,
        initial: past.model.weights.clone(),
        digest: request.digest.to_owned(),
        earlier,
    };
    let trained = train(&fit, &learner, rounds, stop)?;
    past.model.weights.clone_from(&trained.weights);
    let calibration = level(request, past, at)?;
    past.model.stored.calibration = calibration;
    Ok(trained)
}

/// The linear part. Each second purchase counts once, however many landmarks see it.
fn linear(past: &Past, training: &Dataset, events: u64) -> Linear {
    let weeks = past.model.horizon_weeks();
    let seen = (0..training.len()).filter(|example| training.seen(*example, weeks).bought).count();
    let problem = Problem {
        data: training,
        offset: &past.model.stored.offset,
        weeks,
        columns: past.model.encoder.columns().collect(),
        weight: (events as f64 / seen.max(1) as f64).min(1.0),
    };
    Linear::fit(&problem, Some(&past.model.stored.linear))
}

/// The level of the last weeks before `at`.
fn level(request: &Request<'_>, past: &Past, at: Day) -> Result<Calibration> {
    let mut calibration = Calibration::none(at, request.catalogue.markets.len());
    for weeks in WEEKS {
        let split = past.split(request.config.seed, Landmarks::From(at.plus(-7 * i32::from(weeks))), at);
        let bound = past.bound(request.catalogue);
        let data = examples(request.journeys, &bound, &split)?;
        let mut recent = vec![Recent::default(); request.catalogue.markets.len()];
        for (example, hazards) in past.model.hazards(&rows(&data))?.iter().enumerate() {
            let seen = data.seen(example, weeks);
            let market = &mut recent[usize::from(data.markets[example])];
            market.events += f64::from(u8::from(seen.bought));
            market.expected += hazards.iter().take(seen.weeks).map(|hazard| -(-hazard).exp_m1()).sum::<f64>();
        }
        let enough = recent.iter().map(|market| market.events).sum::<f64>() >= FEW_EVENTS;
        calibration = Calibration::fit(at, weeks, recent);
        if enough {
            break;
        }
    }
    Ok(calibration)
}

/// Probabilities of a purchase within 30 days for those who waited in the last weeks: what later scores are compared
/// with.
fn recent_scores(request: &Request<'_>, past: &Past) -> Result<Vec<f64>> {
    let at = request.facts.as_of;
    let split = past.split(request.config.seed, Landmarks::From(at.plus(-7 * i32::from(WEEKS[0]))), at);
    let data = examples(request.journeys, &past.bound(request.catalogue), &split)?;
    Ok(past.model.hazards(&rows(&data))?.iter().map(|hazards| periods::within(hazards, 30)).collect())
}

/// Examples as rows to score.
pub(super) fn rows(data: &Dataset) -> Vec<IntentRow> {
    let row = |example: usize| IntentRow {
        features: data.row(example).to_vec(),
        market: data.markets[example],
        at: data.landmarks[example],
        age: data.ages[example],
    };
    (0..data.len()).map(row).collect()
}

impl Past {
    /// Customers and second purchases behind the age curve.
    pub(super) fn totals(&self, catalogue: &Catalogue) -> (u64, u64) {
        let counts = (0..catalogue.markets.len() as u16).map(|market| self.cohorts.counts(market));
        counts.fold((0, 0), |(customers, events), (c, e)| (customers + c, events + e))
    }

    pub(super) fn split(&self, seed: u64, landmarks: Landmarks, as_of: Day) -> Split {
        Split { seed, landmarks, as_of, from: self.learn_from, known_from: self.known_from }
    }

    /// The past's encoder, for journeys of the catalogue.
    pub(super) fn bound(&self, catalogue: &Catalogue) -> Bound<'_> {
        self.model.encoder.bind(catalogue)
    }
}

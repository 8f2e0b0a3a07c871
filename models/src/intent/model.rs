//! A fitted intent model: its files, and what it says of customers.

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::config::IntentConfig;
use super::learner::{BLOCK, age_input};
use super::level::Calibration;
use super::linear::Linear;
use super::network::Network;
use super::offset::{Landmark, Offset};
use super::periods;
use crate::artifact::{self, CONFIG, ENCODER, Files, WEIGHTS};
use crate::encoder::{Encoder, Topic};
use crate::graph::Variables;
use crate::learn::{Error, Result};
use crate::policy::{Expected, Reason};
use crate::{Catalogue, Day};

/// Raised whenever a reader of an older `config.json` would misread it.
const VERSION: u32 = 2;
/// Reasons weaker than this change of the log odds are not given.
const WEAK_REASON: f64 = 0.01;

/// `config.json`: the settings and everything fitted that is no tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stored {
    pub(super) version: u32,
    /// The schema of the encoder that the first layer was trained with.
    pub(super) schema: String,
    pub(super) config: IntentConfig,
    /// Names of the markets, in the order of everything that is kept per market.
    pub(super) markets: Vec<String>,
    pub(super) offset: Offset,
    pub(super) linear: Linear,
    pub(super) calibration: Calibration,
}

/// A fitted intent model.
#[derive(Clone, Debug, PartialEq)]
pub struct IntentModel {
    pub(super) stored: Stored,
    pub(super) encoder: Encoder,
    pub(super) network: Network,
    pub(super) weights: Vec<f32>,
}

/// One customer at one landmark, as the model reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct IntentRow {
    /// Features by the model's own encoder.
    pub features: Vec<f32>,
    /// From [`IntentModel::market`].
    pub market: u16,
    /// The landmark.
    pub at: Day,
    /// Days since the first purchase, at least 1.
    pub age: u16,
}

/// What the model says of one customer, given no second purchase before the landmark.
#[derive(Clone, Debug, PartialEq)]
pub struct IntentScores {
    /// Cumulative hazard of each week.
    pub hazards: Vec<f64>,
    /// Probabilities, key periods and reasons.
    pub expected: Expected,
    /// The fewest weeks, from 0, that hold half of the mass within the horizon.
    pub half_set: Vec<u16>,
    /// The fewest weeks that hold 80 % of it.
    pub most_set: Vec<u16>,
}

impl IntentModel {
    /// Reads an artifact's files. Files that do not belong together are refused.
    pub fn load(files: &Files) -> Result<Self> {
        let encoder = Encoder::load(files)?;
        let stored: Stored = artifact::from_json(files, CONFIG)?;
        let refuse = |reason: &str| Err(Error::Format(format!("{CONFIG}: {reason}")));
        if stored.version != VERSION {
            return refuse(&format!("version {} is not {VERSION}; use the build that wrote it", stored.version));
        }
        if stored.schema != encoder.schema() {
            return refuse("made with another encoder than encoder.json");
        }
        let markets = stored.markets.len() + 1;
        if !stored.offset.fits(markets) || stored.calibration.factors.len() != markets || !(1..=104).contains(&stored.config.horizon_weeks)
        {
            return refuse("its lists do not have one entry per market, or its horizon is none");
        }
        if !stored.linear.fits(encoder.width()) {
            return refuse("its linear part reads other features than encoder.json has");
        }
        let network = Network::new(&stored.config, encoder.width() + 1);
        let weights = network.layout.load(artifact::bytes(files, WEIGHTS)?)?;
        Ok(Self { stored, encoder, network, weights })
    }

    /// The files of the artifact. Equal models make equal bytes.
    pub fn save(&self) -> Result<Files> {
        Ok(Files::from([
            (WEIGHTS.to_owned(), self.network.layout.save(&self.weights)?),
            (CONFIG.to_owned(), artifact::to_json(CONFIG, &self.stored)?),
            (ENCODER.to_owned(), self.encoder.to_json()?),
        ]))
    }

    /// A model from its parts.
    pub(super) fn new(config: &IntentConfig, catalogue: &Catalogue, encoder: Encoder, offset: Offset, as_of: Day) -> Self {
        let markets = catalogue.markets.clone();
        let network = Network::new(config, encoder.width() + 1);
        let calibration = Calibration::none(as_of, markets.len());
        let weights = network.layout.initial(config.seed);
        let stored = Stored {
            version: VERSION,
            schema: encoder.schema().to_owned(),
            config: config.clone(),
            markets,
            offset,
            linear: Linear::default(),
            calibration,
        };
        Self { stored, encoder, network, weights }
    }

    /// The encoder that makes this model's rows.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Weeks predicted.
    pub fn horizon_weeks(&self) -> u16 {
        self.stored.config.horizon_weeks
    }

    /// The model's index of a market; one that it does not know is scored as the pool.
    pub fn market(&self, name: &str) -> u16 {
        let place = self.stored.markets.iter().position(|market| market == name);
        place.unwrap_or(self.stored.markets.len()) as u16
    }

    /// Scores rows in fixed blocks, the last one filled up: a row's answer never depends on its neighbours.
    pub fn score(&self, rows: &[IntentRow]) -> Result<Vec<IntentScores>> {
        let tensors = Variables::new(&self.network.layout, &self.weights, &Device::Cpu)?;
        let mut scores = Vec::with_capacity(rows.len());
        for block in rows.chunks(BLOCK) {
            let effects = self.effects(&tensors, block, None)?;
            let without: Vec<(Topic, Vec<Vec<f64>>)> =
                self.topics().into_iter().map(|topic| Ok((topic, self.effects(&tensors, block, Some(topic))?))).collect::<Result<_>>()?;
            for (place, row) in block.iter().enumerate() {
                let without: Vec<(Topic, &[f64])> = without.iter().map(|(topic, rows)| (*topic, rows[place].as_slice())).collect();
                scores.push(self.say(row, &effects[place], &without));
            }
        }
        Ok(scores)
    }

    /// Cumulative hazards of each week, without reasons: the cheaper half of [`Self::score`].
    pub fn hazards(&self, rows: &[IntentRow]) -> Result<Vec<Vec<f64>>> {
        let tensors = Variables::new(&self.network.layout, &self.weights, &Device::Cpu)?;
        let mut hazards = Vec::with_capacity(rows.len());
        for block in rows.chunks(BLOCK) {
            let effects = self.effects(&tensors, block, None)?;
            hazards.extend(block.iter().zip(&effects).map(|(row, effects)| self.weekly(row, effects, true)));
        }
        Ok(hazards)
    }

    /// The baseline: age curve, season and level of the market, nothing of the customer.
    pub(super) fn baseline(&self, row: &IntentRow) -> Vec<f64> {
        self.weekly(row, &vec![0.0; usize::from(self.horizon_weeks())], true)
    }

    /// f of a block of at most [`BLOCK`] rows; `without` sets a topic's features to their means.
    fn effects(&self, tensors: &Variables<'_>, rows: &[IntentRow], without: Option<Topic>) -> Result<Vec<Vec<f64>>> {
        let width = self.encoder.width() + 1;
        let keep: Vec<bool> = self.encoder.columns().map(|(_, topic)| Some(topic) != without).collect();
        let mut inputs = vec![0_f32; BLOCK * width];
        for (place, row) in rows.iter().enumerate() {
            if row.features.len() + 1 != width {
                return Err(Error::Format(format!("a row has {} features, the model reads {}", row.features.len(), width - 1)));
            }
            let input = &mut inputs[place * width..(place + 1) * width];
            for ((input, value), keep) in input.iter_mut().zip(&row.features).zip(&keep) {
                *input = if *keep { *value } else { 0.0 };
            }
            input[width - 1] = age_input(row.age);
        }
        let inputs = Tensor::from_vec(inputs, (BLOCK, width), &Device::Cpu)?;
        let deep = self.network.forward(tensors, &inputs, None)?.mean(0)?.to_vec2::<f32>()?;
        let share = self.stored.config.deep_share;
        let mix = |(row, deep): (&IntentRow, Vec<f32>)| {
            let mut linear = vec![0.0; deep.len()];
            let features = row.features.iter().zip(&keep).map(|(value, keep)| if *keep { f64::from(*value) } else { 0.0 });
            self.stored.linear.add(features, row.age, &mut linear);
            linear.iter().zip(deep).map(|(linear, deep)| (1.0 - share) * linear + share * f64::from(deep)).collect()
        };
        Ok(rows.iter().zip(deep).map(mix).collect())
    }

    /// Cumulative hazards of the weeks.
    fn weekly(&self, row: &IntentRow, effects: &[f64], calendar: bool) -> Vec<f64> {
        let landmark = Landmark { market: row.market, at: row.at, age: row.age };
        let week = |(week, effect): (usize, &f64)| {
            let level = self.stored.calibration.factor(row.market, row.at.plus(7 * week as i32));
            level * self.stored.offset.hazard(landmark, week as u16, calendar) * effect.clamp(-10.0, 10.0).exp()
        };
        effects.iter().enumerate().map(week).collect()
    }

    fn topics(&self) -> Vec<Topic> {
        let mut topics: Vec<Topic> = self.encoder.columns().map(|(_, topic)| topic).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    fn say(&self, row: &IntentRow, effects: &[f64], without: &[(Topic, &[f64])]) -> IntentScores {
        let hazards = self.weekly(row, effects, true);
        let mass = periods::weekly_mass(&hazards);
        let baseline = periods::weekly_mass(&self.baseline(row));
        let odds = |hazards: &[f64]| log_odds(periods::within(hazards, 90));
        let with = odds(&hazards);
        let mut reasons: Vec<Reason> =
            without.iter().map(|(topic, effects)| reason(topic.code(), with - odds(&self.weekly(row, effects, true)))).collect();
        reasons.push(reason("season", with - odds(&self.weekly(row, effects, false))));
        reasons.retain(|reason| reason.effect.abs() >= WEAK_REASON);
        reasons.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()).then_with(|| a.code.cmp(&b.code)));
        let expected = Expected {
            p30: periods::within(&hazards, 30),
            p60: periods::within(&hazards, 60),
            p90: periods::within(&hazards, 90),
            p_horizon: mass.iter().sum(),
            key_periods: periods::key_periods(&mass, &baseline, self.stored.config.key_period_weeks, row.at),
            median_week: periods::median_week(&mass),
            reasons,
            weekly_mass: mass.clone(),
        };
        let (half_set, most_set) = (periods::smallest_set(&mass, 0.5), periods::smallest_set(&mass, 0.8));
        IntentScores { hazards, expected, half_set, most_set }
    }
}

fn reason(code: &str, effect: f64) -> Reason {
    Reason { code: code.to_owned(), effect }
}

fn log_odds(probability: f64) -> f64 {
    let probability = probability.clamp(1e-9, 1.0 - 1e-9);
    (probability / (1.0 - probability)).ln()
}

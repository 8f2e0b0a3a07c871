//! `card.json`: what somebody must know before they use a model (Mitchell et al. 2019, model cards).

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{BacktestRow, Calibration, DocumentKind, DriftRow, Headline, MarketMeasure, MetricsDocument, Population};
use crate::artifact;
use crate::learn::Result;

/// Name of the card in an artifact.
pub const CARD: &str = "card.json";

/// The card of one model: a function of its metrics and of the files that went in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ModelCard {
    /// What the model is.
    pub kind: DocumentKind,
    /// Country or region of the run.
    pub geography: String,
    /// What it is for, and what it is not for.
    pub purpose: Vec<String>,
    /// Whom it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub population: Option<Population>,
    /// Local date of the cut, exclusive.
    pub as_of: Date,
    /// Last local date whose rows are complete.
    pub through: Date,
    /// By name.
    pub markets: Vec<CardMarket>,
    /// The figures to read first.
    pub headline: Vec<Headline>,
    /// The whole procedure at earlier origins, oldest first.
    pub backtest: Vec<BacktestRow>,
    /// Predicted against observed, all markets together.
    pub calibration: Vec<Calibration>,
    /// What later inputs and scores are compared with.
    pub drift: Vec<DriftRow>,
    /// What is known not to hold, one sentence each.
    pub limits: Vec<String>,
    /// Files that went in, by name.
    pub inputs: Vec<InputFile>,
}

/// One market on a card.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CardMarket {
    /// Name of the market.
    pub market: String,
    /// Customers known before the cut.
    pub customers: u64,
    /// Events (intent: second purchases; recommender: targets).
    pub events: u64,
    /// Weight of the market's own level against the pool's, 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_weight: Option<f64>,
    /// Ranking and calibration with intervals; empty where there was too little to tell.
    pub measures: Vec<MarketMeasure>,
    /// Further figures as `name -> value`.
    pub metrics: BTreeMap<String, f64>,
}

/// One file that was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InputFile {
    /// Name under the source's location.
    pub name: String,
    /// Bytes.
    pub length: u64,
    /// Checksum of its content.
    pub crc32c: String,
}

impl ModelCard {
    /// The card that a model's metrics make.
    pub fn new(metrics: &MetricsDocument, inputs: Vec<InputFile>) -> Self {
        let measures = |market: &str| metrics.intent.as_ref().and_then(|intent| intent.by_market.get(market).cloned()).unwrap_or_default();
        let market = |row: &super::MarketRow| CardMarket {
            market: row.market.clone(),
            customers: row.customers,
            events: row.events,
            own_weight: row.own_weight,
            measures: measures(&row.market),
            metrics: row.metrics.clone(),
        };
        Self {
            kind: metrics.kind,
            geography: metrics.geography.clone(),
            purpose: purpose(metrics.kind),
            population: metrics.population.clone(),
            as_of: metrics.as_of,
            through: metrics.through,
            markets: metrics.markets.iter().map(market).collect(),
            headline: metrics.headline.clone(),
            backtest: metrics.backtest.clone(),
            calibration: metrics.intent.as_ref().map(|intent| intent.calibration.clone()).unwrap_or_default(),
            drift: metrics.drift.clone(),
            limits: metrics.limits.clone(),
            inputs,
        }
    }

    /// The bytes of `card.json`: RFC 8785, so equal cards have equal bytes.
    ///
    /// # Errors
    /// [`crate::learn::Error::Format`] for a number that JSON cannot write.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        artifact::to_json(CARD, self)
    }
}

/// What a kind of model is for, and what it is not for.
pub fn purpose(kind: DocumentKind) -> Vec<String> {
    let sentences: &[&str] = match kind {
        DocumentKind::Intent => &[
            "Says of each customer with exactly one purchase how likely a second one is, week by week, so that contacts can be chosen and timed.",
            "Not for credit, prices, or anything that treats a person worse: it orders contacts.",
            "It predicts purchases, not the effect of a contact: only the control group of an experiment shows that.",
        ],
        DocumentKind::Recommender => &[
            "Says which products to show to a customer next, and does not just show best-sellers.",
            "Not for prices or availability, and not a statement about a person.",
        ],
        DocumentKind::Plan => &[],
    };
    sentences.iter().map(|sentence| (*sentence).to_owned()).collect()
}

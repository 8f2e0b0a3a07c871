//! The type tree of `metrics.json`: everything that is measured about a model or a plan.
//!
//! One document lies beside each artifact and each contact plan. The report is a pure function of it, so it can be
//! remade at any time. Lists keep the order in which they were filled; whoever fills one sorts it first. Shares and
//! probabilities lie in 0..=1 and are never percentages. Nothing here knows a customer, the clock or the machine.

mod card;
mod data_quality;
mod intent;
mod plan;
mod recommender;

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use card::{CARD, CardMarket, InputFile, ModelCard, purpose};
pub use data_quality::{DataQuality, Gap, MarketData, Refusal, RowCounts};
pub use intent::{
    Calibration, CalibrationBin, HazardSeries, HazardWeek, IntentMetrics, IntentRow, KeyPeriods, KeyWeek, MarketLevel, MarketMeasure,
    WeekSet,
};
pub use plan::{ArmCount, ChannelCount, ExpectedWeek, MeanProbability, PlanCoverage, PlanMetrics, SendWeek};
pub use recommender::{ExposureCurve, ExposurePoint, Groups, PenaltyCurve, PenaltyPoint, RecommenderMetrics, RecommenderRow};

use crate::learn::{Error, Result};

/// The version of the type tree, raised whenever a reader of the last one would misread a document.
pub const SCHEMA: u32 = 1;

/// What was measured about one model or one contact plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricsDocument {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// What the document is about.
    pub kind: DocumentKind,
    /// Country or region of the run.
    pub geography: String,
    /// Local date of the cut, exclusive: nothing on or after it was read.
    pub as_of: Date,
    /// Last local date whose rows are complete.
    pub through: Date,
    /// Settings worth reading, as `name -> value`: horizon, embedding, seed and the like.
    pub settings: BTreeMap<String, String>,
    /// The figures to read first, most important first.
    pub headline: Vec<Headline>,
    /// One row per market, by name.
    pub markets: Vec<MarketRow>,
    /// Measures of a purchase-intent model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentMetrics>,
    /// Measures of a recommender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommender: Option<RecommenderMetrics>,
    /// How the loss fell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingHistory>,
    /// The whole procedure at earlier origins, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backtest: Vec<BacktestRow>,
    /// Whom the model was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub population: Option<Population>,
    /// What later inputs and scores are compared with to see that they moved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<DriftRow>,
    /// What was read and what was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_quality: Option<DataQuality>,
    /// What a contact plan holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanMetrics>,
    /// What these figures do not show, one sentence each.
    pub limits: Vec<String>,
}

impl Default for MetricsDocument {
    /// An empty document of the current [`SCHEMA`].
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            kind: DocumentKind::default(),
            geography: String::new(),
            as_of: Date::default(),
            through: Date::default(),
            settings: BTreeMap::new(),
            headline: Vec::new(),
            markets: Vec::new(),
            intent: None,
            recommender: None,
            training: None,
            backtest: Vec::new(),
            population: None,
            drift: Vec::new(),
            data_quality: None,
            plan: None,
            limits: Vec::new(),
        }
    }
}

impl MetricsDocument {
    /// The bytes of `metrics.json`: RFC 8785, so equal documents have equal bytes.
    ///
    /// # Errors
    /// [`Error::Format`] names the first place that holds no finite number.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let value = serde_json::to_value(self).map_err(|error| Error::Format(format!("metrics.json: {error}")))?;
        // An absent option is left out, so a null can only be a number that JSON cannot write.
        if let Some(place) = first_null(&value, "") {
            return Err(Error::Format(format!("metrics.json: {place} is not a finite number")));
        }
        serde_json_canonicalizer::to_vec(&value).map_err(|error| Error::Format(format!("metrics.json: {error}")))
    }

    /// Reads the bytes of `metrics.json`; absent fields take their defaults, unknown ones are ignored.
    ///
    /// # Errors
    /// [`Error::Format`] when the bytes are no document, or one of another schema.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let document: Self = serde_json::from_slice(bytes).map_err(|error| Error::Format(format!("metrics.json: {error}")))?;
        if document.schema == SCHEMA {
            Ok(document)
        } else {
            let found = document.schema;
            Err(Error::Format(format!("metrics.json: schema {found} is not {SCHEMA}; use the version that wrote it")))
        }
    }
}

/// The JSON pointer of the first null in document order.
fn first_null(value: &Value, place: &str) -> Option<String> {
    match value {
        Value::Null => Some(place.to_owned()),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| first_null(item, &format!("{place}/{index}"))),
        Value::Object(fields) => fields.iter().find_map(|(name, field)| first_null(field, &format!("{place}/{name}"))),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// What a document is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DocumentKind {
    /// A purchase-intent model.
    #[default]
    Intent,
    /// A product recommender.
    Recommender,
    /// A contact plan.
    Plan,
}

/// One figure to read first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Headline {
    /// In plain words, such as `AUC at 90 days`.
    pub name: String,
    /// Finite, in `unit`.
    pub value: f64,
    /// How to read `value`.
    pub unit: Unit,
    /// 95 % interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Which direction is good.
    pub better: Better,
    /// The best baseline of the same run, to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Reference>,
}

/// How a number is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// A plain number: NDCG, AUC, a loss in nats.
    #[default]
    Number,
    /// A part of a whole, 0..=1, shown in percent.
    Share,
    /// A whole number of things.
    Count,
    /// A multiple, such as a lift of 2.1 times.
    Times,
}

/// Which direction of a number is good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Better {
    /// More is better.
    #[default]
    Higher,
    /// Less is better.
    Lower,
    /// It only describes.
    Neither,
}

/// A 95 % interval, `low <= high`, in the unit of its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A number to compare with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// What gave the number, such as `Kaplan-Meier given age`.
    pub name: String,
    /// In the unit of the value that it is compared with.
    pub value: f64,
}

/// Whether a row is ours or something to beat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The model that serves.
    #[default]
    Model,
    /// A part of the model that can also serve alone.
    Part,
    /// A simpler method measured in the same run.
    Baseline,
}

/// One market of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MarketRow {
    /// Name of the market.
    pub market: String,
    /// Customers known before the cut.
    pub customers: u64,
    /// Of these, those with exactly one purchase day.
    pub one_timers: u64,
    /// Training examples (intent: landmarks; recommender: steps with a target).
    pub examples: u64,
    /// Of these, those with an event (intent: a second purchase; recommender: targets).
    pub events: u64,
    /// Weight of the market's own level against the pool's, 0..=1; absent where nothing is shrunken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_weight: Option<f64>,
    /// Further figures as `name -> value`; a market may lack some.
    pub metrics: BTreeMap<String, f64>,
}

/// The whole procedure, fitted as of an earlier day, against what came after it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BacktestRow {
    /// Local date of the origin, exclusive: nothing on or after it was read to fit.
    pub origin: Date,
    /// Customers tested.
    pub customers: u64,
    /// Of these, those who bought within the longest time that was seen whole.
    pub events: u64,
    /// Figures as `name -> value`.
    pub figures: BTreeMap<String, f64>,
}

/// Whom a model was made from and for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Population {
    /// Who is in, in plain words.
    pub description: String,
    /// Who and what is left out, one sentence each.
    pub exclusions: Vec<String>,
    /// First local date that was read.
    pub from: Date,
    /// Local date before which a first purchase is not known to be one.
    pub known_from: Date,
    /// Whether outcomes were those of customers who are written to, in plain words.
    pub treatment: String,
}

/// One input or score at the cut.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DriftRow {
    /// Name of the feature, or of the score.
    pub name: String,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// Deciles, lowest first; absent for features, whose mean and deviation are kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deciles: Vec<f64>,
}

/// How the loss fell over the epochs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrainingHistory {
    /// What the loss is, with its unit, such as `cross-entropy, nats per target`.
    pub loss: String,
    /// In order, from epoch 1.
    pub epochs: Vec<Epoch>,
    /// The epoch whose weights were kept; absent where the last one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_epoch: Option<u32>,
}

/// One epoch of training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Epoch {
    /// From 1.
    pub epoch: u32,
    /// Mean training loss, in the unit of [`TrainingHistory::loss`].
    pub loss: f64,
    /// Mean validation loss in the same unit; absent where the epoch was not validated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
}

#[cfg(test)]
mod tests;

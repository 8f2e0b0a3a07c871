//! Journeys to numbers, in one way for training, scoring and deciding.
//!
//! Everything learned here is fitted on rows before the training cut, and a landmark reads only what stood before it.

mod bound;
mod features;
mod fitting;
mod products;
mod step;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use bound::Bound;
use features::Attribute;
pub use features::Topic;
pub use fitting::Fitting;
use products::Products;
pub use step::{Step, StepKind, steps};

use crate::Catalogue;
use crate::artifact::{self, ENCODER, Files};
use crate::journey::EventKind;
use crate::learn::{Error, Result};

/// Raised whenever a reader of an older `encoder.json` would misread it.
const VERSION: u32 = 1;
/// Standardised features are cut here.
const CLIP: f64 = 3.0;

/// What the models see of one journey at one landmark.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Standardised features: what the intent model reads.
    pub features: Vec<f32>,
    /// The moments before the landmark, in the indices of the catalogue: what the recommender reads.
    pub steps: Vec<Step>,
}

/// Everything learned that turns journeys into rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Encoder {
    version: u32,
    schema: String,
    kinds: Vec<EventKind>,
    attributes: Vec<Attribute>,
    amounts: Amounts,
    products: Products,
    features: Vec<Feature>,
}

/// One raw feature and its scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Feature {
    name: String,
    topic: Topic,
    mean: f64,
    /// 0: it never varied, and is left out.
    deviation: f64,
    /// Whether not knowing it is a feature of its own.
    flagged: bool,
}

/// Median first baskets, by the names of market and currency.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Amounts {
    markets: BTreeMap<String, BTreeMap<String, f64>>,
    currencies: BTreeMap<String, f64>,
}

/// First baskets below which a market's median gives way to that of its currency.
const FEWEST_BASKETS: usize = 20;

impl Amounts {
    fn new(catalogue: &Catalogue, amounts: BTreeMap<(u16, u16), Vec<f64>>) -> Self {
        let mut medians = Self::default();
        let mut pooled: BTreeMap<u16, Vec<f64>> = BTreeMap::new();
        for ((market, currency), mut values) in amounts {
            let names = (catalogue.markets.get(usize::from(market)), catalogue.currencies.get(usize::from(currency)));
            pooled.entry(currency).or_default().extend(&values);
            if let (Some(market), Some(currency), true) = (names.0, names.1, values.len() >= FEWEST_BASKETS) {
                medians.markets.entry(market.clone()).or_default().insert(currency.clone(), median(&mut values));
            }
        }
        for (currency, mut values) in pooled {
            if let Some(name) = catalogue.currencies.get(usize::from(currency)) {
                medians.currencies.insert(name.clone(), median(&mut values));
            }
        }
        medians
    }

    /// `NaN` where the currency was never seen.
    fn median(&self, market: &str, currency: &str) -> f64 {
        let own = self.markets.get(market).and_then(|row| row.get(currency));
        own.or_else(|| self.currencies.get(currency)).copied().unwrap_or(f64::NAN)
    }
}

/// The upper median. At least one value.
fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

impl Encoder {
    /// Reads `encoder.json`. One of another version, or whose schema digest does not hold, is refused.
    pub fn load(files: &Files) -> Result<Self> {
        let encoder: Self = artifact::from_json(files, ENCODER)?;
        if encoder.version != VERSION {
            return Err(Error::Format(format!("{ENCODER}: version {} is not {VERSION}; use the build that wrote it", encoder.version)));
        }
        if encoder.schema != encoder.digest()? {
            return Err(Error::Format(format!("{ENCODER}: its features are not those of its schema digest")));
        }
        Ok(encoder)
    }

    /// The bytes of `encoder.json`.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        artifact::to_json(ENCODER, self)
    }

    /// Digest of the names and order of the features: what a model's first layer depends on.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Ties the encoder to a catalogue, whose indices the journeys use.
    pub fn bind(&self, catalogue: &Catalogue) -> Bound<'_> {
        Bound::new(self, catalogue)
    }

    /// Number of features in a row.
    pub fn width(&self) -> usize {
        self.columns().count()
    }

    /// Names and topics of the features in a row, in order.
    pub fn columns(&self) -> impl Iterator<Item = (String, Topic)> {
        let values = self.features.iter().filter(|feature| feature.deviation > 0.0).map(|feature| (feature.name.clone(), feature.topic));
        let flags = self.features.iter().filter(|feature| feature.flagged);
        values.chain(flags.map(|feature| (format!("{}.missing", feature.name), feature.topic)))
    }

    /// Name, mean and standard deviation of each raw feature that varies, as the encoder saw them.
    pub fn scales(&self) -> impl Iterator<Item = (&str, f64, f64)> {
        let varying = self.features.iter().filter(|feature| feature.deviation > 0.0);
        varying.map(|feature| (feature.name.as_str(), feature.mean, feature.deviation))
    }

    fn standardise(&self, raw: &[f64]) -> Vec<f32> {
        let scaled = self.features.iter().zip(raw).filter(|(feature, _)| feature.deviation > 0.0).map(|(feature, value)| {
            let scaled = (value - feature.mean) / feature.deviation;
            if value.is_finite() { scaled.clamp(-CLIP, CLIP) as f32 } else { 0.0 }
        });
        let flags = self.features.iter().zip(raw).filter(|(feature, _)| feature.flagged);
        scaled.chain(flags.map(|(_, value)| f32::from(u8::from(!value.is_finite())))).collect()
    }

    fn digest(&self) -> Result<String> {
        let columns: Vec<(String, Topic)> = self.columns().collect();
        Ok(artifact::digest(&artifact::to_json(ENCODER, &(VERSION, columns))?))
    }

    fn seal(&mut self) -> Result<()> {
        self.version = VERSION;
        self.schema = self.digest()?;
        Ok(())
    }
}

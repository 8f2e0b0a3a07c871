//! What the bucket says about a request. Reads only: the operator writes nothing there, and never reads a source.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use reprise_artifacts::manifest::Published;
use reprise_artifacts::{Error, Location, Options, Result, Uri, claims, layout, open, requests};
use reprise_crds::contract::{Claim, PinnedModels, Record};
use reprise_crds::run::ArtifactRef;
use reprise_crds::status::{ArtifactStatus, ModelsStatus, PinnedModel};
use reprise_crds::value::{Digest, ValueError};
use serde::Deserialize;

use crate::kind::Run;
use crate::observed::{Answer, Claimed, Found};

/// The most buckets that are kept open.
const MOST_OPEN: usize = 256;
/// More than any `metrics.json`; a bound on what a hostile one can cost.
const LARGEST_METRICS: u64 = 4 << 20;
/// As many headline metrics as a status holds.
const MOST_METRICS: usize = 16;

/// The buckets of all runs.
#[derive(Debug, Default)]
pub struct Buckets {
    options: Options,
    open: Mutex<BTreeMap<String, Location>>,
}

impl Buckets {
    /// Buckets that are opened so.
    pub fn new(options: Options) -> Self {
        Self { options, open: Mutex::default() }
    }

    /// What is known about a run's request. A failure is an answer: the run waits, and says so.
    pub async fn look(&self, run: &Run, digest: &Digest, now: Timestamp) -> Answer {
        match self.ask(run, digest, now).await {
            Ok(answer) => answer,
            Err(error) => Answer::Unreadable { reason: error.to_string() },
        }
    }

    async fn ask(&self, run: &Run, digest: &Digest, now: Timestamp) -> Result<Answer> {
        let artifacts = self.location(run.common.artifacts.as_str()).await?;
        let geography = run.common.geography.as_str();
        let request = layout::request(geography, &stored(digest)?);
        let result = |record: &Record| Ok(layout::artifact(geography, run.folder, &stored(&record.identity)?));
        match requests::look::<Record, Claim>(&artifacts, &request, result, SystemTime::from(now)).await? {
            requests::Standing::Finished { record, published } => {
                let record_uri = format!("{}{request}{}", artifacts.uri(), layout::RECORD);
                Ok(Answer::Finished(Box::new(found(&record, &published, record_uri).await?)))
            }
            requests::Standing::Open { claim, .. } => {
                let foreign = claim.filter(|seen| seen.claim.run_uid != run.uid && seen.age < claims::LONGEST_AGE);
                let claimed = foreign.map(|seen| Claimed {
                    until: until(now, seen.age),
                    cluster_uid: seen.claim.cluster_uid,
                    run_uid: seen.claim.run_uid,
                });
                Ok(Answer::Open { claimed })
            }
        }
    }

    async fn location(&self, folder: &str) -> Result<Location> {
        if let Some(location) = self.lock().get(folder) {
            return Ok(location.clone());
        }
        let location = open(&folder.parse::<Uri>()?, &self.options).await?;
        let mut kept = self.lock();
        if kept.len() >= MOST_OPEN {
            kept.clear();
        }
        kept.insert(folder.to_owned(), location.clone());
        Ok(location)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Location>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a claim of this age is too old to count.
fn until(now: Timestamp, age: Duration) -> Timestamp {
    let left = claims::LONGEST_AGE.saturating_sub(age).as_secs() + 1;
    crate::status::later_by(now, i64::try_from(left).unwrap_or(0)).unwrap_or(now)
}

async fn found(record: &Record, published: &Published, record_uri: String) -> Result<Found> {
    let uri = published.location().uri();
    let refused = |error: ValueError| Error::Invalid { what: "artifact", value: uri.clone(), reason: error.to_string() };
    let digest = published.digest.to_string().parse().map_err(refused)?;
    let as_of = published.manifest.facts.get("asOf").and_then(|date| date.as_str()).and_then(|date| date.parse().ok());
    let metrics = headline(published).await?;
    Ok(Found {
        artifact: ArtifactStatus { uri: uri.parse().map_err(refused)?, digest, metrics },
        identity: record.identity.clone(),
        models: pinned(&record.models),
        as_of,
        record_uri,
    })
}

/// The part of `metrics.json` that a status shows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metrics {
    headline: Vec<Headline>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Headline {
    name: String,
    value: f64,
}

async fn headline(published: &Published) -> Result<BTreeMap<String, String>> {
    if published.manifest.entry("metrics.json").is_none() {
        return Ok(BTreeMap::new());
    }
    let bytes = published.fetch("metrics.json", LARGEST_METRICS).await?;
    // Figures are for display: a document of another version shows none and fails nothing.
    let metrics: Metrics = serde_json::from_slice(&bytes).unwrap_or_default();
    let shown =
        metrics.headline.into_iter().filter(|figure| figure.value.is_finite() && figure.value.abs() < 1e15 && !figure.name.is_empty());
    Ok(shown.take(MOST_METRICS).map(|figure| (figure.name, decimal(figure.value))).collect())
}

/// At most six digits after the point, and none that say nothing.
fn decimal(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn pinned(models: &PinnedModels) -> Option<ModelsStatus> {
    let pin =
        |model: &Option<ArtifactRef>| model.as_ref().map(|model| PinnedModel { uri: model.uri.clone(), digest: model.digest.clone() });
    let status = ModelsStatus { intent: pin(&models.intent), recommender: pin(&models.recommender) };
    (status != ModelsStatus::default()).then_some(status)
}

/// The same digest, as the bucket's layout takes it.
fn stored(digest: &Digest) -> Result<reprise_artifacts::Digest> {
    let refused = |reason| Error::Invalid { what: "digest", value: digest.to_string(), reason };
    digest.as_str().parse().map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_at_most_six_digits_after_the_point() {
        for (value, text) in [(0.5, "0.5"), (12.0, "12"), (0.123_456_78, "0.123457"), (0.0, "0"), (-1.25, "-1.25"), (1200.0, "1200")] {
            assert_eq!(decimal(value), text);
        }
    }
}

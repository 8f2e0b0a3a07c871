//! What the bucket says about a request: finished, being worked on, begun, or new.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use globset::GlobBuilder;
use reprise_artifacts::manifest::{self, Published};
use reprise_artifacts::{Error, Location, Options, Result, Uri, claims, layout, open, requests};
use reprise_crds::contract::{Claim, InputObject, Record, Starter, environment};
use reprise_crds::run::ArtifactRef;
use reprise_crds::source::DataSourceSpec;
use reprise_crds::value::{Digest, ValueError};

use crate::host;
use crate::spec::Spec;

/// The most files that are looked at below a source's location.
const MOST_INPUTS: usize = 1_000_000;

/// Name of a result's figures.
pub(crate) const METRICS: &str = "metrics.json";
/// The largest [`METRICS`] that is read.
pub(crate) const LARGEST_METRICS: u64 = 64 << 20;

/// What is asked, and where its answer would lie.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) digest: Digest,
    pub(crate) spec: Spec,
}

/// What the bucket says about a request.
#[derive(Debug)]
pub(crate) enum Standing {
    /// The answer is there.
    Finished(Box<Finished>),
    /// Somebody else works on it.
    Claimed(Claim),
    /// It was begun, and nobody works on it.
    Begun,
    /// Nobody has asked before.
    New,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) record: Record,
    pub(crate) published: Published,
}

impl Finished {
    /// The result as other runs refer to it.
    pub(crate) fn artifact(&self) -> Result<ArtifactRef> {
        let uri = self.published.location().uri();
        let refused = |error: ValueError| Error::Invalid { what: "artifact", value: uri.clone(), reason: error.to_string() };
        let digest = self.published.digest.to_string().parse().map_err(refused)?;
        Ok(ArtifactRef { digest, uri: uri.parse().map_err(refused)? })
    }
}

/// Opens buckets and folders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets {
    options: Options,
}

impl Buckets {
    /// Buckets of which some are folders on this machine; the environment may name another endpoint.
    pub(crate) fn new(map: BTreeMap<String, PathBuf>) -> Self {
        let gcs_endpoint = std::env::var(environment::GCS_ENDPOINT.name).ok();
        Self { options: Options { gcs_endpoint, map, ..Options::default() } }
    }

    /// Which buckets are folders.
    pub(crate) fn map(&self) -> &BTreeMap<String, PathBuf> {
        &self.options.map
    }

    async fn open(&self, folder: &str) -> Result<Location> {
        open(&folder.parse::<Uri>()?, &self.options).await
    }

    /// What is known about a request.
    pub(crate) async fn look(&self, request: &Request, me: &Starter) -> Result<Standing> {
        let common = request.spec.common();
        let artifacts = self.open(common.artifacts.as_str()).await?;
        let geography = common.geography.as_str();
        #[expect(clippy::disallowed_methods, reason = "a claim's age is its update time against this machine's clock")]
        let now = SystemTime::now();
        let result = |record: &Record| Ok(layout::artifact(geography, request.spec.folder(), &stored(&record.identity)?));
        let asked = layout::request(geography, &stored(&request.digest)?);
        Ok(match requests::look(&artifacts, &asked, result, now).await? {
            requests::Standing::Finished { record, published } => Standing::Finished(Box::new(Finished { record, published: *published })),
            requests::Standing::Open { record, claim } => match claim.filter(|seen| holds(&seen.claim, seen.age, me)) {
                Some(seen) => Standing::Claimed(seen.claim),
                None if record.is_some() => Standing::Begun,
                None => Standing::New,
            },
        })
    }

    /// The files that a run of `markets` would read now, sorted by name.
    pub(crate) async fn inputs(&self, source: &DataSourceSpec, markets: &[String]) -> Result<Vec<InputObject>> {
        let location = self.open(source.location.as_str()).await?;
        let matchers = patterns(source, markets).into_iter().map(|pattern| {
            let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|error| Error::Invalid {
                what: "file pattern",
                value: pattern,
                reason: error.kind().to_string(),
            })
        });
        let matchers: Vec<_> = matchers.collect::<Result<_>>()?;
        let listed = location.list("", MOST_INPUTS).await?;
        let wanted = listed.into_iter().filter(|info| matchers.iter().any(|matcher| matcher.is_match(&info.name)));
        let object = |info: reprise_artifacts::Info| InputObject {
            name: info.name,
            generation: info.generation,
            length: info.length,
            crc32c: info.crc32c,
        };
        Ok(wanted.map(object).collect())
    }

    /// A file of a published result, as its manifest has it.
    ///
    /// # Errors
    /// `NotFound` where no result is published in the folder.
    pub(crate) async fn fetch(&self, folder: &str, name: &str, limit: u64) -> Result<Vec<u8>> {
        let location = self.open(&format!("{}/", folder.trim_end_matches('/'))).await?;
        let Some(published) = manifest::read(&location).await? else {
            return Err(Error::NotFound { object: location.uri_of(layout::MANIFEST) });
        };
        Ok(published.fetch(name, limit).await?.to_vec())
    }

    /// The file of an object, where its bucket is a folder of this machine.
    pub(crate) fn file(&self, address: &str) -> Option<PathBuf> {
        if let Some(path) = address.strip_prefix("file://") {
            return Some(path.into());
        }
        let (bucket, path) = address.strip_prefix("gs://")?.split_once('/')?;
        self.options.map.get(&format!("gs://{bucket}")).map(|folder| folder.join(path))
    }
}

/// The same digest, as the bucket's layout takes it.
fn stored(digest: &Digest) -> Result<reprise_artifacts::Digest> {
    let refused = |reason| Error::Invalid { what: "digest", value: digest.to_string(), reason };
    digest.as_str().parse().map_err(refused)
}

/// The patterns of a source's files below its location, for a run of these markets.
fn patterns(source: &DataSourceSpec, markets: &[String]) -> Vec<String> {
    let wanted = source.markets.iter().filter(|market| markets.contains(&market.name));
    let folders: Vec<&str> = wanted.map(|market| market.path.as_deref().unwrap_or_default()).collect();
    folders.iter().flat_map(|folder| source.files.iter().map(move |file| format!("{folder}{}", file.path))).collect()
}

/// Whether a claim keeps others from starting: it is young, and not that of a process of this machine that is gone.
fn holds(claim: &Claim, age: Duration, me: &Starter) -> bool {
    let here = claim.cluster_uid == me.cluster_uid;
    let own = here && claim.run_uid == me.run_uid;
    let gone = here && host::is_alive(&claim.run_uid) == Some(false);
    age < claims::LONGEST_AGE && !own && !gone
}

/// How two listings of one source differ, in words; `None` where they do not.
pub(crate) fn difference(recorded: &[InputObject], found: &[InputObject]) -> Option<String> {
    let by_name = |inputs: &[InputObject]| -> BTreeMap<String, (u64, u32)> {
        inputs.iter().map(|input| (input.name.clone(), (input.length, input.crc32c))).collect()
    };
    let (before, now) = (by_name(recorded), by_name(found));
    let changed =
        before.iter().filter(|(name, sums)| now.get(*name).is_some_and(|found| found != *sums)).map(|(name, _)| format!("{name} changed"));
    let gone = before.keys().filter(|name| !now.contains_key(*name)).map(|name| format!("{name} is gone"));
    let new = now.keys().filter(|name| !before.contains_key(*name)).map(|name| format!("{name} is new"));
    let all: Vec<String> = changed.chain(gone).chain(new).collect();
    let more = all.len().saturating_sub(3);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!all.is_empty()).then(|| format!("{}{rest}", all[..all.len() - more].join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, crc32c: u32) -> InputObject {
        InputObject { name: name.to_owned(), generation: i64::from(crc32c), length: 7, crc32c }
    }

    #[test]
    fn differences_name_at_most_three_files() {
        let before = [input("a", 1), input("b", 2), input("c", 3)];
        assert_eq!(difference(&before, &before), None);
        let touched = InputObject { generation: 99, ..input("a", 1) };
        assert_eq!(difference(&before[..1], &[touched]), None, "the same bytes under a new generation are no change");
        assert_eq!(difference(&before, &[input("a", 9), input("c", 3)]).unwrap(), "a changed, b is gone");
        let other = [input("v", 1), input("w", 1), input("x", 1)];
        assert_eq!(difference(&before, &other).unwrap(), "a is gone, b is gone, c is gone and 3 more");
    }

    #[test]
    fn claims_hold_while_they_are_young_and_their_process_lives() {
        let me = host::starter();
        let claim = |cluster: &str, run: &str| Claim { cluster_uid: cluster.to_owned(), run_uid: run.to_owned() };
        let young = Duration::from_secs(599);
        let old = Duration::from_mins(10);
        let theirs = claim("another cluster", "a run");
        assert!(holds(&theirs, young, &me));
        assert!(!holds(&theirs, old, &me));
        assert!(!holds(&claim(&me.cluster_uid, &me.run_uid), young, &me));
        #[cfg(target_os = "linux")]
        assert!(!holds(&claim(&me.cluster_uid, "4194305-77"), young, &me));
    }
}

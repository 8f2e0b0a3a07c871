//! What the workers of one scoring tell each other: create-only objects below `shards/`, gone once the plan is sealed.

use reprise_artifacts::{Created, Error, Location};
use reprise_crds::contract::ExitCode;
use reprise_models::policy::Contender;
use reprise_models::recommender::Serving;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::scorer::Scores;
use super::summary::Summary;
use crate::failure::{Failure, Result};
use crate::session::Session;

/// Largest object that is read back.
const LARGEST: u64 = 4 << 30;
/// More objects than 64 blocks make.
const MOST_OBJECTS: usize = 10_000;
const SERVING: &str = "shards/serving.json.zst";

/// The objects below one plan's prefix.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    session: &'a Session,
    at: Location,
}

fn name(block: u8, what: &str) -> String {
    format!("shards/{block:02}/{what}.json.zst")
}

impl<'a> Exchange<'a> {
    /// Below the plan's prefix.
    pub(super) fn new(session: &'a Session, at: Location) -> Self {
        Self { session, at }
    }

    /// The plan's prefix.
    pub(super) fn at(&self) -> &Location {
        &self.at
    }

    /// What all lists share.
    pub(super) fn serving(&self) -> Result<Option<Serving>> {
        self.get(SERVING)
    }

    /// See [`Exchange::serving`].
    pub(super) fn put_serving(&self, serving: &Serving) -> Result<()> {
        self.put(SERVING, serving)
    }

    /// Whether the first round of a block is done: contenders come after scores.
    pub(super) fn has_contenders(&self, block: u8) -> Result<bool> {
        match self.session.wait(self.at.head(&name(block, "contenders"))) {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The block's customers who may be contacted; none before its first round is done.
    pub(super) fn contenders(&self, block: u8) -> Result<Option<Vec<Contender>>> {
        self.get(&name(block, "contenders"))
    }

    /// See [`Exchange::contenders`].
    pub(super) fn put_contenders(&self, block: u8, contenders: &[Contender]) -> Result<()> {
        self.put(&name(block, "contenders"), &contenders)
    }

    /// What the models said of the block's customers, in their order.
    pub(super) fn scores(&self, block: u8) -> Result<Option<Vec<Scores>>> {
        self.get(&name(block, "scores"))
    }

    /// See [`Exchange::scores`].
    pub(super) fn put_scores(&self, block: u8, scores: &[Scores]) -> Result<()> {
        self.put(&name(block, "scores"), &scores)
    }

    /// The block's figures: its rows are written.
    pub(super) fn summary(&self, block: u8) -> Result<Option<Summary>> {
        self.get(&name(block, "summary"))
    }

    /// See [`Exchange::summary`].
    pub(super) fn put_summary(&self, block: u8, summary: &Summary) -> Result<()> {
        self.put(&name(block, "summary"), summary)
    }

    /// Deletes everything that was exchanged: for whoever has read the manifest back.
    pub(super) fn clear(&self) -> Result<()> {
        for info in self.session.wait(self.at.list("shards/", MOST_OBJECTS))? {
            match self.session.wait(self.at.delete(&info.name, info.generation)) {
                Ok(()) | Err(Error::Changed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let object = match self.session.wait(self.at.read(name, LARGEST)) {
            Ok(object) => object,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let damaged = |reason: String| Failure::new(ExitCode::Data, "Corrupt", format!("{}: {reason}", self.at.uri_of(name)));
        let decoder = zstd::Decoder::new(&object.bytes[..]).map_err(|error| damaged(error.to_string()))?;
        serde_json::from_reader(std::io::BufReader::new(decoder)).map(Some).map_err(|error| damaged(error.to_string()))
    }

    /// Create-only: whoever was first, everybody goes on from the same bytes, because every worker makes the same.
    fn put<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        let refused = |error: &dyn std::fmt::Display| Failure::new(ExitCode::Bug, "Exchange", format!("{name}: {error}"));
        let json = serde_json::to_vec(value).map_err(|error| refused(&error))?;
        let packed = zstd::encode_all(&json[..], 1).map_err(|error| refused(&error))?;
        match self.session.wait(self.at.create(name, packed))? {
            Created::New(_) | Created::Existing => Ok(()),
        }
    }
}

//! Pointers: the only objects that change. Moved by generation precondition, so that nobody's move is lost unseen.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::json;
use crate::location::{Created, Location};

const HISTORY: usize = 20;
const RACES: usize = 20;

/// A release: which artifact of a model is live under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    /// Counts moves, from 1.
    pub seq: u64,
    /// Manifest digest of what is live.
    pub digest: Digest,
    /// What was live before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// The object that moves this pointer, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What the gates found when it was moved, as the mover wrote it.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub gates: serde_json::Value,
    /// The last moves, newest last, at most 20, this one included.
    pub history: Vec<Move>,
}

/// One move of a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// The pointer's `seq` after it.
    pub seq: u64,
    /// What it moved to.
    pub digest: Digest,
}

/// Where a pointer shall move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Manifest digest.
    pub digest: Digest,
    /// See [`Pointer::owner`].
    pub owner: Option<String>,
    /// See [`Pointer::gates`].
    pub gates: serde_json::Value,
}

/// A pointer as read, with the generation that a move must name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it says.
    pub pointer: Pointer,
    /// Its version.
    pub generation: i64,
}

fn object(name: &str) -> String {
    format!("{name}.json")
}

/// Reads a release pointer; `location` is the prefix of the model's releases.
pub async fn read(location: &Location, name: &str) -> Result<Option<Found>> {
    let found = json::read(location, &object(name)).await?;
    Ok(found.map(|(pointer, generation)| Found { pointer, generation }))
}

/// Moves a release pointer from what the caller read (`None` = there was none).
///
/// # Errors
/// `Changed` if somebody moved it since: read again and decide again.
pub async fn advance(location: &Location, name: &str, from: Option<&Found>, wish: Wish) -> Result<Found> {
    let before = from.map(|found| &found.pointer);
    let seq = before.map_or(0, |pointer| pointer.seq) + 1;
    let mut history = before.map(|pointer| pointer.history.clone()).unwrap_or_default();
    history.push(Move { seq, digest: wish.digest });
    history.drain(..history.len().saturating_sub(HISTORY));
    let previous = before.map(|pointer| pointer.digest);
    let pointer = Pointer { seq, digest: wish.digest, previous, owner: wish.owner, gates: wish.gates, history };
    let bytes = json::encode("pointer", &pointer)?;
    let generation = match from {
        Some(found) => location.replace(&object(name), bytes, found.generation).await?,
        None => match location.create(&object(name), bytes).await? {
            Created::New(generation) => generation,
            Created::Existing => {
                return Err(Error::Changed { object: location.uri_of(&object(name)) });
            }
        },
    };
    Ok(Found { pointer, generation })
}

/// Moves a pointer that only goes forward (`latest.json`): stores `next` unless what is there is as new or newer.
/// Returns whether it moved.
pub async fn forward<T: Serialize + DeserializeOwned>(
    location: &Location,
    name: &str,
    next: &T,
    is_newer: impl Fn(&T, &T) -> bool,
) -> Result<bool> {
    let bytes = json::encode("pointer", next)?;
    for _ in 0..RACES {
        let moved = match json::read::<T>(location, name).await? {
            None => location.create(name, bytes.clone()).await? != Created::Existing,
            Some((found, _)) if !is_newer(next, &found) => return Ok(false),
            Some((_, generation)) => match location.replace(name, bytes.clone(), generation).await {
                Err(Error::Changed { .. }) => false,
                replaced => replaced.map(|_| true)?,
            },
        };
        if moved {
            return Ok(true);
        }
    }
    let reason = "others move it all the time".to_owned();
    Err(Error::Unavailable { verb: "move", object: location.uri_of(name), reason })
}

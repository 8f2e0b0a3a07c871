//! Claims: who works on a request now. A claim saves work and guards nothing, so its holder may change at any time.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result, maybe};
use crate::json;
use crate::layout::CLAIM;
use crate::location::Location;

/// A claim that was not renewed for so long counts as none.
pub const LONGEST_AGE: Duration = Duration::from_mins(10);

/// A claim as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<T> {
    /// Who holds it.
    pub claim: T,
    /// How long ago it was put or renewed, by the storage's clock against the caller's; never negative.
    pub age: Duration,
}

/// A claim of one's own. Dropping it leaves it to grow old; [`Held::release`] deletes it.
#[derive(Debug)]
pub struct Held {
    location: Location,
    bytes: Vec<u8>,
    generation: i64,
}

/// Looks at the claim of a request; `location` is the request's prefix.
pub async fn look<T: DeserializeOwned>(location: &Location, now: SystemTime) -> Result<Option<Seen<T>>> {
    let Some(info) = maybe(location.head(CLAIM).await)? else {
        return Ok(None);
    };
    let Some((claim, _)) = json::read(location, CLAIM).await? else {
        return Ok(None);
    };
    Ok(Some(Seen { claim, age: now.duration_since(info.updated).unwrap_or_default() }))
}

/// Takes the claim, whoever holds it: the caller looked before.
pub async fn take<T: Serialize>(location: &Location, claim: &T) -> Result<Held> {
    let bytes = json::encode("claim", claim)?;
    let generation = location.overwrite(CLAIM, bytes.clone()).await?;
    Ok(Held { location: location.clone(), bytes, generation })
}

impl Held {
    /// Makes the claim young again; false if somebody else took or deleted it since, and then it stays so.
    pub async fn renew(&mut self) -> Result<bool> {
        match self.location.replace(CLAIM, self.bytes.clone(), self.generation).await {
            Ok(generation) => {
                self.generation = generation;
                Ok(true)
            }
            Err(Error::Changed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes the claim, unless somebody else took it.
    pub async fn release(self) -> Result<()> {
        match self.location.delete(CLAIM, self.generation).await {
            Err(Error::Changed { .. }) => Ok(()),
            other => other,
        }
    }
}

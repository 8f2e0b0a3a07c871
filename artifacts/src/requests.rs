//! Records: what a request was answered with, decided once.

use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::claims::{self, Seen};
use crate::error::{Error, Result};
use crate::json;
use crate::layout::RECORD;
use crate::location::{Created, Location};
use crate::manifest::{self, Published};

/// The record that stands after an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered<T> {
    /// The winner's record, whoever that was.
    pub record: T,
    /// Whether this call's own record was stored.
    pub own: bool,
}

/// What the bucket says about a request.
#[derive(Debug)]
pub enum Standing<R, C> {
    /// The answer is there.
    Finished {
        /// The record that led to it.
        record: R,
        /// Its manifest, checked.
        published: Box<Published>,
    },
    /// There is no answer yet.
    Open {
        /// The record, if the request was begun.
        record: Option<R>,
        /// The claim, however old.
        claim: Option<Seen<C>>,
    },
}

/// Looks a request up: its record, the manifest that the record leads to, else its claim. Nothing is written.
///
/// `request` is the request's prefix below `artifacts`; `result` gives the prefix of the result that a record names.
pub async fn look<R: DeserializeOwned, C: DeserializeOwned>(
    artifacts: &Location,
    request: &str,
    result: impl Fn(&R) -> Result<String>,
    now: SystemTime,
) -> Result<Standing<R, C>> {
    let asked = artifacts.child(request)?;
    let mut record: Option<R> = read(&asked).await?;
    if let Some(named) = record.take() {
        match manifest::read(&artifacts.child(&result(&named)?)?).await? {
            Some(published) => return Ok(Standing::Finished { record: named, published: Box::new(published) }),
            None => record = Some(named),
        }
    }
    Ok(Standing::Open { record, claim: claims::look(&asked, now).await? })
}

/// Reads the record of a request; `location` is the request's prefix.
///
/// # Errors
/// `Corrupt`, naming object and place, if it is not a record of type `T`.
pub async fn read<T: DeserializeOwned>(location: &Location) -> Result<Option<T>> {
    Ok(json::read(location, RECORD).await?.map(|(record, _)| record))
}

/// Offers a record, create-only: the first one stands for ever, every other caller gets the first one.
pub async fn offer<T: Serialize + DeserializeOwned>(location: &Location, record: &T) -> Result<Offered<T>> {
    let own = match location.create(RECORD, json::encode("record", record)?).await? {
        Created::New(_) => true,
        Created::Existing => false,
    };
    match read(location).await? {
        Some(record) => Ok(Offered { record, own }),
        None => Err(Error::NotFound { object: location.uri_of(RECORD) }),
    }
}

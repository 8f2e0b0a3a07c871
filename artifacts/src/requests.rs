//! Records: what a request was answered with, decided once.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::json;
use crate::layout::RECORD;
use crate::location::{Created, Location};

/// The record that stands after an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered<T> {
    /// The winner's record, whoever that was.
    pub record: T,
    /// Whether this call's own record was stored.
    pub own: bool,
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

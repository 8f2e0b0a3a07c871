//! JSON objects in and out of a location.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::location::{Location, Object};

/// More than any record, claim or pointer needs; a bound on what a hostile one can cost.
pub(crate) const LIMIT: u64 = 16 << 20;

/// JSON for people and for digests: keys sorted, indented, a newline at its end. The same value gives the same bytes,
/// whatever features other crates switch on in `serde_json`; integers keep all their digits.
pub(crate) fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>> {
    let refuse = |error: serde_json::Error| Error::invalid(what, "", format!("it can't be written as JSON: {error}"));
    let sorted = sort(serde_json::to_value(value).map_err(refuse)?);
    let mut bytes = serde_json::to_vec_pretty(&sorted).map_err(refuse)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn sort(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<String, Value> = map.into_iter().map(|(key, value)| (key, sort(value))).collect();
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sort).collect()),
        other => other,
    }
}

/// Parses what was read, naming the object and the place.
pub(crate) fn decode<T: DeserializeOwned>(location: &Location, name: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::corrupt(location.uri_of(name), error.to_string()))
}

/// Reads and parses an object, with the generation read.
pub(crate) async fn read<T: DeserializeOwned>(location: &Location, name: &str) -> Result<Option<(T, i64)>> {
    match crate::error::maybe(location.read(name, LIMIT).await)? {
        None => Ok(None),
        Some(Object { generation, bytes }) => Ok(Some((decode(location, name, &bytes)?, generation))),
    }
}

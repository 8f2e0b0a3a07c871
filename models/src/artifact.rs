//! The files of one artifact, by name, and the two ways in which they are read.

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};

use crate::learn::{Error, Result};
use crate::report_document::MetricsDocument;

/// The weights.
pub const WEIGHTS: &str = "model.safetensors";
/// The model's own settings and everything fitted that is no tensor.
pub const CONFIG: &str = "config.json";
/// The encoder.
pub const ENCODER: &str = "encoder.json";

/// The files of an artifact by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What a fit ends with: the files to publish, and what was measured about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// Everything that scoring reads.
    pub files: Files,
    /// The model's part of `metrics.json`; geography, last complete day and data quality are the caller's to add.
    pub metrics: MetricsDocument,
}

/// JSON with sorted keys (RFC 8785): equal values make equal bytes. Numbers that are not finite are refused.
pub fn to_json(name: &str, value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json_canonicalizer::to_vec(value).map_err(|error| Error::Format(format!("{name}: {error}")))
}

/// Reads one of the files as JSON.
pub fn from_json<T: DeserializeOwned>(files: &Files, name: &str) -> Result<T> {
    serde_json::from_slice(bytes(files, name)?).map_err(|error| Error::Format(format!("{name}: {error}")))
}

/// One of the files.
pub fn bytes<'f>(files: &'f Files, name: &str) -> Result<&'f [u8]> {
    files.get(name).map(Vec::as_slice).ok_or_else(|| Error::Format(format!("the artifact lacks {name}")))
}

/// SHA-256 of bytes, in lower-case hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = Sha256::digest(bytes).iter().flat_map(|byte| [byte >> 4, byte & 15]).collect::<Vec<u8>>();
    nibbles.iter().map(|nibble| char::from(DIGITS[usize::from(*nibble)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_sorted_and_digests_are_sha256() {
        assert_eq!(to_json("x", &serde_json::json!({"b": 1.5, "a": 0.1})).unwrap(), br#"{"a":0.1,"b":1.5}"#);
        // printf abc | sha256sum
        assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        let files = Files::from([(CONFIG.to_owned(), b"{".to_vec())]);
        assert!(from_json::<u32>(&files, ENCODER).unwrap_err().to_string().contains("lacks encoder.json"));
        assert!(from_json::<u32>(&files, CONFIG).unwrap_err().to_string().starts_with("config.json: "));
    }
}

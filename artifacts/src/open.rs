//! From an address to a location.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::file::FileStore;
use crate::gcs::GcsStore;
use crate::location::Location;
use crate::patience::Patience;
use crate::store::Store;
use crate::uri::Uri;

/// How addresses are opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Another endpoint for `gs://`, asked with anonymous credentials: a double.
    pub gcs_endpoint: Option<String>,
    /// Buckets (`gs://bucket`) that are directories on this machine.
    pub map: BTreeMap<String, PathBuf>,
    /// Bounds of each operation.
    pub patience: Patience,
}

/// Opens the prefix that an address names. Nothing is asked of the storage: a missing bucket shows at first use.
///
/// # Errors
/// `Denied` if no client can be made: no credentials, or a malformed endpoint.
pub async fn open(uri: &Uri, options: &Options) -> Result<Location> {
    let (store, path): (Arc<dyn Store>, &str) = match (uri.bucket(), uri.directory()) {
        (None, directory) => (Arc::new(FileStore::new(directory.unwrap_or_default(), &uri.to_string())), ""),
        (Some(bucket), _) => match options.map.get(&format!("gs://{bucket}")) {
            Some(directory) => (Arc::new(FileStore::new(directory.clone(), &format!("gs://{bucket}/"))), uri.path()),
            None => (Arc::new(GcsStore::connect(bucket, options.gcs_endpoint.as_deref()).await?), uri.path()),
        },
    };
    Location::new(store, options.patience).child(path)
}

/// Parses `{"gs://bucket": "/absolute/directory"}`.
///
/// # Errors
/// `Invalid`, naming the entry.
pub fn parse_map(json: &str) -> Result<BTreeMap<String, PathBuf>> {
    let map: BTreeMap<String, PathBuf> =
        serde_json::from_str(json).map_err(|error| Error::invalid("bucket map", json, error.to_string()))?;
    for (bucket, directory) in &map {
        let uri: Uri = bucket.parse()?;
        if uri.bucket().is_none() || !uri.path().is_empty() || bucket.ends_with('/') {
            return Err(Error::invalid("bucket map", bucket, "write gs://bucket, without a path or a closing slash"));
        }
        if !directory.is_absolute() {
            let directory = directory.display().to_string();
            return Err(Error::invalid("bucket map", &directory, "the directory must be an absolute path"));
        }
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mapped_bucket_keeps_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let map = parse_map(&format!("{{\"gs://bucket\": {:?}}}", directory.path())).unwrap();
        let options = Options { map, ..Options::default() };
        let at = open(&"gs://bucket/crm/".parse().unwrap(), &options).await.unwrap();
        at.create("a", bytes::Bytes::from("1")).await.unwrap();
        assert_eq!(at.uri_of("a"), "gs://bucket/crm/a");
        assert_eq!(std::fs::read(directory.path().join("crm/a")).unwrap(), b"1");
        let plain = format!("file://{}/crm", directory.path().display()).parse().unwrap();
        let at = open(&plain, &Options::default()).await.unwrap();
        assert_eq!(at.read("a", 1).await.unwrap().bytes, "1");
    }

    #[test]
    fn a_bad_map_is_refused_with_the_entry() {
        for (json, reason) in [
            ("{", "EOF"),
            ("{\"bucket\": \"/a\"}", "neither with gs://"),
            ("{\"gs://bucket/\": \"/a\"}", "without a path"),
            ("{\"gs://bucket/x\": \"/a\"}", "without a path"),
            ("{\"file:///x\": \"/a\"}", "without a path"),
            ("{\"gs://bucket\": \"a\"}", "absolute"),
        ] {
            let error = parse_map(json).unwrap_err().to_string();
            assert!(error.contains(reason), "{json}: {error}");
        }
    }
}

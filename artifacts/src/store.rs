//! The narrow trait under everything, and its words.

use std::io::Read;
use std::path::PathBuf;
use std::time::SystemTime;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::error::{Error, Result};

/// What a store's method returns: a boxed future, so that the trait can be an object.
pub type Answer<'a, T> = BoxFuture<'a, Result<T>>;

/// Objects in one bucket or one directory, with the meaning of Google Cloud Storage.
///
/// An object appears whole or not at all; each version has a generation, which never comes back for other bytes; who
/// names the generation that it read can't overwrite or delete anybody else's. One call is one attempt: retries and the
/// resolution of unknown commits belong to [`crate::Location`]. Names satisfy [`crate::check_name`].
///
/// # Errors
/// As the variants of [`Error`] say; a missing object is `NotFound`, a missing pinned generation `Changed`.
pub trait Store: std::fmt::Debug + Send + Sync {
    /// The full address of a name, for people.
    fn uri(&self, name: &str) -> String;

    /// Stores a body if what is there is as expected.
    fn put<'a>(&'a self, name: &'a str, body: &'a Body, expect: Expect) -> Answer<'a, Commit>;

    /// Reads from an offset, at a generation or at the current one.
    fn read<'a>(&'a self, name: &'a str, generation: Option<i64>, offset: u64) -> Answer<'a, Reading>;

    /// What is known about an object without reading it.
    fn head<'a>(&'a self, name: &'a str) -> Answer<'a, Info>;

    /// One page of the objects whose names begin with `prefix`, in the order of their names' bytes.
    fn list<'a>(&'a self, prefix: &'a str, token: Option<&'a str>) -> Answer<'a, Page>;

    /// Deletes an object at this generation. Missing is done; another generation is `Changed`.
    fn delete<'a>(&'a self, name: &'a str, generation: i64) -> Answer<'a, ()>;
}

/// What a put expects to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing: create-only.
    Absent,
    /// The object at this generation: replace.
    Generation(i64),
}

/// How a commit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// It is stored, at this generation.
    Committed(i64),
    /// What was there was not as expected; nothing changed.
    Rejected,
    /// Nobody knows, with the reason: the answer was lost, late, or said only that something went wrong.
    Unknown(String),
}

/// What to store.
#[derive(Clone, Debug)]
pub enum Body {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A local file, streamed. It must not change meanwhile.
    File(PathBuf),
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<PathBuf> for Body {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl Body {
    /// Length in bytes, without reading.
    pub async fn length(&self) -> Result<u64> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::File(path) => tokio::fs::metadata(path).await.map(|m| m.len()).map_err(|e| Error::local("read", path, e)),
        }
    }

    /// Reads the body once for its sums.
    pub async fn summary(&self) -> Result<Summary> {
        match self {
            Self::Bytes(bytes) => Ok(Summary::of(bytes)),
            Self::File(path) => {
                let path = path.clone();
                blocking(move || summarize(&path).map_err(|e| Error::local("read", &path, e))).await
            }
        }
    }
}

/// Length and sums of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// In bytes.
    pub length: u64,
    /// CRC-32C (Castagnoli).
    pub crc32c: u32,
    /// SHA-256.
    pub sha256: Digest,
}

impl Summary {
    /// The sums of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self { length: bytes.len() as u64, crc32c: crc32c::crc32c(bytes), sha256: Digest::of(bytes) }
    }
}

fn summarize(path: &std::path::Path) -> std::io::Result<Summary> {
    let mut file = std::fs::File::open(path)?;
    let (mut length, mut crc32c, mut sha256) = (0, 0, Sha256::new());
    let mut buffer = vec![0; 1 << 18];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok(Summary { length, crc32c, sha256: Digest::finish(sha256) });
        }
        length += n as u64;
        crc32c = crc32c::crc32c_append(crc32c, &buffer[..n]);
        sha256.update(&buffer[..n]);
    }
}

/// What a store knows about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Its name, relative to the store or [`crate::Location`] that was asked.
    pub name: String,
    /// Its version; grows with each replacement, fits 53 bits.
    pub generation: i64,
    /// In bytes.
    pub length: u64,
    /// CRC-32C of its bytes.
    pub crc32c: u32,
    /// When this version was stored, by the store's clock.
    pub updated: SystemTime,
}

/// One page of a listing.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// In the order of their names' bytes.
    pub objects: Vec<Info>,
    /// Where the next page begins; none = this was the last.
    pub next: Option<String>,
}

/// An object being read.
pub struct Reading {
    /// The version that the chunks belong to.
    pub generation: i64,
    /// Length of the whole object in bytes, whatever the offset.
    pub length: u64,
    /// CRC-32C of the whole object, where the store keeps one.
    pub crc32c: Option<u32>,
    /// The bytes from the offset on.
    pub chunks: BoxStream<'static, Result<Bytes>>,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").field("generation", &self.generation).field("length", &self.length).finish_non_exhaustive()
    }
}

/// Runs file work on the thread pool made for it.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
        Err(_) => Err(Error::Stopped { missing: "a file operation".into() }),
    }
}

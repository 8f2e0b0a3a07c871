//! Published prefixes: immutable files, and a manifest that comes last.
//!
//! A reader trusts nothing without a manifest and nothing that differs from it. The manifest is sorted JSON without
//! clock, machine or money, so equal work gives an equal digest, whoever did it and however often it was interrupted.

use std::path::Path;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::error::{Error, Result, maybe};
use crate::json;
use crate::layout::MANIFEST;
use crate::location::{Created, Location};
use crate::store::{Body, Summary};
use crate::uri::check_name;

/// The format that this build writes and reads.
pub const FORMAT: u32 = 1;
/// The most files that a manifest may list.
pub const MOST_FILES: usize = 100_000;
const LARGEST: u64 = 32 << 20;

/// What a published prefix holds, and what is to be known about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The files, strictly ascending by name.
    pub files: Vec<Entry>,
    /// A JSON object of the publisher's: inputs, encoder schema, metrics, recipe, seed, kernel class. Nothing of the
    /// clock, the machine, the number of starts or money.
    pub facts: Value,
}

/// One file of a published prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Relative to the manifest.
    pub name: String,
    /// In bytes.
    pub length: u64,
    /// CRC-32C of the bytes.
    pub crc32c: u32,
    /// SHA-256 of the bytes.
    pub sha256: Digest,
}

impl Entry {
    fn new(name: &str, summary: Summary) -> Self {
        Self { name: name.to_owned(), length: summary.length, crc32c: summary.crc32c, sha256: summary.sha256 }
    }

    fn check(&self, object: String, found: Summary) -> Result<()> {
        if *self == Self::new(&self.name, found) {
            return Ok(());
        }
        let reason = format!(
            "it has {} bytes with sha256 {}, its manifest says {} bytes with sha256 {}",
            found.length, found.sha256, self.length, self.sha256
        );
        Err(Error::Corrupt { object, reason })
    }
}

impl Manifest {
    /// The bytes that are stored; the manifest's digest is theirs.
    pub fn encode(&self) -> Result<Vec<u8>> {
        json::encode("manifest", self)
    }

    /// The entry of a file.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        let at = self.files.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok()?;
        self.files.get(at)
    }

    /// Refuses what no publisher writes: another format, names that leave the prefix or come twice, too many files.
    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("format {} is not {FORMAT}, the one that this build reads", self.format));
        }
        if self.files.len() > MOST_FILES {
            return Err(format!("{} files are listed, the limit is {MOST_FILES}", self.files.len()));
        }
        if !self.facts.is_object() {
            return Err("facts is not an object".into());
        }
        for (index, entry) in self.files.iter().enumerate() {
            check_name(&entry.name).map_err(|error| format!("files[{index}]: {error}"))?;
            if entry.name == MANIFEST {
                return Err(format!("files[{index}]: the manifest lists itself"));
            }
        }
        match self.files.windows(2).position(|pair| pair[0].name >= pair[1].name) {
            Some(index) => Err(format!("files[{}]: {:?} comes twice or out of order", index + 1, self.files[index + 1].name)),
            None => Ok(()),
        }
    }
}

/// A published prefix, its manifest checked.
#[derive(Clone, Debug)]
pub struct Published {
    /// What is there.
    pub manifest: Manifest,
    /// SHA-256 of the manifest's bytes: the identity of all of it.
    pub digest: Digest,
    location: Location,
}

/// Stores one file of a publication, create-only.
///
/// # Errors
/// `NotReproducible` if the name already holds other bytes; the same bytes are fine.
pub async fn put(location: &Location, name: &str, body: impl Into<Body>) -> Result<Entry> {
    let body = body.into();
    let ours = body.summary().await?;
    if location.create(name, body).await? == Created::Existing {
        let (_, theirs) = location.summarize(name).await?;
        if theirs != ours {
            return Err(not_reproducible(location.uri_of(name), theirs.sha256, ours.sha256));
        }
    }
    Ok(Entry::new(name, ours))
}

/// Reads a stored file for its entry: for whoever seals what others put.
pub async fn describe(location: &Location, name: &str) -> Result<Entry> {
    let (_, summary) = location.summarize(name).await?;
    Ok(Entry::new(name, summary))
}

/// Stores the manifest over files that are all in place; this makes them a publication.
///
/// # Errors
/// `NotReproducible` if another manifest is there; `Invalid` if a name comes twice or can't be one.
pub async fn seal(location: &Location, mut files: Vec<Entry>, facts: Value) -> Result<Published> {
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let manifest = Manifest { format: FORMAT, files, facts };
    manifest.check().map_err(|reason| Error::invalid("manifest", &location.uri_of(MANIFEST), reason))?;
    let bytes = manifest.encode()?;
    let digest = Digest::of(&bytes);
    if location.create(MANIFEST, bytes).await? == Created::Existing {
        let theirs = Digest::of(&location.read(MANIFEST, LARGEST).await?.bytes);
        if theirs != digest {
            return Err(not_reproducible(location.uri_of(MANIFEST), theirs, digest));
        }
    }
    Ok(Published { manifest, digest, location: location.clone() })
}

/// Stores files and then their manifest. Any number of processes may publish the same, at once or again.
///
/// # Errors
/// `NotReproducible` if a name already holds other bytes.
pub async fn publish(location: &Location, files: Vec<(String, Body)>, facts: Value) -> Result<Published> {
    let mut entries = Vec::with_capacity(files.len());
    for (name, body) in files {
        entries.push(put(location, &name, body).await?);
    }
    seal(location, entries, facts).await
}

/// Reads the manifest of a prefix; none = nothing is published there (yet).
///
/// # Errors
/// `Corrupt` with the field and the reason if it is not one; `TooLarge` if it has more than 32 MiB.
pub async fn read(location: &Location) -> Result<Option<Published>> {
    let Some(object) = maybe(location.read(MANIFEST, LARGEST).await)? else {
        return Ok(None);
    };
    let manifest: Manifest = json::decode(location, MANIFEST, &object.bytes)?;
    manifest.check().map_err(|reason| Error::corrupt(location.uri_of(MANIFEST), reason))?;
    Ok(Some(Published { manifest, digest: Digest::of(&object.bytes), location: location.clone() }))
}

/// Reads the manifest that has this digest.
///
/// # Errors
/// `NotFound` if nothing is published, `Corrupt` if it is something else.
pub async fn read_pinned(location: &Location, digest: Digest) -> Result<Published> {
    let published = read(location).await?.ok_or_else(|| Error::NotFound { object: location.uri_of(MANIFEST) })?;
    if published.digest != digest {
        let reason = format!("its sha256 is {}, {digest} was asked for", published.digest);
        return Err(Error::corrupt(location.uri_of(MANIFEST), reason));
    }
    Ok(published)
}

impl Published {
    /// Where it lies.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Reads a listed file of at most `limit` bytes; length, CRC-32C and SHA-256 are checked.
    pub async fn fetch(&self, name: &str, limit: u64) -> Result<Bytes> {
        let entry = self.entry(name)?;
        let object = self.location.uri_of(name);
        if entry.length > limit {
            return Err(Error::TooLarge { object, length: format!("{} bytes", entry.length), limit });
        }
        let bytes = self.location.read(name, limit).await?.bytes;
        entry.check(object, Summary::of(&bytes))?;
        Ok(bytes)
    }

    /// Reads a listed file into a local one, streaming; length, CRC-32C and SHA-256 are checked, and a file that fails
    /// is removed.
    pub async fn fetch_to(&self, name: &str, to: &Path) -> Result<()> {
        let entry = self.entry(name)?;
        let (_, found) = self.location.download(name, None, to).await?;
        let checked = entry.check(self.location.uri_of(name), found);
        if checked.is_err() {
            std::fs::remove_file(to).map_err(|error| Error::local("remove", to, error))?;
        }
        checked
    }

    fn entry(&self, name: &str) -> Result<&Entry> {
        self.manifest.entry(name).ok_or_else(|| Error::corrupt(self.location.uri_of(MANIFEST), format!("it lists no file {name:?}")))
    }
}

fn not_reproducible(object: String, theirs: Digest, ours: Digest) -> Error {
    Error::NotReproducible { object, theirs: theirs.to_string(), ours: ours.to_string() }
}

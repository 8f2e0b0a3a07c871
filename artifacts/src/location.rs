//! A prefix in a store, with the manners that every caller needs.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::timeout;

use crate::error::{Error, Result, maybe};
use crate::patience::{Patience, Tries};
use crate::sink::{Disk, Memory, Sink, Sums};
use crate::store::{Answer, Body, Commit, Expect, Info, Store, Summary};
use crate::transfer::Transfer;
use crate::uri::check_name;

/// A prefix in a store: names are relative to it, failures that may pass are tried again within [`Patience`], sums are
/// checked, and a commit whose answer was lost is resolved by reading back. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Location {
    store: Arc<dyn Store>,
    prefix: String,
    patience: Patience,
}

/// How a create-only put ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// These bytes are stored, by this call, at this generation.
    New(i64),
    /// The name was taken; what lies there was not compared.
    Existing,
}

/// An object read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The version read.
    pub generation: i64,
    /// All of its bytes, their checksum checked.
    pub bytes: Bytes,
}

impl Location {
    /// The root of a store.
    pub fn new(store: Arc<dyn Store>, patience: Patience) -> Self {
        Self { store, prefix: String::new(), patience }
    }

    /// The prefix `path` below this one; a closing slash is added where it lacks.
    pub fn child(&self, path: &str) -> Result<Self> {
        let path = path.trim_end_matches('/');
        if path.is_empty() {
            return Ok(self.clone());
        }
        check_name(path)?;
        Ok(Self { prefix: format!("{}{path}/", self.prefix), ..self.clone() })
    }

    /// The full address of this prefix, closed by a slash.
    pub fn uri(&self) -> String {
        self.store.uri(&self.prefix)
    }

    /// The full address of an object.
    pub fn uri_of(&self, name: &str) -> String {
        self.store.uri(&format!("{}{name}", self.prefix))
    }

    /// Stores a body under a name that must be free. An answer that was lost is resolved: if the name then holds this
    /// body, it is `New`.
    pub async fn create(&self, name: &str, body: impl Into<Body>) -> Result<Created> {
        Ok(match self.commit(name, &body.into(), Expect::Absent).await? {
            Some(generation) => Created::New(generation),
            None => Created::Existing,
        })
    }

    /// Stores a body in place of the generation that the caller read; returns the new generation.
    ///
    /// # Errors
    /// `Changed` if another generation, or none, is there.
    pub async fn replace(&self, name: &str, body: impl Into<Body>, generation: i64) -> Result<i64> {
        let replaced = self.commit(name, &body.into(), Expect::Generation(generation)).await?;
        replaced.ok_or_else(|| Error::Changed { object: self.uri_of(name) })
    }

    /// Stores a body whatever is there: the last writer wins. Returns the generation.
    pub async fn overwrite(&self, name: &str, body: impl Into<Body>) -> Result<i64> {
        let body = body.into();
        for _ in 0..self.patience.tries.max(1) * 4 {
            let expect = match maybe(self.head(name).await)? {
                None => Expect::Absent,
                Some(info) => Expect::Generation(info.generation),
            };
            if let Some(generation) = self.commit(name, &body, expect).await? {
                return Ok(generation);
            }
        }
        let reason = "others replace it all the time".to_owned();
        Err(Error::Unavailable { verb: "store", object: self.uri_of(name), reason })
    }

    /// Reads an object of at most `limit` bytes.
    pub async fn read(&self, name: &str, limit: u64) -> Result<Object> {
        self.read_version(name, None, limit).await
    }

    /// Reads an object of at most `limit` bytes at this generation; `Changed` if it is not there any more.
    pub async fn read_at(&self, name: &str, generation: i64, limit: u64) -> Result<Object> {
        self.read_version(name, Some(generation), limit).await
    }

    async fn read_version(&self, name: &str, generation: Option<i64>, limit: u64) -> Result<Object> {
        let mut sink = Memory { object: self.uri_of(name), bytes: Vec::new(), limit };
        let found = self.transfer(name, generation, &mut sink).await?;
        Ok(Object { generation: found, bytes: sink.bytes.into() })
    }

    /// Reads an object into a local file, at this generation or at the current one; the file appears whole or not at
    /// all. A transfer that breaks goes on where it broke. Returns the generation and the sums of what was read.
    pub async fn download(&self, name: &str, generation: Option<i64>, to: &Path) -> Result<(i64, Summary)> {
        let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let part = tempfile::Builder::new().prefix(".reprise-temporary-").tempfile_in(directory);
        let part = part.map_err(|error| Error::local("create", to, error))?;
        let mut sink = Disk { path: to, file: part, sums: Sums::default() };
        let found = self.transfer(name, generation, &mut sink).await?;
        sink.file.persist(to).map_err(|error| Error::local("create", to, error.error))?;
        Ok((found, sink.sums.finish()))
    }

    /// Reads an object for its sums alone.
    pub async fn summarize(&self, name: &str) -> Result<(i64, Summary)> {
        let mut sums = Sums::default();
        let found = self.transfer(name, None, &mut sums).await?;
        Ok((found, sums.finish()))
    }

    /// What is known about an object without reading it (`file://` reads it for its checksum).
    pub async fn head(&self, name: &str) -> Result<Info> {
        let full = self.full(name)?;
        let info = self.patiently("look at", name, || self.store.head(&full)).await?;
        Ok(Info { name: name.to_owned(), ..info })
    }

    /// All objects whose names begin with `prefix` (which may be empty), in the order of their names' bytes.
    ///
    /// # Errors
    /// `TooLarge` if there are more than `limit`.
    pub async fn list(&self, prefix: &str, limit: usize) -> Result<Vec<Info>> {
        let full = format!("{}{prefix}", self.prefix);
        let (mut infos, mut token): (Vec<Info>, Option<String>) = (Vec::new(), None);
        loop {
            let page = self.patiently("list", prefix, || self.store.list(&full, token.as_deref())).await?;
            for info in page.objects {
                let name = info.name.strip_prefix(&self.prefix).unwrap_or(&info.name).to_owned();
                infos.push(Info { name, ..info });
            }
            if infos.len() > limit {
                let length = format!("more than {limit} objects");
                return Err(Error::TooLarge { object: self.uri_of(prefix), length, limit: limit as u64 });
            }
            match page.next {
                None => return Ok(infos),
                next => token = next,
            }
        }
    }

    /// Deletes an object at this generation; missing is done.
    ///
    /// # Errors
    /// `Changed` if another generation is there.
    pub async fn delete(&self, name: &str, generation: i64) -> Result<()> {
        let full = self.full(name)?;
        self.patiently("delete", name, || self.store.delete(&full, generation)).await
    }

    fn full(&self, name: &str) -> Result<String> {
        check_name(name)?;
        Ok(format!("{}{name}", self.prefix))
    }

    async fn transfer(&self, name: &str, generation: Option<i64>, sink: &mut dyn Sink) -> Result<i64> {
        let name = &self.full(name)?;
        Transfer { store: &*self.store, patience: self.patience, name, generation }.run(sink).await
    }

    /// Puts until the outcome is known: `Some(generation)` = committed, `None` = rejected.
    ///
    /// After an unknown outcome the name is read back. If it holds this body, it is committed: by this call, or by
    /// somebody who stored the same, which is as good. If it is still as expected, putting again is safe, because the
    /// expectation holds for both; the first put may still land between, so a rejection is then read back too. Nothing
    /// is ever deleted.
    async fn commit(&self, name: &str, body: &Body, expect: Expect) -> Result<Option<i64>> {
        let full = self.full(name)?;
        let bound = self.patience.of_upload(body.length().await?);
        let mut tries = Tries::begin(self.patience);
        let mut in_doubt = false;
        loop {
            let outcome = timeout(bound, self.store.put(&full, body, expect)).await;
            let reason = match outcome.unwrap_or_else(|_| Ok(Commit::Unknown("no answer in time".into()))) {
                Ok(Commit::Committed(generation)) => return Ok(Some(generation)),
                Ok(Commit::Rejected) if in_doubt => return Ok(self.resolve(name, body, expect).await?.flatten()),
                Ok(Commit::Rejected) => return Ok(None),
                Ok(Commit::Unknown(reason)) | Err(Error::Unavailable { reason, .. }) => reason,
                Err(error) => return Err(error),
            };
            in_doubt = true;
            tracing::warn!(object = self.uri_of(name), reason, "a commit's outcome is unknown; reading back");
            if let Some(outcome) = self.resolve(name, body, expect).await? {
                return Ok(outcome);
            }
            tries.next("store", &self.uri_of(name), reason).await?;
        }
    }

    /// Reads back after an unknown commit: its outcome, or none if nothing changed yet.
    async fn resolve(&self, name: &str, body: &Body, expect: Expect) -> Result<Option<Option<i64>>> {
        let Some(found) = maybe(self.head(name).await)? else {
            // Absent: a create has not happened; a replaced object that is gone was deleted by somebody.
            return Ok(if expect == Expect::Absent { None } else { Some(None) });
        };
        if expect == Expect::Generation(found.generation) {
            return Ok(None);
        }
        if found.length != body.length().await? {
            return Ok(Some(None));
        }
        let (generation, stored) = self.summarize(name).await?;
        let same = stored == body.summary().await?;
        Ok(Some(same.then_some(generation)))
    }

    async fn patiently<'a, T>(&self, verb: &'static str, name: &str, call: impl Fn() -> Answer<'a, T>) -> Result<T> {
        let mut tries = Tries::begin(self.patience);
        loop {
            let reason = match timeout(self.patience.attempt, call()).await {
                Err(_) => format!("no answer in {} ms", self.patience.attempt.as_millis()),
                Ok(Err(Error::Unavailable { reason, .. })) => reason,
                Ok(result) => return result,
            };
            tries.next(verb, &self.uri_of(name), reason).await?;
        }
    }
}

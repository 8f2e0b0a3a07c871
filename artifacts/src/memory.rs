//! Objects in memory: for tests, with the meaning of the real thing.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use futures::{FutureExt, StreamExt};

use crate::error::{Error, Result};
use crate::store::{Answer, Body, Commit, Expect, Info, Page, Reading, Store};

const PAGE: usize = 1000;

/// A store that lives as long as the value does.
#[derive(Debug)]
pub struct MemoryStore {
    bucket: String,
    clock: fn() -> SystemTime,
    objects: Mutex<Objects>,
}

#[derive(Debug, Default)]
struct Objects {
    by_name: BTreeMap<String, Stored>,
    last_generation: i64,
}

#[derive(Clone, Debug)]
struct Stored {
    generation: i64,
    updated: SystemTime,
    bytes: Bytes,
}

impl Stored {
    fn info(&self, name: &str) -> Info {
        Info {
            name: name.to_owned(),
            generation: self.generation,
            length: self.bytes.len() as u64,
            crc32c: crc32c::crc32c(&self.bytes),
            updated: self.updated,
        }
    }
}

impl MemoryStore {
    /// An empty store; the bucket's name shows in messages only, the clock sets `updated`.
    pub fn new(bucket: &str, clock: fn() -> SystemTime) -> Self {
        Self { bucket: bucket.to_owned(), clock, objects: Mutex::default() }
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stored(&self, name: &str) -> Result<Stored> {
        self.objects().by_name.get(name).cloned().ok_or_else(|| Error::NotFound { object: self.uri(name) })
    }

    async fn put_object(&self, name: &str, body: &Body, expect: Expect) -> Result<Commit> {
        let bytes = match body {
            Body::Bytes(bytes) => bytes.clone(),
            Body::File(path) => tokio::fs::read(path).await.map_err(|e| Error::local("read", path, e))?.into(),
        };
        let mut objects = self.objects();
        let found = objects.by_name.get(name).map_or(Expect::Absent, |stored| Expect::Generation(stored.generation));
        if found != expect {
            return Ok(Commit::Rejected);
        }
        objects.last_generation += 1;
        let generation = objects.last_generation;
        objects.by_name.insert(name.to_owned(), Stored { generation, updated: (self.clock)(), bytes });
        Ok(Commit::Committed(generation))
    }

    fn read_object(&self, name: &str, generation: Option<i64>, offset: u64) -> Result<Reading> {
        let stored = match (self.stored(name), generation) {
            (Ok(stored), Some(wanted)) if stored.generation != wanted => {
                return Err(Error::Changed { object: self.uri(name) });
            }
            (Err(_), Some(_)) => {
                return Err(Error::Changed { object: self.uri(name) });
            }
            (stored, _) => stored?,
        };
        let rest = stored.bytes.slice(stored.bytes.len().min(offset as usize)..);
        Ok(Reading {
            generation: stored.generation,
            length: stored.bytes.len() as u64,
            crc32c: Some(crc32c::crc32c(&stored.bytes)),
            chunks: futures::stream::iter([Ok(rest)]).boxed(),
        })
    }

    fn list_objects(&self, prefix: &str, after: Option<&str>) -> Page {
        let objects = self.objects();
        let mut infos = objects
            .by_name
            .range(prefix.to_owned()..)
            .take_while(|(name, _)| name.starts_with(prefix))
            .filter(|(name, _)| after.is_none_or(|after| name.as_str() > after))
            .map(|(name, stored)| stored.info(name));
        let page: Vec<_> = infos.by_ref().take(PAGE).collect();
        let next = infos.next().and(page.last().map(|info| info.name.clone()));
        Page { objects: page, next }
    }

    fn delete_object(&self, name: &str, generation: i64) -> Result<()> {
        let mut objects = self.objects();
        match objects.by_name.get(name) {
            None => Ok(()),
            Some(stored) if stored.generation == generation => {
                objects.by_name.remove(name);
                Ok(())
            }
            Some(_) => Err(Error::Changed { object: self.uri(name) }),
        }
    }
}

impl Store for MemoryStore {
    fn uri(&self, name: &str) -> String {
        format!("memory://{}/{name}", self.bucket)
    }

    fn put<'a>(&'a self, name: &'a str, body: &'a Body, expect: Expect) -> Answer<'a, Commit> {
        self.put_object(name, body, expect).boxed()
    }

    fn read<'a>(&'a self, name: &'a str, generation: Option<i64>, offset: u64) -> Answer<'a, Reading> {
        async move { self.read_object(name, generation, offset) }.boxed()
    }

    fn head<'a>(&'a self, name: &'a str) -> Answer<'a, Info> {
        async move { self.stored(name).map(|stored| stored.info(name)) }.boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str, token: Option<&'a str>) -> Answer<'a, Page> {
        async move { Ok(self.list_objects(prefix, token)) }.boxed()
    }

    fn delete<'a>(&'a self, name: &'a str, generation: i64) -> Answer<'a, ()> {
        async move { self.delete_object(name, generation) }.boxed()
    }
}

//! Rows on scratch, shared out by shard, so that one shard at a time is in memory.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::shard::{SHARDS, shard};
use crate::error::{Error, Result};

/// Bytes of one shard that wait in memory before they are appended to its file.
const WAITING: usize = 64 << 10;

/// Rows of one kind, one JSON line each, in one file per shard of their owner.
pub(super) struct Spill<T> {
    folder: PathBuf,
    name: &'static str,
    waiting: Vec<Vec<u8>>,
    rows: PhantomData<T>,
}

impl<T: Serialize + DeserializeOwned> Spill<T> {
    /// An empty spill in `folder`.
    pub(super) fn new(folder: &Path, name: &'static str) -> Self {
        Self { folder: folder.to_owned(), name, waiting: vec![Vec::new(); usize::from(SHARDS)], rows: PhantomData }
    }

    /// Adds a row to the shard of `owner`.
    pub(super) fn push(&mut self, owner: &str, row: &T) -> Result<()> {
        let shard = shard(owner);
        let waiting = &mut self.waiting[usize::from(shard)];
        serde_json::to_writer(&mut *waiting, row).map_err(|error| Error::scratch(&self.folder, error.into()))?;
        waiting.push(b'\n');
        if waiting.len() >= WAITING { self.append(shard) } else { Ok(()) }
    }

    /// Takes the rows of a shard in the order in which they were added, and frees their disk space.
    pub(super) fn take(&mut self, shard: u8, mut each: impl FnMut(T) -> Result<()>) -> Result<()> {
        self.append(shard)?;
        let path = self.path(shard);
        if !path.exists() {
            return Ok(());
        }
        let failed = |error| Error::scratch(&path, error);
        let mut lines = BufReader::with_capacity(WAITING, File::open(&path).map_err(failed)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            if lines.read_until(b'\n', &mut line).map_err(failed)? == 0 {
                break;
            }
            each(serde_json::from_slice(&line).map_err(|error| failed(error.into()))?)?;
        }
        std::fs::remove_file(&path).map_err(failed)
    }

    fn append(&mut self, shard: u8) -> Result<()> {
        let path = self.path(shard);
        let waiting = &mut self.waiting[usize::from(shard)];
        if waiting.is_empty() {
            return Ok(());
        }
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(waiting)).map_err(|error| Error::scratch(&path, error))?;
        waiting.clear();
        Ok(())
    }

    fn path(&self, shard: u8) -> PathBuf {
        self.folder.join(format!("{}-{shard:02}.jsonl", self.name))
    }
}

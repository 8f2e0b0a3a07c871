//! Moving an object's bytes through a network that breaks.

use futures::StreamExt;
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::patience::{Patience, Tries};
use crate::sink::Sink;
use crate::store::{Reading, Store};

/// One object on its way into a sink.
pub(crate) struct Transfer<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) patience: Patience,
    /// The object's name in the store.
    pub(crate) name: &'a str,
    /// Which version; none = the current one, fixed by the first answer.
    pub(crate) generation: Option<i64>,
}

impl Transfer<'_> {
    /// Goes on after a break where it broke, checks length and checksum at the end, and begins once more if they are
    /// wrong. Returns the generation read.
    pub(crate) async fn run(&self, sink: &mut dyn Sink) -> Result<i64> {
        match self.through(sink).await {
            Err(Error::Corrupt { object, reason }) => {
                tracing::warn!(object, reason, "read corrupt bytes; reading once more");
                sink.restart()?;
                self.through(sink).await
            }
            other => other,
        }
    }

    async fn through(&self, sink: &mut dyn Sink) -> Result<i64> {
        let mut cursor = Cursor { generation: self.generation, length: None, crc32c: None, done: 0, sum: 0 };
        let mut tries = Tries::begin(self.patience);
        let object = self.store.uri(self.name);
        loop {
            let before = cursor.done;
            let error = match self.attempt(&mut cursor, sink).await {
                Ok(generation) => return cursor.check(&object).map(|()| generation),
                Err(error) => error,
            };
            let Error::Unavailable { reason, .. } = error else { return Err(error) };
            if cursor.done > before {
                tries = Tries::begin(self.patience);
            }
            tries.next("read", &object, reason).await?;
        }
    }

    /// One attempt from where the cursor stands.
    async fn attempt(&self, cursor: &mut Cursor, sink: &mut dyn Sink) -> Result<i64> {
        let broken = |reason: String| Error::Unavailable { verb: "read", object: self.store.uri(self.name), reason };
        let bound = self.patience.attempt;
        let stalled = |_| broken(format!("no bytes came for {} ms", bound.as_millis()));
        let reading = timeout(bound, self.store.read(self.name, cursor.generation, cursor.done)).await;
        let Reading { generation, length, crc32c, mut chunks } = reading.map_err(stalled)??;
        if cursor.length.is_none() {
            sink.expect(length)?;
        }
        (cursor.generation, cursor.length, cursor.crc32c) = (Some(generation), Some(length), crc32c);
        while let Some(chunk) = timeout(bound, chunks.next()).await.map_err(stalled)? {
            let chunk = chunk?;
            sink.write(&chunk)?;
            cursor.done += chunk.len() as u64;
            cursor.sum = crc32c::crc32c_append(cursor.sum, &chunk);
        }
        if cursor.done < length {
            return Err(broken(format!("the body ended after {} of {length} bytes", cursor.done)));
        }
        Ok(generation)
    }
}

/// Where a transfer stands.
struct Cursor {
    generation: Option<i64>,
    length: Option<u64>,
    crc32c: Option<u32>,
    done: u64,
    sum: u32,
}

impl Cursor {
    fn check(&self, object: &str) -> Result<()> {
        if let Some(length) = self.length.filter(|length| *length != self.done) {
            let reason = format!("{} bytes came, its length is {length}", self.done);
            return Err(Error::corrupt(object.to_owned(), reason));
        }
        match self.crc32c {
            Some(stored) if stored != self.sum => {
                let reason = format!("crc32c of the bytes is {:08x}, the storage says {stored:08x}", self.sum);
                Err(Error::corrupt(object.to_owned(), reason))
            }
            _ => Ok(()),
        }
    }
}

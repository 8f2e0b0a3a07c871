//! The barrier at which the ranks of one training meet, and the checkpoints from which they resume.
//!
//! Below one prefix: `rounds/<round>/rank-<rank>` are the parts, `rounds/<round>/merged` is what everybody goes on
//! from, `ranks/<rank>/step-<step>` are checkpoints. Everything but a checkpoint is create-only, so a rank that was
//! stopped, replaced and continued can change nothing. Each object is framed with its own digest: what reads back is
//! whole.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::error::{Error, Result, maybe};
use crate::frame::{seal, unseal};
use crate::location::{Created, Location};
use crate::store::Info;
use crate::wait::Wait;

/// The largest part, merge or checkpoint in bytes.
pub const LARGEST: u64 = 4 << 30;
const MOST_OBJECTS: usize = 1_000_000;
const KEPT: usize = 2;

/// The rounds and checkpoints below one artifact's prefix.
#[derive(Clone, Debug)]
pub struct Rounds {
    location: Location,
}

/// A checkpoint that reads back whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The global step under which it was kept.
    pub step: u64,
    /// What was kept.
    pub bytes: Vec<u8>,
}

fn part_name(round: u32, rank: u32) -> String {
    format!("rounds/{round}/rank-{rank}")
}

fn merged_name(round: u32) -> String {
    format!("rounds/{round}/merged")
}

fn checkpoint_name(rank: u32, step: u64) -> String {
    format!("ranks/{rank}/step-{step}")
}

impl Rounds {
    /// The rounds of the artifact whose prefix this is.
    pub fn new(location: Location) -> Self {
        Self { location }
    }

    /// Puts a rank's part of a round. Offering the same bytes again is fine.
    ///
    /// # Errors
    /// `NotReproducible` if this rank already offered other bytes.
    pub async fn offer(&self, round: u32, rank: u32, bytes: &[u8]) -> Result<()> {
        let name = part_name(round, rank);
        let ours = seal(bytes);
        let digest = Digest::of(&ours);
        if self.location.create(&name, ours).await? == Created::Existing {
            let theirs = Digest::of(&self.location.read(&name, LARGEST).await?.bytes);
            if theirs != digest {
                let object = self.location.uri_of(&name);
                return Err(Error::NotReproducible { object, theirs: theirs.to_string(), ours: digest.to_string() });
            }
        }
        Ok(())
    }

    /// What all ranks go on from after a round.
    ///
    /// If nobody merged yet, waits for the parts of all `count` ranks, merges them in the order of ranks, and offers
    /// the result create-only. Whoever was first, everybody gets the same bytes.
    ///
    /// # Errors
    /// `Waited` if parts lack at the end of the bound, `Stopped` if told so, `Merge` if `merge` fails.
    pub async fn merged<E>(
        &self,
        round: u32,
        count: u32,
        merge: impl Fn(&[Vec<u8>]) -> Result<Vec<u8>, E>,
        wait: Wait<'_>,
    ) -> Result<Vec<u8>>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut parts: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        let mut waiting = wait.begin();
        loop {
            if let Some(bytes) = self.read(&merged_name(round)).await? {
                return Ok(bytes);
            }
            for rank in 0..count {
                if !parts.contains_key(&rank)
                    && let Some(bytes) = self.read(&part_name(round, rank)).await?
                {
                    parts.insert(rank, bytes);
                }
            }
            if parts.len() == count as usize {
                break;
            }
            let missing: Vec<_> =
                (0..count).filter(|rank| !parts.contains_key(rank)).map(|rank| format!("rank {rank} in round {round}")).collect();
            waiting.pause(&missing).await?;
        }
        let parts: Vec<_> = parts.into_values().collect();
        let merged = merge(&parts).map_err(|error| Error::Merge { round, source: error.into() })?;
        match self.location.create(&merged_name(round), seal(&merged)).await? {
            Created::New(_) => Ok(merged),
            Created::Existing => {
                self.read(&merged_name(round)).await?.ok_or_else(|| Error::NotFound { object: self.location.uri_of(&merged_name(round)) })
            }
        }
    }

    /// Keeps a rank's checkpoint and lets all but its newest two go. A checkpoint of the same step is overwritten.
    pub async fn keep(&self, rank: u32, step: u64, bytes: &[u8]) -> Result<()> {
        let framed = seal(bytes);
        let name = checkpoint_name(rank, step);
        if self.location.create(&name, framed.clone()).await? == Created::Existing {
            self.location.overwrite(&name, framed).await?;
        }
        let kept = self.checkpoints(rank).await?;
        for (_, info) in kept.iter().rev().skip(KEPT) {
            self.delete(info).await?;
        }
        Ok(())
    }

    /// The newest checkpoint of a rank that reads back whole; damaged ones are passed over.
    pub async fn resume(&self, rank: u32) -> Result<Option<Checkpoint>> {
        for (step, info) in self.checkpoints(rank).await?.into_iter().rev() {
            match self.read(&info.name).await {
                Ok(Some(bytes)) => return Ok(Some(Checkpoint { step, bytes })),
                Ok(None) => {}
                Err(Error::Corrupt { object, reason }) => {
                    tracing::warn!(object, reason, "a checkpoint is damaged; trying the one before it");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The oldest step from which any of the ranks might resume: rounds that ended before it are needed by nobody.
    /// None while a rank has fewer than two checkpoints.
    pub async fn oldest_resume(&self, count: u32) -> Result<Option<u64>> {
        let mut oldest = u64::MAX;
        for rank in 0..count {
            let kept = self.checkpoints(rank).await?;
            match kept.iter().rev().nth(KEPT - 1) {
                Some((step, _)) => oldest = oldest.min(*step),
                None => return Ok(None),
            }
        }
        Ok((count > 0).then_some(oldest))
    }

    /// Deletes the parts and merges of all rounds before this one.
    pub async fn forget_before(&self, round: u32) -> Result<()> {
        for info in self.location.list("rounds/", MOST_OBJECTS).await? {
            let number = info.name.split('/').nth(1).and_then(|segment| segment.parse::<u32>().ok());
            if number.is_some_and(|number| number < round) {
                self.delete(&info).await?;
            }
        }
        Ok(())
    }

    /// Deletes all rounds and checkpoints: for whoever has read the manifest back.
    pub async fn clear(&self) -> Result<()> {
        for prefix in ["rounds/", "ranks/"] {
            for info in self.location.list(prefix, MOST_OBJECTS).await? {
                self.delete(&info).await?;
            }
        }
        Ok(())
    }

    /// A rank's checkpoints, ascending by step.
    async fn checkpoints(&self, rank: u32) -> Result<Vec<(u64, Info)>> {
        let prefix = format!("ranks/{rank}/step-");
        let infos = self.location.list(&prefix, MOST_OBJECTS).await?;
        let step = |info: &Info| info.name.strip_prefix(&prefix).and_then(|step| step.parse::<u64>().ok());
        let mut kept: Vec<_> = infos.into_iter().filter_map(|info| Some((step(&info)?, info))).collect();
        kept.sort_by_key(|(step, _)| *step);
        Ok(kept)
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(object) = maybe(self.location.read(name, LARGEST).await)? else {
            return Ok(None);
        };
        match unseal(&object.bytes) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(reason) => Err(Error::corrupt(self.location.uri_of(name), reason)),
        }
    }

    /// Deletes what was listed; what somebody replaced since is left to him.
    async fn delete(&self, info: &Info) -> Result<()> {
        match self.location.delete(&info.name, info.generation).await {
            Err(Error::Changed { .. }) => Ok(()),
            other => other,
        }
    }
}

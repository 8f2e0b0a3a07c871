//! The rounds' store in memory, shared by ranks in threads, which can die at any of its calls.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::learn::{Checkpoint, Error, Merged, Part, Progress, Rank, Result, Rounds, Stop};

#[derive(Default)]
struct Shelves {
    parts: BTreeMap<(u32, u32), Part>,
    merged: BTreeMap<u32, Merged>,
    checkpoints: BTreeMap<u32, Vec<Checkpoint>>,
}

/// What survives the death of a rank.
pub(crate) struct Store {
    ranks: u32,
    shelves: Mutex<Shelves>,
    moved: Condvar,
}

impl Store {
    pub(crate) fn new(ranks: u32) -> Self {
        Self { ranks, shelves: Mutex::default(), moved: Condvar::new() }
    }

    fn open(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap()
    }
}

/// One process's way to the store.
pub(crate) struct MemoryRounds<'s> {
    store: &'s Store,
    /// Calls left before death; odd ones die before the effect, even ones after it.
    death: Option<u64>,
    calls: std::cell::Cell<u64>,
}

impl<'s> MemoryRounds<'s> {
    pub(crate) fn new(store: &'s Store, death: Option<u64>) -> Self {
        Self { store, death, calls: std::cell::Cell::new(0) }
    }

    /// Runs an effect, dying before or after it when its time has come.
    fn effect<T>(&self, effect: impl FnOnce() -> Result<T>) -> Result<T> {
        let died = || Err(Error::Rounds("died".into()));
        let calls = self.calls.get() + 2;
        self.calls.set(calls);
        if self.death == Some(calls - 1) {
            return died();
        }
        let done = effect()?;
        if self.death == Some(calls) { died() } else { Ok(done) }
    }
}

impl Rounds for MemoryRounds<'_> {
    fn resume(&self, rank: Rank) -> Result<Option<Checkpoint>> {
        Ok(self.store.open().checkpoints.get(&rank.index).and_then(|kept| kept.last().cloned()))
    }

    fn offer(&mut self, round: u32, rank: Rank, part: Part) -> Result<()> {
        self.effect(|| {
            let mut shelves = self.store.open();
            let kept = shelves.parts.entry((round, rank.index)).or_insert_with(|| part.clone());
            assert_eq!(*kept, part, "rank {} offers round {round} again with other bytes", rank.index);
            self.store.moved.notify_all();
            Ok(())
        })
    }

    fn merged(&self, round: u32, _: Rank, merge: &dyn Fn(&[Part]) -> Result<Merged>, _: &Stop) -> Result<Merged> {
        self.effect(|| {
            let mut shelves = self.store.open();
            loop {
                let parts: Vec<Part> = (0..self.store.ranks).filter_map(|rank| shelves.parts.get(&(round, rank)).cloned()).collect();
                if parts.len() == self.store.ranks as usize {
                    let merged = merge(&parts)?;
                    return Ok(shelves.merged.entry(round).or_insert(merged).clone());
                }
                let (guard, late) = self.store.moved.wait_timeout(shelves, Duration::from_mins(1)).unwrap();
                assert!(!late.timed_out(), "round {round} never had all its parts");
                shelves = guard;
            }
        })
    }

    fn keep(&mut self, rank: Rank, checkpoint: &Checkpoint) -> Result<()> {
        self.effect(|| {
            let mut shelves = self.store.open();
            let kept = shelves.checkpoints.entry(rank.index).or_default();
            let again = kept.iter().find(|kept| kept.step == checkpoint.step);
            assert!(again.is_none_or(|kept| kept == checkpoint), "another checkpoint of step {}", checkpoint.step);
            if again.is_none() {
                kept.push(checkpoint.clone());
            }
            Ok(())
        })
    }

    fn progress(&mut self, progress: &Progress) {
        assert!(progress.step <= progress.steps && progress.epoch <= progress.epochs);
    }
}

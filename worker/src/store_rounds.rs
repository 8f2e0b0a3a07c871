//! The rounds of a training, kept in the artifact's prefix.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reprise_artifacts::rounds::Rounds as Store;
use reprise_artifacts::{Error, Location, Pace, Wait, manifest};
use reprise_crds::contract::ExitCode;
use reprise_models::learn::{self, Checkpoint, Merged, Part, Progress, Rank, Rounds, Stop};

use crate::failure::Failure;
use crate::session::Session;

/// How often a waiting rank looks whether the request was finished without it.
const SLICE: Duration = Duration::from_secs(5);
/// A barrier is waited for at least this long, and at least three times the median round.
const SHORTEST_BOUND: Duration = Duration::from_mins(10);
/// Old rounds are looked for once in so many checkpoints.
const FORGET_EVERY: u64 = 8;

/// The word by which a rank learns that the result was published while it waited.
pub const FINISHED_ELSEWHERE: &str = "FinishedElsewhere";

/// The bucket behind one rank's training.
#[derive(Debug)]
pub struct StoreRounds<'a> {
    session: &'a Session,
    location: Location,
    store: Store,
    /// Checkpoint steps of this process and the round from which each goes on.
    rounds_by_step: BTreeMap<u64, u32>,
    kept: u64,
    barriers: RefCell<Vec<Duration>>,
}

impl<'a> StoreRounds<'a> {
    /// The rounds below the artifact's prefix.
    pub fn new(session: &'a Session, location: Location) -> Self {
        let store = Store::new(location.clone());
        Self { session, location, store, rounds_by_step: BTreeMap::new(), kept: 0, barriers: RefCell::default() }
    }

    fn bound(&self) -> Duration {
        let mut sorted = self.barriers.borrow().clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).map_or(SHORTEST_BOUND, |median| SHORTEST_BOUND.max(*median * 3))
    }

    /// Rank 0 lets go of rounds from which no rank can resume any more.
    fn forget(&mut self, count: u32) -> Result<(), Error> {
        let Some(oldest) = self.session.wait(self.store.oldest_resume(count))? else { return Ok(()) };
        // The round of the newest own checkpoint that is not newer than that: never too late a round.
        if let Some((_, round)) = self.rounds_by_step.range(..=oldest).next_back() {
            self.session.wait(self.store.forget_before(*round))?;
        }
        Ok(())
    }

    fn finished(&self) -> Result<(), Failure> {
        if self.session.wait(manifest::read(&self.location))?.is_some() {
            return Err(Failure::new(ExitCode::Done, FINISHED_ELSEWHERE, "the result was published meanwhile"));
        }
        Ok(())
    }
}

fn refused(error: Error) -> learn::Error {
    Failure::from(error).into()
}

impl Rounds for StoreRounds<'_> {
    fn resume(&self, rank: Rank) -> learn::Result<Option<Checkpoint>> {
        let found = self.session.wait(self.store.resume(rank.index)).map_err(refused)?;
        let Some(found) = found else { return Ok(None) };
        let Some((round, bytes)) = found.bytes.split_first_chunk::<4>() else {
            return Err(learn::Error::Format(format!("ranks/{}/step-{}: it is cut off", rank.index, found.step)));
        };
        tracing::info!(step = found.step, "resumed");
        Ok(Some(Checkpoint { step: found.step, round: u32::from_le_bytes(*round), bytes: bytes.to_vec() }))
    }

    fn offer(&mut self, round: u32, rank: Rank, part: Part) -> learn::Result<()> {
        self.session.wait(self.store.offer(round, rank.index, &part)).map_err(refused)
    }

    fn merged(&self, round: u32, rank: Rank, merge: &dyn Fn(&[Part]) -> learn::Result<Merged>, stop: &Stop) -> learn::Result<Merged> {
        let (since, bound) = (Instant::now(), self.bound());
        let asked = || stop.asked();
        let board = &self.session.board;
        let missing = |missing: &[String]| board.waiting_for(missing);
        loop {
            let pace = Pace { first: Duration::from_millis(20), longest: Duration::from_secs(2), bound: SLICE };
            let wait = Wait { pace, stop: &asked, missing: &missing };
            match self.session.wait(self.store.merged(round, rank.count, merge, wait)) {
                Ok(merged) => {
                    board.waiting_for(&[]);
                    self.barriers.borrow_mut().push(since.elapsed());
                    return Ok(merged);
                }
                Err(Error::Waited { .. }) if since.elapsed() < bound => self.finished()?,
                Err(Error::Stopped { .. }) => {
                    return Err(learn::Error::Stopped { step: self.rounds_by_step.keys().next_back().copied().unwrap_or(0) });
                }
                Err(Error::Merge { source, .. }) => {
                    return Err(source.downcast::<learn::Error>().map_or_else(learn::Error::Rounds, |error| *error));
                }
                Err(error) => return Err(refused(error)),
            }
        }
    }

    fn keep(&mut self, rank: Rank, checkpoint: &Checkpoint) -> learn::Result<()> {
        let mut bytes = checkpoint.round.to_le_bytes().to_vec();
        bytes.extend_from_slice(&checkpoint.bytes);
        self.session.wait(self.store.keep(rank.index, checkpoint.step, &bytes)).map_err(refused)?;
        self.session.board.edit(|progress| progress.checkpoint_step = Some(checkpoint.step));
        self.rounds_by_step.insert(checkpoint.step, checkpoint.round);
        self.kept += 1;
        if rank.index == 0 && self.kept.is_multiple_of(FORGET_EVERY) {
            self.forget(rank.count).map_err(refused)?;
        }
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) {
        self.session.board.done(progress.step as f64, progress.steps as f64);
        self.session.board.edit(|shown| {
            shown.round = Some(progress.round);
            shown.epoch = Some(progress.epoch);
            shown.epochs = Some(progress.epochs);
            shown.loss = Some(progress.loss);
            shown.validation = progress.validation;
        });
    }
}

//! One worker's run from plan to manifest, in the order of the contract.

use reprise_artifacts::manifest::{self, Published};
use reprise_crds::contract::{ExitCode, Outcome, Record, Stage, Task};

use crate::failure::Result;
use crate::session::Session;
use crate::{claim, prepared, publish, record, scoring, training};

/// How a run ended well.
#[derive(Debug)]
pub struct Ended {
    /// Made now, or found.
    pub outcome: Outcome,
    /// The record that it was made from.
    pub record: Record,
    /// What everybody may trust.
    pub published: Published,
}

/// Does the plan's task, or finds it done.
///
/// (1) the record, (2) a manifest that is there ends it, (3) the claim, (4) prepared data, (5) the work, (6) the
/// manifest. Any of it may be interrupted and begun again by any number of processes.
///
/// # Errors
/// As [`crate::failure::Failure`] says.
pub fn run(session: &Session) -> Result<Ended> {
    let started = jiff::Timestamp::now();
    let established = record::establish(session)?;
    let at = publish::location(session, &established.record)?;
    if let Some(published) = session.wait(manifest::read(&at))? {
        session.board.enter(Stage::Done);
        return Ok(Ended { outcome: Outcome::AlreadyDone, record: established.record, published });
    }
    record::check_recipe(&established.record)?;
    let keeper = if session.settings.index == 0 { Some(claim::keep(session)?) } else { None };
    let worked = work(session, &established, &at);
    if let Some(keeper) = keeper {
        keeper.release(session);
    }
    let published = worked?;
    if session.settings.index == 0 {
        publish::run_notes(session, &at, started)?;
    }
    session.board.enter(Stage::Done);
    Ok(Ended { outcome: Outcome::Published, record: established.record, published })
}

fn work(session: &Session, established: &record::Established, at: &reprise_artifacts::Location) -> Result<Published> {
    let prepared = prepared::obtain(session, established)?;
    let result = match &session.plan.task {
        Task::Train(task) => training::run(session, &established.record, task, &prepared, at),
        Task::Score(task) => scoring::run(session, &established.record, task, &prepared, at),
    };
    match result {
        // Somebody published while this worker waited for a barrier whose rounds are gone by now.
        Err(failure) if failure.exit == ExitCode::Done => session.poll("the manifest", || Ok(session.wait(manifest::read(at))?)),
        other => other,
    }
}

//! Prepared data: made once by index 0, read by everybody.

use std::path::{Path, PathBuf};

use reprise_artifacts::{Body, layout, manifest};
use reprise_crds::contract::{ExitCode, Stage};
use reprise_data::Prepared;

use crate::failure::{Failure, Result};
use crate::record::Established;
use crate::session::{Session, digest};

/// The request's prepared data, on this machine.
///
/// Index 0 reads the sources and publishes; all others wait for its manifest. A second preparer is harmless: the same
/// bytes, create-only.
///
/// # Errors
/// 65 for data that can't carry the request or changed since the record, 75 if storage or the wait fails, 143 when
/// told to stop.
pub fn obtain(session: &Session, established: &Established) -> Result<Prepared> {
    let record = &established.record;
    let prefix = layout::data("", &digest(&record.data_digest)?);
    let location = session.bucket.child(prefix.trim_start_matches('/'))?;
    let published = session.wait(manifest::read(&location))?;
    let published = match published {
        Some(published) => published,
        None if session.settings.index == 0 => {
            let folder = make(session, established)?;
            session.board.enter(Stage::Publishing);
            let facts = serde_json::json!({ "dataRecipe": record.data_recipe });
            session.wait(manifest::publish(&location, files(&folder)?, facts))?
        }
        None => {
            session.board.enter(Stage::Waiting);
            session.poll("data", || Ok(session.wait(manifest::read(&location))?))?
        }
    };
    let folder = session.scratch("prepared")?;
    for entry in &published.manifest.files {
        session.check_stop()?;
        session.wait(published.fetch_to(&entry.name, &folder.join(&entry.name)))?;
    }
    Ok(Prepared::open(&folder)?)
}

/// Reads the recorded inputs and writes the prepared files into a folder of the scratch space.
fn make(session: &Session, established: &Established) -> Result<PathBuf> {
    session.board.enter(Stage::Preparing);
    let fetched = session.scratch("inputs")?;
    let inputs = session.sources().fetch(&established.record.inputs, &fetched, session.settings.memory, &mut |done, total| {
        session.board.done(done as f64, total as f64);
        session.check_stop()
    })?;
    // How far the fetching came says nothing about the reading.
    session.board.enter(Stage::Preparing);
    let (plan, source) = (&session.plan, &session.plan.source);
    let working = session.scratch("reading")?;
    let tables = reprise_data::read(&inputs, source, &working)?;
    session.check_stop()?;
    let folder = session.scratch("writing")?;
    let prepared = reprise_data::prepare(&tables, plan.data.as_of.map(|date| date.0), &folder)?;
    if established.own && plan.data.as_of.is_none() {
        check_age(session, &prepared)?;
    }
    std::fs::remove_dir_all(working).map_err(|error| Failure::local("empty the scratch folder", &error))?;
    std::fs::remove_dir_all(fetched).map_err(|error| Failure::local("empty the scratch folder", &error))?;
    Ok(folder)
}

/// Refuses data that end too long ago. Asked once, when a request is first answered without a date of its own: an
/// answer that is repeated must not depend on the day.
fn check_age(session: &Session, prepared: &Prepared) -> Result<()> {
    let Some(most) = session.plan.source.max_age_days else { return Ok(()) };
    // The rim: the one place where preparing looks at the clock.
    let today = reprise_models::Day::from(jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date());
    let age = today.since(prepared.through());
    if age <= most {
        return Ok(());
    }
    let message = format!("the last complete day is {}, {age} days ago; maxAgeDays is {most}", prepared.through());
    Err(Failure::new(ExitCode::Data, "DataTooOld", message).field("source.maxAgeDays").hint("upload newer files, or set data.asOf"))
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<(String, Body)>> {
    let listed = || -> std::io::Result<Vec<(String, Body)>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            files.push((entry.file_name().to_string_lossy().into_owned(), Body::File(entry.path())));
        }
        files.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(files)
    };
    listed().map_err(|error| Failure::local("list the prepared files", &error))
}

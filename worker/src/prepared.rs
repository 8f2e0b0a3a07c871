//! Prepared data: made once by index 0, read by everybody.

use std::path::{Path, PathBuf};

use reprise_artifacts::{Body, Error, layout, manifest};
use reprise_crds::contract::{ExitCode, InputObject, Record, Stage};
use reprise_data::{InputFile, Inputs, Prepared, find_files};

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
    let inputs = fetch(session, &established.record, &fetched)?;
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

/// Brings the recorded generations of the inputs onto this machine.
fn fetch(session: &Session, record: &Record, folder: &Path) -> Result<Inputs> {
    let names: Vec<String> = record.inputs.iter().map(|input| input.name.clone()).collect();
    let total: u64 = record.inputs.iter().map(|input| input.length).sum();
    let mut done = 0;
    for (number, input) in record.inputs.iter().enumerate() {
        session.check_stop()?;
        session.board.done(done as f64, total as f64);
        fetch_one(session, input, &local(folder, number, &input.name))?;
        done += input.length;
    }
    let found = find_files(&session.plan.source, &session.plan.markets, &names)?;
    let path = |name: &str| names.iter().position(|listed| listed == name).map(|number| local(folder, number, name));
    let files = found.into_iter().filter_map(|found| Some(InputFile { path: path(&found.name)?, found })).collect();
    Ok(Inputs { markets: session.plan.markets.clone(), files, memory: session.settings.memory })
}

/// Numbered, with the name's last segment: its endings say how it is packed.
fn local(folder: &Path, number: usize, name: &str) -> PathBuf {
    folder.join(format!("{number}-{}", name.rsplit('/').next().unwrap_or(name)))
}

fn fetch_one(session: &Session, input: &InputObject, to: &Path) -> Result<()> {
    let changed = || {
        let message = format!("{} is not what the request's record lists any more", input.name);
        let mut failure =
            Failure::new(ExitCode::Data, "InputChanged", message).hint("set rerunToken to ask again with the files as they are now");
        failure.error.file = Some(input.name.clone());
        failure
    };
    match session.wait(session.source.download(&input.name, Some(input.generation), to)) {
        Ok((_, sums)) if (sums.length, sums.crc32c) == (input.length, input.crc32c) => Ok(()),
        Ok(_) | Err(Error::Changed { .. } | Error::NotFound { .. }) => Err(changed()),
        Err(error) => Err(error.into()),
    }
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

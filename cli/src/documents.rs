//! From files of YAML to runs in the order of their references. Nothing starts if anything is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use reprise_crds::document::{self, Object};
use reprise_crds::refusal::Refusal;
use reprise_crds::source::DataSourceSpec;

use crate::order::{self, Entry, Fault};
use crate::spec::Spec;

/// What the user asks for.
#[derive(Debug)]
pub(crate) struct Documents {
    /// The runs, each after those that it refers to.
    pub(crate) runs: Vec<Run>,
    /// The DataSources by name, whether a run refers to them or not.
    pub(crate) sources: BTreeMap<String, DataSourceSpec>,
    /// What the user should know, one sentence each.
    pub(crate) notes: Vec<String>,
}

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Its name; unique within its kind.
    pub(crate) name: String,
    /// The file that it was read from.
    pub(crate) file: String,
    pub(crate) spec: Spec,
    /// The DataSource that it refers to.
    pub(crate) source: DataSourceSpec,
}

/// Why nothing starts: one line for each thing that is wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// A path could not be read.
    #[error("failed to read {path}: {reason}")]
    Read {
        /// As the user named it.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// Documents were refused.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
}

/// Reads all documents of some files, and of all .yaml and .yml files below some folders.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Documents, Error> {
    let mut files = Vec::new();
    for path in paths {
        find(path, &mut files)?;
    }
    let mut seen = BTreeSet::new();
    let mut texts = Vec::new();
    for file in files {
        let unique = file.canonicalize().map_err(|error| unreadable(&file, &error))?;
        if seen.insert(unique) {
            let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
            texts.push((file.display().to_string(), text));
        }
    }
    parse(&texts)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::Read { path: path.display().to_string(), reason: error.to_string() }
}

/// Adds a file, or the YAML files below a folder in the order of their names.
fn find(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    if !path.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(|error| unreadable(path, &error))?;
    let mut below: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    below.sort();
    for path in below {
        let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if path.is_dir() || yaml {
            find(&path, files)?;
        }
    }
    Ok(())
}

/// Parses texts, each with the name of its file; resolves what refers to what.
pub(crate) fn parse(texts: &[(String, String)]) -> Result<Documents, Error> {
    let (mut sources, mut runs, mut notes) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut refused = Vec::new();
    let mut first: BTreeMap<(String, String), &str> = BTreeMap::new();
    for (file, text) in texts {
        let objects = match document::parse(text, file) {
            Ok(objects) => objects,
            Err(refusals) => {
                refused.extend(refusals.iter().map(ToString::to_string));
                continue;
            }
        };
        for object in objects {
            let (kind, name) = (object.kind().to_owned(), object.name().to_owned());
            if let Some(other) = first.insert((kind.clone(), name.clone()), file) {
                refused.push(format!("{file}: {kind} {name}: metadata.name: {other} has one of this name too (give each its own name)"));
            }
            match object {
                Object::DataSource(source) => drop(sources.insert(name, source.spec)),
                Object::TrainingRun(run) => runs.push((name, file, Spec::Training(Box::new(run.spec)))),
                Object::ScoringRun(run) => runs.push((name, file, Spec::Scoring(Box::new(run.spec)))),
                Object::Foreign { kind, name } => {
                    notes.push(format!("{file}: {kind} {name} is none of Reprise's kinds and is passed over"));
                }
            }
        }
    }
    let runs = link(runs, &sources, &mut refused, &mut notes);
    if !refused.is_empty() {
        return Err(Error::Refused(refused));
    }
    let runs = in_order(runs).map_err(Error::Refused)?;
    Ok(Documents { runs, sources, notes })
}

/// Gives each run its source, and refuses and notes what can be said of it alone.
fn link(
    runs: Vec<(String, &String, Spec)>,
    sources: &BTreeMap<String, DataSourceSpec>,
    refused: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Vec<Run> {
    let mut linked = Vec::new();
    for (name, file, spec) in runs {
        let mut refuse = |refusal: Refusal| refused.push(format!("{file}: {} {name}: {refusal}", spec.kind()));
        spec.unsupported().into_iter().for_each(&mut refuse);
        let wanted = &spec.common().data.source_ref.name;
        let Some(source) = sources.get(wanted) else {
            let refusal = Refusal::new("spec.data.sourceRef.name", format!("there is no DataSource {wanted}"));
            refuse(refusal.with_hint("give its file too, with a further -f"));
            continue;
        };
        if let Err(refusal) = spec.markets(source) {
            refuse(refusal);
        }
        let ignored = spec.ignored();
        if !ignored.is_empty() {
            notes.push(format!("{file}: {} {name}: ignored without a cluster: {}", spec.kind(), ignored.join(", ")));
        }
        linked.push(Run { name, file: file.clone(), source: source.clone(), spec });
    }
    linked
}

fn in_order(runs: Vec<Run>) -> Result<Vec<Run>, Vec<String>> {
    // Only TrainingRuns can be referred to.
    let name = |run: &Run| matches!(run.spec, Spec::Training(_));
    let entries: Vec<Entry<'_>> =
        runs.iter().map(|run| Entry { name: name(run).then_some(run.name.as_str()), references: run.spec.references() }).collect();
    let order = order::order(&entries).map_err(|faults| faults.into_iter().map(|fault| explain(&fault, &runs)).collect::<Vec<_>>())?;
    let mut runs: Vec<Option<Run>> = runs.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|at| runs[at].take()).collect())
}

fn explain(fault: &Fault, runs: &[Run]) -> String {
    let (at, refusal) = match fault {
        Fault::Missing { at, field, name } => {
            let refusal = Refusal::new(format!("spec.{field}.runRef.name"), format!("there is no TrainingRun {name}"));
            (at, refusal.with_hint("give its file too, with a further -f"))
        }
        Fault::Circle { at, names } => {
            (at, Refusal::new("spec.startFrom.runRef.name", format!("runs wait for each other: {}", names.join(" -> "))))
        }
    };
    let run = &runs[*at];
    format!("{}: {} {}: {refusal}", run.file, run.spec.kind(), run.name)
}

#[cfg(test)]
mod tests;

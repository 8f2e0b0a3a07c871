//! Which listed files make up which table of which market.

use std::collections::BTreeSet;
use std::path::PathBuf;

use globset::{GlobBuilder, GlobMatcher};
use reprise_crds::source::{DataSourceSpec, FileSpec};

use crate::error::{Error, Fault, Place, Result};

/// The files of a run, fetched to this machine, and what the run wants of them.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Markets of the run, each one of the source's.
    pub markets: Vec<String>,
    /// The fetched files. Their order does not matter.
    pub files: Vec<InputFile>,
    /// Bytes of memory that SQL may use before it spills to scratch.
    pub memory: usize,
}

/// One fetched file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// Where it belongs.
    pub found: FoundFile,
    /// Where its bytes lie on this machine.
    pub path: PathBuf,
}

/// A listed file that a source describes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundFile {
    /// Name of the file table.
    pub table: String,
    /// The market in whose folder it lies; `None` in a source whose markets share their files.
    pub market: Option<String>,
    /// Its name below the source's location: what messages and the column `_file` say.
    pub name: String,
}

/// The files among `listed` (names below the source's location) that a run of `markets` reads, sorted.
///
/// # Errors
/// [`Error::FindFiles`] when a market is not the source's, a pattern is malformed or no file matches one.
pub fn find_files(source: &DataSourceSpec, markets: &[String], listed: &[String]) -> Result<Vec<FoundFile>> {
    let mut found = BTreeSet::new();
    for scope in scopes(source, markets)? {
        for file in &source.files {
            let pattern = format!("{}{}", scope.folder, file.path);
            let matcher = matcher(file, &pattern)?;
            let before = found.len();
            found.extend(listed.iter().filter(|name| matcher.is_match(name)).map(|name| FoundFile {
                table: file.name.clone(),
                market: scope.market.clone(),
                name: name.clone(),
            }));
            if found.len() == before {
                let cause = format!("no file matches {pattern} below {}", source.location.as_str());
                let hint = "upload the files, or correct location, the market's path or the file's path";
                return Err(Error::FindFiles(Fault::new(place(file, "path"), cause, hint)));
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// One run of the views: all shared files, or those of one market's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The market whose folder is read.
    pub(crate) market: Option<String>,
    /// Its folder below the location; empty where files are shared.
    folder: String,
}

/// The scopes of a run in name order.
pub(crate) fn scopes(source: &DataSourceSpec, markets: &[String]) -> Result<Vec<Scope>> {
    let wanted: BTreeSet<&String> = markets.iter().collect();
    let mut scopes = Vec::new();
    for name in wanted {
        let Some(market) = source.markets.iter().find(|market| market.name == *name) else {
            let known: Vec<&str> = source.markets.iter().map(|market| market.name.as_str()).collect();
            let cause = format!("the source has no market {name}; it has {}", known.join(", "));
            return Err(Error::FindFiles(Fault::new(Place::of("data.markets"), cause, "name one of them")));
        };
        scopes.push(Scope { market: Some(market.name.clone()), folder: market.path.clone().unwrap_or_default() });
    }
    if scopes.iter().all(|scope| scope.folder.is_empty()) {
        return Ok(vec![Scope { market: None, folder: String::new() }]);
    }
    if let Some(scope) = scopes.iter().find(|scope| scope.folder.is_empty()) {
        let cause = format!("market {} has no path, other markets of the run have one", scope.market.as_deref().unwrap_or_default());
        return Err(Error::FindFiles(Fault::new(Place::of("markets"), cause, "give every market a path, or none")));
    }
    Ok(scopes)
}

fn matcher(file: &FileSpec, pattern: &str) -> Result<GlobMatcher> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let refused = |error: globset::Error| {
        let hint = "use * within a folder, ** across folders, ?, [..] and {a,b}";
        Error::FindFiles(Fault::new(place(file, "path"), format!("the pattern is malformed: {}", error.kind()), hint))
    };
    glob.map(|glob| glob.compile_matcher()).map_err(refused)
}

fn place(file: &FileSpec, field: &str) -> Place {
    Place::of(format!("files[{}].{field}", file.name))
}

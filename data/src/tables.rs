//! `read`: all files of a run to typed tables on scratch.

use std::path::{Path, PathBuf};

use reprise_crds::source::DataSourceSpec;

use crate::error::{Error, Fault, Place, Result};
use crate::inputs::{InputFile, Inputs, Scope, scopes};
use crate::quality::FileCounts;
use crate::reading::{Quarantine, TypedTable, read_table};

/// Name of the quarantine among a prepared set's files.
pub const QUARANTINE: &str = "quarantine.jsonl";

/// The typed tables of a run, on scratch; [`crate::prepare`] makes a prepared set of them.
#[derive(Debug)]
pub struct Tables {
    pub(crate) source: DataSourceSpec,
    pub(crate) markets: Vec<String>,
    pub(crate) memory: usize,
    pub(crate) scratch: PathBuf,
    pub(crate) scopes: Vec<ScopeTables>,
    pub(crate) files: Vec<FileCounts>,
}

/// The typed tables of one run of the views.
#[derive(Debug)]
pub(crate) struct ScopeTables {
    /// The market whose folder was read; `None` where markets share their files.
    pub(crate) market: Option<String>,
    /// The tables by the source's order of files.
    pub(crate) tables: Vec<TypedTable>,
}

impl Tables {
    /// Rows read and quarantined, per file.
    pub fn files(&self) -> &[FileCounts] {
        &self.files
    }

    /// The refused rows, one JSON object a line.
    pub fn quarantine(&self) -> PathBuf {
        self.scratch.join(QUARANTINE)
    }
}

/// Types every cell of `inputs` as `source` says, into `scratch`, which must be an empty folder of this run alone.
///
/// Memory does not grow with the files. The result depends on their names and bytes, not on the order of `inputs`.
///
/// # Errors
/// [`Error::ReadFile`] at the first file that is not what the source says, or where more rows are bad than
/// `quarantine.maxShare`; [`Error::FindFiles`] when a table of a market has no file.
pub fn read(inputs: &Inputs, source: &DataSourceSpec, scratch: &Path) -> Result<Tables> {
    let scopes = scopes(source, &inputs.markets)?;
    let mut quarantine = Quarantine::create(&scratch.join(QUARANTINE), source.quarantine.max_share.to_f64())?;
    let (mut read, mut counts) = (Vec::with_capacity(scopes.len()), Vec::new());
    for scope in &scopes {
        let (tables, files) = read_scope(inputs, source, scope, scratch, &mut quarantine)?;
        read.push(tables);
        counts.extend(files);
    }
    quarantine.finish()?;
    counts.sort_by(|a, b| (&a.table, &a.name).cmp(&(&b.table, &b.name)));
    let mut markets = inputs.markets.clone();
    markets.sort();
    markets.dedup();
    Ok(Tables { source: source.clone(), markets, memory: inputs.memory, scratch: scratch.to_owned(), scopes: read, files: counts })
}

fn read_scope(
    inputs: &Inputs,
    source: &DataSourceSpec,
    scope: &Scope,
    scratch: &Path,
    quarantine: &mut Quarantine,
) -> Result<(ScopeTables, Vec<FileCounts>)> {
    let mut counts = Vec::new();
    let mut tables = Vec::with_capacity(source.files.len());
    for spec in &source.files {
        let belongs = |file: &&InputFile| file.found.table == spec.name && file.found.market == scope.market;
        let mut files: Vec<&InputFile> = inputs.files.iter().filter(belongs).collect();
        files.sort_by(|a, b| a.found.cmp(&b.found));
        if files.is_empty() {
            let place = Place::of(format!("files[{}]", spec.name));
            let cause =
                format!("no file was found{}", scope.market.as_ref().map(|market| format!(" for market {market}")).unwrap_or_default());
            return Err(Error::FindFiles(Fault::new(place, cause, "upload the files or correct the path")));
        }
        let market = scope.market.as_deref();
        let path = scratch.join(format!("typed-{}-{}.parquet", market.unwrap_or("all"), spec.name));
        counts.extend(read_table(spec, market, &files, &path, quarantine)?);
        tables.push(TypedTable { name: spec.name.clone(), path });
    }
    Ok((ScopeTables { market: scope.market.clone(), tables }, counts))
}

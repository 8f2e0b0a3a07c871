//! Rows that could not be read: where, which kind of value and why. Never the value.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Fault, Place, Result};
use crate::quality::CellRefusal;

/// One line of `quarantine.jsonl`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Refused<'a> {
    /// The file below the source's location.
    pub(super) file: &'a str,
    /// Line of a text file, row of a Parquet file; from 1.
    pub(super) row: u64,
    /// The column; absent where the row could not be cut into cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) column: Option<&'a str>,
    /// What kind of value stood there.
    pub(super) class: &'static str,
    /// Why it was refused.
    pub(super) reason: &'static str,
}

/// Writes `quarantine.jsonl` and judges, file by file, whether too much of it landed there.
pub(crate) struct Quarantine {
    path: PathBuf,
    lines: BufWriter<File>,
    max_share: f64,
    /// Of the current file: rows refused by column and reason, and the first of them.
    rows: BTreeMap<(String, &'static str), u64>,
    first: Option<(Place, &'static str)>,
}

impl Quarantine {
    /// Starts an empty quarantine at `path`; of each file at most the share `max_share` may land in it.
    pub(crate) fn create(path: &Path, max_share: f64) -> Result<Self> {
        let file = File::create(path).map_err(|error| Error::scratch(path, error))?;
        Ok(Self { path: path.to_owned(), lines: BufWriter::new(file), max_share, rows: BTreeMap::new(), first: None })
    }

    /// Takes one row.
    pub(super) fn refuse(&mut self, refused: &Refused<'_>) -> Result<()> {
        let written = serde_json::to_writer(&mut self.lines, refused).map_err(std::io::Error::from);
        written.and_then(|()| self.lines.write_all(b"\n")).map_err(|error| Error::scratch(&self.path, error))?;
        *self.rows.entry((refused.column.unwrap_or_default().to_owned(), refused.reason)).or_default() += 1;
        if self.first.is_none() {
            let place = Place::of(refused.file).row(refused.row);
            let place = refused.column.into_iter().fold(place, Place::column);
            self.first = Some((place, refused.reason));
        }
        Ok(())
    }

    /// Ends the current file, of which `rows` were read in all; gives the refusals by column and reason.
    ///
    /// # Errors
    /// [`Error::ReadFile`] at the first refused cell when the share is above the limit.
    pub(super) fn end_file(&mut self, rows: u64) -> Result<Vec<CellRefusal>> {
        let counted = std::mem::take(&mut self.rows);
        let refused: u64 = counted.values().sum();
        let refusals =
            counted.into_iter().map(|((column, reason), rows)| CellRefusal { column, reason: reason.to_owned(), rows }).collect();
        let Some((place, reason)) = self.first.take() else { return Ok(refusals) };
        if refused as f64 <= self.max_share * rows as f64 {
            return Ok(refusals);
        }
        let cause =
            format!("{reason}; {refused} of {rows} rows of this file can't be read, more than quarantine.maxShare {}", self.max_share);
        Err(Error::ReadFile(Fault::new(place, cause, "correct the file, the column's type or format, or raise maxShare")))
    }

    /// Writes what is still in memory.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.lines.flush().map_err(|error| Error::scratch(&self.path, error))
    }
}

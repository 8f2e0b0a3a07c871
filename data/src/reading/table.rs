//! One file table of one scope: all its files typed into one Parquet file on scratch.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use reprise_crds::source::{FileFormat, FileSpec};

use super::cell::{CellType, class};
use super::column::Column;
use super::csv::Csv;
use super::json_lines::JsonLines;
use super::lines::Lines;
use super::parquet_file;
use super::quarantine::{Quarantine, Refused};
use super::record::{Next, Record, Records};
use crate::error::{Error, Fault, Place, Result};
use crate::inputs::InputFile;
use crate::quality::FileCounts;

/// Rows that are typed at a time.
pub(super) const BATCH: usize = 8192;

/// A typed table on scratch.
#[derive(Clone, Debug)]
pub(crate) struct TypedTable {
    /// Name of the file table.
    pub(crate) name: String,
    /// The Parquet file.
    pub(crate) path: PathBuf,
}

/// Reads all files of one table into `path`; counts go to `counts`, one entry per file.
///
/// # Errors
/// [`Error::ReadFile`] for a file that is not what `spec` says, or holds more bad rows than the quarantine takes.
pub(crate) fn read_table(
    spec: &FileSpec,
    market: Option<&str>,
    files: &[&InputFile],
    path: &Path,
    quarantine: &mut Quarantine,
) -> Result<Vec<FileCounts>> {
    let mut sink = Sink { path: path.to_owned(), market: market.map(str::to_owned), writer: None };
    let mut counts = Vec::with_capacity(files.len());
    let (mut layout, mut stored) = (None, None);
    for file in files {
        let rows = match spec.format() {
            Some(FileFormat::Parquet(_)) => parquet_file::read(spec, file, &mut stored, &mut sink, quarantine)?,
            Some(_) => read_text(spec, file, &mut layout, &mut sink, quarantine)?,
            None => return Err(no_format(spec)),
        };
        let refusals = quarantine.end_file(rows)?;
        let quarantined = refusals.iter().map(|refusal| refusal.rows).sum();
        let (name, table) = (file.found.name.clone(), spec.name.clone());
        counts.push(FileCounts { name, table, rows_in: rows, rows_out: rows - quarantined, quarantined, refusals });
    }
    if let Some(mut columns) = layout {
        // A table without a row still has its columns, so that views can be planned.
        sink.write(&mut columns, "", &[])?;
    }
    sink.finish()?;
    Ok(counts)
}

fn no_format(spec: &FileSpec) -> Error {
    let cause = "exactly one of csv, parquet, jsonLines and lines must be given";
    Error::ReadFile(Fault::new(Place::of(format!("files[{}]", spec.name)), cause, "say how the file is read"))
}

fn read_text(
    spec: &FileSpec,
    file: &InputFile,
    layout: &mut Option<Vec<Column>>,
    sink: &mut Sink,
    quarantine: &mut Quarantine,
) -> Result<u64> {
    let format = spec.format().ok_or_else(|| no_format(spec))?;
    let mut records = open(spec, format, file)?;
    if layout.is_none() {
        *layout = Some(columns(spec, format, &*records, file)?);
    }
    let columns = layout.get_or_insert_default();
    let places = places(columns, &*records, file)?;
    let (mut record, mut row_numbers, mut rows) = (Record::default(), Vec::with_capacity(BATCH), 0);
    loop {
        match records.next(&mut record)? {
            Next::End => break,
            Next::Bad(reason) => {
                quarantine.refuse(&Refused { file: &file.found.name, row: record.line, column: None, class: "row", reason })?;
            }
            Next::Record => match append(columns, &places, &record) {
                Ok(()) => row_numbers.push(record.line as i64),
                Err((column, reason)) => {
                    let class = class(record.cell(places[column]));
                    let column = Some(columns[column].name.as_str());
                    quarantine.refuse(&Refused { file: &file.found.name, row: record.line, column, class, reason })?;
                }
            },
        }
        rows += 1;
        if row_numbers.len() == BATCH {
            sink.write(columns, &file.found.name, &row_numbers)?;
            row_numbers.clear();
        }
    }
    if !row_numbers.is_empty() {
        sink.write(columns, &file.found.name, &row_numbers)?;
    }
    Ok(rows)
}

fn open<'a>(spec: &FileSpec, format: FileFormat<'_>, file: &'a InputFile) -> Result<Box<dyn Records + 'a>> {
    Ok(match format {
        FileFormat::Csv(csv) => Box::new(Csv::open(file, csv)?),
        FileFormat::JsonLines(_) => {
            let columns = spec.columns.iter().map(|column| column.name.clone()).collect();
            Box::new(JsonLines::open(file, columns)?)
        }
        FileFormat::Lines(_) | FileFormat::Parquet(_) => Box::new(Lines::open(file)?),
    })
}

/// The columns of the table, from its first file: those declared typed, all others Text.
fn columns(spec: &FileSpec, format: FileFormat<'_>, records: &dyn Records, file: &InputFile) -> Result<Vec<Column>> {
    let (timestamp_format, decimal_comma) = match format {
        FileFormat::Csv(csv) => (csv.timestamp_format.as_deref(), csv.decimal_comma),
        FileFormat::JsonLines(json) => (json.timestamp_format.as_deref(), false),
        FileFormat::Lines(_) | FileFormat::Parquet(_) => (None, false),
    };
    if let Some(missing) = spec.columns.iter().find(|column| !records.columns().contains(&column.name)) {
        return Err(no_column(file, &missing.name, records.columns()));
    }
    let cell_type = |name: &String| match spec.columns.iter().find(|column| column.name == *name) {
        Some(column) => CellType::declared(&spec.name, column, timestamp_format, decimal_comma),
        None => Ok(CellType::text()),
    };
    records.columns().iter().map(|name| Ok(Column::new(name.clone(), cell_type(name)?))).collect()
}

/// Where each column of the table stands in a record of this file.
fn places(columns: &[Column], records: &dyn Records, file: &InputFile) -> Result<Vec<usize>> {
    let place = |column: &Column| {
        let found = records.columns().iter().position(|name| *name == column.name);
        found.ok_or_else(|| no_column(file, &column.name, records.columns()))
    };
    columns.iter().map(place).collect()
}

/// The message for a column that a file lacks.
pub(super) fn no_column(file: &InputFile, column: &str, exist: &[String]) -> Error {
    let place = Place::of(&file.found.name).row(1).column(column);
    let cause = format!("the file has no such column; it has {}", listed(exist));
    Error::ReadFile(Fault::new(place, cause, "correct the name under columns, csv.delimiter or the export"))
}

/// At most 30 names, so that a message stays a message.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(30).map(|name| name.chars().take(64).collect::<String>()).collect::<Vec<_>>().join(", ");
    if names.len() > 30 { format!("{shown} and {} more", names.len() - 30) } else { shown }
}

/// Appends a row to every column, or to none: the column at fault and the reason.
fn append(columns: &mut [Column], places: &[usize], record: &Record) -> Result<(), (usize, &'static str)> {
    for index in 0..columns.len() {
        if let Err(reason) = columns[index].push(record.cell(places[index])) {
            columns[..index].iter_mut().for_each(Column::pop);
            return Err((index, reason));
        }
    }
    Ok(())
}

/// Writes typed batches of one table to scratch.
pub(super) struct Sink {
    path: PathBuf,
    market: Option<String>,
    writer: Option<(SchemaRef, ArrowWriter<File>)>,
}

impl Sink {
    fn write(&mut self, columns: &mut [Column], file: &str, rows: &[i64]) -> Result<()> {
        let named = columns.iter_mut().map(|column| (column.name.clone(), column.finish())).collect();
        self.write_arrays(named, file, rows)
    }

    /// Writes one batch with `_file`, `_row` and, in a market's folder, `market`, which win over columns of that name.
    pub(super) fn write_arrays(&mut self, mut named: Vec<(String, ArrayRef)>, file: &str, rows: &[i64]) -> Result<()> {
        let mut constants: Vec<(&str, ArrayRef)> =
            vec![("_file", repeat(file, rows.len())), ("_row", Arc::new(Int64Array::from(rows.to_vec())))];
        if let Some(market) = &self.market {
            constants.push(("market", repeat(market, rows.len())));
        }
        named.retain(|(name, _)| constants.iter().all(|(constant, _)| constant != name));
        named.extend(constants.into_iter().map(|(name, array)| (name.to_owned(), array)));
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) =
            named.into_iter().map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array)).unzip();
        let (schema, writer) = self.writer(fields)?;
        let batch = RecordBatch::try_new(schema, arrays);
        let written = batch.map_err(parquet::errors::ParquetError::from).and_then(|batch| writer.write(&batch));
        written.map_err(|error| Error::scratch(&self.path, std::io::Error::other(error)))
    }

    fn writer(&mut self, fields: Vec<Field>) -> Result<(SchemaRef, &mut ArrowWriter<File>)> {
        if self.writer.is_none() {
            let file = File::create(&self.path).map_err(|error| Error::scratch(&self.path, error))?;
            let schema = Arc::new(Schema::new(fields));
            // Scratch is read once or twice and then thrown away: the fastest setting of the codec.
            let level = ZstdLevel::try_new(1).unwrap_or_default();
            let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
            let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties));
            let writer = writer.map_err(|error| Error::scratch(&self.path, std::io::Error::other(error)))?;
            self.writer = Some((schema, writer));
        }
        match &mut self.writer {
            Some((schema, writer)) => Ok((schema.clone(), writer)),
            None => Err(Error::scratch(&self.path, std::io::Error::other("no writer"))),
        }
    }

    fn finish(self) -> Result<()> {
        let Some((_, writer)) = self.writer else { return Ok(()) };
        writer.close().map(drop).map_err(|error| Error::scratch(&self.path, std::io::Error::other(error)))
    }
}

fn repeat(text: &str, times: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, times)))
}

//! Reads Parquet: stored types stay, declared ones are made of them, and what can't become one is quarantined.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchReader, StringArray};
use arrow::compute::{CastOptions, cast_with_options, filter};
use arrow::datatypes::{DataType, Float64Type, Schema, TimeUnit, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use reprise_crds::source::{ColumnType, FileSpec};

use super::cell::{Cell, CellType, PRECISION, Reason, SCALE, class};
use super::column::{Column, UTC};
use super::open::fault;
use super::quarantine::{Quarantine, Refused};
use super::record::MOST_CELLS;
use super::table::{BATCH, Sink, no_column};
use crate::error::{Error, Result};
use crate::inputs::InputFile;

/// One column of a table made of Parquet files.
#[derive(Clone, Debug)]
pub(super) struct StoredColumn {
    name: String,
    target: DataType,
    /// How text becomes the declared type; `None` for a column that nobody declared.
    declared: Option<CellType>,
}

/// Appends all rows of a file to `sink` and gives their number. The first file fixes `layout`.
pub(super) fn read(
    spec: &FileSpec,
    file: &InputFile,
    layout: &mut Option<Vec<StoredColumn>>,
    sink: &mut Sink,
    quarantine: &mut Quarantine,
) -> Result<u64> {
    let mut reader = guarded(file, || open(file))?;
    let schema = reader.schema();
    if layout.is_none() {
        *layout = Some(columns(spec, &schema, file)?);
    }
    let layout = layout.get_or_insert_default();
    let mut rows = 0;
    while let Some(batch) = guarded(file, || Ok(reader.next()))? {
        let batch = batch.map_err(|error| broken(file, &error.to_string()))?;
        convert(&batch, layout, rows, &mut Out { file, sink, quarantine })?;
        rows += batch.num_rows() as u64;
    }
    if rows == 0 {
        let empty = RecordBatch::new_empty(schema);
        convert(&empty, layout, 0, &mut Out { file, sink, quarantine })?;
    }
    Ok(rows)
}

/// Hands the first rows of each column to `see` as text, with its name and whether it is stored as text.
///
/// # Errors
/// [`Error::ReadFile`] for a file that is no sound Parquet, and what `see` gives.
pub(crate) fn sample(file: &InputFile, most: u64, see: &mut dyn FnMut(&str, bool, &StringArray) -> Result<()>) -> Result<()> {
    let mut reader = guarded(file, || open(file))?;
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let mut rows = 0;
    while rows < most
        && let Some(batch) = guarded(file, || Ok(reader.next()))?
    {
        let batch = batch.map_err(|error| broken(file, &error.to_string()))?;
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
            let Some(stored) = plain(field.data_type()) else { continue };
            let text = cast_with_options(array, &DataType::Utf8, &options).map_err(|error| broken(file, &error.to_string()))?;
            see(field.name(), stored == DataType::Utf8, text.as_string())?;
        }
        rows += batch.num_rows() as u64;
    }
    Ok(())
}

fn open(file: &InputFile) -> Result<ParquetRecordBatchReader> {
    let opened = File::open(&file.path).map_err(|error| Error::scratch(&file.path, error))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(opened).map_err(|error| broken(file, &error.to_string()))?;
    if builder.schema().fields().len() > MOST_CELLS {
        return Err(fault(file, &format!("the file has more than {MOST_CELLS} columns"), "leave columns out of the export"));
    }
    if let Some(place) = outside(&builder) {
        return Err(broken(file, &place));
    }
    builder.with_batch_size(BATCH).build().map_err(|error| broken(file, &error.to_string()))
}

/// The first column whose footer sends the reader to where no file can be, in words.
fn outside(builder: &ParquetRecordBatchReaderBuilder<File>) -> Option<String> {
    let groups = builder.metadata().row_groups().iter().enumerate();
    let mut chunks = groups.flat_map(|(group, found)| found.columns().iter().map(move |chunk| (group, chunk)));
    chunks.find_map(|(group, chunk)| {
        let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
        let negative = start < 0 || chunk.compressed_size() < 0;
        negative.then(|| format!("column {} of row group {} lies outside the file", chunk.column_path(), group + 1))
    })
}

/// The library panics on some damaged files; a damaged file is an error like any other.
fn guarded<T>(file: &InputFile, read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(broken(file, "the reader gave up")))
}

fn broken(file: &InputFile, error: &str) -> Error {
    let error: String = error.chars().take(200).collect();
    fault(file, &format!("the file is no sound Parquet: {error}"), "upload it again, or correct the file's format")
}

fn columns(spec: &FileSpec, schema: &Schema, file: &InputFile) -> Result<Vec<StoredColumn>> {
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    if let Some(missing) = spec.columns.iter().find(|column| !names.contains(&column.name)) {
        return Err(no_column(file, &missing.name, &names));
    }
    let mut columns = Vec::new();
    for field in schema.fields() {
        let declared = spec.columns.iter().find(|column| column.name == *field.name());
        let cells = declared.map(|column| CellType::declared(&spec.name, column, None, false)).transpose()?;
        let stored = plain(field.data_type());
        let target = match (&cells, stored) {
            (Some(cells), Some(_)) => declared_type(cells, field.data_type()),
            (None, Some(target)) => target,
            (None, None) => continue,
            (Some(_), None) => {
                let cause = format!("the column holds {}, which is no single value", field.data_type());
                return Err(fault(file, &format!("{}: {cause}", field.name()), "export it flat, or don't declare it"));
            }
        };
        columns.push(StoredColumn { name: field.name().clone(), target, declared: cells });
    }
    Ok(columns)
}

/// The table's type of a stored one; `None` for lists, structures and the like.
fn plain(stored: &DataType) -> Option<DataType> {
    Some(match stored {
        DataType::Dictionary(_, values) => return plain(values),
        DataType::Null
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => DataType::Utf8,
        DataType::Boolean => DataType::Boolean,
        DataType::Date32 | DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, zone) => timestamp(zone.is_some()),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => DataType::Float64,
        stored if stored.is_integer() => DataType::Int64,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            DataType::Decimal128(PRECISION, SCALE)
        }
        _ => return None,
    })
}

fn timestamp(instant: bool) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, instant.then(|| UTC.into()))
}

fn declared_type(cells: &CellType, stored: &DataType) -> DataType {
    match cells.kind {
        ColumnType::Text => DataType::Utf8,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Decimal => DataType::Decimal128(PRECISION, SCALE),
        ColumnType::Float => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => timestamp(cells.has_instants() || matches!(stored, DataType::Timestamp(_, Some(_)))),
    }
}

/// Where the rows of a file go.
struct Out<'a> {
    file: &'a InputFile,
    sink: &'a mut Sink,
    quarantine: &'a mut Quarantine,
}

/// Types one batch, which comes after `before` rows of its file, and appends its good rows.
fn convert(batch: &RecordBatch, layout: &[StoredColumn], before: u64, out: &mut Out<'_>) -> Result<()> {
    let file = out.file;
    let mut refused: Vec<Option<(usize, &'static str, Reason)>> = vec![None; batch.num_rows()];
    let mut arrays = Vec::with_capacity(layout.len());
    for (index, column) in layout.iter().enumerate() {
        let Some(stored) = batch.column_by_name(&column.name) else {
            let names: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
            return Err(no_column(file, &column.name, &names));
        };
        let mut refuse = |row: usize, class, reason| {
            refused[row].get_or_insert((index, class, reason));
        };
        arrays.push(typed(stored, column, &mut refuse).map_err(|error| broken(file, &error.to_string()))?);
    }
    for (row, refusal) in refused.iter().enumerate() {
        if let Some((column, class, reason)) = *refusal {
            let column = Some(layout[column].name.as_str());
            out.quarantine.refuse(&Refused { file: &file.found.name, row: before + row as u64 + 1, column, class, reason })?;
        }
    }
    let good: BooleanArray = refused.iter().map(|refusal| Some(refusal.is_none())).collect();
    let rows: Vec<i64> =
        (0..batch.num_rows()).filter(|row| refused[*row].is_none()).map(|row| (before as usize + row + 1) as i64).collect();
    let mut named = Vec::with_capacity(arrays.len());
    for (column, array) in layout.iter().zip(arrays) {
        let kept = filter(&array, &good).map_err(|error| broken(file, &error.to_string()))?;
        named.push((column.name.clone(), kept));
    }
    out.sink.write_arrays(named, &file.found.name, &rows)
}

/// One column in its table's type; rows whose value has no place in it go to `refuse` and are null.
fn typed(
    stored: &ArrayRef,
    column: &StoredColumn,
    refuse: &mut dyn FnMut(usize, &'static str, Reason),
) -> Result<ArrayRef, arrow::error::ArrowError> {
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let text = plain(stored.data_type()) == Some(DataType::Utf8);
    if let (true, Some(cells)) = (text, &column.declared) {
        return Ok(from_text(&cast_with_options(stored, &DataType::Utf8, &options)?, column, cells, refuse));
    }
    let array = if let (Some(cells), DataType::Timestamp(_, None)) = (&column.declared, stored.data_type())
        && cells.has_zone()
    {
        located(stored, cells, &options)?
    } else {
        cast_with_options(stored, &column.target, &options)?
    };
    for row in (0..array.len()).filter(|row| array.is_null(*row) && stored.is_valid(*row)) {
        refuse(row, "stored value", "has no place in the column's type");
    }
    if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        for row in (0..floats.len()).filter(|row| floats.is_valid(*row) && !floats.value(*row).is_finite()) {
            refuse(row, "number", "not a finite number");
        }
    }
    Ok(array)
}

fn from_text(text: &ArrayRef, column: &StoredColumn, cells: &CellType, refuse: &mut dyn FnMut(usize, &'static str, Reason)) -> ArrayRef {
    let text = text.as_string::<i32>();
    let mut values = Column::new(column.name.clone(), cells.clone());
    values.expect_instants(matches!(column.target, DataType::Timestamp(_, Some(_))));
    for row in 0..text.len() {
        let cell = if text.is_null(row) { "" } else { text.value(row) };
        if let Err(reason) = values.push(cell.as_bytes()) {
            refuse(row, class(cell.as_bytes()), reason);
            // An empty cell is never refused.
            let _ = values.append(Cell::Null);
        }
    }
    values.finish()
}

/// Local timestamps as instants, by the column's declared zone.
fn located(stored: &ArrayRef, cells: &CellType, options: &CastOptions<'_>) -> Result<ArrayRef, arrow::error::ArrowError> {
    let local = cast_with_options(stored, &timestamp(false), options)?;
    let instants =
        local.as_primitive::<TimestampMicrosecondType>().unary_opt::<_, TimestampMicrosecondType>(|micros| match cells.located(micros) {
            Ok(Cell::Time { micros, .. }) => Some(micros),
            _ => None,
        });
    Ok(std::sync::Arc::new(instants.with_timezone(UTC)))
}

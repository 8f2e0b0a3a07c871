//! From files to typed tables: every cell is typed or its row is quarantined, before any SQL.

mod cell;
mod column;
mod csv;
mod json_lines;
mod lines;
mod open;
mod parquet_file;
mod quarantine;
mod record;
mod table;

pub(crate) use cell::{CellType, class};
pub(crate) use csv::Csv;
pub(crate) use json_lines::JsonLines;
pub(crate) use open::{open_text, unreadable};
pub(crate) use parquet_file::sample as sample_parquet;
pub(crate) use quarantine::Quarantine;
pub(crate) use record::{Next, Record, Records};
pub(crate) use table::{TypedTable, read_table};

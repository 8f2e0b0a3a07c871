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

pub(crate) use quarantine::Quarantine;
pub(crate) use table::{TypedTable, read_table};

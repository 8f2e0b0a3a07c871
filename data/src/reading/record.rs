//! One record of a text file, before its cells are typed.

use crate::error::Result;

/// Longest record in bytes: what is longer is a quote that never closes, not a customer's order.
pub(super) const LONGEST_RECORD: usize = 1 << 20;
/// Most cells in a record.
pub(super) const MOST_CELLS: usize = 4096;

/// The cells of one record, each a range of one buffer.
#[derive(Debug, Default)]
pub(crate) struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The line on which the record starts, from 1.
    pub(crate) line: u64,
}

impl Record {
    /// Forgets the cells.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds a cell at the end.
    pub(super) fn push(&mut self, cell: &[u8]) {
        self.bytes.extend_from_slice(cell);
        self.ends.push(self.bytes.len());
    }

    /// Number of cells.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cell at `index`; empty beyond the last one.
    pub(crate) fn cell(&self, index: usize) -> &[u8] {
        let Some(end) = self.ends.get(index) else { return &[] };
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..*end]
    }
}

/// What came next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The record was filled.
    Record,
    /// A record that can't be cut into cells: why, for the quarantine.
    Bad(&'static str),
    /// No record is left.
    End,
}

/// A text file as a sequence of records.
pub(crate) trait Records {
    /// Names of the cells of each record.
    fn columns(&self) -> &[String];

    /// Fills `record` with the next one.
    fn next(&mut self, record: &mut Record) -> Result<Next>;
}

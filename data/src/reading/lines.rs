//! Cuts text into lines: a table of one column, and what JSON lines start from.

use std::io::{BufRead, BufReader, Read};

use super::open::{open_text, unreadable};
use super::record::{LONGEST_RECORD, Next, Record, Records};
use crate::error::{Error, Fault, Place, Result};
use crate::inputs::InputFile;

/// Lines of one file, bounded.
pub(super) struct LineReader<'a> {
    pub(super) file: &'a InputFile,
    text: BufReader<Box<dyn Read>>,
    buffer: Vec<u8>,
    /// Number of the line last read, from 1.
    pub(super) line: u64,
}

impl<'a> LineReader<'a> {
    /// Opens a file.
    pub(super) fn open(file: &'a InputFile) -> Result<Self> {
        Ok(Self { file, text: BufReader::with_capacity(128 << 10, open_text(file)?), buffer: Vec::new(), line: 0 })
    }

    /// The next line that is not empty, without its end.
    pub(super) fn next_line(&mut self) -> Result<Option<&[u8]>> {
        loop {
            self.buffer.clear();
            let mut bounded = self.text.by_ref().take(LONGEST_RECORD as u64 + 1);
            let read = bounded.read_until(b'\n', &mut self.buffer).map_err(|error| unreadable(self.file, &error))?;
            self.line += 1;
            if read > LONGEST_RECORD {
                let place = Place::of(&self.file.found.name).row(self.line);
                let cause = format!("the line is longer than {LONGEST_RECORD} bytes");
                return Err(Error::ReadFile(Fault::new(place, cause, "check that the file is text of one record a line")));
            }
            while matches!(self.buffer.last(), Some(b'\n' | b'\r')) {
                self.buffer.pop();
            }
            if read == 0 {
                return Ok(None);
            }
            if !self.buffer.is_empty() {
                return Ok(Some(&self.buffer));
            }
        }
    }
}

/// Records of one cell: the line.
pub(super) struct Lines<'a> {
    lines: LineReader<'a>,
    columns: [String; 1],
}

impl<'a> Lines<'a> {
    /// Opens a file.
    pub(super) fn open(file: &'a InputFile) -> Result<Self> {
        Ok(Self { lines: LineReader::open(file)?, columns: ["line".to_owned()] })
    }
}

impl Records for Lines<'_> {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next(&mut self, record: &mut Record) -> Result<Next> {
        record.clear();
        let Some(line) = self.lines.next_line()? else { return Ok(Next::End) };
        record.push(line);
        record.line = self.lines.line;
        Ok(Next::Record)
    }
}

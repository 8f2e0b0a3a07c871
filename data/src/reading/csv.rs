//! Cuts CSV into records: any delimiter and quote, every line ending, bounded, and sure of its line numbers.

use std::collections::BTreeSet;
use std::io::Read;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use reprise_crds::source::CsvFormat;

use super::open::{open_text, unreadable};
use super::record::{LONGEST_RECORD, MOST_CELLS, Next, Record, Records};
use crate::error::{Error, Fault, Place, Result};
use crate::inputs::InputFile;

/// Records of one CSV file.
pub(crate) struct Csv<'a> {
    file: &'a InputFile,
    text: Box<dyn Read>,
    reader: Reader,
    input: Vec<u8>,
    /// The part of `input` that was not read yet.
    unread: std::ops::Range<usize>,
    output: Vec<u8>,
    ends: Vec<usize>,
    columns: Vec<String>,
    /// The first record of a file without a header, read to count its cells.
    ahead: Option<Record>,
    ended: bool,
}

impl<'a> Csv<'a> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`Error::ReadFile`] for a header that is missing, too wide, not UTF-8 or names a column twice.
    pub(crate) fn open(file: &'a InputFile, format: &CsvFormat) -> Result<Self> {
        let byte = |text: &str, default: u8| text.bytes().next().unwrap_or(default);
        let reader = ReaderBuilder::new().delimiter(byte(&format.delimiter, b',')).quote(byte(&format.quote, b'"')).build();
        let mut csv = Self {
            file,
            text: open_text(file)?,
            reader,
            input: vec![0; 128 << 10],
            unread: 0..0,
            output: vec![0; LONGEST_RECORD],
            ends: vec![0; MOST_CELLS],
            columns: Vec::new(),
            ahead: None,
            ended: false,
        };
        let mut first = Record::default();
        if csv.cut(&mut first)? == Next::End {
            return Err(csv.fault(1, "the file holds no line", "upload it again, or leave it out of the files' path"));
        }
        if format.header {
            csv.columns = csv.header(&first)?;
        } else {
            csv.columns = (1..=first.len()).map(|index| format!("column_{index}")).collect();
            csv.ahead = Some(first);
        }
        Ok(csv)
    }

    fn header(&self, first: &Record) -> Result<Vec<String>> {
        let mut seen = BTreeSet::new();
        let mut columns = Vec::with_capacity(first.len());
        for index in 0..first.len() {
            let at = |cause: &str, hint: &str| {
                let place = Place::of(&self.file.found.name).row(1).column(format!("column {}", index + 1));
                Err(Error::ReadFile(Fault::new(place, cause, hint)))
            };
            let Ok(name) = std::str::from_utf8(first.cell(index)) else {
                return at("the header is not UTF-8", "export the file as UTF-8");
            };
            let name = name.trim();
            if name.is_empty() {
                return at("the header has an empty name", "name every column, or set csv.header: false");
            }
            if name.contains('\0') || name.len() > 128 {
                return at("the header's name is no text of at most 128 characters", "check csv.delimiter and the export");
            }
            if !seen.insert(name.to_owned()) {
                return at("the header names this column twice", "rename one of them");
            }
            columns.push(name.to_owned());
        }
        Ok(columns)
    }

    /// Cuts the next record, whatever its number of cells.
    fn cut(&mut self, record: &mut Record) -> Result<Next> {
        record.clear();
        let (mut written, mut ended, mut start) = (0, 0, None);
        loop {
            if !self.refill()? {
                return match start {
                    Some(line) => Err(self.fault(line, "a quote opens here and never closes", "close it, or correct csv.quote")),
                    None => Ok(Next::End),
                };
            }
            let line = self.reader.line();
            let unread = &self.input[self.unread.clone()];
            let (result, taken, wrote, found) = self.reader.read_record(unread, &mut self.output[written..], &mut self.ends[ended..]);
            if start.is_none() && wrote + found > 0 {
                start = Some(line + blank_lines(unread));
            }
            self.unread.start += taken;
            written += wrote;
            ended += found;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    let cause = format!("the record is longer than {LONGEST_RECORD} bytes");
                    return Err(self.fault(start.unwrap_or(line), &cause, "look for a quote that never closes, and check csv.quote"));
                }
                ReadRecordResult::OutputEndsFull => {
                    let cause = format!("the record has more than {MOST_CELLS} cells");
                    return Err(self.fault(start.unwrap_or(line), &cause, "check csv.delimiter, or split the file"));
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(Next::End),
            }
        }
        record.line = start.unwrap_or(1);
        let mut from = 0;
        for end in &self.ends[..ended] {
            record.push(&self.output[from..*end]);
            from = *end;
        }
        Ok(Next::Record)
    }

    /// Makes sure that there is something unread; false once the file and the line end added to it are used up.
    fn refill(&mut self) -> Result<bool> {
        if !self.unread.is_empty() {
            return Ok(true);
        }
        if self.ended {
            return Ok(false);
        }
        let read = self.text.read(&mut self.input).map_err(|error| unreadable(self.file, &error))?;
        self.ended = read == 0;
        if self.ended {
            // A line end closes a last line that has none; inside quotes it is only one more character.
            self.input[0] = b'\n';
        }
        self.unread = 0..read.max(1);
        Ok(true)
    }

    fn fault(&self, line: u64, cause: &str, hint: &str) -> Error {
        Error::ReadFile(Fault::new(Place::of(&self.file.found.name).row(line), cause, hint))
    }
}

impl Records for Csv<'_> {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next(&mut self, record: &mut Record) -> Result<Next> {
        if let Some(ahead) = self.ahead.take() {
            *record = ahead;
            return Ok(Next::Record);
        }
        let next = self.cut(record)?;
        if next == Next::Record && record.len() != self.columns.len() {
            let fewer = record.len() < self.columns.len();
            return Ok(Next::Bad(if fewer { "fewer cells than the header" } else { "more cells than the header" }));
        }
        Ok(next)
    }
}

/// Line ends before the first character of a record: they belong to no record.
fn blank_lines(text: &[u8]) -> u64 {
    text.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).filter(|byte| **byte == b'\n').count() as u64
}

//! How a file is cut into cells, found out from its beginning, and what its columns hold.

use std::collections::BTreeMap;
use std::io::Read;

use csv_core::{ReadRecordResult, ReaderBuilder};
use reprise_crds::source::CsvFormat;
use serde_json::{Map, Value};

use super::types::Column;
use crate::error::Result;
use crate::inputs::InputFile;
use crate::reading::{Csv, JsonLines, Next, Record, Records, open_text, sample_parquet};

/// Bytes from which the format is told.
const BEGINNING: u64 = 256 << 10;
/// Records from which the delimiter is told.
const TRIAL: usize = 500;
/// Rows of one file that are looked at.
const MOST_ROWS: u64 = 1_000_000;
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The format of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cut {
    Csv(CsvFormat),
    JsonLines,
    Parquet,
    /// Lines of words between blanks; whether the first word of each line is its own name.
    Words {
        named: bool,
    },
    Lines,
}

/// A file and what it holds.
pub(super) struct Looked {
    pub(super) cut: Cut,
    pub(super) columns: Vec<Column>,
    /// What whoever connects the file should know.
    pub(super) notes: Vec<String>,
}

/// Looks at one file.
///
/// # Errors
/// [`crate::Error::ReadFile`] for a file that can't be read at all.
pub(super) fn look(file: &InputFile) -> Result<Looked> {
    if file.found.name.ends_with(".parquet") {
        let mut columns: Vec<Column> = Vec::new();
        sample_parquet(file, MOST_ROWS, &mut |name, is_text, cells| {
            let index = if let Some(index) = columns.iter().position(|column| column.name == name) {
                index
            } else {
                let mut column = Column::new(name)?;
                column.stored = !is_text;
                columns.push(column);
                columns.len() - 1
            };
            for cell in cells.iter().flatten() {
                columns[index].see(cell.as_bytes());
            }
            Ok(())
        })?;
        return Ok(Looked { cut: Cut::Parquet, columns, notes: Vec::new() });
    }
    let mut beginning = Vec::new();
    open_text(file)?.take(BEGINNING).read_to_end(&mut beginning).map_err(|error| crate::reading::unreadable(file, &error))?;
    let mut notes = Vec::new();
    if let Err(error) = std::str::from_utf8(&beginning)
        && error.error_len().is_some()
    {
        let name = &file.found.name;
        notes.push(format!(
            "{name} is not UTF-8; its rows with other letters would be refused. Convert it: iconv -f WINDOWS-1252 -t UTF-8 {name}"
        ));
    }
    let whole = if beginning.len() as u64 == BEGINNING {
        beginning.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
    } else {
        beginning.len()
    };
    let beginning = &beginning[..whole];
    let cut = if let Some(keys) = json_keys(beginning) {
        return look_json(file, keys, notes);
    } else if let Some(format) = csv(beginning) {
        Cut::Csv(format)
    } else {
        words(beginning)
    };
    let columns = match &cut {
        Cut::Csv(format) => see_all(&mut Csv::open(file, format)?)?,
        _ => Vec::new(),
    };
    Ok(Looked { cut, columns, notes })
}

fn see_all(records: &mut dyn Records) -> Result<Vec<Column>> {
    let mut columns = records.columns().iter().map(|name| Column::new(name)).collect::<Result<Vec<_>>>()?;
    let (mut record, mut rows) = (Record::default(), 0);
    while rows < MOST_ROWS {
        match records.next(&mut record)? {
            Next::End => break,
            Next::Bad(_) => {}
            Next::Record => columns.iter_mut().enumerate().for_each(|(index, column)| column.see(record.cell(index))),
        }
        rows += 1;
    }
    Ok(columns)
}

/// Counts the words of one column over all rows in which another one is filled.
///
/// # Errors
/// As [`look`].
pub(super) fn count_words(
    file: &InputFile,
    cut: &Cut,
    word: &str,
    filled: Option<&str>,
    counted: &mut BTreeMap<String, u64>,
) -> Result<()> {
    let names: Vec<String> = [Some(word), filled].into_iter().flatten().map(str::to_owned).collect();
    let mut records: Box<dyn Records> = match cut {
        Cut::Csv(format) => Box::new(Csv::open(file, format)?),
        Cut::JsonLines => Box::new(JsonLines::open(file, names)?),
        _ => return Ok(()),
    };
    let place = |name: &str| records.columns().iter().position(|column| column == name);
    let (word, filled) = (place(word), filled.and_then(place));
    let (mut record, mut rows) = (Record::default(), 0);
    while rows < MOST_ROWS {
        match records.next(&mut record)? {
            Next::End => break,
            Next::Bad(_) => {}
            Next::Record => {
                let counts = filled.is_none_or(|place| !record.cell(place).is_empty());
                let cell = word.filter(|_| counts).and_then(|place| std::str::from_utf8(record.cell(place)).ok());
                if let Some(text) = cell.map(str::trim).filter(|text| !text.is_empty()) {
                    *counted.entry(text.to_owned()).or_default() += 1;
                }
            }
        }
        rows += 1;
    }
    Ok(())
}

/// The names of the members of JSON lines that hold single values, in order; none where the text is no JSON.
fn json_keys(beginning: &[u8]) -> Option<Vec<String>> {
    let mut keys: Vec<String> = Vec::new();
    let lines = beginning.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace));
    let mut any = false;
    for line in lines.take(TRIAL) {
        let object: Map<String, Value> = serde_json::from_slice(line).ok()?;
        any = true;
        let single = object.into_iter().filter(|(_, value)| !value.is_array() && !value.is_object());
        for (key, _) in single {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    any.then_some(keys)
}

fn look_json(file: &InputFile, keys: Vec<String>, notes: Vec<String>) -> Result<Looked> {
    let columns = see_all(&mut JsonLines::open(file, keys)?)?;
    Ok(Looked { cut: Cut::JsonLines, columns, notes })
}

/// The CSV format by which most records have the same number of cells, more than one.
fn csv(beginning: &[u8]) -> Option<CsvFormat> {
    let judged = DELIMITERS.map(|delimiter| {
        let counts = cells_per_record(beginning, delimiter);
        let mut tally: BTreeMap<usize, usize> = BTreeMap::new();
        for count in &counts {
            *tally.entry(*count).or_default() += 1;
        }
        let (cells, records) = tally.into_iter().max_by_key(|(cells, records)| (*records, *cells)).unwrap_or((0, 0));
        let steady = cells > 1 && records * 10 >= counts.len() * 9;
        (steady.then_some(cells), delimiter)
    });
    let (_, delimiter) = judged.into_iter().filter(|(cells, _)| cells.is_some()).max_by_key(|(cells, _)| *cells)?;
    let header = has_header(beginning, delimiter);
    Some(CsvFormat { delimiter: char::from(delimiter).to_string(), header, ..CsvFormat::default() })
}

fn cells_per_record(mut text: &[u8], delimiter: u8) -> Vec<usize> {
    let mut counts = Vec::new();
    each_record(&mut text, delimiter, &mut |cells| {
        counts.push(cells.len());
        counts.len() < TRIAL
    });
    counts
}

/// Cuts records off `text` while `each` wants more.
fn each_record(text: &mut &[u8], delimiter: u8, each: &mut dyn FnMut(&[&[u8]]) -> bool) {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    let (mut output, mut ends) = (vec![0; text.len() + 1], vec![0; 4096]);
    loop {
        let (result, read, written, found) = reader.read_record(text, &mut output, &mut ends);
        *text = &text[read..];
        let whole = match result {
            ReadRecordResult::Record => true,
            // A last line without an end.
            ReadRecordResult::InputEmpty if text.is_empty() && written > 0 => true,
            _ => false,
        };
        if !whole {
            return;
        }
        let mut from = 0;
        let mut cells: Vec<&[u8]> = Vec::with_capacity(found + 1);
        for end in &ends[..found] {
            cells.push(&output[from..*end]);
            from = *end;
        }
        if !matches!(result, ReadRecordResult::Record) {
            cells.push(&output[from..written]);
        }
        if !each(&cells) || !matches!(result, ReadRecordResult::Record) {
            return;
        }
    }
}

/// Whether the first line names columns: all cells are filled, different, and neither number nor day.
fn has_header(mut text: &[u8], delimiter: u8) -> bool {
    let mut header = false;
    each_record(&mut text, delimiter, &mut |cells| {
        let names: std::collections::BTreeSet<&[u8]> = cells.iter().copied().collect();
        let is_name = |cell: &&[u8]| crate::reading::class(cell) == "text";
        header = names.len() == cells.len() && cells.iter().all(is_name);
        false
    });
    header
}

/// Lines of words between blanks, or any other text.
fn words(beginning: &[u8]) -> Cut {
    let lines: Vec<Vec<&str>> = beginning
        .split(|byte| *byte == b'\n')
        .filter_map(|line| std::str::from_utf8(line).ok())
        .map(|line| line.split(' ').filter(|word| !word.trim().is_empty()).collect::<Vec<_>>())
        .filter(|words| !words.is_empty())
        .collect();
    let several = lines.iter().filter(|words| words.len() > 1).count();
    let short = lines.iter().flatten().all(|word| word.len() <= 64 && !word.contains(['|', ',', ';', '{', '"']));
    if lines.len() < 2 || several * 2 < lines.len() || !short {
        return Cut::Lines;
    }
    let first: std::collections::BTreeSet<&str> = lines.iter().map(|words| words[0]).collect();
    Cut::Words { named: first.len() == lines.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delimiter(text: &str) -> Option<(String, bool)> {
        csv(text.as_bytes()).map(|format| (format.delimiter, format.header))
    }

    #[test]
    fn the_delimiter_is_the_one_that_cuts_evenly() {
        assert_eq!(delimiter("a;b;c\n1;2,5;3\n4;5,5;6\n"), Some((";".into(), true)));
        assert_eq!(delimiter("a,b\n\"x;y;z\",2\n1,2\n"), Some((",".into(), true)));
        assert_eq!(delimiter("a\tb\n1\t2"), Some(("\t".into(), true)));
        assert_eq!(delimiter("1|2024-01-01|x\n2|2024-01-02|y\n"), Some(("|".into(), false)));
        assert_eq!(delimiter("just words\nand more words\n"), None);
    }

    #[test]
    fn lines_of_words_are_told_from_other_text() {
        assert_eq!(words(b"1 5 6\n2 7\n3 5 8\n"), Cut::Words { named: true });
        assert_eq!(words(b"5 6\n5 7 7\n6 1\n"), Cut::Words { named: false });
        assert_eq!(words(b"{\n\"a\": 1\n"), Cut::Lines);
        assert_eq!(json_keys(b"{\"a\": 1, \"b\": [1]}\n{\"c\": null}\n"), Some(vec!["a".into(), "c".into()]));
        assert_eq!(json_keys(b"a,b\n"), None);
    }
}

//! Cuts JSON lines into records: one flat object a line, a cell for each declared column.

use serde_json::{Map, Value};

use super::lines::LineReader;
use super::record::{Next, Record, Records};
use crate::error::Result;
use crate::inputs::InputFile;

/// Records of one JSON lines file.
pub(crate) struct JsonLines<'a> {
    lines: LineReader<'a>,
    columns: Vec<String>,
}

impl<'a> JsonLines<'a> {
    /// Opens a file of which `columns` are read; other members are ignored.
    pub(crate) fn open(file: &'a InputFile, columns: Vec<String>) -> Result<Self> {
        Ok(Self { lines: LineReader::open(file)?, columns })
    }
}

impl Records for JsonLines<'_> {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next(&mut self, record: &mut Record) -> Result<Next> {
        record.clear();
        let Some(line) = self.lines.next_line()? else { return Ok(Next::End) };
        let object: Result<Map<String, Value>, _> = serde_json::from_slice(line);
        record.line = self.lines.line;
        let Ok(object) = object else { return Ok(Next::Bad("not one JSON object")) };
        for column in &self.columns {
            match object.get(column) {
                None | Some(Value::Null) => record.push(b""),
                Some(Value::String(text)) => record.push(text.as_bytes()),
                Some(Value::Bool(truth)) => record.push(if *truth { b"true" } else { b"false" }),
                Some(Value::Number(number)) => record.push(number.to_string().as_bytes()),
                Some(Value::Array(_) | Value::Object(_)) => return Ok(Next::Bad("a declared column holds a list or an object")),
            }
        }
        Ok(Next::Record)
    }
}

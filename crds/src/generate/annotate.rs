//! Writes a typed value as YAML with each field's documentation above it.

use serde::Serialize;
use serde_json::Value;

use crate::definitions;
use crate::yaml::{self, Kind, Node};

const WIDTH: usize = 110;

/// An object as YAML: every field of spec is preceded by its description from the schema of its kind.
pub(super) fn annotated(object: &impl Serialize, kind: &str) -> Result<String, serde_yaml::SerializeError> {
    let plain = serde_yaml::to_string(object)?;
    // The text was just written, so it can be read; were it not, the committed file would be empty and its test fail.
    let nodes = yaml::parse(&plain, kind).unwrap_or_default();
    let schema = definitions::schema(kind).unwrap_or(&Value::Null);
    let mut writer = Writer { text: String::new() };
    for (key, node) in nodes.first().map(fields).unwrap_or_default() {
        let empty = Value::Null;
        let schema = if key == "spec" { &schema["properties"]["spec"] } else { &empty };
        writer.field(&key, node, schema, "");
    }
    Ok(writer.text)
}

struct Writer {
    text: String,
}

impl Writer {
    fn line(&mut self, indent: &str, text: &str) {
        self.text.push_str(indent);
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn field(&mut self, name: &str, node: &Node, schema: &Value, indent: &str) {
        for line in wrapped(schema["description"].as_str().unwrap_or_default(), WIDTH - indent.len()) {
            self.line(indent, &format!("# {line}"));
        }
        match &node.kind {
            Kind::Object(inner) if !inner.is_empty() => {
                self.line(indent, &format!("{name}:"));
                self.fields(node, schema, &format!("{indent}  "));
            }
            Kind::List(items) if items.iter().any(|item| matches!(item.kind, Kind::Object(_))) => {
                self.line(indent, &format!("{name}:"));
                for (index, item) in items.iter().enumerate() {
                    // Only the first item is annotated; the others are alike.
                    let schema = if index == 0 { &schema["items"] } else { &Value::Null };
                    self.item(item, schema, indent);
                }
            }
            Kind::List(items) if !items.is_empty() => {
                self.line(indent, &format!("{name}:"));
                for item in items {
                    self.line(indent, &format!("- {}", scalar(item)));
                }
            }
            Kind::Text(text) if text.contains('\n') => {
                self.line(indent, &format!("{name}: |-"));
                for line in text.lines() {
                    self.line(indent, &format!("  {line}"));
                }
            }
            _ => self.line(indent, &format!("{name}: {}", scalar(node))),
        }
    }

    fn fields(&mut self, node: &Node, schema: &Value, indent: &str) {
        for (key, node) in fields(node) {
            let known = schema["properties"].get(&key).unwrap_or(&Value::Null);
            self.field(&key, node, known, indent);
        }
    }

    fn item(&mut self, item: &Node, schema: &Value, indent: &str) {
        let mut inner = Self { text: String::new() };
        inner.fields(item, schema, &format!("{indent}  "));
        // The first line that is no comment carries the dash.
        let mut dashed = false;
        for line in inner.text.lines() {
            let comment = line.trim_start().starts_with('#');
            if dashed || comment {
                self.line("", line);
            } else {
                self.line(indent, &format!("- {}", line.trim_start()));
                dashed = true;
            }
        }
    }
}

/// A value on one line.
fn scalar(node: &Node) -> String {
    // JSON is YAML, and one line always; text has a plainer spelling.
    let json = node.to_json().to_string();
    match &node.kind {
        Kind::Text(text) => {
            let plain = serde_yaml::to_string(text).unwrap_or_default();
            let plain = plain.trim_end();
            if plain.contains('\n') { json } else { plain.to_owned() }
        }
        _ => json,
    }
}

fn fields(node: &Node) -> Vec<(String, &Node)> {
    match &node.kind {
        Kind::Object(fields) => fields.iter().map(|(key, node)| (key.name.clone(), node)).collect(),
        _ => Vec::new(),
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

//! Checks a document against the schema of its kind: what the API server does, and unknown fields besides, which the
//! server drops in silence.

use serde_json::Value;

use crate::refusal::{Place, Refusal};
use crate::value;
use crate::yaml::{Key, Kind, Node};

/// Everything in which a document breaks a schema, in the order of the document.
pub(crate) fn check(schema: &Value, node: &Node, path: &str, file: &str) -> Vec<Refusal> {
    let mut checker = Checker { file, refusals: Vec::new() };
    checker.value(schema, node, path);
    checker.refusals
}

struct Checker<'a> {
    file: &'a str,
    refusals: Vec<Refusal>,
}

impl Checker<'_> {
    fn refuse(&mut self, at: (u64, u64), refusal: Refusal) {
        let place = Some(Place { file: self.file.to_owned(), line: at.0, column: at.1 });
        self.refusals.push(Refusal { place, ..refusal });
    }

    fn value(&mut self, schema: &Value, node: &Node, path: &str) {
        match (schema["type"].as_str(), &node.kind) {
            (Some("object"), Kind::Object(fields)) => self.object(schema, node, fields, path),
            (Some("array"), Kind::List(items)) => self.list(schema, node, items, path),
            (Some("string"), Kind::Text(text)) => self.text(schema, node, text, path),
            (Some("integer"), Kind::Integer(number)) => self.integer(schema, node, *number, path),
            (Some("boolean"), Kind::Boolean(_)) | (None, _) => {}
            (Some(expected), found) => {
                self.refuse((node.line, node.column), mistyped(expected, found, path));
            }
        }
    }

    fn object(&mut self, schema: &Value, node: &Node, fields: &[(Key, Node)], path: &str) {
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if node.get(required).is_none() {
                self.refuse((node.line, node.column), Refusal::new(join(path, required), "is missing"));
            }
        }
        self.alternatives(schema, node, path);
        for (key, value) in fields {
            let place = join(path, &key.name);
            let known = schema["properties"].get(&key.name).or_else(|| schema.get("additionalProperties"));
            match known {
                Some(known) => self.value(known, value, &place),
                // The server knows these of every kind; schemas leave them out.
                None if path.is_empty() && matches!(key.name.as_str(), "apiVersion" | "kind" | "metadata") => {}
                None => self.refuse((key.line, key.column), unknown(schema, &key.name, &place)),
            }
        }
        let bound = |name: &str| schema[name].as_u64();
        self.size(fields.len() as u64, (bound("minProperties"), bound("maxProperties")), node, (path, "entries"));
    }

    /// `oneOf` with one required field each: a choice.
    fn alternatives(&mut self, schema: &Value, node: &Node, path: &str) {
        let choices = schema["oneOf"].as_array().into_iter().flatten();
        let names: Vec<_> = choices.filter_map(|choice| choice["required"][0].as_str()).collect();
        if !names.is_empty() && names.iter().filter(|name| node.get(name).is_some()).count() != 1 {
            let message = format!("give exactly one of {}", list(&names));
            self.refuse((node.line, node.column), Refusal::new(path, message));
        }
    }

    fn list(&mut self, schema: &Value, node: &Node, items: &[Node], path: &str) {
        let bound = |name: &str| schema[name].as_u64();
        self.size(items.len() as u64, (bound("minItems"), bound("maxItems")), node, (path, "entries"));
        for (index, item) in items.iter().enumerate() {
            self.value(&schema["items"], item, &format!("{path}[{index}]"));
        }
        let identity = |item: &Node| match schema["x-kubernetes-list-type"].as_str() {
            Some("set") => Some(item.to_json()),
            Some("map") => schema["x-kubernetes-list-map-keys"][0].as_str().and_then(|key| Some(item.get(key)?.to_json())),
            _ => None,
        };
        for (index, item) in items.iter().enumerate() {
            let earlier = &items[..index];
            if identity(item).is_some_and(|own| earlier.iter().any(|other| identity(other).as_ref() == Some(&own))) {
                let message = "stands twice in the list";
                self.refuse((item.line, item.column), Refusal::new(format!("{path}[{index}]"), message));
            }
        }
    }

    fn text(&mut self, schema: &Value, node: &Node, text: &str, path: &str) {
        let at = (node.line, node.column);
        let length = text.chars().count() as u64;
        let bound = |name: &str| schema[name].as_u64();
        self.size(length, (bound("minLength"), bound("maxLength")), node, (path, "characters"));
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.iter().any(|value| value == text)
        {
            let names: Vec<_> = allowed.iter().filter_map(Value::as_str).collect();
            self.refuse(at, Refusal::new(path, format!("must be {}", or_list(&names))));
        }
        let Some(pattern) = schema["pattern"].as_str() else { return };
        match (value::check(pattern, text), regex::Regex::new(pattern)) {
            (Some(Err(error)), _) => self.refuse(at, Refusal::new(path, error.to_string())),
            (None, Ok(compiled)) if !compiled.is_match(text) => {
                self.refuse(at, with_description(Refusal::new(path, format!("does not match {pattern}")), schema));
            }
            _ => {}
        }
    }

    fn integer(&mut self, schema: &Value, node: &Node, number: i64, path: &str) {
        let bound = |name: &str| schema[name].as_i64().or_else(|| schema[name].as_f64().map(|bound| bound as i64));
        let (least, most) = (bound("minimum").unwrap_or(i64::MIN), bound("maximum").unwrap_or(i64::MAX));
        if number < least || number > most {
            let message = format!("must be a whole number from {least} to {most}");
            self.refuse((node.line, node.column), Refusal::new(path, message));
        }
    }

    fn size(&mut self, size: u64, (least, most): (Option<u64>, Option<u64>), node: &Node, (path, unit): (&str, &str)) {
        let message = match (least, most) {
            (Some(least), _) if size < least => format!("must have at least {least} {unit}"),
            (_, Some(most)) if size > most => format!("must have at most {most} {unit}, not {size}"),
            _ => return,
        };
        self.refuse((node.line, node.column), Refusal::new(path, message));
    }
}

fn mistyped(expected: &str, found: &Kind, path: &str) -> Refusal {
    let name = match found {
        Kind::Null => "nothing",
        Kind::Boolean(_) => "true or false",
        Kind::Integer(_) => "a whole number",
        Kind::Float(_) => "a number",
        Kind::Text(_) => "text",
        Kind::List(_) => "a list",
        Kind::Object(_) => "an object",
    };
    let wanted = match expected {
        "string" => "text",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "array" => "a list",
        _ => "an object",
    };
    let refusal = Refusal::new(path, format!("must be {wanted}, not {name}"));
    match (expected, found) {
        ("string", Kind::Boolean(value)) => refusal.with_hint(format!(
            "YAML reads a bare {} as {value}: put it in quotes",
            if *value { "YES, ON or TRUE" } else { "NO, OFF or FALSE" }
        )),
        ("string", Kind::Integer(_) | Kind::Float(_)) => refusal.with_hint("put it in quotes"),
        ("integer" | "boolean", Kind::Text(_)) => refusal.with_hint("leave the quotes out"),
        (_, Kind::Null) => refusal.with_hint("leave the field out"),
        _ => refusal,
    }
}

fn unknown(schema: &Value, name: &str, path: &str) -> Refusal {
    let known: Vec<_> = schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys()).collect();
    let refusal = Refusal::new(path, "is no field of this kind");
    match known.into_iter().map(|known| (distance(name, known), known)).min() {
        Some((distance, nearest)) if distance <= 2.max(name.len() / 3) => refusal.with_hint(format!("did you mean {nearest}?")),
        _ => refusal,
    }
}

/// Edits between two names, regardless of case.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn with_description(refusal: Refusal, schema: &Value) -> Refusal {
    match schema["description"].as_str() {
        Some(description) => refusal.with_hint(description.replace('\n', " ")),
        None => refusal,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn list(names: &[&str]) -> String {
    match names {
        [names @ .., last] if !names.is_empty() => format!("{} and {last}", names.join(", ")),
        _ => names.concat(),
    }
}

fn or_list(names: &[&str]) -> String {
    match names {
        [names @ .., last] if !names.is_empty() => format!("{} or {last}", names.join(", ")),
        _ => names.concat(),
    }
}

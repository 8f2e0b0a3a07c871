//! Reads what users write: files of YAML documents, strictly.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::check;
use crate::definitions::{self, API_VERSION, GROUP};
use crate::refusal::{Place, Refusal};
use crate::scoring::ScoringRun;
use crate::source::DataSource;
use crate::structural;
use crate::training::TrainingRun;
use crate::yaml::{self, Kind, Node};

/// An object that a user wrote.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// Where data lie.
    DataSource(Box<DataSource>),
    /// A model to train.
    TrainingRun(Box<TrainingRun>),
    /// A contact plan to make.
    ScoringRun(Box<ScoringRun>),
    /// An object of another API group, which is none of our business.
    Foreign {
        /// Its kind.
        kind: String,
        /// Its name; empty if it has none.
        name: String,
    },
}

impl Object {
    /// The kind.
    pub fn kind(&self) -> &str {
        match self {
            Self::DataSource(_) => "DataSource",
            Self::TrainingRun(_) => "TrainingRun",
            Self::ScoringRun(_) => "ScoringRun",
            Self::Foreign { kind, .. } => kind,
        }
    }

    /// The name; empty if it has none.
    pub fn name(&self) -> &str {
        let metadata = match self {
            Self::DataSource(object) => &object.metadata,
            Self::TrainingRun(object) => &object.metadata,
            Self::ScoringRun(object) => &object.metadata,
            Self::Foreign { name, .. } => return name,
        };
        metadata.name.as_deref().unwrap_or_default()
    }
}

/// Reads every document of a file. `file` is how the user named it; messages repeat it.
///
/// Stricter than an API server: unknown fields and keys given twice are refused by name. What the server checks, bounds
/// and CEL rules, is checked by the same schema; time zones and such by [`crate::check`].
///
/// Returns all refusals of all documents, each with its field, line and column.
pub fn parse(text: &str, file: &str) -> Result<Vec<Object>, Vec<Refusal>> {
    let nodes = yaml::parse(text, file).map_err(|refusal| vec![refusal])?;
    let (mut objects, mut refusals) = (Vec::new(), Vec::new());
    for node in &nodes {
        match object(node, file) {
            Ok(object) => objects.push(object),
            Err(found) => refusals.extend(found),
        }
    }
    if refusals.is_empty() { Ok(objects) } else { Err(refusals) }
}

fn object(node: &Node, file: &str) -> Result<Object, Vec<Refusal>> {
    let refuse = |field: &str, message: &str| {
        let at = node.nearest(field);
        let place = Some(Place { file: file.to_owned(), line: at.line, column: at.column });
        Err(vec![Refusal { place, ..Refusal::new(field, message) }])
    };
    if !matches!(node.kind, Kind::Object(_)) {
        return refuse("", "must be an object with apiVersion, kind, metadata and spec");
    }
    let text = |field: &str| node.get(field).and_then(Node::text);
    let (Some(version), Some(kind)) = (text("apiVersion"), text("kind")) else {
        return refuse("", "needs apiVersion and kind");
    };
    if version.split('/').next() != Some(GROUP) {
        let name = node.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::text);
        return Ok(Object::Foreign { kind: kind.to_owned(), name: name.unwrap_or_default().to_owned() });
    }
    if version != API_VERSION {
        return refuse("apiVersion", &format!("must be {API_VERSION}"));
    }
    match kind {
        "DataSource" => typed(node, file, kind, check::source).map(|it| Object::DataSource(Box::new(it))),
        "TrainingRun" => typed(node, file, kind, check::no_more).map(|it| Object::TrainingRun(Box::new(it))),
        "ScoringRun" => typed(node, file, kind, check::no_more).map(|it| Object::ScoringRun(Box::new(it))),
        _ => refuse("kind", "must be DataSource, TrainingRun or ScoringRun"),
    }
}

/// Structure, then types, then rules: each needs the one before.
fn typed<T: DeserializeOwned>(node: &Node, file: &str, kind: &str, rules: fn(&T) -> Vec<Refusal>) -> Result<T, Vec<Refusal>> {
    let schema = definitions::schema(kind).unwrap_or(&Value::Null);
    let mut refusals = structural::check(schema, node, "", file);
    refusals.extend(nameless(node, file));
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let placed = |refusal: Refusal| {
        let at = node.nearest(&refusal.field);
        Refusal { place: Some(Place { file: file.to_owned(), line: at.line, column: at.column }), ..refusal }
    };
    let document = node.to_json();
    let object = serde_json::from_value(document.clone()).map_err(|error| vec![placed(Refusal::new("", error.to_string()))])?;
    refusals.extend(check::rules(schema, &document, None));
    refusals.extend(rules(&object));
    if refusals.is_empty() { Ok(object) } else { Err(refusals.into_iter().map(placed).collect()) }
}

fn nameless(node: &Node, file: &str) -> Option<Refusal> {
    let metadata = node.get("metadata");
    if metadata.and_then(|metadata| metadata.get("name")).and_then(Node::text).is_some_and(|name| !name.is_empty()) {
        return None;
    }
    let at = metadata.unwrap_or(node);
    let place = Some(Place { file: file.to_owned(), line: at.line, column: at.column });
    Some(Refusal { place, ..Refusal::new("metadata.name", "is missing, or no text") })
}

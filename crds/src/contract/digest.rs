//! The digests by which a request happens once. Pure functions of values; one implementation for operator, command
//! line and worker.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::contract::InputObject;
use crate::refusal::Refusal;
use crate::run::{DataSelection, ModelSource, Role, RunSpec};
use crate::source::DataSourceSpec;
use crate::value::{Digest, LocalDate};

/// The digest of what a run asks: SHA-256 of the RFC 8785 JSON of
/// `{kind, source, data: {markets, asOf, historyDays}, ...fields of the spec that are part of the request}`.
///
/// What equals its default is left out, decimals have their shortest spelling, sets are sorted, the source is cut to
/// the run's markets. A runRef stands as the referenced run's requestDigest, which `runs` knows by name; an artifact as
/// its digest alone, wherever it lies; a releaseRef as written.
///
/// Refuses a runRef that is not in `runs`, and a market that the source does not list.
pub fn request_digest<S: RunSpec>(spec: &S, source: &DataSourceSpec, runs: &BTreeMap<String, Digest>) -> Result<Digest, Refusal> {
    Ok(Digest::of(&canonical(&request(spec, source, runs)?)))
}

/// The digest of prepared data: of source, markets, inputs without their generation, asOf as written, and data recipe.
/// It is known after a listing, before a byte is read.
pub fn data_digest(
    source: &DataSourceSpec,
    markets: &[String],
    inputs: &[InputObject],
    as_of: Option<LocalDate>,
    data_recipe: u32,
) -> Digest {
    let mut inputs: Vec<_> = inputs.iter().map(|input| (&input.name, input.length, input.crc32c)).collect();
    inputs.sort();
    let inputs: Vec<Value> =
        inputs.into_iter().map(|(name, length, crc32c)| json!({"name": name, "length": length, "crc32c": crc32c})).collect();
    let mut document = json!({
        "source": source.cut_to(markets).sorted(), "markets": sorted(markets), "inputs": inputs, "dataRecipe": data_recipe,
    });
    if let Some(as_of) = as_of {
        document["asOf"] = json!(as_of);
    }
    Digest::of(&canonical(&document))
}

/// The digest of what is computed: of request, data, the models' digests by name (`startFrom`, `intent`,
/// `recommender`), and recipe. It names the result.
pub fn identity(request: &Digest, data: &Digest, models: &BTreeMap<&str, &Digest>, recipe: u32) -> Digest {
    let document = json!({"requestDigest": request, "dataDigest": data, "models": models, "recipe": recipe});
    Digest::of(&canonical(&document))
}

/// The markets of a run, sorted: those that it names, else its geography if the source lists it, else all.
///
/// Refuses a market that the source does not list.
pub fn markets(spec: &impl RunSpec, source: &DataSourceSpec) -> Result<Vec<String>, Refusal> {
    let common = spec.common();
    let lists = |name: &str| source.markets.iter().any(|market| market.name == name);
    if let Some(unknown) = common.data.markets.iter().find(|market| !lists(market)) {
        let known = sorted(&source.markets.iter().map(|market| market.name.clone()).collect::<Vec<_>>()).join(", ");
        return Err(
            Refusal::new("spec.data.markets", format!("the DataSource has no market {unknown}")).with_hint(format!("it has {known}"))
        );
    }
    Ok(if !common.data.markets.is_empty() {
        sorted(&common.data.markets)
    } else if lists(common.geography.as_str()) {
        vec![common.geography.to_string()]
    } else {
        sorted(&source.markets.iter().map(|market| market.name.clone()).collect::<Vec<_>>())
    })
}

/// The document whose canonical form is digested.
pub(crate) fn request<S: RunSpec>(spec: &S, source: &DataSourceSpec, runs: &BTreeMap<String, Digest>) -> Result<Value, Refusal> {
    let markets = markets(spec, source)?;
    let mut document = fields(&spec.sorted());
    document.retain(|field, _| S::roles().any(|(name, role)| name == field && role == Role::Request));
    document.insert("kind".to_owned(), json!(S::KIND));
    let DataSelection { as_of, history_days, source_ref: _, markets: _ } = &spec.common().data;
    let mut data = Map::from_iter([("markets".to_owned(), json!(markets))]);
    data.extend(as_of.map(|date| ("asOf".to_owned(), json!(date))));
    data.extend(history_days.map(|days| ("historyDays".to_owned(), json!(days))));
    document.insert("data".to_owned(), Value::Object(data));
    document.insert("source".to_owned(), json!(source.cut_to(&markets).sorted()));
    for (field, model) in spec.model_sources() {
        replace(&mut document, field, digested(field, model, runs)?);
    }
    Ok(Value::Object(document))
}

/// A reference to a model as it enters the request.
fn digested(field: &str, model: &ModelSource, runs: &BTreeMap<String, Digest>) -> Result<Value, Refusal> {
    Ok(match model {
        ModelSource::ReleaseRef(release) => json!({"releaseRef": release}),
        ModelSource::Artifact(artifact) => json!({"artifact": {"digest": artifact.digest}}),
        ModelSource::RunRef(run) => match runs.get(&run.name) {
            Some(digest) => json!({"runRef": {"requestDigest": digest}}),
            None => return Err(Refusal::unknown_run(field, &run.name)),
        },
    })
}

/// Sets `a` or `a.b` of an object to a value.
fn replace(object: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            object.insert(path.to_owned(), value);
        }
        Some((outer, inner)) => {
            if let Some(Value::Object(object)) = object.get_mut(outer) {
                replace(object, inner, value);
            }
        }
    }
}

/// The fields of a value that serialises as an object.
fn fields(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        // Specs are structs with string keys, so serialising one gives an object.
        _ => unreachable!("a spec is an object"),
    }
}

/// RFC 8785.
fn canonical(document: &Value) -> Vec<u8> {
    // A `Value` holds string keys and finite numbers only, which is all that canonicalising can refuse.
    serde_json_canonicalizer::to_vec(document).unwrap_or_else(|_| unreachable!("a JSON value is canonicalised"))
}

fn sorted(texts: &[String]) -> Vec<String> {
    let mut texts = texts.to_vec();
    texts.sort();
    texts.dedup();
    texts
}

//! What a write makes of an object: the rules of updates and patches.

use serde_json::{Map, Value, json};

/// A refusal: status code, reason, message.
pub(super) type Refusal = (u16, &'static str, String);

/// Fields of a Job's spec that never change.
const FROZEN: [&str; 7] =
    ["completions", "completionMode", "selector", "template", "podFailurePolicy", "backoffLimitPerIndex", "podReplacementPolicy"];

/// What a write says of the object that it means.
pub(super) enum Meant<'a> {
    /// A replacement's metadata: a version must be there, where a kind asks for one.
    Update(&'a Value),
    /// A patch's metadata: a uid there is a change of the uid, which is no conflict but nothing that can be.
    Patch(&'a Value),
    /// Preconditions of a delete.
    Delete(&'a Value),
}

/// Refuses a write that means another uid or an older version.
pub(super) fn precondition(stored: &Value, meant: &Meant<'_>, group: &str) -> Result<(), Refusal> {
    let name = &stored["metadata"]["name"];
    let (Meant::Update(given) | Meant::Patch(given) | Meant::Delete(given)) = meant;
    let differs = |field: &str| !given[field].is_null() && given[field] != stored["metadata"][field];
    let conditional = matches!(group, "reprise.dev" | "coordination.k8s.io");
    if matches!(meant, Meant::Update(_)) && conditional && given["resourceVersion"].is_null() {
        return Err((422, "Invalid", "metadata.resourceVersion: Invalid value: 0: must be specified for an update".to_owned()));
    }
    let conflict = |field: &str| {
        let message = format!("Operation cannot be fulfilled on {name}: the {field} is not that of the stored object");
        Err((409, "Conflict", message))
    };
    if differs("resourceVersion") {
        return conflict("resourceVersion");
    }
    match meant {
        Meant::Patch(_) if differs("uid") => Err((422, "Invalid", "metadata.uid: Invalid value: field is immutable".to_owned())),
        _ if differs("uid") => conflict("uid"),
        _ => Ok(()),
    }
}

/// The stored object after an update with another: of the status alone, or of everything but the status.
pub(super) fn updated(stored: &Value, given: &Value, of_status: bool, resource: &str) -> Result<Value, Refusal> {
    let mut object = stored.clone();
    if of_status {
        object["status"] = given["status"].clone();
        return Ok(object);
    }
    for (field, value) in given.as_object().into_iter().flatten().filter(|(field, _)| !matches!(field.as_str(), "status" | "metadata")) {
        object[field] = value.clone();
    }
    for field in ["labels", "annotations", "finalizers", "ownerReferences"] {
        match &given["metadata"][field] {
            Value::Null => drop(object["metadata"].as_object_mut().and_then(|metadata| metadata.remove(field))),
            value => object["metadata"][field] = value.clone(),
        }
    }
    keep_frozen(stored, &object, resource)?;
    Ok(object)
}

fn keep_frozen(stored: &Value, object: &Value, resource: &str) -> Result<(), Refusal> {
    let changed = FROZEN.iter().find(|field| resource == "jobs" && object["spec"][**field] != stored["spec"][**field]);
    match changed {
        Some(field) => Err((422, "Invalid", format!("Job is invalid: spec.{field}: Invalid value: field is immutable"))),
        None => Ok(()),
    }
}

/// The object that a patch makes of another. A strategic one merges conditions by their type, and so do we; other lists
/// are replaced.
pub(super) fn patched(stored: &Value, patch: &Value, strategic: bool) -> Value {
    let mut object = stored.clone();
    merge(&mut object, patch, strategic);
    object
}

fn merge(into: &mut Value, patch: &Value, strategic: bool) {
    let Value::Object(fields) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    for (name, value) in fields {
        match value {
            Value::Null => {
                into.as_object_mut().map(|object| object.remove(name));
            }
            Value::Array(items) if strategic && name == "conditions" => conditions(&mut into[name], items),
            _ => merge(&mut into[name], value, strategic),
        }
    }
}

fn conditions(into: &mut Value, items: &[Value]) {
    let mut all = into.as_array().cloned().unwrap_or_default();
    let mut new = Vec::new();
    for item in items {
        match all.iter_mut().find(|old| old["type"] == item["type"]) {
            Some(old) => merge(old, item, true),
            None => new.push(item.clone()),
        }
    }
    // What a patch brings stands before what was there.
    new.append(&mut all);
    *into = json!(new);
}

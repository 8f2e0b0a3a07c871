//! What a write makes of an object: the rules of updates and patches.

use serde_json::{Map, Value, json};

/// A refusal: status code, reason, message.
pub(super) type Refusal = (u16, &'static str, String);

/// Fields of a Job's spec that never change.
const FROZEN: [&str; 7] =
    ["completions", "completionMode", "selector", "template", "podFailurePolicy", "backoffLimitPerIndex", "podReplacementPolicy"];

/// Refuses a write that means another uid or an older version.
pub(super) fn precondition(stored: &Value, meant: &Value, name: &str) -> Result<(), Refusal> {
    for field in ["uid", "resourceVersion"] {
        let meant = &meant[field];
        if !meant.is_null() && *meant != stored["metadata"][field] {
            let message = format!("Operation cannot be fulfilled on {name:?}: the {field} is not that of the stored object");
            return Err((409, "Conflict", message));
        }
    }
    Ok(())
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
        if !given["metadata"][field].is_null() {
            object["metadata"][field] = given["metadata"][field].clone();
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
    for item in items {
        match all.iter_mut().find(|old| old["type"] == item["type"]) {
            Some(old) => merge(old, item, true),
            None => all.push(item.clone()),
        }
    }
    *into = json!(all);
}

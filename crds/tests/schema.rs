//! The schemas keep the API's conventions, every field of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use reprise_crds::definitions::definitions;
use reprise_crds::run::{Role, RunSpec};
use reprise_crds::scoring::ScoringRunSpec;
use reprise_crds::training::TrainingRunSpec;
use serde_json::Value;

fn schema(definition: &Value) -> &Value {
    &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

/// Calls `check` with every schema below spec and status, and its path.
fn walk(schema: &Value, path: &str, check: &mut dyn FnMut(&Value, &str)) {
    check(schema, path);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), check);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(inner) {
            walk(inner, &format!("{path}[]"), check);
        }
    }
}

fn faults(check: impl Fn(&Value, &str) -> Option<&'static str>) -> Vec<String> {
    let mut faults = Vec::new();
    for definition in definitions() {
        let kind = definition["spec"]["names"]["kind"].as_str().unwrap();
        for part in ["spec", "status"] {
            if let Some(part_schema) = schema(definition)["properties"].get(part) {
                walk(part_schema, &format!("{kind}.{part}"), &mut |schema, path| {
                    faults.extend(check(schema, path).map(|fault| format!("{path}: {fault}")));
                });
            }
        }
    }
    faults
}

#[test]
fn every_field_is_described() {
    let is_element = |path: &str| path.ends_with("[]");
    let found = faults(|schema, path| {
        (schema["description"].as_str().is_none_or(str::is_empty) && !is_element(path)).then_some("has no description")
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn every_value_is_bounded() {
    let found = faults(|schema, _| match schema["type"].as_str() {
        Some("string") if schema.get("enum").is_none() && schema.get("maxLength").is_none() => Some("unbounded text"),
        Some("array") if schema.get("maxItems").is_none() => Some("unbounded list"),
        Some("array") if schema.get("x-kubernetes-list-type").is_none() => Some("list without a type"),
        Some("integer") if schema.get("minimum").is_none() || schema.get("maximum").is_none() => Some("unbounded integer"),
        Some("object") if schema.get("additionalProperties").is_some() && schema.get("maxProperties").is_none() => Some("unbounded map"),
        Some("number") => Some("floating-point number"),
        None => Some("has no type"),
        _ => None,
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn descriptions_say_the_bounds_of_numbers_and_lists() {
    let found = faults(|schema, path| {
        let description = schema["description"].as_str().unwrap_or_default();
        let bound = match schema["type"].as_str() {
            Some("integer") if path.contains(".spec") => schema["maximum"].as_i64(),
            Some("array") if path.contains(".spec") => schema["maxItems"].as_i64(),
            _ => None,
        };
        bound.filter(|bound| !description.contains(&bound.to_string())).map(|_| "its description does not say its upper bound")
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn nothing_is_nullable() {
    for definition in definitions() {
        assert!(!definition.to_string().contains("nullable"), "{}", definition["metadata"]["name"]);
    }
}

#[test]
fn a_fresh_run_is_not_observed_yet() {
    for definition in definitions() {
        let default = schema(definition).pointer("/properties/status/default");
        let has_status = definition["spec"]["names"]["kind"] != "DataSource";
        assert_eq!(default, has_status.then_some(&serde_json::json!({"observedGeneration": -1})));
    }
}

#[test]
fn names_and_category_are_the_documented_ones() {
    let names: Vec<_> = definitions()
        .iter()
        .map(|definition| {
            let names = &definition["spec"]["names"];
            assert_eq!(names["categories"], serde_json::json!(["reprise"]));
            (names["kind"].as_str().unwrap(), names["shortNames"][0].as_str().unwrap())
        })
        .collect();
    assert_eq!(names, [("DataSource", "dsrc"), ("TrainingRun", "trun"), ("ScoringRun", "srun")]);
}

/// Each field of spec has exactly one role, so none can be forgotten by the freeze rule or the digest.
fn check_roles<S: RunSpec>() {
    let definition = definitions().iter().find(|definition| definition["spec"]["names"]["kind"] == S::KIND).unwrap();
    let mut fields: Vec<_> = schema(definition)["properties"]["spec"]["properties"].as_object().unwrap().keys().cloned().collect();
    let mut roles: Vec<_> = S::roles().map(|(field, _)| field.to_owned()).collect();
    fields.sort();
    roles.sort();
    assert_eq!(roles, fields, "{}", S::KIND);
    let operational: Vec<_> = S::roles().filter(|(_, role)| *role == Role::Operational).map(|(field, _)| field).collect();
    assert_eq!(operational, ["budget", "deadlineSeconds", "ttlSecondsAfterFinished", "suspend"]);
}

#[test]
fn each_field_has_exactly_one_role() {
    check_roles::<TrainingRunSpec>();
    check_roles::<ScoringRunSpec>();
}

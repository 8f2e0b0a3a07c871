//! The CustomResourceDefinitions, as they are installed.

use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use serde_json::{Value, json};

use crate::scoring::ScoringRun;
use crate::source::DataSource;
use crate::training::TrainingRun;

/// The API group of all kinds.
pub const GROUP: &str = "reprise.dev";

/// The group and version of all kinds, as in `apiVersion`.
pub const API_VERSION: &str = "reprise.dev/v1alpha1";

/// Every definition as JSON, in the order of the docs: what `kubectl apply` installs.
///
/// It differs from what the derive makes: bounds are whole numbers; `nullable` is stripped, so that no null is ever stored: the
/// API server leaves an explicit one out, and our own reader, which meets typing errors earlier, refuses it; status defaults to `observedGeneration: -1`, so that a fresh object is in progress for kstatus, Flux
/// and Argo CD alike.
pub fn definitions() -> &'static [Value] {
    static DEFINITIONS: LazyLock<Vec<Value>> =
        LazyLock::new(|| [DataSource::crd(), TrainingRun::crd(), ScoringRun::crd()].iter().map(finished).collect());
    &DEFINITIONS
}

/// The OpenAPI schema of a kind; `None` for a kind that is not ours.
pub fn schema(kind: &str) -> Option<&'static Value> {
    let definition = definitions().iter().find(|definition| definition["spec"]["names"]["kind"] == kind)?;
    definition.pointer("/spec/versions/0/schema/openAPIV3Schema")
}

fn finished(definition: &CustomResourceDefinition) -> Value {
    // A definition is made of strings, numbers and maps with string keys, which always serialise.
    let mut definition = serde_json::to_value(definition).unwrap_or_else(|_| unreachable!("a definition is JSON"));
    tidy(&mut definition);
    if let Some(status) = definition.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/status") {
        status["default"] = json!({"observedGeneration": -1});
    }
    definition
}

/// Strips `nullable`, and writes whole bounds as whole numbers.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("nullable");
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Number(number) => {
            if let Some(float) = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0) {
                *value = json!(float as i64);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

//! The samples of admission policies, on a real API server.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture;
use crate::light::{Light, root, whole};

/// A dry run of a run; what the API server says against it.
fn refusal(light: &Light, run: &Value) -> Option<String> {
    let output = light.kubectl(&["create", "--dry-run=server", "--filename=-"], &run.to_string());
    (!output.status.success()).then(|| String::from_utf8(output.stderr).unwrap())
}

/// A run of a namespace, with one field changed.
fn run(space: &str, pointer: &str, value: Value) -> Value {
    let mut run = fixture::run(space, "a", "");
    run["spec"]["artifacts"] = json!("gs://acme-models/crm/");
    if !pointer.is_empty() {
        run["spec"][pointer] = value;
    }
    run
}

#[tokio::test]
async fn limits_of_a_namespace_hold_there_and_nowhere_else() {
    let Some(light) = whole("limits_of_a_namespace_hold_there_and_nowhere_else") else { return };
    light.team("limited");
    light.team("unlimited");
    light.done(&["apply", "-k", &root().join("manifests/policies").to_string_lossy()]);
    let limits = std::fs::read_to_string(root().join("manifests/policies/limits.yaml")).unwrap();
    light.done_with(&["apply", "--filename=-"], &limits.replace("namespace: crm", "namespace: limited"));
    let gpus = json!({"cpu": "100m", "gpu": {"type": "nvidia-l4", "count": 1}});
    let cases = [
        ("workers", json!(9), "a run of this namespace has at most 8 workers, not 9"),
        ("resources", gpus, "a run of this namespace has at most 0 GPUs, not 2"),
        ("artifacts", json!("gs://acme-models/crm-of-others/"), "runs of this namespace publish below gs://acme-models/crm/"),
        ("geography", json!("US"), "runs of this namespace are for NO,SE,DK,FI"),
    ];
    // A policy holds a moment after it was made.
    for _ in 0..300 {
        if refusal(light, &run("limited", "geography", json!("US"))).is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for (field, value, message) in cases {
        let said = refusal(light, &run("limited", field, value.clone())).unwrap_or_default();
        assert!(said.contains(message), "{field} {value}: {said:?}");
        assert_eq!(refusal(light, &run("unlimited", field, value)), None);
    }
    assert_eq!(refusal(light, &run("limited", "", Value::Null)), None);
    assert_eq!(refusal(light, &run("limited", "workers", json!(8))), None);
}

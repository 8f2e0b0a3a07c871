//! What users and operators make, for tests that need one.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::Job;
use reprise_crds::contract::RunPlan;
use reprise_crds::training::TrainingRun;
use reprise_operator::job::{Workshop, build};
use reprise_operator::kind::Run;
use reprise_operator::observed::{Account, Dependencies};
use reprise_operator::validate::validate;
use serde_json::{Value, json};

/// A source of one file.
pub(crate) fn source(namespace: &str) -> Value {
    json!({
        "apiVersion": "reprise.dev/v1alpha1", "kind": "DataSource", "metadata": {"name": "shop", "namespace": namespace},
        "spec": {
            "location": "gs://shop/", "markets": [{"name": "NO", "timeZone": "Europe/Oslo", "currency": "NOK"}],
            "files": [{"name": "sales", "path": "sales.csv", "csv": {}, "columns": [{"name": "id", "type": "Text"}]}],
            "views": [{"name": "transactions", "sql": "SELECT * FROM sales"}],
        },
    })
}

/// A run of two workers. Another token is another request.
pub(crate) fn run(namespace: &str, name: &str, token: &str) -> Value {
    json!({
        "apiVersion": "reprise.dev/v1alpha1", "kind": "TrainingRun", "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "geography": "NO", "model": {"intent": {}}, "data": {"sourceRef": {"name": "shop"}}, "artifacts": "gs://models/crm/",
            "resources": {"cpu": "100m", "memory": "64Mi", "ephemeralStorage": "1Gi"}, "workers": 2, "rerunToken": token,
        },
    })
}

/// A run as it is planned, and what its workers are told.
fn plan(mut object: Value) -> (Run, Box<RunPlan>) {
    object["metadata"]["uid"] = json!("00000000-0000-4000-8000-000000000001");
    let namespace = object["metadata"]["namespace"].as_str().unwrap().to_owned();
    let run: TrainingRun = serde_json::from_value(object).unwrap();
    let dependencies = Dependencies {
        cluster_uid: "cluster".to_owned(),
        source: Some(serde_json::from_value(source(&namespace)["spec"].clone()).unwrap()),
        account: Account::Allowed,
        artifact_roots: "gs://models".to_owned(),
        runs: BTreeMap::new(),
    };
    let validated = validate(&run, Some(&dependencies));
    (validated.run, validated.request.unwrap().unwrap())
}

/// The Job that the operator makes of such a run, by the functions that make it.
pub(crate) fn job(namespace: &str, name: &str) -> Job {
    let (run, plan) = plan(run(namespace, name, ""));
    let workshop = Workshop { image: "worker:1".to_owned(), account: "reprise-worker".to_owned(), gcs_endpoint: None };
    build(&run, &plan, &workshop, 1)
}

/// The digest of such a run's request.
pub(crate) fn digest(namespace: &str, token: &str) -> String {
    plan(run(namespace, "a", token)).1.request_digest.to_string()
}

//! The overlays, as kubectl renders them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so")]

use std::process::Command;

use reprise_doubles::skip;
use reprise_tests::{machine, root};

/// An overlay's documents; `None`, and the test named as skipped, where kubectl can't be built.
fn rendered(test: &str, overlay: &str) -> Option<Vec<String>> {
    let kube = match machine::kubernetes() {
        Ok(kube) => kube,
        Err(reason) => {
            skip(test, &reason.to_string());
            return None;
        }
    };
    let output = Command::new(kube).args(["kubectl", "kustomize"]).arg(root().join("manifests/overlays").join(overlay)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().split("\n---\n").map(str::to_owned).collect())
}

fn document<'a>(documents: &'a [String], kind: &str, name: &str) -> &'a str {
    let line = |document: &str, line: &str| document.lines().any(|other| other == line);
    let found = documents.iter().find(|text| line(text, &format!("kind: {kind}")) && line(text, &format!("  name: {name}")));
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

#[test]
fn on_gke_accounts_are_bound_by_workload_identity_and_names_come_from_one_file() {
    let Some(documents) = rendered("on_gke_accounts_are_bound_by_workload_identity_and_names_come_from_one_file", "gke") else { return };
    for name in ["reprise-operator", "reprise-worker"] {
        let account = document(&documents, "ServiceAccount", name);
        assert!(account.contains(&format!("iam.gke.io/gcp-service-account: {name}@PROJECT.iam.gserviceaccount.com")), "{account}");
    }
    assert!(document(&documents, "Namespace", "crm").contains("reprise.dev/artifact-roots: gs://ARTIFACTS-BUCKET/crm"));
    let operator = document(&documents, "Deployment", "reprise-operator");
    assert!(operator.contains("image: IMAGES/reprise-operator:0.1.0") && operator.contains("value: IMAGES/reprise-worker:0.1.0"));
    assert!(!operator.contains("GCS_ENDPOINT"), "a stand-in for the bucket is for tests");
    assert!(!documents.iter().any(|text| text.contains("kind: ConfigMap")), "the settings are not applied");
}

#[test]
fn the_test_clusters_overlay_adds_only_images_and_the_stand_in() {
    let Some(documents) = rendered("the_test_clusters_overlay_adds_only_images_and_the_stand_in", "test-cluster") else { return };
    let operator = document(&documents, "Deployment", "reprise-operator");
    assert!(operator.contains("image: reprise.dev/operator:test") && operator.contains("value: reprise.dev/worker:test"));
    assert!(operator.contains("readOnlyRootFilesystem: true") && operator.contains("runAsNonRoot: true"));
    for policy in ["reprise-operator", "reprise-worker"] {
        assert!(document(&documents, "NetworkPolicy", policy).contains("cidr: 10.89.0.1/32"), "{policy} can't reach the stand-in");
    }
}

//! Requests are answered, and once.

use std::collections::BTreeSet;

use reprise_tests::{installation, root};
use serde_json::{Value, json};

use crate::world::{Space, cluster, digest_of};

/// The examples of three markets, with a namespace's own folder of artifacts and few resources.
fn examples(space: &Space) -> String {
    let mut documents = String::new();
    for market in ["be", "fr", "no"] {
        for file in ["training.yaml", "scoring.yaml"] {
            let text = std::fs::read_to_string(root().join("examples/demo").join(market).join(file)).unwrap();
            documents.push_str("---\n");
            documents.push_str(&text);
        }
    }
    let few = "seed: 7\n  resources: {cpu: 500m, memory: 1Gi, ephemeralStorage: 1Gi}";
    documents.replace("gs://reprise-demo/artifacts/", &format!("gs://reprise-demo/{}/", space.name)).replace("seed: 7", few)
}

fn runs(space: &Space) -> Vec<Value> {
    space.list("truns,sruns")
}

fn names(runs: &[Value]) -> Vec<String> {
    let kind = |run: &Value| run["kind"].as_str().unwrap().to_lowercase();
    runs.iter().map(|run| format!("{}/{}", kind(run), run["metadata"]["name"].as_str().unwrap())).collect()
}

/// Every run ends well; each with the digest of what it published.
fn all_succeed(space: &Space) -> BTreeSet<(String, String)> {
    let names = names(&runs(space));
    assert_eq!(names.len(), 9);
    names
        .into_iter()
        .map(|run| {
            space.reaches(&run, "Succeeded");
            let digest = digest_of(space, &run);
            (run, digest)
        })
        .collect()
}

#[test]
fn on_a_cluster_three_markets_end_in_contact_plans_and_are_answered_once() {
    let Some(cluster) = cluster("on_a_cluster_three_markets_end_in_contact_plans_and_are_answered_once") else { return };
    let space = Space::new(cluster, "markets");
    space.apply(&examples(&space));
    let first = all_succeed(&space);
    contact_plans(&space);

    // Deleted with everything that they own, and applied again.
    let backup: Vec<Value> = runs(&space);
    delete_all(&space);
    space.apply(&examples(&space));
    assert_eq!(all_succeed(&space), first);
    nothing_trained(&space);

    // Restored from a backup, which holds no status.
    delete_all(&space);
    let restored = json!({"apiVersion": "v1", "kind": "List", "items": backup.iter().map(without_identity).collect::<Vec<_>>()});
    space.apply(&restored.to_string());
    assert_eq!(all_succeed(&space), first);
    nothing_trained(&space);
}

fn contact_plans(space: &Space) {
    for market in ["be", "fr", "no"] {
        let run = space.object(&format!("srun/second-purchase-{market}"));
        let address = run["status"]["artifact"]["uri"].as_str().unwrap().strip_prefix("gs://reprise-demo/").unwrap();
        let manifest = installation::object(space.cluster, &format!("{address}manifest.json")).unwrap();
        assert!(manifest.contains("part-"), "no contact plan in {manifest}");
        assert!(run["status"]["artifact"]["metrics"]["customers"].as_str().unwrap().parse::<u32>().unwrap() > 0);
    }
}

fn delete_all(space: &Space) {
    space.kubectl(&["delete", "truns,sruns", "--all", "--wait"]);
    // Owner references take Jobs and pods.
    space.kubectl(&["wait", "--for=delete", "jobs,pods", "--all", "--timeout=300s"]);
}

fn nothing_trained(space: &Space) {
    for run in names(&runs(space)) {
        assert_eq!(space.condition(&run, "Succeeded"), ("True".to_owned(), "AlreadyDone".to_owned()), "{run}");
    }
    assert!(space.list("jobs").is_empty() && space.list("pods").is_empty(), "something worked for what had been answered");
}

fn without_identity(run: &Value) -> Value {
    json!({"apiVersion": run["apiVersion"], "kind": run["kind"], "spec": run["spec"], "status": run["status"],
        "metadata": {"name": run["metadata"]["name"], "namespace": run["metadata"]["namespace"]}})
}

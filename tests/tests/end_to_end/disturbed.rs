//! Workers, their nodes and their namespace are taken away.

use std::time::Instant;

use reprise_tests::cluster::Cluster;

use crate::world::{Space, cluster, digest_of, undisturbed};

/// A training whose worker runs.
fn running(space: &Space) {
    space.apply(&space.training(1, "500m"));
    space.reaches("trun/intent", "Running");
}

/// The pod of the only worker, and its node.
fn worker(space: &Space) -> (String, String) {
    let pods = space.list("pods");
    let pod = pods.iter().find(|pod| pod["status"]["phase"] == "Running").unwrap();
    (pod["metadata"]["name"].as_str().unwrap().to_owned(), pod["spec"]["nodeName"].as_str().unwrap().to_owned())
}

#[test]
fn on_a_cluster_a_killed_worker_goes_on_to_the_same_bytes() {
    let Some(cluster) = cluster("on_a_cluster_a_killed_worker_goes_on_to_the_same_bytes") else { return };
    let space = Space::new(cluster, "killed-worker");
    running(&space);
    let (pod, _) = worker(&space);
    space.kubectl(&["delete", "pod", &pod, "--grace-period=0", "--force"]);
    space.reaches("trun/intent", "Succeeded");
    assert_eq!(space.starts("trun/intent", 0), 2);
    assert_eq!(digest_of(&space, "trun/intent"), undisturbed(cluster));
}

#[test]
fn on_a_cluster_work_goes_on_elsewhere_when_a_node_dies() {
    let Some(cluster) = cluster("on_a_cluster_work_goes_on_elsewhere_when_a_node_dies") else { return };
    for node in ["3", "4"] {
        start_node(cluster, node);
    }
    let space = Space::on(cluster, "killed-node", "mortal");
    running(&space);
    let (pod, node) = worker(&space);
    let killed = Instant::now();
    cluster.script().args(["kill-node", node.trim_start_matches('n')]).status().unwrap();
    space.watch("trun/intent", "{.status.workers[0].node}", |now| !now.is_empty() && now != node);
    space.watch("trun/intent", "{.status.workers[0].starts}", |starts| starts == "2");
    println!("{pod} was replaced {} s after its node had died", killed.elapsed().as_secs());
    space.reaches("trun/intent", "Succeeded");
    assert_eq!(digest_of(&space, "trun/intent"), undisturbed(cluster));
    for node in ["3", "4"] {
        cluster.script().args(["remove-node", node]).status().unwrap();
    }
}

fn start_node(cluster: &Cluster, node: &str) {
    cluster.script().args(["start-node", node, "pool=mortal"]).status().unwrap();
    let name = format!("node/n{node}");
    let ready = "{.status.conditions[?(@.type==\"Ready\")].status}";
    // A node that has not registered yet is not found: the watch is begun again.
    cluster.watch("default", &name, ready, |ready| ready == "True").unwrap();
}

#[test]
fn on_a_cluster_a_deleted_namespace_leaves_nothing() {
    let Some(cluster) = cluster("on_a_cluster_a_deleted_namespace_leaves_nothing") else { return };
    let space = Space::new(cluster, "deleted");
    running(&space);
    cluster.kubectl(&["delete", "namespace", "deleted", "--wait", "--timeout=300s"]).unwrap();
    for kind in ["truns", "jobs", "pods", "events"] {
        let left = cluster.kubectl(&["get", kind, "--all-namespaces", "--output", "jsonpath={.items[*].metadata.namespace}"]).unwrap();
        assert!(!left.split(' ').any(|namespace| namespace == "deleted"), "{kind} are left");
    }
    installation_still_works(cluster);
}

/// The operator is there and has not been started again.
fn installation_still_works(cluster: &Cluster) {
    reprise_tests::installation::wait_for_operator(cluster).unwrap();
}

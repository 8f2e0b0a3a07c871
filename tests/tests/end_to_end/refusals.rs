//! What can't be done is refused, by whoever knows it first.

use crate::world::{Space, cluster};

#[test]
fn on_a_cluster_the_api_server_refuses_a_bad_spec_and_says_why() {
    let Some(cluster) = cluster("on_a_cluster_the_api_server_refuses_a_bad_spec_and_says_why") else { return };
    let space = Space::new(cluster, "bad-spec");
    let training = space.training(1, "1");
    for (old, new, message) in [
        ("geography: FR", "geography: NO", "spec.geography"),
        ("horizonWeeks: 26", "horizonWeeks: 26, keyPeriodWeeks: 30", "keyPeriodWeeks"),
        ("workers: 1", "workers: 0", "spec.workers"),
        ("workers: 1", "workerz: 1", "unknown field \"spec.workerz\""),
        ("name: intent", "name: a-name-that-is-longer-than-forty-characters", "40"),
    ] {
        let refused = cluster.apply(space.name, &training.replace(old, new)).unwrap_err().to_string();
        assert!(refused.contains(message), "{new}: {refused}");
    }
    assert!(space.list("truns").is_empty());
    // What was accepted is frozen, and can be stopped all the same.
    space.apply(&training);
    space.watch("trun/intent", "{.status.requestDigest}", |digest| !digest.is_empty());
    let refused = cluster.apply(space.name, &training.replace("horizonWeeks: 26", "horizonWeeks: 20")).unwrap_err().to_string();
    assert!(refused.contains("make another run"), "{refused}");
    space.apply(&training.replace("workers: 1", "workers: 1\n  suspend: true"));
    space.reaches("trun/intent", "Suspended");
}

#[test]
fn on_a_cluster_what_fails_at_run_time_ends_stalled_with_its_reason() {
    let Some(cluster) = cluster("on_a_cluster_what_fails_at_run_time_ends_stalled_with_its_reason") else { return };
    let space = Space::new(cluster, "stalled");
    let source = space.kubectl(&["get", "datasource/demo-crm", "--output", "json"]);
    space.apply(&source.replace("gs://reprise-demo/crm/", "gs://reprise-demo/nowhere/"));
    space.apply(&space.training(1, "500m"));
    space.watch("trun/intent", "{.status.phase}", |phase| phase == "Failed");
    let (status, reason) = space.condition("trun/intent", "Stalled");
    assert_eq!(status, "True");
    assert!(["DataError", "ConfigurationError"].contains(&reason.as_str()), "{reason}");
    let run = space.object("trun/intent");
    let said = run["status"]["conditions"].to_string();
    assert!(said.contains("worker 0: files["), "the file is not named: {said}");
    let starts = space.starts("trun/intent", 0);
    assert_eq!(starts, 1, "what can't get better is not tried again");
}

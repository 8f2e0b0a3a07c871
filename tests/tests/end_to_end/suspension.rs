//! Stopped and let go on.

use crate::world::{Space, cluster, digest_of};

#[test]
fn on_a_cluster_eight_ranks_are_suspended_three_times_and_no_failure_is_counted() {
    let Some(cluster) = cluster("on_a_cluster_eight_ranks_are_suspended_three_times_and_no_failure_is_counted") else { return };
    let space = Space::new(cluster, "suspended");
    space.apply(&space.training(8, "200m"));
    let suspend = |wanted: bool| {
        let patch = format!("{{\"spec\":{{\"suspend\":{wanted}}}}}");
        space.kubectl(&["patch", "trun", "intent", "--type=merge", "--patch", &patch]);
    };
    for _ in 0..3 {
        space.reaches("trun/intent", "Running");
        suspend(true);
        space.reaches("trun/intent", "Suspended");
        assert!(space.list("pods").iter().all(|pod| pod["status"]["phase"] != "Running"));
        suspend(false);
    }
    space.reaches("trun/intent", "Succeeded");
    let job = space.object("job/intent-1");
    assert!(matches!(job["status"]["failed"].as_i64(), None | Some(0)), "failures were counted: {job}");
    assert_eq!(space.object("trun/intent")["status"]["attempt"], 1);
    assert!(!digest_of(&space, "trun/intent").is_empty());
}

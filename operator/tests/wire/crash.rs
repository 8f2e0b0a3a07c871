//! The crash sweep: every story, with the operator dying before and after each of its writes, with a write refused, and
//! with an answer lost. It must end as if nothing had happened, make no Job twice, and then rest.

use reprise_doubles::kubernetes::Fault;

use crate::cluster::Cluster;
use crate::scenarios::{ALL, Scenario, end, look, made, summary, tell};

/// Writes that a fault may cost: what was decided is written again, and the follower looks at everything once.
const MORE_WRITES: usize = 12;

async fn check_rests(scenario: &Scenario, cluster: &Cluster) {
    let (before, version) = (cluster.server.writes(), cluster.server.edit(|store| store.version()));
    let operator = cluster.operator("worker:2");
    for _ in 0..3 {
        look(cluster, std::slice::from_ref(&operator)).await;
    }
    assert_eq!(cluster.server.writes(), before, "{}: further looks write", scenario.name);
    assert_eq!(cluster.server.edit(|store| store.version()), version, "{}: further looks change something", scenario.name);
}

fn check_made_once(scenario: &Scenario, cluster: &Cluster, fault: &str) {
    let mut jobs = made(cluster);
    assert_eq!(jobs.len(), scenario.jobs, "{} {fault}: {jobs:?}", scenario.name);
    jobs.sort();
    jobs.dedup();
    assert_eq!(jobs.len(), scenario.jobs, "{} {fault}: a Job was made twice", scenario.name);
}

#[tokio::test]
async fn undisturbed_every_story_ends_as_told_and_rests() {
    for scenario in ALL {
        let cluster = tell(scenario, |_| ()).await;
        assert_eq!(summary(&cluster), scenario.end, "{}: {:#?}", scenario.name, end(&cluster));
        check_made_once(scenario, &cluster, "undisturbed");
        check_rests(scenario, &cluster).await;
        println!("{:<40} {:>3} writes  {}", scenario.name, cluster.server.writes(), scenario.end);
    }
}

/// Tells a story again for every write and every fault.
async fn sweep(name: &str) {
    let scenario = ALL.iter().find(|scenario| scenario.name == name).unwrap();
    let undisturbed = tell(scenario, |_| ()).await;
    let (expected, writes) = (end(&undisturbed), undisturbed.server.writes());
    for number in 1..=writes {
        for fault in Fault::ALL {
            let told = format!("{fault:?} at write {number} of {writes}");
            let cluster = tell(scenario, |cluster| cluster.server.break_write(number, fault)).await;
            assert_eq!(end(&cluster), expected, "{name}: {told}");
            check_made_once(scenario, &cluster, &told);
            let most = writes + MORE_WRITES;
            assert!(cluster.server.writes() <= most, "{name}: {told}: {} writes", cluster.server.writes());
            check_rests(scenario, &cluster).await;
        }
    }
    println!("{name}: {} disturbed stories ended as the undisturbed one", writes * Fault::ALL.len());
}

/// One test per story, so that they are told at once, and none is forgotten.
macro_rules! sweeps {
    ($($test:ident: $story:literal,)*) => {
        $(#[tokio::test]
        async fn $test() {
            sweep($story).await;
        })*

        #[test]
        fn every_story_is_swept() {
            assert_eq!([$($story),*].to_vec(), ALL.iter().map(|scenario| scenario.name).collect::<Vec<_>>());
        }
    };
}

sweeps! {
    success: "run to success",
    reject_and_fix: "reject and fix",
    unreadable_and_fixed: "unreadable and fixed",
    already_done: "already done",
    foreign_claim: "foreign claim",
    bad_data: "bad data",
    temporary_failures: "temporary failures to the limit",
    no_manifest: "no manifest",
    suspend_and_resume: "suspend and resume",
    suspend_while_queued: "suspend while queued",
    deadline: "deadline",
    pending_deadline: "pending deadline",
    job_deleted: "job deleted by hand",
    dead_node: "pod on a dead node",
    run_deleted: "run deleted while running",
    namespace_deleted: "namespace deleted while running",
    time_to_live: "time to live after the end",
    quota: "quota refuses the job, then does not",
    upgrade: "upgrade in mid run",
    scoring_waits: "scoring waits for training",
    queue: "a queue lets it in",
    queue_suspends: "suspend and resume in a queue",
    queue_is_down: "a queue's webhook is down, then is not",
    two_operators: "two operators at once",
}

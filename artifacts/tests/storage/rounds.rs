//! The barrier: everybody goes on from the same bytes, and nobody who comes late changes them.

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use reprise_artifacts::rounds::{Checkpoint, Rounds};
use reprise_artifacts::{Error, Location, Pace, Wait};

use crate::suite::memory;

fn pace(bound: Duration) -> Pace {
    Pace { first: Duration::from_millis(1), longest: Duration::from_millis(5), bound }
}

fn patient() -> Wait<'static> {
    Wait::at(pace(Duration::from_secs(30)))
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a merge")]
fn concatenate(parts: &[Vec<u8>]) -> Result<Vec<u8>, Infallible> {
    Ok(parts.concat())
}

fn rounds() -> (Rounds, Location) {
    let at = memory();
    (Rounds::new(at.clone()), at)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_ranks_go_on_from_the_same_bytes() {
    let (rounds, _) = rounds();
    let ranks = (0..3_u32).map(|rank| {
        let rounds = rounds.clone();
        tokio::spawn(async move {
            let mut seen = Vec::new();
            for round in 0..5 {
                rounds.offer(round, rank, format!("{round}{rank} ").as_bytes()).await.unwrap();
                // Each rank would merge differently; the winner's bytes are everybody's.
                let merge = |parts: &[Vec<u8>]| Ok::<_, Infallible>([parts.concat(), vec![rank as u8]].concat());
                seen.push(rounds.merged(round, 3, merge, patient()).await.unwrap());
            }
            seen
        })
    });
    let seen: Vec<_> = futures::future::join_all(ranks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[1], seen[2]);
    assert!(seen[0][4].starts_with(b"40 41 42 "), "parts come in the order of ranks");
}

#[tokio::test]
async fn a_late_rank_changes_nothing() {
    let (rounds, _) = rounds();
    rounds.offer(0, 0, b"a").await.unwrap();
    rounds.offer(0, 0, b"a").await.unwrap();
    let other = rounds.offer(0, 0, b"b").await;
    assert!(matches!(&other, Err(Error::NotReproducible { object, .. }) if object.ends_with("rounds/0/rank-0")), "{other:?}");
    assert_eq!(rounds.merged(0, 1, concatenate, patient()).await.unwrap(), b"a");
    let late = |_: &[Vec<u8>]| -> Result<Vec<u8>, Infallible> { panic!("merged already") };
    assert_eq!(rounds.merged(0, 1, late, patient()).await.unwrap(), b"a");
}

#[tokio::test]
async fn waiting_is_bounded_told_and_stoppable() {
    let (rounds, _) = rounds();
    rounds.offer(3, 1, b"x").await.unwrap();
    let told = Mutex::new(Vec::new());
    let missing = |names: &[String]| told.lock().unwrap().extend(names.to_vec());
    let wait = Wait { pace: pace(Duration::from_millis(20)), stop: &|| false, missing: &missing };
    let error = rounds.merged(3, 3, concatenate, wait).await.unwrap_err();
    assert!(matches!(error, Error::Waited { .. }) && error.is_retryable());
    assert!(error.to_string().ends_with("for rank 0 in round 3, rank 2 in round 3"), "{error}");
    assert_eq!(told.lock().unwrap()[..2], ["rank 0 in round 3", "rank 2 in round 3"]);
    let wait = Wait { pace: pace(Duration::from_hours(1)), stop: &|| true, missing: &|_| {} };
    assert!(matches!(rounds.merged(3, 3, concatenate, wait).await, Err(Error::Stopped { .. })));
}

#[tokio::test]
async fn a_merge_that_fails_stores_nothing() {
    let (rounds, at) = rounds();
    rounds.offer(0, 0, b"x").await.unwrap();
    let failing = |_: &[Vec<u8>]| Err::<Vec<u8>, _>(std::io::Error::other("not a number"));
    let error = rounds.merged(0, 1, failing, patient()).await.unwrap_err();
    assert_eq!(error.to_string(), "failed to merge round 0: not a number");
    assert!(matches!(at.head("rounds/0/merged").await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_damaged_part_is_refused_by_name() {
    let (rounds, at) = rounds();
    at.create("rounds/0/rank-0", Bytes::from("not a frame")).await.unwrap();
    let error = rounds.merged(0, 1, concatenate, patient()).await.unwrap_err();
    assert!(matches!(&error, Error::Corrupt { object, .. } if object.ends_with("rounds/0/rank-0")), "{error}");
}

#[tokio::test]
async fn the_newest_two_checkpoints_are_kept_and_the_newest_whole_one_resumes() {
    let (rounds, at) = rounds();
    assert_eq!(rounds.resume(0).await.unwrap(), None);
    for step in [9, 10, 100] {
        rounds.keep(0, step, format!("at {step}").as_bytes()).await.unwrap();
    }
    let names: Vec<_> = at.list("ranks/", 10).await.unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["ranks/0/step-10", "ranks/0/step-100"], "steps are ordered as numbers");
    let checkpoint = |step: u64| Some(Checkpoint { step, bytes: format!("at {step}").into_bytes() });
    assert_eq!(rounds.resume(0).await.unwrap(), checkpoint(100));
    assert_eq!(rounds.resume(1).await.unwrap(), None, "another rank's are not taken");

    at.overwrite("ranks/0/step-100", Bytes::from("torn")).await.unwrap();
    assert_eq!(rounds.resume(0).await.unwrap(), checkpoint(10));
    rounds.keep(0, 100, b"at 100").await.unwrap();
    assert_eq!(rounds.resume(0).await.unwrap(), checkpoint(100), "a torn one is overwritten");
    rounds.keep(0, 5, b"late").await.unwrap();
    assert_eq!(rounds.resume(0).await.unwrap(), checkpoint(100), "a continued rank's old checkpoint is not taken");
}

#[tokio::test]
async fn rounds_that_nobody_needs_are_forgotten() {
    let (rounds, at) = rounds();
    for round in [0, 1, 2, 10] {
        rounds.offer(round, 0, b"x").await.unwrap();
        rounds.merged(round, 1, concatenate, patient()).await.unwrap();
    }
    assert_eq!(rounds.oldest_resume(2).await.unwrap(), None);
    for (rank, steps) in [(0, [20, 30]), (1, [10, 40])] {
        for step in steps {
            rounds.keep(rank, step, b"x").await.unwrap();
        }
    }
    assert_eq!(rounds.oldest_resume(2).await.unwrap(), Some(10));
    rounds.forget_before(2).await.unwrap();
    let names: Vec<_> = at.list("rounds/", 10).await.unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["rounds/10/merged", "rounds/10/rank-0", "rounds/2/merged", "rounds/2/rank-0"]);
    at.create("manifest.json", Bytes::from("{}")).await.unwrap();
    rounds.clear().await.unwrap();
    let names: Vec<_> = at.list("", 10).await.unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["manifest.json"]);
}

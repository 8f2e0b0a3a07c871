//! Pointers: each move names what it moves from.

use reprise_artifacts::pointers::{Wish, advance, forward, read};
use reprise_artifacts::{Digest, Error};
use serde_json::{Value, json};

use crate::suite::memory;

fn wish(what: u32) -> Wish {
    Wish { digest: Digest::of(&what.to_le_bytes()), owner: None, gates: Value::Null }
}

#[tokio::test]
async fn a_move_from_what_is_no_longer_there_is_refused() {
    let at = memory();
    assert_eq!(read(&at, "live").await.unwrap(), None);
    let first = advance(&at, "live", None, wish(1)).await.unwrap();
    let second = advance(&at, "live", Some(&first), wish(2)).await.unwrap();
    for stale in [None, Some(&first)] {
        let refused = advance(&at, "live", stale, wish(3)).await;
        assert!(matches!(&refused, Err(Error::Changed { object }) if object.ends_with("live.json")), "{refused:?}");
    }
    let found = read(&at, "live").await.unwrap().unwrap();
    assert_eq!(found, second);
    assert_eq!((found.pointer.seq, found.pointer.previous), (2, Some(wish(1).digest)));
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_moves_form_one_chain() {
    let at = memory();
    let movers = (0..8).map(|mover| {
        let at = at.clone();
        tokio::spawn(async move {
            loop {
                let found = read(&at, "live").await.unwrap();
                match advance(&at, "live", found.as_ref(), wish(mover)).await {
                    Ok(moved) => return (moved.pointer.seq, moved.pointer.previous, moved.pointer.digest),
                    Err(Error::Changed { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        })
    });
    let mut moves: Vec<_> = futures::future::join_all(movers).await.into_iter().map(Result::unwrap).collect();
    moves.sort();
    let mut before = None;
    for (index, (seq, previous, digest)) in moves.into_iter().enumerate() {
        assert_eq!((seq, previous), (index as u64 + 1, before));
        before = Some(digest);
    }
}

#[tokio::test]
async fn history_is_bounded() {
    let at = memory();
    let mut found = advance(&at, "live", None, wish(0)).await.unwrap();
    for what in 1..30 {
        found = advance(&at, "live", Some(&found), wish(what)).await.unwrap();
    }
    let steps: Vec<_> = found.pointer.history.iter().map(|step| step.seq).collect();
    assert_eq!(steps, (11..=30).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_only_goes_forward() {
    let at = memory();
    let movers = [3, 1, 5, 2, 4, 5].map(|day| {
        let at = at.clone();
        let newer = |next: &Value, found: &Value| next["asOf"].as_i64() > found["asOf"].as_i64();
        tokio::spawn(async move { forward(&at, "latest.json", &json!({"asOf": day}), newer).await.unwrap() })
    });
    futures::future::join_all(movers).await;
    assert_eq!(at.read("latest.json", 100).await.unwrap().bytes, "{\n  \"asOf\": 5\n}\n");
}

//! Records and claims.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reprise_artifacts::{Error, claims, layout, requests};
use serde::{Deserialize, Serialize};

use crate::suite::memory;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    by: u32,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_record_stands_for_everybody() {
    let at = memory();
    assert_eq!(requests::read::<Note>(&at).await.unwrap(), None);
    let offers = (0..16).map(|by| {
        let at = at.clone();
        tokio::spawn(async move { requests::offer(&at, &Note { by }).await.unwrap() })
    });
    let offered: Vec<_> = futures::future::join_all(offers).await.into_iter().map(Result::unwrap).collect();
    let winner = requests::read::<Note>(&at).await.unwrap().unwrap();
    for (by, offer) in offered.into_iter().enumerate() {
        assert_eq!(offer.record, winner);
        assert_eq!(offer.own, winner.by as usize == by);
    }
}

#[tokio::test]
async fn a_record_of_another_shape_is_refused_with_the_place() {
    let at = memory();
    at.create(layout::RECORD, Bytes::from("{\"by\": 1,\n \"and\": 2}")).await.unwrap();
    let error = requests::offer(&at, &Note { by: 1 }).await.unwrap_err();
    assert!(matches!(&error, Error::Corrupt { object, .. } if object.ends_with("record.json")), "{error}");
    assert!(error.to_string().contains("unknown field `and`") && error.to_string().contains("line 2"), "{error}");
}

#[tokio::test]
async fn a_claim_ages_is_renewed_and_goes_with_its_holder() {
    let at = memory();
    let look = async |later: u64| {
        let updated = at.head(layout::CLAIM).await.map_or(SystemTime::UNIX_EPOCH, |info| info.updated);
        claims::look::<Note>(&at, updated + Duration::from_secs(later)).await.unwrap()
    };
    assert_eq!(look(0).await, None);
    let mut first = claims::take(&at, &Note { by: 1 }).await.unwrap();
    let seen = look(601).await.unwrap();
    assert_eq!((seen.claim, seen.age), (Note { by: 1 }, Duration::from_secs(601)));
    let before = claims::look::<Note>(&at, SystemTime::UNIX_EPOCH).await.unwrap().unwrap();
    assert_eq!(before.age, Duration::ZERO, "a clock behind the storage's makes no claim from the future");
    assert!(first.renew().await.unwrap());

    let second = claims::take(&at, &Note { by: 2 }).await.unwrap();
    assert!(!first.renew().await.unwrap(), "it was taken over");
    first.release().await.unwrap();
    assert_eq!(look(1).await.unwrap().claim, Note { by: 2 }, "nobody deletes another's claim");
    second.release().await.unwrap();
    assert_eq!(look(1).await, None);
}

#[test]
fn the_layout_is_frozen() {
    let digest = reprise_artifacts::Digest::of(b"");
    let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(layout::request("NO", &digest), format!("NO/requests/{hex}/"));
    assert_eq!(layout::data("NO", &digest), format!("NO/data/{hex}/"));
    assert_eq!(layout::artifact("NO", "intent", &digest), format!("NO/intent/{hex}/"));
    assert_eq!(layout::releases("NO", "intent"), "NO/intent/releases/");
    assert_eq!(layout::plan("NO", &digest), format!("{}{hex}/", layout::plans("NO")));
}

//! Every fault that the double knows, on `gs://`: the data are right afterwards and the outcome has its type.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reprise_artifacts::{Body, Created, Error, GcsStore, Location, Patience, manifest};
use reprise_doubles::{Fault, GcsDouble, Operation, Rule};

const BUCKET: &str = "bucket";

async fn open() -> (GcsDouble, Location) {
    let double = GcsDouble::start().await.unwrap();
    let store = GcsStore::connect(BUCKET, Some(&double.endpoint())).await.unwrap();
    let patience = Patience { attempt: Duration::from_millis(400), ..crate::suite::brief() };
    (double, Location::new(Arc::new(store), patience))
}

/// More than one piece of an upload.
fn big() -> (tempfile::TempDir, Body, Bytes) {
    let bytes: Vec<u8> = (0..17_000_001_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("big");
    std::fs::write(&file, &bytes).unwrap();
    (directory, Body::File(file), bytes.into())
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for status in [408, 429, 500, 503] {
        let (double, at) = open().await;
        for operation in [Operation::Upload, Operation::Read, Operation::Get, Operation::List, Operation::Delete] {
            double.inject(Rule::next(operation, Fault::Status(status)));
        }
        let Created::New(generation) = at.create("a", Bytes::from("1")).await.unwrap() else { panic!("existing") };
        assert_eq!(at.read("a", 10).await.unwrap().bytes, "1");
        assert_eq!(at.head("a").await.unwrap().generation, generation);
        assert_eq!(at.list("", 10).await.unwrap().len(), 1);
        at.delete("a", generation).await.unwrap();
        assert_eq!(double.bytes(BUCKET, "a"), None);
        assert_eq!(double.count(Operation::Upload, "a"), 2, "status {status}");
    }
}

#[tokio::test]
async fn what_does_not_pass_ends_within_the_bound() {
    let (double, at) = open().await;
    double.store(BUCKET, "a", "1");
    double.inject(Rule::next(Operation::Read, Fault::Status(503)).times(100));
    let error = at.read("a", 10).await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable { object, .. } if object == "gs://bucket/a"), "{error}");
    assert!(error.is_retryable() && error.to_string().contains("tried 4 times"), "{error}");
    assert_eq!(double.count(Operation::Read, "a"), 4);

    double.inject(Rule::next(Operation::Upload, Fault::Status(503)).times(100));
    let error = at.create("b", Bytes::from("1")).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert_eq!(double.bytes(BUCKET, "b"), None);
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    let (double, at) = open().await;
    for status in [400, 401, 403] {
        double.inject(Rule::next(Operation::Upload, Fault::Status(status)));
        double.inject(Rule::next(Operation::Get, Fault::Status(status)));
        let before = double.requests().len();
        let error = at.create("a", Bytes::from("1")).await.unwrap_err();
        assert!(matches!(error, Error::Denied { .. }), "{status}: {error}");
        let error = at.head("a").await.unwrap_err();
        assert!(matches!(error, Error::Denied { .. }), "{status}: {error}");
        assert_eq!(double.requests().len(), before + 2, "{status}");
    }
}

#[tokio::test]
async fn a_failed_precondition_is_a_rejection() {
    let (double, at) = open().await;
    double.inject(Rule::next(Operation::Upload, Fault::Status(412)));
    assert_eq!(at.create("a", Bytes::from("1")).await.unwrap(), Created::Existing);
    assert_eq!(double.count(Operation::Upload, "a"), 1);
    let generation = double.store(BUCKET, "a", "0");
    double.inject(Rule::next(Operation::Upload, Fault::Status(412)));
    double.inject(Rule::next(Operation::Delete, Fault::Status(412)));
    assert!(matches!(at.replace("a", Bytes::from("1"), generation).await, Err(Error::Changed { .. })));
    assert!(matches!(at.delete("a", generation).await, Err(Error::Changed { .. })));
    assert_eq!(double.bytes(BUCKET, "a").unwrap(), "0");
}

#[tokio::test]
async fn a_cut_or_stalled_body_goes_on_where_it_broke() {
    let (_directory, _, bytes) = big();
    for fault in [Fault::CutBody(5_000_000), Fault::StallBody(5_000_000), Fault::CutBody(0), Fault::StallBody(0)] {
        let (double, at) = open().await;
        double.store(BUCKET, "a", bytes.clone());
        double.inject(Rule::next(Operation::Read, fault).times(3));
        assert_eq!(at.read("a", 1 << 30).await.unwrap().bytes, bytes, "{fault:?}");
        assert_eq!(double.count(Operation::Read, "a"), 4, "{fault:?}");
    }
}

#[tokio::test]
async fn a_transfer_that_moves_is_not_given_up() {
    let (double, at) = open().await;
    let bytes = Bytes::from(vec![3; 1_000_000]);
    double.store(BUCKET, "a", bytes.clone());
    double.inject(Rule::next(Operation::Read, Fault::CutBody(100_000)).times(9));
    let scratch = tempfile::tempdir().unwrap();
    at.download("a", None, &scratch.path().join("a")).await.unwrap();
    assert_eq!(std::fs::read(scratch.path().join("a")).unwrap(), bytes);
    assert!(double.count(Operation::Read, "a") > 4, "more tries than patience has without progress");
}

#[tokio::test]
async fn an_object_replaced_within_a_transfer_is_not_mixed() {
    let (double, at) = open().await;
    double.store(BUCKET, "a", vec![1; 2_000_000]);
    double.inject(Rule::next(Operation::Read, Fault::StallBody(1_000_000)));
    let reader = tokio::spawn({
        let at = at.clone();
        async move { at.read("a", 1 << 30).await }
    });
    while double.count(Operation::Read, "a") == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    double.store(BUCKET, "a", vec![2; 2_000_000]);
    let outcome = reader.await.unwrap();
    assert!(matches!(outcome, Err(Error::Changed { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_lost_answer_is_resolved_by_reading_back() {
    for fault in [Fault::LostAnswer, Fault::HeldAnswer, Fault::WrongChecksum] {
        let (double, at) = open().await;
        double.inject(Rule::next(Operation::Upload, fault));
        let created = at.create("a", Bytes::from("1")).await.unwrap();
        let Created::New(generation) = created else { panic!("{fault:?}: own commit taken for another's") };
        assert_eq!(double.count(Operation::Upload, "a"), 1, "{fault:?}: it was committed, nothing is sent again");

        double.inject(Rule::next(Operation::Upload, fault));
        let second = at.replace("a", Bytes::from("2"), generation).await.unwrap();
        assert_eq!(double.count(Operation::Upload, "a"), 2, "{fault:?}");
        assert_eq!(at.read_at("a", second, 10).await.unwrap().bytes, "2", "{fault:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_to_a_rejected_commit_stays_a_rejection() {
    let (double, at) = open().await;
    let generation = double.store(BUCKET, "a", "theirs");
    double.inject(Rule::next(Operation::Upload, Fault::LostAnswer).times(2));
    assert_eq!(at.create("a", Bytes::from("mine")).await.unwrap(), Created::Existing);
    let late = at.replace("a", Bytes::from("mine"), generation - 1).await;
    assert!(matches!(late, Err(Error::Changed { .. })), "{late:?}");
    assert_eq!(double.bytes(BUCKET, "a").unwrap(), "theirs");
}

#[tokio::test]
async fn a_lost_answer_to_a_deletion_is_a_deletion() {
    let (double, at) = open().await;
    let generation = double.store(BUCKET, "a", "1");
    double.inject(Rule::next(Operation::Delete, Fault::LostAnswer));
    at.delete("a", generation).await.unwrap();
    assert_eq!(double.bytes(BUCKET, "a"), None);
}

#[tokio::test]
async fn a_wrong_checksum_is_read_once_more_and_then_named() {
    let (double, at) = open().await;
    double.store(BUCKET, "a", "12345");
    double.inject(Rule::next(Operation::Read, Fault::WrongChecksum));
    assert_eq!(at.read("a", 10).await.unwrap().bytes, "12345");
    assert_eq!(double.count(Operation::Read, "a"), 2);

    double.inject(Rule::next(Operation::Read, Fault::WrongChecksum).times(2));
    let error = at.read("a", 10).await.unwrap_err();
    assert!(matches!(&error, Error::Corrupt { object, .. } if object == "gs://bucket/a"), "{error}");
    let scratch = tempfile::tempdir().unwrap();
    double.inject(Rule::next(Operation::Read, Fault::WrongChecksum).times(2));
    assert!(at.download("a", None, &scratch.path().join("a")).await.is_err());
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "corrupt bytes do not become a file");
}

#[tokio::test]
async fn an_upload_in_pieces_survives_each_fault_at_each_piece() {
    let (_directory, body, bytes) = big();
    let faults =
        [Fault::Status(503), Fault::Status(429), Fault::ExpiredSession, Fault::LostAnswer, Fault::HeldAnswer, Fault::WrongChecksum];
    for fault in faults {
        for piece in 0..3 {
            let (double, _) = open().await;
            let store = GcsStore::connect(BUCKET, Some(&double.endpoint())).await.unwrap();
            // The bound of an upload has a second for each MiB; a held answer is told by a short one.
            let patience = Patience { upload: Duration::from_millis(20), attempt: Duration::from_secs(2), ..crate::suite::brief() };
            let at = Location::new(Arc::new(store), patience);
            double.inject(Rule::next(Operation::Piece, fault).after(piece));
            let created = at.create("a", body.clone()).await.unwrap();
            assert!(matches!(created, Created::New(_)), "{fault:?} at piece {piece}");
            assert_eq!(double.bytes(BUCKET, "a").unwrap(), bytes, "{fault:?} at piece {piece}");
        }
    }
}

#[tokio::test]
async fn the_beginning_of_an_upload_in_pieces_is_tried_again() {
    let (_directory, body, bytes) = big();
    let (double, at) = open().await;
    double.inject(Rule::next(Operation::BeginUpload, Fault::Status(503)));
    assert!(matches!(at.create("a", body.clone()).await, Ok(Created::New(_))));
    assert_eq!(double.bytes(BUCKET, "a").unwrap(), bytes);
    assert_eq!(at.create("a", body).await.unwrap(), Created::Existing);
}

/// Each single fault at each single request of a publication: the same manifest digest.
#[tokio::test]
async fn a_publication_ends_in_the_same_digest_whatever_breaks_once() {
    let publish = async |at: &Location| {
        let files = ["b", "a"].map(|name| (name.to_owned(), Body::from(Bytes::from(name.repeat(1000)))));
        manifest::publish(at, files.to_vec(), serde_json::json!({"recipe": 1})).await.unwrap().digest
    };
    let (_double, at) = open().await;
    let undisturbed = publish(&at).await;
    for fault in [Fault::Status(503), Fault::LostAnswer, Fault::WrongChecksum] {
        for upload in 0..3 {
            let (double, at) = open().await;
            double.inject(Rule::next(Operation::Upload, fault).after(upload));
            assert_eq!(publish(&at).await, undisturbed, "{fault:?} at upload {upload}");
            let published = manifest::read(&at).await.unwrap().unwrap();
            assert_eq!(published.digest, undisturbed);
            assert_eq!(published.fetch("a", 1000).await.unwrap(), "a".repeat(1000));
        }
    }
}

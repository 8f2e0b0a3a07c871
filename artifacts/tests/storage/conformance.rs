//! The storage suite on every store.

use std::sync::Arc;
use std::time::SystemTime;

use reprise_artifacts::{FileStore, GcsStore, MemoryStore};

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "a test is at the rim")]
async fn memory_conforms() {
    crate::suite::conformance(Arc::new(MemoryStore::new("bucket", SystemTime::now))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_conform() {
    let directory = tempfile::tempdir().unwrap();
    crate::suite::conformance(Arc::new(FileStore::new(directory.path().join("new"), "file:///new/"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn google_cloud_storage_conforms() {
    let double = reprise_doubles::GcsDouble::start().await.unwrap();
    let store = GcsStore::connect("bucket", Some(&double.endpoint())).await.unwrap();
    crate::suite::conformance(Arc::new(store)).await;
    assert!(double.count(reprise_doubles::Operation::Piece, "create-file/big") >= 3, "a big body goes in pieces");
}

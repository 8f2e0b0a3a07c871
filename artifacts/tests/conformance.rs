//! The storage suite on every store.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's failure is a panic")]

mod suite;

use std::sync::Arc;
use std::time::SystemTime;

use reprise_artifacts::{FileStore, MemoryStore};

#[tokio::test(flavor = "multi_thread")]
async fn memory_conforms() {
    suite::conformance(Arc::new(MemoryStore::new("bucket", SystemTime::now))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_conform() {
    let directory = tempfile::tempdir().unwrap();
    suite::conformance(Arc::new(FileStore::new(directory.path().join("new"), "file:///new/"))).await;
}

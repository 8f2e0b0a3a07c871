//! Storage: one suite on every store, faults and kills, and what lies on top of them. One binary, for it links slowly.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's failure is a panic")]

mod conformance;
mod files;
mod gcs_faults;
mod location;
mod manifests;
mod models_agree;
mod pointers;
mod requests;
mod rounds;
mod suite;

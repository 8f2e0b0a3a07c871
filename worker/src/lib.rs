//! The worker: fetches, verifies, runs, publishes and reports. It owns signals, deadlines, exit codes and progress.
//!
//! It never talks to the Kubernetes API: what it is told comes by plan and environment, what it says goes by bucket,
//! exit code, termination message and `GET /progress`. A laptop, a test and a cluster run this same program.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod claim;
pub mod data_check;
pub mod documents;
pub mod failure;
pub mod inputs;
pub mod model_files;
pub mod prepared;
pub mod progress;
pub mod publish;
pub mod record;
pub mod report;
pub mod run;
pub mod scoring;
pub mod session;
pub mod settings;
pub mod signals;
pub mod store_rounds;
pub mod termination;
pub mod training;

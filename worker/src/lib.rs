//! The parts of the worker that can be used without its process: fetch, verify, run, publish, report.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod report;

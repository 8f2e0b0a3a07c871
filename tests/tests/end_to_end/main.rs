//! End to end: real nodes, the images, kubectl. One cluster serves all cases, each in a namespace of its own.
//!
//! Workers read and write the double of Google Cloud Storage with the real client. What is disturbed ends in the very bytes
//! of what was left alone: the manifest's digest says so.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so")]

mod answers;
mod disturbed;
mod operators;
mod refusals;
mod suspension;
mod world;

//! The light tier: a real etcd, API server, controllers and scheduler, without nodes. What the operator relies on is
//! asked of the real thing here; where a machine can't have it, each test is skipped by name.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so")]

mod admission;
mod conformance;
mod fixture;
mod judges;
mod kueue;
mod light;
mod phases;
mod policies;
mod stage;

//! The reconciler against an API server in memory: whole scenarios, and each of them with the operator dying at every
//! write. No part of the operator knows that it is tested: faults come by the connection alone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so")]

mod cluster;
mod crash;
mod documentation;
mod job;
mod manifests;
mod rights;
mod scenarios;
mod watching;
mod worker;

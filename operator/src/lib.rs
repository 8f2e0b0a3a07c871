//! The operator: one reconciler for all kinds of run, in five steps.
//!
//! [`observe`] makes all reads, [`validate`] and [`plan`] are pure, [`apply`] makes all writes, [`report`] tells logs,
//! Events and metrics. Time and names come in as arguments. Decisions are made from live reads; watches only wake.
//!
//! Safety never depends on being the only operator: every transition is a PUT of status with the resourceVersion that
//! was read, and effects follow it. Who loses the PUT makes no effect.
//!
//! This crate reads no source file, computes no model and keeps no state that a restart would miss.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod apply;
pub mod bucket;
pub mod configuration;
pub mod context;
pub mod controllers;
pub mod events;
pub mod job;
pub mod kind;
pub mod leader;
pub mod metrics;
pub mod names;
pub mod observe;
pub mod observed;
pub mod plan;
pub mod polling;
pub mod reconcile;
pub mod report;
pub mod seen;
pub mod server;
pub mod status;
pub mod validate;

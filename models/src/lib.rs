//! Journeys, encoder, intent and recommender, losses, training loop, metrics and contact policy.
//!
//! Pure: no network, no clock, no Kubernetes, no files. Time, randomness and threads are arguments.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod artifact;
pub mod catalogue;
pub mod day;
pub mod draw;
pub mod encoder;
pub mod examples;
pub mod graph;
pub mod intent;
pub mod journey;
pub mod learn;
pub mod metrics;
pub mod optimizer;
pub mod policy;
pub mod recommender;
pub mod report_document;
pub mod slab;
#[cfg(test)]
mod testing;
pub mod train;

pub use catalogue::{Catalogue, Group};
pub use day::Day;
pub use journey::{Contact, Event, EventKind, Journey, JourneyParts, Line, Order, Outcome, Profile, View};

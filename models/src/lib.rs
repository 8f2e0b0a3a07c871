//! Journeys, encoder, intent and recommender, losses, training loop, metrics and contact policy.
//!
//! Pure: no network, no clock, no Kubernetes, no files. Time, randomness and threads are arguments.

pub mod catalogue;
pub mod day;
pub mod journey;
pub mod learn;
pub mod report_document;

pub use catalogue::{Catalogue, Group};
pub use day::Day;
pub use journey::{Contact, Event, EventKind, Journey, JourneyParts, Line, Order, Outcome, Profile, View};

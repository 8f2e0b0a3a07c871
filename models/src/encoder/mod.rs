//! Journeys to numbers, in one way for training, scoring and deciding.

mod step;

pub use step::{Step, StepKind, steps};

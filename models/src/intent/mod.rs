//! Purchase intent: in which weeks will this one-time customer come back?
//!
//! log hazard = log(age curve) + gamma x season + log(level of the market) + f(customer): complementary log-log, so that
//! h_k = 1 - exp(-sum over the days of week k). f is the mean of a ridge whose strength is found by evidence and of
//! small networks that start at zero, both on frozen features; what cannot be learned falls back to age and season. docs/models.md has the formulas and their sources.

mod backtest;
mod cohorts;
mod config;
mod document;
mod fit;
mod learner;
mod level;
mod linear;
mod model;
mod network;
mod offset;
mod periods;
mod season;
mod start;
#[cfg(test)]
mod tests;

pub use config::IntentConfig;
pub use fit::{Facts, Request, fit};
pub use model::{IntentModel, IntentRow, IntentScores};

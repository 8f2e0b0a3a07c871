//! The API of Reprise: the kinds that users write, the rules that they keep, and the contract between whoever starts
//! a worker and the worker itself.
//!
//! Everything here is a value or a pure function of values. There is no client, no async, no clock, no randomness,
//! no file and no environment in this crate: operator, worker and command line bring those.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]
#![allow(unreachable_pub, reason = "the schema derive repeats each public type inside a function")]

pub mod check;
pub mod contract;
pub mod defaults;
pub mod definitions;
pub mod document;
pub mod generate;
pub mod reason;
pub mod refusal;
pub mod rules;
pub mod run;
pub mod schema;
pub mod scoring;
pub mod source;
pub mod status;
mod structural;
pub mod training;
pub mod value;
mod yaml;

//! Source files to journeys: typed reading, quarantine, SQL views, canonical tables, prepared sets.
//!
//! [`find_files`] says which listed files a run needs; [`read`] types them; [`prepare`] runs the views, applies the rules
//! of the canonical tables and writes a prepared set; [`Prepared`] reads it back, journey by journey. [`propose`] looks at
//! files that nobody described yet.
//!
//! Never: features, models, a network, a clock. Whatever this crate makes is a function of the bytes it was given.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod audience;
mod canonical;
mod error;
mod inputs;
mod prepared;
mod preparing;
mod propose;
mod quality;
mod reading;
mod stack;
mod store;
mod tables;
mod time;
mod views;

pub use audience::Filter;
pub use error::{Category, Error, Fault, Place, Result};
pub use inputs::{FoundFile, InputFile, Inputs, find_files};
pub use prepared::{FILES, Journeys, Prepared};
pub use preparing::{SHARDS, prepare, prepare_everything, shard};
pub use propose::propose;
pub use quality::{CellRefusal, FileCounts, MarketFacts, Quality, TableCounts};
pub use store::Customer;
pub use tables::{QUARANTINE, Tables, read};

/// Version of a prepared set's files.
pub const FORMAT: u32 = 1;

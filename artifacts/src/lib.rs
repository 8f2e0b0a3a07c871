//! Where everything that outlives a process is kept: objects, manifests, records, claims, rounds and pointers.
//!
//! One narrow trait ([`Store`]) has three implementations with one meaning: Google Cloud Storage, a directory, and
//! memory. [`Location`] adds what every caller needs: bounded retries, checked sums, and the resolution of commits whose
//! answer was lost. On top lie [`manifest`], [`requests`], [`claims`], [`rounds`] and [`pointers`].
//!
//! This crate knows no Kubernetes object, no model and no table; what it stores is bytes or any serde type.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod claims;
pub mod layout;
pub mod manifest;
pub mod pointers;
pub mod requests;
pub mod rounds;

mod digest;
mod error;
mod file;
mod frame;
mod gcs;
mod json;
mod location;
mod memory;
mod open;
mod patience;
mod sink;
mod store;
mod transfer;
mod uri;
mod wait;

pub use digest::Digest;
pub use error::{Error, Result};
pub use file::FileStore;
pub use gcs::GcsStore;
pub use location::{Created, Location, Object};
pub use memory::MemoryStore;
pub use open::{Options, open, parse_map};
pub use patience::Patience;
pub use store::{Answer, Body, Commit, Expect, Info, Page, Reading, Store, Summary};
pub use uri::{Uri, check_name};
pub use wait::{Pace, Wait};

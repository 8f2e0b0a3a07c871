//! Doubles of remote services, for faults that the real thing cannot be made to show.
//!
//! [`GcsDouble`] speaks the two transports of Google Cloud Storage on one port: the JSON API over HTTP/1.1 (uploads in
//! one request and in pieces, reads with ranges) and the gRPC API over cleartext HTTP/2 (get, list, delete). It keeps
//! objects in memory and breaks requests by [`Rule`]. What it does not know is answered 501 or `Unimplemented`, so that
//! no test mistakes silence for success.
//!
//! [`kubernetes::ApiServer`] answers as a Kubernetes API server does: versions, generations, the status subresource,
//! preconditions, immutable fields of Jobs, owner references, watches.
//!
//! What they cannot prove: authentication, TLS, quotas, latency, and that Google keeps its promises.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod gcs;
pub mod kubernetes;
mod skip;

pub use gcs::double::GcsDouble;
pub use gcs::faults::{Fault, Operation, Rule};
pub use skip::skip;

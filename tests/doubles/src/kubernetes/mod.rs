//! An API server in memory.
//!
//! It keeps what makes a real one hard to please: a write with an old version is a conflict, a write of `/status`
//! changes nothing else and a write of the rest does not change status, the generation counts changes of spec, the
//! template of a Job is immutable, a delete may name the uid that it means, waits for finalizers and for a pod's grace, and
//! what an object owned goes with it.
//! It schedules nothing: a test plays controllers, nodes and workers by [`ApiServer::edit`].
//!
//! It can't prove: admission, validation by schema, field ownership and authentication. That its answers are those of a
//! real server is a test of the operator's light tier.

mod address;
mod answer;
mod change;
mod faults;
mod store;
#[cfg(test)]
mod tests;

pub use address::{Address, Verb};
pub use answer::ApiServer;
pub use faults::{Call, Fault};
pub use store::{Change, Id, Store};

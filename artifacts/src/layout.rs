//! Where things lie below an artifacts address: the only place that knows the names.

use crate::digest::Digest;

/// The manifest's name in every published prefix.
pub const MANIFEST: &str = "manifest.json";
/// What happened on the way (times, machines, starts, money): beside the manifest, not listed in it.
pub const RUN: &str = "run.json";
/// A request's record, in its prefix.
pub const RECORD: &str = "record.json";
/// A request's claim, in its prefix.
pub const CLAIM: &str = "claim.json";
/// The newest plan, in the prefix of plans.
pub const LATEST: &str = "latest.json";

/// Prefix of a request: its record and its claim.
pub fn request(geography: &str, request: &Digest) -> String {
    format!("{geography}/requests/{request}/")
}

/// Prefix of a prepared data set.
pub fn data(geography: &str, data: &Digest) -> String {
    format!("{geography}/data/{data}/")
}

/// Prefix of a trained model's artifact; `model` is `intent` or `recommender`.
pub fn artifact(geography: &str, model: &str, identity: &Digest) -> String {
    format!("{geography}/{model}/{identity}/")
}

/// Prefix of a model's release pointers.
pub fn releases(geography: &str, model: &str) -> String {
    format!("{geography}/{model}/releases/")
}

/// Prefix of all plans of a geography; [`LATEST`] lies in it.
pub fn plans(geography: &str) -> String {
    format!("{geography}/plans/")
}

/// Prefix of one plan.
pub fn plan(geography: &str, identity: &Digest) -> String {
    format!("{geography}/plans/{identity}/")
}

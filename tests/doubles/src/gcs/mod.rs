//! Google Cloud Storage.

pub(crate) mod checksum;
pub(crate) mod double;
pub(crate) mod faults;
mod grpc;
mod json;
mod multipart;
mod objects;
mod upload;

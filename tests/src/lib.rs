//! The harness: a real Kubernetes of this machine's own, and Reprise installed on it as anybody would.
//!
//! What the end-to-end tests use is what `make cluster` and `make demo-cluster` give to people. What it can't show:
//! networks that enforce policies, clouds, more than one machine's clock.

pub mod cluster;
pub mod images;
pub mod installation;
pub mod machine;

use std::io::{Error, Result};
use std::path::PathBuf;
use std::process::{Command, Output};

/// The root of the checkout.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// What a command wrote to its standard output; its complaint if it failed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } = command.output()?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).trim_end().to_owned());
    }
    let (program, complaint) = (command.get_program().display(), String::from_utf8_lossy(&stderr));
    Err(Error::other(format!("{program} ended with {status}: {}", complaint.trim_end())))
}

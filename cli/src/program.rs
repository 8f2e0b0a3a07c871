//! The worker's program: which one, and whether it speaks our contract.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use reprise_crds::contract::{CONTRACT, ContractLine, ExitCode, environment};

use crate::failure::{Failure, Result};

const NAME: &str = "reprise-worker";

/// Finds the worker: $REPRISE_WORKER, else beside this program, else on PATH; refuses one of another contract.
pub(crate) fn find() -> Result<PathBuf> {
    let program = match std::env::var_os(environment::WORKER.name) {
        Some(named) => PathBuf::from(named),
        None => beside().unwrap_or_else(|| PathBuf::from(NAME)),
    };
    check(&program)?;
    Ok(program)
}

fn beside() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?.canonicalize().ok()?;
    Some(own.parent()?.join(NAME)).filter(|path| path.is_file())
}

fn check(program: &Path) -> Result<()> {
    let name = program.display();
    let refuse =
        |what: String| Failure::new(ExitCode::Configuration, format!("{what} (name the right worker in {})", environment::WORKER.name));
    let output = std::process::Command::new(program)
        .arg("contract")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| refuse(format!("failed to start the worker {name}: {error}")))?;
    let line: ContractLine = serde_json::from_slice(&output.stdout)
        .map_err(|_| refuse(format!("{name} is no worker: `{name} contract` printed no contract, {}", output.status)))?;
    if line.contract != CONTRACT {
        let ours = env!("CARGO_PKG_VERSION");
        return Err(refuse(format!("{name} {} speaks contract {}, reprise {ours} speaks {CONTRACT}", line.version, line.contract)));
    }
    Ok(())
}

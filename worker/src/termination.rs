//! The termination message.

use std::path::PathBuf;

use reprise_crds::contract::RunReport;
use reprise_crds::contract::environment::TERMINATION_LOG;

/// Writes the report where Kubernetes looks for it. A machine without such a place is no reason to fail.
pub fn write(report: &RunReport) {
    let path = std::env::var_os(TERMINATION_LOG.name).map_or_else(|| PathBuf::from(TERMINATION_LOG.default), PathBuf::from);
    if let Err(error) = std::fs::write(&path, report.to_termination_message()) {
        tracing::debug!(path = %path.display(), %error, "no termination message");
    }
}

//! SIGTERM and Ctrl-C: a checkpoint, then 143; and 143 all the same when the work can't come to a safe point in time.

use std::sync::Arc;
use std::time::Duration;

use reprise_crds::contract::{ExitCode, Outcome, RunReport};
use reprise_models::learn::Stop;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use crate::termination;

/// A worker has 15 s on a spot node; what takes longer to reach a safe point has nothing to keep and is cut off.
const GRACE: Duration = Duration::from_secs(8);

/// Asks `stop` at the first signal, and ends the process if it still runs after the grace.
///
/// # Errors
/// When the system refuses to register a handler.
pub fn listen(runtime: &Handle, stop: Arc<Stop>, report: RunReport) -> std::io::Result<()> {
    let _entered = runtime.enter();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    runtime.spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("told to stop");
        stop.ask();
        tokio::time::sleep(GRACE).await;
        tracing::warn!("no safe point within {} s; everything since the last checkpoint is done again", GRACE.as_secs());
        termination::write(&RunReport { outcome: Outcome::Stopped, ..report });
        std::process::exit(i32::from(ExitCode::Stopped.code()));
    });
    Ok(())
}

//! The claim of a request: renewed while index 0 works, gone when it stops.

use std::time::Duration;

use reprise_artifacts::claims::{self, Held};
use reprise_crds::contract::Claim;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::failure::Result;
use crate::session::Session;

const RENEWED_EVERY: Duration = Duration::from_mins(1);

/// Holds the claim until it is released. It saves money and guards nothing, so no failure of it fails the run.
#[derive(Debug)]
pub struct Keeper {
    ended: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Takes the request's claim for this run and keeps it young in the background.
///
/// # Errors
/// When the storage refuses.
pub fn keep(session: &Session) -> Result<Keeper> {
    let claim = Claim { cluster_uid: session.plan.cluster_uid.clone(), run_uid: session.plan.run_uid.clone() };
    let held = session.wait(claims::take(&session.request()?, &claim))?;
    let (ended, end) = oneshot::channel();
    let task = session.runtime().spawn(renew(held, end));
    Ok(Keeper { ended, task })
}

impl Keeper {
    /// Deletes the own claim.
    pub fn release(self, session: &Session) {
        // The receiver is gone only when the task has ended, and then there is nothing to release.
        let _ = self.ended.send(());
        if let Err(error) = session.wait(self.task) {
            tracing::warn!(%error, "the claim was not released; it grows old by itself");
        }
    }
}

async fn renew(mut held: Held, mut end: oneshot::Receiver<()>) {
    loop {
        if tokio::time::timeout(RENEWED_EVERY, &mut end).await.is_ok() {
            if let Err(error) = held.release().await {
                tracing::warn!(%error, "the claim was not released; it grows old by itself");
            }
            return;
        }
        match held.renew().await {
            Ok(true) => {}
            Ok(false) => return tracing::info!("somebody else took the claim; both go on, and one of them wins"),
            Err(error) => tracing::warn!(%error, "the claim was not renewed"),
        }
    }
}

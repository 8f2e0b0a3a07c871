//! Step 5: the one place from which logs, Events and metrics come.

use jiff::Timestamp;

use crate::apply::Applied;
use crate::context::{Context, Key};
use crate::events;
use crate::kind::Run;
use crate::plan::{Plan, is_terminal};

/// Tells what was decided and done. Nothing here fails a reconcile.
pub async fn report(context: &Context, run: &Run, plan: &Plan, applied: &Applied, now: Timestamp) {
    context.metrics.runs.stand(&run.key(), run.common.geography.as_str(), applied.status.phase);
    if plan.status.is_some() && run.status.phase != applied.status.phase {
        let phase = applied.status.phase.map(|phase| format!("{phase:?}")).unwrap_or_default();
        let blocking = applied.status.blocking.as_ref().map(|blocking| blocking.reason.as_str());
        tracing::info!(kind = run.kind, namespace = run.namespace, run = run.name, phase, blocking, "phase");
        context.metrics.entered(run, &applied.status, now);
    }
    if let Some(refused) = &applied.refused {
        tracing::warn!(kind = run.kind, namespace = run.namespace, run = run.name, reason = refused.message, "the Job is refused");
    }
    if is_terminal(&applied.status) {
        context.polling.forget(&run.uid);
    }
    for notice in &plan.notices {
        context.metrics.noticed(run, notice);
        events::publish(context, run, notice, now).await;
    }
}

/// Forgets an object that is gone.
pub fn forget(context: &Context, key: &Key) {
    context.metrics.runs.gone(key);
    context.waiting.replace(key, []);
}

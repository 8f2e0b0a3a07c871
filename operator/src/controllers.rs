//! What wakes the reconciler: watches of metadata alone, periodic looks, and retries of its own, which are bounded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::PartialObjectMeta;
use kube::runtime::controller::{Action, Config, Controller, Error as Failed};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt as _};
use reprise_crds::run::RunSpec as _;
use reprise_crds::source::DataSource;
use reprise_crds::training::TrainingRun;
use tokio::sync::watch;

use crate::context::{Context, Key};
use crate::kind::RunKind;
use crate::names;
use crate::plan::Next;
use crate::reconcile::{self, reconcile};

/// How long one look may take, all requests together.
const LOOK: Duration = Duration::from_mins(1);
/// How often what is gone is forgotten.
const FORGET: Duration = Duration::from_secs(30);
/// The first wait after a look failed; it doubles, up to the longest.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// A look that failed, for the error policy: which it was and how.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Failure(#[from] reconcile::Error);

struct Shared {
    context: Arc<Context>,
    failures: Mutex<BTreeMap<Key, u32>>,
}

/// The wait before try number `tried` (from 1): doubling, bounded, shortened by up to a half. Nothing is random: runs that
/// fail together come back apart because their names differ.
pub fn retry_after(key: &Key, tried: u32) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(1 << tried.saturating_sub(1).min(16)).min(LONGEST_RETRY);
    let seed = key
        .namespace
        .bytes()
        .chain(key.name.bytes())
        .fold(u32::from(tried as u16), |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    doubled.mul_f64(0.5 + f64::from(seed % 1000) / 2000.0)
}

/// Runs the controller of one kind until told to stop; what is being looked at is finished. `listed` is called when all
/// runs of the kind have been listed once.
pub async fn control<K: RunKind>(context: Arc<Context>, scope: Scope, stop: watch::Receiver<bool>, listed: impl FnOnce()) {
    let client = context.client.clone();
    let workers = watcher::Config::default().labels(&format!("{}={}", names::RUN_KIND, K::Spec::KIND));
    let any = watcher::Config::default();
    let (to_sources, to_runs) = (context.clone(), context.clone());
    let controller = Controller::new(scope.api::<PartialObjectMeta<K>>(&client), any.clone())
        .with_config(Config::default().concurrency(scope.concurrency))
        .watches(scope.api::<PartialObjectMeta<Job>>(&client), workers.clone(), |job| of_label(&job))
        .watches(scope.api::<PartialObjectMeta<Pod>>(&client), workers, |pod| of_label(&pod))
        .watches(scope.api::<PartialObjectMeta<DataSource>>(&client), any.clone(), move |source| {
            waiting(&to_sources, "DataSource", &source)
        })
        .watches(scope.api::<PartialObjectMeta<TrainingRun>>(&client), any, move |run| waiting(&to_runs, "TrainingRun", &run))
        .graceful_shutdown_on(stopped(stop));
    let store = controller.store();
    let shared = Arc::new(Shared { context: context.clone(), failures: Mutex::default() });
    let looks = controller.run(look::<K>, retry::<K>, shared).for_each(|outcome| async move {
        match outcome {
            Err(Failed::QueueError(error)) => tracing::warn!(kind = K::Spec::KIND, %error, "a watch failed and begins again"),
            Err(error) => tracing::debug!(kind = K::Spec::KIND, %error, "a look failed or came too late"),
            Ok(_) => {}
        }
    });
    tokio::select! {
        () = looks => {}
        () = forget_what_is_gone(&context, &store) => {}
        () = tell_when_listed(&store, listed) => {}
    }
}

/// Calls `listed` once, and never ends.
///
/// A store wakes only the task that asked last whether it is ready, and the controller itself waits for that before its
/// first look. So this must be polled by the controller's own task: from another one, either of the two would wait for ever.
async fn tell_when_listed<K: RunKind>(store: &Store<PartialObjectMeta<K>>, listed: impl FnOnce()) {
    if store.wait_until_ready().await.is_ok() {
        listed();
    }
    futures::future::pending::<()>().await;
}

/// Nobody looks at an object that is gone, so its metrics are taken away from time to time.
async fn forget_what_is_gone<K: RunKind>(context: &Context, store: &Store<PartialObjectMeta<K>>) {
    let mut times = tokio::time::interval(FORGET);
    loop {
        times.tick().await;
        for key in context.metrics.runs.of(K::Spec::KIND) {
            if store.get(&ObjectRef::new(&key.name).within(&key.namespace)).is_none() {
                crate::report::forget(context, &key);
            }
        }
    }
}

/// Which objects are looked at, and how many at once.
#[derive(Clone, Debug)]
pub struct Scope {
    /// One namespace, or all.
    pub namespace: Option<String>,
    /// Runs that are looked at at once.
    pub concurrency: u16,
}

impl Scope {
    fn api<K>(&self, client: &Client) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        }
    }
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // A sender that is gone is a program that ends.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The run that a child belongs to.
fn of_label<K: RunKind>(child: &impl Resource) -> Option<ObjectRef<PartialObjectMeta<K>>> {
    let name = child.labels().get(names::RUN_NAME)?;
    Some(ObjectRef::new(name).within(&child.namespace()?))
}

/// The runs that wait for an object.
fn waiting<K: RunKind>(context: &Context, kind: &'static str, object: &impl Resource) -> Vec<ObjectRef<PartialObjectMeta<K>>> {
    let key = Key { namespace: object.namespace().unwrap_or_default(), kind, name: object.name_any() };
    let runs = context.waiting.of(&key).into_iter().filter(|run| run.kind == K::Spec::KIND);
    runs.map(|run| ObjectRef::new(&run.name).within(&run.namespace)).collect()
}

fn key_of<K: RunKind>(object: &PartialObjectMeta<K>) -> Key {
    Key { namespace: object.namespace().unwrap_or_default(), kind: K::Spec::KIND, name: object.name_any() }
}

async fn look<K: RunKind>(object: Arc<PartialObjectMeta<K>>, shared: Arc<Shared>) -> Result<Action, Failure> {
    let key = key_of(&object);
    let since = Instant::now();
    let outcome = match tokio::time::timeout(LOOK, reconcile::<K>(&shared.context, &key)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(reconcile::Error::Late { verb: "look at the run" }),
    };
    let category = outcome.as_ref().err().map(reconcile::Error::category);
    shared.context.metrics.reconciled(K::Spec::KIND, since.elapsed(), category);
    let next = outcome?;
    shared.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    Ok(match next {
        Next::OnChange => Action::await_change(),
        Next::After(seconds) => Action::requeue(Duration::from_secs(seconds.unsigned_abs())),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the controller hands over what it shares")]
fn retry<K: RunKind>(object: Arc<PartialObjectMeta<K>>, failure: &Failure, shared: Arc<Shared>) -> Action {
    let key = key_of(&object);
    if let reconcile::Error::Unreadable(error) = &failure.0 {
        tracing::warn!(kind = key.kind, namespace = key.namespace, run = key.name, %error, "is not of this version's kind");
        return Action::await_change();
    }
    let mut failures = shared.failures.lock().unwrap_or_else(PoisonError::into_inner);
    let tried = failures.entry(key.clone()).and_modify(|tried| *tried = tried.saturating_add(1)).or_insert(1);
    let wait = retry_after(&key, *tried);
    if failure.0.category() == "Conflict" {
        // Another operator or Kubernetes was quicker: this is how two of them are safe, and nobody has to read of it.
        tracing::debug!(kind = key.kind, namespace = key.namespace, run = key.name, error = %failure, tried = *tried, "looks again");
    } else {
        tracing::warn!(kind = key.kind, namespace = key.namespace, run = key.name, error = %failure, tried = *tried, "looks again");
    }
    Action::requeue(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_double_within_bounds_and_come_apart() {
        let key = |name: &str| Key { namespace: "crm".to_owned(), kind: "TrainingRun", name: name.to_owned() };
        for tried in 1..64 {
            let full = Duration::from_secs(1_u64 << (tried - 1).min(16)).min(LONGEST_RETRY);
            let wait = retry_after(&key("a"), tried);
            assert!(wait >= full / 2 && wait <= full, "try {tried}: {wait:?} of {full:?}");
        }
        assert_ne!(retry_after(&key("a"), 3), retry_after(&key("b"), 3));
    }
}

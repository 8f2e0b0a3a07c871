//! What every reconcile shares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;

use crate::bucket::Buckets;
use crate::job::Workshop;
use crate::metrics::Metrics;
use crate::polling::Polling;

/// A clock: the only place from which time comes.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What every reconcile shares. Nothing in it has to outlive a restart.
pub struct Context {
    /// The API server. Its own retries are off: a failed reconcile is tried again as a whole, within bounds.
    pub client: Client,
    /// The time.
    pub clock: Clock,
    /// The uid of namespace kube-system: it names this cluster in claims.
    pub cluster_uid: String,
    /// What runs do not say.
    pub workshop: Workshop,
    /// The buckets.
    pub buckets: Buckets,
    /// How long one request may take.
    pub patience: Duration,
    /// What Prometheus reads.
    pub metrics: Metrics,
    /// Who waits for whom, so that a watch can wake them.
    pub waiting: Waiting,
    /// When progress was last asked for.
    pub polling: Polling,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("cluster_uid", &self.cluster_uid).field("workshop", &self.workshop).finish_non_exhaustive()
    }
}

/// An object by namespace, kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The namespace.
    pub namespace: String,
    /// The kind.
    pub kind: &'static str,
    /// The name.
    pub name: String,
}

/// Which runs look at which objects. A hint for watches: what it misses, the next periodic look finds.
#[derive(Debug, Default)]
pub struct Waiting(Mutex<BTreeMap<Key, BTreeSet<Key>>>);

impl Waiting {
    /// A run looks at these objects now, and at no others.
    pub fn replace(&self, run: &Key, objects: impl IntoIterator<Item = Key>) {
        let mut waiting = self.lock();
        waiting.retain(|_, runs| {
            runs.remove(run);
            !runs.is_empty()
        });
        for object in objects {
            waiting.entry(object).or_default().insert(run.clone());
        }
    }

    /// The runs that look at an object.
    pub fn of(&self, object: &Key) -> Vec<Key> {
        self.lock().get(object).into_iter().flatten().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, BTreeSet<Key>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_found_by_what_they_wait_for_until_they_wait_no_more() {
        let key = |kind, name: &str| Key { namespace: "crm".to_owned(), kind, name: name.to_owned() };
        let (source, first, second) = (key("DataSource", "shop"), key("TrainingRun", "a"), key("ScoringRun", "b"));
        let waiting = Waiting::default();
        waiting.replace(&first, [source.clone()]);
        waiting.replace(&second, [source.clone(), first.clone()]);
        assert_eq!(waiting.of(&source), [second.clone(), first.clone()]);
        assert_eq!(waiting.of(&first), std::slice::from_ref(&second));
        waiting.replace(&second, []);
        assert_eq!(waiting.of(&source), [first]);
        assert!(waiting.lock().len() == 1, "nothing is kept of what nobody waits for");
    }
}

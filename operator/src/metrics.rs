//! What Prometheus reads. Labels are closed sets; no object's name is ever a label.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use reprise_crds::reason::Reason;
use reprise_crds::run::RunSpec as _;
use reprise_crds::scoring::ScoringRunSpec;
use reprise_crds::status::{Phase, RunStatus};
use reprise_crds::training::TrainingRunSpec;

use crate::context::Key;
use crate::kind::Run;
use crate::plan::Notice;

/// Every metric's name, as the docs tell it.
pub const NAMES: [&str; 9] = [
    "reprise_operator_runs",
    "reprise_operator_run_ends",
    "reprise_operator_run_duration_seconds",
    "reprise_operator_run_phase_seconds",
    "reprise_operator_run_preemptions",
    "reprise_operator_reconcile_duration_seconds",
    "reprise_operator_reconcile_errors",
    "reprise_operator_leader",
    "reprise_operator_build",
];

/// Kind, geography and phase of runs. Geographies are few: they are a customer's markets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct RunLabels {
    kind: &'static str,
    geography: String,
    phase: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    kind: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    kind: &'static str,
    stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    kind: &'static str,
    reason: &'static str,
}

/// A stage of a run whose length is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Stage {
    Pending,
    Queued,
    Provisioning,
    Running,
    Suspending,
    Suspended,
}

/// How many runs stand in which phase.
#[derive(Debug, Default)]
pub struct Runs {
    gauge: Family<RunLabels, Gauge>,
    stand: Mutex<BTreeMap<Key, RunLabels>>,
}

impl Runs {
    /// A run stands in a phase.
    pub fn stand(&self, key: &Key, geography: &str, phase: Option<Phase>) {
        let phase = phase.map_or_else(|| "Unknown".to_owned(), |phase| format!("{phase:?}"));
        let labels = RunLabels { kind: key.kind, geography: geography.to_owned(), phase };
        let mut stand = self.stand.lock().unwrap_or_else(PoisonError::into_inner);
        let before = stand.insert(key.clone(), labels.clone());
        if before.as_ref() != Some(&labels) {
            self.gauge.get_or_create(&labels).inc();
            if let Some(before) = before {
                self.gauge.get_or_create(&before).dec();
            }
        }
    }

    /// The runs of a kind that are counted.
    pub fn of(&self, kind: &str) -> Vec<Key> {
        let stand = self.stand.lock().unwrap_or_else(PoisonError::into_inner);
        stand.keys().filter(|key| key.kind == kind).cloned().collect()
    }

    /// A run is gone.
    pub fn gone(&self, key: &Key) {
        let mut stand = self.stand.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = stand.remove(key) {
            self.gauge.get_or_create(&before).dec();
        }
    }
}

/// All metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// How many runs stand in which phase.
    pub runs: Runs,
    ends: Family<EndLabels, Counter>,
    duration: Family<KindLabels, Histogram>,
    stages: Family<StageLabels, Histogram>,
    preemptions: Family<KindLabels, Counter>,
    reconciles: Family<KindLabels, Histogram>,
    errors: Family<ErrorLabels, Counter>,
    leader: Gauge,
}

/// The reasons for which runs end.
const ENDS: [Reason; 14] = [
    Reason::Succeeded,
    Reason::AlreadyDone,
    Reason::DependencyFailed,
    Reason::SourceChanged,
    Reason::PendingDeadlineExceeded,
    Reason::DeadlineExceeded,
    Reason::BackoffLimitExceeded,
    Reason::ChildLost,
    Reason::ReportMissing,
    Reason::UsageError,
    Reason::DataError,
    Reason::WorkerBug,
    Reason::ConfigurationError,
    Reason::OutOfMemory,
];

const MINUTES: [f64; 12] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 10_800.0, 43_200.0, 86_400.0, 604_800.0];
const MOMENTS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("reprise_operator"),
            runs: Runs::default(),
            ends: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(MINUTES)),
            stages: Family::new_with_constructor(|| Histogram::new(MINUTES)),
            preemptions: Family::default(),
            reconciles: Family::new_with_constructor(|| Histogram::new(MOMENTS)),
            errors: Family::default(),
            leader: Gauge::default(),
        };
        metrics.register();
        metrics.begin();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("runs", "Runs by kind, geography and phase", self.runs.gauge.clone());
        registry.register("run_ends", "Runs that ended, by reason", self.ends.clone());
        registry.register_with_unit("run_duration", "Time from creation to the end of a run", Unit::Seconds, self.duration.clone());
        registry.register_with_unit("run_phase", "Time that runs spent in each phase", Unit::Seconds, self.stages.clone());
        registry.register("run_preemptions", "Workers that were taken away with their node", self.preemptions.clone());
        registry.register_with_unit("reconcile_duration", "Time of one look at a run", Unit::Seconds, self.reconciles.clone());
        registry.register("reconcile_errors", "Looks at a run that failed, by reason", self.errors.clone());
        registry.register("leader", "Whether this operator holds the Lease, or needs none", self.leader.clone());
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION")), ("contract", stringify_contract())]);
        registry.register("build", "The version that runs", build);
    }

    /// Counters begin at nought: of one that first appears as 1 Prometheus sees no increase, so an alert would miss the
    /// first failure.
    fn begin(&self) {
        for kind in [TrainingRunSpec::KIND, ScoringRunSpec::KIND] {
            for reason in ENDS.iter().map(|reason| reason.as_str()) {
                drop(self.ends.get_or_create(&EndLabels { kind, reason }));
            }
            for reason in crate::reconcile::Error::CATEGORIES {
                drop(self.errors.get_or_create(&ErrorLabels { kind, reason }));
            }
            drop(self.preemptions.get_or_create(&KindLabels { kind }));
        }
    }

    /// A run entered a phase: the phase that it left is measured, and its end is counted.
    pub fn entered(&self, run: &Run, status: &RunStatus, now: Timestamp) {
        if let (Some(left), Some(last)) = (run.status.phase.and_then(stage), run.status.timeline.last()) {
            let seconds = (now.as_second() - last.time.0.as_second()).max(0);
            self.stages.get_or_create(&StageLabels { kind: run.kind, stage: left }).observe(seconds as f64);
        }
        let succeeded = status.conditions.iter().find(|condition| condition.type_ == "Succeeded");
        if let (true, Some(condition)) = (crate::plan::is_terminal(status), succeeded) {
            let reason = Reason::ALL.iter().find(|reason| reason.as_str() == condition.reason).map_or("Unknown", |reason| reason.as_str());
            self.ends.get_or_create(&EndLabels { kind: run.kind, reason }).inc();
            let seconds = (now.as_second() - run.created.as_second()).max(0);
            self.duration.get_or_create(&KindLabels { kind: run.kind }).observe(seconds as f64);
        }
    }

    /// Something was told.
    pub fn noticed(&self, run: &Run, notice: &Notice) {
        if notice.reason == Reason::PreemptionObserved {
            self.preemptions.get_or_create(&KindLabels { kind: run.kind }).inc();
        }
    }

    /// A look at a run took so long, and failed or not.
    pub fn reconciled(&self, kind: &'static str, took: Duration, error: Option<&'static str>) {
        self.reconciles.get_or_create(&KindLabels { kind }).observe(took.as_secs_f64());
        if let Some(reason) = error {
            self.errors.get_or_create(&ErrorLabels { kind, reason }).inc();
        }
    }

    /// Whether this operator works.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// All metrics in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String fails for no metric of these.
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}

const fn stage(phase: Phase) -> Option<Stage> {
    Some(match phase {
        Phase::Pending => Stage::Pending,
        Phase::Queued => Stage::Queued,
        Phase::Provisioning => Stage::Provisioning,
        Phase::Running => Stage::Running,
        Phase::Suspending => Stage::Suspending,
        Phase::Suspended => Stage::Suspended,
        Phase::Rejected | Phase::Succeeded | Phase::Failed => return None,
    })
}

const fn stringify_contract() -> &'static str {
    match reprise_crds::contract::CONTRACT {
        1 => "1",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_counted_in_one_phase_and_leaves_nothing_behind() {
        let metrics = Metrics::default();
        let key = Key { namespace: "crm".to_owned(), kind: "TrainingRun", name: "a".to_owned() };
        metrics.runs.stand(&key, "NO", Some(Phase::Pending));
        metrics.runs.stand(&key, "NO", Some(Phase::Running));
        metrics.runs.stand(&key, "NO", Some(Phase::Running));
        let line =
            |phase: &str, count: i32| format!("reprise_operator_runs{{kind=\"TrainingRun\",geography=\"NO\",phase=\"{phase}\"}} {count}\n");
        let text = metrics.text();
        assert!(text.contains(&line("Running", 1)) && text.contains(&line("Pending", 0)), "{text}");
        metrics.runs.gone(&key);
        assert!(metrics.text().contains(&line("Running", 0)));
    }

    #[test]
    fn the_first_end_of_a_run_is_an_increase() {
        let line = |count: u32| format!("reprise_operator_run_ends_total{{kind=\"TrainingRun\",reason=\"DataError\"}} {count}");
        let metrics = Metrics::default();
        assert!(metrics.text().contains(&line(0)), "{}", metrics.text());
    }

    #[test]
    fn all_metrics_are_there_from_the_start_or_by_their_first_use() {
        let metrics = Metrics::default();
        metrics.reconciled("TrainingRun", Duration::from_millis(3), Some("Conflict"));
        metrics.leads(true);
        let text = metrics.text();
        let told: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).filter_map(|line| line.split(' ').next()).collect();
        assert!(told.iter().all(|name| NAMES.contains(name)), "{told:?} are not all in NAMES");
        for name in ["reconcile_duration_seconds_count", "reconcile_errors_total", "leader 1", "build_info"] {
            assert!(text.contains(&format!("reprise_operator_{name}")), "{name} is not in\n{text}");
        }
    }
}

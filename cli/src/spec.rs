//! A run as the command line sees it: one value, whatever its kind.

use std::collections::BTreeMap;

use reprise_crds::check::{self, Where};
use reprise_crds::contract::{self, ReferencedRun, RunPlan, Starter};
use reprise_crds::refusal::Refusal;
use reprise_crds::run::{ModelSource, RunCommon, RunSpec};
use reprise_crds::scoring::ScoringRunSpec;
use reprise_crds::source::DataSourceSpec;
use reprise_crds::training::TrainingRunSpec;
use reprise_crds::value::Digest;

/// What a run asks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Spec {
    /// A model to train.
    Training(Box<TrainingRunSpec>),
    /// A contact plan to make.
    Scoring(Box<ScoringRunSpec>),
}

/// Asks the spec of either kind the same question.
macro_rules! ask {
    ($spec:expr, $it:ident => $question:expr) => {
        match $spec {
            Spec::Training($it) => $question,
            Spec::Scoring($it) => $question,
        }
    };
}

impl Spec {
    /// The kind, as in YAML.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Training(_) => TrainingRunSpec::KIND,
            Self::Scoring(_) => ScoringRunSpec::KIND,
        }
    }

    /// The folder of its results: `intent`, `recommender` or `plans`.
    pub(crate) fn folder(&self) -> &'static str {
        match self {
            Self::Training(spec) => spec.model.kind().as_str(),
            Self::Scoring(_) => "plans",
        }
    }

    /// The worker's command that executes it.
    pub(crate) fn command(&self) -> &'static str {
        match self {
            Self::Training(_) => "train",
            Self::Scoring(_) => "score",
        }
    }

    /// What all runs share.
    pub(crate) fn common(&self) -> &RunCommon {
        ask!(self, spec => &spec.common)
    }

    /// How many workers it asks for.
    pub(crate) fn count(&self) -> i32 {
        ask!(self, spec => spec.count())
    }

    /// The same request, repeated on purpose.
    #[must_use]
    pub(crate) fn again(&self, number: u32) -> Self {
        let mut spec = self.clone();
        ask!(&mut spec, spec => spec.common.rerun_token = format!("again-{number}"));
        spec
    }

    /// The fields that refer to a TrainingRun, each with the name of that run.
    pub(crate) fn references(&self) -> Vec<(&'static str, &str)> {
        let sources = ask!(self, spec => spec.model_sources());
        let runs = sources.into_iter().filter_map(|(field, source)| match source {
            ModelSource::RunRef(run) => Some((field, run.name.as_str())),
            ModelSource::ReleaseRef(_) | ModelSource::Artifact(_) => None,
        });
        runs.collect()
    }

    /// What this build does not execute on one machine.
    pub(crate) fn unsupported(&self) -> Vec<Refusal> {
        ask!(self, spec => check::unsupported(&**spec, Where::Machine))
    }

    /// Fields that mean something on a cluster only.
    pub(crate) fn ignored(&self) -> Vec<&'static str> {
        ask!(self, spec => check::ignored_without_a_cluster(&**spec))
    }

    /// The markets whose data it reads.
    pub(crate) fn markets(&self, source: &DataSourceSpec) -> Result<Vec<String>, Refusal> {
        ask!(self, spec => contract::markets(&**spec, source))
    }

    /// The name of what it asks.
    pub(crate) fn request_digest(&self, source: &DataSourceSpec, runs: &BTreeMap<String, Digest>) -> Result<Digest, Refusal> {
        ask!(self, spec => contract::request_digest(&**spec, source, runs))
    }

    /// What its workers are told.
    pub(crate) fn plan(
        &self,
        source: &DataSourceSpec,
        runs: &BTreeMap<String, ReferencedRun>,
        starter: Starter,
    ) -> Result<RunPlan, Refusal> {
        ask!(self, spec => contract::resolve(&**spec, source, runs, starter))
    }
}

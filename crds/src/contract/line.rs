//! What a worker says while it runs: one JSON line on stdout, and its progress on a port.

use serde::{Deserialize, Serialize};

/// What `reprise-worker contract` prints, as one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContractLine {
    /// See [`crate::contract::CONTRACT`].
    pub contract: u32,
    /// See [`crate::contract::RECIPE`].
    pub recipe: u32,
    /// See [`crate::contract::DATA_RECIPE`].
    pub data_recipe: u32,
    /// The worker's version, as 0.1.0.
    pub version: String,
}

impl ContractLine {
    /// What a worker of this build and that version prints.
    pub fn of(version: &str) -> Self {
        Self {
            contract: crate::contract::CONTRACT,
            recipe: crate::contract::RECIPE,
            data_recipe: crate::contract::DATA_RECIPE,
            version: version.to_owned(),
        }
    }
}

/// What `train` and `score` print to stdout once, as one line of JSON, when progress is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartLine {
    /// Address and port of `GET /progress`, as 127.0.0.1:43121.
    pub progress_address: String,
}

/// What a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Lists the inputs.
    Listing,
    /// Waits for somebody else; `waitingFor` says for what.
    Waiting,
    /// Makes prepared data of the sources, or reads them.
    Preparing,
    /// Trains.
    Training,
    /// Scores customers.
    Scoring,
    /// Writes the result.
    Publishing,
    /// Has ended well.
    Done,
}

impl Stage {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Waiting => "waiting",
            Self::Preparing => "preparing",
            Self::Training => "training",
            Self::Scoring => "scoring",
            Self::Publishing => "publishing",
            Self::Done => "done",
        }
    }
}

/// What `GET /progress` answers. It is for display: nothing is decided by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What the worker is doing.
    pub stage: Stage,
    /// What it waits for, as data or rank-2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting_for: Vec<String>,
    /// Share of the stage's work that is done, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// Seconds to the end, measured from the work done so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_seconds: Option<u64>,
    /// Round reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// Rounds at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u32>,
    /// Epoch reached, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// Epochs at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// Mean training loss of the last round, in nats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Last validation loss, in nats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// Step of the last checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_step: Option<u64>,
}

impl Progress {
    /// Progress of which only the stage is known.
    pub const fn at(stage: Stage) -> Self {
        Self {
            stage,
            waiting_for: Vec::new(),
            percent: None,
            eta_seconds: None,
            round: None,
            rounds: None,
            epoch: None,
            epochs: None,
            loss: None,
            validation: None,
            checkpoint_step: None,
        }
    }
}

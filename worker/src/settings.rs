//! What this worker is told by its environment: read once, here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use reprise_artifacts as artifacts;
use reprise_crds::contract::environment::{self, Variable};
use reprise_crds::contract::{CONTRACT, DataPlan, ExitCode, RunPlan};
use serde::de::DeserializeOwned;

use crate::failure::Failure;

const LARGEST_PLAN: usize = 64 << 10;

/// Which worker this is and what its machine has.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Rank or shard, below the plan's count.
    pub index: u32,
    /// Bytes that reading and sorting of data may use before they spill.
    pub memory: usize,
    /// An existing folder for temporary files.
    pub scratch: PathBuf,
    /// Where progress is served.
    pub progress_address: SocketAddr,
    /// How addresses are opened.
    pub stores: artifacts::Options,
}

impl Settings {
    /// Reads the plan and the settings for it from the process's environment.
    ///
    /// # Errors
    /// Exit code 64, naming the variable.
    pub fn read() -> Result<(RunPlan, Self), Failure> {
        Self::from(&|variable| std::env::var(variable.name).ok().filter(|value| !value.is_empty()))
    }

    /// The same, from any lookup.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn from(look: &dyn Fn(&Variable) -> Option<String>) -> Result<(RunPlan, Self), Failure> {
        let plan: RunPlan = plan(look)?;
        let index = number(look, &environment::INDEX)?.or(number(look, &environment::JOB_COMPLETION_INDEX)?);
        let index = index.ok_or_else(|| refuse(&environment::INDEX, "it is not set"))?;
        if index >= u64::from(plan.count) {
            return Err(refuse(&environment::INDEX, &format!("{index} is not below the plan's count {}", plan.count)));
        }
        Ok((plan, Self::machine(look, index)?))
    }

    /// Reads what to look at, and the settings for it, from the process's environment.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn read_data() -> Result<(DataPlan, Self), Failure> {
        let look = |variable: &Variable| std::env::var(variable.name).ok().filter(|value| !value.is_empty());
        Ok((plan(&look)?, Self::machine(&look, 0)?))
    }

    /// What does not depend on the plan.
    fn machine(look: &dyn Fn(&Variable) -> Option<String>, index: u64) -> Result<Self, Failure> {
        let scratch = look(&environment::SCRATCH).map_or_else(std::env::temp_dir, PathBuf::from);
        let address = look(&environment::PROGRESS_ADDRESS).unwrap_or_else(|| environment::PROGRESS_ADDRESS.default.to_owned());
        let map = look(&environment::MAP).map(|json| artifacts::parse_map(&json)).transpose();
        let patience = artifacts::Patience { jitter: index, ..artifacts::Patience::default() };
        Ok(Self {
            index: index as u32,
            memory: number(look, &environment::MEMORY)?.map_or(1 << 30, |bytes| bytes as usize),
            scratch,
            progress_address: address.parse().map_err(|_| refuse(&environment::PROGRESS_ADDRESS, "write address:port"))?,
            stores: artifacts::Options {
                gcs_endpoint: look(&environment::GCS_ENDPOINT),
                map: map.map_err(|error| refuse(&environment::MAP, &error.to_string()))?.unwrap_or_else(BTreeMap::new),
                patience,
            },
        })
    }
}

fn plan<T: DeserializeOwned>(look: &dyn Fn(&Variable) -> Option<String>) -> Result<T, Failure> {
    let json = look(&environment::PLAN).ok_or_else(|| refuse(&environment::PLAN, "it is not set"))?;
    if json.len() > LARGEST_PLAN {
        return Err(refuse(&environment::PLAN, &format!("it has {} bytes, the limit is {LARGEST_PLAN}", json.len())));
    }
    let stated = serde_json::from_str::<serde_json::Value>(&json).ok().and_then(|plan| plan.get("contract")?.as_u64());
    if stated.is_some_and(|contract| contract != u64::from(CONTRACT)) {
        let message = format!("the plan is of contract {}, this worker knows {CONTRACT}", stated.unwrap_or_default());
        return Err(
            Failure::new(ExitCode::Configuration, "ContractMismatch", message).hint("start a worker of the version that wrote the plan")
        );
    }
    serde_json::from_str(&json).map_err(|error| refuse(&environment::PLAN, &error.to_string()))
}

fn number(look: &dyn Fn(&Variable) -> Option<String>, variable: &Variable) -> Result<Option<u64>, Failure> {
    look(variable).map(|text| text.parse().map_err(|_| refuse(variable, "it is not a whole number"))).transpose()
}

fn refuse(variable: &Variable, reason: &str) -> Failure {
    Failure::new(ExitCode::Usage, "Usage", format!("{}: {reason}", variable.name)).hint(format!("it says {}", variable.meaning))
}

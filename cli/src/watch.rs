//! Workers at work, shown to the user.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use reprise_crds::contract::ExitCode;
use serde::Serialize;

use crate::crew::{self, Crew, Ended};
use crate::display::Display;
use crate::failure::{Failure, Result};
use crate::signals::Signals;

/// How often workers are asked where they stand.
const LOOK: Duration = Duration::from_millis(250);

/// Starts a crew, shows its progress, and gives how it ended.
pub(crate) async fn watch(crew: Crew, signals: &Signals, display: &mut Display) -> Result<Ended> {
    let board = crew.board.clone();
    let mut work = std::pin::pin!(crew::work(crew, signals.halt.clone()));
    let mut looks = tokio::time::interval(LOOK);
    loop {
        let ended = tokio::select! {
            ended = &mut work => Some(ended?),
            _ = looks.tick() => {
                if let Some(progress) = board.look().await {
                    display.show(&progress);
                }
                None
            }
        };
        board.news().iter().for_each(|news| display.say(news));
        if let Some(ended) = ended {
            return Ok(ended);
        }
    }
}

/// A plan as a worker reads it.
pub(crate) fn write_plan(plan: &impl Serialize) -> Result<String> {
    serde_json::to_string(plan).map_err(|error| Failure::new(ExitCode::Bug, format!("failed to write the plan: {error}")))
}

/// Which buckets are folders, as a worker reads it.
pub(crate) fn write_map(map: &BTreeMap<String, PathBuf>) -> Result<String> {
    serde_json::to_string(map).map_err(|error| Failure::new(ExitCode::Usage, format!("--map: {error}")))
}

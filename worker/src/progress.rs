//! How far this worker is: the contract's progress document behind `GET /progress`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::get;
use reprise_crds::contract::{Progress, Stage};

/// Shared by the work, which writes, and the server, which reads.
#[derive(Clone, Debug)]
pub struct Board(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    progress: Progress,
    pace: Option<Pace>,
}

/// When counting began, and at how much: what a resumed run found done already says nothing about its pace.
#[derive(Clone, Copy, Debug)]
struct Pace {
    since: Instant,
    done: f64,
}

impl Default for Board {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Inner { progress: Progress::at(Stage::Listing), pace: None })))
    }
}

impl Board {
    /// Enters a stage: what the last one said is forgotten, but for the checkpoint.
    pub fn enter(&self, stage: Stage) {
        tracing::info!(stage = stage.as_str(), "stage");
        self.change(|inner| {
            let checkpoint_step = inner.progress.checkpoint_step;
            *inner = Inner { progress: Progress { checkpoint_step, ..Progress::at(stage) }, pace: None };
        });
    }

    /// Says what is waited for; nothing = no longer waiting.
    pub fn waiting_for(&self, what: &[String]) {
        self.change(|inner| inner.progress.waiting_for = what.to_vec());
    }

    /// `done` of `total` parts of the stage's work; sets percent, and the ETA from the pace since the first call.
    pub fn done(&self, done: f64, total: f64) {
        let now = Instant::now();
        self.change(|inner| {
            let pace = *inner.pace.get_or_insert(Pace { since: now, done });
            inner.progress.percent = (total > 0.0).then(|| (100.0 * done / total).clamp(0.0, 100.0));
            inner.progress.eta_seconds = remaining(now.duration_since(pace.since), done - pace.done, total - done);
        });
    }

    /// Changes any part of the document.
    pub fn edit(&self, edit: impl FnOnce(&mut Progress)) {
        self.change(|inner| edit(&mut inner.progress));
    }

    /// What `GET /progress` answers now.
    pub fn progress(&self) -> Progress {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).progress.clone()
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Seconds for `left` parts when `done` took `elapsed`; none before anything was done.
fn remaining(elapsed: Duration, done: f64, left: f64) -> Option<u64> {
    let seconds = elapsed.as_secs_f64() * left / done;
    (done > 0.0 && left >= 0.0 && seconds.is_finite()).then_some(seconds.ceil() as u64)
}

/// Serves the board until the process ends. Returns the address that was bound.
pub async fn serve(board: Board, address: SocketAddr) -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let answer = |State(board): State<Board>| async move { Json(board.progress()) };
    let router = Router::new().route("/progress", get(answer)).with_state(board);
    tokio::spawn(async move {
        // Display only: a failing server never fails the work.
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(%error, "progress is no longer served");
        }
    });
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eta_follows_the_measured_pace_and_is_unknown_before_there_is_one() {
        for (seconds, done, left, expected) in
            [(10, 5.0, 10.0, Some(20)), (10, 0.0, 10.0, None), (3, 2.0, 0.0, Some(0)), (0, 1.0, 1.0, Some(0))]
        {
            assert_eq!(remaining(Duration::from_secs(seconds), done, left), expected, "{seconds} s, {done} done, {left} left");
        }
    }

    #[test]
    fn a_resumed_run_does_not_count_what_it_found_done() {
        let board = Board::default();
        board.enter(Stage::Training);
        board.done(900.0, 1000.0);
        assert_eq!((board.progress().percent, board.progress().eta_seconds), (Some(90.0), None));
    }

    #[test]
    fn entering_a_stage_forgets_the_last_one_but_not_the_checkpoint() {
        let board = Board::default();
        board.edit(|progress| progress.checkpoint_step = Some(64));
        board.waiting_for(&["data".to_owned()]);
        board.enter(Stage::Training);
        assert_eq!(board.progress(), Progress { checkpoint_step: Some(64), ..Progress::at(Stage::Training) });
    }
}

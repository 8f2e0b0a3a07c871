//! The workers of one run as processes: started, restarted, told to stop.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reprise_crds::contract::{ExitCode, RunReport, StartLine, environment};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::board::Board;
use crate::failure::{Failure, Result};

/// How long a worker may take for its checkpoint after it was told to stop.
const GRACE: Duration = Duration::from_secs(15);
/// Restarts of a run for each of its workers, as the Job of a cluster has them.
const TRIES: u32 = 6;
/// The wait before a restart doubles up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How urgently to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Halt {
    /// Not at all.
    #[default]
    Not,
    /// After a checkpoint.
    Soon,
    /// At once.
    Now,
}

/// What all workers of one run have in common.
#[derive(Debug)]
pub(crate) struct Crew {
    pub(crate) program: PathBuf,
    /// `train`, `score`, or what else a worker does.
    pub(crate) arguments: Vec<OsString>,
    /// What all of them are told, as JSON; empty where the arguments say all.
    pub(crate) plan: String,
    /// How many workers there are.
    pub(crate) count: u32,
    /// The plan's `REPRISE_MAP`.
    pub(crate) map: String,
    /// Threads of each worker.
    pub(crate) threads: usize,
    /// A folder of this run's own.
    pub(crate) scratch: PathBuf,
    /// Where followers find the address of the first worker's progress.
    pub(crate) address: PathBuf,
    pub(crate) board: Arc<Board>,
    /// The run's `deadlineSeconds`.
    pub(crate) deadline: Duration,
}

/// How a run's workers ended, if not badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All say that the manifest is there.
    Done,
    /// All stopped, as they were told.
    Stopped,
}

/// Starts all workers and tends them to their end. The first that fails for good stops the others.
pub(crate) async fn work(crew: Crew, halt: watch::Receiver<Halt>) -> Result<Ended> {
    let count = crew.count;
    let deadline = tokio::time::Instant::now() + crew.deadline;
    let (crew, tries) = (Arc::new(crew), Arc::new(AtomicU32::new(0)));
    // Stopping for a failure and stopping for the user look the same to a worker.
    let (stop, stopping) = watch::channel(Halt::Not);
    let mut tenders = JoinSet::new();
    for index in 0..count {
        let (crew, tries, stopping) = (crew.clone(), tries.clone(), stopping.clone());
        tenders.spawn(async move { tend(&crew, index, &tries, stopping).await });
    }
    let forward = tokio::spawn(forward(halt, stop.clone()));
    let mut outcome = Ok(Ended::Done);
    loop {
        let ended = tokio::select! {
            ended = tenders.join_next() => ended,
            () = tokio::time::sleep_until(deadline), if outcome.is_ok() => Some(Ok(Err(too_late(&crew)))),
        };
        let Some(ended) = ended else { break };
        let ended = ended.unwrap_or_else(|error| Err(Failure::new(ExitCode::Bug, format!("lost a worker: {error}"))));
        match (&outcome, ended) {
            // What failed first is the cause; what failed on the way down is not.
            (Err(_), _) | (_, Ok(Ended::Done)) => {}
            (Ok(_), Ok(Ended::Stopped)) => outcome = Ok(Ended::Stopped),
            (Ok(_), Err(failure)) => {
                outcome = Err(failure);
                stop.send_modify(|halt| *halt = (*halt).max(Halt::Soon));
            }
        }
    }
    forward.abort();
    outcome
}

fn too_late(crew: &Crew) -> Failure {
    let message = format!("deadlineSeconds of {} passed; the next run goes on from the last checkpoint", crew.deadline.as_secs());
    Failure::new(ExitCode::TryAgain, message)
}

async fn forward(mut halt: watch::Receiver<Halt>, stop: watch::Sender<Halt>) {
    loop {
        let asked = *halt.borrow_and_update();
        stop.send_modify(|halt| *halt = (*halt).max(asked));
        if halt.changed().await.is_err() {
            return;
        }
    }
}

/// Waits until somebody asks to stop at least so urgently; for ever if nobody can any more.
pub(crate) async fn asked(halt: &mut watch::Receiver<Halt>, least: Halt) {
    if halt.wait_for(|asked| *asked >= least).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What a worker's end means for the run.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Done,
    /// Another start may end otherwise.
    Again(Failure),
    Fatal(Failure),
}

/// Starts one worker, and again while that may help and tries are left.
async fn tend(crew: &Crew, index: u32, tries: &AtomicU32, mut halt: watch::Receiver<Halt>) -> Result<Ended> {
    let most = TRIES * crew.count;
    loop {
        if *halt.borrow() > Halt::Not {
            return Ok(Ended::Stopped);
        }
        let mut child = crew.start(index)?;
        let status = tokio::select! {
            status = child.wait() => Some(status),
            () = asked(&mut halt, Halt::Soon) => None,
        };
        let Some(status) = status else {
            let ended = stop(&mut child, &mut halt).await;
            crew.board.ended(index as usize, false);
            return ended;
        };
        let status = status.map_err(|error| Failure::new(ExitCode::TryAgain, format!("lost worker {index}: {error}")))?;
        let verdict = judge(status, &crew.files(index));
        crew.board.ended(index as usize, verdict == Verdict::Done);
        let failure = match verdict {
            Verdict::Done => return Ok(Ended::Done),
            Verdict::Fatal(failure) => return Err(failure),
            Verdict::Again(failure) => failure,
        };
        let tried = tries.fetch_add(1, Ordering::Relaxed);
        if tried >= most {
            return Err(Failure::new(failure.exit, format!("{failure}\n  gave up after {most} restarts")));
        }
        let wait = Duration::from_secs(1 << (tried / crew.count).min(5)).min(LONGEST_WAIT);
        crew.board.tell(format!("worker {index} starts again in {} s: {failure}", wait.as_secs()));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = asked(&mut halt, Halt::Soon) => {}
        }
    }
}

/// Lets a worker write its checkpoint, and ends it if it takes too long or the user insists.
async fn stop(child: &mut Child, halt: &mut watch::Receiver<Halt>) -> Result<Ended> {
    if let Some(process) = child.id().and_then(|id| rustix::process::Pid::from_raw(id as i32)) {
        // An error means that it is gone already.
        let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
    }
    tokio::select! {
        _ = child.wait() => {}
        () = tokio::time::sleep(GRACE) => {}
        () = asked(halt, Halt::Now) => {}
    }
    let ended = child.kill().await;
    ended.map(|()| Ended::Stopped).map_err(|error| Failure::new(ExitCode::TryAgain, format!("failed to end a worker: {error}")))
}

/// The files of one worker.
struct Files {
    scratch: PathBuf,
    log: PathBuf,
    report: PathBuf,
}

impl Crew {
    fn files(&self, index: u32) -> Files {
        let file = |name: &str| self.scratch.join(format!("{index}{name}"));
        Files { scratch: file(""), log: file(".log"), report: file(".report.json") }
    }

    fn start(&self, index: u32) -> Result<Child> {
        let files = self.files(index);
        let failed =
            |what: &Path, error: std::io::Error| Failure::new(ExitCode::TryAgain, format!("failed to prepare {}: {error}", what.display()));
        std::fs::create_dir_all(&files.scratch).map_err(|error| failed(&files.scratch, error))?;
        // An old report must never speak for a new worker.
        std::fs::write(&files.report, "").map_err(|error| failed(&files.report, error))?;
        let log = std::fs::File::options().create(true).append(true).open(&files.log).map_err(|error| failed(&files.log, error))?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env(environment::PLAN.name, &self.plan)
            .env(environment::INDEX.name, index.to_string())
            .env(environment::THREADS.name, self.threads.to_string())
            .envs(environment::THREAD_POOLS.map(|pool| (pool, self.threads.to_string())))
            .env(environment::SCRATCH.name, &files.scratch)
            .env(environment::TERMINATION_LOG.name, &files.report)
            .env(environment::PROGRESS_ADDRESS.name, "127.0.0.1:0")
            .env(environment::MAP.name, &self.map)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C reaches this process only, which tells the workers in its own way.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|error| Failure::new(ExitCode::Configuration, format!("failed to start {}: {error}", self.program.display())))?;
        self.board.started(index as usize, child.id());
        if let Some(stdout) = child.stdout.take() {
            let address = (index == 0).then(|| self.address.clone());
            tokio::spawn(listen(stdout, index as usize, self.board.clone(), address));
        }
        Ok(child)
    }
}

/// Reads the one line that a worker prints, which says where it serves its progress, and whatever else it prints.
async fn listen(stdout: ChildStdout, index: usize, board: Arc<Board>, leave: Option<PathBuf>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(line) = serde_json::from_str::<StartLine>(&line) {
            if let Some(file) = &leave {
                // Without it followers see no progress, and nothing else.
                let _ = std::fs::write(file, &line.progress_address);
            }
            board.serves(index, line.progress_address);
        }
    }
}

/// What the end of a worker means.
fn judge(status: ExitStatus, files: &Files) -> Verdict {
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    let exit = status.code().map(|code| ExitCode::from_code(code).ok_or(code));
    match (exit, signal) {
        (Some(Ok(ExitCode::Done)), _) => Verdict::Done,
        (Some(Ok(exit)), _) if exit.is_temporary() => {
            Verdict::Again(explain(ExitCode::TryAgain, &format!("exit code {}", exit.code()), files))
        }
        (Some(Ok(exit)), _) => Verdict::Fatal(explain(exit, &format!("exit code {}", exit.code()), files)),
        (Some(Err(code)), _) => {
            Verdict::Fatal(explain(ExitCode::Bug, &format!("exit code {code}, which no worker ends with on purpose"), files))
        }
        (None, signal) => {
            let memory = if signal == Some(9) { " (too little memory?)" } else { "" };
            Verdict::Again(explain(ExitCode::TryAgain, &format!("signal {}{memory}", signal.unwrap_or_default()), files))
        }
    }
}

/// What the worker reported, or else how it ended and where its log lies.
fn explain(exit: ExitCode, how: &str, files: &Files) -> Failure {
    let report = std::fs::read(&files.report).ok().and_then(|bytes| serde_json::from_slice::<RunReport>(&bytes).ok());
    match report.and_then(|report| report.error) {
        Some(error) => Failure::reported(exit, &error),
        None => Failure::new(exit, format!("a worker ended with {how} and without a report\n  its log: {}", files.log.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn check(wait_status: i32, report: &str, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let files = Files { scratch: file("0"), log: "/scratch/0.log".into(), report: file("0.report.json") };
        std::fs::write(&files.report, report).unwrap();
        let found = match judge(ExitStatus::from_raw(wait_status), &files) {
            Verdict::Done => "done".to_owned(),
            Verdict::Again(failure) => format!("again: {failure}"),
            Verdict::Fatal(failure) => format!("fatal {}: {failure}", failure.exit.code()),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn every_end_of_a_worker_has_a_meaning() {
        let without = "and without a report\n  its log: /scratch/0.log";
        let report = r#"{"outcome":"Failed","error":{"code":"InputChanged","message":"sales.csv changed","hint":"set rerunToken"}}"#;
        check(0, "", "done");
        check(65 << 8, report, "fatal 65: sales.csv changed [InputChanged]\n  set rerunToken");
        check(78 << 8, "", &format!("fatal 78: a worker ended with exit code 78 {without}"));
        check(75 << 8, report, "again: sales.csv changed [InputChanged]\n  set rerunToken");
        check(143 << 8, "{", &format!("again: a worker ended with exit code 143 {without}"));
        check(101 << 8, "", &format!("fatal 70: a worker ended with exit code 101, which no worker ends with on purpose {without}"));
        check(9, "", &format!("again: a worker ended with signal 9 (too little memory?) {without}"));
        check(15, "", &format!("again: a worker ended with signal 15 {without}"));
    }
}

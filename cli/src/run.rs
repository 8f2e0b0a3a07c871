//! `reprise run`: what `kubectl apply` would do, without a cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reprise_crds::contract::{ExitCode, ReferencedRun, Starter};

use crate::arguments::RunArguments;
use crate::board::{self, Board};
use crate::bucket::{self, Buckets, Finished, LARGEST_METRICS, METRICS, Request, Standing};
use crate::crew::{self, Crew, Ended, Halt};
use crate::display::Display;
use crate::documents::{self, Run};
use crate::failure::{Failure, Result};
use crate::host;
use crate::output;
use crate::program;
use crate::scratch::{self, Scratch};
use crate::signals::Signals;
use crate::summary::{self, Metrics, Outcome, Row};
use crate::watch;

/// How often the bucket is asked about somebody else's run.
const FOLLOW: Duration = Duration::from_secs(2);
/// The most times that one request is repeated on purpose.
const MOST_AGAIN: u32 = 10_000;

/// Executes all runs in order and prints the table; returns the exit code of the process.
pub(crate) async fn run(arguments: &RunArguments) -> Result<u8> {
    let documents = documents::read(&arguments.sources.file)?;
    for note in &documents.notes {
        eprintln!("note: {note}");
    }
    if documents.runs.is_empty() {
        return Err(Failure::new(ExitCode::Usage, "there is no TrainingRun and no ScoringRun in these files"));
    }
    let signals = Signals::listen().map_err(|error| Failure::new(ExitCode::TryAgain, format!("failed to listen for signals: {error}")))?;
    let mut session = Session::new(arguments, signals)?;
    let (mut rows, mut exit) = (Vec::new(), 0);
    for run in &documents.runs {
        let (row, failed) = session.row(run).await;
        if let Some(failure) = session.unable.take() {
            return Err(failure);
        }
        rows.push(row);
        exit = if exit == 0 { failed.map_or(0, ExitCode::code) } else { exit };
        if session.signals.exit().is_some() {
            break;
        }
    }
    output::line(format!("\n{}", summary::render(&rows)));
    if let Some(stopped) = session.signals.exit() {
        output::line("\nStopped. The same command goes on from the last checkpoint.");
        return Ok(stopped);
    }
    if exit != 0 {
        output::line(format!("\nLogs of the workers: {}", session.scratch.path().display()));
    }
    Ok(exit)
}

/// What lasts over all runs of one command.
struct Session {
    me: Starter,
    buckets: Buckets,
    signals: Signals,
    again: bool,
    threads: usize,
    scratch: Scratch,
    /// Looked for when the first worker has to start: finished runs need none.
    program: Option<PathBuf>,
    /// Why no worker can be started at all.
    unable: Option<Failure>,
    /// What runs ask and have published, by name: TrainingRuns only.
    known: BTreeMap<String, ReferencedRun>,
}

impl Session {
    fn new(arguments: &RunArguments, signals: Signals) -> Result<Self> {
        let me = host::starter();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            scratch: Scratch::create(&me.run_uid)?,
            me,
            buckets: Buckets::new(arguments.sources.map.iter().cloned().collect()),
            signals,
            again: arguments.again,
            threads: arguments.threads.map_or(cores, usize::from),
            program: None,
            unable: None,
            known: BTreeMap::new(),
        })
    }

    /// One run from beginning to end, as a row of the table and, if it failed, as an exit code.
    async fn row(&mut self, run: &Run) -> (Row, Option<ExitCode>) {
        let mut row = Row {
            run: run.name.clone(),
            geography: run.spec.common().geography.to_string(),
            folder: run.spec.folder(),
            outcome: Outcome::AlreadyDone,
            metrics: Metrics::default(),
            artifact: None,
            report: None,
        };
        let failed = |name: &&str| self.known.get(*name).is_none_or(|run| run.artifact.is_none());
        if let Some(needed) = run.spec.references().iter().map(|(_, name)| *name).find(failed) {
            row.outcome = Outcome::Skipped(format!("it needs {needed}"));
            return (row, None);
        }
        let mut display = Display::new(&run.name);
        match self.execute(run, &mut display).await {
            Ok((outcome, finished)) => {
                if let Err(failure) = self.tell(&mut row, &finished).await {
                    display.say(&failure.to_string());
                }
                row.outcome = outcome;
                display.end(&row.outcome.show());
                (row, None)
            }
            Err(failure) => {
                let reason = failure.message.lines().next().unwrap_or_default().to_owned();
                let stopped = self.signals.exit().is_some();
                row.outcome = if stopped { Outcome::Stopped } else { Outcome::Failed(reason) };
                if !stopped && self.unable.is_none() {
                    self.scratch.keep();
                }
                // What stops the whole command is told once, at its end.
                if self.unable.is_none() {
                    display.end(&failure.message);
                }
                (row, Some(failure.exit).filter(|_| !stopped))
            }
        }
    }

    /// Fills in what the table says about a result.
    async fn tell(&self, row: &mut Row, finished: &Finished) -> Result<()> {
        let address = finished.published.location().uri();
        let url = |name: &str| match self.buckets.file(&format!("{address}{name}")) {
            Some(path) => format!("file://{}", path.display()),
            None => format!("{address}{name}"),
        };
        row.artifact = Some(url(""));
        row.report = Some(url("report.html"));
        let bytes = finished.published.fetch(METRICS, LARGEST_METRICS).await?;
        row.metrics = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::new(ExitCode::Data, format!("failed to read the figures of {address}{METRICS}: {error}")))?;
        Ok(())
    }

    async fn execute(&mut self, run: &Run, display: &mut Display) -> Result<(Outcome, Finished)> {
        let request = self.request(run).await?;
        let name = run.name.clone();
        let mut referenced = ReferencedRun { request_digest: request.digest.clone(), artifact: None };
        self.known.insert(name.clone(), referenced.clone());
        let mut outcome = Outcome::AlreadyDone;
        let finished = loop {
            match self.buckets.look(&request, &self.me).await? {
                Standing::Finished(finished) => break *finished,
                Standing::Claimed(claim) => self.follow(&request, &claim.run_uid, display).await?,
                Standing::Begun | Standing::New if outcome == Outcome::AlreadyDone => outcome = self.work(run, &request, display).await?,
                // Success is claimed by the manifest alone.
                Standing::Begun | Standing::New => {
                    return Err(Failure::new(ExitCode::Bug, "all workers ended well, and there is no manifest"));
                }
            }
        };
        if outcome == Outcome::AlreadyDone {
            self.compare(run, &finished, display).await;
        }
        if run.spec.kind() == "TrainingRun" {
            referenced.artifact = Some(finished.artifact()?);
            self.known.insert(name, referenced);
        }
        Ok((outcome, finished))
    }

    /// What a run asks; with `--again` as its first repetition without an answer.
    async fn request(&self, run: &Run) -> Result<Request> {
        let digests = self.known.iter().map(|(name, run)| (name.clone(), run.request_digest.clone())).collect();
        let refused = |refusal| Failure::new(ExitCode::Data, format!("{}: {} {}: {refusal}", run.file, run.spec.kind(), run.name));
        if !self.again {
            let digest = run.spec.request_digest(&run.source, &digests).map_err(refused)?;
            return Ok(Request { digest, spec: run.spec.clone() });
        }
        for number in 1..=MOST_AGAIN {
            let spec = run.spec.again(number);
            let digest = spec.request_digest(&run.source, &digests).map_err(refused)?;
            let request = Request { digest, spec };
            if !matches!(self.buckets.look(&request, &self.me).await?, Standing::Finished(_)) {
                return Ok(request);
            }
        }
        Err(Failure::new(ExitCode::Usage, format!("it was repeated {MOST_AGAIN} times already; give it a rerunToken of your own")))
    }

    /// Starts the workers of a request and tends them to their end.
    async fn work(&mut self, run: &Run, request: &Request, display: &mut Display) -> Result<Outcome> {
        let since = Instant::now();
        let plan = request
            .spec
            .plan(&run.source, &self.known, self.me.clone())
            .map_err(|refusal| Failure::new(ExitCode::Data, refusal.to_string()))?;
        let program = match &self.program {
            Some(program) => program.clone(),
            None => self.find_program()?,
        };
        let board = Arc::new(Board::new(plan.count as usize));
        let crew = Crew {
            program,
            arguments: vec![run.spec.command().into()],
            map: watch::write_map(self.buckets.map())?,
            threads: (self.threads / plan.count as usize).max(1),
            scratch: self.scratch.path().join(format!("{}-{}", run.spec.command(), run.name)),
            address: self.scratch.path().join(request.digest.as_str()),
            board: board.clone(),
            deadline: Duration::from_secs(run.spec.common().deadline_seconds.unsigned_abs()),
            count: plan.count,
            plan: watch::write_plan(&plan)?,
        };
        match watch::watch(crew, &self.signals, display).await? {
            Ended::Done => Ok(Outcome::Done { seconds: since.elapsed().as_secs(), peak_memory: board.peak_memory() }),
            Ended::Stopped => Err(Failure::new(ExitCode::Stopped, "stopped")),
        }
    }

    fn find_program(&mut self) -> Result<PathBuf> {
        let found = program::find();
        match &found {
            Ok(program) => self.program = Some(program.clone()),
            Err(failure) => self.unable = Some(failure.clone()),
        }
        found
    }

    /// Waits while somebody else works on a request.
    async fn follow(&self, request: &Request, run_uid: &str, display: &mut Display) -> Result<()> {
        display.say("another run works on the same request; following it");
        let folder = scratch::folder_of(run_uid);
        let mut halt = self.signals.halt.clone();
        loop {
            if let Some(address) = board::left_address(&folder, request.digest.as_str())
                && let Some(progress) = board::ask(&address).await
            {
                display.show(&progress);
            }
            tokio::select! {
                () = tokio::time::sleep(FOLLOW) => {}
                () = crew::asked(&mut halt, Halt::Soon) => return Err(Failure::new(ExitCode::Stopped, "stopped")),
            }
            if !matches!(self.buckets.look(request, &self.me).await?, Standing::Claimed(_)) {
                return Ok(());
            }
        }
    }

    /// Says so if the files are no longer those of the answer.
    async fn compare(&self, run: &Run, finished: &Finished, display: &Display) {
        let Ok(markets) = run.spec.markets(&run.source) else { return };
        match self.buckets.inputs(&run.source, &markets).await {
            Ok(found) => {
                if let Some(difference) = bucket::difference(&finished.record.inputs, &found) {
                    let advice = "to ask again give another asOf or rerunToken, or --again";
                    display.say(&format!("answered from files that have changed since: {difference}; {advice}"));
                }
            }
            Err(error) => display.say(&format!("answered before; its files can't be looked at now: {error}")),
        }
    }
}
